//! RFC 959, 3 and 4.1.3: transfers, representation types, modes, and the replies around them.

use std::time::{Duration, Instant};

use flotilla_tests::content::{Content, assert_same};
use flotilla_tests::{Server, wait};

/// 5.4: RETR is answered 150, then 226 when every byte was sent.
#[test]
fn a_file_comes_as_it_is() {
    let bytes = Content::new(1).bytes(3_000_001);
    let server = Server::builder().file("big", &bytes).file("empty", "").start();
    let mut wire = server.login();
    assert_same("big", &wire.fetch("big"), &bytes);
    assert_same("empty", &wire.fetch("empty"), b"");
    assert_same("big again", &wire.fetch("/big"), &bytes);
}

/// 5.4: STOR is answered 150, then 226 when the file is in its place.
#[test]
fn a_file_goes_as_it_is() {
    let bytes = Content::new(2).bytes(3_000_001);
    let server = Server::start();
    let mut wire = server.login();
    wire.store("big", &bytes);
    wire.store("empty", b"");
    assert_same("big", &std::fs::read(server.file("big")).unwrap(), &bytes);
    assert_same("empty", &std::fs::read(server.file("empty")).unwrap(), b"");
    wire.store("big", b"short now");
    assert_same("replaced", &std::fs::read(server.file("big")).unwrap(), b"short now");
}

/// The same through PASV.
#[test]
fn passive_mode_serves() {
    let server = Server::builder().file("a", "content").start();
    let mut wire = server.login();
    let address = wire.pasv();
    assert_eq!(address.ip(), server.address());
    let data = flotilla_tests::Data::connect(address).unwrap();
    wire.send("RETR a");
    wire.expect(150);
    assert_eq!(data.read_all().unwrap(), b"content");
    wire.expect(226);
}

/// 4.1.3: a file that is not there, or is none, is 550 before any 150.
#[test]
fn what_is_no_file_is_refused_before_the_mark() {
    let server = Server::builder().file("d/f", "").start();
    let mut wire = server.login();
    for command in ["RETR missing", "RETR d", "RETR d/f/g"] {
        wire.open();
        wire.ask(command, 550);
    }
    for command in ["STOR d", "STOR missing/f", "APPE d"] {
        wire.open();
        wire.ask_any(command, &[550, 553]);
    }
    wire.ask("NOOP", 200);
}

/// 5.4: a transfer needs a data connection to be agreed on first.
#[test]
fn a_transfer_needs_a_data_connection() {
    let server = Server::builder().file("a", "x").start();
    let mut wire = server.login();
    for command in ["RETR a", "LIST", "STOR b"] {
        wire.ask_any(command, &[425, 503]);
    }
    assert!(!server.file("b").exists());
}

/// 5.4: nobody comes to the passive port: 425, and exactly one final reply.
#[test]
fn a_client_that_does_not_connect_is_answered() {
    let server = Server::builder().set("timeouts.data_connect", "1s").file("a", "x").start();
    let mut wire = server.login();
    wire.epsv();
    wire.send("RETR a");
    if wire.expect_any(&[150, 425]).code == 150 {
        wire.expect(425);
    }
    wire.ask("NOOP", 200);
    assert_eq!(wire.fetch("a"), b"x");
}

/// A port is not kept for a client that does something else: it is told so at once when it comes back.
#[test]
fn a_port_that_no_transfer_uses_is_given_back() {
    let patience = Duration::from_secs(1);
    let server = Server::builder().set("timeouts.data_connect", "1s").file("a", "x").start();
    let mut wire = server.login();
    wire.epsv();
    let told = Instant::now();
    while told.elapsed() < patience + Duration::from_millis(200) {
        wire.ask("NOOP", 200);
    }
    let asked = Instant::now();
    wire.ask("RETR a", 425);
    assert!(asked.elapsed() < patience, "it was waited for again");
    wire.ask("STOR b", 425);
    assert!(!server.file("b").exists());
    assert_eq!(wire.fetch("a"), b"x");
}

