//! One listening socket and the grants that wait on it.

use std::cell::{Cell, RefCell};
use std::collections::hash_map::Entry;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tracing::{debug, warn};

use super::accept::{Trouble, accept};
use super::counts::Counters;
use super::grant::Accepted;
use super::places::{Place, Places};
use super::rule::PeerRule;
use super::wait::Wait;
use crate::keepalive;

/// A listener on (local address, port) with its pending and lingering grants. No two of them
/// overlap in the addresses they admit.
///
/// tokio reports a listener edge by edge: one event may stand for several connections. After an
/// event one is accepted; if it was the awaited one and no session is waiting for another, the
/// listener stops there and remembers that `more` may be queued, which saves the `accept4` that
/// would only say so. Whoever needs a connection next looks again first.
#[derive(Debug)]
pub(super) struct Listener {
    address: SocketAddr,
    socket: AsyncFd<Socket>,
    linger: Duration,
    counters: Arc<Counters>,
    places: RefCell<Places>,
    /// Connections may be queued that no event will report again.
    more: Cell<bool>,
    /// Descriptors or memory ran out, or there was too much for one turn: a task will go on.
    paused: Cell<bool>,
    /// Waits that somebody is polling.
    watched: Cell<usize>,
    used: Cell<Instant>,
}

/// How a round of accepting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// Nothing more to do for now.
    Done,
    /// Others must run first.
    Again,
    /// The system is out of something.
    Pause,
}

