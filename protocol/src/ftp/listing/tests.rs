use proptest::prelude::*;

use super::*;
use crate::entry::{Attributes, Timestamp};

/// 2024-07-15T12:00:00Z.
const NOW: i64 = 1_721_044_800;

fn attributes() -> Attributes {
    let modified = Timestamp { seconds: NOW - 3600, nanoseconds: 0 };
    Attributes {
        kind: Kind::File,
        size: 1234,
        modified,
        accessed: modified,
        mode: 0o644,
        uid: 1000,
        gid: 100,
        links: 1,
        identity: (0x803, 0xabcdef),
    }
}

fn list(entry: &Entry<'_>) -> String {
    let mut out = Vec::new();
    write_list(&mut out, entry, NOW);
    String::from_utf8(out).unwrap()
}

fn mlsx(entry: &Entry<'_>, facts: Facts, rights: Rights, kind: Option<&str>) -> String {
    let mut out = Vec::new();
    assert!(write_mlsx(&mut out, entry, facts, rights, kind));
    String::from_utf8(out).unwrap()
}

#[test]
fn list_lines_are_those_of_ls() {
    let entry = Entry { name: b"a file", attributes: attributes(), target: None };
    assert_eq!(
        list(&entry),
        "-rw-r--r--   1 1000     100              1234 Jul 15 11:00 a file\r\n"
    );
    let attributes =
        Attributes { kind: Kind::Symlink, mode: 0o777, size: u64::MAX, ..attributes() };
    let attributes = Attributes { uid: u32::MAX, gid: u32::MAX, links: u32::MAX, ..attributes };
    let entry = Entry { name: b"l", attributes, target: Some(b"../x") };
    assert_eq!(
        list(&entry),
        "lrwxrwxrwx 4294967295 4294967295 4294967295 18446744073709551615 Jul 15 11:00 l -> ../x\r\n"
    );
}

#[test]
fn times_older_than_half_a_year_or_to_come_show_the_year() {
    for (seconds, shown) in [
        (NOW, " Jul 15 12:00 f\r\n"),
        (NOW + 1, " Jul 15  2024 f\r\n"),
        (NOW - HALF_YEAR_SECONDS, " Jan 14 21:05 f\r\n"),
        (NOW - HALF_YEAR_SECONDS - 1, " Jan 14  2024 f\r\n"),
        (0, " Jan  1  1970 f\r\n"),
        (i64::MIN, " Jan  1  0000 f\r\n"),
        (i64::MAX, " Dec 31  9999 f\r\n"),
    ] {
        let modified = Timestamp { seconds, nanoseconds: 0 };
        let attributes = Attributes { modified, ..attributes() };
        let line = list(&Entry { name: b"f", attributes, target: None });
        assert!(line.ends_with(shown), "{line}");
    }
}

#[test]
fn facts_are_those_asked_for() {
    let rights = Rights { read: true, list: true, ..Rights::default() };
    let entry = Entry { name: b"a file", attributes: attributes(), target: None };
    let all = Facts::default().union(Facts::UNIX_OWNER).union(Facts::UNIX_GROUP);
    assert_eq!(
        mlsx(&entry, all, rights, None),
        "type=file;size=1234;modify=20240715110000;perm=r;unique=803Uabcdef;UNIX.mode=0644;\
         UNIX.owner=1000;UNIX.group=100; a file\r\n"
    );
    assert_eq!(mlsx(&entry, Facts::NONE, rights, None), " a file\r\n");
    let directory = Attributes { kind: Kind::Directory, ..attributes() };
    let entry = Entry { name: b"/a", attributes: directory, target: None };
    let some = Facts::TYPE.union(Facts::SIZE).union(Facts::PERM);
    assert_eq!(mlsx(&entry, some, rights, Some("cdir")), "type=cdir;perm=el; /a\r\n");
}

#[test]
fn links_tell_their_target_only_where_the_form_allows_it() {
    let link = Attributes { kind: Kind::Symlink, ..attributes() };
    for (target, shown) in [
        (Some(&b"../x"[..]), "type=OS.unix=slink:../x; l\r\n"),
        (Some(b"a b"), "type=OS.unix=symlink; l\r\n"),
        (Some(b"a;size=1"), "type=OS.unix=symlink; l\r\n"),
        (Some(b"a\r\n"), "type=OS.unix=symlink; l\r\n"),
        (None, "type=OS.unix=symlink; l\r\n"),
    ] {
        let entry = Entry { name: b"l", attributes: link, target };
        assert_eq!(mlsx(&entry, Facts::TYPE, Rights::default(), None), shown);
    }
}

