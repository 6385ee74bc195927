//! Accepted connections that wait for a session.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use super::grant::Accepted;

/// What came for one grant and was not taken out yet.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    connections: VecDeque<Accepted>,
    /// Whoever polls the grant; `Some` only while nothing is there.
    waker: Option<Waker>,
}

impl Inbox {
    /// Puts a connection in and tells whom to wake, or gives it back if there is no room. For one of the session's
    /// `own` client there always is.
    pub(super) fn put(
        &mut self,
        connection: Accepted,
        own: bool,
    ) -> Result<Option<Waker>, Accepted> {
        if own {
            // Strangers that came first do not delay the session's own client.
            self.connections.push_front(connection);
            self.connections.truncate(WAITING_MAX);
        } else if self.connections.len() < WAITING_MAX {
            self.connections.push_back(connection);
        } else {
            return Err(connection);
        }
        Ok(self.waker.take())
    }

    /// Takes a connection out.
    pub(super) fn take(&mut self) -> Option<Accepted> {
        self.connections.pop_front()
    }

    /// Takes a connection out or has the task woken when one comes.
    pub(super) fn poll_take(&mut self, context: &mut Context<'_>) -> Poll<Accepted> {
        if let Some(connection) = self.take() {
            self.waker = None;
            return Poll::Ready(connection);
        }
        match &mut self.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    pub(super) fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// Somebody waits for a connection right now.
    pub(super) fn is_watched(&self) -> bool {
        self.waker.is_some()
    }
}

/// Accepted connections that wait for the session, per grant.
const WAITING_MAX: usize = 4;
