//! The SSH libraries of Python: paramiko and asyncssh.

use flotilla_tests::content::Content;
use flotilla_tests::{PASSWORD, Program, Server, Ssh};

/// A script of `tests/ssh`, with host, port, user and password.
fn script(server: &Server, here: &Ssh, name: &str, task: &str) -> Program {
    let path = format!("{}/ssh/{name}.py", env!("CARGO_MANIFEST_DIR"));
    let address = server.ssh();
    Program::python()
        .args([path.as_str(), task, &address.ip().to_string(), &address.port().to_string()])
        .args(["alice", PASSWORD])
        .env("HOME", here.folder().path())
        .within(here.folder().path())
}

fn run(name: &str, task: &str) {
    run_at(Server::start_ssh(), name, task);
}

fn run_at(server: Server, name: &str, task: &str) {
    let here = Ssh::new(&server);
    for (name, length) in [("big", 64 << 20), ("small", 8 << 20)] {
        Content::new(3).write_repeated(&here.join(name), length);
        std::fs::copy(here.join(name), server.file(name)).unwrap();
    }
    script(&server, &here, name, task).succeed();
}

#[test]
fn paramiko_prefetches() {
    run("paramiko_client", "prefetch");
}

#[test]
fn paramiko_pipelines() {
    run("paramiko_client", "pipeline");
}

#[test]
fn paramiko_arranges() {
    run("paramiko_client", "arrange");
}

#[test]
fn paramiko_opens_in_every_mode() {
    run("paramiko_client", "modes");
}

#[test]
fn paramiko_checks() {
    run("paramiko_client", "check");
}

/// Nobody counts keys; the time for a login ends it.
#[test]
fn paramiko_offers_many_keys() {
    let server = Server::builder().ssh().set("timeouts.login", "5s").start();
    run_at(server, "paramiko_client", "keys");
}

#[test]
fn asyncssh_transfers() {
    run("asyncssh_client", "transfers");
}

#[test]
fn asyncssh_extends() {
    run("asyncssh_client", "extensions");
}

#[test]
fn asyncssh_opens_channels() {
    run("asyncssh_client", "channels");
}

#[test]
fn asyncssh_asks_in_parallel() {
    run("asyncssh_client", "parallel");
}