impl Listener {
    /// Binds and listens. Must run on the arbiter that will accept.
    pub(super) fn bind(
        address: SocketAddr,
        linger: Duration,
        counters: Arc<Counters>,
    ) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), None)?;
        // Connections accepted before still occupy the port; that must not stop a new listener.
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // Accepted sockets inherit it: no system call per connection.
        socket.set_tcp_nodelay(true)?;
        keepalive::enable(&SockRef::from(&socket))?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        #[expect(
            deprecated,
            reason = "the undeprecated form is unsafe: it asks that the descriptor stays open and the same, and an owned socket that is only ever borrowed does"
        )]
        let socket = AsyncFd::with_interest(socket, Interest::READABLE)?;
        counters.listening.up();
        Ok(Self {
            address,
            socket,
            linger,
            counters,
            places: RefCell::default(),
            more: Cell::new(false),
            paused: Cell::new(false),
            watched: Cell::new(0),
            used: Cell::new(Instant::now()),
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// When a grant last began here.
    pub(super) fn used(&self) -> Instant {
        self.used.get()
    }

    /// Accepts whatever comes until it is aborted.
    pub(super) async fn drive(self: Rc<Self>) {
        while let Ok(mut ready) = self.socket.readable().await {
            // The next event is wanted whether or not the queue is empty; `more` knows the rest.
            ready.clear_ready();
            self.more.set(true);
            self.pump();
        }
    }

    /// Whether a grant with this rule can wait here now; expired lingerers on the way are dropped.
    pub(super) fn has_place(&self, rule: &PeerRule, now: Instant) -> bool {
        let mut places = self.places.borrow_mut();
        if places.exact.len() + places.broad.len() >= PLACES_MAX {
            return false;
        }
        let clear =
            places.broad.iter().all(|(other, place)| place.expired(now) || !other.overlaps(rule));
        if !clear {
            return false;
        }
        let Places { exact, .. } = &mut *places;
        if let PeerRule::Same(client) = rule {
            return exact.get(client).is_none_or(|place| place.expired(now));
        }
        // Who comes late for an earlier grant does not pass for the next client where TLS proves who it is.
        let proves = *rule == PeerRule::Any;
        exact.iter().all(|(client, place)| {
            let lingers = matches!(place, Place::Lingering(_));
            place.expired(now) || !rule.admits(*client) || (proves && lingers)
        })
    }

    /// Begins a wait; [`Listener::has_place`] must have said yes to its rule.
    pub(super) fn add(&self, wait: &Rc<Wait>, now: Instant) {
        self.used.set(now);
        if wait.watched() {
            self.watch(true);
        }
        let mut places = self.places.borrow_mut();
        let place = Place::Pending(Rc::clone(wait));
        let previous = match wait.rule {
            PeerRule::Same(client) => places.exact.insert(client, place),
            _ => {
                places.broad.push((wait.rule.clone(), place));
                None
            }
        };
        if previous.is_some() {
            self.counters.lingering.down();
        }
        self.counters.pending.up();
    }

    /// The connection of `wait`, or a wake-up when it comes.
    pub(super) fn poll(
        self: &Rc<Self>,
        wait: &Rc<Wait>,
        context: &mut Context<'_>,
    ) -> Poll<Accepted> {
        let before = wait.watched();
        let mut polled = wait.poll_take(context);
        if polled.is_pending() {
            if !before {
                self.watch(true);
            }
            if self.more.get() {
                self.pump();
                if let Some(connection) = wait.take() {
                    polled = Poll::Ready(connection);
                }
            }
        }
        polled
    }

    /// Ends a wait: its place is free if a connection came, and lingers otherwise.
    pub(super) fn release(&self, wait: &Rc<Wait>) {
        let mut places = self.places.borrow_mut();
        let Places { exact, broad } = &mut *places;
        let until = Instant::now() + self.linger;
        match wait.rule {
            PeerRule::Same(client) => {
                let Entry::Occupied(mut entry) = exact.entry(client) else { return };
                if !entry.get().holds(wait) {
                    return;
                }
                if wait.served() {
                    entry.remove();
                } else {
                    entry.insert(Place::Lingering(until));
                    self.counters.lingering.up();
                }
            }
            _ => {
                let Some(index) = broad.iter().position(|(_, place)| place.holds(wait)) else {
                    return;
                };
                if wait.served() {
                    broad.swap_remove(index);
                } else {
                    // Only this session's client can still come late; others need not be kept away.
                    broad.swap_remove(index);
                    exact.insert(wait.client, Place::Lingering(until));
                    self.counters.lingering.up();
                }
            }
        }
        drop(places);
        if wait.watched() {
            self.watch(false);
        }
        self.counters.pending.down();
    }

    /// Drops what has lingered long enough and looks after connections that nobody asked for.
    /// `true` while some places are taken.
    pub(super) fn sweep(self: &Rc<Self>, now: Instant) -> bool {
        if self.more.get() {
            self.pump();
        }
        let mut places = self.places.borrow_mut();
        let before = places.exact.len() + places.broad.len();
        places.exact.retain(|_, place| !place.expired(now));
        places.broad.retain(|(_, place)| !place.expired(now));
        let after = places.exact.len() + places.broad.len();
        for _ in after..before {
            self.counters.lingering.down();
        }
        after > 0
    }

    fn watch(&self, begins: bool) {
        let watched = self.watched.get();
        self.watched.set(if begins { watched + 1 } else { watched.saturating_sub(1) });
    }

    /// Accepts until nothing is wanted any more. Never waits; what is left over is done by a task.
    fn pump(self: &Rc<Self>) {
        if self.paused.get() {
            return;
        }
        let turn = self.turn();
        if turn != Turn::Done {
            self.paused.set(true);
            tokio::task::spawn_local(Rc::clone(self).resume(turn));
        }
    }

    async fn resume(self: Rc<Self>, mut turn: Turn) {
        loop {
            match turn {
                Turn::Done => break,
                Turn::Again => tokio::task::yield_now().await,
                Turn::Pause => tokio::time::sleep(PAUSE).await,
            }
            turn = self.turn();
        }
        self.paused.set(false);
    }

    fn turn(&self) -> Turn {
        for _ in 0..TURN_MAX {
            match accept(self.socket.get_ref()) {
                Ok(connection) => {
                    if self.deliver(connection) && self.watched.get() == 0 {
                        return Turn::Done;
                    }
                }
                Err(error) => match Trouble::of(&error) {
                    Trouble::Empty => {
                        self.more.set(false);
                        return Turn::Done;
                    }
                    Trouble::Connection => {}
                    Trouble::System => {
                        warn!(address = %self.address, %error, "data connections wait: accept failed");
                        return Turn::Pause;
                    }
                },
            }
        }
        Turn::Again
    }

    /// Hands a connection to the grant that admits its address; `false`: closed, nobody does.
    fn deliver(&self, connection: Accepted) -> bool {
        let peer = connection.peer;
        let Some(wait) = self.places.borrow_mut().claim(peer.ip()) else {
            return self.refuse(peer);
        };
        let watched = wait.watched();
        let taken = wait.put(connection);
        if watched && !wait.watched() {
            self.watch(false);
        }
        if !wait.stays() {
            self.counters.pending.down();
            // What lives elsewhere counted as watched for as long as it was pending.
            if watched && wait.watched() {
                self.watch(false);
            }
        }
        if taken { true } else { self.refuse(peer) }
    }

    fn refuse(&self, peer: SocketAddr) -> bool {
        self.counters.refused.up();
        debug!(address = %self.address, client = %peer, "data connection closed: nobody waits for its address");
        false
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.counters.listening.down();
    }
}

/// Connections that the kernel completes before they are accepted. They are accepted as soon as
/// the arbiter runs, so this bridges one busy moment with all clients of one port.
const BACKLOG: i32 = 128;
/// Accepts per turn before other tasks of the arbiter get theirs.
const TURN_MAX: usize = 32;
/// Waiting time after a failure of the system: long enough not to spin, short for a client.
const PAUSE: Duration = Duration::from_millis(100);
/// Pending and lingering grants per listener; above that the port counts as taken. Bounds memory
/// (about 100 bytes each) against clients with many addresses that never connect.
const PLACES_MAX: usize = 8192;
