use std::net::IpAddr;

use super::*;
use crate::id::Generation;
use crate::store::{
    ANSWERS_MAX, BanChange, Banned, Beat, Beaten, DEAD_AFTER_MS, Granted, MAIL_MS, QUARANTINE_MS,
    Registered, Score,
};

const START: u64 = 1_795_000_000_000;

fn beat(node: &str, sequence: u64) -> Beat {
    Beat {
        node: NodeId::new(node).unwrap(),
        generation: Generation(1),
        previous: Generation(0),
        fence: None,
        sequence,
        answered: 0,
        admitted: 0,
        published: 0,
        candidate: 7,
        pool: 0,
        record: Vec::new(),
        sessions: 0,
        stands: true,
        members: true,
        bans_known: 0,
        policy_known: 0,
        orders_done: 0,
        holds: None,
    }
}

fn beaten(state: &mut State, beat: Beat, now: u64) -> Beaten {
    match state.apply(Request::Beat(beat), now * 1000) {
        Reply::Beat(Registered::Yes(beaten)) => *beaten,
        other => panic!("{other:?}"),
    }
}

fn origin() -> IpAddr {
    IpAddr::from([192, 0, 2, 1])
}

fn score(ban_after: u32) -> Request {
    let (window_ms, ban_for_ms) = (1_000, 5_000);
    Request::Score(Score { origins: vec![origin()], ban_after, window_ms, ban_for_ms })
}

fn ban(for_ms: Option<u64>, manual: bool) -> Request {
    Request::Ban(BanChange { origin: origin(), for_ms, manual })
}

#[test]
fn no_failures_ban_where_none_shall() {
    let mut state = State::default();
    state.apply(score(0), START * 1000);
    assert_eq!(state.apply(Request::Bans, START * 1000), Reply::Bans(Vec::new()));
}

#[test]
fn failures_are_forgotten_with_their_window() {
    let mut state = State::default();
    state.apply(score(3), START * 1000);
    state.apply(Request::Tidy, (START + 999 + GARBAGE_AFTER_MS) * 1000);
    assert_eq!(state.scores.len(), 1);
    state.apply(Request::Tidy, (START + 1_000 + GARBAGE_AFTER_MS) * 1000);
    assert!(state.scores.is_empty());
}

#[test]
fn a_lifted_ban_is_told_until_it_would_have_ended() {
    let mut state = State::default();
    assert_eq!(state.apply(ban(Some(5_000), true), START * 1000), Reply::Changed(true));
    assert_eq!(state.apply(ban(None, true), START * 1000), Reply::Changed(true));
    assert_eq!(state.apply(ban(None, true), START * 1000), Reply::Changed(false));
    let told = Banned { origin: origin(), left_ms: 0, manual: true };
    assert_eq!(state.ban_news(1, START).changes, [told]);
    assert_eq!(state.ban_news(2, START).changes, []);
    state.apply(Request::Tidy, (START + 5_000) * 1000);
    assert!(state.bans.is_empty() && state.ban_changes.is_empty());
    assert_eq!(state.ban_news(0, START).number, 2);
}

#[test]
fn a_ban_that_is_over_leaves_nothing_to_the_next() {
    let mut state = State::default();
    state.apply(ban(Some(5_000), true), START * 1000);
    let now = START + 5_000;
    assert_eq!(state.apply(ban(Some(u64::MAX), false), now * 1000), Reply::Changed(true));
    let left_ms = crate::store::FOREVER_MS - now;
    let standing = Banned { origin: origin(), left_ms, manual: false };
    assert_eq!(state.apply(Request::Bans, now * 1000), Reply::Bans(vec![standing]));
    assert_eq!(state.bans.len(), state.ban_changes.len());
}

#[test]
fn an_overtaken_beat_makes_nobody_look_lost() {
    let mut state = State::default();
    let fence = Some(beaten(&mut state, beat("a", 1), START).fence);
    beaten(&mut state, Beat { fence, answered: 2, ..beat("a", 3) }, START);
    beaten(&mut state, Beat { fence, answered: 1, ..beat("a", 2) }, START);
    let next = beaten(&mut state, Beat { fence, answered: 3, ..beat("a", 4) }, START);
    assert!(!next.lost);
}

#[test]
fn answers_are_kept_for_a_while_and_not_without_bound() {
    let mut state = State::default();
    let answer = |body: &[u8]| Request::Answer { token: 9, body: body.to_vec() };
    state.apply(answer(b"old"), START * 1000);
    let now = START + MAIL_MS;
    state.apply(answer(b"new"), now * 1000);
    let new = Reply::Answers(vec![b"new".to_vec()]);
    assert_eq!(state.apply(Request::TakeAnswers(9), now * 1000), new);
    (0..=ANSWERS_MAX).for_each(|_| drop(state.apply(answer(b"x"), now * 1000)));
    let late = state.clone().apply(Request::TakeAnswers(9), (now + MAIL_MS) * 1000);
    assert_eq!(late, Reply::Answers(Vec::new()));
    match state.apply(Request::TakeAnswers(9), now * 1000) {
        Reply::Answers(answers) => assert_eq!(answers.len(), ANSWERS_MAX),
        other => panic!("{other:?}"),
    }
}

/// A store whose clock steps back by an hour: nothing lasts longer than it would have.
#[test]
fn a_clock_that_steps_back_holds_nobody_up_for_long() {
    let mut state = State::default();
    let first = beaten(&mut state, beat("a", 1), START);
    let now = START - 3_600_000;
    let second = beaten(&mut state, beat("b", 1), now);
    assert!(second.fence > first.fence);
    assert!(second.quarantine_ms <= QUARANTINE_MS);
    assert_eq!(second.leader.unwrap().node.as_str(), "a");
    let mut last = None;
    for sequence in 2..6 {
        let fence = Some(second.fence);
        let answered = sequence - 1;
        let at = now + 2_000 * answered;
        last = Some((at, beaten(&mut state, Beat { fence, answered, ..beat("b", sequence) }, at)));
    }
    let (now, last) = last.unwrap();
    assert_eq!((last.quarantine_ms, last.leader.unwrap().node.as_str()), (0, "b"));
    let of_first = last.members.iter().find(|member| member.fence == first.fence).unwrap();
    assert!(of_first.beat_ms_ago >= DEAD_AFTER_MS);
    let asking = crate::store::Identity {
        node: NodeId::new("b").unwrap(),
        generation: Generation(1),
        fence: second.fence,
    };
    let grant = Request::Grant { asking, blocks: 1, wanted: 1 };
    assert!(matches!(
        state.apply(grant, now * 1000),
        Reply::Granted(Granted::Blocks(blocks)) if blocks.len() == 1
    ));
}
