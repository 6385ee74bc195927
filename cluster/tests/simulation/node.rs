//! One simulated node: an agent with its sessions, as its process would drive it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use flotilla_cluster::admission::{Denied, Limits, Slot};
use flotilla_cluster::agent::{Agent, Event, Setup};
use flotilla_cluster::aws::Trouble;
use flotilla_cluster::ban::Rules;
use flotilla_cluster::blocks::PortUse;
use flotilla_cluster::dns::{self, CheckInterval, Desk, Led, Policy, Settings, Witness};
use flotilla_cluster::id::{Generation, NodeId};
use flotilla_cluster::keepalive::Path;
use flotilla_cluster::ledger::{Answer, Applicant, Ticket};
use flotilla_cluster::member::{MEMBER_VERSION, Member, Place, Standing};

/// A node, alive or not.
pub(crate) struct Node {
    pub(crate) id: NodeId,
    address: Ipv4Addr,
    /// The process; `None` while it is dead.
    pub(crate) process: Option<Process>,
    /// As in its data folder.
    pub(crate) generation: u64,
    /// Requests and answers do not pass.
    pub(crate) cut_off: bool,
    /// The process is stopped until then, milliseconds of the world.
    pub(crate) paused_until: u64,
    pub(crate) draining: bool,
    pub(crate) demand: Demand,
}

/// What clients want of the passive ports.
#[derive(Default)]
pub(crate) struct Demand {
    pub(crate) needed: u32,
    /// Blocks on which something waits, and until when: milliseconds of the world.
    pub(crate) busy: BTreeMap<u16, u64>,
    /// Since when nothing is needed.
    pub(crate) idle_since: Option<u64>,
}

/// A life of a node.
pub(crate) struct Process {
    pub(crate) agent: Agent,
    desk: Desk,
    pub(crate) slots: Vec<(Slot, Applicant)>,
    waiting: BTreeMap<Ticket, Applicant>,
}

impl Node {
    pub(crate) fn new(number: usize) -> Self {
        Self {
            id: NodeId::new(&format!("n{number}")).unwrap(),
            address: Ipv4Addr::new(198, 51, 100, u8::try_from(number).unwrap()),
            process: None,
            generation: 0,
            cut_off: false,
            paused_until: 0,
            draining: false,
            demand: Demand::default(),
        }
    }

    pub(crate) fn start(&mut self, limits: Limits, seed: u64, now_ms: u64, now: Instant) {
        let previous = self.generation;
        self.generation = (previous + 1).max(now_ms);
        let rules = Rules {
            ban_after: 3,
            ban_window: Duration::from_secs(600),
            ban_for: Duration::from_secs(1800),
            exempt: Vec::new(),
        };
        let agent = Agent::new(
            Setup {
                node: self.id.clone(),
                generation: Generation(self.generation),
                previous: Generation(previous),
                alone: false,
                nodes: 0,
                limits,
                rules,
                path: Path::default(),
                reads_front: false,
                ports: Some(LAYOUT.parse().unwrap()),
                port_wait: Duration::from_millis(WAIT_MS),
                seed,
            },
            now,
        );
        self.draining = false;
        self.demand = Demand { idle_since: Some(now_ms), ..Demand::default() };
        self.process = Some(Process {
            agent,
            desk: Desk::new(names()),
            slots: Vec::new(),
            waiting: BTreeMap::new(),
        });
        self.tell_standing(now);
    }

    pub(crate) fn tell_standing(&mut self, now: Instant) {
        let standing = if self.draining { Standing::Draining } else { Standing::Ready };
        let Some(process) = &mut self.process else { return };
        let place = Place { v4: Some(self.address), port: 2121, ..Place::default() };
        let mut member =
            Member { version: MEMBER_VERSION, standing, weight: 100, place, ..Member::default() };
        member.load.sessions = process.agent.session_count();
        process.agent.on_member(member, now);
    }

    /// Tells the agent how its ports are used.
    pub(crate) fn tell_use(&mut self, now_ms: u64, now: Instant) {
        let Some(process) = &mut self.process else { return };
        self.demand.busy.retain(|_, until| *until > now_ms);
        let busy = self.demand.busy.keys().copied().collect();
        process.agent.on_port_use(PortUse { needed: self.demand.needed, busy }, now);
    }

    /// Logins that the store is asked about.
    pub(crate) fn waits(&self) -> usize {
        self.process.as_ref().map_or(0, |process| process.waiting.len())
    }

    pub(crate) fn is_running(&self, now_ms: u64) -> bool {
        self.process.is_some() && self.paused_until <= now_ms
    }
}

impl Process {
    /// What the leader asks the DNS.
    pub(crate) fn ask_dns(
        &mut self,
        witness: impl Fn(&str) -> Witness,
        now: Instant,
    ) -> Option<dns::Request> {
        let led = Led::of(self.agent.lease(), now);
        for gone in self.desk.gone() {
            self.desk.on_witness(&gone.key, witness(&gone.key), now);
        }
        let nodes = dns::Node::all(self.agent.view(), |_| true);
        self.desk.poll(&nodes, led, now)
    }

    pub(crate) fn on_dns(&mut self, reply: Result<dns::Reply, Trouble>, now: Instant) {
        self.desk.on_reply(reply, now, 0);
    }

    pub(crate) fn next_deadline(&self, now: Instant) -> Instant {
        let desk = self.desk.next().filter(|_| self.agent.term(now).is_some());
        desk.into_iter().fold(self.agent.next_deadline(), Instant::min)
    }

    pub(crate) fn login(&mut self, user: &str, address: IpAddr, now: Instant) {
        let applicant = Applicant { user: user.into(), account_sessions: 0, address };
        match self.agent.admit(applicant.clone(), now) {
            Answer::Now(result) => self.settle(result, applicant),
            Answer::Later(ticket) => {
                self.waiting.insert(ticket, applicant);
            }
            Answer::Busy => {}
        }
    }

    pub(crate) fn logout(&mut self, index: usize) {
        if index < self.slots.len() {
            let (slot, _) = self.slots.swap_remove(index);
            self.agent.release(slot);
        }
    }

    pub(crate) fn on_event(&mut self, event: Event) {
        if let Event::Decided { ticket, result } = event {
            let applicant = self.waiting.remove(&ticket).expect("a login is decided once");
            self.settle(result, applicant);
        }
    }

    fn settle(&mut self, result: Result<Slot, Denied>, applicant: Applicant) {
        if let Ok(slot) = result {
            self.slots.push((slot, applicant));
        }
    }
}

/// The names of the pool.
pub(crate) fn names() -> Settings {
    Settings {
        pool: "main".to_owned(),
        zone: "Z1".to_owned(),
        name: "ftp.example.org".to_owned(),
        sftp_name: None,
        policy: Policy::Weighted,
        ttl: 60,
        check: Some(CheckInterval::Thirty),
    }
}

/// Six blocks for up to six nodes, each of which wants one at the least.
const LAYOUT: &str = "61000-61095/16";
/// How long somebody waits on a port at the longest.
pub(crate) const WAIT_MS: u64 = 90_000;
