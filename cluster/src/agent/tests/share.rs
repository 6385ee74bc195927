//! Limits when the store comes back.

use super::*;

impl Bench {
    /// Time goes by, in which the other node `b` beats.
    fn pass_with_other(&mut self, seconds: u64) {
        for _ in 0..seconds {
            let beat = Request::Beat(self.foreign_beat());
            self.store.apply(beat, (START_MS + self.now_ms) * 1000);
            self.pass(1_000);
        }
    }

    /// So many logins at once: how many are let in, and what the others are told.
    fn rush(&mut self, logins: u32) -> (usize, Vec<Denied>) {
        self.events.clear();
        for _ in 0..logins {
            let applicant =
                Applicant { user: "ann".into(), account_sessions: 0, address: address(1) };
            let answer = self.agent.admit(applicant, self.now());
            assert!(matches!(answer, Answer::Later(_)), "the store is asked: {answer:?}");
        }
        self.run();
        let decided = self.events.drain(..).filter_map(|event| match event {
            Event::Decided { result, .. } => Some(result.err()),
            _ => None,
        });
        let (denied, admitted): (Vec<_>, Vec<_>) = decided.partition(Option::is_some);
        (admitted.len(), denied.into_iter().flatten().collect())
    }
}

fn pool() -> Bench {
    let limits = Limits { sessions: 6, ..Limits::default() };
    let mut bench = Bench::with(|setup| setup.limits = limits);
    bench.pass_with_other(10);
    assert_eq!(bench.agent.view().alive().count(), 2);
    bench
}

/// The other node had no session when the store went away. What it admitted since, it has not told yet.
#[test]
fn a_store_that_is_back_decides_alone_when_all_have_told_what_they_admitted() {
    for (away_ms, held_ms) in [(2_000, 3_000), (20_000, 6_000)] {
        let mut bench = pool();
        bench.up = false;
        bench.pass(away_ms);
        assert!(!bench.agent.is_fine());
        bench.up = true;
        while !bench.agent.is_fine() {
            bench.pass(50);
        }
        bench.pass(held_ms - 100);
        let (admitted, denied) = bench.rush(4);
        let share = Denied { key: crate::admission::SESSIONS, limit: 6, share: Some(3) };
        assert_eq!((admitted, denied), (3, vec![share]), "away for {away_ms} ms");
        bench.pass(100);
        let (admitted, denied) = bench.rush(4);
        assert_eq!((admitted, denied[0].share), (3, None), "who was refused does not count");
    }
}

/// Nobody admitted anything meanwhile.
#[test]
fn a_pool_that_was_just_made_has_its_whole_limit() {
    let limits = Limits { sessions: 6, ..Limits::default() };
    let mut bench = Bench::with(|setup| setup.limits = limits);
    bench.pass_with_other(3);
    assert_eq!(bench.rush(6).0, 6);
}

/// It was away, and the store was not.
#[test]
fn a_node_that_starts_has_the_whole_limit() {
    let mut bench = pool();
    let (generation, previous, nodes) = (Generation(2), Generation(1), 2);
    let setup = Setup { generation, previous, nodes, ..bench.agent.setup.clone() };
    bench.agent = Agent::new(setup, bench.now());
    assert_eq!(bench.agent.share().sessions, 3, "until there is a store");
    bench.run();
    assert_eq!(bench.rush(6).0, 6);
}
