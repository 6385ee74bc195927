//! `flotilla doctor`: what it sees of a node that is well, and of one that is not.

use flotilla_tests::{PASSWORD, Server};
use serde_json::Value;

/// The states that a check gave, with what it saw.
fn of(findings: &Value, check: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let findings = findings.as_array().unwrap().iter().filter(|of| of["check"] == check);
    findings.map(|of| (text(&of["state"]), text(&of["saw"]))).collect()
}

fn password_file(server: &Server, password: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = server.folder().write("password", password);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path.display().to_string()
}

/// A visitor logs in and lists its folder over PASV and over EPSV, in a range of one's own.
#[test]
fn a_visitor_is_served() {
    let server = Server::start();
    let file = password_file(&server, PASSWORD);
    let address = server.ftp().to_string();
    let visit = ["doctor", "--user", "alice", "--password-file", &file, "--address", &address];
    let findings = server.tell(&visit);
    for check in ["node", "visit", "visit by PASV", "visit by EPSV", "idle timers"] {
        let told = of(&findings, check);
        assert_eq!(
            told.first().map(|(state, _)| state.as_str()),
            Some("fine"),
            "{check}: {told:?}"
        );
    }
}

/// What is wrong is bad, with a fix, and so is the exit code.
#[test]
fn what_is_wrong_is_named_with_its_fix() {
    let mut server = Server::start();
    let file = password_file(&server, "not the one");
    let address = server.ftp().to_string();
    let visit = ["doctor", "--user", "alice", "--password-file", &file, "--address", &address];
    let said = server.verb(&visit).arg("--json").run();
    assert_eq!(said.code, Some(1), "{said}");
    let findings: Value = serde_json::from_str(&said.stdout).unwrap();
    let told = of(&findings, "visit");
    assert!(told[0].0 == "bad" && told[0].1.contains("530"), "{told:?}");
    server.kill();
    let said = server.verb(&["doctor"]).run();
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.stdout.contains("BAD  node:") && said.stdout.contains("fix: "), "{said}");
}
