//! The heartbeat: when it beats, what it says, and what comes back.

use std::time::{Duration, Instant};

use super::{Agent, Event, Link, Refusal};
use crate::lease::LeaseChange;
use crate::member::Member;
use crate::order::Order;
use crate::policy::{KEEPALIVE_SINCE, Policy};
use crate::store::{Banned, Beat, Beaten, Identity, Registered};

/// The rhythm.
#[derive(Debug)]
pub(super) struct Heart {
    next: Instant,
    /// The last one that went out.
    sent: Instant,
    /// What the last full one asked for: the members.
    full_next: Instant,
    sequence: u64,
    answered: u64,
    /// Of those the last one whose answer had the table of blocks.
    told: u64,
    pool: u64,
    bans_known: u64,
    /// There were no more at the last answer.
    bans_complete: bool,
    policy_known: u64,
    orders_done: u64,
    /// The store must hear of all blocks.
    asserts: bool,
    /// It heard of them by the last beat.
    asserted: bool,
    /// Since the last answer.
    failures: u32,
    pulse: Option<Pulse>,
}

/// What the last answered beat tells of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulse {
    /// When the answer came.
    pub at: Instant,
    /// How long it took.
    pub took: Duration,
    /// The store's clock when it answered, in milliseconds since 1970.
    pub store_ms: u64,
}

impl Heart {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            next: now,
            sent: now,
            full_next: now,
            sequence: 0,
            answered: 0,
            told: 0,
            pool: 0,
            bans_known: 0,
            bans_complete: false,
            policy_known: 0,
            orders_done: 0,
            asserts: false,
            asserted: false,
            failures: 0,
            pulse: None,
        }
    }

    pub(super) fn pulse(&self) -> Option<Pulse> {
        self.pulse
    }

    pub(super) fn next(&self) -> Instant {
        self.next
    }

    pub(super) fn knows_bans(&self) -> bool {
        self.bans_complete
    }

    pub(super) fn has_asserted(&self) -> bool {
        self.asserted
    }

    /// Beats soon, but not more often than [`HURRY`] allows.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.next = self.next.min(now.max(self.sent + HURRY));
    }

    /// As [`hurry`](Self::hurry), and asks for the members.
    pub(super) fn hurry_for_members(&mut self, now: Instant) {
        self.full_next = now;
        self.hurry(now);
    }

    /// The store forgot: nothing of its is known any more.
    fn forget(&mut self) {
        self.bans_known = 0;
        self.policy_known = 0;
        self.asserts = true;
    }
}

impl Agent {
    /// The beat that is due.
    pub(super) fn next_beat(&mut self, now: Instant) -> Option<Beat> {
        if now < self.beat.next {
            return None;
        }
        let candidate = self.random() | 1;
        let jitter = Duration::from_millis(self.random() % JITTER_MS);
        let heart = &mut self.beat;
        heart.asserted = heart.asserts || self.ports.are_forgotten();
        // Whoever had what is asserted is among them.
        let members = heart.asserted || now >= heart.full_next;
        if members {
            heart.full_next = now + INTERVAL - Duration::from_millis(JITTER_MS);
        }
        heart.sequence += 1;
        heart.sent = now;
        heart.next = now + INTERVAL - jitter;
        let holds = heart.asserted.then(|| self.ports.holdings());
        let (beat, told) = (heart.sequence, heart.told);
        let record = Member { beat, told, ..self.member.clone() }.encode();
        let identity = self.identity.as_ref();
        Some(Beat {
            node: self.setup.node.clone(),
            generation: self.setup.generation,
            previous: self.setup.previous,
            fence: identity.map(|identity| identity.fence),
            sequence: heart.sequence,
            answered: heart.answered,
            admitted: self.ledger.answered(),
            published: self.publisher.answered(),
            candidate,
            pool: heart.pool,
            record,
            sessions: self.ledger.sessions(),
            stands: self.stands(),
            members,
            bans_known: self.beat.bans_known,
            policy_known: self.beat.policy_known,
            orders_done: self.beat.orders_done,
            holds,
        })
    }

    pub(super) fn on_registered(&mut self, registered: Registered, now: Instant) {
        match registered {
            Registered::Yes(beaten) => self.on_beaten(*beaten, now),
            Registered::InUse { beat_ms_ago } => self.on_refused(Refusal::InUse(beat_ms_ago), now),
            Registered::Superseded => self.on_refused(Refusal::Superseded, now),
        }
    }

    fn on_refused(&mut self, refusal: Refusal, now: Instant) {
        let link = Link::Refused(refusal);
        if !matches!(self.link, Link::Refused(_)) {
            self.events.push_back(Event::Refused(refusal));
        }
        self.link = link;
        self.ledger.on_store_away(now);
        self.give_up_ports();
        if self.lease.resign(now) == LeaseChange::Lost {
            self.events.push_back(Event::Led(None));
        }
    }

