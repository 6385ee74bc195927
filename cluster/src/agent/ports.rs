//! Port blocks: what the node hears of them, and says of their use.

use std::time::{Duration, Instant};

use super::{Agent, Event};
use crate::blocks::{Blocks, Heard, Owner, PortTable, PortUse};
use crate::ports::Layout;
use crate::store::{Beaten, Granted, Holding};

/// Blocks, and what the node was told of them.
#[derive(Debug)]
pub(super) struct Ports {
    /// Where they are leased.
    pub(super) blocks: Option<Blocks>,
    /// Something happened since the node was told.
    changed: bool,
    /// When something changes by itself.
    next: Option<Instant>,
    told: Option<PortTable>,
}

impl Ports {
    pub(super) fn new(blocks: Option<Blocks>) -> Self {
        Self { blocks, changed: true, next: None, told: None }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// What the store is to hear again.
    pub(super) fn holdings(&self) -> Vec<Holding> {
        self.blocks.as_ref().map(Blocks::holdings).unwrap_or_default()
    }

    pub(super) fn are_forgotten(&self) -> bool {
        self.blocks.as_ref().is_some_and(Blocks::are_forgotten)
    }

    /// What is to be told of may be another than before.
    pub(super) fn touch(&mut self) -> Option<&mut Blocks> {
        self.changed = true;
        self.blocks.as_mut()
    }
}

impl Agent {
    /// How the passive ports of this node are used. To be told a few times a second, also while nothing changes: a
    /// block is given back only after it was said a while later that nothing waits on it, and the next one asked for
    /// before the last port of this one is taken.
    pub fn on_port_use(&mut self, usage: PortUse, now: Instant) {
        let ports = &mut self.ports;
        if let Some(blocks) = &mut ports.blocks {
            ports.changed |= blocks.on_use(usage, now);
        }
    }

    /// Somebody may wait for so long on a port from now on ([`Setup::port_wait`](super::Setup::port_wait)).
    pub fn on_port_wait(&mut self, wait: Duration) {
        if let Some(blocks) = self.ports.touch() {
            blocks.on_wait(wait);
        }
    }

    /// The blocks of the pool; `None` where passive ports are not leased ([`Setup::ports`](super::Setup::ports)).
    /// It is another one after every [`Event::Ports`].
    pub fn port_table(&self, now: Instant) -> Option<PortTable> {
        let layout = self.setup.ports?;
        let own = Owner {
            node: self.setup.node.clone(),
            fence: self.identity.as_ref().map(|identity| identity.fence).unwrap_or_default(),
            relay: self.member.relay.parse().ok(),
            alive: true,
        };
        Some(match &self.ports.blocks {
            Some(blocks) => blocks.table(&own, &self.view, now),
            None => PortTable::alone(layout, &own),
        })
    }

    /// The blocks from which ports may be offered now, as in the [table](Self::port_table); none where they are not
    /// leased.
    pub fn offered(&self, now: Instant) -> impl Iterator<Item = u16> {
        let leased = self.ports.blocks.as_ref();
        let alone = self.setup.ports.filter(|_| leased.is_none()).map_or(0, Layout::blocks);
        leased.into_iter().flat_map(move |blocks| blocks.offered(now)).chain(0..alone)
    }

    /// Before the view is that of a store which forgot.
    pub(super) fn remember_ports(&mut self, beaten: &Beaten, now: Instant) {
        let own = self.identity.as_ref().map(|identity| identity.fence);
        if (beaten.lost || beaten.quarantine_ms > 0)
            && let Some(blocks) = self.ports.touch()
        {
            let quarantine = Duration::from_millis(beaten.quarantine_ms);
            blocks.on_loss(own, quarantine, &self.view, now);
        }
    }

    /// What a beat says of blocks.
    pub(super) fn take_ports(&mut self, beaten: &Beaten, sent: Instant, now: Instant) {
        let table = (!beaten.members.is_empty()).then_some(beaten.blocks.as_slice());
        let Some(blocks) = self.ports.touch() else { return };
        let quarantine = Duration::from_millis(beaten.quarantine_ms);
        blocks.give_up(&beaten.yield_blocks);
        let (lost, own) = (beaten.lost, beaten.fence);
        let displaced = &beaten.displaced;
        let heard = Heard { sent, own, quarantine, lost, table, displaced };
        blocks.on_beat(heard, &self.view, now);
        // The store is told by the next beat, and asked whether it knows now; once, for it may not take it.
        if blocks.are_forgotten() && !self.beat.has_asserted() {
            self.beat.hurry_for_members(now);
        }
    }

    /// The answer to a request for more.
    pub(super) fn on_granted(&mut self, granted: Option<&Granted>, now: Instant) {
        let own = self.identity.as_ref().map(|identity| identity.fence);
        let Some(blocks) = self.ports.touch() else { return };
        blocks.on_granted(granted, own, now);
        // They are offered when a table names them.
        if matches!(granted, Some(Granted::Blocks(blocks)) if !blocks.is_empty()) {
            self.beat.hurry_for_members(now);
        }
    }

    /// How blocks are counted from now on.
    pub(super) fn take_layout(&mut self, now: Instant) {
        if let Some(blocks) = self.ports.touch() {
            blocks.on_layout(&self.policy.ports, now);
        }
    }

    /// Nothing is this node's own any more.
    pub(super) fn give_up_ports(&mut self) {
        if let Some(blocks) = self.ports.touch() {
            blocks.give_up_all();
        }
    }

    /// Tells the node when its table is another.
    pub(super) fn watch_ports(&mut self, now: Instant) {
        let due = self.ports.next.is_some_and(|next| next <= now);
        if !due && !self.ports.changed {
            return;
        }
        if let Some(blocks) = &mut self.ports.blocks {
            blocks.on_time(now);
        }
        let table = self.port_table(now);
        let ports = &mut self.ports;
        ports.changed = false;
        ports.next = ports.blocks.as_ref().and_then(|blocks| blocks.next_change(now));
        if ports.told != table {
            ports.told = table;
            self.events.push_back(Event::Ports);
        }
    }
}
