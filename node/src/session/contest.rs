//! Several connections to one passive port, of which one is the client's: TLS tells which.
//!
//! Whoever shares the client's address, or anybody where the port takes anybody, may connect first, and say
//! nothing. So all shake hands at once, and the first one that passes has the transfer. The client passes by
//! resuming the session of its control connection; without that it can not be told from a neighbour who
//! speaks TLS as well, unless `ftp.passive.data_reuse` asks for it.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use flotilla_protocol::ftp::Failure;
use tracing::debug;

use super::link::{Protection, taken};
use crate::data::{Connection, Socket};
use crate::ports::Grant;
use crate::tls::{self, Binding};

/// A handshake that is under way.
type Handshake = Pin<Box<dyn Future<Output = Result<(Connection, Binding), Failure>>>>;

/// The connections that may be the client's.
struct Contest<'a> {
    protection: &'a Protection,
    deadline: Instant,
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
    deadline: Instant,
) -> Result<Connection, Failure> {
    let mut contest = Contest {
        protection,
        deadline,
        handshakes: VecDeque::new(),
        failure: Failure::DataTimeout,
        end: None,
    };
    contest.enter(first);
    loop {
        let until = contest.end.unwrap_or(deadline).min(deadline);
        let next = poll_fn(|context| {
            if let Poll::Ready(accepted) = grant.poll_accept(context) {
                return Poll::Ready(Next::Came(taken(accepted)));
            }
            contest.poll(context).map(Next::Done)
        });
        match tokio::time::timeout_at(until.into(), next).await {
            Ok(Next::Came(socket)) => contest.enter(socket),
            Ok(Next::Done(result)) => {
                if let Some(connection) = contest.judge(result) {
                    return Ok(connection);
                }
            }
            Err(_) => return Err(contest.failure),
        }
    }
}

/// What happens next.
enum Next {
    Came(Socket),
    Done(Result<(Connection, Binding), Failure>),
}

impl Contest<'_> {
    fn enter(&mut self, socket: Socket) {
        // Who has said nothing for the longest time is the least likely to be the client.
        if self.handshakes.len() >= HANDSHAKES_MAX {
            self.handshakes.pop_front();
            debug!("silent connection to a data port closed for a younger one");
        }
        let Protection { config, key, .. } = self.protection;
        let handshake = Connection::secure(socket, config.clone(), *key, self.deadline);
        self.handshakes.push_back(Box::pin(handshake));
        self.end = None;
    }

    fn poll(
        &mut self,
        context: &mut std::task::Context<'_>,
    ) -> Poll<Result<(Connection, Binding), Failure>> {
        for index in 0..self.handshakes.len() {
            let Some(handshake) = self.handshakes.get_mut(index) else { break };
            if let Poll::Ready(result) = handshake.as_mut().poll(context) {
                self.handshakes.remove(index);
                return Poll::Ready(result);
            }
        }
        Poll::Pending
    }

    fn judge(&mut self, result: Result<(Connection, Binding), Failure>) -> Option<Connection> {
        let judged = result.and_then(|(connection, binding)| {
            match (self.protection.strangers, binding) {
                (true, Binding::Resumed) => {}
                (true, _) => return Err(Failure::DataNotResumed),
                (false, binding) => tls::judge(self.protection.reuse, binding)?,
            }
            Ok(connection)
        });
        match judged {
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

/// Handshakes of one transfer at once.
const HANDSHAKES_MAX: usize = 8;
/// How long the client may still come after somebody else was turned away; it is told of a failure of its own
/// so much later.
const GRACE: Duration = Duration::from_secs(1);
