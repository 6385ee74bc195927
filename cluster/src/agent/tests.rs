mod ports;
mod share;

use std::time::Duration;

use super::*;
use crate::keepalive::{Balancer, Keepalive, Path, Resets, Timer, decide};
use crate::policy::{KEEPALIVE_SINCE, POLICY_VERSION};
use crate::store::{BanChange, Registered, Score, State};

#[expect(clippy::disallowed_methods, reason = "the one way to a first instant")]
fn start() -> Instant {
    Instant::now()
}

/// One agent and a store, with a clock for both.
struct Bench {
    agent: Agent,
    store: State,
    start: Instant,
    now_ms: u64,
    /// Whether the store answers.
    up: bool,
    /// What fails although it does.
    failing: Option<Lane>,
    failed: u32,
    events: Vec<Event>,
}

impl Bench {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Setup)) -> Self {
        let start = start();
        let rules = Rules {
            ban_after: 2,
            ban_window: Duration::from_secs(60),
            ban_for: Duration::from_secs(600),
            exempt: Vec::new(),
        };
        let mut setup = Setup {
            node: NodeId::new("a").unwrap(),
            generation: Generation(1),
            previous: Generation(0),
            alone: false,
            nodes: 0,
            limits: Limits::default(),
            rules,
            path: Path::default(),
            reads_front: true,
            ports: None,
            port_wait: Duration::from_secs(90),
            seed: 7,
        };
        change(&mut setup);
        let mut agent = Agent::new(setup, start);
        agent.on_member(Member { standing: Standing::Ready, ..Member::default() }, start);
        let mut bench = Self {
            agent,
            store: State::default(),
            start,
            now_ms: 0,
            up: true,
            failing: None,
            failed: 0,
            events: Vec::new(),
        };
        bench.run();
        bench
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.now_ms)
    }

    /// Answers all that is asked until nothing is left to do now.
    fn run(&mut self) {
        while let Some(output) = self.agent.poll(self.now()) {
            match output {
                Output::Event(event) => self.events.push(event),
                Output::Call(lane, request) => {
                    self.failed += u32::from(self.failing == Some(lane));
                    let result = match self.up && self.failing != Some(lane) {
                        true => Ok(self.store.apply(request, (START_MS + self.now_ms) * 1000)),
                        false => Err(StoreError::Unknown("away".to_owned())),
                    };
                    self.agent.on_reply(lane, result, self.now());
                }
            }
        }
        // Otherwise whoever drives it would turn in circles.
        let gone = self.agent.is_gone;
        assert!(gone || self.agent.next_deadline() > self.now(), "{:?}", self.agent);
    }

    fn pass(&mut self, millis: u64) {
        let end = self.now_ms + millis;
        while self.now_ms < end {
            self.now_ms += 50;
            self.run();
        }
    }

    fn stored_bans(&self) -> usize {
        let now_us = (START_MS + self.now_ms) * 1000;
        match self.store.clone().apply(Request::Bans, now_us) {
            Reply::Bans(bans) => bans.len(),
            other => panic!("{other:?}"),
        }
    }
}

fn address(last: u8) -> IpAddr {
    [192, 0, 2, last].into()
}

#[test]
fn a_node_joins_leads_and_publishes_its_policy() {
    let mut bench = Bench::new();
    bench.pass(3_000);
    assert!(bench.agent.is_fine());
    assert!(bench.agent.term(bench.now()).is_some());
    assert_eq!((bench.agent.policy().revision, bench.agent.policy().by.as_str()), (1, "a"));
    assert_eq!(bench.agent.view().alive().count(), 1);
    assert!(bench.events.contains(&Event::Joined { forgotten: true }));
}

#[test]
fn a_ban_that_the_store_did_not_hear_of_is_told_again() {
    let mut bench = Bench::new();
    bench.up = false;
    bench.agent.ban(address(1), Duration::from_secs(600), bench.now());
    bench.pass(3_000);
    assert_eq!((bench.stored_bans(), bench.agent.bans().count()), (0, 1));
    bench.up = true;
    bench.pass(3_000);
    assert_eq!(bench.stored_bans(), 1);
    bench.agent.unban(address(1), bench.now());
    bench.pass(200);
    assert_eq!((bench.stored_bans(), bench.agent.bans().count()), (0, 0));
}

