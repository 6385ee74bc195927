//! HUP: validated first, the old configuration stays on errors, sessions go on.

use std::time::Duration;

use flotilla_tests::server::BEGUN_BYTES;
use flotilla_tests::{PASSWORD, Program, Server, User, Wire, wait};
use rustix::process::Signal;

fn greeting(server: &Server) -> String {
    Wire::connect(server.ftp()).expect(220).text()
}

/// New values hold for new sessions; old sessions are not disturbed.
#[test]
fn a_reload_takes_new_values() {
    let mut server = Server::builder().file("a", "content").start();
    let mut old = server.login();
    server.config().set("ftp.banner", "a new banner");
    server.reload();
    wait::until("the new banner", || greeting(&server).contains("a new banner").then_some(()));
    old.ask("NOOP", 200);
    assert_eq!(old.fetch("a"), b"content");
}

/// A configuration that is wrong is refused with its reason, and the old one stays.
#[test]
fn a_wrong_configuration_is_refused() {
    let mut server = Server::builder().set("ftp.banner", "the old banner").start();
    server.config().set("ftp.banner", "the new banner");
    server.config().set("timeouts.idel", "5m");
    server.reload();
    wait::until("the complaint", || server.log().contains("timeouts.idel").then_some(()));
    assert!(greeting(&server).contains("the old banner"));
    assert!(server.is_running());
    server.config().unset("timeouts.idel");
    server.reload();
    wait::until("the new banner", || greeting(&server).contains("the new banner").then_some(()));
}

/// Users are added, changed and removed; who is logged in stays so.
#[test]
fn users_are_reloaded() {
    let mut server =
        Server::builder().set("limits.ban_after", 0).user(User::new("leaving")).start();
    let mut leaving = server.login_as("leaving");
    server.users().retain(|user| user.name() != "leaving");
    server.users().push(User::new("coming"));
    server.reload();
    let accepts = |user: &str| {
        let mut wire = server.connect();
        wire.ask(format!("USER {user}"), 331);
        wire.ask_any(format!("PASS {PASSWORD}"), &[230, 530]).code == 230
    };
    wait::until("the new user", || accepts("coming").then_some(()));
    wait::until("the end of the old one", || (!accepts("leaving")).then_some(()));
    leaving.ask("PWD", 257);
}

/// `flotilla user` on a server that runs: the change holds without a reload.
#[test]
fn a_users_command_holds_at_once() {
    let server = Server::builder().set("limits.ban_after", 0).start();
    Program::flotilla()
        .args(["user", "--config"])
        .arg(server.config_file())
        .args(["add", "bob", "--home", ".", "--password-stdin"])
        .stdin("correct horse\n")
        .succeed();
    wait::until("the new user", || {
        let mut wire = server.connect();
        wire.ask("USER bob", 331);
        (wire.ask_any("PASS correct horse", &[230, 530]).code == 230).then_some(())
    });
}

/// Limits that shrink do not end sessions, and hold for the next one.
#[test]
fn limits_are_reloaded() {
    let mut server = Server::start();
    let mut first = server.login();
    let mut second = server.login();
    server.config().set("limits.per_user", 1);
    server.reload();
    wait::until("the limit", || {
        let mut wire = server.connect();
        wire.ask("USER alice", 331);
        (wire.ask_any(format!("PASS {PASSWORD}"), &[230, 421, 530]).code != 230).then_some(())
    });
    first.ask("NOOP", 200);
    second.ask("NOOP", 200);
}

/// Many reloads in the middle of transfers harm nobody.
#[test]
fn reloads_do_not_disturb_transfers() {
    let server = Server::builder().file("big", vec![7; 32 << 20]).start();
    let (mut wire, data) = server.begin_download("big");
    for _ in 0..10 {
        server.signal(Signal::HUP);
    }
    assert_eq!(data.read_all().unwrap().len(), (32 << 20) - BEGUN_BYTES);
    wire.expect(226);
}

/// `timeouts.stalled` is also how long a socket keeps what its client does not take. It reaches the sockets of sessions
/// that live, and that of one which is in the middle of its handshake.
#[test]
fn sockets_of_sessions_take_over_what_changed() {
    let mut server =
        Server::builder().set("node.workers", 1).set("timeouts.stalled", "400s").start();
    let mut idle = server.login();
    let mut shaking = server.connect();
    shaking.ask("AUTH TLS", 234);
    assert_eq!(patience(&server, &mut idle), Duration::from_secs(400));
    assert_eq!(patience(&server, &mut shaking), Duration::from_secs(400));
    server.config().set("timeouts.stalled", "500s");
    server.reload();
    let changed = Duration::from_secs(500);
    let has_changed = |wire: &mut Wire| (patience(&server, wire) == changed).then_some(());
    wait::until("the socket of a session", || has_changed(&mut idle));
    shaking.secure(&server.tls()).unwrap();
    shaking.ask("PBSZ 0", 200);
    wait::until("the socket that shook hands", || has_changed(&mut shaking));
}

/// Of the server's socket to this client.
fn patience(server: &Server, wire: &mut Wire) -> Duration {
    let client = wire.stream().tcp().local_addr().unwrap();
    *server.patience(|peer| peer == client).first().expect("the server has a socket to it")
}
