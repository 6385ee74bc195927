//! The port blocks that this node holds, and which of them it may offer.
//!
//! A block belongs to the node whose registration the store has beside it, for as long as that node beats,
//! and for `RECLAIM_AFTER_MS` after its last beat. The node counts that time by its own clock from the
//! moment at which it sent the beat, and stops offering a margin earlier.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::id::Fence;
use crate::store::{Holding, RECLAIM_AFTER_MS};

/// The blocks of one node.
#[derive(Debug, Default)]
pub struct Blocks {
    held: BTreeMap<u16, Fence>,
    /// How many are to be held, of how many in all.
    wanted: u16,
    total: u16,
    /// Until when they may be offered without another answer of the store.
    until: Option<Instant>,
    /// Nothing is to be asked for before.
    patience: Option<Instant>,
    under_way: bool,
    /// When the last request for more was answered.
    settled: Option<Instant>,
    /// Blocks that the store says are this node's, and that it does not know: of an answer that was lost.
    strays: Vec<Holding>,
}

impl Blocks {
    /// How many blocks the node wants, of how many there are. What is above is given back by
    /// [`surplus`](Self::surplus).
    pub fn want(&mut self, wanted: u16, total: u16) {
        (self.wanted, self.total) = (wanted.min(total), total);
    }

    /// The blocks from which ports may be offered now.
    pub fn offered(&self, now: Instant) -> impl Iterator<Item = u16> {
        let may = self.until.is_some_and(|until| now < until);
        self.held.keys().copied().filter(move |_| may)
    }

    /// All that are held, for a store that forgot them.
    pub fn holdings(&self) -> Vec<Holding> {
        self.held.iter().map(|(&block, &fence)| Holding { block, fence }).collect()
    }

    /// How many to ask for now, and of how many.
    #[must_use]
    pub fn poll(&mut self, now: Instant) -> Option<(u16, u16)> {
        let held = u16::try_from(self.held.len()).unwrap_or(u16::MAX);
        let waits = self.patience.is_some_and(|patience| now < patience);
        if held >= self.wanted || self.under_way || waits {
            return None;
        }
        self.under_way = true;
        Some((self.wanted - held, self.total))
    }

    /// Blocks to give back: those above what is wanted, the youngest first, and strays. They are no longer
    /// held.
    pub fn surplus(&mut self) -> Vec<Holding> {
        let mut surplus = std::mem::take(&mut self.strays);
        while self.held.len() > usize::from(self.wanted)
            && let Some((block, fence)) = self.held.pop_last()
        {
            surplus.push(Holding { block, fence });
        }
        surplus
    }

    /// The store granted these; nothing if it did not answer, or has no more.
    pub fn on_granted(&mut self, granted: &[Holding], now: Instant) {
        self.under_way = false;
        self.settled = Some(now);
        self.patience = Some(now + PATIENCE);
        self.held.extend(granted.iter().map(|holding| (holding.block, holding.fence)));
    }

    /// A beat that was sent then was answered: what is held is renewed, as far as the table agrees.
    pub fn on_beat(&mut self, sent: Instant, own: Fence, table: Option<&[(Holding, Fence)]>) {
        let reclaim = Duration::from_millis(RECLAIM_AFTER_MS).saturating_sub(MARGIN);
        self.until = Some(sent + reclaim);
        let Some(table) = table else { return };
        // What was granted while the beat was under way may be in the table before it is known here.
        if !self.under_way && self.settled.is_none_or(|settled| settled <= sent) {
            let own = table.iter().filter(|(_, owner)| *owner == own).map(|(holding, _)| *holding);
            self.strays = own.filter(|of| !self.held.contains_key(&of.block)).collect();
        }
        let owners: BTreeMap<u16, (Fence, Fence)> =
            table.iter().map(|(holding, owner)| (holding.block, (holding.fence, *owner))).collect();
        self.held.retain(|block, fence| {
            // One that the store does not know is told to it by the next beat.
            owners.get(block).is_none_or(|(at, owner)| *owner == own || at <= fence)
        });
    }

    /// Others have these by a higher fence.
    pub fn give_up(&mut self, blocks: &[u16]) {
        for block in blocks {
            self.held.remove(block);
        }
    }
}

/// How much earlier than the store the holder stops.
const MARGIN: Duration = Duration::from_secs(5);
/// Between two requests for more.
const PATIENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "the one way to a first instant")]
    fn start() -> Instant {
        Instant::now()
    }

    fn holding(block: u16, fence: u64) -> Holding {
        Holding { block, fence: Fence(fence) }
    }

    #[test]
    fn blocks_are_asked_for_held_and_given_back() {
        let now = start();
        let mut blocks = Blocks::default();
        blocks.want(2, 30);
        assert_eq!(blocks.poll(now), Some((2, 30)));
        assert_eq!(blocks.poll(now), None, "one request at a time");
        blocks.on_granted(&[holding(4, 10)], now);
        assert_eq!(blocks.poll(now), None);
        assert_eq!(blocks.poll(now + PATIENCE), Some((1, 30)));
        blocks.on_granted(&[holding(5, 11)], now);
        assert_eq!(blocks.offered(now).count(), 0, "not before a beat was answered");
        blocks.on_beat(now, Fence(1), None);
        assert_eq!(blocks.offered(now).collect::<Vec<_>>(), [4, 5]);
        blocks.want(1, 30);
        assert_eq!(blocks.surplus(), [holding(5, 11)]);
        assert_eq!(blocks.holdings(), [holding(4, 10)]);
    }

    #[test]
    fn a_silent_holder_stops_before_the_store_gives_its_blocks_away() {
        let now = start();
        let mut blocks = Blocks::default();
        blocks.want(1, 1);
        blocks.on_granted(&[holding(0, 10)], now);
        blocks.on_beat(now, Fence(1), None);
        let end = now + Duration::from_millis(RECLAIM_AFTER_MS);
        assert_eq!(blocks.offered(end - MARGIN - Duration::from_secs(1)).count(), 1);
        assert_eq!(blocks.offered(end - MARGIN).count(), 0);
    }

    #[test]
    fn what_was_granted_in_an_answer_that_got_lost_is_given_back() {
        let now = start();
        let mut blocks = Blocks::default();
        blocks.want(1, 3);
        let _ = blocks.poll(now);
        let table = [(holding(2, 9), Fence(1))];
        blocks.on_beat(now, Fence(1), Some(&table));
        assert_eq!(blocks.surplus(), [], "its answer may be on the way");
        blocks.on_granted(&[], now);
        blocks.on_beat(now, Fence(1), Some(&table));
        assert_eq!(blocks.surplus(), [holding(2, 9)]);
    }

    #[test]
    fn the_higher_fence_wins() {
        let now = start();
        let mut blocks = Blocks::default();
        blocks.want(3, 3);
        blocks.on_granted(&[holding(0, 10), holding(1, 10), holding(2, 10)], now);
        let table = [(holding(0, 11), Fence(2)), (holding(1, 9), Fence(2))];
        blocks.on_beat(now, Fence(1), Some(&table));
        assert_eq!(blocks.offered(now).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(blocks.surplus(), []);
        blocks.give_up(&[2]);
        assert_eq!(blocks.offered(now).collect::<Vec<_>>(), [1]);
    }
}