/// Whoever asked tells the store, before this node has told it of the ban: that must not come after it.
#[test]
fn a_ban_that_is_lifted_here_is_not_told_any_more() {
    let mut bench = Bench::new();
    for under_way in [false, true] {
        bench.up = false;
        bench.agent.ban(address(1), Duration::from_secs(600), bench.now());
        if under_way {
            assert!(bench.agent.next_score(bench.now()).is_some());
        }
        assert!(bench.agent.lift_here(address(1), bench.now()));
        assert!(!bench.agent.lift_here(address(1), bench.now()));
        bench.agent.on_told(false);
        bench.up = true;
        bench.pass(3_000);
        assert_eq!((bench.stored_bans(), bench.agent.bans().count()), (0, 0));
    }
    assert!(bench.events.contains(&Event::Lifted { origin: address(1) }));
}

#[test]
fn a_ban_for_ever_is_one_for_years() {
    let mut bench = Bench::new();
    bench.agent.ban(address(1), Duration::MAX, bench.now());
    bench.pass(200);
    let until = bench.agent.bans().is_banned(address(1), bench.now()).unwrap();
    assert!(until > bench.now() + Duration::from_secs(86_400 * 365));
    assert_eq!(bench.stored_bans(), 1);
}

#[test]
fn failures_of_other_nodes_add_up() {
    let mut bench = Bench::new();
    let other = Request::Score(Score {
        origins: vec![address(3)],
        ban_after: 2,
        window_ms: 60_000,
        ban_for_ms: 600_000,
    });
    bench.store.apply(other, START_MS * 1000);
    bench.agent.on_failure(address(3), bench.now());
    bench.pass(3_000);
    assert!(bench.agent.bans().is_banned(address(3), bench.now()).is_some());
}

#[test]
fn the_leader_restores_what_the_store_forgot() {
    let mut bench = Bench::new();
    bench.pass(3_000);
    for last in 1..100 {
        bench.agent.ban(address(last), Duration::from_secs(600), bench.now());
    }
    bench.pass(3_000);
    bench.store = State::default();
    bench.pass(10_000);
    assert_eq!(bench.stored_bans(), 99);
    assert!(bench.agent.policy().revision > 0, "the policy is there again");
    let forgotten = Event::Joined { forgotten: true };
    assert_eq!(bench.events.iter().filter(|event| **event == forgotten).count(), 2);
}

#[test]
fn a_node_knows_when_it_has_heard_of_all_bans() {
    let mut bench = Bench::new();
    for number in 0..2_500u32 {
        let origin = IpAddr::from((0x0a00_0000 + number).to_be_bytes());
        let change = BanChange { origin, for_ms: Some(600_000), manual: true };
        bench.store.apply(Request::Ban(change), START_MS * 1000);
    }
    // Another life of the process.
    let setup = Setup { generation: Generation(2), ..bench.agent.setup.clone() };
    bench.agent = Agent::new(Setup { previous: Generation(1), ..setup }, bench.now());
    assert!(!bench.agent.knows_bans());
    bench.run();
    assert!(!bench.agent.knows_bans(), "{} of 2500", bench.agent.bans().count());
    bench.pass(1_000);
    assert!(bench.agent.knows_bans());
    assert_eq!(bench.agent.bans().count(), 2_500);
}

#[test]
fn the_policy_names_the_ticket_keys_of_the_leader() {
    let mut bench = Bench::new();
    bench.pass(3_000);
    let told = |bench: &Bench| {
        let policy = bench.agent.policy();
        (policy.tickets, policy.ticket_key.clone())
    };
    let mut propose = |tickets, key: &str| {
        let proposal = Proposal { tickets, ticket_key: key.to_owned(), ..Proposal::default() };
        bench.agent.on_proposal(proposal, bench.now());
        bench.pass(3_000);
        told(&bench)
    };
    assert_eq!(propose(5, "a1"), (5, "a1".to_owned()));
    // The store lost them, and counts anew; the keys may be the same or not.
    assert_eq!(propose(1, "a1"), (1, "a1".to_owned()));
    assert_eq!(propose(1, "b2"), (1, "b2".to_owned()));
    assert_eq!(propose(0, ""), (1, "b2".to_owned()), "a leader without keys takes none away");
}

fn path(seconds: u64) -> Path {
    let idle_timeout = Some(Duration::from_secs(seconds));
    Path { balancer: Balancer::Classic, idle_timeout, ..Path::default() }
}

fn keepalive(seconds: u64) -> Keepalive {
    decide(&path(seconds))
}

