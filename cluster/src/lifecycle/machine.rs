//! The machine itself.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::hook::{Held, Placement};
use super::notice::Notices;
use super::protection::Protection;
use crate::aws::Trouble;

/// What a node does about what is announced for its machine.
#[derive(Debug)]
pub struct Machine {
    settings: Settings,
    notices: Notices,
    load: Load,
    /// By when a spot instance is left.
    spot: Option<Instant>,
    /// Since when its group, or AWS, wants it elsewhere.
    since: Option<Instant>,
    /// Since when its group terminates it.
    leaving: Option<Instant>,
    drain: Option<Drain>,
    light: bool,
    /// What is to be done at once, at most one of each kind.
    queue: VecDeque<Command>,
    calling: Option<(Call, Instant)>,
    placement: Option<Placement>,
    looked: Option<Instant>,
    look: Option<Instant>,
    held: Vec<Held>,
    /// Not before: a completion failed.
    complete: Option<Instant>,
    protection: Protection,
}

/// What an operator decides.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether notices drain the node (`aws.lifecycle`).
    pub notices: bool,
    /// How long a drain may take that neither a hook nor the end of a spot instance limits (`timeouts.drain`);
    /// `None`: as long as it takes.
    pub drain: Option<Duration>,
    /// What a recommendation to rebalance does.
    pub rebalance: Rebalance,
    /// A transfer that is older protects the instance from scale-in (`aws.protect`); `None`: none does.
    pub protect: Option<Duration>,
}

/// What a recommendation to rebalance does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rebalance {
    /// Nothing.
    Ignore,
    /// The node gets fewer new clients.
    #[default]
    Lighten,
    /// It gets none, and drains.
    Drain,
}

/// How busy the node is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Transfers that go on.
    pub transfers: usize,
    /// How long the oldest of them has gone on.
    pub longest: Duration,
    /// Whether it drains, whoever said so, and nobody is left.
    pub drained: bool,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Takes no new clients, and ends what is left when the budget is spent. It replaces the budget of an earlier one.
    Drain {
        /// Why.
        reason: Reason,
        /// From now on; `None`: without limit.
        budget: Option<Duration>,
    },
    /// Takes clients again, unless somebody else told it to drain: what made it drain is withdrawn.
    Undrain,
    /// Gets fewer new clients than others, or as many again.
    Lighten(bool),
    /// Something to ask of AWS. The answer goes to [`Machine::on_outcome`], that of [`Call::Look`] to
    /// [`Machine::on_placement`] if there is one. There is one call at a time.
    Call(Call),
}

/// Why a node drains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// AWS takes the spot instance back.
    Spot,
    /// Its group terminates it, or puts it back into a warm pool.
    Terminated,
    /// Its group put it aside.
    Standby,
    /// It may be taken back.
    Rebalance,
}

/// Something to ask of AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Where the instance stands (`DescribeAutoScalingInstances`, `DescribeLifecycleHooks`).
    Look,
    /// `RecordLifecycleActionHeartbeat`
    Heartbeat {
        /// Of which group.
        group: String,
        /// Which.
        hook: String,
    },
    /// `CompleteLifecycleAction` with `CONTINUE`.
    Complete {
        /// Of which group.
        group: String,
        /// Which.
        hook: String,
    },
    /// `SetInstanceProtection`
    Protect {
        /// In which group.
        group: String,
        /// Whether it is protected from now on.
        on: bool,
    },
}

/// How a call went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// It may be done, or not: try again.
    Failed,
    /// It is not permitted.
    Refused,
    /// There is nothing to be done (any more): no hook waits.
    Gone,
}

#[derive(Clone, Copy, Debug)]
struct Drain {
    until: Option<Instant>,
}

impl Machine {
    /// Of a machine for which nothing is announced.
    pub fn new(settings: Settings) -> Self {
        Self {
            protection: Protection::new(settings.protect),
            settings,
            notices: Notices::default(),
            load: Load::default(),
            spot: None,
            since: None,
            leaving: None,
            drain: None,
            light: false,
            queue: VecDeque::new(),
            calling: None,
            placement: None,
            looked: None,
            look: None,
            held: Vec::new(),
            complete: None,
        }
    }

    /// What the metadata service announces, each time it was asked. That a spot instance is taken back is never
    /// withdrawn.
    pub fn on_notices(&mut self, now: Instant, notices: Notices) {
        if let (Some(spot), None) = (&notices.spot, self.spot) {
            let left = spot.left.map(|left| left.saturating_sub(SPOT_MARGIN));
            self.spot = Some(now + left.unwrap_or(SPOT_BUDGET).min(SPOT_BUDGET));
        }
        let is_leaving = notices.is_leaving();
        self.notices = notices;
        if !is_leaving {
            self.held.clear();
            self.complete = None;
            self.leaving = None;
        } else if self.leaving.is_none() {
            self.leaving = Some(now);
            self.placement = None;
            self.look = None;
        }
        self.consider(now);
    }

