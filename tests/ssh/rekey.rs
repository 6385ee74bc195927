//! Keys are exchanged again in the midst of transfers, and no byte is lost.

use std::time::Duration;

use flotilla_tests::content::Content;
use flotilla_tests::{Program, Server, Ssh};

/// Both ways by `sftp`, compared; how often the keys were exchanged.
fn both_ways(server: &Server, ssh: &Ssh, length: u64) -> usize {
    let ssh_options = ["-v", "-oBatchMode=no", "-b", "-", "node"];
    Content::new(11).write_repeated(&ssh.join("here"), length);
    let sftp = ssh.client("sftp").args(ssh_options).deadline(LONG);
    let said = sftp.stdin("put here there\nget there back\n").succeed();
    for copy in [server.file("there"), ssh.join("back")] {
        Program::new("cmp").arg(ssh.join("here")).arg(copy).deadline(LONG).succeed();
    }
    // The first exchange is one of them.
    said.stderr.lines().filter(|line| line.contains("SSH2_MSG_NEWKEYS received")).count() - 1
}

/// The server asks, by bytes.
#[test]
fn the_server_rekeys() {
    let server = Server::builder().ssh().set("ssh.rekey_bytes", "1MiB").start();
    for cipher in ["aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes128-ctr"] {
        let ssh = Ssh::new(&server).set("Ciphers", cipher);
        let length = if flotilla_tests::long() { 2200 << 20 } else { 24 << 20 };
        let times = both_ways(&server, &ssh, length);
        assert!(times >= 20, "{times} exchanges with {cipher}");
    }
}

/// The client asks, by bytes.
#[test]
fn the_client_rekeys() {
    let server = Server::start_ssh();
    let ssh = Ssh::new(&server).set("RekeyLimit", "1M");
    let times = both_ways(&server, &ssh, 32 << 20);
    assert!(times >= 20, "{times} exchanges");
}

/// Both ask, often, and meet.
#[test]
fn both_rekey() {
    let server = Server::builder().ssh().set("ssh.rekey_bytes", "256KiB").start();
    let ssh = Ssh::new(&server).set("RekeyLimit", "256K");
    let times = both_ways(&server, &ssh, 16 << 20);
    assert!(times >= 20, "{times} exchanges");
}

/// By time.
#[test]
fn time_rekeys() {
    let server = Server::builder().ssh().set("ssh.rekey_interval", "1s").start();
    let ssh = Ssh::new(&server);
    Content::new(11).write_repeated(&ssh.join("here"), 4 << 20);
    // 8 Mbit/s: four seconds.
    let options = ["-v", "-l", "8000", "-oBatchMode=no", "-b", "-", "node"];
    let said = ssh.client("sftp").args(options).stdin("put here there\n").succeed();
    Program::new("cmp").arg(ssh.join("here")).arg(server.file("there")).succeed();
    let times =
        said.stderr.lines().filter(|line| line.contains("SSH2_MSG_NEWKEYS received")).count();
    assert!(times >= 3, "{times} exchanges");
}

const LONG: Duration = Duration::from_secs(600);
