//! The leader's desk: what it asks of Route 53, one call at a time.
//!
//! It reads, plans, sends one batch, and waits until all servers have it before it sends another. Health checks are
//! seen to in between. Whoever leads next begins by reading. It decides nothing by itself: that is [`grow`], the
//! [`collector`](super::collect) and [`check::plan`].
//!
//! [`grow`]: super::tree::grow

mod reading;
mod trouble;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use self::reading::Reading;
use super::change::{RecordChange, batch};
use super::check::{self, CheckChange, Owner};
use super::collect::{Collector, Gone, LEASE, Witness};
use super::node::{Mean, Node};
use super::plan::{draft, take_over};
use super::request::{Reply, Request};
use super::settings::Settings;
use super::state::State;
use crate::aws::{Budget, Trouble};
use crate::id::Fence;
use crate::lease::Lease;

/// A term of the leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Led {
    /// Its number.
    pub term: Fence,
    /// How old it is.
    pub age: Duration,
}

/// The machine. Inputs: [`Desk::on_witness`], [`Desk::on_reply`]; outputs: [`Desk::poll`].
#[derive(Debug)]
pub struct Desk {
    settings: Settings,
    budget: Budget,
    term: Option<Fence>,
    /// What was read in this term is newer than what the last leader could write.
    is_alone: bool,
    state: State,
    reading: Reading,
    collector: Collector,
    mean: Mean,
    /// The call that is under way, and the node if it is about its check.
    sent: Option<(Request, Option<String>)>,
    flight: Option<Flight>,
    /// No batch before.
    batch_next: Option<Instant>,
    /// No batch of small steps before.
    weigh_next: Option<Instant>,
    /// No new check before.
    create_next: Option<Instant>,
    /// Checks that nothing uses, and since when.
    idle: BTreeMap<String, Instant>,
    /// References that were refused as used up, by node.
    tries: BTreeMap<String, u64>,
    /// What is not asked before.
    closed: BTreeMap<&'static str, Instant>,
    /// A batch was refused: one name and type at a time, from this one on.
    solo: Option<usize>,
    rejections: u32,
    wake: Option<Instant>,
    notes: BTreeSet<String>,
    /// By action, until it succeeds.
    faults: BTreeMap<&'static str, Trouble>,
    /// What the last readings left out, by action.
    unread: BTreeMap<&'static str, String>,
}

/// A batch that not all servers have.
#[derive(Debug)]
struct Flight {
    id: String,
    until: Instant,
    ask_next: Instant,
}

impl Led {
    /// By the lease, while it holds.
    pub fn of(lease: &Lease, now: Instant) -> Option<Self> {
        Some(Self { term: lease.term(now)?, age: lease.led_for(now)? })
    }
}

