//! One pending wait for a data connection: where an accepted connection is put.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::task::{Context, Poll, Waker};

use tokio::sync::mpsc::{self, error::TrySendError};

use super::grant::{Accepted, GrantRequest};
use super::rule::PeerRule;

/// What a listener knows of a grant. Lives on the listener's arbiter.
#[derive(Debug)]
pub(super) struct Wait {
    pub(super) client: IpAddr,
    pub(super) rule: PeerRule,
    /// See [`GrantRequest::proves`].
    proves: bool,
    outlet: Outlet,
    /// A connection was put in.
    served: Cell<bool>,
    /// Strangers that may still be put in ([`PeerRule::Any`] only).
    strangers_left: Cell<u32>,
}

#[derive(Debug)]
enum Outlet {
    /// The grant lives on this arbiter.
    Here(RefCell<Inbox>),
    /// The grant lives on another arbiter.
    There(mpsc::Sender<Accepted>),
}

#[derive(Debug, Default)]
struct Inbox {
    connections: VecDeque<Accepted>,
    /// Whoever polls the grant; `Some` only while nothing is there.
    waker: Option<Waker>,
}

impl Wait {
    pub(super) fn here(request: &GrantRequest) -> Self {
        Self::new(request, Outlet::Here(RefCell::default()))
    }

    pub(super) fn there(request: &GrantRequest, outlet: mpsc::Sender<Accepted>) -> Self {
        Self::new(request, Outlet::There(outlet))
    }

    fn new(request: &GrantRequest, outlet: Outlet) -> Self {
        let GrantRequest { client, rule, proves, .. } = request.clone();
        let strangers_left = Cell::new(STRANGERS_MAX);
        Self { client, rule, proves, outlet, served: Cell::new(false), strangers_left }
    }

    /// Stays pending after a connection: more may come.
    pub(super) fn stays(&self) -> bool {
        self.proves || self.rule == PeerRule::Any
    }

    pub(super) fn served(&self) -> bool {
        self.served.get()
    }

    /// Somebody waits for the connection right now. What happens on other arbiters is not seen
    /// from here, so those always do.
    pub(super) fn watched(&self) -> bool {
        match &self.outlet {
            Outlet::Here(inbox) => inbox.borrow().waker.is_some(),
            Outlet::There(_) => true,
        }
    }

    /// Puts a connection in, or gives it back if it can not be taken.
    pub(super) fn put(&self, connection: Accepted) -> Result<(), Accepted> {
        let own = connection.peer.ip() == self.client;
        if !own && self.rule == PeerRule::Any {
            match self.strangers_left.get().checked_sub(1) {
                Some(left) => self.strangers_left.set(left),
                None => return Err(connection),
            }
        }
        match &self.outlet {
            Outlet::Here(inbox) => inbox.borrow_mut().put(connection, own)?,
            Outlet::There(outlet) => {
                outlet.try_send(connection).map_err(|error| match error {
                    TrySendError::Full(connection) | TrySendError::Closed(connection) => connection,
                })?;
            }
        }
        self.served.set(true);
        Ok(())
    }

    /// Takes a connection out.
    pub(super) fn take(&self) -> Option<Accepted> {
        match &self.outlet {
            Outlet::Here(inbox) => inbox.borrow_mut().connections.pop_front(),
            Outlet::There(_) => None,
        }
    }

    /// Takes a connection out or has the task woken when one comes.
    pub(super) fn poll_take(&self, context: &mut Context<'_>) -> Poll<Accepted> {
        let Outlet::Here(inbox) = &self.outlet else { return Poll::Pending };
        let mut inbox = inbox.borrow_mut();
        if let Some(connection) = inbox.connections.pop_front() {
            inbox.waker = None;
            return Poll::Ready(connection);
        }
        match &mut inbox.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    /// Resolves when the grant on another arbiter is gone; at once for one of this arbiter.
    pub(super) async fn abandoned(&self) {
        if let Outlet::There(outlet) = &self.outlet {
            outlet.closed().await;
        }
    }
}

impl Inbox {
    fn put(&mut self, connection: Accepted, own: bool) -> Result<(), Accepted> {
        if own {
            // Strangers that came first do not delay the session's own client.
            self.connections.push_front(connection);
            self.connections.truncate(WAITING_MAX);
        } else if self.connections.len() < WAITING_MAX {
            self.connections.push_back(connection);
        } else {
            return Err(connection);
        }
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
        Ok(())
    }
}

/// Connections of other addresses than the client's that one [`PeerRule::Any`] grant may see: each
/// costs a TLS handshake. The client's own address is not counted, so strangers can not use it up.
const STRANGERS_MAX: u32 = 16;
/// Accepted connections that wait for the session, per grant.
pub(super) const WAITING_MAX: usize = 4;
