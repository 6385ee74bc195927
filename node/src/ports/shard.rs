//! The ports of one arbiter.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flotilla_cluster::relay::Replay;
use flotilla_protocol::ftp::Failure;
use socket2::Socket;
use tokio::sync::{mpsc, watch};
use tracing::{debug, warn};

use super::PortSettings;
use super::counts::Counters;
use super::gate::{Gate, PortRules};
use super::grant::{Grant, GrantRequest};
use super::listener::{self, Listener};
use super::remote::{self, Message, Neighbours};
use super::slot::{BindError, Slot, bindable};
use super::wait::Wait;
use crate::metrics::ProxyHeaders;
use crate::relay::{Forwarder, Incoming, Inlet, Outgoing};
use crate::storage::Work;

/// A shard on its way to its arbiter.
#[derive(Debug)]
pub struct ShardSeed {
    pub(super) index: usize,
    pub(super) order: Vec<u16>,
    pub(super) settings: PortSettings,
    pub(super) counters: Arc<Counters>,
    pub(super) neighbours: Neighbours,
    pub(super) inbox: mpsc::Receiver<Message>,
    /// Connections that another node brought to another arbiter.
    pub(super) brought: mpsc::Receiver<Incoming>,
    /// Where the ports are the pool's: all that this shard listens on.
    pub(super) bound: Vec<(SocketAddr, Socket)>,
    pub(super) inlet: Option<Inlet>,
    pub(super) outgoing: Outgoing,
    pub(super) headers: ProxyHeaders,
    pub(super) rules: Arc<PortRules>,
    /// The connections of the arbiter, for whoever waits for the end of the last one.
    pub(crate) living: Arc<watch::Sender<()>>,
}

impl ShardSeed {
    /// Starts the shard on this thread's arbiter, where it stays.
    pub fn start(self) -> Rc<PortShard> {
        let relays = Rc::new(Forwarder::new(self.outgoing, self.living));
        let is_shared = self.settings.shared.is_some();
        let gate = Rc::new(Gate::new(is_shared, relays, self.headers, self.rules));
        let mut place_of = vec![0; self.order.len()];
        for (place, port) in self.order.iter().enumerate() {
            let offset = usize::from(port - self.settings.range.first());
            if let Some(known) = place_of.get_mut(offset / self.neighbours.count()) {
                *known = place;
            }
        }
        let shard = Rc::new(PortShard {
            index: self.index,
            order: self.order,
            place_of,
            settings: self.settings,
            counters: self.counters,
            neighbours: self.neighbours,
            gate,
            replay: RefCell::default(),
            state: RefCell::default(),
        });
        shard.state.borrow_mut().allowed = match self.settings.shared {
            // The pool says which.
            Some(_) => Vec::new(),
            None => (0..shard.order.len()).collect(),
        };
        shard.adopt(self.bound);
        tokio::task::spawn_local(remote::serve(Rc::downgrade(&shard), self.inbox));
        tokio::task::spawn_local(remote::take(Rc::downgrade(&shard), self.brought));
        if let Some(inlet) = self.inlet {
            let shards = shard.neighbours.count();
            tokio::task::spawn_local(inlet.serve(Rc::downgrade(&shard), shards));
        }
        shard
    }
}

/// Grants the ports of one arbiter, and others' when those are used up.
///
/// The shard's ports stand in a random order. Grants take them in turn within a window at the
/// beginning of those that are allowed; the window grows when an address clashes with itself in all
/// of it, so that as many listeners are open as one client has pending connections, not as there are
/// ports. Where the ports are the pool's, all are open, and those of the node's own blocks allowed.
#[derive(Debug)]
pub struct PortShard {
    pub(super) index: usize,
    pub(super) order: Vec<u16>,
    /// The place in the order of each of these ports, from the lowest on.
    place_of: Vec<usize>,
    pub(super) settings: PortSettings,
    pub(super) counters: Arc<Counters>,
    pub(super) neighbours: Neighbours,
    pub(super) gate: Rc<Gate>,
    /// Of the relays that brought connections for these ports.
    pub(super) replay: RefCell<Replay>,
    pub(super) state: RefCell<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// Ports that may be granted, by place in the order.
    pub(super) allowed: Vec<usize>,
    /// Ports that grants rotate over: the first so many of those.
    window: usize,
    cursor: usize,
    /// By local address, then by place in the order.
    pub(super) slots: HashMap<IpAddr, Vec<Slot>>,
    /// Descriptors ran out: no new listener before then.
    starved_until: Option<Instant>,
    /// The window grew since the last sweep.
    grew: bool,
    sweeping: bool,
    /// Ports that one address needed at once, since the last sweep and before it.
    demand: (u32, u32),
}

