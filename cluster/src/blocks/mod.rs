//! The port blocks of this node: which it holds, which of them it may offer, how many it should have; and
//! who owns the others.
//!
//! # Ownership
//! A block belongs to the node whose registration the store has beside it, for as long as that node beats,
//! and for `RECLAIM_AFTER_MS` after its last beat. The node counts that time by its own clock from the
//! moment at which it sent the last beat that brought the table of blocks, and stops offering earlier: by as much as
//! somebody may wait on a port of it, so that nobody does when it can be another's.
//! A block that was granted is offered once such a table says so, and the others have had the time for a table
//! of their own: a connection that a balancer brings to one of them is to find its way.
//!
//! # After the store forgot
//! - A holder says what it holds, and goes on offering it until the table comes that the store then writes:
//!   nothing is granted meanwhile (the quarantine).
//! - What was another's before is disputed: it is not offered, although granted, until that other
//!   one has been heard of, or would have stopped by itself.
//!
//! # Giving back
//! First a block is withdrawn: it is not offered any more, but is still owned, and connections to it are still
//! this node's. It is given back when a report of its use, made a while after that, says that nothing waits on
//! it.

mod beat;
mod past;
mod share;
mod table;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

pub use beat::Heard;
use past::Past;
use share::Share;
pub use table::{Owner, PortTable, PortUse};

use crate::id::Fence;
use crate::ports::Layout;
use crate::store::{DEAD_AFTER_MS, Granted, Holding, RECLAIM_AFTER_MS};

/// The blocks of one node.
#[derive(Debug)]
pub struct Blocks {
    /// By this node's configuration.
    layout: Layout,
    /// How long somebody waits on a port that was offered, at the longest.
    wait: Duration,
    agreement: Agreement,
    held: BTreeMap<u16, Hold>,
    /// All blocks that have an owner: by the last table, and what happened to this node's since.
    owners: BTreeMap<u16, Fence>,
    past: Past,
    share: Option<Share>,
    usage: PortUse,
    /// When that was reported.
    reported: Option<Instant>,
    /// When the beat was sent that brought the last table.
    renewed: Option<Instant>,
    /// Until when the store grants nothing, as far as this node knows.
    quarantine: Option<Instant>,
    /// Since when there are more than there should be.
    above: Option<Instant>,
    begun: Instant,
    /// Nothing is to be asked for before.
    patience: Instant,
    under_way: bool,
    /// When the last request for more was answered.
    settled: Option<Instant>,
    /// Blocks that the store says are this node's, and that it does not know: of an answer that was lost.
    strays: Vec<Holding>,
}

/// A block that this node holds.
#[derive(Clone, Copy, Debug)]
struct Hold {
    /// Of the grant.
    fence: Fence,
    /// When the answer came.
    granted: Instant,
    listed: Listing,
    /// Since when it is not offered any more.
    withdrawn: Option<Instant>,
}

/// What the last table said of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listing {
    /// Nothing yet.
    Awaited,
    /// That it is this node's.
    Own,
    /// Not that it is, or others may have had it since: the store has to decide.
    Doubtful,
}

/// Whether this node counts blocks as the pool does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Agreement {
    /// It does, or nobody has said how; from then on, if it was not so before.
    Same { from: Option<Instant> },
    /// It does not. The pool's layout, if it can be read.
    Other(Option<Layout>),
}

impl Blocks {
    /// A node that has no blocks yet, and where somebody may wait for so long on a port that was offered.
    pub fn new(layout: Layout, wait: Duration, now: Instant) -> Self {
        Self {
            layout,
            wait,
            agreement: Agreement::Same { from: None },
            held: BTreeMap::new(),
            owners: BTreeMap::new(),
            past: Past::default(),
            share: None,
            usage: PortUse::default(),
            reported: None,
            renewed: None,
            quarantine: None,
            above: None,
            begun: now,
            patience: now,
            under_way: false,
            settled: None,
            strays: Vec::new(),
        }
    }

    /// How the pool counts blocks, as far as is known.
    pub fn layout(&self) -> Layout {
        match self.agreement {
            Agreement::Other(Some(layout)) => layout,
            Agreement::Other(None) | Agreement::Same { .. } => self.layout,
        }
    }

    /// Until when blocks may be offered without another table.
    fn until(&self) -> Option<Instant> {
        let margin = self.wait.min(MARGIN_MAX);
        let stop = Duration::from_millis(RECLAIM_AFTER_MS).saturating_sub(margin);
        self.renewed.map(|renewed| renewed + stop)
    }

    /// Whether this node knows how the pool counts blocks.
    fn can_count(&self) -> bool {
        self.agreement != Agreement::Other(None)
    }

