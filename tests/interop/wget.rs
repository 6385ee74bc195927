//! wget, which downloads and lists.

use flotilla_tests::{PASSWORD, Program};

use super::house::{FILES, House, Security, under_each_security};

fn wget(house: &House, security: Security, path: &str) -> Program {
    let address = house.authority(security);
    let scheme = if security == Security::Clear { "ftp" } else { "ftps" };
    let program = house
        .program("wget")
        .args(["--no-verbose", "--tries=1", "--timeout=20", "--no-glob", "--no-config"])
        .args([
            "--restrict-file-names=nocontrol",
            "--local-encoding=UTF-8",
            "--remote-encoding=UTF-8",
        ])
        .args(["--ftp-user=alice", &format!("--ftp-password={PASSWORD}")])
        .arg(format!("{scheme}://{address}/{path}"));
    let authority = format!("--ca-certificate={}", house.server.authority_file().display());
    match security {
        Security::Clear => program,
        Security::Explicit => program.arg(authority),
        Security::Implicit => program.args([authority.as_str(), "--ftps-implicit"]),
    }
}

fn everything(security: Security) {
    let house = House::open();
    for (name, _) in FILES {
        wget(&house, security, name).arg("--output-document").arg(house.got(name)).succeed();
        house.assert_got(name);
    }
    house.half_got("big.bin");
    wget(&house, security, "big.bin").arg("--continue").within(&house.here.join("got")).succeed();
    house.assert_got("big.bin");

    wget(&house, security, "").args(["--no-remove-listing", "--output-document=index"]).succeed();
    let listing = std::fs::read_to_string(house.here.join(".listing")).unwrap();
    for (name, _) in FILES {
        assert!(
            listing.lines().any(|line| line.trim_end().ends_with(name)),
            "{name} is not in {listing}"
        );
    }
    house.assert_protocol(security);
}

under_each_security!(everything);

/// A whole tree.
#[test]
fn a_tree() {
    let house = House::open();
    for (name, _) in FILES {
        let path = house.server.file(format!("tree/deeper/{name}"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, house.ours(name)).unwrap();
    }
    wget(&house, Security::Clear, "tree/").args(["--recursive", "--no-host-directories"]).succeed();
    for (name, _) in FILES {
        let got = std::fs::read(house.here.join(format!("tree/deeper/{name}"))).unwrap();
        assert_eq!(got, house.ours(name), "{name}");
    }
}

/// Active mode.
#[test]
fn in_active_mode() {
    let house = House::open();
    wget(&house, Security::Clear, "big.bin")
        .args(["--no-passive-ftp", "--output-document"])
        .arg(house.got("big.bin"))
        .succeed();
    house.assert_got("big.bin");
}
