//! A storage that hangs for good: it fails its own transfers and turns the node unready, and nothing
//! else; the node still ends when it is told to.

use std::time::{Duration, Instant};

use flotilla_tests::{Hanging, Server, User, health, skipped, wait};
use rustix::process::Signal;

/// A server with one arbiter, so that whatever blocks it is felt by all, and the user `stuck`, whose
/// files lie on a storage that can hang. `None` where none can be mounted.
///
/// The storage comes last: where a test fails, it goes first, and no server waits for it.
fn start() -> Option<(Server, Hanging)> {
    let builder = Server::builder();
    let storage = match Hanging::mount(&builder.folder().join("hanging")) {
        Ok(storage) => storage,
        Err(error) => {
            skipped(&format!("a storage that hangs: FUSE can not be mounted ({error})"));
            return None;
        }
    };
    storage.write("big", vec![7; BIG]);
    let root = storage.path().display().to_string();
    let server = builder
        .set("node.workers", 1)
        .set("storage.timeout", "1s")
        .set("timeouts.drain", "1s")
        .user(User::new("stuck").set("root", root))
        .file("a", "content")
        .start();
    Some((server, storage))
}

/// A whole session on another root, at once.
#[track_caller]
fn assert_others_go_on(server: &Server) {
    let begun = Instant::now();
    let mut wire = server.login();
    assert_eq!(wire.fetch("a"), b"content");
    wire.store("b", &vec![1; 1 << 20]);
    wire.ask("DELE b", 250);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

/// The log says whose job hangs, and on what.
#[track_caller]
fn assert_told(server: &Server, path: &str) {
    let log = server.log();
    let fields = ["session=", "user=stuck", "client=127.0.0.1", "protocol=ftp", path];
    let told = |line: &str| {
        line.contains("behind its deadline") && fields.iter().all(|field| line.contains(field))
    };
    assert!(log.lines().any(told), "no line has {fields:?}");
}

fn readiness(server: &Server) -> (u16, String) {
    health::get(server.health(), "/readyz").unwrap()
}

/// Transfers that are under way when it happens are told so; the others do not feel it, whatever is
/// asked of that storage; and TERM ends the node within its bound, with threads that wait for ever.
#[test]
fn a_storage_that_hangs_fails_its_own_transfers_only() {
    let Some((mut server, storage)) = start() else { return };
    let mut down = server.login_as("stuck");
    let mut download = down.begin("RETR big");
    download.read(1 << 20).unwrap();
    let mut up = server.login_as("stuck");
    let mut upload = up.begin("STOR up");
    upload.write(&vec![1; 1 << 20]).unwrap();
    let mut looking: Vec<_> = (0..20).map(|_| server.login_as("stuck")).collect();
    assert_eq!(readiness(&server).0, 200);

    storage.hang();
    for wire in &mut looking {
        wire.send("SIZE big");
    }
    assert_others_go_on(&server);
    let _ = upload.write(&vec![2; 8 << 20]);
    let _ = download.read_all();
    down.expect(451);
    up.expect(451);
    for wire in &mut looking {
        wire.expect(451);
    }
    let reason = wait::until("readiness to fall", || {
        let (status, body) = readiness(&server);
        (status == 503).then_some(body)
    });
    assert!(reason.contains("storage"), "{reason}");
    assert_told(&server, "/big");
    assert_eq!(health::get(server.health(), "/livez").unwrap().0, 200);
    assert_others_go_on(&server);
    // With every slot stuck, what comes now fails at once.
    let begun = Instant::now();
    down.ask("SIZE big", 451);
    assert!(begun.elapsed() < Duration::from_millis(800), "{:?}", begun.elapsed());

    let begun = Instant::now();
    server.signal(Signal::TERM);
    // timeouts.drain, the last words, and three seconds for threads that never come back.
    assert_eq!(server.wait(Duration::from_secs(10)), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(7), "{:?}", begun.elapsed());
}

/// A storage that answers again is served from again, without a restart.
#[test]
fn a_storage_that_comes_back_is_used_again() {
    let Some((server, storage)) = start() else { return };
    let mut wire = server.login_as("stuck");
    let mut looking: Vec<_> = (0..20).map(|_| server.login_as("stuck")).collect();
    storage.hang();
    for wire in &mut looking {
        wire.send("SIZE big");
    }
    wait::until("readiness to fall", || (readiness(&server).0 == 503).then_some(()));
    storage.recover();
    wait::until("readiness", || (readiness(&server).0 == 200).then_some(()));
    for wire in &mut looking {
        wire.expect(451);
        wire.ask("SIZE big", 213);
    }
    assert_eq!(wire.fetch("big").len(), BIG);
    wire.store("up", b"anew");
    assert_eq!(wire.fetch("up"), b"anew");
    drop(server);
}

/// Too large for sockets and caches to hold the whole of it.
const BIG: usize = 32 << 20;
