//! Who gets a session, pool-wide: the node's own counts, and the store that adds them up.
//!
//! [`Ledger`] is a pure machine around [`Admission`], which holds this node's sessions. While the store
//! answers, logins that some limit concerns go there in batches, one request under way at a time: so a
//! request can say how many sessions the node has, in place of how many more, and whatever became of an
//! earlier one, the next sets it right. While the store is away the node admits its share alone, and until all
//! have told what they admitted meanwhile, what both the store and its share allow.

mod key;

use std::collections::{HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::admission::{
    ACCOUNT_SESSIONS, Admission, Denied, LOGINS_PER_SECOND, Limits, PER_ADDRESS, PER_USER, Request,
    SESSIONS, Slot, origin,
};
use crate::store::{self, Admit, Full, Identity, Login, Verdict};

use key::Key;
pub use key::{origin_key, user_key};

/// Tells logins under way from each other.
pub type Ticket = u64;

/// A login that asks for a slot and can wait for the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applicant {
    /// The name of the account.
    pub user: Arc<str>,
    /// The account's own limit; 0: none.
    pub account_sessions: u32,
    /// The client's address.
    pub address: IpAddr,
}

/// What a login gets.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// This, at once.
    Now(Result<Slot, Denied>),
    /// The store is asked; see [`Ledger::on_verdicts`].
    Later(Ticket),
    /// Too many logins wait already.
    Busy,
}

/// The machine.
#[derive(Debug)]
pub struct Ledger {
    admission: Admission,
    limits: Limits,
    mode: Mode,
    /// So many sessions this node may have by its share, as of when the store went away; where they are limited.
    sessions_max: u32,
    /// The store was away, and others may not have told it yet what they admitted meanwhile.
    shares_until: Option<Instant>,
    /// Living nodes, this one included.
    nodes: u32,
    /// Sessions of all other nodes, as far as is known.
    others: u32,
    waiting: VecDeque<(Ticket, Applicant)>,
    under_way: Option<UnderWay>,
    /// No part of many counts is told before.
    rests_until: Option<Instant>,
    /// Counts that the store may have wrong.
    dirty: HashSet<Key>,
    /// Counts that the store has of this node, above 0.
    told: HashSet<Key>,
    /// The sum may be wrong there too.
    sum_dirty: bool,
    /// Some account has a limit of its own, so that users are counted.
    accounts_limited: bool,
    tickets: Ticket,
    sequence: u64,
    answered: u64,
}

/// Who decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// This node alone, by the whole limits: there is no other.
    Alone,
    /// The store.
    Shared,
    /// This node, by its share.
    Away,
}

/// A request that was sent.
#[derive(Debug)]
struct UnderWay {
    sent: Instant,
    logins: Vec<(Ticket, Applicant)>,
    counts: Vec<Key>,
}

impl Ledger {
    /// Of a node that is `alone` for ever, or that waits for its store. `nodes`: how many there were in the
    /// pool when it was last heard of.
    pub fn new(limits: Limits, alone: bool, nodes: u32) -> Self {
        let mut ledger = Self {
            admission: Admission::new(limits),
            limits,
            mode: if alone { Mode::Alone } else { Mode::Away },
            sessions_max: 0,
            shares_until: None,
            nodes: nodes.max(1),
            others: 0,
            waiting: VecDeque::new(),
            under_way: None,
            rests_until: None,
            dirty: HashSet::new(),
            told: HashSet::new(),
            sum_dirty: false,
            accounts_limited: false,
            tickets: 0,
            sequence: 0,
            answered: 0,
        };
        ledger.sessions_max = ledger.sessions_share();
        ledger.apply_limits();
        ledger
    }

    /// The sessions of this node.
    pub fn sessions(&self) -> u32 {
        self.admission.sessions()
    }

    /// The last request that the store has answered.
    pub fn answered(&self) -> u64 {
        self.answered
    }

    /// The logins that the request under way asks for, in order.
    pub fn asking(&self) -> impl Iterator<Item = Ticket> {
        let logins = self.under_way.iter().flat_map(|under_way| &under_way.logins);
        logins.map(|(ticket, _)| *ticket)
    }

    /// The limits in force.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// What the node may admit alone while the store is away: its share of each limit; 0: no limit.
    pub fn share(&self) -> Limits {
        self.limits.share(self.nodes)
    }

