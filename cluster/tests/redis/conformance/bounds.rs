//! What is bounded, up to its bound and past it; and what is forgotten, to the last byte.

use std::collections::BTreeSet;
use std::net::IpAddr;

use flotilla_cluster::admission::Limits;
use flotilla_cluster::id::Fence;
use flotilla_cluster::ledger::origin_key;
use flotilla_cluster::store::{
    ANSWERS_MAX, Admit, BAN_NEWS_MAX, BANS_MAX, BanChange, Beat, Ledger, MAIL_MS, ORDERS_MAX,
    Publish, RECLAIM_AFTER_MS, Registered, Reply, Request, Score, Verdict,
};

use super::{Pair, with_pair};
use crate::support::{beat, identity, login, node};

/// A beat, and the fence that it is known by from then on.
async fn beats(pair: &mut Pair<'_>, beat: Beat) -> Fence {
    match pair.ask(Request::Beat(beat)).await {
        Reply::Beat(Registered::Yes(beaten)) => beaten.fence,
        other => panic!("{other:?}"),
    }
}

fn nth(number: usize) -> IpAddr {
    IpAddr::from((0x0a00_0000 + u32::try_from(number).unwrap()).to_be_bytes())
}

/// Failures that ban each at once.
fn bans(from: usize, count: usize, ban_for_ms: u64) -> Request {
    let origins = (from..from + count).map(nth).collect();
    Request::Score(Score { origins, ban_after: 1, window_ms: 10_000, ban_for_ms })
}

#[test]
fn answers_and_orders() {
    with_pair(async |pair| {
        for number in 0..=ANSWERS_MAX {
            let body = number.to_string().into_bytes();
            pair.ask(Request::Answer { token: 1, body }).await;
        }
        let Reply::Answers(answers) = pair.ask(Request::TakeAnswers(1)).await else { panic!() };
        assert_eq!(answers.len(), ANSWERS_MAX);
        for number in 0..ORDERS_MAX + 3 {
            let order = number.to_string().into_bytes();
            pair.ask(Request::Order { to: vec![node("a")], order }).await;
        }
        beats(pair, beat("a")).await;
    });
}

/// To the last millisecond of its time, and to the first one after it.
#[test]
fn mail_at_its_end() {
    let end_us = i64::try_from(MAIL_MS).unwrap() * 1_000;
    with_pair(async |pair| {
        for late_us in [-1_000, 0] {
            let order = |text: &str| Request::Order {
                to: vec![node("a")],
                order: text.as_bytes().to_vec(),
            };
            pair.ask(order("first")).await;
            pair.wait(end_us + late_us);
            pair.ask(order("second")).await;
            beats(pair, beat("a")).await;
            pair.wait(end_us + late_us);
            beats(pair, beat("a")).await;

            let answer = |text: &str| Request::Answer { token: 1, body: text.as_bytes().to_vec() };
            pair.ask(answer("first")).await;
            pair.wait(end_us + late_us);
            pair.ask(answer("second")).await;
            pair.wait(end_us + late_us);
            pair.ask(Request::TakeAnswers(1)).await;
        }
    });
}

/// The first failure counts for just less than the window, and is forgotten a while later.
#[test]
fn failures_at_the_end_of_their_window() {
    let failure = || {
        let origins = vec![nth(0)];
        Request::Score(Score { origins, ban_after: 2, window_ms: 10_000, ban_for_ms: 1_000 })
    };
    with_pair(async |pair| {
        for wait_us in [10_000_000, 9_999_000] {
            pair.ask(failure()).await;
            pair.wait(wait_us);
            pair.ask(failure()).await;
            pair.ask(Request::Bans).await;
            pair.wait(60_000_000);
        }
        pair.ask(failure()).await;
        let left_ms: u64 = redis::cmd("PTTL")
            .arg(format!("flotilla:{{main}}:f:{}", nth(0)))
            .query(&mut pair.server.operator())
            .unwrap();
        assert!((10_000..100_000).contains(&left_ms), "{left_ms}");
    });
}

