//! tnftp, the BSD client (no TLS).

use flotilla_tests::PASSWORD;
use flotilla_tests::program::Said;

use super::house::{FILES, House, Security, assert_lists};

/// Runs commands after the login. The client's exit code tells nothing; what it did is looked at.
fn tnftp(house: &House, options: &[&str], commands: &str) -> Said {
    let address = house.authority(Security::Clear);
    house
        .program("tnftp")
        .args(["-n", "-i", "-v", "-q", "20"])
        .args(options)
        .args([address.ip().to_string(), address.port().to_string()])
        .stdin(format!("user alice {PASSWORD}\nbinary\n{commands}\nbye\n"))
        .run()
}

fn everything(options: &[&str]) {
    let house = House::open();
    std::fs::create_dir_all(house.here.join("got")).unwrap();
    let said = tnftp(&house, options, "ls");
    let names = tnftp(&house, options, "nlist").stdout;
    for (name, _) in FILES {
        assert!(said.stdout.lines().any(|line| line.ends_with(name)), "{name} is not in {said}");
        assert_lists(&names, name);
    }
    let mut script = String::from("mkdir new\n");
    for (name, _) in FILES {
        script.push_str(&format!("get \"{name}\" \"got/{name}\"\nput \"{name}\" \"new/{name}\"\n"));
    }
    let said = tnftp(&house, options, &script);
    for (name, length) in FILES {
        // The client makes no file of an empty one.
        if length > 0 {
            house.assert_got(name);
        }
        house.assert_put(name, &format!("new/{name}"));
    }
    assert_eq!(said.code, Some(0), "{said}");

    house.half_got("big.bin");
    house.half_put("big.bin", "half.bin");
    let half = (3 << 20) / 2;
    let script = format!(
        "lcd got\nreget big.bin\nlcd ..\nrestart {half}\nput big.bin half.bin\n\
         rename half.bin \"renamed here.bin\"\ndelete new/empty\nmkdir made\nrmdir made\n\
         chmod 600 small.txt\nsize small.txt\nmodtime small.txt"
    );
    let said = tnftp(&house, options, &script);
    house.assert_got("big.bin");
    let stored =
        std::fs::read(house.server.file("renamed here.bin")).unwrap_or_else(|_| panic!("{said}"));
    flotilla_tests::content::assert_same("resumed", &stored, &house.ours("big.bin"));
    assert!(
        !house.server.file("new/empty").exists() && !house.server.file("made").exists(),
        "{said}"
    );
    house.assert_protocol(Security::Clear);
}

#[test]
fn in_passive_mode() {
    everything(&["-p"]);
}

#[test]
fn in_active_mode() {
    everything(&["-A"]);
}

/// Upload and download by URL.
#[test]
fn by_url() {
    let house = House::open();
    let address = house.authority(Security::Clear);
    let url = format!("ftp://alice:{PASSWORD}@{address}");
    let run = |arguments: &[&str]| house.program("tnftp").args(arguments).succeed();
    let got = house.got("big.bin").display().to_string();
    run(&["-V", "-o", &got, &format!("{url}/big.bin")]);
    house.assert_got("big.bin");
    run(&["-V", "-u", &format!("{url}/up.bin"), "big.bin"]);
    house.assert_put("big.bin", "up.bin");
}
