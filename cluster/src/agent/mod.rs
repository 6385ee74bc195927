//! The agent of a node: composes the machines of this crate, and is one itself.
//!
//! # Methods
//! Four kinds, as everywhere: getters; `on_*` inputs; commands ([`admit`](Agent::admit),
//! [`ban`](Agent::ban), ...); outputs ([`poll`](Agent::poll), [`next_deadline`](Agent::next_deadline)).
//! After every input and command, poll until there is nothing. Every [`Output::Call`] is answered by one
//! [`on_reply`](Agent::on_reply) of the same lane, with an error if need be.
//!
//! # Lanes
//! One request per lane is under way. A lane whose request failed makes the store count as away; the next
//! beat that is answered ends that. What was under way is then told again in absolute values.

mod bans;
mod beat;
mod duty;
mod event;
mod lanes;
mod ports;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

pub use beat::Pulse;
pub use event::{Event, Lane, Output, Refusal};

use crate::admission::{Denied, Limits, Slot};
use crate::balancer::Front;
use crate::ban::{Bans, Rules};
use crate::blocks::Blocks;
use crate::id::{Fence, Generation, NodeId};
use crate::keepalive::{Path, decide};
use crate::lease::{Lease, LeaseChange};
use crate::ledger::{Answer, Applicant, Ledger, Ticket};
use crate::member::{Member, Standing};
use crate::policy::Policy;
use crate::ports::Layout;
use crate::publisher::Publisher;
use crate::session::SessionRecord;
use crate::store::{Hint, Identity, Reply, Request, StoreError};
use crate::view::View;

/// What an agent begins with.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The node's name.
    pub node: NodeId,
    /// The life of this process.
    pub generation: Generation,
    /// The life before, of the same data folder.
    pub previous: Generation,
    /// The store is in the process: nobody else will ever come.
    pub alone: bool,
    /// Living nodes of the pool when it was last heard of: by them a node that starts without the store
    /// reckons its share. 0: it never was.
    pub nodes: u32,
    /// By this node's configuration; they hold until there is a policy.
    pub limits: Limits,
    /// By this node's configuration.
    pub rules: Rules,
    /// By this node's configuration; how connections are kept alive on it holds until there is a policy.
    pub path: Path,
    /// Whether it asks what stands in front while it leads ([`Agent::on_front`]); else nothing is known of it.
    pub reads_front: bool,
    /// How the passive ports are leased, in blocks, where all nodes have one address; `None`: this node uses its
    /// ports as it likes.
    pub ports: Option<Layout>,
    /// How long somebody waits on a port that was offered, at the longest: so much earlier than they could be
    /// another's blocks are not offered any more, but by five minutes at the most.
    pub port_wait: Duration,
    /// Random: where jitter and names begin.
    pub seed: u64,
}

/// The machine.
#[derive(Debug)]
pub struct Agent {
    setup: Setup,
    random: u64,
    link: Link,
    beat: beat::Heart,
    identity: Option<Identity>,
    member: Member,
    view: View,
    leader: Option<NodeId>,
    lease: Lease,
    ledger: Ledger,
    publisher: Publisher,
    ports: ports::Ports,
    bans: Bans,
    policy: Policy,
    /// What this node would have the policy say, beside the limits.
    proposal: Proposal,
    /// What it read of what stands in front, in this term.
    front: Option<(Fence, Front)>,
    failures: VecDeque<IpAddr>,
    /// Bans that the store has to hear of.
    unheard_bans: BTreeMap<IpAddr, bans::Wish>,
    /// The one that it is being told of.
    telling: Option<(IpAddr, bans::Wish)>,
    /// The store forgot bans that this node has not told it again.
    owes_bans: bool,
    busy: BTreeSet<Lane>,
    /// Lanes whose last request failed.
    troubled: BTreeMap<Lane, lanes::Trouble>,
    tidy_next: Instant,
    policy_next: Instant,
    events: VecDeque<Event>,
    /// It has left, and says nothing more.
    is_gone: bool,
}

/// How the store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// It answers, and this node is registered.
    Fine {
        /// From when on.
        since: Instant,
    },
    /// It does not, or not yet.
    Away {
        /// From when on.
        since: Instant,
        /// The last error.
        reason: String,
    },
    /// It answers, and does not take this node.
    Refused(Refusal),
}

/// What the node would have the policy say if it leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proposal {
    /// The mark on its storage; empty: none.
    pub storage: String,
    /// The version of the ticket keys.
    pub tickets: u64,
    /// The name of the one that seals; empty: they are the node's own.
    pub ticket_key: String,
}

