use std::time::Duration;

use super::*;
use crate::id::{Fence, Generation, NodeId};

#[expect(clippy::disallowed_methods, reason = "the one way to a first instant")]
fn start() -> Instant {
    Instant::now()
}

fn identity() -> Identity {
    Identity { node: NodeId::new("a").unwrap(), generation: Generation(1), fence: Fence(7) }
}

fn applicant(user: &str, last: u8) -> Applicant {
    Applicant { user: user.into(), account_sessions: 0, address: [192, 0, 2, last].into() }
}

fn limits(sessions: u32, per_user: u32) -> Limits {
    Limits { sessions, per_user, ..Limits::default() }
}

fn shared(limits: Limits) -> Ledger {
    let mut ledger = Ledger::new(limits, false, 1);
    ledger.on_store_back(true);
    let _ = ledger.poll(&identity(), start());
    ledger.on_verdicts(Some(&[]), start());
    ledger
}

#[test]
fn a_node_that_is_alone_decides_at_once() {
    let mut ledger = Ledger::new(limits(1, 0), true, 1);
    let Answer::Now(Ok(slot)) = ledger.admit(applicant("ann", 1), start()) else { panic!() };
    let Answer::Now(Err(denied)) = ledger.admit(applicant("bob", 2), start()) else { panic!() };
    assert_eq!(denied.to_string(), "limits.sessions = 1 is reached");
    ledger.release(slot);
    assert_eq!(ledger.poll(&identity(), start()), None);
}

#[test]
fn logins_without_a_limit_ask_nobody() {
    let mut ledger = shared(Limits::default());
    assert!(matches!(ledger.admit(applicant("ann", 1), start()), Answer::Now(Ok(_))));
    let account = Applicant { account_sessions: 3, ..applicant("ann", 1) };
    assert!(matches!(ledger.admit(account, start()), Answer::Later(_)));
}

#[test]
fn one_request_is_under_way_and_says_what_is() {
    let now = start();
    let mut ledger = shared(limits(10, 2));
    let Answer::Later(first) = ledger.admit(applicant("ann", 1), now) else { panic!() };
    let admit = ledger.poll(&identity(), start()).unwrap();
    assert_eq!((admit.sessions, admit.logins.len(), admit.sequence), (0, 1, 2));
    assert_eq!(admit.logins[0].user, store::Ledger { key: user_key("ann"), count: 0 });
    assert!(admit.logins[0].origin.key.is_empty(), "nothing limits it");
    let Answer::Later(second) = ledger.admit(applicant("ann", 1), now) else { panic!() };
    assert_eq!(ledger.poll(&identity(), start()), None);
    let mut decided = ledger.on_verdicts(Some(&[Verdict::In { sessions: 4 }]), now);
    let (ticket, Ok(slot)) = decided.remove(0) else { panic!() };
    assert_eq!((ticket, ledger.sessions()), (first, 1));
    let admit = ledger.poll(&identity(), start()).unwrap();
    assert_eq!((admit.sessions, admit.logins[0].user.count), (1, 1));
    let decided = ledger.on_verdicts(Some(&[Verdict::Full(Full::PerUser)]), now);
    assert_eq!(decided[0].0, second);
    let denied = decided[0].1.as_ref().unwrap_err();
    assert_eq!(denied.to_string(), "limits.per_user = 2 is reached");
    // The end of a session is told without being asked.
    ledger.release(slot);
    let admit = ledger.poll(&identity(), start()).unwrap();
    assert_eq!((admit.logins.len(), admit.sessions), (0, 0));
    assert!(admit.counts.contains(&store::Ledger { key: user_key("ann"), count: 0 }));
}

#[test]
fn after_an_unknown_outcome_the_store_is_told_what_is() {
    let now = start();
    let mut ledger = shared(limits(0, 5));
    let Answer::Later(_) = ledger.admit(applicant("ann", 1), now) else { panic!() };
    let _ = ledger.poll(&identity(), start());
    let decided = ledger.on_verdicts(None, now);
    assert!(decided[0].1.is_ok(), "its share lets it in");
    ledger.on_store_away(now);
    assert_eq!(ledger.poll(&identity(), start()), None);
    ledger.on_store_back(false);
    let admit = ledger.poll(&identity(), start()).unwrap();
    assert!(admit.counts.contains(&store::Ledger { key: user_key("ann"), count: 1 }));
}