    /// The blocks from which ports may be offered now.
    pub fn offered(&self, now: Instant) -> impl Iterator<Item = u16> {
        let agreed = match self.agreement {
            Agreement::Same { from } => from.is_none_or(|from| from <= now),
            Agreement::Other(_) => false,
        };
        let may = agreed && self.until().is_some_and(|until| now < until);
        let offered = move |(block, hold): &(&u16, &Hold)| {
            let is_learned = hold.granted + LEARNED <= now;
            may && is_learned && hold.listed == Listing::Own && self.is_active(**block, hold)
        };
        self.held.iter().filter(offered).map(|(block, _)| *block)
    }

    /// All that are held, for a store that forgot them.
    pub fn holdings(&self) -> Vec<Holding> {
        self.held.iter().map(|(&block, hold)| Holding { block, fence: hold.fence }).collect()
    }

    /// Whether the store has to be told what is held.
    pub fn are_forgotten(&self) -> bool {
        self.held.values().any(|hold| hold.listed == Listing::Doubtful)
    }

    /// What the pool says of how blocks are counted; empty: nobody said.
    pub fn on_layout(&mut self, text: &str, now: Instant) {
        let differed = matches!(self.agreement, Agreement::Other(_));
        let told = text.parse::<Layout>();
        self.agreement = match told {
            Ok(layout) if layout != self.layout => Agreement::Other(Some(layout)),
            Err(_) if !text.is_empty() => Agreement::Other(None),
            // The others may not have heard yet that they are to stop.
            _ if differed => Agreement::Same { from: Some(now + AGREED_AFTER) },
            _ => self.agreement,
        };
        self.adjust(now);
    }

    /// How the ports are used. Tells whether anything may be another than before.
    pub fn on_use(&mut self, usage: PortUse, now: Instant) -> bool {
        let differs = self.usage != usage;
        self.usage = usage;
        self.reported = Some(now);
        self.adjust(now);
        differs || self.held.values().any(|hold| hold.withdrawn.is_some())
    }

    /// Somebody may wait for so long on a port from now on.
    pub fn on_wait(&mut self, wait: Duration) {
        self.wait = wait;
    }

    /// How many to ask for now, and of how many.
    #[must_use]
    pub fn poll_grant(&mut self, now: Instant) -> Option<(u16, u16)> {
        if self.next_grant().is_none_or(|next| next > now) {
            return None;
        }
        self.under_way = true;
        Some((self.missing(), self.layout.blocks()))
    }

    /// When something is to be asked for.
    pub fn next_grant(&self) -> Option<Instant> {
        let asks = !self.under_way && self.missing() > 0;
        asks.then(|| self.quarantine.map_or(self.patience, |end| end.max(self.patience)))
    }

    /// The store's answer; `None`: there was none.
    pub fn on_granted(&mut self, granted: Option<&Granted>, own: Option<Fence>, now: Instant) {
        self.under_way = false;
        self.settled = Some(now);
        self.patience = now + PATIENCE;
        match granted {
            Some(Granted::Blocks(blocks)) => {
                for &Holding { block, fence } in blocks {
                    let listed = Listing::Awaited;
                    let hold = Hold { fence, granted: now, listed, withdrawn: None };
                    self.held.insert(block, hold);
                    // Who had it before has it still, if the store forgot that without knowing.
                    if let Some(own) = own {
                        self.owners.entry(block).or_insert(own);
                    }
                }
                if let Some(share) = &mut self.share {
                    share.free = share.free.saturating_sub(count(blocks.len()));
                }
            }
            Some(Granted::Quarantined { left_ms }) => {
                self.patience = now + PATIENCE.max(Duration::from_millis(*left_ms));
            }
            Some(Granted::Stale) | None => {}
        }
    }

    /// Blocks to give back now: withdrawn ones that nobody uses, and strays. They are no longer held.
    #[must_use]
    pub fn poll_return(&mut self) -> Vec<Holding> {
        let mut returned = std::mem::take(&mut self.strays);
        let idle: Vec<u16> = self.idle().collect();
        if let Some(share) = &mut self.share {
            share.free += count(idle.len());
        }
        for block in idle {
            self.owners.remove(&block);
            let hold = self.held.remove(&block);
            returned.extend(hold.map(|hold| Holding { block, fence: hold.fence }));
        }
        returned
    }

    /// When something is to be given back: at once, if there is anything.
    pub fn next_return(&self) -> Option<Instant> {
        let returns = !self.strays.is_empty() || self.idle().next().is_some();
        returns.then_some(self.begun)
    }

    /// Others have these by a higher fence.
    pub fn give_up(&mut self, blocks: &[u16]) {
        for block in blocks {
            self.held.remove(block);
            self.owners.remove(block);
        }
    }

    /// The store does not take this node any more, or the node has left: nothing is its own.
    pub fn give_up_all(&mut self) {
        for block in std::mem::take(&mut self.held).into_keys() {
            self.owners.remove(&block);
        }
        self.strays.clear();
        self.renewed = None;
    }

