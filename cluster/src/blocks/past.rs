//! Who had which block before the store forgot.
//!
//! A holder that is not told what happened may go on offering its blocks, for as long as it would have been
//! allowed to. The nodes that know of it, by a table from before or by one in which both have the block, leave
//! these blocks alone, whatever the store grants, and go on passing connections to it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::table::Owner;
use crate::id::Fence;
use crate::store::RECLAIM_AFTER_MS;
use crate::view::{Seen, View};

/// Claims of others, by block and by the registration of whoever had it.
#[derive(Clone, Debug, Default)]
pub(super) struct Past {
    claims: BTreeMap<(u16, Fence), Claim>,
}

#[derive(Clone, Debug)]
struct Claim {
    owner: Owner,
    /// What the store tells its owner after this time says what became of its blocks.
    settled: Instant,
    /// The owner's first beat after that, by its number.
    heard: Option<u64>,
    /// It has stopped by itself.
    until: Instant,
}

impl Past {
    /// The store forgot: earlier claims stand as if they were new.
    pub(super) fn renew(&mut self, settled: Instant, now: Instant) {
        let until = now + Duration::from_millis(RECLAIM_AFTER_MS);
        for claim in self.claims.values_mut() {
            (claim.settled, claim.heard, claim.until) = (settled, None, until);
        }
    }

    /// These have blocks by a table, and do not know that somebody else may get them. Who is not in the view claims
    /// nothing: nobody could be sent to it.
    pub(super) fn remember(
        &mut self,
        others: impl Iterator<Item = (u16, Fence)>,
        view: &View,
        settled: Instant,
        now: Instant,
    ) {
        let until = now + Duration::from_millis(RECLAIM_AFTER_MS);
        let known = Owner::all(view);
        for (block, fence) in others {
            if let Some(owner) = known.get(&fence)
                && self.claims.len() < CLAIMS_MAX
            {
                let owner = owner.clone();
                self.claims.insert((block, fence), Claim { owner, settled, heard: None, until });
            }
        }
    }

    /// A table came: who has been told what it holds, has another life, or has the block by the table claims nothing
    /// any more.
    pub(super) fn forgive(&mut self, owners: &BTreeMap<u16, Fence>, view: &View, now: Instant) {
        self.claims.retain(|(block, fence), claim| {
            let seen = view.node(&claim.owner.node);
            let is_settled = seen.is_some_and(|seen| {
                seen.fence > *fence || seen.fence == *fence && claim.is_answered(seen)
            });
            now < claim.until && !is_settled && owners.get(block) != Some(fence)
        });
    }

    /// Forgets what is over.
    pub(super) fn expire(&mut self, now: Instant) {
        self.claims.retain(|_, claim| now < claim.until);
    }

    /// Whether somebody claims the block.
    pub(super) fn disputes(&self, block: u16) -> bool {
        self.of(block).next().is_some()
    }

    /// All claims; of those on one block that of the youngest registration comes last.
    pub(super) fn owners(&self) -> impl Iterator<Item = (u16, &Owner)> {
        self.claims.iter().map(|((block, _), claim)| (*block, &claim.owner))
    }

    /// When the first of the claims on these blocks ends.
    pub(super) fn next_end<'a>(&self, blocks: impl Iterator<Item = &'a u16>) -> Option<Instant> {
        blocks.flat_map(|block| self.of(*block)).map(|claim| claim.until).min()
    }

    fn of(&self, block: u16) -> impl Iterator<Item = &Claim> {
        let all = (block, Fence(0))..=(block, Fence(u64::MAX));
        self.claims.range(all).map(|(_, claim)| claim)
    }
}

impl Claim {
    /// Whether the owner has been told who has its block. That the store heard of it is not enough: the answer may
    /// be lost, or wait for a process that stands still, and the owner goes on offering meanwhile.
    fn is_answered(&mut self, owner: &Seen) -> bool {
        let Some(member) = owner.member.as_ref() else { return false };
        if !owner.alive || owner.beat < self.settled {
            return false;
        }
        let heard = *self.heard.get_or_insert(member.beat);
        member.told >= heard
    }
}

/// Claims that are kept, four for each block: what a pool can have lost within 10 min and still be one.
const CLAIMS_MAX: usize = 8_192;
