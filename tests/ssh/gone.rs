//! Clients and servers that die in mid-upload: what came is kept for its owner, who resumes it, and
//! is published for nobody.

use std::net::Ipv4Addr;

use flotilla_tests::content::{Content, assert_same};
use flotilla_tests::sftp::{open, status};
use flotilla_tests::{DEADLINE, Relay, Server, Sftp, Ssh, User, wait};
use rustix::process::Signal;

const BLOCK: usize = 32_768;

/// Writes the beginning of an upload; every byte is acknowledged.
fn begin(sftp: &mut Sftp, bytes: &[u8]) {
    let handle = sftp.open_file("/up", open::WRITE | open::CREATE | open::TRUNCATE);
    for (number, block) in bytes.chunks(BLOCK).enumerate() {
        assert_eq!(sftp.write(&handle, (number * BLOCK) as u64, block), status::OK);
    }
}

fn wait_for_end(server: &Server) {
    wait::until("the end of the transfer", || {
        let log = server.log();
        log.lines()
            .any(|line| line.contains("transfer ended") && line.contains("upload"))
            .then_some(())
    });
}

/// The owner sees what came, completes it by `reput`, and it is published then.
#[track_caller]
fn assert_resumes(server: &Server, bytes: &[u8], sent: usize) {
    assert!(!server.file("up").exists(), "half a file was published");
    let ssh = Ssh::new(server);
    assert_eq!(Sftp::open(&ssh).size("/up"), Some(sent as u64));
    ssh.folder().write("here", bytes);
    ssh.sftp("reput here up\n").succeed();
    assert_same("resumed", &std::fs::read(server.file("up")).unwrap(), bytes);
    assert_eq!(std::fs::read_dir(server.file("")).unwrap().count(), 1, "a partial file is left");
}

/// `kill -9` of the client.
#[test]
fn a_killed_client_resumes() {
    let bytes = Content::new(1).bytes(2_000_000);
    let server = Server::start_ssh();
    let mut sftp = Sftp::open(&Ssh::new(&server));
    begin(&mut sftp, &bytes[..1_000_000]);
    sftp.kill();
    wait_for_end(&server);
    assert_resumes(&server, &bytes, 1_000_000);
}

/// A connection that breaks, and one that is closed in an orderly way without a CLOSE.
#[test]
fn a_broken_connection_publishes_nothing() {
    for orderly in [false, true] {
        let bytes = Content::new(2).bytes(900_000);
        let server = Server::start_ssh();
        let relay = Relay::start(Ipv4Addr::LOCALHOST, server.ssh());
        let mut sftp = Sftp::open(&Ssh::at(relay.address()));
        begin(&mut sftp, &bytes[..500_000]);
        if orderly {
            sftp.finish();
        } else {
            relay.reset();
        }
        wait_for_end(&server);
        assert_resumes(&server, &bytes, 500_000);
    }
}

/// Others do not see it.
#[test]
fn nobody_else_sees_it() {
    let server = Server::builder().ssh().user(User::new("bob")).start();
    let mut sftp = Sftp::open(&Ssh::new(&server));
    begin(&mut sftp, &[1; 100_000]);
    sftp.kill();
    wait_for_end(&server);
    let bob = Ssh::new(&server).user("bob");
    assert_eq!(Sftp::open(&bob).size("/up"), None);
    let said = bob.sftp("ls -la\n").succeed();
    assert!(!said.stdout.contains("up"), "{said}");
    // Nor under the name that it has on the disk.
    for entry in std::fs::read_dir(server.file("")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let said = bob.sftp(&format!("get {name} stolen\n")).exit(1);
        assert!(!bob.join("stolen").exists(), "{said}");
    }
}

/// FTP and SFTP resume each other's uploads.
#[test]
fn protocols_resume_each_other() {
    let bytes = Content::new(3).bytes(800_000);
    let server = Server::start_ssh();
    let mut sftp = Sftp::open(&Ssh::new(&server));
    begin(&mut sftp, &bytes[..300_000]);
    sftp.kill();
    wait_for_end(&server);
    let mut wire = server.login();
    assert_eq!(wire.size("up"), 300_000);
    wire.ask("REST 300000", 350);
    wire.store("up", &bytes[300_000..]);
    assert_same("resumed", &std::fs::read(server.file("up")).unwrap(), &bytes);
}

/// `kill -9` of the server.
#[test]
fn a_killed_server_keeps_it() {
    let bytes = Content::new(4).bytes(2_000_000);
    let mut server = Server::start_ssh();
    let mut sftp = Sftp::open(&Ssh::new(&server));
    begin(&mut sftp, &bytes[..1_000_000]);
    server.signal(Signal::KILL);
    server.wait(DEADLINE);
    assert!(sftp.has_ended());
    server.start_again();
    assert_resumes(&server, &bytes, 1_000_000);
}
