//! What the machine tells of commands that were answered.

use super::*;

/// The verb, the code, and when it was taken up, in seconds of the bench.
fn answered(bench: &mut Bench, start: Instant) -> Vec<(&'static str, u16, u64)> {
    let mut all = Vec::new();
    while let Some(Answered { verb, code, since }) = bench.session.poll_answered() {
        let verb = verb.map_or("", |verb| verb.info().name);
        all.push((verb, code, since.duration_since(start).as_secs()));
    }
    all
}

#[test]
fn a_command_is_told_once_with_its_final_reply_and_when_it_was_taken_up() {
    let mut bench = Bench::logged_in();
    let start = bench.now;
    answered(&mut bench, start);
    bench.begin("RETR a");
    bench.open();
    bench.now += Duration::from_secs(1);
    // Answered at once, in mid-transfer, and one that waits for its turn.
    bench.line("NOOP");
    bench.line("PWD");
    bench.now += Duration::from_secs(1);
    bench.answer(Outcome::TransferEnded(Ok(7)));
    bench.line("XYZ");
    let told =
        [("PASV", 227, 0), ("NOOP", 200, 1), ("RETR", 226, 0), ("PWD", 257, 2), ("", 500, 2)];
    assert_eq!(answered(&mut bench, start), told);
    assert_eq!(answered(&mut bench, start), []);
}

#[test]
fn auth_is_answered_before_its_handshake_and_once() {
    let mut bench = Bench::new();
    let start = bench.now;
    bench.line("AUTH TLS");
    assert!(matches!(bench.session.poll(), Some(Request::StartTls)));
    assert!(bench.said().starts_with("234"));
    bench.answer(Outcome::Secured(Ok(false)));
    bench.line("NOOP");
    assert_eq!(answered(&mut bench, start), [("AUTH", 234, 0), ("NOOP", 200, 0)]);
}

#[test]
fn those_that_nobody_takes_note_of_are_bounded() {
    let mut bench = Bench::logged_in();
    for _ in 0..10_000 {
        bench.say("NOOP");
    }
    let start = bench.now;
    assert_eq!(answered(&mut bench, start).len(), 4096);
}