impl State {
    /// Ports that one address needed at once, as of late.
    pub(super) fn demand(&self) -> u32 {
        self.demand.0.max(self.demand.1)
    }
}

/// What a port answers to a request.
enum Offer {
    Taken(Grant),
    /// Taken for this client, or another program's, or there is no descriptor for it now.
    Clash,
    /// This local address can not be bound at all, or there are too many of them.
    Nowhere,
}

impl PortShard {
    /// A port for one data connection: at once from this shard, or after asking the others when
    /// all of its own are pending, lingering or not to be had. [`Failure::PortsExhausted`] if no
    /// shard has one.
    pub fn grant(self: &Rc<Self>, request: GrantRequest) -> Work<Grant> {
        let request = self.at_host(request.canonical());
        let wait = Wait::here(&request);
        if let Some(grant) = self.take(&request, Rc::new(wait)) {
            return Work::ready(Ok(grant));
        }
        if self.neighbours.none() {
            return Work::ready(Err(self.exhausted(&request)));
        }
        let shard = Rc::clone(self);
        Work::pending(async move {
            match shard.neighbours.ask(shard.index, &request, &shard.gate.deaf).await {
                Some(lent) => Ok(Grant::there(lent)),
                None => Err(shard.exhausted(&request)),
            }
        })
    }

    /// A grant from this shard's own ports.
    pub(super) fn take(self: &Rc<Self>, request: &GrantRequest, wait: Rc<Wait>) -> Option<Grant> {
        let now = Instant::now();
        let mut state = self.state.borrow_mut();
        let allowed = state.allowed.len();
        let window = state.window.clamp(WINDOW_MIN.min(allowed), allowed);
        let mut binds_left = BINDS_MAX;
        let mut clashes = 0;
        for step in 0..allowed {
            // First once around the window, then beyond it.
            let turn = if step < window { (state.cursor + step) % window } else { step };
            let Some(&place) = state.allowed.get(turn) else { break };
            match self.offer(&mut state, place, request, &wait, now, &mut binds_left) {
                Offer::Taken(grant) => {
                    state.grew |= turn >= window;
                    state.window = window.max(turn + 1);
                    state.cursor = (turn + 1) % state.window;
                    state.demand.0 = state.demand.0.max(clashes + 1);
                    let start_sweeper = !std::mem::replace(&mut state.sweeping, true);
                    drop(state);
                    if start_sweeper {
                        tokio::task::spawn_local(sweep(Rc::downgrade(self)));
                    }
                    self.counters.granted.up();
                    return Some(grant);
                }
                Offer::Clash => clashes += 1,
                Offer::Nowhere => break,
            }
        }
        state.demand.0 = state.demand.0.max(clashes + 1);
        None
    }

    fn offer(
        &self,
        state: &mut State,
        place: usize,
        request: &GrantRequest,
        wait: &Rc<Wait>,
        now: Instant,
        binds_left: &mut usize,
    ) -> Offer {
        let Some(&port) = self.order.get(place) else { return Offer::Nowhere };
        if state.slots.len() >= LOCALS_MAX && !state.slots.contains_key(&request.local) {
            return Offer::Nowhere;
        }
        let slots = state.slots.entry(request.local).or_default();
        while slots.len() <= place {
            slots.push(Slot::Closed);
        }
        let Some(slot) = slots.get_mut(place) else { return Offer::Nowhere };
        let listener = match slot {
            Slot::Open { listener, .. } => Rc::clone(listener),
            Slot::Blocked(until) if *until > now => return Offer::Clash,
            Slot::Blocked(_) | Slot::Closed => {
                // Open listeners further on may still serve, so starving is no reason to give up.
                if *binds_left == 0 || state.starved_until.is_some_and(|until| until > now) {
                    return Offer::Clash;
                }
                *binds_left -= 1;
                match self.open(bindable(request.local, port)) {
                    Ok(listener) => {
                        let driver = tokio::task::spawn_local(Rc::clone(&listener).drive());
                        *slot = Slot::Open { listener: Rc::clone(&listener), driver };
                        listener
                    }
                    Err(BindError::Port) => {
                        self.counters.conflicts.up();
                        *slot = Slot::Blocked(now + BLOCKED);
                        return Offer::Clash;
                    }
                    Err(BindError::Starved) => {
                        state.starved_until = Some(now + STARVED);
                        return Offer::Clash;
                    }
                    Err(BindError::Address) => return Offer::Nowhere,
                }
            }
        };
        if !listener.has_place(&request.rule, now) {
            return Offer::Clash;
        }
        listener.add(wait, now);
        Offer::Taken(Grant::here(listener, Rc::clone(wait)))
    }

