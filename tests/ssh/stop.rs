//! TERM: transfers are completed, idle sessions end, nobody new comes in.

use flotilla_tests::sftp::{kind, open, string};
use flotilla_tests::{DEADLINE, Server, Sftp, Ssh, wait};
use rustix::process::Signal;

/// An upload under way is completed and published; an idle session is told to go.
#[test]
fn uploads_are_completed() {
    let mut server = Server::builder().ssh().set("timeouts.drain", "60s").start();
    let mut busy = Sftp::open(&Ssh::new(&server));
    let idle_home = Ssh::new(&server);
    let mut idle = Sftp::open(&idle_home);
    let handle = busy.open_file("/up", open::WRITE | open::CREATE);
    assert_eq!(busy.write(&handle, 0, &[1; 30_000]), 0);
    server.signal(Signal::TERM);
    assert!(idle.has_ended());
    let said = std::fs::read_to_string(idle_home.join("ssh.log")).unwrap();
    assert!(said.contains("stopping"), "{said}");
    assert!(server.is_running());
    assert_eq!(busy.write(&handle, 30_000, &[2; 30_000]), 0);
    assert_eq!(busy.close(&handle), 0);
    assert!(busy.has_ended());
    assert_eq!(server.wait(DEADLINE), Some(0));
    assert_eq!(std::fs::metadata(server.file("up")).unwrap().len(), 60_000);
}

/// A download too; meanwhile nobody new is let in.
#[test]
fn downloads_are_completed() {
    let mut server =
        Server::builder().ssh().set("timeouts.drain", "60s").file("big", vec![7; 300_000]).start();
    let mut busy = Sftp::open(&Ssh::new(&server));
    let handle = busy.open_file("/big", open::READ);
    server.signal(Signal::TERM);
    wait::until("new clients to be turned away", || {
        (Ssh::new(&server).sftp("pwd\n").run().code == Some(255)).then_some(())
    });
    for block in 0..10 {
        assert_eq!(busy.read(&handle, block * 30_000, 30_000).string().len(), 30_000);
    }
    assert_eq!(busy.close(&handle), 0);
    assert_eq!(server.wait(DEADLINE), Some(0));
}

/// `timeouts.drain` is the end of patience: what is half done is kept, not published.
#[test]
fn patience_ends() {
    let mut server = Server::builder().ssh().set("timeouts.drain", "1s").start();
    let mut busy = Sftp::open(&Ssh::new(&server));
    let handle = busy.open_file("/up", open::WRITE | open::CREATE);
    assert_eq!(busy.write(&handle, 0, &[1; 30_000]), 0);
    server.signal(Signal::TERM);
    assert_eq!(server.wait(DEADLINE), Some(0));
    assert!(!server.file("up").exists());
    server.start_again();
    assert_eq!(Sftp::open(&Ssh::new(&server)).size("/up"), Some(30_000));
}

/// A second TERM ends at once.
#[test]
fn a_second_term_ends_at_once() {
    let mut server = Server::builder().ssh().set("timeouts.drain", "10m").start();
    let mut busy = Sftp::open(&Ssh::new(&server));
    busy.open_file("/up", open::WRITE | open::CREATE);
    let idle_home = Ssh::new(&server);
    let mut idle = Sftp::open(&idle_home);
    server.signal(Signal::TERM);
    assert!(idle.has_ended());
    assert!(server.is_running());
    server.signal(Signal::TERM);
    assert_eq!(server.wait(DEADLINE), Some(0));
}

/// `timeouts.idle` ends a session that asks for nothing, and says so.
#[test]
fn idle_sessions_end() {
    let server = Server::builder().ssh().set("timeouts.idle", "1s").start();
    let home = Ssh::new(&server);
    let mut sftp = Sftp::open(&home);
    assert_eq!(sftp.ask(kind::REALPATH, &string(".")).name(), b"/");
    assert!(sftp.has_ended());
    let said = std::fs::read_to_string(home.join("ssh.log")).unwrap();
    assert!(said.contains("timeouts.idle"), "{said}");
}
