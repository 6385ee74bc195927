//! What clients send is not what operators read: no password, no control character, nothing without an end.

use flotilla_tests::{DEADLINE, PASSWORD, Server, Ssh, Wire};
use rustix::process::Signal;
use serde_json::Value;

use crate::arrived;
use crate::receiver::Receiver;

/// Odd clients come, and then everything that arrived is looked through.
#[test]
fn nothing_that_arrives_is_secret_or_moves_a_cursor() {
    let receiver = Receiver::start();
    let mut server = Server::builder()
        .ssh()
        .set("telemetry.otlp_endpoint", format!("http://{}", receiver.grpc()))
        .set("telemetry.otlp_protocol", "grpc")
        .set("telemetry.otlp_signals", ["traces", "metrics", "logs"])
        .set("telemetry.metrics_interval", "1s")
        .set("telemetry.level", "debug")
        .set("telemetry.sample", 1)
        .set("limits.ban_after", 0)
        .set("limits.login_attempts", 0)
        .start();
    guesses(server.connect());
    names(server.login());
    slips(server.connect());
    for (name, password) in
        [("alice", PASSWORD), ("alice", SSH_WRONG), ("b\u{1b}[31mob", SSH_WRONG)]
    {
        let client = Ssh::new(&server).user(name).password(password);
        let _ = client.sftp("ls\n").run();
    }
    server.signal(Signal::TERM);
    assert_eq!(server.wait(DEADLINE), Some(0));
    let requests = receiver.requests();
    for signal in ["traces", "metrics", "logs"] {
        let came = requests.iter().filter(|request| request["signal"] == signal);
        assert!(came.count() > 0, "no {signal} arrived");
    }
    let sessions = receiver.spans();
    let ended = |name: &str| sessions.iter().filter(|span| span.name == name).count();
    assert!(ended("ftp session") >= 3 && ended("ssh session") >= 2, "{sessions:#?}");
    requests.iter().for_each(inspect);
}

/// Every text in it.
fn inspect(request: &Value) {
    let mut texts = Vec::new();
    arrived::texts(&request["resources"], &mut texts);
    for text in texts {
        let told = SECRETS.iter().find(|secret| text.contains(**secret));
        assert_eq!(told, None, "{text:?} in {request}");
        assert!(!text.chars().any(char::is_control), "{text:?} in {request}");
        assert!(text.len() <= TEXT_BYTES_MAX, "{} bytes: {text:?}", text.len());
    }
}

/// Logins that fail: odd names, odd passwords, and both of them long.
fn guesses(mut wire: Wire) {
    let long = "n".repeat(4096);
    for name in
        ["\u{1b}[2Jmallory", "tab\there", "\u{9b}31mcsi", "del\u{7f}", "\u{202e}turned", &*long]
    {
        for password in [WRONG, "\u{1b}]0;hunter2\u{7}", &*format!("{}hunter2", "p".repeat(3000))] {
            wire.send(format!("USER {name}"));
            if wire.reply().code == 331 {
                wire.send(format!("PASS {password}"));
                wire.expect_any(&[530, 500, 501]);
            }
        }
    }
    // Bytes that are no UTF-8.
    wire.send(b"USER \xff\xfe\x01");
    wire.reply();
    wire.ask("QUIT", 221);
}

/// Paths with control characters, and long ones, in every command that takes one.
fn names(mut wire: Wire) {
    let long = "x".repeat(4000);
    let deep = "d/".repeat(1800);
    wire.send("CLNT \u{1b}[31mred\u{9b}0m".as_bytes());
    wire.reply();
    for path in ["a\u{1b}[2Jb", "tab\tname", "bell\u{7}", "\u{85}next", &*long, &*deep] {
        for verb in ["SIZE", "MDTM", "CWD", "MKD", "DELE", "RNFR", "MLST", "HASH"] {
            wire.send(format!("{verb} {path}"));
            wire.reply();
        }
        for verb in ["STOR", "RETR"] {
            let data = wire.open();
            wire.send(format!("{verb} {path}"));
            if wire.reply().code == 150 {
                data.finish(b"content").unwrap();
                wire.expect_any(&[226, 426, 451, 550, 553]);
            }
        }
    }
    wire.ask("QUIT", 221);
}

/// People type passwords where none belong.
fn slips(mut wire: Wire) {
    for line in
        [format!("PASS{WRONG}"), format!("PAS {WRONG}"), format!("ACCT {WRONG}"), WRONG.to_owned()]
    {
        wire.send(line);
        wire.reply();
    }
    wire.ask("USER alice", 331);
    wire.ask(format!("PASS {PASSWORD}"), 230);
    wire.ask("QUIT", 221);
}

const WRONG: &str = "correct-horse-battery";
const SSH_WRONG: &str = "staple-of-ssh";
const SECRETS: [&str; 4] = [PASSWORD, WRONG, SSH_WRONG, "hunter2"];
/// A kilobyte, and what says that there was more.
const TEXT_BYTES_MAX: usize = 1024 + 16;