/// Tags begin again after sixteen million, and leave out those that are in use.
#[test]
fn tags_are_given_to_one_node_each() {
    with_pair(async |pair| {
        let mut fences = Vec::new();
        for name in ["a", "b"] {
            fences.push((name, beats(pair, beat(name)).await));
        }
        pair.server.command(&["SET", "flotilla:{main}:tag", "16777215"]);
        for name in ["c", "d"] {
            fences.push((name, beats(pair, beat(name)).await));
        }
        let limits = Limits { sessions: 99, ..Limits::default() };
        for (name, fence) in fences {
            let (identity, logins) = (identity(name, fence), vec![login("ann", [192, 0, 2, 1])]);
            let (sequence, sessions, counts) = (1, 3, Vec::new());
            let admit = Admit { identity, sequence, sessions, counts, logins, limits };
            pair.ask(Request::Admit(admit)).await;
        }
        let mut operator = pair.server.operator();
        let tags: u64 = redis::cmd("ZCARD").arg("flotilla:{main}:hb").query(&mut operator).unwrap();
        assert_eq!(tags, 4);
    });
}

/// More counts than one round of tidying looks at.
#[test]
fn a_crowd_is_forgotten_in_parts() {
    with_pair(async |pair| {
        let fence = beats(pair, beat("a")).await;
        let counts = (0..6_000).map(|number| Ledger { key: origin_key(nth(number)), count: 1 });
        let identity = identity("a", fence);
        let admit = Admit {
            identity: identity.clone(),
            sequence: 1,
            sessions: 6_000,
            counts: counts.collect(),
            logins: Vec::new(),
            limits: Limits::default(),
        };
        pair.ask(Request::Admit(admit)).await;
        pair.ask(Request::Leave(identity)).await;
        let mut left = Vec::new();
        for _ in 0..60 {
            pair.ask(Request::Tidy).await;
            let buckets: u64 = redis::cmd("HLEN")
                .arg("flotilla:{main}:u")
                .query(&mut pair.server.operator())
                .unwrap();
            left.push(buckets);
            if buckets == 0 {
                break;
            }
        }
        assert!(left.len() > 2 && left.last() == Some(&0), "{left:?}");
    });
}

/// News come in parts, and a table that is full takes no more until some are over.
#[test]
fn bans_of_a_pool() {
    with_pair(async |pair| {
        // Ends while the others stand.
        pair.ask(bans(0, 2 * BAN_NEWS_MAX, 5_000)).await;
        for known in [0, 1, BAN_NEWS_MAX - 1, BAN_NEWS_MAX, BAN_NEWS_MAX + 1, 2 * BAN_NEWS_MAX] {
            let bans_known = u64::try_from(known).unwrap();
            beats(pair, Beat { bans_known, ..beat("a") }).await;
        }
        for from in (2 * BAN_NEWS_MAX..BANS_MAX).step_by(8_000) {
            pair.ask(bans(from, 8_000.min(BANS_MAX - from), 60_000)).await;
        }
        let one_more = |number| {
            Request::Ban(BanChange { origin: nth(number), for_ms: Some(60_000), manual: true })
        };
        assert_eq!(pair.ask(one_more(BANS_MAX)).await, Reply::Changed(false));
        // Longer bans of those who are in it already are no question of room.
        assert_eq!(pair.ask(one_more(0)).await, Reply::Changed(true));
        pair.wait(5_000_000);
        for number in [BANS_MAX, BANS_MAX + 1, BANS_MAX + 2] {
            assert_eq!(pair.ask(one_more(number)).await, Reply::Changed(true));
        }
    });
}

/// A node that was paused for so long that it was forgotten comes back by its fence, and finds nothing.
#[test]
fn the_forgotten_come_back_empty() {
    with_pair(async |pair| {
        let paused = beats(pair, beat("paused")).await;
        let awake = beats(pair, beat("awake")).await;
        let login = || vec![login("ann", [192, 0, 2, 1])];
        let limits = Limits { sessions: 9, per_user: 1, per_address: 1, ..Limits::default() };
        let admit = |name, fence, sequence| {
            let (identity, logins, counts) = (identity(name, fence), login(), Vec::new());
            Request::Admit(Admit { identity, sequence, sessions: 0, counts, logins, limits })
        };
        let full = pair.ask(admit("paused", paused, 1)).await;
        assert_eq!(full, Reply::Verdicts(vec![Verdict::In { sessions: 1 }]));
        let changed = vec![(1, b"record".to_vec())];
        let fence = paused;
        pair.ask(Request::Publish(Publish {
            fence,
            sequence: 1,
            anew: true,
            changed,
            ended: Vec::new(),
        }))
        .await;
        for sequence in 2..2 + RECLAIM_AFTER_MS / 3_000 {
            pair.wait(3_000_000);
            let (answered, fence) = (sequence - 1, Some(awake));
            beats(pair, Beat { sequence, answered, fence, ..beat("awake") }).await;
        }
        pair.ask(Request::Tidy).await;
        assert_eq!(beats(pair, Beat { fence: Some(paused), ..beat("paused") }).await, paused);
        let sessions = pair.ask(Request::Sessions { fence: paused, cursor: 0 }).await;
        assert_eq!(sessions, Reply::Sessions { sessions: Vec::new(), cursor: 0 });
        let verdicts = pair.ask(admit("awake", awake, 1)).await;
        assert_eq!(verdicts, Reply::Verdicts(vec![Verdict::In { sessions: 1 }]));
        // What waits to be deleted is not what it says from now on.
        let changed = vec![(2, b"new".to_vec())];
        let publish = Publish { fence, sequence: 1, anew: false, changed, ended: Vec::new() };
        pair.ask(Request::Publish(publish)).await;
        pair.ask(Request::Tidy).await;
        pair.ask(Request::Sessions { fence: paused, cursor: 0 }).await;
    });
}