impl Agent {
    /// A node that does not know its pool yet.
    pub fn new(setup: Setup, now: Instant) -> Self {
        let reason = "it was not asked yet".to_owned();
        // Who is alone has them all.
        let leased = setup.ports.filter(|_| !setup.alone);
        Self {
            random: setup.seed,
            link: Link::Away { since: now, reason },
            beat: beat::Heart::new(now),
            identity: None,
            member: Member::default(),
            view: View::default(),
            leader: None,
            lease: Lease::default(),
            ledger: Ledger::new(setup.limits, setup.alone, setup.nodes),
            publisher: Publisher::new(setup.alone),
            ports: ports::Ports::new(
                leased.map(|layout| Blocks::new(layout, setup.port_wait, now)),
            ),
            bans: Bans::new(setup.rules.clone()),
            policy: Policy {
                limits: setup.limits,
                keepalive: decide(&setup.path),
                ..Policy::default()
            },
            proposal: Proposal::default(),
            front: None,
            failures: VecDeque::new(),
            unheard_bans: BTreeMap::new(),
            telling: None,
            owes_bans: false,
            busy: BTreeSet::new(),
            troubled: BTreeMap::new(),
            tidy_next: now,
            policy_next: now,
            events: VecDeque::new(),
            is_gone: false,
            setup,
        }
    }

    /// The node's name.
    pub fn node(&self) -> &NodeId {
        &self.setup.node
    }

    /// The life of this process.
    pub fn generation(&self) -> Generation {
        self.setup.generation
    }

    /// How the store is.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// The registration, once there is one.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// The pool.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Who leads, as far as is known.
    pub fn leader(&self) -> Option<&NodeId> {
        self.leader.as_ref()
    }

    /// The term of this node while it leads.
    pub fn term(&self, now: Instant) -> Option<Fence> {
        self.lease.term(now)
    }

    /// The same with its age, for whoever does the leader's work.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// What the last answered beat tells of the store.
    pub fn pulse(&self) -> Option<Pulse> {
        self.beat.pulse()
    }

    /// The policy in force.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What this node may admit alone while the store is away.
    pub fn share(&self) -> Limits {
        self.ledger.share()
    }

    /// The sessions of this node, by number.
    pub fn sessions(&self) -> impl Iterator<Item = (u64, &SessionRecord)> {
        self.publisher.sessions().iter().map(|(number, record)| (*number, record))
    }

    /// Logged-in sessions of this node.
    pub fn session_count(&self) -> u32 {
        self.ledger.sessions()
    }

    /// Bans that this node knows.
    pub fn bans(&self) -> &Bans {
        &self.bans
    }

    /// Whether the store has told this node all bans of the pool.
    pub fn knows_bans(&self) -> bool {
        self.beat.knows_bans()
    }

    /// The node says something else of itself. The pool hears of it at once if it is more than the load.
    pub fn on_member(&mut self, member: Member, now: Instant) {
        let without_load = |of: &Member| Member { load: Default::default(), ..of.clone() };
        if without_load(&member) != without_load(&self.member) {
            self.beat.hurry(now);
        }
        if member.relay != self.member.relay {
            self.ports.touch();
        }
        self.member = member;
        // Before the store hears of it and lets somebody else lead.
        if !self.stands() && self.lease.resign(now) == LeaseChange::Lost {
            self.events.push_back(Event::Led(None));
        }
    }

    /// Now and then: memory of what is over is given back.
    pub fn on_tick(&mut self, now: Instant) {
        self.bans.on_tick(now);
    }

    /// What the node would have the policy say.
    pub fn on_proposal(&mut self, proposal: Proposal, now: Instant) {
        if proposal != self.proposal {
            self.proposal = proposal;
            self.policy_next = now;
        }
    }

    /// The configuration was read again.
    pub fn on_configured(
        &mut self,
        limits: Limits,
        rules: Rules,
        path: Path,
        reads_front: bool,
        now: Instant,
    ) {
        self.setup.limits = limits;
        self.setup.path = path;
        self.setup.reads_front = reads_front;
        self.bans.set_rules(rules);
        self.policy_next = now;
        // Nobody else decides.
        if self.setup.alone || self.policy.revision == 0 {
            self.policy.limits = limits;
            self.ledger.set_limits(limits);
            let keepalive = self.keepalive(&self.front(now));
            if self.policy.keepalive != keepalive {
                self.policy.keepalive = keepalive;
                self.events.push_back(Event::Policy(Box::new(self.policy.clone())));
            }
        }
    }

    /// What this node read of what stands in front. Only the leader's word counts, and only while it leads.
    pub fn on_front(&mut self, front: Front, now: Instant) {
        let Some(term) = self.lease.term(now) else { return };
        let read = Some((term, front));
        if self.front != read {
            self.front = read;
            self.policy_next = now;
        }
    }

    /// What changed in the sessions of this node.
    pub fn on_gathered(&mut self, changed: Vec<(u64, SessionRecord)>, ended: &[u64]) {
        self.publisher.on_gathered(changed, ended);
    }