/// 4.1.3: APPE adds at the end, or makes the file.
#[test]
fn appending_adds_at_the_end() {
    let server = Server::builder().file("a", "one ").start();
    let mut wire = server.login();
    wire.transmit("APPE a", b"two");
    wire.transmit("APPE new", b"three");
    assert_eq!(std::fs::read(server.file("a")).unwrap(), b"one two");
    assert_eq!(std::fs::read(server.file("new")).unwrap(), b"three");
}

/// 4.1.3 and RFC 1123, 4.1.2.9: STOU makes a new name and tells it in the 150 as `FILE: name`.
#[test]
fn a_unique_name_is_made_and_told() {
    let server = Server::builder().file("a", "old").start();
    let mut wire = server.login();
    for command in ["STOU", "STOU a"] {
        let data = wire.open();
        wire.send(command);
        let mark = wire.expect_any(&[125, 150]);
        data.finish(b"unique").unwrap();
        wire.expect_any(&[226, 250]);
        let name =
            mark.text().split_once("FILE: ").expect("150 tells the name").1.trim().to_owned();
        assert_eq!(wire.fetch(&name), b"unique");
        assert_ne!(name.trim_start_matches('/'), "a");
    }
    assert_eq!(std::fs::read(server.file("a")).unwrap(), b"old");
}

/// The name of the 150 is free when it is told. Whoever takes it before the upload is complete keeps
/// it; the upload gets another one, and the 226 tells which.
#[test]
fn a_unique_name_that_is_taken_meanwhile_is_made_anew() {
    let server = Server::start();
    let mut wire = server.login();
    let data = wire.open();
    wire.send("STOU a");
    assert_eq!(wire.expect(150).rest(), "FILE: /a");
    server.login().store("a", b"somebody else's");
    data.finish(b"unique").unwrap();
    let done = wire.expect(226).rest();
    let (_, name) = done.split_once("FILE: ").expect("226 tells the name");
    assert_ne!(name, "/a");
    assert_eq!(wire.fetch(name), b"unique");
    assert_eq!(wire.fetch("a"), b"somebody else's");
}

/// 4.1.3: ALLO is not needed, and may promise what fits; what can not fit may be refused early.
#[test]
fn allocation_is_a_promise() {
    let server = Server::start();
    let mut wire = server.login();
    wire.ask_any("ALLO 1000", &[200, 202]);
    wire.ask_any("ALLO 1000 R 80", &[200, 202, 504]);
    wire.ask("ALLO much", 501);
    wire.store("a", b"not a thousand bytes");
    assert_eq!(wire.size("a"), 20);
}

/// 3.1.1: the types that are served, and 504 for those that are not.
#[test]
fn types_modes_and_structures() {
    let server = Server::start();
    let mut wire = server.login();
    for command in ["TYPE I", "TYPE A", "TYPE A N", "TYPE L 8", "type i", "MODE S", "STRU F"] {
        wire.ask(command, 200);
    }
    for command in ["TYPE E", "TYPE A T", "TYPE L 7", "MODE B", "MODE C", "STRU P"] {
        wire.ask(command, 504);
    }
    for command in ["TYPE", "TYPE X", "MODE", "MODE X", "STRU", "STRU X"] {
        wire.ask_any(command, &[501, 504]);
    }
}

/// 3.1.1.1: in TYPE A lines end with CR LF on the wire and with LF in the file.
#[test]
fn ascii_lines_are_translated_both_ways() {
    let server = Server::builder().file("unix", "one\ntwo\n\nlast").start();
    let mut wire = server.login();
    wire.ask("TYPE A", 200);
    assert_eq!(wire.fetch("unix"), b"one\r\ntwo\r\n\r\nlast");
    wire.store("sent", b"one\r\ntwo\r\n\r\nlast");
    assert_eq!(std::fs::read(server.file("sent")).unwrap(), b"one\ntwo\n\nlast");
    wire.ask("TYPE I", 200);
    assert_eq!(wire.fetch("sent"), b"one\ntwo\n\nlast");
}

