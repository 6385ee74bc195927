//! What beats bring: tables of who owns which block, and word of a loss.

use std::time::{Duration, Instant};

use super::share::Share;
use super::{Blocks, Listing};
use crate::id::Fence;
use crate::store::{DEAD_AFTER_MS, Holding};
use crate::view::View;

/// What a beat told.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// When it was sent.
    pub sent: Instant,
    /// What this node is registered by.
    pub own: Fence,
    /// For how long the store grants nothing yet.
    pub quarantine: Duration,
    /// The store forgot what this node has told it.
    pub lost: bool,
    /// Owners of blocks, if they were asked for.
    pub table: Option<&'a [(Holding, Fence)]>,
    /// Owners until now of blocks that are this node's since it said that it holds them.
    pub displaced: &'a [(Holding, Fence)],
}

impl Blocks {
    /// The store forgot something, or may have, and grants nothing for so long: what others have by the view until
    /// now is theirs until they say otherwise.
    pub fn on_loss(&mut self, own: Option<Fence>, quarantine: Duration, view: &View, now: Instant) {
        let others = self.owners.iter().filter(|(_, owner)| Some(**owner) != own);
        let others = others.map(|(block, owner)| (*block, *owner));
        self.past.renew(now + quarantine, now);
        self.past.remember(others, view, now + quarantine, now);
    }

    /// A beat was answered: what is held is renewed, as far as the table agrees.
    pub fn on_beat(&mut self, heard: Heard<'_>, view: &View, now: Instant) {
        let Heard { sent, own, quarantine, lost, table, displaced } = heard;
        self.quarantine = Some(sent + quarantine).filter(|_| !quarantine.is_zero());
        let Some(table) = table else { return };
        let mut conflicts = self.conflicts(table, sent, own);
        conflicts.extend(displaced.iter().map(|(holding, owner)| (holding.block, *owner)));
        if lost {
            // Before any other table counts it hears of what is held.
            self.past.remember(conflicts.into_iter(), view, now + quarantine, now);
            return;
        }
        if self.until().is_none_or(|until| until <= now) {
            // Others may have had them since.
            for hold in self.held.values_mut() {
                hold.listed = Listing::Doubtful;
            }
        }
        self.renewed = Some(sent);
        self.take_table(table, sent, own);
        self.past.forgive(&self.owners, view, now);
        // They learn of it by a table of their own.
        let learned = now + quarantine.max(Duration::from_millis(DEAD_AFTER_MS));
        self.past.remember(conflicts.into_iter(), view, learned, now);
        self.share = Some(Share::of(self.layout, &self.owners, own, view));
        self.adjust(now);
    }

    /// Blocks of this node that others have by the table, and by a lower fence: the store will decide for this node
    /// when it is told, and the others do not know yet. What they have by a higher one is theirs.
    fn conflicts(
        &mut self,
        table: &[(Holding, Fence)],
        sent: Instant,
        own: Fence,
    ) -> Vec<(u16, Fence)> {
        let mut conflicts = Vec::new();
        for (Holding { block, fence }, owner) in table.iter().filter(|(_, owner)| *owner != own) {
            match self.held.get_mut(block) {
                // The table is older than the grant.
                Some(hold) if hold.granted > sent => {}
                Some(hold) if *fence < hold.fence => {
                    hold.listed = Listing::Doubtful;
                    conflicts.push((*block, *owner));
                }
                Some(_) => {
                    self.held.remove(block);
                }
                None => {}
            }
        }
        conflicts
    }

    fn take_table(&mut self, table: &[(Holding, Fence)], sent: Instant, own: Fence) {
        // What was granted while the beat was under way may be in the table before it is known here.
        if !self.under_way && self.settled.is_none_or(|settled| settled <= sent) {
            let own = table.iter().filter(|(_, owner)| *owner == own).map(|(holding, _)| *holding);
            self.strays = own.filter(|of| !self.held.contains_key(&of.block)).collect();
        }
        self.owners = table.iter().map(|(holding, owner)| (holding.block, *owner)).collect();
        for (block, hold) in &mut self.held {
            match self.owners.get(block) {
                // Until the quarantine ends, somebody may come who has it by a higher fence.
                Some(owner) if *owner == own && self.quarantine.is_some() => {
                    if hold.listed == Listing::Awaited {
                        hold.listed = Listing::Doubtful;
                    }
                }
                Some(owner) if *owner == own => hold.listed = Listing::Own,
                // The table is older than the grant.
                _ if hold.granted > sent => {}
                _ => hold.listed = Listing::Doubtful,
            }
        }
        // Strays are owned by nobody who knows of them.
        self.owners.retain(|block, owner| *owner != own || self.held.contains_key(block));
        self.owners.extend(self.held.keys().map(|block| (*block, own)));
    }
}
