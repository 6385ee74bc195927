//! draft-somers-ftp-mfxx: MFMT and MFF set what MDTM and MLST tell; and MDTM as a setter, as
//! clients use it.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, UNIX_EPOCH};

use flotilla_tests::Server;

/// 2001-02-03 04:05:06 UTC.
const MOMENT: Duration = Duration::from_secs(981_173_106);

fn modified(server: &Server, name: &str) -> Duration {
    let time = std::fs::metadata(server.file(name)).unwrap().modified().unwrap();
    time.duration_since(UNIX_EPOCH).unwrap()
}

/// MFMT answers `213 Modify=time; path` and sets the time.
#[test]
fn the_time_can_be_set() {
    let server = Server::builder().file("a b", "").start();
    let mut wire = server.login();
    let reply = wire.ask("MFMT 20010203040506 a b", 213).rest();
    assert!(reply.starts_with("Modify=20010203040506;") && reply.ends_with("a b"), "{reply}");
    assert_eq!(modified(&server, "a b"), MOMENT);
    wire.ask("MFMT 20010203040506 missing", 550);
    for time in ["yesterday", "20011303040506", "2001020304", "20010203046106"] {
        wire.ask(format!("MFMT {time} a b"), 501);
    }
}

/// The widespread setting form of MDTM.
#[test]
fn mdtm_sets_with_a_time_before_the_name() {
    let server = Server::builder().file("a", "").file("20010203040506 b", "").start();
    let mut wire = server.login();
    wire.ask_any("MDTM 20010203040506 a", &[213, 253]);
    assert_eq!(modified(&server, "a"), MOMENT);
}

/// MFF sets time and mode at once and tells what it set.
#[test]
fn facts_can_be_set() {
    let server = Server::builder().file("a", "").start();
    let mut wire = server.login();
    let reply = wire.ask("MFF modify=20010203040506;UNIX.mode=0600; a", 213).text();
    assert!(reply.to_lowercase().contains("modify=20010203040506"), "{reply}");
    assert_eq!(modified(&server, "a"), MOMENT);
    let mode = std::fs::metadata(server.file("a")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    wire.ask_any("MFF size=3; a", &[501, 504]);
}
