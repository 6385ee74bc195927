//! Logs: fields, forms, and what never gets into them.

use flotilla_tests::{PASSWORD, Server, wait};

/// Everything a session does that is worth a line: login, transfers, the end.
fn session(server: &Server) {
    let mut wire = server.login();
    wire.store("up load", b"12345");
    wire.fetch("up load");
    wire.ask("DELE up load", 250);
    wire.ask("QUIT", 221);
    wire.expect_end();
    let mut wire = server.connect();
    wire.ask("USER alice", 331);
    wire.ask("PASS another-secret", 530);
    wire.ask("QUIT", 221);
}

/// The last line of a session, with its totals.
fn wait_for_end(server: &Server) -> String {
    wait::until("the end of the session in the log", || {
        let log = server.log();
        log.lines()
            .any(|line| line.contains("session ended") && line.contains("alice"))
            .then_some(log)
    })
}

/// JSON: one object per line, with the fields of the design.
#[test]
fn json_lines_have_fields() {
    let server = Server::builder().set("telemetry.log", "json").start();
    session(&server);
    let log = wait_for_end(&server);
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect();
    let transfer = lines
        .iter()
        .find(|line| line["path"] == "/up load" && line["bytes"] == 5)
        .unwrap_or_else(|| panic!("no transfer in {log}"));
    for field in [
        "timestamp",
        "level",
        "message",
        "node",
        "session",
        "user",
        "client",
        "protocol",
        "command",
        "trace_id",
        "span_id",
    ] {
        assert!(!transfer[field].is_null(), "{field} is missing: {transfer}");
    }
    assert_eq!(transfer["user"], "alice");
    assert!(transfer["elapsed_ms"].is_number() && !transfer["reply"].is_null(), "{transfer}");
    let end =
        lines.iter().find(|line| line["message"] == "session ended" && line["user"] == "alice");
    assert!(end.is_some_and(|end| end["session"] == transfer["session"]), "{log}");
    // One trace for all lines of a session.
    assert!(end.is_some_and(|end| end["trace_id"] == transfer["trace_id"]), "{log}");
    assert_eq!(transfer["trace_id"].as_str().map(str::len), Some(32), "{transfer}");
    assert_eq!(transfer["span_id"].as_str().map(str::len), Some(16), "{transfer}");
}

/// No password is in any log, at any level, nor in what is kept of a session that fails.
#[test]
fn secrets_are_not_logged() {
    for level in ["trace", "info"] {
        let server = Server::builder()
            .set("telemetry.level", level)
            .set("telemetry.session_ring", 64)
            .set("timeouts.data_connect", "1s")
            .start();
        session(&server);
        let mut wire = server.connect();
        wire.ask("USER alice", 331);
        wire.ask("PASS another-secret", 530);
        wire.login("alice");
        wire.ask("EPSV", 229);
        wire.ask("LIST", 425);
        drop(wire);
        server.wait_for_log("the session failed");
        assert_clean(&wait_for_end(&server));
    }
}

fn assert_clean(log: &str) {
    for secret in [PASSWORD, "another-secret", "$6$rounds"] {
        assert!(!log.contains(secret), "the log has {secret}");
    }
}

/// A name can not forge a line.
#[test]
fn names_do_not_forge_lines() {
    let server = Server::start();
    let mut wire = server.connect();
    wire.ask("USER x\u{1b}[2J\tforged", 331);
    wire.ask("PASS x", 530);
    wire.login("alice");
    wire.store("a\u{1b}[31m b", b"x");
    wire.ask("QUIT", 221);
    let log = wait_for_end(&server);
    assert!(!log.contains('\u{1b}'), "{}", log.escape_debug());
}

/// xferlog(5): one line per transfer, with the fields in their places.
#[test]
fn transfers_are_logged_as_xferlog() {
    let builder = Server::builder();
    let file = builder.folder().join("xferlog");
    let server = builder.set("telemetry.xferlog", file.as_path()).start();
    session(&server);
    let lines = wait::until("the lines", || {
        let text = std::fs::read_to_string(&file).ok()?;
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        (lines.len() >= 2).then_some(lines)
    });
    let fields: Vec<&str> = lines[0].split_whitespace().collect();
    // Five words of date, seconds, host, size, name, type, action, direction, mode, user, service,
    // method, id, completion.
    assert_eq!(fields.len(), 18, "{lines:?}");
    assert_eq!(fields[6], "127.0.0.1");
    assert_eq!(fields[7], "5");
    assert_eq!(fields[8], "/up_load");
    assert_eq!(&fields[9..14], ["b", "_", "i", "r", "alice"]);
    assert_eq!(fields[17], "c");
    assert_eq!(lines[1].split_whitespace().nth(11), Some("o"));
}

/// HUP opens the file again, so that it can be rotated.
#[test]
fn a_rotated_xferlog_is_opened_again() {
    let builder = Server::builder();
    let file = builder.folder().join("xferlog");
    let server = builder.set("telemetry.xferlog", file.as_path()).start();
    wait::until("the file", || file.exists().then_some(()));
    std::fs::rename(&file, server.folder().join("xferlog.1")).unwrap();
    server.signal(rustix::process::Signal::HUP);
    wait::until("the new file", || file.exists().then_some(()));
    session(&server);
    wait::until("a line in it", || {
        std::fs::read_to_string(&file).ok().filter(|text| text.contains("/up_load"))
    });
}
