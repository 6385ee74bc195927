//! What SFTP and SCP leave in the logs and metrics.

use flotilla_tests::{Server, Ssh, health, wait};

/// An upload, a download, and what else is worth a line.
fn session(server: &Server) {
    let ssh = Ssh::new(server);
    ssh.folder().write("here", "12345");
    ssh.sftp("put here \"up load\"\nget \"up load\" back\nrename \"up load\" moved\nrm moved\n")
        .succeed();
}

fn wait_for(server: &Server, text: &str) -> String {
    wait::until("the log", || Some(server.log()).filter(|log| log.contains(text)))
}

/// JSON lines, with the fields of every protocol.
#[test]
fn transfers_are_logged() {
    let server = Server::builder().ssh().set("telemetry.log", "json").start();
    session(&server);
    let log = wait_for(&server, "session ended");
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect();
    for command in ["upload", "download"] {
        let line = lines.iter().find(|line| line["command"] == command && line["bytes"] == 5);
        let line = line.unwrap_or_else(|| panic!("no {command} in {log}"));
        for field in ["timestamp", "level", "node", "session", "client", "elapsed_ms", "reply"] {
            assert!(!line[field].is_null(), "{field} is missing: {line}");
        }
        assert_eq!((&line["user"], &line["path"]), (&"alice".into(), &"/up load".into()));
        assert_eq!(line["protocol"], "ssh");
    }
    for command in ["rename", "delete"] {
        assert!(lines.iter().any(|line| line["command"] == command), "{log}");
    }
    let end = lines.iter().find(|line| line["message"] == "session ended").unwrap();
    assert_eq!((&end["bytes_in"], &end["bytes_out"]), (&5.into(), &5.into()), "{end}");
}

/// xferlog(5): one line per transfer, with the service's name.
#[test]
fn transfers_are_logged_as_xferlog() {
    let builder = Server::builder().ssh();
    let file = builder.folder().join("xferlog");
    let server = builder.set("telemetry.xferlog", file.as_path()).start();
    session(&server);
    let lines = wait::until("the lines", || {
        let text = std::fs::read_to_string(&file).ok()?;
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        (lines.len() >= 3).then_some(lines)
    });
    for (line, direction) in lines.iter().zip(["i", "o", "d"]) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(fields.len(), 18, "{lines:?}");
        assert_eq!(fields[6], "127.0.0.1");
        assert_eq!(&fields[9..15], ["b", "_", direction, "r", "alice", "sftp"], "{line}");
        assert_eq!(fields[17], "c");
    }
    assert!(lines[0].contains(" 5 /up_load "), "{lines:?}");
}

/// The metrics count SSH among all others, and come back to nothing.
#[test]
fn metrics_count() {
    let server = Server::start_ssh();
    session(&server);
    let ended = || (server.metric("flotilla_sessions") == 0).then_some(());
    wait::until("the end of the session", ended);
    let of = |name: &str, label: &str| server.metric_where(name, label);
    assert_eq!(of("flotilla_session_starts_total", "protocol=\"ssh\""), 1);
    assert_eq!(
        of("flotilla_logins_total", "protocol=\"ssh\",method=\"password\",result=\"ok\""),
        1
    );
    assert_eq!(of("flotilla_transfers_total", "protocol=\"ssh\""), 2);
    assert_eq!(of("flotilla_transfers_total", "result=\"ok\""), 2);
    assert_eq!(of("flotilla_transfer_bytes_total", "direction=\"upload\""), 5);
    assert_eq!(of("flotilla_transfer_bytes_total", "direction=\"download\""), 5);
    assert_eq!(of("flotilla_sftp_requests_total", "request=\"open\",result=\"ok\""), 2);
    assert_eq!(of("flotilla_unauthenticated", ""), 0);
    assert_eq!(health::get(server.health(), "/readyz").unwrap().0, 200);
}

/// No password, no key and no escape gets into a log, at any level.
#[test]
fn secrets_and_escapes_are_not_logged() {
    let server = Server::builder().ssh().set("telemetry.level", "trace").start();
    let ssh = Ssh::new(&server);
    ssh.folder().write("here", "12345");
    ssh.sftp("put here \"a\u{1b}[31m b\"\n").succeed();
    Ssh::new(&server).password("another-secret").sftp("pwd\n").exit(255);
    Ssh::new(&server).user("x\u{1b}[2Jforged").sftp("pwd\n").exit(255);
    let log = wait::until("all of it in the log", || {
        let log = server.log();
        (log.contains("session ended") && log.contains("forged")).then_some(log)
    });
    for secret in [flotilla_tests::PASSWORD, "another-secret", "PRIVATE KEY", "\u{1b}"] {
        assert!(!log.contains(secret), "the log has {}", secret.escape_debug());
    }
}
