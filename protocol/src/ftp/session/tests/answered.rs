use super::*;
use crate::ftp::Verb;

/// Verbs and codes since the last time.
fn told(bench: &mut Bench) -> Vec<(&'static str, u16)> {
    let answers = std::iter::from_fn(|| bench.session.poll_answered());
    let name = |verb: Option<Verb>| verb.map_or("other", |verb| verb.info().name);
    answers.map(|answered| (name(answered.verb), answered.code)).collect()
}

#[test]
fn every_command_is_told_once_with_its_final_reply() {
    let mut bench = Bench::new();
    bench.log_in();
    assert_eq!(told(&mut bench), [("USER", 331), ("PASS", 230)]);
    bench.line("FEAT");
    bench.line("frob");
    bench.line("retr");
    assert_eq!(told(&mut bench), [("FEAT", 211), ("other", 500), ("RETR", 501)]);
    bench.line("QUIT");
    assert_eq!(told(&mut bench), [("QUIT", 221)]);
}

#[test]
fn what_is_under_way_is_not_answered() {
    let mut bench = Bench::logged_in();
    bench.begin("stor a");
    bench.open();
    let before = told(&mut bench);
    assert!(before.iter().all(|(verb, _)| *verb != "STOR"), "{before:?}");
    bench.line("NOOP");
    bench.line("PWD");
    assert_eq!(told(&mut bench), [("NOOP", 200)]);
    bench.answer(Outcome::TransferEnded(Ok(1)));
    assert_eq!(told(&mut bench), [("STOR", 226), ("PWD", 257)]);
    bench.said();
    bench.begin("stor a");
    bench.open();
    told(&mut bench);
    bench.line("ABOR");
    assert!(told(&mut bench).is_empty());
    bench.answer(Outcome::TransferEnded(Err(Failure::Aborted)));
    assert_eq!(told(&mut bench), [("STOR", 426), ("ABOR", 226)]);
}

#[test]
fn an_owner_who_takes_no_note_costs_no_memory_without_end() {
    let mut bench = Bench::logged_in();
    for _ in 0..10_000 {
        bench.line("NOOP");
        bench.said();
    }
    assert_eq!(told(&mut bench).len(), 4096);
}
