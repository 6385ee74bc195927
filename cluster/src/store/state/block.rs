//! Port blocks: who may offer which ports.

use super::{Block, State};
use crate::id::Fence;
use crate::store::{Asking, Granted, Holding, RECLAIM_AFTER_MS};

impl State {
    pub(super) fn grant(&mut self, asking: &Asking, blocks: u16, wanted: u16, now: u64) -> Granted {
        if !self.is_alive(asking.fence, now) {
            return Granted::Stale;
        }
        if self.is_quarantined(now) {
            return Granted::Quarantined { left_ms: self.quarantine_ms(now) };
        }
        let mut granted = Vec::new();
        for block in 0..blocks {
            if granted.len() >= usize::from(wanted) {
                break;
            }
            if self.is_kept(block, now) {
                continue;
            }
            let fence = self.next_fence(now);
            self.blocks.insert(block, Block { owner: asking.fence, fence });
            granted.push(Holding { block, fence });
        }
        Granted::Blocks(granted)
    }

    /// Whether somebody owns the block, alive or not silent for long enough.
    fn is_kept(&self, block: u16, now: u64) -> bool {
        let beat = self.blocks.get(&block).and_then(|block| self.beats.get(&block.owner));
        let silent = |beat: &u64| now.saturating_sub(*beat) >= RECLAIM_AFTER_MS;
        beat.is_some_and(|beat| !silent(beat) || self.is_quarantined(now))
    }

    pub(super) fn give_back(&mut self, owner: Fence, held: &[Holding]) {
        for holding in held {
            let owned = self.blocks.get(&holding.block);
            if owned.is_some_and(|of| of.owner == owner && of.fence == holding.fence) {
                self.blocks.remove(&holding.block);
            }
        }
    }
}
