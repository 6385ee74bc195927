//! `flotilla doctor`: what it sees of a node that is well, and of one that is not.

use std::net::SocketAddr;

use flotilla_tests::{Authority, PASSWORD, Server};
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

/// What a visitor finds at an address.
fn visit(server: &Server, address: SocketAddr) -> Value {
    let (file, address) = (password_file(server, PASSWORD), address.to_string());
    let visit = ["doctor", "--user", "alice", "--password-file", &file, "--address", &address];
    let said = server.verb(&visit).arg("--json").run();
    let findings: Value = serde_json::from_str(&said.stdout).unwrap();
    let states = findings.as_array().unwrap().iter().map(|finding| &finding["state"]);
    assert_eq!(said.code, Some(states.filter(|state| *state == "bad").count().min(1) as i32));
    findings
}

#[track_caller]
fn assert_served(findings: &Value, how: &str) {
    for check in ["node", "visit", "visit by PASV", "visit by EPSV", "idle timers"] {
        let told = of(findings, check);
        assert_eq!(
            told.first().map(|(state, _)| state.as_str()),
            Some("fine"),
            "{check}: {told:?}"
        );
    }
    let told = of(findings, "visit");
    assert!(told[0].1.ends_with(how), "{told:?}");
}

/// A visitor logs in and lists its folder over PASV and over EPSV, in a range of one's own.
#[test]
fn a_visitor_is_served() {
    let server =
        Server::builder().set("ftp.tls", "off").set("ftp.implicit_tls", Vec::<String>::new());
    let server = server.start();
    assert_served(&visit(&server, server.ftp()), ", in clear");
    let server = Server::start();
    assert_served(&visit(&server, server.ftp()), ", under TLS");
}

/// Its data connections go on with the TLS session of the control connection.
#[test]
fn a_visitor_is_served_where_only_tls_is_spoken() {
    let strict =
        || Server::builder().set("ftp.tls", "required").set("ftp.passive.data_reuse", "require");
    let server = strict().start();
    assert_served(&visit(&server, server.ftp()), ", under TLS");
    let server = strict().set("ftp.listen", Vec::<String>::new()).start();
    assert_served(&visit(&server, server.ftps()), ", under implicit TLS");
}

/// A node that shows another certificate than the configuration has gets no password.
#[test]
fn a_visitor_does_not_believe_another_certificate() {
    let server = Server::start();
    Authority::new("another").issue(&["localhost"]).write(server.folder(), "server");
    let told = of(&visit(&server, server.ftp()), "visit");
    assert!(told[0].0 == "bad" && told[0].1.contains("certificate"), "{told:?}");
    assert_eq!(server.metric("flotilla_logins_total"), 0);
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
