use super::*;
use crate::id::NodeId;
use crate::member::{Member, Standing};
use crate::store::Listed;
use crate::view::View;

#[expect(clippy::disallowed_methods, reason = "the one way to a first instant")]
fn start() -> Instant {
    Instant::now()
}

fn holding(block: u16, fence: u64) -> Holding {
    Holding { block, fence: Fence(fence) }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const OWN: Fence = Fence(1);

/// On a port that was offered.
const WAIT: Duration = Duration::from_secs(90);

/// Blocks of 16 ports, of which one is wanted where nobody needs any; a node `a` that holds them, a clock, and
/// what the store says.
struct Bench {
    blocks: Blocks,
    now: Instant,
    view: View,
    table: Vec<(Holding, Fence)>,
    quarantine: Duration,
    lost: bool,
    displaced: Vec<(Holding, Fence)>,
}

impl Bench {
    fn new(layout: &str) -> Self {
        let now = start();
        let mut bench = Self {
            blocks: Blocks::new(layout.parse().unwrap(), WAIT, now),
            now,
            view: View::default(),
            table: Vec::new(),
            quarantine: Duration::ZERO,
            lost: false,
            displaced: Vec::new(),
        };
        bench.see(&[("a", 1, 0)]);
        bench.beat();
        bench
    }

    /// With these blocks granted and listed.
    fn holding(layout: &str, needed: u32, held: &[Holding]) -> Self {
        let mut bench = Self::new(layout);
        bench.usage(needed, &[]);
        bench.grant(held);
        bench.pass(3);
        bench.table.extend(held.iter().map(|holding| (*holding, OWN)));
        bench.beat();
        bench
    }

    /// Name, registration, seconds since the last beat.
    fn see(&mut self, nodes: &[(&str, u64, u64)]) {
        let listed = nodes.iter().map(|(node, fence, ago)| listed(node, *fence, *ago, (0, 0)));
        self.view.apply(&listed.collect::<Vec<_>>(), self.now);
    }

    /// The own node and another one, whose last beat has this number, and which was told by that one.
    fn see_told(&mut self, node: &str, fence: u64, ago: u64, (beat, told): (u64, u64)) {
        let nodes = [listed("a", 1, 0, (0, 0)), listed(node, fence, ago, (beat, told))];
        self.view.apply(&nodes, self.now);
    }

    fn pass(&mut self, time: u64) {
        self.now += seconds(time);
        self.blocks.on_time(self.now);
    }

    /// Which was sent now, and answered at once.
    fn beat(&mut self) {
        let table = Some(self.table.as_slice());
        let (quarantine, lost, displaced) = (self.quarantine, self.lost, &self.displaced);
        let heard = Heard { sent: self.now, own: OWN, quarantine, lost, table, displaced };
        self.blocks.on_beat(heard, &self.view, self.now);
    }

    fn grant(&mut self, granted: &[Holding]) {
        let granted = Granted::Blocks(granted.to_vec());
        self.blocks.on_granted(Some(&granted), Some(OWN), self.now);
    }

    fn usage(&mut self, needed: u32, busy: &[u16]) {
        let busy = busy.iter().copied().collect();
        let _ = self.blocks.on_use(PortUse { needed, busy }, self.now);
    }

    fn offered(&self) -> Vec<u16> {
        self.blocks.offered(self.now).collect()
    }

    fn own(&self) -> Owner {
        let node = NodeId::new("a").unwrap();
        Owner { node, fence: OWN, relay: None, alive: true }
    }

    /// Who owns which block, by registration.
    fn owners(&self) -> Vec<(u16, u64)> {
        let table = self.blocks.table(&self.own(), &self.view, self.now);
        table.owners.into_iter().map(|(block, owner)| (block, owner.fence.0)).collect()
    }
}

fn listed(node: &str, fence: u64, ago: u64, (beat, told): (u64, u64)) -> Listed {
    let relay = format!("10.0.0.{fence}:2120");
    let member = Member { standing: Standing::Ready, relay, beat, told, ..Member::default() };
    Listed {
        node: NodeId::new(node).unwrap(),
        generation: fence,
        fence: Fence(fence),
        beat_ms_ago: ago * 1000,
        record: member.encode(),
    }
}

#[test]
fn blocks_are_asked_for_and_offered_once_they_are_listed() {
    let mut bench = Bench::new("61000-61999/16");
    bench.usage(20, &[]);
    assert_eq!(bench.blocks.poll_grant(bench.now), Some((2, 63)));
    assert_eq!(bench.blocks.poll_grant(bench.now), None, "one request at a time");
    bench.grant(&[holding(4, 10)]);
    assert_eq!(bench.blocks.poll_grant(bench.now), None, "not at once again");
    assert_eq!(bench.offered(), [0; 0], "a table may say otherwise");
    assert_eq!(bench.owners(), [(4, 1)]);
    bench.pass(1);
    assert_eq!(bench.blocks.poll_grant(bench.now), Some((1, 63)));
    bench.grant(&[holding(5, 11)]);
    bench.table = vec![(holding(4, 10), OWN)];
    let sent_before = Heard {
        sent: bench.now - seconds(1),
        own: OWN,
        quarantine: Duration::ZERO,
        lost: false,
        table: Some(&bench.table),
        displaced: &[],
    };
    bench.blocks.on_beat(sent_before, &bench.view, bench.now);
    assert_eq!(bench.offered(), [0; 0], "the others may not know yet");
    bench.now += Duration::from_millis(1_500);
    assert_eq!(bench.offered(), [4], "the table is older than the second grant");
    assert!(!bench.blocks.are_forgotten());
    bench.table.push((holding(5, 11), OWN));
    bench.pass(1);
    bench.beat();
    assert_eq!(bench.offered(), [4, 5]);
    assert_eq!(bench.blocks.holdings(), [holding(4, 10), holding(5, 11)]);
}

/// The store forgot twice, and each time another one had the block: the one that stands still goes on offering it.
#[test]
fn what_was_anothers_until_it_was_asserted_is_disputed() {
    let mut bench = Bench::holding("61000-61095/16", 16, &[holding(4, 10)]);
    assert_eq!(bench.offered(), [4]);
    bench.see_told("b", 2, 0, (7, 6));
    bench.displaced = vec![(holding(4, 9), Fence(2))];
    bench.beat();
    bench.displaced.clear();
    assert_eq!((bench.offered(), bench.owners()), (vec![], vec![(4, 2)]));
    bench.pass(7);
    bench.see_told("b", 2, 7, (7, 6));
    bench.beat();
    assert_eq!(bench.offered(), [0; 0], "it was not heard of since");
    bench.see_told("b", 2, 0, (8, 6));
    bench.beat();
    bench.see_told("b", 2, 0, (9, 8));
    bench.beat();
    assert_eq!((bench.offered(), bench.owners()), (vec![4], vec![(4, 1)]), "it was told");
}

#[test]
fn nothing_is_asked_for_that_is_not_there() {
    let mut bench = Bench::new("61000-61031/16");
    bench.see(&[("a", 1, 0), ("b", 2, 0)]);
    bench.table = vec![(holding(0, 5), Fence(2)), (holding(1, 6), Fence(2))];
    bench.beat();
    assert_eq!(bench.blocks.next_grant(), None);
    bench.table.pop();
    bench.beat();
    assert_eq!(bench.blocks.poll_grant(bench.now), Some((1, 2)));
}

#[test]
fn nothing_is_asked_for_in_a_quarantine() {
    let mut bench = Bench::new("61000-61031/16");
    bench.quarantine = seconds(6);
    bench.beat();
    assert_eq!(bench.blocks.poll_grant(bench.now), None);
    assert_eq!(bench.blocks.next_grant(), Some(bench.now + seconds(6)));
    bench.pass(6);
    assert_eq!(bench.blocks.poll_grant(bench.now), Some((1, 2)));
    let quarantined = Granted::Quarantined { left_ms: 3_000 };
    bench.blocks.on_granted(Some(&quarantined), Some(OWN), bench.now);
    assert_eq!(bench.blocks.next_grant(), Some(bench.now + seconds(3)));
}

#[test]
fn a_silent_holder_stops_before_the_store_gives_its_blocks_away() {
    let mut bench = Bench::holding("61000-61015/16", 0, &[holding(0, 10)]);
    // Who was given a port in the last moment waits for it until then.
    let end = bench.now + Duration::from_millis(RECLAIM_AFTER_MS) - WAIT;
    assert_eq!(bench.blocks.next_change(bench.now), Some(end));
    assert_eq!(bench.blocks.offered(end - Duration::from_millis(1)).count(), 1);
    assert_eq!(bench.blocks.offered(end).count(), 0);
    // Beats without a table, and a table that somebody else is in, make nothing of it.
    bench.now = end;
    let heard = Heard {
        sent: end,
        own: OWN,
        quarantine: Duration::ZERO,
        lost: false,
        table: None,
        displaced: &[],
    };
    bench.blocks.on_beat(heard, &bench.view, end);
    assert_eq!(bench.offered(), [0; 0]);
    bench.table = vec![(holding(0, 11), Fence(2))];
    bench.beat();
    assert_eq!(bench.blocks.holdings(), []);
}

#[test]
fn however_long_somebody_waits_half_of_the_time_is_used() {
    let mut bench = Bench::holding("61000-61015/16", 0, &[holding(0, 10)]);
    bench.blocks.on_wait(seconds(3600));
    let end = bench.now + Duration::from_millis(RECLAIM_AFTER_MS / 2);
    assert_eq!(bench.blocks.next_change(bench.now), Some(end));
    assert_eq!(bench.blocks.offered(end - Duration::from_millis(1)).count(), 1);
    assert_eq!(bench.blocks.offered(end).count(), 0);
}

#[test]
fn the_same_use_again_changes_nothing() {
    let held = [holding(0, 10), holding(1, 11)];
    let mut bench = Bench::holding("61000-61999/16", 20, &held);
    let busy = PortUse { needed: 0, busy: [0].into() };
    assert!(bench.blocks.on_use(busy.clone(), bench.now));
    assert!(!bench.blocks.on_use(busy.clone(), bench.now));
    bench.pass(60);
    assert_eq!(bench.offered(), [0]);
    assert!(bench.blocks.on_use(busy, bench.now), "one waits to be given back");
}

#[test]
fn a_block_is_withdrawn_and_given_back_when_nothing_waits_on_it() {
    let held = [holding(0, 10), holding(1, 11), holding(2, 12)];
    let mut bench = Bench::holding("61000-61999/16", 33, &held);
    assert_eq!(bench.offered(), [0, 1, 2]);
    bench.usage(0, &[2]);
    bench.pass(59);
    bench.usage(20, &[2]);
    assert_eq!(bench.offered(), [0, 1, 2], "two are wanted for a moment");
    bench.pass(1);
    assert_eq!(bench.offered(), [0, 2], "the youngest but for the busy one");
    bench.pass(1);
    bench.usage(0, &[1, 2]);
    bench.pass(3);
    bench.usage(0, &[2]);
    assert_eq!(bench.blocks.next_return(), None, "who hands out ports may not know yet");
    bench.pass(2);
    bench.usage(0, &[1]);
    assert_eq!(bench.blocks.next_return(), None, "something waits");
    assert_eq!(bench.owners(), [(0, 1), (1, 1), (2, 1)], "and comes to this node");
    bench.usage(0, &[]);
    assert_eq!(bench.blocks.poll_return(), [holding(1, 11)]);
    assert_eq!(bench.owners(), [(0, 1), (2, 1)]);
}

#[test]
fn what_was_withdrawn_is_used_again_before_more_is_asked_for() {
    let held = [holding(0, 10), holding(1, 11)];
    let mut bench = Bench::holding("61000-61999/16", 20, &held);
    bench.usage(0, &[]);
    bench.pass(60);
    assert_eq!(bench.offered(), [0]);
    bench.usage(33, &[]);
    assert_eq!(bench.offered(), [0, 1]);
    assert_eq!(bench.blocks.poll_grant(bench.now), Some((1, 63)));
}

/// Two have all blocks between them, and a third comes.
#[test]
fn who_has_more_than_its_share_gives_one_back_where_none_is_free() {
    let held: Vec<_> = (0..4).map(|block| holding(block, 10 + u64::from(block))).collect();
    let mut bench = Bench::holding("61000-61095/16", 60, &held);
    bench.see(&[("a", 1, 0), ("b", 2, 0), ("c", 3, 0)]);
    bench.table.extend([(holding(4, 20), Fence(2)), (holding(5, 21), Fence(2))]);
    bench.beat();
    assert_eq!(bench.offered(), [0, 1, 2], "at once");
    bench.beat();
    assert_eq!(bench.offered(), [0, 1, 2], "one at a time");
    bench.pass(5);
    bench.usage(60, &[]);
    assert_eq!(bench.blocks.poll_return(), [holding(3, 13)]);
    bench.table.retain(|(holding, _)| holding.block != 3);
    bench.beat();
    assert_eq!(bench.offered(), [0, 1, 2], "now one is free");
    assert_eq!(bench.blocks.next_grant(), None, "and not for this node");
    bench.table.push((holding(3, 30), Fence(3)));
    bench.beat();
    assert_eq!(bench.offered(), [0, 1], "the share of three");
}

#[test]
fn what_was_granted_in_an_answer_that_got_lost_is_given_back() {
    let mut bench = Bench::new("61000-61999/16");
    assert!(bench.blocks.poll_grant(bench.now).is_some());
    bench.table = vec![(holding(2, 9), OWN)];
    bench.beat();
    assert_eq!(bench.blocks.poll_return(), [], "its answer may be on the way");
    bench.blocks.on_granted(None, Some(OWN), bench.now);
    bench.beat();
    assert_eq!(bench.owners(), [], "nobody offers it");
    assert_eq!(bench.blocks.poll_return(), [holding(2, 9)]);
}

#[test]
fn the_higher_fence_wins() {
    let held = [holding(0, 10), holding(1, 10), holding(2, 10)];
    let mut bench = Bench::holding("61000-61999/16", 33, &held);
    bench.table =
        vec![(holding(0, 11), Fence(2)), (holding(1, 9), Fence(2)), (holding(2, 10), OWN)];
    bench.beat();
    assert_eq!(bench.offered(), [2]);
    assert!(bench.blocks.are_forgotten(), "the store is to decide");
    assert_eq!(bench.blocks.holdings(), [holding(1, 10), holding(2, 10)]);
    bench.blocks.give_up(&[2]);
    assert_eq!(bench.offered(), [0; 0]);
    bench.table[1] = (holding(1, 10), OWN);
    bench.beat();
    assert_eq!(bench.offered(), [1]);
}

/// Anybody may get it.
#[test]
fn what_a_table_does_not_list_is_not_offered_until_the_store_knows_again() {
    let mut bench = Bench::holding("61000-61999/16", 0, &[holding(0, 10)]);
    bench.table.clear();
    bench.beat();
    assert_eq!(bench.offered(), [0; 0]);
    assert!(bench.blocks.are_forgotten());
    bench.table = vec![(holding(0, 10), OWN)];
    bench.beat();
    assert_eq!(bench.offered(), [0]);
    assert!(!bench.blocks.are_forgotten());
}

/// Node `a` knew that the block was that of `b`, the store forgot it, and grants it to `a`.
fn disputed() -> Bench {
    let mut bench = Bench::new("61000-61999/16");
    bench.see(&[("a", 1, 0), ("b", 2, 0)]);
    bench.table = vec![(holding(0, 5), Fence(2))];
    bench.beat();
    bench.blocks.on_loss(Some(OWN), seconds(6), &bench.view, bench.now);
    bench.see(&[("a", 1, 0)]);
    bench.table.clear();
    bench.quarantine = seconds(6);
    bench.beat();
    assert_eq!(bench.owners(), [(0, 2)], "connections still go where they went");
    bench.pass(6);
    bench.quarantine = Duration::ZERO;
    bench.grant(&[holding(0, 10)]);
    bench.pass(1);
    bench.table = vec![(holding(0, 10), OWN)];
    bench.beat();
    bench
}

#[test]
fn what_was_anothers_is_not_offered_until_that_one_would_have_stopped() {
    let mut bench = disputed();
    assert_eq!((bench.offered(), bench.owners()), (vec![], vec![(0, 2)]));
    assert_eq!(bench.blocks.poll_grant(bench.now), Some((1, 63)), "another one in its place");
    let end = bench.now - seconds(7) + Duration::from_millis(RECLAIM_AFTER_MS);
    bench.pass(500);
    bench.beat();
    assert_eq!(bench.offered(), [0; 0]);
    assert_eq!(bench.blocks.next_change(bench.now), Some(end));
    bench.now = end;
    bench.blocks.on_time(end);
    assert_eq!((bench.offered(), bench.owners()), (vec![0], vec![(0, 1)]));
}

#[test]
fn what_was_anothers_is_offered_when_that_one_was_told() {
    let mut bench = disputed();
    // As the store knew it before.
    bench.see_told("b", 2, 2, (7, 6));
    bench.beat();
    assert_eq!(bench.offered(), [0; 0], "it beat in the quarantine, or before");
    bench.pass(3);
    for told in [6, 7] {
        bench.see_told("b", 2, 0, (8, told));
        bench.beat();
        assert_eq!(
            bench.offered(),
            [0; 0],
            "its answer may be lost, or lie before a process that stands still"
        );
    }
    bench.pass(2);
    bench.see_told("b", 2, 0, (9, 8));
    bench.beat();
    assert_eq!(bench.offered(), [0]);
    // Its next life does not know of the block either.
    let mut bench = disputed();
    bench.pass(3);
    bench.see_told("b", 3, 0, (1, 0));
    bench.beat();
    assert_eq!(bench.offered(), [0]);
}

/// A store that went back by less than a silence grants a block that another has, before anybody could tell.
#[test]
fn a_grant_does_not_make_forget_who_had_the_block() {
    let mut bench = Bench::new("61000-61999/16");
    bench.see(&[("a", 1, 0), ("b", 2, 0)]);
    bench.table = vec![(holding(0, 5), Fence(2))];
    bench.beat();
    bench.grant(&[holding(0, 10)]);
    bench.blocks.on_loss(Some(OWN), seconds(6), &bench.view, bench.now);
    bench.pass(6);
    bench.see(&[("a", 1, 0)]);
    bench.table = vec![(holding(0, 10), OWN)];
    bench.beat();
    assert_eq!((bench.offered(), bench.owners()), (vec![], vec![(0, 2)]));
}

#[test]
fn another_layout_is_obeyed_by_offering_nothing() {
    let mut bench = Bench::holding("61000-61999/16", 0, &[holding(0, 10)]);
    bench.table.push((holding(7, 11), Fence(2)));
    bench.see(&[("a", 1, 0), ("b", 2, 0)]);
    bench.beat();
    bench.blocks.on_layout("61000-61999/16", bench.now);
    assert_eq!(bench.offered(), [0]);
    bench.blocks.on_layout("61000-61009/2", bench.now);
    assert_eq!(bench.offered(), [0; 0]);
    assert_eq!(bench.blocks.layout().to_string(), "61000-61009/2");
    assert_eq!(bench.owners(), [(0, 1)], "there are five blocks");
    assert_eq!(bench.blocks.poll_grant(bench.now), None);
    bench.pass(60);
    bench.pass(5);
    bench.usage(0, &[]);
    bench.blocks.on_layout("61000-61999/16", bench.now);
    assert_eq!(bench.offered(), [0; 0], "others may not know yet");
    bench.pass(6);
    assert_eq!(bench.offered(), [0]);
    bench.blocks.on_layout("later", bench.now);
    assert_eq!((bench.offered(), bench.owners()), (vec![], vec![]), "nobody knows what is whose");
    bench.pass(60);
    bench.pass(5);
    bench.usage(0, &[]);
    assert_eq!(bench.blocks.poll_return(), [holding(0, 10)]);
}

#[test]
fn the_table_tells_where_owners_are_reached() {
    let mut bench = Bench::new("61000-61999/16");
    bench.see(&[("a", 1, 0), ("b", 2, 9)]);
    bench.table = vec![(holding(3, 5), Fence(2)), (holding(4, 5), Fence(77))];
    bench.beat();
    let table = bench.blocks.table(&bench.own(), &bench.view, bench.now);
    let owner = &table.owners[&3];
    assert_eq!(owner.relay, Some("10.0.0.2:2120".parse().unwrap()));
    assert_eq!((owner.node.as_str(), owner.alive), ("b", false));
    assert_eq!(table.owners.len(), 1, "nobody knows who 77 is");
    assert_eq!((table.own, table.layout.to_string().as_str()), (OWN, "61000-61999/16"));
}