/// Of a full pool, all counts of all nodes keep a store busy for seconds: it would not come back.
#[test]
fn only_a_store_that_forgot_is_told_everything() {
    let now = start();
    let mut ledger = shared(limits(0, 5));
    for user in ["ann", "bob"] {
        let Answer::Later(_) = ledger.admit(applicant(user, 1), now) else { panic!() };
    }
    let _ = ledger.poll(&identity(), start());
    let in_ = Verdict::In { sessions: 0 };
    let decided = ledger.on_verdicts(Some(&[in_, in_]), now);
    assert!(decided.iter().all(|(_, result)| result.is_ok()));
    ledger.on_store_away(now);
    let Answer::Now(Ok(_)) = ledger.admit(applicant("eve", 1), now) else { panic!() };
    ledger.on_store_back(false);
    let eve = store::Ledger { key: user_key("eve"), count: 1 };
    assert_eq!(ledger.poll(&identity(), start()).unwrap().counts, [eve]);
    ledger.on_verdicts(Some(&[]), now);
    assert_eq!(ledger.answered(), 3, "what it should know of");
    ledger.set_limits(limits(0, 6));
    assert_eq!(ledger.poll(&identity(), start()).unwrap().counts, [], "they are counted already");
    ledger.on_verdicts(Some(&[]), now);
    ledger.on_store_back(true);
    assert_eq!(ledger.answered(), 0);
    assert_eq!(ledger.poll(&identity(), start()).unwrap().counts.len(), 3);
}

/// A flushed store hears of everything from all nodes at once, and has to answer logins meanwhile.
#[test]
fn parts_of_many_counts_leave_the_store_time_for_others() {
    let now = start();
    let mut ledger = shared(Limits::default());
    for user in 0..COUNTS_MAX * 2 + 1 {
        let Answer::Now(Ok(_)) = ledger.admit(applicant(&format!("{user}"), 1), now) else {
            panic!()
        };
    }
    ledger.set_limits(limits(0, 5));
    let took = Duration::from_millis(10);
    assert_eq!(ledger.poll(&identity(), now).unwrap().counts.len(), COUNTS_MAX);
    assert_eq!(ledger.next(), None);
    ledger.on_verdicts(Some(&[]), now + took);
    let rested = now + took + RESTS * took;
    assert_eq!(ledger.next(), Some(rested));
    assert_eq!(ledger.poll(&identity(), rested - took), None);
    // A login does not wait, and does not take the part with it.
    let Answer::Later(_) = ledger.admit(applicant("ann", 1), now) else { panic!() };
    let admit = ledger.poll(&identity(), rested - took).unwrap();
    assert_eq!((admit.logins.len(), admit.counts.len()), (1, 2));
    ledger.on_verdicts(Some(&[Verdict::In { sessions: 0 }]), rested - took);
    assert_eq!(ledger.next(), Some(rested));
    assert_eq!(ledger.poll(&identity(), rested).unwrap().counts.len(), COUNTS_MAX - 1);
    ledger.on_verdicts(Some(&[]), rested + took);
    assert_eq!(ledger.poll(&identity(), rested + took), None);
}

#[test]
fn away_from_the_store_a_node_admits_its_share_of_what_is_left() {
    let now = start();
    let mut ledger = shared(limits(50, 0));
    ledger.set_pool(3, 20);
    ledger.on_store_away(now);
    let admitted = (0..50)
        .map(|_| ledger.admit(applicant("ann", 1), now))
        .take_while(|answer| matches!(answer, Answer::Now(Ok(_))))
        .count();
    assert_eq!(admitted, 10, "a third of what is left");
    let Answer::Now(Err(denied)) = ledger.admit(applicant("ann", 1), now) else { panic!() };
    assert_eq!(
        denied.to_string(),
        "limits.sessions = 50 is reached (this node's share while the pool's store is away: 10)"
    );
}

#[test]
fn users_and_the_login_rate_have_shares_too() {
    let now = start();
    let limits = Limits { per_user: 4, logins_per_second: 9, ..Limits::default() };
    let mut ledger = shared(limits);
    ledger.set_pool(3, 0);
    ledger.on_store_away(now);
    let mut slots = Vec::new();
    for _ in 0..2 {
        let Answer::Now(Ok(slot)) = ledger.admit(applicant("ann", 1), now) else { panic!() };
        slots.push(slot);
    }
    let Answer::Now(Err(denied)) = ledger.admit(applicant("ann", 1), now) else { panic!() };
    assert_eq!((denied.key, denied.limit, denied.share), ("limits.per_user", 4, Some(2)));
    let Answer::Now(Ok(_slot)) = ledger.admit(applicant("bob", 1), now) else { panic!() };
    let Answer::Now(Err(denied)) = ledger.admit(applicant("eve", 1), now) else { panic!() };
    assert_eq!((denied.key, denied.share), ("limits.logins_per_second", Some(3)));
    let later = now + Duration::from_secs(1);
    assert!(matches!(ledger.admit(applicant("eve", 1), later), Answer::Now(Ok(_))));
}

#[test]
fn what_waits_is_bounded_and_never_stranded() {
    let now = start();
    let mut ledger = shared(limits(1_000_000, 0));
    for _ in 0..WAITING_MAX {
        assert!(matches!(ledger.admit(applicant("ann", 1), now), Answer::Later(_)));
    }
    assert_eq!(ledger.admit(applicant("ann", 1), now), Answer::Busy);
    assert!(ledger.take_stranded(now).is_empty());
    ledger.on_store_away(now);
    assert_eq!(ledger.take_stranded(now).len(), WAITING_MAX);
}