    /// Puts other limits in force. What was not counted before is told to the store.
    pub fn set_limits(&mut self, limits: Limits) {
        let before = std::mem::replace(&mut self.limits, limits);
        if limits == before {
            return;
        }
        self.sessions_max = self.sessions_share();
        self.apply_limits();
        if before.per_user == 0 {
            self.say_users();
        }
        if before.per_address == 0 {
            self.say_origins();
        }
        self.sum_dirty = true;
    }

    /// What is known of the pool: living nodes, this one included, and the others' sessions.
    pub fn set_pool(&mut self, nodes: u32, others: u32) {
        self.nodes = nodes.max(1);
        self.others = others;
    }

    /// Asks for a slot.
    #[must_use]
    pub fn admit(&mut self, applicant: Applicant, now: Instant) -> Answer {
        self.accounts_limited |= applicant.account_sessions > 0;
        if self.mode == Mode::Shared && self.is_limited(&applicant) {
            if self.waiting.len() >= WAITING_MAX {
                return Answer::Busy;
            }
            self.tickets += 1;
            self.waiting.push_back((self.tickets, applicant));
            return Answer::Later(self.tickets);
        }
        Answer::Now(self.decide(&applicant, now))
    }

    /// Gives a slot back.
    pub fn release(&mut self, slot: Slot) {
        self.note(&slot.user, slot.origin);
        self.admission.release(slot);
    }

    /// The store answers again. What it may have wrong is told, and if it has `forgotten` this node,
    /// everything: of a full pool that is a load by itself, which every short outage would bring.
    pub fn on_store_back(&mut self, forgotten: bool) {
        if self.mode == Mode::Alone {
            return;
        }
        self.mode = Mode::Shared;
        self.apply_limits();
        self.sum_dirty = true;
        if forgotten {
            self.answered = 0;
            self.dirty.extend(self.told.iter().cloned());
            self.say_users();
            self.say_origins();
        }
    }

    /// The store was away from all: until then it may count others by what they had before, and no more is admitted
    /// than this node's share as well. A node that knew of no other has the whole limit, and need not wait.
    pub fn keep_to_share(&mut self, until: Instant) {
        self.shares_until = (self.is_away() && self.nodes > 1).then_some(until);
    }

    /// The store is away, or forgot this node. Logins that wait are decided here.
    pub fn on_store_away(&mut self, now: Instant) {
        if self.is_away() {
            return;
        }
        let share = self.sessions_share();
        // What is known of the others may be of before the last time.
        self.sessions_max = if self.shares(now) { share.min(self.sessions_max) } else { share };
        self.mode = Mode::Away;
        self.apply_limits();
    }

    /// Whether this node decides because the store is away.
    pub fn is_away(&self) -> bool {
        self.mode == Mode::Away
    }

    /// Whether this node is held to its share.
    fn shares(&self, now: Instant) -> bool {
        self.is_away() || self.shares_until.is_some_and(|until| now < until)
    }

    /// What this node has, and its part of what is free.
    fn sessions_share(&self) -> u32 {
        let own = self.admission.sessions();
        let free = self.limits.sessions.saturating_sub(own.saturating_add(self.others));
        own.saturating_add(free.div_ceil(self.nodes))
    }

    /// Logins that wait although the store is away: to be decided now.
    pub fn take_stranded(&mut self, now: Instant) -> Vec<(Ticket, Result<Slot, Denied>)> {
        if self.mode == Mode::Shared || self.under_way.is_some() {
            return Vec::new();
        }
        let stranded: Vec<_> = self.waiting.drain(..).collect();
        stranded.into_iter().map(|(ticket, who)| (ticket, self.decide(&who, now))).collect()
    }

    /// When [`poll`](Self::poll) has something to say.
    pub fn next(&self) -> Option<Instant> {
        let waits = !self.dirty.is_empty() || self.sum_dirty;
        self.rests_until.filter(|_| waits && self.mode == Mode::Shared && self.under_way.is_none())
    }

