//! Symbolic links that are swapped in while a path is resolved: checking first and opening then would
//! be seen here.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use flotilla_tests::Server;
use rustix::fs::{CWD, Mode, OFlags, RenameFlags, open, openat, renameat_with};

/// Swaps two names again and again while the body runs.
fn while_swapping(one: &Path, two: &Path, body: impl FnOnce()) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                renameat_with(CWD, one, CWD, two, RenameFlags::EXCHANGE).unwrap();
            }
        });
        let stop = Stop(&done);
        body();
        drop(stop);
    });
}

/// Ends the swapping even if the body panics, since the scope waits for its threads.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn start() -> Server {
    let server = Server::builder().file("d/f", "inside").start();
    server.folder().write("outside/f", "OUTSIDE");
    symlink("../outside", server.file("link")).unwrap();
    server
}

/// Reading through a name that is a folder now and a link to the outside then.
#[test]
fn a_swapped_link_is_not_read_through() {
    let server = start();
    let mut wire = server.login();
    let mut served = 0;
    while_swapping(&server.file("d"), &server.file("link"), || {
        for _ in 0..ROUNDS {
            let data = wire.open();
            wire.send("RETR d/f");
            if wire.expect_any(&[150, 451, 550]).code == 150 {
                assert_eq!(data.read_all().unwrap(), b"inside");
                wire.expect(226);
                served += 1;
            }
        }
    });
    assert!(served > 0, "the folder was never there; the test proves nothing");
}

/// Writing through it.
#[test]
fn a_swapped_link_is_not_written_through() {
    let server = start();
    let mut wire = server.login();
    // The folder itself, whatever it is called at the moment.
    let folder = open(server.file("d"), OFlags::DIRECTORY | OFlags::PATH, Mode::empty()).unwrap();
    while_swapping(&server.file("d"), &server.file("link"), || {
        for round in 0..ROUNDS {
            let data = wire.open();
            wire.send(format!("STOR d/new{round}"));
            if wire.expect_any(&[150, 451, 550, 553]).code == 150 {
                let _ = data.finish(b"new");
                wire.expect_any(&[226, 250, 451, 550, 553]);
            }
            wire.send("MKD d/made");
            wire.expect_any(&[257, 451, 550, 553]);
            wire.send("DELE d/f");
            if wire.expect_any(&[250, 451, 550]).code == 250 {
                openat(&folder, "f", OFlags::CREATE | OFlags::WRONLY, Mode::RUSR | Mode::WUSR)
                    .unwrap();
            }
        }
    });
    let outside = server.folder().join("outside");
    let names: Vec<_> =
        std::fs::read_dir(&outside).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["f"]);
    assert_eq!(std::fs::read(outside.join("f")).unwrap(), b"OUTSIDE");
}

/// Enough for thousands of swaps to fall inside a resolution.
const ROUNDS: usize = 300;