#[test]
fn new_limits_are_counted_from_the_start() {
    let now = start();
    let mut ledger = shared(Limits::default());
    let Answer::Now(Ok(_slot)) = ledger.admit(applicant("ann", 1), now) else { panic!() };
    ledger.set_limits(Limits { per_address: 3, ..Limits::default() });
    let admit = ledger.poll(&identity(), start()).unwrap();
    let origin = origin_key([192, 0, 2, 1].into());
    assert!(admit.counts.contains(&store::Ledger { key: origin, count: 1 }));
}

/// A logout whose telling failed: the store would count it for ever.
#[test]
fn what_ended_while_the_store_did_not_answer_is_told_when_it_does() {
    let now = start();
    let mut ledger = shared(limits(0, 1));
    let Answer::Later(_) = ledger.admit(applicant("ann", 1), now) else { panic!() };
    let _ = ledger.poll(&identity(), start());
    let mut decided = ledger.on_verdicts(Some(&[Verdict::In { sessions: 0 }]), now);
    ledger.release(decided.remove(0).1.unwrap());
    let nothing = store::Ledger { key: user_key("ann"), count: 0 };
    assert_eq!(ledger.poll(&identity(), start()).unwrap().counts, std::slice::from_ref(&nothing));
    ledger.on_verdicts(None, now);
    ledger.on_store_back(false);
    assert_eq!(ledger.poll(&identity(), start()).unwrap().counts, [nothing]);
    ledger.on_verdicts(Some(&[]), now);
    assert_eq!(ledger.poll(&identity(), start()), None);
}

/// A limit that is lifted and set again: what ended in between counts no more.
#[test]
fn what_ended_while_there_was_no_limit_is_told() {
    let now = start();
    let mut ledger = shared(limits(0, 5));
    let Answer::Later(_) = ledger.admit(applicant("ann", 1), now) else { panic!() };
    let _ = ledger.poll(&identity(), start());
    let mut decided = ledger.on_verdicts(Some(&[Verdict::In { sessions: 0 }]), now);
    ledger.set_limits(Limits::default());
    let _ = ledger.poll(&identity(), start());
    ledger.on_verdicts(Some(&[]), now);
    ledger.release(decided.remove(0).1.unwrap());
    let nothing = store::Ledger { key: user_key("ann"), count: 0 };
    assert_eq!(ledger.poll(&identity(), start()).unwrap().counts, [nothing]);
}

#[test]
fn a_limit_that_is_set_while_the_store_is_away_leaves_room() {
    let now = start();
    let mut ledger = Ledger::new(Limits::default(), false, 2);
    ledger.set_limits(limits(10, 0));
    let admitted = (0..10)
        .map(|_| ledger.admit(applicant("ann", 1), now))
        .take_while(|answer| matches!(answer, Answer::Now(Ok(_))));
    assert_eq!(admitted.count(), 5);
}

/// What the store lets in and the share does not, the store counts until it hears of it.
#[test]
fn when_the_store_is_back_the_share_holds_as_well_for_a_while() {
    let now = start();
    let mut ledger = shared(Limits { sessions: 9, per_user: 4, ..Limits::default() });
    ledger.set_pool(3, 0);
    ledger.on_store_away(now);
    let until = now + Duration::from_secs(6);
    ledger.keep_to_share(until);
    ledger.on_store_back(false);
    let rush = |ledger: &mut Ledger, users: &[&str], at| -> Vec<_> {
        for user in users {
            let Answer::Later(_) = ledger.admit(applicant(user, 1), at) else { panic!() };
        }
        let _ = ledger.poll(&identity(), at).unwrap();
        let verdicts = vec![Verdict::In { sessions: 1 }; users.len()];
        let decided = ledger.on_verdicts(Some(&verdicts), at);
        let shares = decided.into_iter().map(|(_, result)| result.err());
        shares.map(|denied| denied.map(|denied| (denied.key, denied.share.unwrap()))).collect()
    };
    let (of_user, of_all) = (Some((PER_USER, 2)), Some((SESSIONS, 3)));
    let users = ["ann", "ann", "ann", "bob", "eve"];
    assert_eq!(rush(&mut ledger, &users, now), [None, None, of_user, None, of_all]);
    let admit = ledger.poll(&identity(), now).unwrap();
    assert_eq!(admit.sessions, 3);
    for (user, count) in [("ann", 2), ("bob", 1), ("eve", 0)] {
        assert!(admit.counts.contains(&store::Ledger { key: user_key(user), count }), "{user}");
    }
    ledger.on_verdicts(Some(&[]), now);
    // What is known of the others is still of before: the share does not grow by going away again.
    ledger.set_pool(3, 0);
    ledger.on_store_away(now);
    let Answer::Now(Err(denied)) = ledger.admit(applicant("eve", 1), now) else { panic!() };
    assert_eq!((denied.key, denied.share), of_all.map(|(key, share)| (key, Some(share))).unwrap());
    ledger.on_store_back(false);
    assert_eq!(rush(&mut ledger, &["ann", "eve"], until), [None, None]);
}
