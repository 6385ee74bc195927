//! What is logged, changed while the node runs; floods; what led to a failure.

use flotilla_tests::{Server, wait};
use serde_json::{Value, json};

/// A session that opens a passive port, which the log tells at `debug`.
fn session(server: &Server) {
    let mut wire = server.login();
    wire.ask("EPSV", 229);
    wire.ask("QUIT", 221);
    wire.expect_end();
}

fn lines(log: &str, words: &str) -> usize {
    log.lines().filter(|line| line.contains(words)).count()
}

/// How often both lines of sessions are in the log, once it knows of so many sessions.
fn seen_after(server: &Server, sessions: usize) -> usize {
    wait::until("the end of the sessions", || {
        (lines(&server.log(), "session ended") == sessions).then_some(())
    });
    lines(&server.log(), "passive port")
}

/// `flotilla log level` shows and changes it, with and without a time, and a reload ends that.
#[test]
fn levels_are_shown_and_changed() {
    let server = Server::builder().set("node.id", "n1").start();
    let shown = |level: &str, left: Value| json!({ "node": "n1", "level": level, "configured": "info", "seconds_left": left });
    assert_eq!(server.tell(&["log", "level"]), shown("info", Value::Null));
    session(&server);
    assert_eq!(seen_after(&server, 1), 0);

    let filter = "info,flotilla::session=debug";
    let said = server.verb(&["log", "level", filter]).succeed();
    assert_eq!(said.stdout, format!("n1 logs {filter} until a reload, then info\n"));
    session(&server);
    assert_eq!(seen_after(&server, 2), 1);

    assert_eq!(server.tell(&["log", "level", "--reset"]), shown("info", Value::Null));
    let said = server.verb(&["log", "level", "debug", "--for", "10m"]).succeed();
    assert_eq!(said.stdout, "n1 logs debug for 10m, then info\n");
    let told = server.tell(&["log", "level"]);
    assert!(
        told["seconds_left"].as_u64().is_some_and(|left| (500..=600).contains(&left)),
        "{told}"
    );

    server.reload();
    server.wait_for_log("configuration reloaded");
    assert_eq!(server.tell(&["log", "level"]), shown("info", Value::Null));
    session(&server);
    assert_eq!(seen_after(&server, 3), 1);
}

/// After its time the configured level holds again, and the log says so.
#[test]
fn a_level_for_a_time_ends() {
    let server = Server::start();
    server.verb(&["log", "level", "debug", "--for", "1s"]).succeed();
    server.wait_for_log("the log's level is the configured one again");
    assert_eq!(server.tell(&["log", "level"])["level"], "info");
}

/// What is no filter is refused with what was written, and nothing changes.
#[test]
fn bad_filters_are_refused() {
    let server = Server::start();
    for bad in ["inof", "info,flotilla::session=loud"] {
        let said = server.verb(&["log", "level", bad]).exit(2);
        assert!(said.stderr.contains(&format!("{bad:?} is no filter: expected a level")), "{said}");
    }
    server.verb(&["log", "level", "--for", "10m"]).exit(2);
    server.verb(&["log", "level", "debug", "--for", "0s"]).exit(2);
    assert_eq!(server.tell(&["log", "level"])["level"], "info");
}

/// One place may not fill the log; what it wanted to say is counted. The account has every login.
#[test]
fn a_flood_is_held_back_and_counted() {
    let server = Server::builder()
        .set("telemetry.log", "json")
        .set("telemetry.level", "info,flotilla::session=debug")
        .set("telemetry.lines_per_second", 1)
        .start();
    const PORTS: usize = 20;
    let mut wire = server.login();
    for _ in 0..PORTS {
        wire.ask("EPSV", 229);
    }
    drop(wire);
    let told = |line: &Value| match line["text"].as_str() {
        Some("passive port") => line["held"].as_u64().unwrap_or_default() as usize,
        _ => 0,
    };
    wait::until("all lines, written or counted", || {
        let log = server.log();
        let lines: Vec<Value> =
            log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let held: usize = lines.iter().map(told).sum();
        let written = lines.iter().filter(|line| line["message"] == "passive port").count();
        (held > 0 && held + written == PORTS).then_some(())
    });
}

/// What a session did before its transfer failed is written then, and nothing of sessions that do not fail.
#[test]
fn a_failure_brings_out_what_led_to_it() {
    let server = Server::builder()
        .set("telemetry.log", "json")
        .set("telemetry.session_ring", 16)
        .set("timeouts.data_connect", "1s")
        .start();
    session(&server);
    let mut wire = server.login();
    wire.ask("EPSV", 229);
    // Not ours to explain to an operator.
    wire.ask("RETR nothing", 550);
    wire.ask("EPSV", 229);
    wire.ask("LIST", 425);
    let log = wait::until("what was kept", || {
        let log = server.log();
        log.contains("\"ring\":true").then_some(log)
    });
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let failed = lines
        .iter()
        .position(|line| line["message"] == "the session failed, what was kept of it follows");
    let failed = failed.unwrap_or_else(|| panic!("{log}"));
    let kept: Vec<&Value> = lines.iter().filter(|line| line["ring"] == true).collect();
    assert!(kept.iter().all(|line| line["session"] == lines[failed]["session"]), "{log}");
    assert!(kept.iter().all(|line| line["trace_id"] == lines[failed]["trace_id"]), "{log}");
    assert_eq!(kept.iter().filter(|line| line["message"] == "passive port").count(), 2, "{log}");
    let answered = |command: &str, reply: u16| {
        let is = |line: &&Value| line["command"] == command && line["reply"] == reply;
        kept.iter().copied().any(|line| is(&line) && line["message"] == "command answered")
    };
    assert!(answered("RETR", 550) && answered("EPSV", 229), "{log}");
    assert_eq!(lines[failed]["user"], "alice");
    assert!(lines[failed + 1]["ring"] == true, "{log}");
}
