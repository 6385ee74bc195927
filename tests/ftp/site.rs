//! RFC 959, 4.1.3 (SITE), and AVBL.

use std::os::unix::fs::PermissionsExt;

use flotilla_tests::Server;

/// SITE HELP names the SITE commands; an unknown one is refused.
#[test]
fn site_commands_are_named() {
    let server = Server::start();
    let mut wire = server.login();
    let help = wire.ask("SITE HELP", 214).text();
    for name in ["CHMOD", "UTIME", "IDLE", "CPFR", "CPTO"] {
        assert!(help.contains(name), "{name} is not in {help}");
    }
    wire.ask_any("SITE FROB", &[500, 501, 502, 504]);
    wire.ask_any("SITE", &[500, 501]);
}

/// SITE CHMOD takes an octal mode and a path with spaces.
#[test]
fn modes_can_be_changed() {
    let server = Server::builder().file("a b", "").start();
    let mut wire = server.login();
    wire.ask("SITE CHMOD 640 a b", 200);
    wire.ask("site chmod 0600 a b", 200);
    let mode = std::fs::metadata(server.file("a b")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    wire.ask("SITE CHMOD 600 missing", 550);
    wire.ask("SITE CHMOD rwx a b", 501);
    wire.ask("SITE CHMOD 888 a b", 501);
}

/// SITE UTIME in both forms that clients send.
#[test]
fn times_can_be_changed() {
    let server = Server::builder().file("a", "").start();
    let mut wire = server.login();
    wire.ask("SITE UTIME 20010203040506 a", 200);
    assert!(wire.ask("MDTM a", 213).text().contains("20010203040506"));
    wire.ask("SITE UTIME a 20020203040506 20020203040506 20020203040506 UTC", 200);
    assert!(wire.ask("MDTM a", 213).text().contains("20020203040506"));
}

/// SITE IDLE tells and sets the limit, within bounds.
#[test]
fn the_idle_limit_can_be_set() {
    let server = Server::start();
    let mut wire = server.login();
    assert!(wire.ask("SITE IDLE", 200).text().contains("600"));
    wire.ask("SITE IDLE 60", 200);
    assert!(wire.ask("SITE IDLE", 200).text().contains("60 "));
    for wrong in ["0", "1", "1000000000", "soon"] {
        wire.ask(format!("SITE IDLE {wrong}"), 501);
    }
}

/// SITE CPFR and CPTO copy a file on the server.
#[test]
fn a_file_is_copied_on_the_server() {
    let server = Server::builder().file("a", "content").file("d/f", "").start();
    let mut wire = server.login();
    wire.ask("SITE CPTO b", 503);
    wire.ask("SITE CPFR a", 350);
    wire.ask("SITE CPTO d/b", 250);
    assert_eq!(std::fs::read(server.file("d/b")).unwrap(), b"content");
    assert_eq!(std::fs::read(server.file("a")).unwrap(), b"content");
    wire.ask("SITE CPFR missing", 550);
}

/// AVBL tells the free bytes.
#[test]
fn free_space_is_told() {
    let server = Server::start();
    let mut wire = server.login();
    let free: u64 = wire.ask("AVBL", 213).rest().trim().parse().unwrap();
    assert!(free > 0);
    wire.ask("AVBL /", 213);
    wire.ask("AVBL /missing", 550);
}
