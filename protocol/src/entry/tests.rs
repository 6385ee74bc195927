use proptest::prelude::*;

use super::*;

fn attributes(kind: Kind, mode: u32) -> Attributes {
    let time = Timestamp::default();
    Attributes {
        kind,
        size: 0,
        modified: time,
        accessed: time,
        mode,
        uid: 0,
        gid: 0,
        links: 1,
        identity: (0, 0),
    }
}

#[test]
fn modes_are_shown_as_ls_does() {
    for (kind, mode, shown) in [
        (Kind::File, 0o644, "-rw-r--r--"),
        (Kind::Directory, 0o755, "drwxr-xr-x"),
        (Kind::Symlink, 0o777, "lrwxrwxrwx"),
        (Kind::Other, 0, "s---------"),
        (Kind::Directory, 0o1777, "drwxrwxrwt"),
        (Kind::File, 0o7000, "---S--S--T"),
        (Kind::File, 0o6755, "-rwsr-sr-x"),
    ] {
        assert_eq!(attributes(kind, mode).mode_string(), shown.as_bytes());
    }
}

#[test]
fn perm_letters_follow_kind_and_rights() {
    let all = Rights {
        read: true,
        write: true,
        append: true,
        delete: true,
        rename: true,
        make_directory: true,
        list: true,
    };
    let perm = |rights: Rights, kind| {
        let mut out = Vec::new();
        rights.write_perm(&mut out, kind);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(perm(all, Kind::File), "adfrw");
    assert_eq!(perm(all, Kind::Directory), "cdeflmp");
    assert_eq!(perm(all, Kind::Symlink), "df");
    assert_eq!(perm(Rights { read: true, list: true, ..Rights::default() }, Kind::Directory), "el");
    assert_eq!(perm(Rights::default(), Kind::File), "");
}

#[test]
fn known_moments() {
    for (seconds, civil) in [
        (0, (1970, 1, 1, 0, 0, 0)),
        (-1, (1969, 12, 31, 23, 59, 59)),
        (951_782_400, (2000, 2, 29, 0, 0, 0)),
        (1_709_251_199, (2024, 2, 29, 23, 59, 59)),
        (4_107_542_400, (2100, 3, 1, 0, 0, 0)),
        (-62_167_219_200, (0, 1, 1, 0, 0, 0)),
        (253_402_300_799, (9999, 12, 31, 23, 59, 59)),
    ] {
        let time = CivilTime::from_seconds(seconds);
        let CivilTime { year, month, day, hour, minute, second } = time;
        assert_eq!((year, month, day, hour, minute, second), civil);
        assert_eq!(time.to_seconds(), Some(seconds));
    }
}

#[test]
fn days_that_do_not_exist_are_refused() {
    let good = CivilTime { year: 2023, month: 2, day: 28, hour: 0, minute: 0, second: 0 };
    assert!(good.to_seconds().is_some());
    for bad in [
        CivilTime { day: 29, ..good },
        CivilTime { day: 0, ..good },
        CivilTime { month: 0, ..good },
        CivilTime { month: 13, ..good },
        CivilTime { hour: 24, ..good },
        CivilTime { minute: 60, ..good },
        CivilTime { second: 61, ..good },
        CivilTime { year: 10_000, ..good },
        CivilTime { year: -1, ..good },
    ] {
        assert_eq!(bad.to_seconds(), None, "{bad:?}");
    }
    assert_eq!(
        CivilTime { second: 60, ..good }.to_seconds(),
        CivilTime { minute: 1, ..good }.to_seconds()
    );
}

proptest! {
    #[test]
    fn calendar_and_seconds_agree(seconds in -62_167_219_200_i64..=253_402_300_799) {
        prop_assert_eq!(CivilTime::from_seconds(seconds).to_seconds(), Some(seconds));
    }

    #[test]
    fn no_moment_panics(seconds in any::<i64>()) {
        let time = CivilTime::from_seconds(seconds);
        prop_assert!((1..=12).contains(&time.month) && (1..=31).contains(&time.day));
    }
}
