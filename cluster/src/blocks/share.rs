//! How many blocks a node should have, if others want some as well.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::Fence;
use crate::ports::Layout;
use crate::view::View;

/// What the last table said of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// Living nodes: this one at the least.
    living: u16,
    /// Blocks that are not kept for dead ones.
    usable: u16,
    /// Blocks that nobody has.
    pub(super) free: u16,
}

impl Share {
    pub(super) fn of(
        layout: Layout,
        owners: &BTreeMap<u16, Fence>,
        own: Fence,
        view: &View,
    ) -> Self {
        let mut living: BTreeSet<Fence> = view.alive().map(|(_, seen)| seen.fence).collect();
        living.insert(own);
        let total = layout.blocks();
        let owned = owners.range(..total);
        let dead = owned.clone().filter(|(_, owner)| !living.contains(owner)).count();
        Self {
            living: super::count(living.len()),
            usable: total.saturating_sub(super::count(dead)),
            free: total.saturating_sub(super::count(owned.count())),
        }
    }

    /// How many blocks each may have whatever the others want.
    fn fair(&self) -> u16 {
        (self.usable / self.living.max(1)).max(1)
    }

    /// How many there should be, of so many that would be used to the full, and whether others wait for what
    /// is above. More than the fair share only while more blocks than living nodes are free; and where none is
    /// free, whoever has more gives one back at a time.
    pub(super) fn target(&self, wanted: u16, active: u16, held: u16) -> (u16, bool) {
        let fair = self.fair();
        if self.free == 0 && held > fair {
            return ((held - 1).max(fair), true);
        }
        let spare = self.free.saturating_sub(self.living);
        (wanted.min(fair.max(active.saturating_add(spare))), false)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn share(total: u16, living: u16, free: u16) -> Share {
        Share { living, usable: total, free }
    }

    #[test]
    fn targets() {
        // Wanted, active, held of 12 blocks.
        let of = |living, free, wanted, active, held| {
            share(12, living, free).target(wanted, active, held)
        };
        assert_eq!(of(1, 12, 20, 0, 0), (12, false), "alone");
        assert_eq!(of(3, 12, 2, 0, 0), (2, false), "what is wanted");
        assert_eq!(of(3, 6, 9, 2, 2), (5, false), "three stay free for three nodes");
        assert_eq!(of(3, 2, 9, 2, 2), (4, false), "the fair share at the least");
        assert_eq!(of(3, 3, 9, 6, 6), (6, false), "not more, and not less");
        assert_eq!(of(3, 0, 9, 6, 6), (5, true), "others have none");
        assert_eq!(of(3, 0, 9, 5, 6), (5, true), "one at a time");
        assert_eq!(of(3, 0, 9, 4, 4), (4, false), "the fair share stays");
        assert_eq!(of(30, 0, 9, 1, 1), (1, false), "one each");
    }

    proptest! {
        /// However blocks are spread: after some rounds nobody who wants some has less than the fair share
        /// while another has more, and then nothing moves any more.
        #[test]
        fn shares_come_to_rest(
            total in 1u16..100,
            wanted in prop::collection::vec(1u16..100, 1..8),
            first in 0usize..8,
        ) {
            let living = super::super::count(wanted.len());
            let mut held = vec![0; wanted.len()];
            // One has had all for itself.
            let first = first % held.len();
            held[first] = total;
            let mut rested = 0;
            for _ in 0..300 {
                let before = held.clone();
                for node in 0..held.len() {
                    let free = total - held.iter().sum::<u16>();
                    let of = share(total, living, free);
                    let (target, _) = of.target(wanted[node], held[node], held[node]);
                    held[node] = target.min(held[node] + free);
                }
                rested = if held == before { rested + 1 } else { 0 };
            }
            prop_assert!(rested > 200, "{held:?}");
            let fair = share(total, living, 0).fair();
            let lacks = held.iter().zip(&wanted).any(|(held, wanted)| *held < fair.min(*wanted));
            let most = held.iter().max().unwrap();
            prop_assert!(!lacks || *most <= fair, "{held:?} of {total}");
            prop_assert!(u16::from(lacks) == 0 || total < living, "{held:?} of {total}");
        }
    }
}