impl Desk {
    /// Nothing is known.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            budget: Budget::new(CALLS_PER_SECOND),
            term: None,
            is_alone: false,
            state: State::default(),
            reading: Reading::default(),
            collector: Collector::default(),
            mean: Mean::default(),
            sent: None,
            flight: None,
            batch_next: None,
            weigh_next: None,
            create_next: None,
            idle: BTreeMap::new(),
            tries: BTreeMap::new(),
            closed: BTreeMap::new(),
            solo: None,
            rejections: 0,
            wake: None,
            notes: BTreeSet::new(),
            faults: BTreeMap::new(),
            unread: BTreeMap::new(),
        }
    }

    /// What is wanted.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What is odd: one sentence each.
    pub fn notes(&self) -> impl Iterator<Item = &str> {
        self.notes.iter().chain(self.unread.values()).map(String::as_str)
    }

    /// What does not succeed.
    pub fn troubles(&self) -> impl Iterator<Item = &Trouble> {
        self.faults.values()
    }

    /// What is there, as far as it was read.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether [`Desk::state`] is whole.
    pub fn is_read(&self) -> bool {
        self.reading.is_complete() && self.state.checks.iter().all(|of| of.owner != Owner::Unread)
    }

    /// The nodes that have records and do not live, whom the witnesses are to be asked about ([`Desk::on_witness`]).
    pub fn gone(&self) -> Vec<Gone> {
        self.collector.gone(&self.settings, &self.state)
    }

    /// When to poll again although nothing comes; `None`: an answer is waited for, or there is nothing to do.
    pub fn next(&self) -> Option<Instant> {
        self.wake.filter(|_| self.sent.is_none())
    }

    /// Other things are wanted: start over.
    pub fn configure(&mut self, settings: Settings) {
        if self.settings != settings {
            let (budget, sent) = (self.budget.clone(), self.sent.take());
            *self = Self { budget, sent, ..Self::new(settings) };
        }
    }

    /// What a witness says of a node that is gone. It is believed for a minute.
    pub fn on_witness(&mut self, key: &str, witness: Witness, now: Instant) {
        self.collector.on_witness(key, witness, now);
    }

    /// What to ask Route 53 now. `nodes`: all that live; `led`: the term of this node, if it leads.
    #[must_use]
    pub fn poll(&mut self, nodes: &[Node], led: Option<Led>, now: Instant) -> Option<Request> {
        if led.map(|led| led.term) != self.term {
            self.start_term(led);
        }
        let led = led?;
        if self.sent.is_some() {
            return None;
        }
        // The last leader went by its own clock for so long, and what it wrote meanwhile is not in what was read.
        if !self.is_alone && led.age >= LEASE {
            self.is_alone = true;
            self.reading.forget_records();
        }
        let mut nodes = nodes.to_vec();
        self.mean.smooth(&mut nodes, now);
        self.wake = Some(now + LOOK);
        let (request, key) = self.choose(&nodes, led, now)?;
        if let Some(until) = self.closed.get(request.action()).filter(|until| now < **until) {
            self.wake = Some(*until);
            return None;
        }
        if let Err(later) = self.budget.take(now) {
            self.wake = Some(later);
            return None;
        }
        self.note_sent(&request, now);
        self.sent = Some((request.clone(), key));
        Some(request)
    }

    fn start_term(&mut self, led: Option<Led>) {
        let settings = self.settings.clone();
        let (budget, sent) = (self.budget.clone(), self.sent.take());
        let (batch_next, tries) = (self.batch_next, std::mem::take(&mut self.tries));
        let term = led.map(|led| led.term);
        *self = Self { budget, sent, batch_next, tries, term, ..Self::new(settings) };
    }

    /// The next call, and the node if it is about its check.
    fn choose(
        &mut self,
        nodes: &[Node],
        led: Led,
        now: Instant,
    ) -> Option<(Request, Option<String>)> {
        if self.flight.as_ref().is_some_and(|flight| now >= flight.until) {
            self.flight = None;
        }
        let is_quiet = self.flight.is_none();
        if let Some(request) = self.reading.poll(&self.settings, &self.state, is_quiet, now) {
            return Some((request, None));
        }
        if !self.reading.is_complete() {
            return None;
        }
        self.collector.look(&self.settings, nodes, &self.state, is_quiet, now);
        if let Some(flight) = &self.flight
            && now >= flight.ask_next
            && !self.is_closed("route53:GetChange", now)
        {
            return Some((Request::GetChange(flight.id.clone()), None));
        }
        let may_write = !self.is_closed("route53:ChangeResourceRecordSets", now);
        if is_quiet && may_write && self.batch_next.is_none_or(|next| now >= next) {
            let batch = self.batch(nodes, led, now);
            if !batch.is_empty() {
                return Some((Request::Change(batch), None));
            }
        }
        let change = self.check_change(nodes, led, now)?;
        let key = match &change {
            CheckChange::Create { key, .. } => Some(key.clone()),
            _ => None,
        };
        Some((change.request(&self.settings), key))
    }

    fn batch(&mut self, nodes: &[Node], led: Led, now: Instant) -> Vec<RecordChange> {
        let fates = self.collector.fates(&self.settings, nodes, &self.state, led.age, now);
        let mut draft = draft(&self.settings, nodes, &fates, &self.state);
        self.notes = std::mem::take(&mut draft.notes).into_iter().collect();
        if self.weigh_next.is_some_and(|next| now < next) {
            draft.units.retain(|unit| !unit.can_wait());
        }
        let units = draft.units;
        match self.solo {
            Some(_) if units.is_empty() => {
                self.solo = None;
                Vec::new()
            }
            Some(turn) => units
                .get(turn % units.len())
                .map_or(Vec::new(), |unit| batch(std::slice::from_ref(unit))),
            None => batch(&units),
        }
    }

    fn check_change(&mut self, nodes: &[Node], led: Led, now: Instant) -> Option<CheckChange> {
        let may_delete = led.age >= YOUTH;
        let tries = |key: &str| self.tries.get(key).copied().unwrap_or(0);
        let plan = check::plan(&self.settings, nodes, &self.state, may_delete, tries);
        self.notes.extend(plan.notes);
        let leaving: BTreeSet<&str> = plan.changes.iter().filter_map(leaving).collect();
        self.idle.retain(|id, _| leaving.contains(id.as_str()));
        for id in leaving {
            self.idle.entry(id.to_owned()).or_insert(now);
        }
        let forgotten_after = self.settings.forgotten_after();
        let is_due = |change: &CheckChange| match change {
            CheckChange::Create { .. } => self.create_next.is_none_or(|next| now >= next),
            // Until the last resolver has forgotten the record that named it.
            CheckChange::Delete { id, .. } => {
                self.idle.get(id).is_some_and(|since| now >= *since + forgotten_after)
            }
            _ => true,
        };
        let is_open =
            |change: &CheckChange| !self.is_closed(change.request(&self.settings).action(), now);
        plan.changes.into_iter().find(|change| is_due(change) && is_open(change))
    }

    fn is_closed(&self, action: &'static str, now: Instant) -> bool {
        self.closed.get(action).is_some_and(|until| now < *until)
    }

    fn note_sent(&mut self, request: &Request, now: Instant) {
        match request {
            // It is read anew.
            Request::List { from: None, .. } | Request::ListChecks { marker: None } => {
                self.unread.remove(request.action());
            }
            Request::Change(changes) => {
                self.batch_next = Some(now + BATCH_INTERVAL);
                if changes.iter().any(RecordChange::can_wait) {
                    self.weigh_next = Some(now + self.settings.forgotten_after());
                }
            }
            Request::CreateCheck { .. } => self.create_next = Some(now + CREATE_INTERVAL),
            _ => {}
        }
    }

    /// The outcome of the last request. `chance` (0 to 255, even) spreads the pauses after a failure.
    pub fn on_reply(&mut self, result: Result<Reply, Trouble>, now: Instant, chance: u8) {
        let Some((request, key)) = self.sent.take() else { return };
        self.wake = Some(now);
        match result {
            // What was asked in another term, or for other settings.
            _ if !self.is_expected(&request) => {}
            Ok(reply) => {
                self.budget.on_answer();
                self.faults.remove(request.action());
                self.on_success(request, reply, now);
            }
            Err(trouble) => self.on_trouble(&request, key.as_deref(), trouble, now, chance),
        }
    }

    /// Only a reading that goes on can take a page, and only a term that has read can take over a change.
    fn is_expected(&self, request: &Request) -> bool {
        match request {
            Request::List { .. } | Request::ListChecks { .. } => self.reading.is_asking(request),
            Request::GetChange(id) => self.flight.as_ref().is_some_and(|flight| flight.id == *id),
            _ => self.reading.is_complete(),
        }
    }

    fn on_success(&mut self, request: Request, reply: Reply, now: Instant) {
        match (request, reply) {
            (Request::Change(changes), Reply::Changed { id, is_everywhere }) => {
                self.rejections = 0;
                for change in &changes {
                    take_over(&mut self.state, change);
                }
                let (until, ask_next) = (now + FLIGHT_MAX, now + ASK_INTERVAL);
                self.flight = (!is_everywhere).then_some(Flight { id, until, ask_next });
            }
            (Request::GetChange(_), Reply::Changed { is_everywhere: true, .. }) => {
                self.flight = None;
            }
            (Request::GetChange(_), _) => {
                if let Some(flight) = &mut self.flight {
                    flight.ask_next = now + ASK_INTERVAL;
                }
            }
            (Request::CreateCheck { .. } | Request::UpdateCheck { .. }, Reply::Check(check)) => {
                let before = self.state.checks.iter().position(|of| of.id == check.id);
                match before.and_then(|index| self.state.checks.get_mut(index)) {
                    Some(known) => *known = check::Check { owner: known.owner.clone(), ..check },
                    None => self.state.checks.push(check),
                }
            }
            (Request::DeleteCheck(id), _) => self.state.checks.retain(|check| check.id != id),
            (Request::Tag { id, owner, .. }, _) => {
                for check in self.state.checks.iter_mut().filter(|check| check.id == id) {
                    check.owner = Owner::Pool(owner.clone());
                }
            }
            (request, reply) => {
                let unread = self.reading.on_reply(reply, &mut self.state, now);
                self.unread.extend(unread.map(|note| (request.action(), note)));
            }
        }
    }
}

fn leaving(change: &CheckChange) -> Option<&str> {
    match change {
        CheckChange::Delete { id, .. } => Some(id),
        _ => None,
    }
}

/// A fifth of what the account may do.
const CALLS_PER_SECOND: u32 = 2;
/// Between two batches.
pub const BATCH_INTERVAL: Duration = Duration::from_secs(5);
/// Between two questions whether a batch is everywhere.
const ASK_INTERVAL: Duration = Duration::from_secs(2);
/// It usually is within 60 s. After this time the pool does not wait for it any more.
const FLIGHT_MAX: Duration = Duration::from_secs(90);
/// Route 53 takes 50 at once and one in two seconds after that, of all in the account together.
const CREATE_INTERVAL: Duration = Duration::from_secs(2);
/// Between two looks at whether there is something to do.
const LOOK: Duration = Duration::from_secs(1);
/// A leader that is younger deletes no check: it may not have heard of all nodes.
const YOUTH: Duration = Duration::from_secs(18);