    /// An operator decided anew; what has gone on by the old decision and is not wanted any more is ended.
    pub fn on_settings(&mut self, now: Instant, settings: Settings) {
        self.protection.on_after(settings.protect);
        self.settings = settings;
        if !self.settings.notices {
            self.held.clear();
            self.complete = None;
        }
        self.consider(now);
    }

    /// Whether what was announced changes anything.
    fn consider(&mut self, now: Instant) {
        self.since = self.aside().then(|| self.since.unwrap_or(now));
        let light = self.settings.notices
            && self.notices.rebalance
            && self.settings.rebalance == Rebalance::Lighten;
        if light != self.light {
            self.light = light;
            self.push(Command::Lighten(light));
        }
        self.decide(now);
    }

    /// How busy the node is, at least each second while it drains.
    pub fn on_load(&mut self, load: Load) {
        self.load = load;
    }

    /// Where the instance stands; `None`: in no group.
    pub fn on_placement(&mut self, now: Instant, placement: Option<Placement>) {
        if self.calling.take_if(|(call, _)| *call == Call::Look).is_none() {
            return;
        }
        let placement = placement.unwrap_or_default();
        self.protection.on_known(placement.protected);
        let begun = self.looked.max(self.leaving).unwrap_or(now);
        if self.notices.is_leaving() && placement.waits() && self.held.is_empty() {
            self.held = placement.own().map(|hook| Held::new(hook, begun)).collect();
        }
        self.looked = Some(now);
        self.look = Some(now + LOOK);
        self.placement = Some(placement);
        self.decide(now);
    }

    /// How the last call went.
    pub fn on_outcome(&mut self, now: Instant, outcome: Outcome) {
        let Some((call, sent)) = self.calling.take() else { return };
        match call {
            // It is not known where the instance stands, which is asked again.
            Call::Look => {
                let pause = if outcome == Outcome::Refused { LOOK_REFUSED } else { LOOK };
                self.look = Some(now + pause);
            }
            Call::Heartbeat { hook, .. } => {
                let held = self.held.iter_mut().find(|held| held.name == hook);
                match (held, outcome) {
                    (Some(held), Outcome::Done) => held.on_heard(sent),
                    (Some(held), Outcome::Failed) => held.on_failed(now),
                    (Some(held), Outcome::Refused) => held.on_refused(),
                    (Some(_), Outcome::Gone) => self.held.retain(|held| held.name != hook),
                    (None, _) => {}
                }
            }
            Call::Complete { hook, .. } => match outcome {
                Outcome::Failed => self.complete = Some(now + COMPLETE_AGAIN),
                Outcome::Done | Outcome::Refused | Outcome::Gone => {
                    self.held.retain(|held| held.name != hook);
                }
            },
            Call::Protect { on, .. } => match outcome {
                Outcome::Done => self.protection.on_known(on),
                Outcome::Failed | Outcome::Gone => self.protection.on_failed(),
                Outcome::Refused => self.protection.on_refused(),
            },
        }
        self.decide(now);
    }

    /// What is to be done now; to be asked until there is nothing.
    #[must_use]
    pub fn poll(&mut self, now: Instant) -> Option<Command> {
        if let Some(command) = self.queue.pop_front() {
            return Some(command);
        }
        if self.calling.as_ref().is_some_and(|(_, sent)| now >= *sent + CALL_MAX) {
            self.on_outcome(now, Outcome::Failed);
        }
        if self.calling.is_some() {
            return None;
        }
        let (call, at) = self.next_call(now)?;
        if at > now {
            return None;
        }
        if matches!(call, Call::Protect { .. }) {
            self.protection.on_call(now);
        }
        self.calling = Some((call.clone(), now));
        Some(Command::Call(call))
    }

    /// The call that is due first, and when; of several that are due the one that matters most.
    fn next_call(&self, now: Instant) -> Option<(Call, Instant)> {
        let calls = [self.completion(now), self.heartbeat(), self.sight(now), self.shield(now)];
        calls.into_iter().flatten().min_by_key(|(_, at)| (*at).max(now))
    }

    fn completion(&self, now: Instant) -> Option<(Call, Instant)> {
        let held = self.held.first().filter(|_| self.load.drained)?;
        let call = Call::Complete { group: self.group()?, hook: held.name.clone() };
        Some((call, self.complete.unwrap_or(now)))
    }

    fn heartbeat(&self) -> Option<(Call, Instant)> {
        let due = |held: &Held| Some((held.name.clone(), held.due()?));
        // Nobody is left for whom it would be held.
        let held = self.held.iter().filter(|_| !self.load.drained);
        let (hook, at) = held.filter_map(due).min_by_key(|(_, at)| *at)?;
        Some((Call::Heartbeat { group: self.group()?, hook }, at))
    }

    /// Whether and when to look where the instance stands.
    fn sight(&self, now: Instant) -> Option<(Call, Instant)> {
        let at = self.look.unwrap_or(now);
        let placement = self.placement.as_ref();
        let undecided =
            placement.is_none_or(|of| !of.waits() && !of.is_past() && of.own().next().is_some());
        let for_hooks = self.settings.notices && self.notices.is_leaving() && undecided;
        let for_protection = self.protection.is_unknown() && self.notices.is_in_service();
        (for_hooks || for_protection).then_some((Call::Look, at))
    }

