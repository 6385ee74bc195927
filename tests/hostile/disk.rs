//! A disk that is full: 452 or 552, never 226, and everything else goes on.

use flotilla_tests::{Server, skipped};

/// A server with a small file system of its own, or `None` where this user may make none.
fn start_small(reserve: &str) -> Option<Server> {
    let server = Server::builder().set("storage.reserve", reserve).start_on_small_disk();
    if server.is_none() {
        skipped("full disks: this user may make no mount namespace");
    }
    server
}

/// The file system runs full in mid-upload.
#[test]
fn an_upload_that_does_not_fit_is_told() {
    let Some(server) = start_small("0") else { return };
    let mut wire = server.login();
    wire.store("small", b"content");
    for _ in 0..2 {
        let data = wire.begin("STOR large");
        let _ = data.finish(&vec![1; 32 << 20]);
        wire.expect_any(&[452, 552]);
        assert_eq!(wire.fetch("small"), b"content");
        wire.send("DELE large");
        wire.expect_any(&[250, 550]);
    }
    wire.store("second", b"fits");
    assert_eq!(wire.fetch("second"), b"fits");
}

/// With a reserve, that much stays free.
#[test]
fn the_reserve_stays_free() {
    let Some(server) = start_small("4MiB") else { return };
    let mut wire = server.login();
    let data = wire.open();
    wire.send("STOR large");
    if wire.expect_any(&[150, 452, 552]).code == 150 {
        let _ = data.finish(&vec![1; 6 << 20]);
        wire.expect_any(&[452, 552]);
    }
    let there = rustix::fs::statvfs(server.file("").as_path()).unwrap();
    let free = there.f_bavail * there.f_frsize;
    assert!(free >= 4 << 20, "{free} bytes are left");
    // What was kept of it may reach up to the reserve.
    wire.ask("DELE large", 250);
    wire.store("small", b"fits");
}

/// Below the reserve uploads are refused before a byte moves; the rest goes on.
#[test]
fn nothing_is_taken_below_the_reserve() {
    let server =
        Server::builder().set("storage.reserve", "1000000GiB").file("a", "content").start();
    let mut wire = server.login();
    for command in ["STOR b", "APPE a", "STOU"] {
        let data = wire.open();
        wire.send(command);
        if wire.expect_any(&[150, 452, 552]).code == 150 {
            let _ = data.finish(b"more");
            wire.expect_any(&[452, 552]);
        }
    }
    assert_eq!(wire.fetch("a"), b"content");
    wire.ask("DELE a", 250);
}

/// ALLO promises more than there is: refused at once, or at the upload.
#[test]
fn a_promise_that_can_not_fit_is_refused() {
    let Some(server) = start_small("0") else { return };
    let mut wire = server.login();
    if wire.ask_any("ALLO 100000000", &[200, 202, 452, 552]).code < 300 {
        let data = wire.open();
        wire.send("STOR large");
        if wire.expect_any(&[150, 452, 552]).code == 150 {
            data.finish(b"it was not that much").unwrap();
            wire.expect_any(&[226, 452, 552]);
        }
    }
}