/// One policy for all: what the leader is configured to, whatever others are.
#[test]
fn the_leader_says_how_connections_are_kept_alive() {
    let mut bench = Bench::new();
    let (limits, rules) = (bench.agent.setup.limits, bench.agent.setup.rules.clone());
    bench.agent.on_configured(limits, rules.clone(), path(60), true, bench.now());
    bench.pass(3_000);
    assert_eq!(bench.agent.policy().keepalive, keepalive(60));
    // Another one leads.
    let other = Policy { keepalive: keepalive(90), version: KEEPALIVE_SINCE, ..Policy::default() };
    bench.usurp(&other);
    assert_eq!(bench.agent.policy().keepalive, keepalive(90));
    assert!(
        matches!(bench.events.last(), Some(Event::Policy(told)) if **told == bench.agent.policy)
    );
    bench.agent.on_configured(limits, rules, path(120), true, bench.now());
    bench.pass(3_000);
    assert_eq!(bench.agent.policy().keepalive, keepalive(90), "this node does not decide");
    // One of a version that does not speak of it.
    bench.usurp(&Policy { version: KEEPALIVE_SINCE - 1, ..Policy::default() });
    assert_eq!(bench.agent.policy().keepalive, keepalive(120));
}

fn front(seconds: u64) -> Front {
    let timer = Timer {
        name: "network load balancer ftp".to_owned(),
        after: Duration::from_secs(seconds),
        source: "DescribeListenerAttributes".to_owned(),
        resets: Resets::Packets,
    };
    Front { timers: vec![timer], addresses: vec![(None, [203, 0, 113, 7].into())] }
}

/// What the leader has read is everybody's, and stays when another node leads that has not read anything yet.
#[test]
fn what_stands_in_front_is_known_to_all_and_outlives_its_reader() {
    let mut bench = Bench::new();
    bench.agent.on_front(front(200), bench.now());
    bench.pass(3_000);
    let policy = bench.agent.policy();
    assert_eq!(policy.front, front(200));
    assert_eq!(policy.keepalive.smallest(), Some(Duration::from_secs(200)));
    // Another one leads, and has read something else; then this one again, before it looked.
    bench.usurp(&Policy { front: front(90), version: POLICY_VERSION, ..Policy::default() });
    bench.agent.on_front(front(300), bench.now());
    bench.pass(3_000);
    assert_eq!(bench.agent.policy().front, front(90), "only the leader's word counts");
    let ready = Member { standing: Standing::Ready, ..Member::default() };
    bench.agent.on_member(ready, bench.now());
    bench.pass(30_000);
    let policy = bench.agent.policy();
    assert_eq!(policy.by, bench.agent.node().to_string(), "it leads again");
    assert_eq!(policy.front, front(90));
    assert_eq!(policy.keepalive.smallest(), Some(Duration::from_secs(90)));
    // One that is told not to look says nothing of it.
    let (limits, rules) = (bench.agent.setup.limits, bench.agent.setup.rules.clone());
    bench.agent.on_configured(limits, rules, Path::default(), false, bench.now());
    bench.pass(3_000);
    assert_eq!(bench.agent.policy().front, Front::default());
    assert_eq!(bench.agent.policy().keepalive, decide(&Path::default()));
}

impl Bench {
    /// A foreign node leads from now on, and has decided this.
    fn usurp(&mut self, policy: &Policy) {
        self.agent.on_member(Member::default(), self.now());
        self.pass(3_000);
        let now_us = (START_MS + self.now_ms) * 1000;
        let beat = crate::store::Beat { stands: true, ..self.foreign_beat() };
        let term = match self.store.apply(Request::Beat(beat), now_us) {
            Reply::Beat(Registered::Yes(beaten)) => beaten.leader.unwrap().fence,
            other => panic!("{other:?}"),
        };
        let policy = policy.encode();
        let set = self.store.apply(Request::SetPolicy { term, policy }, now_us);
        assert_eq!(set, Reply::Changed(true));
        self.pass(3_000);
    }
}

#[test]
fn a_node_without_a_pool_goes_by_its_configuration_at_once() {
    let mut bench = Bench::new();
    bench.up = false;
    bench.agent = Agent::new(Setup { path: path(60), ..bench.agent.setup }, bench.start);
    assert_eq!(bench.agent.policy().keepalive, keepalive(60));
    let (limits, rules) = (bench.agent.setup.limits, bench.agent.setup.rules.clone());
    bench.agent.on_configured(limits, rules, path(90), true, bench.now());
    bench.run();
    let told = Event::Policy(Box::new(Policy { keepalive: keepalive(90), ..Policy::default() }));
    assert!(bench.events.contains(&told), "{:?}", bench.events);
}

