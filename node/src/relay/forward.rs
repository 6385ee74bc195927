//! The way to the owner of a port.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flotilla_cluster::id::Fence;
use flotilla_cluster::relay::Preamble;
use socket2::SockRef;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tracing::{debug, info};

use super::hop::{Cause, Hop};
use super::pump::Moved;
use super::reach::Reaches;
use super::routes::{Owner, Routes};
use super::{abort_at_close, pump, welcome};
use crate::keepalive;
use crate::metrics::{Occupied, RelayCounts, RelayRefusal};
use crate::ports::Accepted;

/// What the relays of a node have in common.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outgoing {
    /// Of the next preamble of this node.
    counter: Arc<AtomicU64>,
    pub(crate) counts: RelayCounts,
    /// Relays at once (`relay.connections`).
    limit: u32,
    /// Those of them that one arbiter may have while they dial one owner.
    share: u32,
}

impl Outgoing {
    /// For so many arbiters.
    pub(crate) fn new(counts: RelayCounts, limit: u32, arbiters: usize) -> Self {
        let arbiters = u32::try_from(arbiters).unwrap_or(u32::MAX).max(1);
        let share = (limit / OWNER_PART / arbiters).max(1);
        Self { counter: Arc::default(), counts, limit, share }
    }
}

/// Carries connections from one arbiter to their owners.
#[derive(Debug)]
pub(crate) struct Forwarder {
    routes: RefCell<Option<Arc<Routes>>>,
    outgoing: Outgoing,
    /// Each relay holds a receiver: a drain waits for those that it carries for others as for its sessions.
    living: Arc<watch::Sender<()>>,
    reaches: Rc<RefCell<Reaches>>,
    /// Changes when all relays are to end.
    halted: watch::Sender<()>,
}

impl Forwarder {
    pub(crate) fn new(outgoing: Outgoing, living: Arc<watch::Sender<()>>) -> Self {
        let halted = watch::Sender::new(());
        Self { routes: RefCell::default(), outgoing, living, reaches: Rc::default(), halted }
    }

    /// Ends all relays of this arbiter. Later ones live.
    pub(crate) fn halt(&self) {
        self.halted.send_replace(());
    }

    /// What is known now.
    pub(crate) fn routes(&self) -> Option<Arc<Routes>> {
        self.routes.borrow().clone()
    }

    /// Something else is known.
    pub(crate) fn set_routes(&self, routes: Arc<Routes>) {
        let fences: HashSet<_> = routes.table.owners.values().map(|owner| owner.fence).collect();
        self.reaches.borrow_mut().retain(|owner| fences.contains(&owner));
        *self.routes.borrow_mut() = Some(routes);
    }

    /// The counts of the node's relays.
    pub(crate) fn counts(&self) -> &RelayCounts {
        &self.outgoing.counts
    }

    /// Carries a connection for which nobody waits here to the owner of its port. `false`: it belongs to
    /// nobody else, and is closed.
    pub(crate) fn forward(self: &Rc<Self>, connection: Accepted, port: u16) -> bool {
        let Some(routes) = self.routes() else { return false };
        let Owner::Other { node, fence, relay, is_alive } = routes.owner(port) else {
            return false;
        };
        let Some(key) = &routes.key else { return false };
        let counts = &self.outgoing.counts;
        if !counts.active.add_below(self.outgoing.limit) {
            counts.refused(RelayRefusal::Limit);
            debug!(client = %connection.peer, "data connection not relayed: too many are (relay.connections)");
            reset(connection);
            return true;
        }
        let place = Place(counts.active.clone());
        let (share, begun) = (self.outgoing.share, Instant::now());
        if !self.reaches.borrow_mut().begin(fence, is_alive, share, begun) {
            counts.refused(RelayRefusal::Dial);
            debug!(client = %connection.peer, %node, "data connection not relayed: its owner was not reached before, or too many dial it");
            reset(connection);
            return true;
        }
        let dial =
            Dial { reaches: Rc::clone(&self.reaches), owner: fence, begun, is_reached: None };
        let counter = self.outgoing.counter.fetch_add(1, Ordering::Relaxed);
        let client = connection.peer;
        let hop = Hop::new(node.clone(), client, port, begun);
        let (sender, trace) = (routes.table.own, hop.to_bytes());
        let preamble = Preamble { owner: fence, sender, counter, client, port, trace };
        let call = Call {
            relay,
            hop,
            first: preamble.encode(key),
            stalled: routes.stalled,
            dial,
            halted: self.halted.subscribe(),
        };
        let (counts, alive) = (counts.clone(), self.living.subscribe());
        tokio::task::spawn_local(async move {
            let (_place, _alive) = (place, alive);
            carry(connection, call, &counts).await;
        });
        true
    }
}