    fn on_beaten(&mut self, beaten: Beaten, now: Instant) {
        let sent = self.beat.sent;
        let first = self.identity.as_ref().is_none_or(|known| known.fence != beaten.fence);
        let forgotten = beaten.lost || first;
        self.beat.answered = self.beat.sequence;
        // A store that just forgot has no table yet.
        if !beaten.lost && !beaten.members.is_empty() {
            self.beat.told = self.beat.sequence;
        }
        self.beat.failures = 0;
        let took = now.saturating_duration_since(sent);
        self.beat.pulse = Some(Pulse { at: now, took, store_ms: beaten.now_ms });
        self.beat.pool = beaten.pool.id;
        self.beat.asserts = false;
        self.remember_ports(&beaten, now);
        self.identity = Some(Identity {
            node: self.setup.node.clone(),
            generation: self.setup.generation,
            fence: beaten.fence,
        });
        if beaten.lost {
            self.beat.forget();
            self.beat.hurry_for_members(now);
            // Whoever leads publishes it again.
            self.policy.revision = 0;
        }
        if !self.is_fine() {
            let quarantine = Duration::from_millis(beaten.quarantine_ms);
            // Who starts missed nothing, as long as the store does not say so.
            let least = if first { Duration::ZERO } else { ALL_BACK };
            self.ledger.keep_to_share(now + quarantine.max(least));
        }
        if forgotten || !self.is_fine() {
            self.link = Link::Fine { since: now };
            self.troubled.clear();
            self.ledger.on_store_back(forgotten);
            self.events.push_back(Event::Joined { forgotten });
        }
        if forgotten {
            self.publisher.start_anew();
        }
        self.take_leader(&beaten, sent, now);
        if !beaten.members.is_empty() {
            let changes = self.view.apply(&beaten.members, now);
            self.events.extend(changes.into_iter().map(Event::Pool));
            let alive = u32::try_from(self.view.alive().count()).unwrap_or(u32::MAX);
            self.ledger.set_pool(alive, self.view.sessions_of_others(&self.setup.node));
        }
        self.take_ports(&beaten, sent, now);
        self.take_policy(beaten.policy, now);
        // Bans that were made since the state that it went back to.
        let bans_lost = beaten.bans.number < self.beat.bans_known;
        self.beat.bans_complete = !beaten.lost && !beaten.bans.more;
        // A store that forgot has numbers of its own from now on.
        if !beaten.lost {
            self.beat.bans_known = beaten.bans.number;
            if beaten.bans.more {
                self.beat.hurry(now);
            }
        }
        for banned in beaten.bans.changes {
            self.take_ban(banned, now);
        }
        self.owes_bans |= beaten.lost || bans_lost;
        if self.owes_bans {
            self.restore_bans(now);
        }
        self.take_orders(beaten.orders, now);
    }

    fn take_leader(&mut self, beaten: &Beaten, sent: Instant, now: Instant) {
        let leader = beaten.leader.as_ref();
        self.leader = leader.map(|term| term.node.clone());
        let leader = leader.filter(|_| self.stands());
        match self.lease.on_term(leader, &self.setup.node, sent, now) {
            LeaseChange::None => {}
            LeaseChange::Gained => {
                self.policy_next = now;
                self.tidy_next = now;
                self.events.push_back(Event::Led(self.lease.term(now)));
            }
            LeaseChange::Lost => self.events.push_back(Event::Led(None)),
        }
    }

    fn take_policy(&mut self, policy: Option<(u64, Vec<u8>)>, now: Instant) {
        let Some((revision, bytes)) = policy else { return };
        // One that can not be read is not asked for again until it changes.
        self.beat.policy_known = revision;
        let Ok(mut policy) = Policy::decode(&bytes) else { return };
        if policy.version < KEEPALIVE_SINCE {
            policy.keepalive = self.keepalive(&policy.front);
        }
        self.policy = Policy { revision, ..policy };
        self.ledger.set_limits(self.policy.limits);
        self.take_layout(now);
        self.events.push_back(Event::Policy(Box::new(self.policy.clone())));
    }

    fn take_ban(&mut self, banned: Banned, now: Instant) {
        let Banned { origin, left_ms, manual } = banned;
        if left_ms == 0 {
            self.bans.unban(origin, now);
            self.events.push_back(Event::Lifted { origin });
            return;
        }
        let Some(until) = now.checked_add(Duration::from_millis(left_ms)) else { return };
        let known = self.bans.is_banned(origin, now);
        self.bans.adopt(origin, until, manual);
        // The news of one's own ban is no news.
        let same = |known: Instant| known.max(until) - known.min(until) < SAME_END;
        if !known.is_some_and(same) {
            self.events.push_back(Event::Banned { origin, until, manual });
        }
    }

    fn take_orders(&mut self, orders: Vec<(u64, Vec<u8>)>, now: Instant) {
        for (number, bytes) in orders {
            if number <= self.beat.orders_done {
                continue;
            }
            self.beat.orders_done = number;
            // The inbox is emptied by the next beat.
            self.beat.hurry(now);
            if let Ok(order) = Order::decode(&bytes) {
                self.events.push_back(Event::Order(order));
            }
        }
    }

    pub(super) fn on_store_away(&mut self, reason: String, now: Instant) {
        self.beat.failures = self.beat.failures.saturating_add(1);
        let wait = RETRY.saturating_mul(self.beat.failures.min(RETRIES_LONGEST));
        self.beat.next = now + wait;
        match &mut self.link {
            Link::Away { reason: known, .. } => *known = reason,
            Link::Fine { .. } | Link::Refused(_) => {
                self.link = Link::Away { since: now, reason: reason.clone() };
                self.ledger.on_store_away(now);
                self.events.push_back(Event::Away(reason));
            }
        }
    }
}

/// Ends of a ban that two clocks tell apart by less are one.
const SAME_END: Duration = Duration::from_secs(2);
/// Between two beats: three of them fit into the time after which a node is dead.
pub(super) const INTERVAL: Duration = Duration::from_secs(2);
/// Beats come earlier by up to this, so that those of many nodes drift apart.
const JITTER_MS: u64 = 200;
/// The least time between two beats, whatever happens.
const HURRY: Duration = Duration::from_millis(100);
/// After the first failure; it grows to four times that.
const RETRY: Duration = Duration::from_millis(500);
const RETRIES_LONGEST: u32 = 4;
/// When a store is back, the last node has heard of it: the longest wait for the next beat, an answer that comes
/// too late, and the time to tell.
const ALL_BACK: Duration = Duration::from_secs(3);
