//! rclone.

use flotilla_tests::{PASSWORD, Program};

use super::house::{FILES, House, Security, assert_lists, under_each_security};

fn rclone(house: &House, security: Security, arguments: &[&str]) -> Program {
    let address = house.authority(security);
    let hidden = Program::new("rclone").args(["obscure", PASSWORD]).succeed().stdout;
    house
        .program("rclone")
        .args([
            "--config",
            "/dev/null",
            "--retries",
            "1",
            "--low-level-retries",
            "1",
            "--contimeout",
            "20s",
        ])
        .args(arguments)
        .env("SSL_CERT_FILE", house.server.authority_file())
        .env("RCLONE_CONFIG_THERE_TYPE", "ftp")
        .env("RCLONE_CONFIG_THERE_HOST", address.ip().to_string())
        .env("RCLONE_CONFIG_THERE_PORT", address.port().to_string())
        .env("RCLONE_CONFIG_THERE_USER", "alice")
        .env("RCLONE_CONFIG_THERE_PASS", hidden.trim())
        .env("RCLONE_CONFIG_THERE_TLS", (security == Security::Implicit).to_string())
        .env("RCLONE_CONFIG_THERE_EXPLICIT_TLS", (security == Security::Explicit).to_string())
}

fn everything(security: Security) {
    let house = House::open();
    let listed = rclone(&house, security, &["lsf", "--format", "sp", "there:"]).succeed().stdout;
    rclone(&house, security, &["copy", "there:", "got"]).succeed();
    rclone(
        &house,
        security,
        &["copy", "--exclude", "got/**", "--exclude", ".*/**", ".", "there:new"],
    )
    .succeed();
    for (name, length) in FILES {
        assert_lists(&listed, &format!("{length};{name}"));
        house.assert_got(name);
        house.assert_put(name, &format!("new/{name}"));
    }
    rclone(&house, security, &["check", "--download", "there:", "got", "--exclude", "new/**"])
        .succeed();

    // The beginning of a file, as a program that seeks asks for it.
    let said =
        rclone(&house, security, &["cat", "--offset", "1000", "--count", "100", "there:small.txt"])
            .run();
    assert_eq!(said.code, Some(0), "{said}");

    rclone(&house, security, &["moveto", "there:new/big.bin", "there:renamed here.bin"]).succeed();
    house.assert_put("big.bin", "renamed here.bin");
    rclone(&house, security, &["deletefile", "there:new/empty"]).succeed();
    rclone(&house, security, &["mkdir", "there:made"]).succeed();
    assert!(house.server.file("made").is_dir() && !house.server.file("new/empty").exists());
    rclone(&house, security, &["rmdir", "there:made"]).succeed();
    rclone(&house, security, &["purge", "there:new"]).succeed();
    assert!(!house.server.file("new").exists() && !house.server.file("made").exists());
    house.assert_protocol(security);
}

under_each_security!(everything);
