//! RFC 959, 4.1.1: access control commands, and 5.4: in which order they are answered.

use std::time::{Duration, Instant};

use flotilla_tests::{PASSWORD, Server, User, wait};

/// 5.4: a connection is greeted with 220; USER is answered 331, PASS 230.
#[test]
fn a_user_logs_in() {
    let server = Server::start();
    let mut wire = server.connect();
    wire.ask("USER alice", 331);
    wire.ask(format!("PASS {PASSWORD}"), 230);
    wire.ask("PWD", 257);
}

/// 5.3.1: verbs are the same in upper and lower case, and in any mixture.
#[test]
fn verbs_may_be_written_in_any_case() {
    let server = Server::start();
    let mut wire = server.connect();
    wire.ask("uSeR alice", 331);
    wire.ask(format!("pass {PASSWORD}"), 230);
    wire.ask("nOOp", 200);
}

/// 5.4: a wrong password is 530, and the connection is good for another attempt.
#[test]
fn a_wrong_password_is_refused_and_may_be_corrected() {
    let server = Server::start();
    let mut wire = server.connect();
    wire.ask("USER alice", 331);
    wire.ask("PASS wrong", 530);
    wire.ask("PWD", 530);
    wire.login("alice");
}

/// Nobody learns from the replies whether a name exists.
#[test]
fn an_unknown_user_is_answered_as_a_known_one() {
    let server = Server::start();
    let mut wire = server.connect();
    let known = (wire.ask("USER alice", 331).rest(), wire.ask("PASS wrong", 530).rest());
    let unknown = (wire.ask("USER nobody", 331).rest(), wire.ask("PASS wrong", 530).rest());
    assert_eq!(known.0.replace("alice", ""), unknown.0.replace("nobody", ""));
    assert_eq!(known.1, unknown.1);
}

/// 5.4: PASS without USER is out of sequence.
#[test]
fn a_password_needs_a_name_first() {
    let server = Server::start();
    server.connect().ask(format!("PASS {PASSWORD}"), 503);
}

/// 5.4: whatever touches files or data connections needs a login.
#[test]
fn nothing_is_done_before_the_login() {
    let server = Server::builder().file("a", "x").start();
    let mut wire = server.connect();
    for command in [
        "PWD",
        "CWD /",
        "CDUP",
        "LIST",
        "NLST",
        "MLSD",
        "MLST",
        "RETR a",
        "STOR b",
        "APPE a",
        "DELE a",
        "MKD d",
        "RMD d",
        "RNFR a",
        "SIZE a",
        "MDTM a",
        "REST 1",
        "PASV",
        "EPSV",
        "STOU",
        "STAT a",
        "SITE CHMOD 600 a",
        "HASH a",
        "MFMT 20200101000000 a",
        "TYPE I",
    ] {
        wire.ask(command, 530);
    }
    wire.ask("PORT 127,0,0,1,200,200", 530);
    assert_eq!(std::fs::read(server.file("a")).unwrap(), b"x");
}

/// 4.1.3: what tells of the server itself is there for everybody.
#[test]
fn the_server_tells_of_itself_before_the_login() {
    let server = Server::start();
    let mut wire = server.connect();
    wire.ask("NOOP", 200);
    assert!(wire.ask("SYST", 215).rest().starts_with("UNIX Type: L8"));
    wire.ask("HELP", 214);
    wire.ask("FEAT", 211);
    wire.ask("QUIT", 221);
}

/// 4.1.1: ACCT is superfluous here.
#[test]
fn an_account_is_superfluous() {
    let server = Server::start();
    server.login().ask("ACCT books", 202);
}

/// 4.1.1: REIN ends the login, keeps the connection and sets every parameter back.
#[test]
fn reinitialisation_starts_over() {
    let server = Server::builder().user(User::new("bob").set("home", "bob")).start();
    let mut wire = server.login();
    wire.ask("MKD /d", 257);
    wire.ask("CWD /d", 250);
    wire.ask("RNFR /d", 350);
    wire.ask("REIN", 220);
    wire.ask("PWD", 530);
    wire.ask("RNTO /e", 530);
    wire.login("bob");
    assert!(!wire.ask("PWD", 257).text().contains("\"/d\""));
    wire.ask("RNTO /e", 503);
}

/// 4.1.1: a second USER never leaves the session with the rights of one and the name of the other.
#[test]
fn a_second_user_command_changes_nothing_or_ends_the_login() {
    let server = Server::builder().user(User::new("bob")).start();
    let mut wire = server.login();
    match wire.ask_any("USER bob", &[331, 503, 530]).code {
        331 => {
            wire.ask("PWD", 530);
            wire.ask(format!("PASS {PASSWORD}"), 230);
        }
        _ => {
            wire.ask("PWD", 257);
        }
    }
}

/// 4.1.1: QUIT is answered 221, then the connection ends.
#[test]
fn quit_ends_the_connection() {
    let server = Server::start();
    let mut wire = server.login();
    wire.ask("QUIT", 221);
    wire.expect_end();
}