/// Nodes end in every way that there is, and leave nothing behind.
#[test]
fn nothing_is_left_of_the_forgotten() {
    with_pair(async |pair| {
        let mut fences = Vec::new();
        for (name, user) in [("left", "ann"), ("dead", "bob"), ("new", "eve"), ("alive", "joe")] {
            let fence = beats(pair, beat(name)).await;
            fences.push(fence);
            let changed = vec![(1, b"record".to_vec())];
            pair.ask(Request::Publish(Publish {
                fence,
                sequence: 1,
                anew: true,
                changed,
                ended: Vec::new(),
            }))
            .await;
            pair.ask(Request::Admit(Admit {
                identity: identity(name, fence),
                sequence: 1,
                sessions: 0,
                counts: Vec::new(),
                logins: vec![login(user, [192, 0, 2, 1])],
                limits: Limits::default(),
            }))
            .await;
            pair.ask(Request::Configure { node: node(name), settings: b"{}".to_vec() }).await;
            pair.ask(Request::Order { to: vec![node(name)], order: b"order".to_vec() }).await;
        }
        pair.ask(Request::Leave(identity("left", fences[0]))).await;
        let generation = flotilla_cluster::id::Generation(2);
        let previous = flotilla_cluster::id::Generation(1);
        fences[2] = beats(pair, Beat { generation, previous, ..beat("new") }).await;
        // The others stay until "dead" is dead for so long that it is forgotten.
        for sequence in 2..2 + RECLAIM_AFTER_MS / 3_000 {
            pair.wait(3_000_000);
            let answered = sequence - 1;
            let fence = Some(fences[3]);
            beats(pair, Beat { sequence, answered, fence, ..beat("alive") }).await;
            let fence = Some(fences[2]);
            beats(pair, Beat { generation, previous, fence, ..beat("new") }).await;
        }
        // The first one forgets, the second one deletes what that left.
        pair.ask(Request::Tidy).await;
        pair.ask(Request::Tidy).await;
        pair.ask(Request::Configurations).await;

        let mut operator = pair.server.operator();
        let keys: BTreeSet<String> =
            redis::cmd("KEYS").arg("flotilla:{main}:s:*").query(&mut operator).unwrap();
        assert_eq!(keys, BTreeSet::from([format!("flotilla:{{main}}:s:{}", fences[3])]));
        for (key, size, command) in [
            ("nodes", 2, "HLEN"),
            ("t", 2, "HLEN"),
            ("hb", 2, "ZCARD"),
            ("n", 2, "HLEN"),
            // Of one that had logins: the last admission and the last publication.
            ("adm", 2, "HLEN"),
            ("u", 2, "HLEN"),
            ("cfg", 2, "HLEN"),
            ("gone", 0, "SCARD"),
        ] {
            let key = format!("flotilla:{{main}}:{key}");
            let left: u64 = redis::cmd(command).arg(&key).query(&mut operator).unwrap();
            assert_eq!(left, size, "{key}");
        }
        let origins: Vec<u8> = redis::cmd("HVALS")
            .arg("flotilla:{main}:u")
            .query::<Vec<Vec<u8>>>(&mut operator)
            .unwrap()
            .concat();
        // One user and one address: key, tag, count.
        assert_eq!(origins.len(), 8 + 6 + 4 + 6);
    });
}