    /// Time passed.
    pub fn on_time(&mut self, now: Instant) {
        self.past.expire(now);
        if self.above.is_some_and(|above| above + HYSTERESIS <= now) {
            self.adjust(now);
        }
    }

    /// When what is offered changes although nothing happens.
    pub fn next_change(&self, now: Instant) -> Option<Instant> {
        let from = match self.agreement {
            Agreement::Same { from } => from,
            Agreement::Other(_) => None,
        };
        let above = self.above.map(|above| above + HYSTERESIS);
        let dispute = self.past.next_end(self.held.keys());
        let learned = self.held.values().map(|hold| Some(hold.granted + LEARNED));
        let times = [from, self.until(), above, dispute].into_iter().chain(learned);
        times.flatten().filter(|at| *at > now).min()
    }

    /// Takes blocks out of use, or into use again, so that there are as many as there should be.
    fn adjust(&mut self, now: Instant) {
        let (active, held) = self.counts();
        let (target, scarce) = self.target(active, held);
        if active <= target {
            self.above = None;
            let back = self.held.values_mut().filter(|hold| hold.withdrawn.is_some());
            back.take(usize::from(target - active)).for_each(|hold| hold.withdrawn = None);
            return;
        }
        let above = *self.above.get_or_insert(now);
        if !scarce && now < above + HYSTERESIS {
            return;
        }
        self.above = None;
        let busy = &self.usage.busy;
        let used = self.held.iter().filter(|(block, hold)| self.is_active(**block, hold));
        // Those first on which nothing waits, and of them the youngest.
        let mut used: Vec<(bool, Reverse<Fence>, u16)> =
            used.map(|(block, hold)| (busy.contains(block), Reverse(hold.fence), *block)).collect();
        used.sort_unstable();
        for (.., block) in used.into_iter().take(usize::from(active - target)) {
            if let Some(hold) = self.held.get_mut(&block) {
                hold.withdrawn = Some(now);
            }
        }
    }

    /// How many there should be, and whether others wait for what is above.
    fn target(&self, active: u16, held: u16) -> (u16, bool) {
        if matches!(self.agreement, Agreement::Other(_)) {
            return (0, false);
        }
        let wanted = self.usage.wanted(self.layout);
        match &self.share {
            Some(share) => share.target(wanted, active, held),
            None => (wanted, false),
        }
    }

    /// How many more there should be, of those that are free.
    fn missing(&self) -> u16 {
        let Some(share) = &self.share else { return 0 };
        let (active, held) = self.counts();
        let (target, _) = self.target(active, held);
        target.saturating_sub(held).min(share.free)
    }

    /// Whether it can be used, now or after the next table.
    fn is_active(&self, block: u16, hold: &Hold) -> bool {
        hold.withdrawn.is_none() && !self.past.disputes(block)
    }

    /// Those that can be used, and those besides that were withdrawn.
    fn counts(&self) -> (u16, u16) {
        let active = self.held.iter().filter(|(block, hold)| self.is_active(**block, hold)).count();
        let withdrawn = self.held.values().filter(|hold| hold.withdrawn.is_some()).count();
        (count(active), count(active + withdrawn))
    }

    /// Withdrawn blocks on which nothing waits any more.
    fn idle(&self) -> impl Iterator<Item = u16> {
        let settled = |at: Instant| self.reported.is_some_and(|told| told >= at + SETTLED_AFTER);
        let idle = move |(block, hold): &(&u16, &Hold)| {
            hold.withdrawn.is_some_and(settled) && !self.usage.busy.contains(*block)
        };
        self.held.iter().filter(idle).map(|(block, _)| *block)
    }
}

/// There are no more blocks than fit.
fn count(blocks: usize) -> u16 {
    u16::try_from(blocks).unwrap_or(u16::MAX)
}

/// After a grant, until every node that hears of the store has read whose block it is: the time between two of
/// its beats, and for the store to answer.
const LEARNED: Duration = Duration::from_millis(2_500);
/// How much earlier than the store the holder stops at the most, however long somebody may wait: half of the time.
const MARGIN_MAX: Duration = Duration::from_millis(RECLAIM_AFTER_MS / 2);
/// Between two requests for more.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long there must be too many blocks before one is given back: clients come and go in waves.
const HYSTERESIS: Duration = Duration::from_secs(60);
/// How long after a block was withdrawn a report of its use is believed: whoever hands out ports has heard of it by
/// then.
const SETTLED_AFTER: Duration = Duration::from_secs(5);
/// How long after the pool took over the layout of this node it offers nothing: who does not live by then does
/// not offer by the other one, unless it is cut off.
const AGREED_AFTER: Duration = Duration::from_millis(DEAD_AFTER_MS);

#[cfg(test)]
mod tests;
