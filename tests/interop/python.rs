//! Python's ftplib.

use flotilla_tests::PASSWORD;

use super::house::{FILES, House, Security, under_each_security};

fn everything(security: Security) {
    let house = House::open();
    let address = house.authority(security);
    std::fs::create_dir_all(house.here.join("got")).unwrap();
    house.half_put("big.bin", "half.bin");
    let kind = match security {
        Security::Clear => "clear",
        Security::Explicit => "explicit",
        Security::Implicit => "implicit",
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/interop/client.py");
    let mut program = house
        .program("python3")
        .args([script, kind, &address.ip().to_string(), &address.port().to_string()])
        .args(["alice", PASSWORD])
        .arg(house.server.authority_file());
    for (name, _) in FILES {
        program = program.arg(name);
    }
    program.succeed();
    for (name, _) in FILES {
        house.assert_got(name);
        if name != "empty" {
            house.assert_put(name, &format!("new/{name}"));
        }
    }
    house.assert_put("big.bin", "renamed here.bin");
    assert!(!house.server.file("half.bin").exists() && !house.server.file("new/empty").exists());
    house.assert_protocol(security);
}

under_each_security!(everything);
