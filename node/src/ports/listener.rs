//! One listening socket and the grants that wait on it.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use flotilla_protocol::proxy::Versions;
use socket2::{Domain, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tracing::{debug, warn};

use super::accept::{Trouble, accept, is_waiting};
use super::counts::Counters;
use super::gate::Gate;
use super::grant::Accepted;
use super::places::{Places, Released};
use super::rule::PeerRule;
use super::wait::Wait;
use crate::keepalive::{self, Tuned};

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
    counters: Arc<Counters>,
    gate: Rc<Gate>,
    places: RefCell<Places>,
    /// Connections may be queued that no event will report again.
    more: Cell<bool>,
    /// Descriptors or memory ran out, or there was too much for one turn: a task will go on.
    paused: Cell<bool>,
    /// Waits that somebody is polling.
    watched: Cell<usize>,
    used: Cell<Instant>,
    /// The options that accepted connections inherit.
    tuned: Cell<Tuned>,
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
    /// Takes a listening socket over, on the arbiter that will accept.
    pub(super) fn new(
        socket: Socket,
        address: SocketAddr,
        counters: Arc<Counters>,
        gate: Rc<Gate>,
    ) -> io::Result<Self> {
        #[expect(
            deprecated,
            reason = "the undeprecated form is unsafe: it asks that the descriptor stays open and the same, and an owned socket that is only ever borrowed does"
        )]
        let socket = AsyncFd::with_interest(socket, Interest::READABLE)?;
        counters.listening.up();
        let listener = Self {
            address,
            socket,
            counters,
            gate,
            places: RefCell::default(),
            more: Cell::new(false),
            paused: Cell::new(false),
            watched: Cell::new(0),
            used: Cell::new(Instant::now()),
            tuned: Cell::default(),
        };
        listener.tune();
        Ok(listener)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// When a grant last began here.
    pub(super) fn used(&self) -> Instant {
        self.used.get()
    }

    /// Takes over how connections are kept alive now.
    pub(super) fn tune(&self) {
        let mut tuned = self.tuned.get();
        tuned.refresh(self.socket.get_ref());
        self.tuned.set(tuned);
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

    /// Whether a grant with this rule can wait here now.
    pub(super) fn has_place(&self, rule: &PeerRule, now: Instant) -> bool {
        let places = self.places.borrow();
        places.count() < PLACES_MAX && places.has_room(rule, now)
    }

    /// Begins a wait; [`Listener::has_place`] must have said yes to its rule.
    pub(super) fn add(&self, wait: &Rc<Wait>, now: Instant) {
        self.used.set(now);
        if wait.watched() {
            self.watch(true);
        }
        if self.places.borrow_mut().insert(wait) {
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
        let until = Instant::now() + self.gate.linger();
        match self.places.borrow_mut().release(wait, until) {
            Released::Nothing => return,
            Released::Lingers => self.counters.lingering.up(),
            Released::Free | Released::LingersOn => {}
        }
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
        for _ in 0..places.sweep(now) {
            self.counters.lingering.down();
        }
        places.count() > 0
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

    fn turn(self: &Rc<Self>) -> Turn {
        for _ in 0..TURN_MAX {
            match accept(self.socket.get_ref()) {
                Ok(connection) => {
                    if self.arrive(connection) && self.is_drained() {
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
                        if let Some(held) = self.gate.starved.pass(Instant::now()) {
                            warn!(address = %self.address, %error, held, "data connections wait: accept failed");
                        }
                        return Turn::Pause;
                    }
                },
            }
        }
        Turn::Again
    }

    /// Whether nothing is lost by not accepting again after a delivery.
    fn is_drained(&self) -> bool {
        if !self.gate.is_shared {
            return self.watched.get() == 0;
        }
        // What waits behind it may be for another node. Asking costs a third of an accept in vain.
        let is_drained = !is_waiting(self.socket.get_ref());
        if is_drained {
            self.more.set(false);
        }
        is_drained
    }

    /// A connection came; whether it was handed to a grant at once.
    fn arrive(self: &Rc<Self>, connection: Accepted) -> bool {
        if let Some(versions) = self.gate.expected(connection.peer.ip()) {
            self.await_header(connection, versions);
            return false;
        }
        self.admit(connection)
    }

    /// Hands a connection to whom it belongs, on this node or another, or closes it; whether it was handed to
    /// a grant.
    fn admit(&self, connection: Accepted) -> bool {
        let Err(connection) = self.deliver(connection) else { return true };
        let peer = connection.peer;
        if !self.gate.forward(connection, self.address.port()) {
            self.counters.refused.up();
            debug!(address = %self.address, client = %peer, "data connection closed: nobody waits for its address");
        }
        false
    }

    /// The balancer says first who the client is.
    fn await_header(self: &Rc<Self>, connection: Accepted, versions: Versions) {
        let listener = Rc::clone(self);
        self.gate.wait(async move {
            if let Some(connection) = listener.gate.name(connection, versions).await {
                listener.admit(connection);
            }
        });
    }

    /// Hands a connection to the grant that admits its address, or gives it back.
    pub(super) fn deliver(&self, connection: Accepted) -> Result<(), Accepted> {
        let Some(wait) = self.places.borrow_mut().claim(connection.peer.ip()) else {
            return Err(connection);
        };
        let watched = wait.watched();
        let put = wait.put(connection);
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
        put
    }

    /// Whether a grant is pending or lingers here.
    pub(super) fn is_taken(&self, now: Instant) -> bool {
        self.places.borrow().is_taken(now)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.counters.listening.down();
    }
}

/// A listening socket that a shard can take over: bound, non-blocking, with the options that accepted sockets
/// inherit, at no system call per connection.
pub(crate) fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), None)?;
    // Connections accepted before still occupy the port; that must not stop a new listener.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_tcp_nodelay(true)?;
    keepalive::enable(&SockRef::from(&socket))?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
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