    /// What the store is to be told and asked next. One request is under way at a time.
    #[must_use]
    pub fn poll(&mut self, identity: &Identity, now: Instant) -> Option<Admit> {
        if self.mode != Mode::Shared || self.under_way.is_some() {
            return None;
        }
        let rests = self.rests_until.is_some_and(|until| now < until);
        if self.waiting.is_empty() && (rests || self.dirty.is_empty() && !self.sum_dirty) {
            return None;
        }
        let batch: Vec<_> = self.waiting.drain(..self.waiting.len().min(BATCH_MAX)).collect();
        // As many as logouts for these logins make.
        let (keys, counts) = self.take_dirty(if rests { 2 * batch.len() } else { COUNTS_MAX });
        self.sum_dirty = false;
        let logins = batch.iter().map(|(_, applicant)| self.login(applicant)).collect();
        self.under_way = Some(UnderWay { sent: now, logins: batch, counts: keys });
        self.sequence += 1;
        Some(Admit {
            identity: identity.clone(),
            sequence: self.sequence,
            sessions: self.admission.sessions(),
            counts,
            logins,
            limits: self.limits,
        })
    }

    /// The store's answer: one verdict per login, or none if it did not come.
    pub fn on_verdicts(
        &mut self,
        verdicts: Option<&[Verdict]>,
        now: Instant,
    ) -> Vec<(Ticket, Result<Slot, Denied>)> {
        let Some(UnderWay { sent, logins, counts }) = self.under_way.take() else {
            return Vec::new();
        };
        if counts.len() >= COUNTS_MAX {
            let took = now.saturating_duration_since(sent);
            self.rests_until = now.checked_add(took.saturating_mul(RESTS).min(REST_MAX));
        }
        let verdicts = verdicts.filter(|verdicts| !verdicts.contains(&Verdict::Stale));
        match verdicts {
            Some(_) => {
                self.answered = self.sequence;
                counts.into_iter().for_each(|key| self.on_counted(key));
            }
            None => self.dirty.extend(counts),
        }
        let verdicts = verdicts.unwrap_or_default();
        let mut decided = Vec::with_capacity(logins.len());
        for (index, (ticket, applicant)) in logins.into_iter().enumerate() {
            let result = match verdicts.get(index) {
                Some(Verdict::In { sessions }) => {
                    self.others = sessions.saturating_sub(self.admission.sessions() + 1);
                    if self.counts_user_of(&applicant) {
                        self.told.insert(Key::User(Arc::clone(&applicant.user)));
                    }
                    if self.limits.per_address > 0 {
                        self.told.insert(Key::Origin(origin(applicant.address)));
                    }
                    self.enter(&applicant, now)
                }
                Some(Verdict::Full(full)) => Err(self.denied(*full, &applicant)),
                Some(Verdict::Stale) | None => {
                    // What became of it is not known, so the store is told what is.
                    self.note(&applicant.user, origin(applicant.address));
                    if self.mode == Mode::Shared {
                        self.on_store_away(now);
                    }
                    self.decide(&applicant, now)
                }
            };
            decided.push((ticket, result));
        }
        decided
    }

    /// Whether a limit concerns the login, so that the store must be asked.
    fn is_limited(&self, applicant: &Applicant) -> bool {
        self.limits != Limits::default() || applicant.account_sessions > 0
    }

    /// The store has let it in, and counts it: if this node does not, the store is told.
    fn enter(&mut self, applicant: &Applicant, now: Instant) -> Result<Slot, Denied> {
        if !self.shares(now) {
            return Ok(self.admission.enter(request(applicant, 0)));
        }
        self.note(&applicant.user, origin(applicant.address));
        self.decide(applicant, now)
    }

    fn decide(&mut self, applicant: &Applicant, now: Instant) -> Result<Slot, Denied> {
        if !self.shares(now) {
            return self.admission.admit(request(applicant, applicant.account_sessions), now);
        }
        if self.limits.sessions > 0 && self.admission.sessions() >= self.sessions_max {
            let (limit, share) = (self.limits.sessions, Some(self.sessions_max));
            return Err(Denied { key: SESSIONS, limit, share });
        }
        let account = applicant.account_sessions.div_ceil(self.nodes);
        let slot = self.admission.admit(request(applicant, account), now);
        if slot.is_ok() {
            self.note(&applicant.user, origin(applicant.address));
        }
        slot.map_err(|denied| Denied {
            limit: self.limit_of(denied.key, applicant),
            share: Some(denied.limit),
            ..denied
        })
    }

    /// What [`Admission`] goes by: the whole, or the share. It judges the sum of sessions only when alone.
    fn apply_limits(&mut self) {
        self.admission.set_limits(match self.mode {
            Mode::Alone => self.limits,
            Mode::Shared | Mode::Away => Limits { sessions: 0, ..self.share() },
        });
    }