#[test]
fn names_that_would_break_a_line() {
    let entry = Entry { name: b"a\r\nb\0", attributes: attributes(), target: None };
    assert!(list(&entry).ends_with(" a??b?\r\n"));
    let mut out = Vec::new();
    assert!(!write_mlsx(&mut out, &entry, Facts::default(), Rights::default(), None));
    assert!(out.is_empty());
    write_nlst(&mut out, b"d\n/", entry.name);
    assert_eq!(out, b"d?/a??b?\r\n");
}

/// A reader of MLSx lines that shares nothing with the writer.
fn read_facts(line: &[u8]) -> (Vec<(String, String)>, Vec<u8>) {
    let line = line.strip_suffix(b"\r\n").unwrap();
    let space = line.iter().position(|&byte| byte == b' ').unwrap();
    let facts = std::str::from_utf8(&line[..space]).unwrap();
    let facts = facts.split_terminator(';').map(|fact| {
        let (name, value) = fact.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    });
    (facts.collect(), line[space + 1..].to_vec())
}

fn any_kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(vec![Kind::File, Kind::Directory, Kind::Symlink, Kind::Other])
}

prop_compose! {
    fn any_attributes()(
        kind in any_kind(),
        size in any::<u64>(),
        seconds in any::<i64>(),
        mode in 0_u32..0o10000,
        (uid, gid, links) in any::<(u32, u32, u32)>(),
        identity in any::<(u64, u64)>(),
    ) -> Attributes {
        let modified = Timestamp { seconds, nanoseconds: 0 };
        Attributes { kind, size, modified, accessed: modified, mode, uid, gid, links, identity }
    }
}

fn any_name() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![any::<u8>(), prop::sample::select(b"\r\n\0 ;=".to_vec())];
    proptest::collection::vec(byte, 1..30)
}

fn is_one_line(out: &[u8]) -> bool {
    let broken = out.iter().filter(|&&byte| matches!(byte, b'\r' | b'\n' | 0)).count();
    out.ends_with(b"\r\n") && broken == 2
}

proptest! {
    #[test]
    fn every_entry_is_one_line(
        attributes in any_attributes(),
        name in any_name(),
        target in proptest::option::of(any_name()),
        now in any::<i64>(),
    ) {
        let entry = Entry { name: &name, attributes, target: target.as_deref() };
        let mut out = Vec::new();
        write_list(&mut out, &entry, now);
        prop_assert!(is_one_line(&out));
        out.clear();
        write_nlst(&mut out, &name, &name);
        prop_assert!(is_one_line(&out));
        out.clear();
        if write_mlsx(&mut out, &entry, Facts::default(), Rights::default(), None) {
            prop_assert!(is_one_line(&out));
        } else {
            prop_assert!(out.is_empty());
        }
    }

    #[test]
    fn facts_are_read_back(attributes in any_attributes(), name in "[^\r\n\0]{1,20}", bits in 0_usize..256) {
        let names =
            ["type", "size", "modify", "perm", "unique", "UNIX.mode", "UNIX.owner", "UNIX.group"];
        let chosen: Vec<_> =
            names.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1).map(|(_, n)| *n).collect();
        let facts = Facts::parse(chosen.join(";").as_bytes());
        let entry = Entry { name: name.as_bytes(), attributes, target: None };
        let rights = Rights { read: true, delete: true, ..Rights::default() };
        let mut out = Vec::new();
        prop_assert!(write_mlsx(&mut out, &entry, facts, rights, None));
        let (facts, shown) = read_facts(&out);
        prop_assert_eq!(shown, name.as_bytes());
        let told: Vec<_> = facts.iter().map(|(name, _)| name.as_str()).collect();
        let expected: Vec<_> = chosen
            .into_iter()
            .filter(|&name| name != "size" || attributes.kind != Kind::Directory)
            .collect();
        prop_assert_eq!(told, expected);
        for (name, value) in &facts {
            match name.as_str() {
                "size" => prop_assert_eq!(value.parse(), Ok(attributes.size)),
                "UNIX.mode" => prop_assert_eq!(u32::from_str_radix(value, 8), Ok(attributes.mode)),
                "UNIX.owner" => prop_assert_eq!(value.parse(), Ok(attributes.uid)),
                "UNIX.group" => prop_assert_eq!(value.parse(), Ok(attributes.gid)),
                "unique" => {
                    let (device, inode) = value.split_once('U').unwrap();
                    let number = |text| u64::from_str_radix(text, 16).unwrap();
                    prop_assert_eq!((number(device), number(inode)), attributes.identity);
                }
                "modify" => prop_assert!(value.len() == 14 && value.bytes().all(|b| b.is_ascii_digit())),
                _ => {}
            }
        }
    }
}