    /// Something may have changed in the pool.
    pub fn on_hint(&mut self, hint: &Hint, now: Instant) {
        match hint {
            Hint::Order(node) if *node != self.setup.node => {}
            Hint::Answer(_) => {}
            Hint::Members => self.beat.hurry_for_members(now),
            Hint::Policy | Hint::Order(_) | Hint::Lost => self.beat.hurry(now),
            // Under an attack there are many, and every node hears of each.
            Hint::Bans => {
                let jitter = Duration::from_millis(self.random() % BANS_JITTER_MS);
                self.beat.hurry(now + jitter);
            }
        }
    }

    /// Asks for a slot; see [`Ledger::admit`].
    #[must_use]
    pub fn admit(&mut self, applicant: Applicant, now: Instant) -> Answer {
        self.ledger.admit(applicant, now)
    }

    /// The logins that the last [`Lane::Admit`] asks for; see [`Ledger::asking`].
    pub fn asking(&self) -> impl Iterator<Item = Ticket> {
        self.ledger.asking()
    }

    /// Gives a slot back.
    pub fn release(&mut self, slot: Slot) {
        self.ledger.release(slot);
    }

    /// The node ends. What the pool is to be told, if it knows the node; nothing afterwards.
    pub fn leave(&mut self) -> Option<Request> {
        self.is_gone = true;
        self.give_up_ports();
        self.identity.clone().map(Request::Leave)
    }

    /// An answer of the store, or why there is none.
    pub fn on_reply(&mut self, lane: Lane, result: Result<Reply, StoreError>, now: Instant) {
        self.busy.remove(&lane);
        let failed = result.as_ref().err().map(ToString::to_string);
        match (lane, result) {
            (Lane::Beat, Ok(Reply::Beat(registered))) => self.on_registered(registered, now),
            (Lane::Admit, Ok(Reply::Verdicts(verdicts))) => {
                let decided = self.ledger.on_verdicts(Some(&verdicts), now);
                self.decided(decided);
            }
            (Lane::Admit, _) => {
                let decided = self.ledger.on_verdicts(None, now);
                self.decided(decided);
            }
            (Lane::Publish, result) => self.publisher.on_reply(result.is_ok()),
            (Lane::Score, result) => self.on_told(result.is_ok()),
            (Lane::Policy, Ok(Reply::Changed(_))) => self.beat.hurry(now),
            (Lane::Grant, Ok(Reply::Granted(granted))) => self.on_granted(Some(&granted), now),
            (Lane::Grant, _) => self.on_granted(None, now),
            _ => {}
        }
        match failed {
            Some(reason) if lane == Lane::Beat => self.on_store_away(reason, now),
            Some(reason) => self.on_trouble(lane, reason, now),
            None => {
                self.troubled.remove(&lane);
            }
        }
    }

    /// What is to be done next.
    #[must_use]
    pub fn poll(&mut self, now: Instant) -> Option<Output> {
        if self.lease.expire(now) == LeaseChange::Lost {
            self.events.push_back(Event::Led(None));
        }
        let stranded = self.ledger.take_stranded(now);
        self.decided(stranded);
        self.watch_ports(now);
        if let Some(event) = self.events.pop_front() {
            return Some(Output::Event(event));
        }
        if self.is_gone {
            return None;
        }
        let (lane, request) = self.next_call(now)?;
        self.busy.insert(lane);
        Some(Output::Call(lane, request))
    }

    /// When to poll again although nothing happens.
    pub fn next_deadline(&self) -> Instant {
        let beat = self.beat.next();
        if self.is_gone {
            return beat + beat::INTERVAL;
        }
        // Nothing goes out on a busy lane: its answer comes first.
        let beat = if self.busy.contains(&Lane::Beat) { beat + beat::INTERVAL } else { beat };
        let admit = self.next_of(Lane::Admit, self.ledger.next());
        let publish = self.next_of(Lane::Publish, self.publisher.next());
        let blocks = self.ports.blocks.as_ref();
        let grant = self.next_of(Lane::Grant, blocks.and_then(Blocks::next_grant));
        let give_back = self.next_of(Lane::Return, blocks.and_then(Blocks::next_return));
        let ports = self.ports.next();
        let all = [admit, publish, grant, give_back, ports];
        all.into_iter().flatten().fold(beat, Instant::min)
    }

    fn decided(&mut self, decided: Vec<(Ticket, Result<Slot, Denied>)>) {
        let events = decided.into_iter().map(|(ticket, result)| Event::Decided { ticket, result });
        self.events.extend(events);
    }

    fn is_fine(&self) -> bool {
        matches!(self.link, Link::Fine { .. })
    }

    /// Whether this node would lead: it must be able to serve, or it would lead others astray.
    fn stands(&self) -> bool {
        self.member.standing == Standing::Ready
    }

    /// A number from 0 to 2^64, from the seed alone (splitmix64).
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).min(TEN_YEARS_MS)
}

/// How long nodes may wait, each as long as it happens, before they ask for news of bans.
const BANS_JITTER_MS: u64 = 400;
/// No ban lasts longer; the store's numbers stay exact.
const TEN_YEARS_MS: u64 = 10 * 365 * 86_400_000;

#[cfg(test)]
mod tests;