    fn denied(&self, full: Full, applicant: &Applicant) -> Denied {
        let key = match full {
            Full::Sessions => SESSIONS,
            Full::PerUser => PER_USER,
            Full::Account => ACCOUNT_SESSIONS,
            Full::PerAddress => PER_ADDRESS,
            Full::LoginsPerSecond => LOGINS_PER_SECOND,
        };
        Denied { key, limit: self.limit_of(key, applicant), share: None }
    }

    fn limit_of(&self, key: &str, applicant: &Applicant) -> u32 {
        match key {
            SESSIONS => self.limits.sessions,
            PER_USER => self.limits.per_user,
            PER_ADDRESS => self.limits.per_address,
            LOGINS_PER_SECOND => self.limits.logins_per_second,
            _ => applicant.account_sessions,
        }
    }

    fn login(&self, applicant: &Applicant) -> Login {
        let user =
            if self.counts_user_of(applicant) { user_key(&applicant.user) } else { Vec::new() };
        let by_origin = self.limits.per_address > 0;
        let origin = origin(applicant.address);
        let origin_key = if by_origin { origin_key(origin) } else { Vec::new() };
        Login {
            user: store::Ledger { key: user, count: self.admission.sessions_of(&applicant.user) },
            origin: store::Ledger { key: origin_key, count: self.admission.sessions_from(origin) },
            account_sessions: applicant.account_sessions,
        }
    }

    /// A part of what the store may have wrong.
    fn take_dirty(&mut self, most: usize) -> (Vec<Key>, Vec<store::Ledger>) {
        let keys: Vec<Key> = self.dirty.iter().take(most).cloned().collect();
        let mut counts = Vec::with_capacity(keys.len());
        for key in &keys {
            self.dirty.remove(key);
            counts.push(store::Ledger { key: key.name(), count: self.count(key) });
        }
        (keys, counts)
    }

    fn count(&self, key: &Key) -> u32 {
        match key {
            Key::User(user) => self.admission.sessions_of(user),
            Key::Origin(origin) => self.admission.sessions_from(*origin),
        }
    }

    /// The store has counted it. What was counted as nothing then, and is something now, is told by its login.
    fn on_counted(&mut self, key: Key) {
        match self.count(&key) {
            0 => self.told.remove(&key),
            _ => self.told.insert(key),
        };
    }

    /// The store has to hear of all users, if they are counted.
    fn say_users(&mut self) {
        if self.counts_users() {
            self.dirty.extend(self.admission.users().cloned().map(Key::User));
        }
    }

    /// Likewise of all origins.
    fn say_origins(&mut self) {
        if self.limits.per_address > 0 {
            self.dirty.extend(self.admission.origins().map(Key::Origin));
        }
    }

    /// The store has to hear of these counts.
    fn note(&mut self, user: &Arc<str>, origin: IpAddr) {
        if self.mode == Mode::Alone {
            return;
        }
        let (user, origin) = (Key::User(Arc::clone(user)), Key::Origin(origin));
        if self.counts_users() || self.told.contains(&user) {
            self.dirty.insert(user);
        }
        if self.limits.per_address > 0 || self.told.contains(&origin) {
            self.dirty.insert(origin);
        }
        self.sum_dirty |= self.limits.sessions > 0;
    }

    fn counts_user_of(&self, applicant: &Applicant) -> bool {
        self.limits.per_user > 0 || applicant.account_sessions > 0
    }

    fn counts_users(&self) -> bool {
        self.limits.per_user > 0 || self.accounts_limited
    }
}

fn request(applicant: &Applicant, account_sessions: u32) -> Request<'_> {
    Request { user: &applicant.user, account_sessions, address: applicant.address }
}

/// Logins that wait for the store at once; more are told to try again.
pub const WAITING_MAX: usize = 4_096;
/// Logins of one request: a third of a millisecond of Redis in a pool of 1,000,000 sessions.
pub const BATCH_MAX: usize = 32;
/// Counts that are set right by one request: as many as these logins touch.
const COUNTS_MAX: usize = 64;
/// Between two parts of many counts, so many times as long as the last one took: a node alone keeps a fifth
/// of the store busy, and where all nodes tell everything at once, a fifth of them waits for it at any time.
const RESTS: u32 = 4;
const REST_MAX: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
