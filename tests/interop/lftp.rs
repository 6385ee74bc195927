//! lftp.

use flotilla_tests::PASSWORD;
use flotilla_tests::program::Said;

use super::house::{FILES, House, Security, assert_lists, under_each_security};

/// Runs a script; any command that fails ends it with a failure.
#[track_caller]
fn lftp(house: &House, security: Security, script: &str) -> Said {
    let authority = house.server.authority_file();
    let address = house.authority(security);
    let scheme = if security == Security::Implicit { "ftps" } else { "ftp" };
    let allowed = security != Security::Clear;
    let script = format!(
        "set cmd:fail-exit true\nset net:max-retries 1\nset net:timeout 20\nset xfer:clobber true\n\
         set ssl:ca-file {}\nset ftp:ssl-allow {allowed}\nset ftp:ssl-force {allowed}\n\
         set ftp:ssl-protect-data {allowed}\nset ftp:ssl-protect-list {allowed}\n\
         open -u alice,{PASSWORD} {scheme}://{address}\n{script}\nexit 0\n",
        authority.display()
    );
    house.program("lftp").args(["-f", "/dev/stdin"]).stdin(script).succeed()
}

fn everything(security: Security) {
    let house = House::open();
    let names = lftp(&house, security, "cls -1").stdout;
    lftp(&house, security, "mkdir new");
    for (name, _) in FILES {
        assert_lists(&names, name);
        std::fs::create_dir_all(house.here.join("got")).unwrap();
        lftp(
            &house,
            security,
            &format!("get \"{name}\" -o \"got/{name}\"\nput \"{name}\" -o \"new/{name}\""),
        );
        house.assert_got(name);
        house.assert_put(name, &format!("new/{name}"));
    }

    house.half_got("big.bin");
    house.half_put("big.bin", "half.bin");
    lftp(&house, security, "get -c big.bin -o got/big.bin\nput -c big.bin -o half.bin");
    house.assert_got("big.bin");
    house.assert_put("big.bin", "half.bin");

    lftp(
        &house,
        security,
        "mv half.bin \"renamed here.bin\"\nmkdir made\nrmdir made\nrm new/empty\nchmod 600 small.txt",
    );
    house.assert_put("big.bin", "renamed here.bin");
    assert!(!house.server.file("half.bin").exists() && !house.server.file("new/empty").exists());
    house.assert_protocol(security);
}

under_each_security!(everything);

/// Whole trees there and back, several files at a time, and one file in several pieces.
#[test]
fn mirrors_and_pieces() {
    let house = House::open();
    for security in [Security::Clear, Security::Explicit] {
        for (name, _) in FILES {
            house.here.write(format!("tree/deeper/{name}"), house.ours(name));
        }
        lftp(&house, security, "mirror --reverse --parallel=4 tree copy");
        for (name, _) in FILES {
            house.assert_put(name, &format!("copy/deeper/{name}"));
        }
        lftp(&house, security, "mirror --parallel=4 copy back\nrm -r copy");
        for (name, _) in FILES {
            assert_eq!(
                std::fs::read(house.here.join(format!("back/deeper/{name}"))).unwrap(),
                house.ours(name)
            );
        }
        assert!(!house.server.file("copy").exists());
        std::fs::create_dir_all(house.here.join("got")).unwrap();
        lftp(&house, security, "pget -n 4 big.bin -o got/big.bin");
        house.assert_got("big.bin");
        std::fs::remove_dir_all(house.here.join("back")).unwrap();
    }
}
