//! The ports of one arbiter.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flotilla_protocol::ftp::Failure;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::{debug, warn};

use super::PortSettings;
use super::counts::Counters;
use super::grant::{Grant, GrantRequest};
use super::listener::Listener;
use super::remote::{self, Ask, Neighbours};
use super::wait::Wait;
use crate::storage::Work;

/// A shard on its way to its arbiter.
#[derive(Debug)]
pub struct ShardSeed {
    pub(super) index: usize,
    pub(super) order: Vec<u16>,
    pub(super) settings: PortSettings,
    pub(super) counters: Arc<Counters>,
    pub(super) neighbours: Neighbours,
    pub(super) inbox: mpsc::Receiver<Ask>,
}

impl ShardSeed {
    /// Starts the shard on this thread's arbiter, where it stays.
    pub fn start(self) -> Rc<PortShard> {
        let shard = Rc::new(PortShard {
            index: self.index,
            order: self.order,
            settings: self.settings,
            counters: self.counters,
            neighbours: self.neighbours,
            state: RefCell::default(),
        });
        tokio::task::spawn_local(remote::serve(Rc::downgrade(&shard), self.inbox));
        shard
    }
}

/// Grants the ports of one arbiter, and others' when those are used up.
///
/// The shard's ports stand in a random order. Grants take them in turn within a window at its
/// beginning; the window grows when an address clashes with itself in all of it, so that as many
/// listeners are open as one client has pending connections, not as there are ports.
#[derive(Debug)]
pub struct PortShard {
    index: usize,
    order: Vec<u16>,
    settings: PortSettings,
    counters: Arc<Counters>,
    neighbours: Neighbours,
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Ports that grants rotate over: the first so many of the order.
    window: usize,
    cursor: usize,
    /// By local address, then by place in the order.
    slots: HashMap<IpAddr, Vec<Slot>>,
    /// Descriptors ran out: no new listener before then.
    starved_until: Option<Instant>,
    /// The window grew since the last sweep.
    grew: bool,
    sweeping: bool,
}

#[derive(Debug)]
enum Slot {
    Closed,
    Open {
        listener: Rc<Listener>,
        driver: JoinHandle<()>,
    },
    /// Not ours to bind until then: another program has it.
    Blocked(Instant),
}

/// What a port answers to a request.
enum Offer {
    Taken(Grant),
    Clash,
    /// This local address can not be bound at all, or no descriptor is left.
    Nowhere,
}

impl PortShard {
    /// A port for one data connection: at once from this shard, or after asking the others when
    /// all of its own are pending, lingering or not to be had. [`Failure::PortsExhausted`] if no
    /// shard has one.
    pub fn grant(self: &Rc<Self>, request: GrantRequest) -> Work<Grant> {
        let request = request.canonical();
        let wait = Wait::here(request.client, request.rule.clone());
        if let Some(grant) = self.take(&request, Rc::new(wait)) {
            return Work::ready(Ok(grant));
        }
        if self.neighbours.none() {
            return Work::ready(Err(self.exhausted(&request)));
        }
        let shard = Rc::clone(self);
        Work::pending(async move {
            match shard.neighbours.ask(shard.index, &request).await {
                Some((port, connections)) => Ok(Grant::there(port, connections)),
                None => Err(shard.exhausted(&request)),
            }
        })
    }

    /// A grant from this shard's own ports.
    pub(super) fn take(self: &Rc<Self>, request: &GrantRequest, wait: Rc<Wait>) -> Option<Grant> {
        if self.order.is_empty() {
            return None;
        }
        let now = Instant::now();
        let mut state = self.state.borrow_mut();
        let window = state.window.clamp(WINDOW_MIN.min(self.order.len()), self.order.len());
        let mut binds_left = BINDS_MAX;
        for step in 0..self.order.len() {
            // First once around the window, then beyond it.
            let place = if step < window { (state.cursor + step) % window } else { step };
            match self.offer(&mut state, place, request, &wait, now, &mut binds_left) {
                Offer::Taken(grant) => {
                    state.grew |= place >= window;
                    state.window = window.max(place + 1);
                    state.cursor = (place + 1) % state.window;
                    let start_sweeper = !std::mem::replace(&mut state.sweeping, true);
                    drop(state);
                    if start_sweeper {
                        tokio::task::spawn_local(sweep(Rc::downgrade(self)));
                    }
                    self.counters.granted.up();
                    return Some(grant);
                }
                Offer::Clash => {}
                Offer::Nowhere => break,
            }
        }
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
        let bound = Listener::bind(address, self.settings.linger, Arc::clone(&self.counters));
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
        let window = state.window;
        let mut busy = window > WINDOW_MIN;
        state.slots.retain(|_, slots| {
            for (place, slot) in slots.iter_mut().enumerate() {
                let Slot::Open { listener, .. } = slot else { continue };
                let taken = listener.sweep(now);
                let idle = now.saturating_duration_since(listener.used());
                // The first few stay as long as their address is in use at all.
                let allowed = if place < WINDOW_MIN { UNUSED } else { IDLE };
                if !taken && idle >= allowed {
                    *slot = Slot::Closed;
                } else {
                    busy |= taken || place >= WINDOW_MIN;
                }
            }
            while matches!(slots.last(), Some(Slot::Closed | Slot::Blocked(_))) {
                slots.pop();
            }
            !slots.is_empty()
        });
        busy |= state.slots.len() > 1;
        state.sweeping = busy;
        busy
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Self::Open { driver, .. } = self {
            driver.abort();
        }
    }
}

/// Why a port can not be bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BindError {
    /// This port: in use by another program, or forbidden.
    Port,
    /// No descriptor or memory is left.
    Starved,
    /// The address is not (any more) this machine's.
    Address,
}

impl BindError {
    fn of(error: &io::Error) -> Self {
        use rustix::io::Errno;
        match Errno::from_io_error(error) {
            Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => Self::Starved,
            Some(Errno::ADDRNOTAVAIL | Errno::AFNOSUPPORT | Errno::NODEV | Errno::INVAL) => {
                Self::Address
            }
            _ => Self::Port,
        }
    }
}

/// Where to listen for connections to `local`. A link-local address means nothing without its
/// interface, which the session does not know; there the listener takes all IPv6 addresses, and
/// the rule of each grant still judges who may connect.
fn bindable(local: IpAddr, port: u16) -> SocketAddr {
    match local {
        IpAddr::V6(v6) if v6.is_unicast_link_local() => (Ipv6Addr::UNSPECIFIED, port).into(),
        _ => (local, port).into(),
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
