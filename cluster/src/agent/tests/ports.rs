//! Blocks of passive ports, with a store.

use std::collections::BTreeSet;

use super::*;
use crate::blocks::PortUse;
use crate::store::{Beat, Beaten, Granted, Holding, RECLAIM_AFTER_MS, Registered};

const LAYOUT: &str = "61000-61095/16";

fn shared() -> Bench {
    Bench::with(|setup| setup.ports = Some(LAYOUT.parse().unwrap()))
}

impl Bench {
    fn offered(&self) -> Vec<u16> {
        let table = self.agent.port_table(self.now()).unwrap();
        assert!(self.agent.offered(self.now()).eq(table.offered.iter().copied()));
        table.offered
    }

    fn usage(&mut self, needed: u32) {
        let busy = BTreeSet::new();
        self.agent.on_port_use(PortUse { needed, busy }, self.now());
        self.run();
    }

    /// As [`Bench::pass`], with a report of the use every second.
    fn pass_with(&mut self, needed: u32, seconds: u64) {
        for _ in 0..seconds {
            self.usage(needed);
            self.pass(1_000);
        }
    }

    fn told(&mut self) -> usize {
        let told = self.events.iter().filter(|event| matches!(event, Event::Ports)).count();
        self.events.clear();
        told
    }

    fn ask(&mut self, request: Request) -> Reply {
        self.store.apply(request, (START_MS + self.now_ms) * 1000)
    }

    /// A beat of the other node `b`, which is registered then.
    fn other(&mut self, change: impl FnOnce(&mut Beat)) -> Beaten {
        let relay = "10.0.0.2:2120".to_owned();
        let record = Member { standing: Standing::Ready, relay, ..Member::default() }.encode();
        let mut beat = Beat { record, ..self.foreign_beat() };
        change(&mut beat);
        match self.ask(Request::Beat(beat)) {
            Reply::Beat(Registered::Yes(beaten)) => *beaten,
            other => panic!("{other:?}"),
        }
    }