    fn shield(&self, now: Instant) -> Option<(Call, Instant)> {
        let on = self.protection.wants(self.load.transfers, self.load.longest)?;
        let group = self.group().filter(|_| self.notices.is_in_service())?;
        Some((Call::Protect { group, on }, self.protection.due(now)))
    }

    fn group(&self) -> Option<String> {
        self.placement.as_ref().map(|of| of.group.clone()).filter(|group| !group.is_empty())
    }

    /// Whether anything makes the node drain.
    fn aside(&self) -> bool {
        let rebalance = self.notices.rebalance && self.settings.rebalance == Rebalance::Drain;
        self.settings.notices && (self.spot.is_some() || self.notices.is_aside() || rebalance)
    }

    /// Begins a drain, changes its budget, or ends it.
    fn decide(&mut self, now: Instant) {
        let Some(since) = self.since else {
            if self.drain.take().is_some() {
                self.push(Command::Undrain);
            }
            return;
        };
        let held = self.held.iter().map(Held::deadline).min();
        let by_group = match held {
            Some(held) => Some(held.checked_sub(HOOK_MARGIN).unwrap_or(now)),
            // One that ended has nothing more to say, and cutting what is left would help nobody.
            None if self.placement.as_ref().is_some_and(|of| of.waits() || of.is_past()) => {
                match self.drain {
                    Some(drain) => drain.until,
                    None => self.settings.drain.map(|drain| since + drain),
                }
            }
            None => self.settings.drain.map(|drain| since + drain),
        };
        let until = match (self.spot, by_group) {
            (Some(spot), Some(by_group)) => Some(spot.min(by_group)),
            (spot, by_group) => spot.or(by_group),
        };
        let is_new = match self.drain {
            None => true,
            Some(drain) => differ(drain.until, until),
        };
        if is_new {
            self.drain = Some(Drain { until });
            let budget = until.map(|until| until.saturating_duration_since(now));
            self.push(Command::Drain { reason: self.reason(), budget });
        }
    }

    fn reason(&self) -> Reason {
        match self.spot {
            Some(_) => Reason::Spot,
            None if self.notices.is_leaving() => Reason::Terminated,
            None if self.notices.is_aside() => Reason::Standby,
            None => Reason::Rebalance,
        }
    }

    /// What was to be done of the same kind, and was not yet, is out of date.
    fn push(&mut self, command: Command) {
        let is_drain = |of: &Command| matches!(of, Command::Drain { .. } | Command::Undrain);
        let is_same = |of: &Command| is_drain(of) == is_drain(&command);
        self.queue.retain(|queued| !is_same(queued));
        self.queue.push_back(command);
    }
}

impl Notices {
    /// Its group terminates it, or takes it back into the warm pool.
    fn is_leaving(&self) -> bool {
        let state = self.target_state.as_deref().unwrap_or_default();
        state == "Terminated" || state.starts_with("Warmed:")
    }

    /// No new clients are to come.
    fn is_aside(&self) -> bool {
        self.is_leaving() || self.target_state.as_deref() == Some("Standby")
    }

    fn is_in_service(&self) -> bool {
        self.target_state.as_deref() == Some("InService")
    }
}

/// Whether a node should hear of it: it is more than what a second look at the clock makes.
fn differ(a: Option<Instant>, b: Option<Instant>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => {
            a.saturating_duration_since(b).max(b.saturating_duration_since(a)) > SLACK
        }
        (a, b) => a.is_some() != b.is_some(),
    }
}

impl From<&Trouble> for Outcome {
    fn from(trouble: &Trouble) -> Self {
        match trouble {
            Trouble::Refused { .. } => Self::Refused,
            // "No active Lifecycle Action found with instance ID i-0123".
            Trouble::Rejected { code, .. } if code == "ValidationError" => Self::Gone,
            Trouble::Missing(_) => Self::Gone,
            Trouble::Duplicate(_) | Trouble::DryRun => Self::Done,
            Trouble::Throttled(_)
            | Trouble::Credentials(_)
            | Trouble::Rejected { .. }
            | Trouble::Unknown(_) => Self::Failed,
        }
    }
}

/// Of the two minutes that a spot instance has left when it is told; the rest is for the node to stop.
pub const SPOT_BUDGET: Duration = Duration::from_secs(110);
/// The same where it is known how long is left.
const SPOT_MARGIN: Duration = Duration::from_secs(10);
/// The hook is completed before it ends by itself.
const HOOK_MARGIN: Duration = Duration::from_secs(15);
const SLACK: Duration = Duration::from_secs(5);
/// While the group has not yet begun to wait: it first takes the instance out of its balancers.
const LOOK: Duration = Duration::from_secs(15);
/// Somebody may grant it.
const LOOK_REFUSED: Duration = Duration::from_secs(300);
const COMPLETE_AGAIN: Duration = Duration::from_secs(5);
/// A call that is not answered by then has failed. Longer than any client waits.
const CALL_MAX: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
