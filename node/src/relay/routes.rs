//! What a node knows of the ports of its pool.

use std::net::SocketAddr;
use std::time::Duration;

use flotilla_cluster::blocks::PortTable;
use flotilla_cluster::id::{Fence, NodeId};
use flotilla_cluster::ports::Layout;
use flotilla_cluster::relay::RelayKey;

/// A copy of the block table with what it takes to reach the owners; never changed, only replaced.
#[derive(Debug)]
pub(crate) struct Routes {
    /// Who owns which block, and from which this node offers ports.
    pub(crate) table: PortTable,
    /// Proves nodes to each other; `None`: the pool has none yet, and nothing is relayed.
    pub(crate) key: Option<RelayKey>,
    /// How long a relay may last without a byte.
    pub(crate) stalled: Duration,
}

/// To whom a port belongs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Owner<'a> {
    /// To this node, or to nobody.
    Nobody,
    /// To another one.
    Other { node: &'a NodeId, fence: Fence, relay: SocketAddr, is_alive: bool },
}

impl Routes {
    /// How the range is divided.
    pub(crate) fn layout(&self) -> Layout {
        self.table.layout
    }

    /// Whether this node may give the port to clients.
    pub(crate) fn offers(&self, port: u16) -> bool {
        let block = self.layout().block_of(port);
        block.is_some_and(|block| self.table.offered.binary_search(&block).is_ok())
    }

    /// Where a connection to the port belongs, if not here.
    pub(crate) fn owner(&self, port: u16) -> Owner<'_> {
        let owner = self.layout().block_of(port).and_then(|block| self.table.owners.get(&block));
        let Some(owner) = owner else { return Owner::Nobody };
        match owner.relay {
            Some(relay) if owner.fence != self.table.own => {
                Owner::Other { node: &owner.node, fence: owner.fence, relay, is_alive: owner.alive }
            }
            _ => Owner::Nobody,
        }
    }
}