/// 4.1.3: STAT without an argument tells of the session.
#[test]
fn status_tells_of_the_session() {
    let server = Server::start();
    let status = server.login().ask("STAT", 211);
    assert!(status.text().contains("alice"), "{status:?}");
}

/// 4.1.3: HELP of a verb has its syntax; of an unknown one it says so.
#[test]
fn help_explains_a_verb() {
    let server = Server::start();
    let mut wire = server.login();
    assert!(wire.ask("HELP RETR", 214).text().contains("RETR"));
    assert!(wire.ask("HELP", 214).text().contains("MLSD"));
    wire.ask_any("HELP FROBNICATE", &[501, 502, 504]);
}

/// 4.2: an unknown verb is 500, one that is not for us 502, a wrong argument 501.
#[test]
fn what_is_not_understood_is_said_so() {
    let server = Server::start();
    let mut wire = server.login();
    wire.ask_any("FROB x", &[500, 502]);
    wire.ask("RETR", 501);
    wire.ask("REST many", 501);
    wire.ask("PORT 1,2,3", 501);
    wire.ask_any("SMNT /", &[500, 502]);
}

/// `limits.login_attempts`: the connection ends with the last allowed failure.
#[test]
fn guessing_ends_the_connection() {
    let server = Server::builder().set("limits.login_attempts", 3).start();
    let mut wire = server.connect();
    let mut refused = 0;
    loop {
        if wire.try_send_raw(b"USER alice\r\nPASS wrong\r\n").is_err() {
            break;
        }
        match wire.try_reply() {
            Ok(reply) if reply.code == 331 => {}
            _ => break,
        }
        match wire.try_reply() {
            Ok(reply) if matches!(reply.code, 530 | 421) => refused += 1,
            _ => break,
        }
        assert!(refused <= 3, "{wire}");
    }
    assert_eq!(refused, 3, "{wire}");
}

/// `timeouts.login`: who does not log in is told so and let go.
#[test]
fn a_login_has_a_deadline() {
    let server = Server::builder().set("timeouts.login", "1s").start();
    let begun = Instant::now();
    let mut wire = server.connect();
    wire.ask("USER alice", 331);
    wire.expect(421);
    wire.expect_end();
    assert!(begun.elapsed() >= Duration::from_millis(900));
}

/// `timeouts.idle`: 421 with the reason, then the end.
#[test]
fn an_idle_session_is_ended() {
    let server = Server::builder().set("timeouts.idle", "1s").start();
    let mut wire = server.login();
    let reply = wire.expect(421);
    assert!(reply.text().to_lowercase().contains("idle"), "{reply:?}");
    wire.expect_end();
}

/// Data bytes are activity: a transfer that lasts longer than the idle limit goes on.
#[test]
fn a_slow_transfer_is_not_idle() {
    let server = Server::builder().set("timeouts.idle", "1s").start();
    let mut wire = server.login();
    let mut data = wire.begin("STOR slow");
    let mut sent = 0;
    // Sessions that do nothing are the clock: the transfer outlives two of them.
    for _ in 0..2 {
        let mut idle = server.login();
        idle.stream().tcp().set_nonblocking(true).unwrap();
        wait::until("the end of an idle session", || {
            data.write(&[b'x'; 10]).unwrap();
            sent += 10;
            idle.stream().tcp().peek(&mut [0]).ok()
        });
        idle.stream().tcp().set_nonblocking(false).unwrap();
        idle.expect(421);
    }
    data.finish(b"").unwrap();
    wire.expect(226);
    assert_eq!(wire.size("slow"), sent);
}

/// `ftp.anonymous`: off by default; when on, any password will do and nothing can be changed.
#[test]
fn anonymous_is_off_by_default_and_else_reads_only() {
    let server = Server::start();
    let mut wire = server.connect();
    wire.ask_any("USER anonymous", &[331, 530]);
    wire.ask_any("PASS guest@example.org", &[503, 530]);
    drop(wire);

    let server = Server::builder().set("ftp.anonymous", true).file("a", "x").start();
    for name in ["anonymous", "ftp"] {
        let mut wire = server.connect();
        wire.ask(format!("USER {name}"), 331);
        wire.ask("PASS guest@example.org", 230);
        wire.ask("TYPE I", 200);
        assert_eq!(wire.fetch("a"), b"x");
        wire.ask("DELE a", 550);
        wire.ask("MKD d", 550);
        wire.ask("RNFR a", 550);
        wire.open();
        wire.ask_any("STOR b", &[532, 550, 553]);
    }
}

/// The text of `ftp.banner` greets.
#[test]
fn the_banner_is_as_configured() {
    let server = Server::builder().set("ftp.banner", "the house of files").start();
    let mut wire = flotilla_tests::Wire::connect(server.ftp());
    assert!(wire.expect(220).text().contains("the house of files"));
}
