//! What the node is told: who owns which block, and what it may offer; and what it says of their use.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::time::Instant;

use super::Blocks;
use crate::id::{Fence, NodeId};
use crate::ports::Layout;
use crate::view::{Seen, View};

/// How the passive ports of this node are used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortUse {
    /// How many ports the busiest client addresses need at once: a port serves many addresses, but each only
    /// once.
    pub needed: u32,
    /// Blocks with a port that waits for a connection or was used a moment ago.
    pub busy: BTreeSet<u16>,
}

impl PortUse {
    /// How many blocks are used to the full by that, at [`FULL_PERCENT`] of their ports.
    pub(super) fn wanted(&self, layout: Layout) -> u16 {
        let needed = u64::from(self.needed) * 100;
        let ports = needed.div_ceil(FULL_PERCENT).max(PORTS_MIN);
        layout.blocks_for(u32::try_from(ports).unwrap_or(u32::MAX))
    }
}

/// The blocks of the pool as this node knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortTable {
    /// How the pool counts blocks. Where that is not how this node is configured, it offers nothing.
    pub layout: Layout,
    /// This node's registration, by which others name it as an owner; 0: it has none yet.
    pub own: Fence,
    /// Blocks of which ports may be offered now, in ascending order.
    pub offered: Vec<u16>,
    /// Who owns which block. Connections to a port of a block that is this node's own, or that it offered a
    /// port of, are its own.
    pub owners: BTreeMap<u16, Owner>,
}

/// Who owns a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its name.
    pub node: NodeId,
    /// Its registration: what a [`Preamble`](crate::relay::Preamble) has to name.
    pub fence: Fence,
    /// Where it takes connections that belong to it; `None`: nowhere, or nobody knows.
    pub relay: Option<SocketAddr>,
    /// Whether the store hears of it. One that is cut off from the store alone may be reached nevertheless.
    pub alive: bool,
}

impl Owner {
    /// All registered nodes that the view has.
    pub(super) fn all(view: &View) -> HashMap<Fence, Self> {
        view.nodes().map(|(node, seen)| (seen.fence, Self::seen(node, seen))).collect()
    }

    fn seen(node: &NodeId, seen: &Seen) -> Self {
        let relay = seen.member.as_ref().and_then(|member| member.relay.parse().ok());
        Self { node: node.clone(), fence: seen.fence, relay, alive: seen.alive }
    }
}

impl PortTable {
    /// All blocks belong to one node.
    pub(crate) fn alone(layout: Layout, owner: &Owner) -> Self {
        let all = 0..layout.blocks();
        let owners = all.clone().map(|block| (block, owner.clone())).collect();
        Self { layout, own: owner.fence, offered: all.collect(), owners }
    }
}

impl Blocks {
    /// What the node is to know, which is this owner.
    pub fn table(&self, own: &Owner, view: &View, now: Instant) -> PortTable {
        let known = Owner::all(view);
        let total = self.layout().blocks();
        let mut owners = BTreeMap::new();
        // Until they are heard of, those who had a block before the store forgot are its owners.
        for (block, owner) in self.past.owners() {
            let alive = known.get(&owner.fence).is_some_and(|known| known.alive);
            owners.insert(block, Owner { alive, ..owner.clone() });
        }
        for (&block, fence) in &self.owners {
            let owner = match *fence == own.fence {
                true if self.past.disputes(block) => continue,
                true => Some(own),
                false => known.get(fence),
            };
            owners.extend(owner.map(|owner| (block, owner.clone())));
        }
        if !self.can_count() {
            owners.clear();
        }
        owners.retain(|block, _| *block < total);
        PortTable {
            layout: self.layout(),
            own: own.fence,
            offered: self.offered(now).collect(),
            owners,
        }
    }
}

/// How full the ports of a node may be before it wants more.
const FULL_PERCENT: u64 = 70;
/// Ports that a node wants although nobody needs any.
const PORTS_MIN: u64 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_wanted_before_they_are_full() {
        let wanted = |needed, layout: &str| {
            PortUse { needed, ..PortUse::default() }.wanted(layout.parse().unwrap())
        };
        assert_eq!(wanted(0, "61000-61999/15"), 2, "16 ports");
        assert_eq!(wanted(0, "61000-61999/32"), 1);
        assert_eq!(wanted(22, "61000-61999/32"), 1, "22 of 32 are less than 70 %");
        assert_eq!(wanted(23, "61000-61999/32"), 2);
        assert_eq!(wanted(u32::MAX, "61000-61999/32"), 32, "all");
        assert_eq!(wanted(0, "61000/1"), 1);
    }
}
