//! Several connections to one passive port, of which one is the client's: TLS tells which.
//!
//! Whoever shares the client's address, or anybody where the port takes anybody, may connect first, and say
//! nothing. So all shake hands at once, and the first one that passes has the transfer. The client passes by
//! resuming the session of its control connection; without that it can not be told from a neighbour who
//! speaks TLS as well, unless `ftp.passive.data_reuse` asks for it.

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use flotilla_cluster::id::Fence;
use flotilla_protocol::ftp::Failure;
use rustls::ServerConfig;
use tracing::debug;

use super::link::{Protection, taken};
use super::trace::Story;
use crate::data::{Connection, Socket};
use crate::metrics::DataRefusal;
use crate::ports::{Grant, STRANGERS_MAX};
use crate::telemetry::Context as Trace;
use crate::tls::{Binding, SessionKey};

/// A handshake that is under way.
struct Handshake {
    shaken: Pin<Box<dyn Future<Output = Shaken>>>,
    /// The node that brought it.
    via: Option<Fence>,
    /// The other end has said something.
    spoke: Rc<Cell<bool>>,
}

type Shaken = Result<(Connection, Binding), Failure>;

/// The connections that may be the client's.
struct Contest<'a> {
    protection: &'a Protection,
    deadline: Instant,
    /// The node that brought the one that was shaken last.
    via: Option<Fence>,
    /// The oldest first.
    handshakes: VecDeque<Handshake>,
    /// Why the last one did not pass.
    failure: Failure,
    /// When to give up, once nobody is left.
    end: Option<Instant>,
}

/// The first connection that passes, of `first` and those that come to the grant.
///
/// # Errors
/// Why the last one did not, when nobody else comes; [`Failure::DataTimeout`] at the deadline.
pub(super) async fn decide(
    first: Socket,
    grant: &mut Grant,
    protection: &Protection,
    transfer: Trace,
    deadline: Instant,
    story: Option<&Story>,
) -> Result<Connection, Failure> {
    let mut contest = Contest::new(protection, deadline);
    contest.enter(first, story.and_then(Story::via));
    loop {
        let until = contest.end.unwrap_or(deadline).min(deadline);
        // Those that are here first: one of them may have to go for the one that comes.
        let next = poll_fn(|context| match contest.poll(context) {
            Poll::Ready(result) => Poll::Ready(Next::Done(result)),
            Poll::Pending => grant.poll_accept(context).map(|accepted| {
                let via = accepted.via.map(|via| via.sender);
                Next::Came(taken(accepted, transfer), via)
            }),
        });
        match tokio::time::timeout_at(until.into(), next).await {
            Ok(Next::Came(socket, via)) => contest.enter(socket, via),
            Ok(Next::Done(result)) => {
                if let Some(connection) = contest.judge(result) {
                    if let Some(story) = story {
                        story.came(contest.via);
                    }
                    return Ok(connection);
                }
            }
            Err(_) => return Err(contest.failure.clone()),
        }
    }
}

/// What happens next.
enum Next {
    Came(Socket, Option<Fence>),
    Done(Shaken),
}

impl<'a> Contest<'a> {
    fn new(protection: &'a Protection, deadline: Instant) -> Self {
        Self {
            protection,
            deadline,
            via: None,
            handshakes: VecDeque::new(),
            failure: Failure::DataTimeout,
            end: None,
        }
    }

    fn enter(&mut self, socket: Socket, via: Option<Fence>) {
        if self.handshakes.len() >= HANDSHAKES_MAX {
            // Who has said nothing for the longest time is the least likely to be the client.
            let silent = self.handshakes.iter().position(|handshake| !handshake.spoke.get());
            self.handshakes.remove(silent.unwrap_or(0));
            self.protection.metrics.data.refused.of(DataRefusal::Crowded).inc();
            debug!("connection to a data port closed for a younger one");
        }
        let Protection { config, key, .. } = self.protection;
        let shaken = Handshake::new(socket, config.clone(), *key, self.deadline);
        self.handshakes.push_back(Handshake { via, ..shaken });
        self.end = None;
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Shaken> {
        for index in 0..self.handshakes.len() {
            let Some(handshake) = self.handshakes.get_mut(index) else { break };
            if let Poll::Ready(result) = handshake.shaken.as_mut().poll(context) {
                self.via = self.handshakes.remove(index).and_then(|handshake| handshake.via);
                return Poll::Ready(result);
            }
        }
        Poll::Pending
    }

    fn judge(&mut self, result: Result<(Connection, Binding), Failure>) -> Option<Connection> {
        match self.protection.judge(result) {
            Ok(connection) => Some(connection),
            Err(failure) => {
                debug!(?failure, "connection to a data port turned away");
                self.failure = failure;
                if self.handshakes.is_empty() {
                    // The client, if it was somebody else, has connected by then.
                    self.end = Some(Instant::now() + GRACE);
                }
                None
            }
        }
    }
}

/// Those who still shake hands are closed with it.
impl Drop for Contest<'_> {
    fn drop(&mut self) {
        let unfinished = self.protection.metrics.data.refused.of(DataRefusal::Unfinished);
        unfinished.add(self.handshakes.len() as u64);
    }
}

impl Handshake {
    fn new(
        mut socket: Socket,
        config: Arc<ServerConfig>,
        key: SessionKey,
        deadline: Instant,
    ) -> Self {
        let spoke = Rc::new(Cell::new(false));
        let speaks = Rc::clone(&spoke);
        let shaken = Box::pin(async move {
            // An end or an error is seen again by the handshake.
            let _ = socket.peek(&mut [0]).await;
            speaks.set(true);
            Connection::secure(socket, config, key, deadline).await
        });
        Self { shaken, via: None, spoke }
    }
}

/// Handshakes of one transfer at once. Strangers alone never are so many, so only those who share the client's
/// address can make somebody go.
const HANDSHAKES_MAX: usize = 20;
const _: () = assert!(HANDSHAKES_MAX > STRANGERS_MAX as usize + 1, "the client has a place");

/// How long the client may still come after somebody else was turned away; it is told of a failure of its own
/// so much later.
const GRACE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