/// 3.1.1.1: a CR LF that two segments or two buffers part is still one line end; a lone CR stays.
#[test]
fn ascii_line_ends_may_be_parted() {
    let server = Server::start();
    let mut wire = server.login();
    wire.ask("TYPE A", 200);
    let mut data = wire.begin("STOR parted");
    for piece in [&b"one\r"[..], b"\ntwo\rstill two\r", b"\n", b"\r", b"\n", b"end\r"] {
        data.write(piece).unwrap();
    }
    data.finish(b"").unwrap();
    wire.expect(226);
    let stored = std::fs::read(server.file("parted")).unwrap();
    assert_same("parted", &stored, b"one\ntwo\rstill two\n\nend\r");

    let lines = "0123456789abcde\n".repeat(40_000);
    std::fs::write(server.file("long"), &lines).unwrap();
    assert_same("long", &wire.fetch("long"), lines.replace('\n', "\r\n").as_bytes());
    wire.store("back", lines.replace('\n', "\r\n").as_bytes());
    assert_same("back", &std::fs::read(server.file("back")).unwrap(), lines.as_bytes());
}

/// 5.4: an upload whose data connection breaks is never answered 226, and replaces nothing.
#[test]
fn a_broken_upload_is_no_success() {
    let server = Server::builder().file("a", "the old content").start();
    let mut wire = server.login();
    let mut data = wire.begin("STOR a");
    data.write(&[b'n'; 100_000]).unwrap();
    data.reset();
    wire.expect_any(&[426, 451]);
    assert_eq!(std::fs::read(server.file("a")).unwrap(), b"the old content");
    wire.ask("NOOP", 200);
}

/// 5.4: a download whose data connection breaks is 426.
#[test]
fn a_broken_download_is_told() {
    let server = Server::builder().file("big", vec![0; 64 << 20]).start();
    let (mut wire, data) = server.begin_download("big");
    data.reset();
    wire.expect_any(&[426, 451]);
    wire.ask("NOOP", 200);
}

/// An upload appears under its name when it is complete, and not before (`storage.atomic_uploads`).
#[test]
fn uploads_are_published_whole() {
    let server = Server::start();
    let mut wire = server.login();
    let mut data = wire.begin("STOR a");
    data.write(&[b'x'; 70_000]).unwrap();
    let mut other = server.login();
    other.ask("NOOP", 200);
    assert!(!server.file("a").exists());
    data.finish(b"").unwrap();
    wire.expect(226);
    assert_eq!(std::fs::metadata(server.file("a")).unwrap().len(), 70_000);
    assert_eq!(std::fs::read_dir(server.file("")).unwrap().count(), 1, "a temporary name is left");
}

/// `timeouts.stalled`: a client that stops reading is given up.
#[test]
fn a_stalled_download_ends() {
    let server =
        Server::builder().set("timeouts.stalled", "1s").file("big", vec![0; 64 << 20]).start();
    let mut wire = server.login();
    let data = wire.begin("RETR big");
    wire.expect_any(&[426, 451]);
    drop(data);
    wire.ask("NOOP", 200);
}

/// Per-user rates (`limits.download`) slow a transfer down.
#[test]
fn a_download_keeps_its_rate() {
    let user = flotilla_tests::User::new("slow").set("limits.download", "1MiB");
    let server = Server::builder().user(user).file("f", vec![7; 3 << 20]).start();
    let mut wire = server.login_as("slow");
    let begun = std::time::Instant::now();
    assert_eq!(wire.fetch("f").len(), 3 << 20);
    assert!(begun.elapsed().as_millis() >= 1000, "3 MiB at 1 MiB/s took {:?}", begun.elapsed());
}

/// Two sessions move files at the same time and stay apart.
#[test]
fn transfers_run_side_by_side() {
    let server =
        Server::builder().file("a", vec![b'a'; 1 << 20]).file("b", vec![b'b'; 1 << 20]).start();
    let (mut one, mut two) = (server.login(), server.login());
    let first = one.begin("RETR a");
    let second = two.begin("RETR b");
    assert!(second.read_all().unwrap().iter().all(|&byte| byte == b'b'));
    assert!(first.read_all().unwrap().iter().all(|&byte| byte == b'a'));
    one.expect(226);
    two.expect(226);
    wait::until("both transfers in the log", || {
        let log = server.log();
        (log.matches("/a").count() > 0 && log.matches("/b").count() > 0).then_some(())
    });
}
