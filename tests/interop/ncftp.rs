//! ncftpls, ncftpget and ncftpput (no TLS).

use flotilla_tests::{PASSWORD, Program};

use super::house::{FILES, House, Security, assert_lists};

fn ncftp(house: &House, program: &str) -> Program {
    let address = house.authority(Security::Clear);
    house
        .program(program)
        .args(["-u", "alice", "-p", PASSWORD, "-P", &address.port().to_string()])
        .args(["-t", "20", "-r", "1"])
}

#[test]
fn in_clear() {
    let house = House::open();
    let address = house.authority(Security::Clear).ip().to_string();
    let url = format!("ftp://{address}/");
    let names = ncftp(&house, "ncftpls").args(["-1", &url]).succeed().stdout;
    let long = ncftp(&house, "ncftpls").args(["-l", &url]).succeed().stdout;
    let remote = FILES.map(|(name, _)| format!("/{name}"));
    let got = house.here.join("got");
    std::fs::create_dir_all(&got).unwrap();
    ncftp(&house, "ncftpget").args(["-V", "-Z", &address]).arg(&got).args(&remote).succeed();
    ncftp(&house, "ncftpput")
        .args(["-V", "-m", &address, "/new"])
        .args(FILES.map(|(name, _)| name))
        .succeed();
    for (name, _) in FILES {
        assert_lists(&names, name);
        assert!(long.lines().any(|line| line.ends_with(name)), "{name} is not in {long}");
        house.assert_got(name);
        house.assert_put(name, &format!("new/{name}"));
    }

    house.half_got("big.bin");
    ncftp(&house, "ncftpget").args(["-V", "-z", &address]).arg(&got).arg("/big.bin").succeed();
    house.assert_got("big.bin");
    // Its resumed upload (-z) is not tested: after REST it sends the file from the start, whatever
    // the server. Appending is how its users resume.
    std::fs::create_dir_all(house.server.file("half")).unwrap();
    house.half_put("big.bin", "half/big.bin");
    house.here.write("rest/big.bin", house.ours("big.bin").split_off((3 << 20) / 2));
    ncftp(&house, "ncftpput").args(["-V", "-A", &address, "/half", "rest/big.bin"]).succeed();
    house.assert_put("big.bin", "half/big.bin");

    // An upload under a temporary name that is renamed, a rename, and a deletion.
    ncftp(&house, "ncftpput").args(["-V", "-S", ".part", &address, "/", "small.txt"]).succeed();
    house.assert_put("small.txt", "small.txt");
    ncftp(&house, "ncftpput")
        .args([
            "-V",
            "-Y",
            "RNFR /half/big.bin",
            "-Y",
            "RNTO /renamed here.bin",
            "-Y",
            "DELE /new/empty",
        ])
        .args([&address, "/new", "two words.bin"])
        .succeed();
    house.assert_put("big.bin", "renamed here.bin");
    assert!(!house.server.file("new/empty").exists());
    house.assert_protocol(Security::Clear);
}

/// A tree there and back.
#[test]
fn trees() {
    let house = House::open();
    let address = house.authority(Security::Clear).ip().to_string();
    for (name, _) in FILES {
        house.here.write(format!("tree/deeper/{name}"), house.ours(name));
    }
    ncftp(&house, "ncftpput").args(["-V", "-R", &address, "/", "tree"]).succeed();
    let back = house.here.join("back");
    std::fs::create_dir_all(&back).unwrap();
    ncftp(&house, "ncftpget").args(["-V", "-R", &address]).arg(&back).arg("/tree").succeed();
    for (name, _) in FILES {
        house.assert_put(name, &format!("tree/deeper/{name}"));
        assert_eq!(
            std::fs::read(back.join(format!("tree/deeper/{name}"))).unwrap(),
            house.ours(name)
        );
    }
}

/// Active mode.
#[test]
fn in_active_mode() {
    let house = House::open();
    let address = house.authority(Security::Clear).ip().to_string();
    let got = house.here.join("got");
    std::fs::create_dir_all(&got).unwrap();
    ncftp(&house, "ncftpget").args(["-V", "-E", &address]).arg(&got).arg("/big.bin").succeed();
    house.assert_got("big.bin");
}