    fn open(&self, address: SocketAddr) -> Result<Rc<Listener>, BindError> {
        let bound = listener::socket(address).and_then(|socket| self.listen(socket, address));
        bound.map(Rc::new).map_err(|error| {
            let kind = BindError::of(&error);
            match kind {
                BindError::Port => {
                    debug!(%address, %error, "passive port skipped: it can not be bound");
                }
                BindError::Starved | BindError::Address => {
                    warn!(%address, %error, "no passive port can be bound");
                }
            }
            kind
        })
    }

    /// A listener of this shard.
    pub(super) fn listen(&self, socket: Socket, address: SocketAddr) -> io::Result<Listener> {
        let (counters, gate) = (Arc::clone(&self.counters), Rc::clone(&self.gate));
        Listener::new(socket, address, counters, gate)
    }

    /// The place of a port in the order, if it is one of this shard's.
    pub(super) fn place_of(&self, port: u16) -> Option<usize> {
        let offset = usize::from(port.checked_sub(self.settings.range.first())?);
        let place = *self.place_of.get(offset / self.neighbours.count())?;
        (self.order.get(place) == Some(&port)).then_some(place)
    }

    /// Connections are kept alive in another way from now on.
    pub(crate) fn tune(&self) {
        for slot in self.state.borrow().slots.values().flatten() {
            if let Slot::Open { listener, .. } = slot {
                listener.tune();
            }
        }
    }

    fn exhausted(&self, request: &GrantRequest) -> Failure {
        self.counters.exhausted.up();
        debug!(client = %request.client, local = %request.local, "no passive port is free");
        Failure::PortsExhausted
    }

    /// Drops expired lingerers, closes listeners that were long idle, and lets the window shrink.
    /// `false` when nothing is left that a later sweep would change.
    fn sweep(&self, now: Instant) -> bool {
        let mut state = self.state.borrow_mut();
        if !std::mem::take(&mut state.grew) {
            state.window = (state.window - state.window / WINDOW_SHRINK).max(WINDOW_MIN);
        }
        state.demand = (0, state.demand.0);
        let window = state.window;
        let mut busy = window > WINDOW_MIN || state.demand.1 > 0;
        let is_pinned = self.settings.shared.is_some();
        state.slots.retain(|_, slots| {
            for (place, slot) in slots.iter_mut().enumerate() {
                let Slot::Open { listener, .. } = slot else { continue };
                let taken = listener.sweep(now);
                let idle = now.saturating_duration_since(listener.used());
                // The first few stay as long as their address is in use at all.
                let allowed = if place < WINDOW_MIN { UNUSED } else { IDLE };
                if !taken && idle >= allowed && !is_pinned {
                    *slot = Slot::Closed;
                } else {
                    busy |= taken || place >= WINDOW_MIN && !is_pinned;
                }
            }
            while matches!(slots.last(), Some(Slot::Closed | Slot::Blocked(_))) {
                slots.pop();
            }
            !slots.is_empty()
        });
        busy |= state.slots.len() > 1 && !is_pinned;
        state.sweeping = busy;
        busy
    }
}

async fn sweep(shard: Weak<PortShard>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(shard) = shard.upgrade() else { return };
        if !shard.sweep(Instant::now()) {
            return;
        }
    }
}

/// Ports that grants rotate over at the least: a client's next transfer has another port than its
/// last, and a handful of listeners serves any number of clients that transfer one file each.
const WINDOW_MIN: usize = 4;
/// The window loses a quarter per sweep in which it did not grow: from 1000 ports to 4 in 5 min.
const WINDOW_SHRINK: usize = 4;
/// Between sweeps, while there is something to sweep.
const SWEEP: Duration = Duration::from_secs(15);
/// Listeners beyond the first few are closed after that long without a grant.
const IDLE: Duration = Duration::from_secs(3 * 60);
/// And those when their local address was not used for that long: it may be gone.
const UNUSED: Duration = Duration::from_secs(60 * 60);
/// Before a port that another program has is tried again.
const BLOCKED: Duration = Duration::from_secs(30);
/// Before a new listener is tried after descriptors ran out.
const STARVED: Duration = Duration::from_secs(1);
/// New listeners tried for one request: each that fails costs four system calls (some 4 us).
const BINDS_MAX: usize = 64;
/// Local addresses with listeners. A machine has a few; a routed IPv6 prefix could have 2^64, and
/// each would cost listeners.
const LOCALS_MAX: usize = 64;