#[test]
fn a_store_that_went_back_a_moment_is_found_out() {
    let mut bench = Bench::new();
    bench.pass(3_000);
    let before = bench.store.clone();
    bench.agent.on_gathered(vec![(1, SessionRecord::default())], &[]);
    bench.run();
    bench.store = before;
    bench.pass(3_000);
    let fence = bench.agent.identity().unwrap().fence;
    let sessions = Request::Sessions { fence, cursor: 0 };
    let now_us = (START_MS + bench.now_ms) * 1000;
    match bench.store.apply(sessions, now_us) {
        Reply::Sessions { sessions, .. } => assert_eq!(sessions.len(), 1),
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_left_says_nothing_more() {
    let mut bench = Bench::new();
    bench.pass(3_000);
    let leave = bench.agent.leave().unwrap();
    bench.store.apply(leave, (START_MS + bench.now_ms) * 1000);
    bench.pass(10_000);
    let beat = bench.foreign_beat();
    match bench.store.apply(Request::Beat(beat), (START_MS + bench.now_ms) * 1000) {
        Reply::Beat(Registered::Yes(beaten)) => assert_eq!(beaten.members.len(), 1),
        other => panic!("{other:?}"),
    }
}

impl Bench {
    /// Of another node, which sees who is there.
    fn foreign_beat(&self) -> crate::store::Beat {
        crate::store::Beat {
            node: NodeId::new("b").unwrap(),
            generation: Generation(1),
            previous: Generation(0),
            fence: None,
            sequence: 1,
            answered: 0,
            admitted: 0,
            published: 0,
            candidate: 1,
            pool: 0,
            record: Vec::new(),
            sessions: 0,
            stands: false,
            members: true,
            bans_known: 0,
            policy_known: 0,
            orders_done: 0,
            holds: None,
        }
    }
}

/// After a long time without the store: what is over stays over.
#[test]
fn a_ban_that_ended_meanwhile_is_not_made_again() {
    let mut bench = Bench::new();
    bench.up = false;
    bench.agent.ban(address(1), Duration::from_secs(30), bench.now());
    bench.agent.ban(address(2), Duration::from_secs(600), bench.now());
    bench.pass(60_000);
    bench.up = true;
    bench.pass(10_000);
    assert_eq!(bench.stored_bans(), 1);
    let until = bench.agent.bans().is_banned(address(2), bench.now()).unwrap();
    assert!(until <= bench.now() + Duration::from_secs(540), "its end has not moved");
}

/// The store answers beats, and not the rest.
#[test]
fn a_lane_that_fails_rests_and_is_told_of_once() {
    let mut bench = Bench::new();
    bench.pass(3_000);
    bench.events.clear();
    bench.failing = Some(Lane::Publish);
    bench.agent.on_gathered(vec![(1, SessionRecord::default())], &[]);
    bench.pass(60_000);
    assert!(bench.agent.is_fine());
    let troubled = bench.events.iter().filter(|event| matches!(event, Event::Troubled { .. }));
    assert_eq!(troubled.count(), 1);
    assert!(bench.failed < 12, "{} requests in a minute", bench.failed);
    bench.failing = None;
    bench.pass(40_000);
    let fence = bench.agent.identity().unwrap().fence;
    let now_us = (START_MS + bench.now_ms) * 1000;
    match bench.store.apply(Request::Sessions { fence, cursor: 0 }, now_us) {
        Reply::Sessions { sessions, .. } => assert_eq!(sessions.len(), 1),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_order_is_carried_out_once() {
    let mut bench = Bench::new();
    bench.pass(3_000);
    let order = crate::order::Order {
        version: crate::order::ORDER_VERSION,
        what: crate::order::What::Undrain,
        token: 0,
        by: "b".to_owned(),
        generation: 0,
    };
    let to = vec![NodeId::new("a").unwrap(), NodeId::new("b").unwrap()];
    let request = Request::Order { to, order: order.encode() };
    bench.store.apply(request, (START_MS + bench.now_ms) * 1000);
    bench.store.apply(
        Request::Order { to: vec![NodeId::new("a").unwrap()], order: b"?".to_vec() },
        (START_MS + bench.now_ms) * 1000,
    );
    bench.pass(6_000);
    let orders = bench.events.iter().filter(|event| matches!(event, Event::Order(_))).count();
    assert_eq!(orders, 1, "and what can not be read is no order");
}

/// Any time that is not 0.
const START_MS: u64 = 1_795_000_000_000;
