//! A port of another arbiter, for as long as somebody holds it.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::grant::Accepted;
use super::inbox::Inbox;

/// The borrower's end: the port, and what arrives there. Dropped, it gives the port back.
#[derive(Debug)]
pub(super) struct Lent {
    port: u16,
    inbox: Arc<Mutex<Inbox>>,
    _held: oneshot::Sender<Infallible>,
}

/// The lender's end: where connections are put. The lock is held for one of them at a time.
#[derive(Debug)]
pub(super) struct Outlet(Weak<Mutex<Inbox>>);

/// Resolves for the lender when the port was given back.
pub(super) type Returned = oneshot::Receiver<Infallible>;

/// Both ends, of which the borrower's knows its `port` once [`Loan::of`] was told.
#[derive(Debug)]
pub(super) struct Loan {
    inbox: Arc<Mutex<Inbox>>,
    held: oneshot::Sender<Infallible>,
}

impl Loan {
    /// A port is to be lent.
    pub(super) fn new() -> (Self, Outlet, Returned) {
        let inbox = Arc::default();
        let outlet = Outlet(Arc::downgrade(&inbox));
        let (held, returned) = oneshot::channel();
        (Self { inbox, held }, outlet, returned)
    }

    /// This one.
    pub(super) fn of(self, port: u16) -> Lent {
        Lent { port, inbox: self.inbox, _held: self.held }
    }
}

impl Lent {
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Nothing that came waits here.
    pub(super) fn is_empty(&self) -> bool {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// See [`Inbox::poll_take`]. When the other arbiter is gone nothing comes any more: the node stops, and the
    /// deadline of the session ends the wait.
    pub(super) fn poll_take(&self, context: &mut Context<'_>) -> Poll<Accepted> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner).poll_take(context)
    }
}

impl Outlet {
    /// See [`Inbox::put`]; a port that was given back takes nothing.
    pub(super) fn put(&self, connection: Accepted, own: bool) -> Result<(), Accepted> {
        let Some(inbox) = self.0.upgrade() else { return Err(connection) };
        let put = inbox.lock().unwrap_or_else(PoisonError::into_inner).put(connection, own);
        // Not under the lock: whoever is woken takes it at once.
        if let Some(waker) = put? {
            waker.wake();
        }
        Ok(())
    }
}
