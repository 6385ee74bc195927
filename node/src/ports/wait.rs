//! One pending wait for a data connection: where an accepted connection is put.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::task::{Context, Poll};

use super::grant::{Accepted, GrantRequest};
use super::inbox::Inbox;
use super::lent;
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
    There(lent::Outlet),
}

impl Wait {
    pub(super) fn here(request: &GrantRequest) -> Self {
        Self::new(request, Outlet::Here(RefCell::default()))
    }

    pub(super) fn there(request: &GrantRequest, outlet: lent::Outlet) -> Self {
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
            Outlet::Here(inbox) => inbox.borrow().is_watched(),
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
            Outlet::Here(inbox) => {
                if let Some(waker) = inbox.borrow_mut().put(connection, own)? {
                    waker.wake();
                }
            }
            Outlet::There(outlet) => outlet.put(connection, own)?,
        }
        self.served.set(true);
        Ok(())
    }

    /// Takes a connection out.
    pub(super) fn take(&self) -> Option<Accepted> {
        match &self.outlet {
            Outlet::Here(inbox) => inbox.borrow_mut().take(),
            Outlet::There(_) => None,
        }
    }

    /// Takes a connection out or has the task woken when one comes.
    pub(super) fn poll_take(&self, context: &mut Context<'_>) -> Poll<Accepted> {
        match &self.outlet {
            Outlet::Here(inbox) => inbox.borrow_mut().poll_take(context),
            Outlet::There(_) => Poll::Pending,
        }
    }
}

/// Connections of other addresses than the client's that one [`PeerRule::Any`] grant may see: each
/// costs a TLS handshake. The client's own address is not counted, so strangers can not use it up.
pub(crate) const STRANGERS_MAX: u32 = 16;
