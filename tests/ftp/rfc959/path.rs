//! RFC 959, 4.1.1 and 4.1.3: working directory, directories, renaming and deleting; appendix II:
//! how 257 quotes a path.

use std::os::unix::ffi::OsStrExt;

use flotilla_tests::{Server, Wire};

#[track_caller]
fn directory(wire: &mut Wire) -> String {
    let text = wire.ask("PWD", 257).rest();
    let inner = text.strip_prefix('"').and_then(|rest| rest.rsplit_once('"'));
    inner.expect("257 begins with a quoted path").0.replace("\"\"", "\"")
}

/// CWD and CDUP move, PWD tells where to; the X forms of RFC 775 are the same.
#[test]
fn the_working_directory_moves() {
    let server = Server::builder().file("one/two/f", "").start();
    let mut wire = server.login();
    assert_eq!(directory(&mut wire), "/");
    wire.ask("CWD one", 250);
    wire.ask("CWD two", 250);
    assert_eq!(directory(&mut wire), "/one/two");
    wire.ask_any("CDUP", &[200, 250]);
    assert_eq!(directory(&mut wire), "/one");
    wire.ask("XCWD /one/two", 250);
    wire.ask_any("XCUP", &[200, 250]);
    assert!(wire.ask("XPWD", 257).text().contains("\"/one\""));
    wire.ask("CWD ../one/./two//", 250);
    assert_eq!(directory(&mut wire), "/one/two");
}

/// Above the root there is nothing.
#[test]
fn the_root_is_its_own_parent() {
    let server = Server::start();
    let mut wire = server.login();
    wire.ask("CWD /../../..", 250);
    assert_eq!(directory(&mut wire), "/");
    wire.ask_any("CDUP", &[200, 250, 550]);
    assert_eq!(directory(&mut wire), "/");
}

/// What is no directory can not be entered, and the old one stays.
#[test]
fn a_directory_that_is_none_is_refused() {
    let server = Server::builder().file("d/f", "").start();
    let mut wire = server.login();
    wire.ask("CWD d", 250);
    wire.ask("CWD missing", 550);
    wire.ask("CWD f", 550);
    assert_eq!(directory(&mut wire), "/d");
}

/// Appendix II: MKD answers with the absolute path, quotes in it doubled.
#[test]
fn a_new_directory_is_told_by_its_absolute_path() {
    let server = Server::start();
    let mut wire = server.login();
    wire.ask("MKD a", 257);
    wire.ask("CWD a", 250);
    let reply = wire.ask("MKD say \"hello\"", 257);
    assert!(reply.rest().starts_with("\"/a/say \"\"hello\"\"\""), "{reply:?}");
    wire.ask("CWD say \"hello\"", 250);
    assert_eq!(directory(&mut wire), "/a/say \"hello\"");
    wire.ask("XMKD /b", 257);
    assert!(server.file("a/say \"hello\"").is_dir() && server.file("b").is_dir());
}

/// MKD and RMD refuse what can not be, and lose nothing.
#[test]
fn directories_are_made_once_and_removed_empty() {
    let server = Server::builder().file("d/f", "x").start();
    let mut wire = server.login();
    wire.ask("MKD d", 550);
    wire.ask("MKD d/f", 550);
    wire.ask("MKD no/such/parent", 550);
    wire.ask("RMD d", 550);
    wire.ask("RMD d/f", 550);
    wire.ask("RMD missing", 550);
    wire.ask("DELE d", 550);
    wire.ask("DELE d/f", 250);
    wire.ask("XRMD d", 250);
    assert!(!server.file("d").exists());
}

/// The root itself can not be removed or renamed.
#[test]
fn the_root_stays() {
    let server = Server::start();
    let mut wire = server.login();
    wire.ask("RMD /", 550);
    wire.ask("DELE /", 550);
    wire.send("RNFR /");
    if wire.expect_any(&[350, 550, 553]).code == 350 {
        wire.ask_any("RNTO /elsewhere", &[550, 553]);
    }
    wire.ask("MKD d", 257);
}

/// 4.1.3: RNFR and RNTO are a pair; a plain file in the way is replaced.
#[test]
fn a_rename_takes_two_commands() {
    let server = Server::builder().file("a", "A").file("b", "B").file("d/f", "").start();
    let mut wire = server.login();
    wire.ask("RNFR a", 350);
    wire.ask("RNTO d/c", 250);
    assert_eq!(std::fs::read(server.file("d/c")).unwrap(), b"A");
    assert!(!server.file("a").exists());
    wire.ask("RNFR d/c", 350);
    wire.ask("RNTO b", 250);
    assert_eq!(std::fs::read(server.file("b")).unwrap(), b"A");
    wire.ask("RNFR d", 350);
    wire.ask("RNTO e", 250);
    assert!(server.file("e/f").exists());
}

/// RNTO follows RNFR at once, or it is out of sequence.
#[test]
fn a_rename_out_of_sequence_is_refused() {
    let server = Server::builder().file("a", "").start();
    let mut wire = server.login();
    wire.ask("RNTO b", 503);
    wire.ask("RNFR missing", 550);
    wire.ask("RNTO b", 503);
    wire.ask("RNFR a", 350);
    wire.ask("CWD /", 250);
    wire.ask("RNTO b", 503);
    wire.ask("RNFR a", 350);
    wire.ask_any("RNTO no/such/parent", &[550, 553]);
    assert!(server.file("a").exists());
}

/// A directory does not move into itself.
#[test]
fn a_directory_does_not_move_into_itself() {
    let server = Server::builder().file("d/f", "").start();
    let mut wire = server.login();
    wire.ask("RNFR d", 350);
    wire.ask_any("RNTO d/e", &[550, 553]);
    assert!(server.file("d/f").exists());
}

/// A name is any bytes but NUL, LF, CR and the slash: spaces at either end included.
#[test]
fn names_are_bytes() {
    let server = Server::start();
    let mut wire = server.login();
    for name in [
        &b"two words"[..],
        b" leading",
        b"trailing ",
        b"\xe4\xf6",
        "日本".as_bytes(),
        b"-l",
        b"a*b",
    ] {
        wire.ask([b"MKD ", name].concat(), 257);
        assert!(server.file(std::ffi::OsStr::from_bytes(name)).is_dir(), "{}", name.escape_ascii());
        wire.ask([b"RMD ", name].concat(), 250);
    }
}

/// A name that no file system can hold is refused: too long, or with a NUL.
#[test]
fn names_that_can_not_be_are_refused() {
    let server = Server::start();
    let mut wire = server.login();
    wire.ask_any(format!("MKD {}", "n".repeat(256)), &[501, 550, 553]);
    wire.ask_any(b"MKD a\0b", &[500, 501, 550, 553]);
    wire.ask("NOOP", 200);
    assert_eq!(std::fs::read_dir(server.file("")).unwrap().count(), 0);
}