/// A place among the relays of a node.
struct Place(Occupied);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.subtract();
    }
}

/// A dial, from its beginning to its end.
struct Dial {
    reaches: Rc<RefCell<Reaches>>,
    owner: Fence,
    begun: Instant,
    /// What came of it.
    is_reached: Option<bool>,
}

impl Drop for Dial {
    fn drop(&mut self) {
        self.reaches.borrow_mut().end(self.owner, self.begun, self.is_reached, Instant::now());
    }
}

/// Whom to call, and the first words.
struct Call {
    relay: SocketAddr,
    hop: Hop,
    first: [u8; Preamble::BYTES],
    stalled: Duration,
    dial: Dial,
    halted: watch::Receiver<()>,
}

async fn carry(connection: Accepted, call: Call, counts: &RelayCounts) {
    let Call { relay, hop, first, stalled, mut dial, mut halted } = call;
    let Hop { node, client, port, .. } = &hop;
    let connected = async {
        let stream = TcpStream::from_std(connection.stream)?;
        abort_at_close(&stream)?;
        let owner = tokio::select! {
            owner = tokio::time::timeout(DIAL, reach(relay, &first)) => owner,
            _ = halted.changed() => return Err(io::ErrorKind::Interrupted.into()),
        };
        let owner = owner.map_err(|_| io::ErrorKind::TimedOut.into()).flatten();
        dial.is_reached = Some(owner.is_ok());
        Ok((stream, owner?))
    };
    let (stream, owner): (_, TcpStream) = match connected.await {
        Ok(both) => both,
        // Halted, or broken on this side: that is no news of the owner.
        Err::<_, io::Error>(error) if dial.is_reached.is_none() => {
            let trace_id = hop.trace_id();
            return debug!(%node, %client, port, %trace_id, %error, "relay ended before it began");
        }
        Err(error) => {
            counts.refused(RelayRefusal::Dial);
            hop.over(Moved::default(), Some((Cause::Dial, &error)));
            let told = dial.reaches.borrow().tells(dial.owner, Instant::now());
            let Some(held) = told else { return };
            let trace_id = hop.trace_id();
            return info!(held, %node, %relay, %client, port, %trace_id, %error, "data connection not relayed: its owner is not reached");
        }
    };
    let (reaches, fence) = (Rc::clone(&dial.reaches), dial.owner);
    drop(dial);
    counts.sent.inc();
    let first = async |owner: &TcpStream| {
        let heard = tokio::time::timeout(stalled, welcome::hear(owner)).await?;
        if let Some(transfer) = heard? {
            hop.belongs_to(transfer);
        }
        Ok(())
    };
    let (moved, result) = pump::run(stream, owner, first, stalled, halted.changed()).await;
    counts.bytes.add(moved.inward + moved.outward);
    let (inward, outward, trace_id) = (moved.inward, moved.outward, hop.trace_id());
    let trouble = result.as_ref().err().map(|error| (Cause::of(error), error));
    hop.over(moved, trouble);
    match trouble {
        None => debug!(%node, %client, port, inward, outward, %trace_id, "relay ended"),
        Some((Cause::Welcome, error)) => {
            counts.refused(RelayRefusal::Welcome);
            let Some(held) = reaches.borrow().tells(fence, Instant::now()) else { return };
            info!(held, %node, %relay, %client, port, %trace_id, %error, "relay ended: its owner speaks something else");
        }
        Some((_, error)) => {
            debug!(%node, %client, port, inward, outward, %trace_id, %error, "relay broke")
        }
    }
}

/// Reaches the owner and says who comes. No answer is waited for: the client's bytes follow at once.
async fn reach(relay: SocketAddr, first: &[u8]) -> io::Result<TcpStream> {
    let mut owner = TcpStream::connect(relay).await?;
    owner.set_nodelay(true)?;
    keepalive::enable(&SockRef::from(&owner))?;
    abort_at_close(&owner)?;
    owner.write_all(first).await?;
    Ok(owner)
}

/// Closes a connection so that its peer does not take it for an end.
fn reset(connection: Accepted) {
    let _ = SockRef::from(&connection.stream).set_linger(Some(Duration::ZERO));
}

/// How long the owner may take: one lost packet of the handshake and of the preamble.
const DIAL: Duration = Duration::from_secs(3);
/// One owner has at the most such a part of the places of the node while it is dialled.
const OWNER_PART: u32 = 4;