    /// The other node takes blocks.
    fn other_takes(&mut self, fence: Fence, wanted: u16) -> Vec<Holding> {
        let node = NodeId::new("b").unwrap();
        let asking = Identity { node, generation: Generation(1), fence };
        match self.ask(Request::Grant { asking, blocks: 6, wanted }) {
            Reply::Granted(Granted::Blocks(blocks)) => blocks,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_node_gets_blocks_and_says_so() {
    let mut bench = shared();
    let table = bench.agent.port_table(bench.now()).unwrap();
    assert!(table.offered.is_empty() && table.owners.is_empty());
    assert!(bench.told() > 0, "there is a table");
    bench.pass(11_000);
    assert_eq!(bench.offered(), [0]);
    assert_eq!(bench.agent.policy().ports, LAYOUT);
    assert!((1..=2).contains(&bench.told()), "granted, and listed");
    bench.pass(60_000);
    assert_eq!(bench.told(), 0, "and nothing else");
    bench.usage(40);
    bench.pass(2_400);
    assert_eq!(bench.offered(), [0], "the others do not know yet");
    bench.pass(500);
    assert_eq!(bench.offered(), [0, 1, 2, 3]);
    bench.pass_with(0, 70);
    assert_eq!(bench.offered(), [0]);
    assert!(bench.told() > 1);
    let leave = bench.agent.leave().unwrap();
    assert_eq!(bench.offered(), [0; 0], "before the store gives it to others");
    bench.ask(leave);
    bench.run();
    assert_eq!(bench.told(), 1);
}

#[test]
fn who_is_alone_has_all_blocks_without_asking() {
    let mut bench = Bench::with(|setup| {
        setup.ports = Some(LAYOUT.parse().unwrap());
        setup.alone = true;
    });
    assert_eq!(bench.offered(), [0, 1, 2, 3, 4, 5]);
    let table = bench.agent.port_table(bench.now()).unwrap();
    let fence = bench.agent.identity().unwrap().fence;
    assert!(table.owners.len() == 6 && table.owners.values().all(|owner| owner.fence == fence));
    assert!(bench.told() >= 1);
    bench.usage(70);
    bench.pass(20_000);
    assert_eq!(bench.offered(), [0, 1, 2, 3, 4, 5]);
    assert_eq!(Bench::new().agent.port_table(start()), None, "its ports are its own");
}

#[test]
fn offers_end_with_the_last_table_and_the_node_is_told() {
    let mut bench = shared();
    bench.pass(20_000);
    assert_eq!(bench.offered(), [0]);
    bench.told();
    bench.up = false;
    bench.pass(RECLAIM_AFTER_MS - 90_000 - 3_000);
    assert_eq!((bench.offered(), bench.told()), (vec![0], 0));
    let next = bench.agent.next_deadline();
    bench.pass(3_000);
    assert!(next <= bench.now());
    assert_eq!((bench.offered(), bench.told()), (vec![], 1));
    bench.up = true;
    bench.pass(12_000);
    assert_eq!(bench.offered(), [0], "nobody else had it");
}

#[test]
fn a_store_that_comes_back_empty_hears_of_blocks_and_offers_go_on() {
    let mut bench = shared();
    bench.usage(40);
    bench.pass(20_000);
    let all = bench.offered();
    assert_eq!(all.len(), 4);
    bench.store = State::default();
    for _ in 0..400 {
        bench.pass(50);
        assert_eq!(bench.offered(), all);
    }
    let fence = bench.other(|_| {}).fence;
    assert_eq!(bench.other_takes(fence, 6).len(), 2, "the store knows the rest");
}

/// It went back to before a grant, but not to before a beat.
#[test]
fn a_grant_that_the_store_forgot_silently_is_told_again() {
    let mut bench = shared();
    bench.usage(40);
    bench.pass(20_000);
    let fence = bench.agent.identity().unwrap().fence;
    let held = bench.agent.ports.holdings();
    bench.ask(Request::Return { fence, held });
    bench.pass(3_000);
    assert_eq!(bench.offered(), [0, 1, 2, 3]);
    let fence = bench.other(|_| {}).fence;
    assert_eq!(bench.other_takes(fence, 6).len(), 2);
}

#[test]
fn what_another_node_had_before_a_loss_is_not_offered() {
    let mut bench = shared();
    bench.pass(20_000);
    let fence = bench.other(|_| {}).fence;
    assert_eq!(bench.other_takes(fence, 2).len(), 2);
    bench.pass(3_000);
    let owner = bench.agent.port_table(bench.now()).unwrap().owners[&1].clone();
    assert_eq!((owner.fence, owner.alive), (fence, true));
    assert_eq!(owner.relay, Some("10.0.0.2:2120".parse().unwrap()));
    bench.told();
    // The other one is cut off, the store comes back empty, and ports are needed.
    bench.store = State::default();
    bench.pass(3_000);
    let owner = bench.agent.port_table(bench.now()).unwrap().owners[&1].clone();
    assert_eq!((owner.fence, owner.alive), (fence, false), "it may still be there");
    assert_eq!(bench.told(), 1, "the store does not hear of it");
    bench.pass_with(60, 20);
    assert_eq!(bench.offered(), [0, 3, 4, 5]);
    let owners = bench.agent.port_table(bench.now()).unwrap().owners;
    assert_eq!((owners[&1].fence, owners[&2].fence), (fence, fence));
    // It comes back, and has heard that others have its blocks.
    let holds = (1..3).map(|block| Holding { block, fence: Fence(5) }).collect();
    let back = bench.other(|beat| {
        beat.fence = Some(fence);
        beat.holds = Some(holds);
    });
    assert_eq!(back.yield_blocks, [1, 2]);
    bench.pass_with(60, 8);
    bench.other(|beat| {
        beat.fence = Some(fence);
        beat.sequence = 2;
    });
    bench.pass_with(60, 3);
    let owners = bench.agent.port_table(bench.now()).unwrap().owners;
    let own = bench.agent.identity().unwrap().fence;
    assert_eq!((owners[&1].fence, owners[&2].fence), (own, own), "it has given them up");
}

#[test]
fn a_node_that_counts_otherwise_than_the_pool_offers_nothing() {
    let mut bench = shared();
    bench.pass(20_000);
    let ports = "61000-61999/32".to_owned();
    bench.usurp(&Policy { ports: ports.clone(), version: KEEPALIVE_SINCE, ..Policy::default() });
    assert_eq!(bench.offered(), [0; 0]);
    let table = bench.agent.port_table(bench.now()).unwrap();
    assert_eq!(table.layout.to_string(), ports);
    // Nobody says how, as a leader of an earlier version.
    bench.usurp(&Policy::default());
    bench.pass(6_000);
    assert_eq!(bench.offered(), [0]);
}

#[test]
fn who_is_superseded_offers_nothing() {
    let mut bench = shared();
    bench.pass(20_000);
    bench.told();
    let next_life = Beat {
        node: NodeId::new("a").unwrap(),
        generation: Generation(2),
        previous: Generation(1),
        ..bench.foreign_beat()
    };
    bench.ask(Request::Beat(next_life));
    bench.pass(3_000);
    assert_eq!((bench.offered(), bench.told()), (vec![], 1));
}
