//! The admin API's door: tokens, roles, and what the verbs say that can not come in.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use flotilla_tests::{Program, Server, health, wait};
use rustix::process::Signal;

fn token(server: &Server, name: &str) -> String {
    let path = server.folder().join("run").join(name);
    std::fs::read_to_string(path).unwrap().trim().to_owned()
}

fn status(server: &Server, method: &str, path: &str, token: Option<&str>) -> u16 {
    health::ask(server.health(), method, path, token).unwrap().0
}

fn verb(server: &Server, words: &[&str]) -> Program {
    Program::flotilla().args(words).arg("--config").arg(server.config_file())
}

/// Each start makes two tokens, for the node's user alone, and takes them away at the end.
#[test]
fn tokens_are_made_and_let_in() {
    let mut server = Server::start();
    let run = server.folder().join("run");
    for name in ["admin.token", "admin-read.token"] {
        let mode = run.join(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let (operator, reader) = (token(&server, "admin.token"), token(&server, "admin-read.token"));
    assert_eq!(status(&server, "GET", "/v1", None), 401);
    assert_eq!(status(&server, "GET", "/v1", Some("wrong-token-of-some-length")), 401);
    assert_eq!(status(&server, "GET", "/v1", Some(&reader)), 200);
    assert_eq!(status(&server, "POST", "/v1/kick", Some(&reader)), 403);
    assert_eq!(status(&server, "POST", "/v1/kick", Some(&operator)), 400);
    assert_eq!(status(&server, "GET", "/readyz", None), 200);
    let log = server.log();
    assert!(log.contains("wrong admin token") && log.contains("change forbidden"), "{log}");
    assert!(!log.contains(&operator) && !log.contains(&reader), "{log}");

    server.restart();
    assert_eq!(status(&server, "GET", "/v1", Some(&operator)), 401);
    server.signal(Signal::TERM);
    assert_eq!(server.wait(Duration::from_secs(20)), Some(0));
    assert!(!run.join("admin.token").exists() && !run.join("admin-read.token").exists());
}

/// A token of the operator's own is read again at a reload; one that will not do is refused, and the old
/// one stays.
#[test]
fn tokens_of_files_are_read_again() {
    let builder = Server::builder();
    let path = builder.folder().join("token");
    let write = |text: &str| {
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    write("the-first-token-of-all\n");
    let server = builder.set("admin.token_file", path.to_str().unwrap()).start();
    assert!(!server.folder().join("run/admin.token").exists());
    let knows = |token| status(&server, "GET", "/v1", Some(token)) == 200;
    assert!(knows("the-first-token-of-all"));
    write("the-second-token-of-all\n");
    server.reload();
    wait::until("the second token", || knows("the-second-token-of-all").then_some(()));
    assert!(!knows("the-first-token-of-all"));
    write("short\n");
    server.reload();
    wait::until("the complaint", || server.log().contains("too short to be secret").then_some(()));
    assert!(knows("the-second-token-of-all"));
}

/// Verbs find the node by its data folder, and say what is wrong in words.
#[test]
fn verbs_say_why_they_can_not() {
    let mut server = Server::start();
    let reader = server.folder().join("run/admin-read.token");
    let said = verb(&server, &["kick", "--all"]).arg("--token-file").arg(&reader).exit(1);
    assert!(said.stderr.contains("may look and change nothing"), "{said}");
    let other = server.folder().join("other.token");
    std::fs::write(&other, "a-token-of-another-node").unwrap();
    std::fs::set_permissions(&other, std::fs::Permissions::from_mode(0o600)).unwrap();
    let said = verb(&server, &["nodes"]).arg("--token-file").arg(&other).exit(1);
    assert!(said.stderr.contains("does not take the token"), "{said}");
    let said = verb(&server, &["nodes", "--set", "health.listen="]).exit(1);
    assert!(said.stderr.contains("health.listen is empty"), "{said}");
    let ftp = server.ftp().to_string();
    let said = verb(&server, &["nodes", "--admin", &ftp]).exit(1);
    assert!(said.stderr.contains(&ftp), "{said}");
    server.signal(Signal::TERM);
    assert_eq!(server.wait(Duration::from_secs(20)), Some(0));
    let said = verb(&server, &["who"]).exit(1);
    assert!(said.stderr.contains("does not run"), "{said}");
}
