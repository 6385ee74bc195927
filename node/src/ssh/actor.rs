//! The `SshSession` actor: owns one SSH connection, its deadlines and its work on the storage.
//!
//! The transport runs as a task of its own on the same arbiter and calls the [`Door`]; both share the
//! [`Connection`]. Here runs what does not happen within such a call: the work that waits for the
//! storage, the letters to the transport, the timer, and the end.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::{Duration, Instant};

use actix::{Actor, ActorContext, ActorFuture, Addr, AsyncContext, Context, Handler, Running};
use russh::server::RunningSession;
use tracing::info;

use super::connection::Connection;
use super::handler::Door;
use super::link::Link;
use super::record::{Origin, Record};
use super::transport::Transport;
use crate::address::canonical;
use crate::auth::Protocol;
use crate::listen::{Acceptor, Arrival, Awaits, Ended};
use crate::log::{self, Ring};
use crate::metrics::{Living, Probe};
use crate::session::{Guard, KICKED, LAST_WORDS, Notice, Timer};
use crate::threshold::Entrance;
use crate::worker::Worker;

/// The actor.
pub(crate) struct SshSession {
    guard: Guard,
    /// As it is counted.
    _living: Living,
    /// Until the login.
    startup: Option<Entrance>,
    connection: Rc<Connection>,
    running: Phase,
    stage: Stage,
    since: Instant,
    /// It is counted as a probe already.
    is_probe: bool,
    timer: Timer,
    acceptor: Rc<Addr<Acceptor>>,
}

/// The transport of the connection.
enum Phase {
    /// The identification strings are exchanged.
    Opening(Pin<Box<dyn Future<Output = Result<RunningSession<Door>, russh::Error>>>>),
    /// Packets.
    Open { session: RunningSession<Door>, courier: Pin<Box<dyn Future<Output = ()>>> },
}

/// Where the connection stands, apart from the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Requests and answers.
    Open,
    /// To be closed with these words when nothing is under way any more.
    Draining(&'static str),
    /// The last words are on their way.
    Closing { until: Instant },
}

impl SshSession {
    /// Makes the actor for an accepted connection on the current arbiter.
    pub(crate) fn open(
        worker: Rc<Worker>,
        transport: Arc<Transport>,
        acceptor: Rc<Addr<Acceptor>>,
        guard: Guard,
        arrival: Arrival,
        startup: Entrance,
    ) -> Addr<Self> {
        let Arrival { stream, tuned, peer, dialled, header, is_probe, since, .. } = arrival;
        let policy = worker.policy();
        let now = Instant::now();
        let metrics = Arc::clone(&worker.metrics);
        let living = metrics.sessions.began(Protocol::Ssh);
        let ring = Ring::new(policy.config.telemetry.session_ring);
        let server = dialled.or_else(|| stream.local_addr().ok().map(canonical));
        let origin = Origin { session: guard.id, client: peer, server, accepted: since };
        let record = Record::new(origin, metrics, policy.xferlog.clone(), ring);
        if header == Awaits::Nothing {
            record.trace_header(stream.peer_addr().ok(), now);
        }
        let buffers = Rc::clone(&worker.ssh_buffers);
        let connection = Connection::new(worker, policy, peer, Rc::new(record), now);
        let link = Link::new(stream, tuned, Rc::clone(&connection.wire), buffers);
        let config = transport.config(connection.worker.keepalive().ssh);
        let door = Door::new(Rc::clone(&connection), transport);
        let opening = Box::pin(russh::server::run_stream(config, link, door));
        let session = Self {
            guard,
            _living: living,
            startup: Some(startup),
            connection,
            running: Phase::Opening(opening),
            stage: Stage::Open,
            since: now,
            is_probe,
            timer: Timer::default(),
            acceptor,
        };
        session.start()
    }

    /// Moves everything that can move. Ready with the reason when the session is over.
    fn drive(&mut self, task: &mut Task<'_>) -> Poll<String> {
        self.connection.wire.set_owner(task.waker());
        for _ in 0..TURNS_MAX {
            if let Poll::Ready(reason) = self.poll_transport(task) {
                return Poll::Ready(reason);
            }
            if self.guard.entrance.is_some() && self.connection.login().is_some() {
                self.guard.entrance = None;
                self.startup = None;
            }
            let mut moved = self.connection.poll_work(task);
            self.connection.pump_by_letter();
            // Room may have let new work begin; unless it is polled once, its end wakes nobody.
            moved |= self.connection.poll_work(task);
            if let Phase::Open { courier, .. } = &mut self.running {
                // It ends with the transport, which is polled above.
                let _ = courier.as_mut().poll(task);
            }
            if moved {
                continue;
            }
            if let Stage::Draining(text) = self.stage
                && !self.connection.is_busy()
            {
                self.part(text);
            }
            let Some(deadline) = self.next_deadline() else { return Poll::Pending };
            if self.timer.poll(task, deadline).is_pending() {
                return Poll::Pending;
            }
            if let Some(reason) = self.on_deadline(Instant::now()) {
                return Poll::Ready(reason.to_owned());
            }
        }
        // Others on this arbiter want their turn as well.
        task.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_transport(&mut self, task: &mut Task<'_>) -> Poll<String> {
        loop {
            match &mut self.running {
                Phase::Opening(opening) => match opening.as_mut().poll(task) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Err(error)) => return Poll::Ready(error.to_string()),
                    Poll::Ready(Ok(session)) => {
                        self.connection.record.trace_greeting();
                        let letters = Rc::clone(&self.connection.letters);
                        let courier = Box::pin(letters.post(session.handle()));
                        self.running = Phase::Open { session, courier };
                    }
                },
                Phase::Open { session, .. } => {
                    return Pin::new(session).poll(task).map(|result| match result {
                        Ok(()) => "closed by the client".to_owned(),
                        Err(error) => {
                            if self.connection.login().is_some() && is_violation(&error) {
                                log::fail("the connection broke the rules of ssh");
                            }
                            error.to_string()
                        }
                    });
                }
            }
        }
    }

    /// Says why and ends.
    fn close(&mut self, reason: &'static str) {
        if !matches!(self.stage, Stage::Closing { .. }) {
            self.connection.refuse_channels(true);
            self.connection.letters.disconnect(reason);
            self.stage = Stage::Closing { until: Instant::now() + FAREWELL };
        }
    }

    /// Aborts what is under way, says why and ends, whatever the client reads.
    fn dismiss(&mut self, reason: &'static str) {
        self.connection.abort_channels();
        self.close(reason);
        if let Stage::Closing { until } = &mut self.stage {
            *until = (*until).min(Instant::now() + LAST_WORDS);
        }
        self.connection.wire.wake_owner();
    }

    /// Ends the channels behind all that they were told, and leaves it to the client to go: one that is
    /// told to disconnect drops what it has not passed on, such as the answer to its last CLOSE.
    fn part(&mut self, reason: &'static str) {
        if self.connection.end_channels(reason) {
            self.connection.refuse_channels(true);
            self.stage = Stage::Closing { until: Instant::now() + FAREWELL };
        } else {
            self.close(reason);
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let timeouts = &self.connection.policy.config.timeouts;
        let stage = match self.stage {
            Stage::Closing { until } => Some(until),
            Stage::Open | Stage::Draining(_) if self.connection.login().is_none() => {
                Some(self.since + timeouts.login)
            }
            Stage::Open | Stage::Draining(_) => Some(self.connection.active() + timeouts.idle),
        };
        let stuck = self.connection.wire.stuck_since().map(|since| since + timeouts.stalled);
        [stage, stuck, self.connection.resumes_at()].into_iter().flatten().min()
    }

    /// What is late. Tells the reason if the session ends at once.
    fn on_deadline(&mut self, now: Instant) -> Option<&'static str> {
        let timeouts = &self.connection.policy.config.timeouts;
        let (login, idle, stalled) = (timeouts.login, timeouts.idle, timeouts.stalled);
        if let Stage::Closing { until } = self.stage
            && now >= until
        {
            return Some("closed");
        }
        if self.connection.wire.stuck_since().is_some_and(|since| now >= since + stalled) {
            return Some("the client takes nothing (timeouts.stalled)");
        }
        if self.connection.login().is_none() {
            if now >= self.since + login {
                return Some("no login in time (timeouts.login)");
            }
        } else if now >= self.connection.active() + idle {
            self.close(IDLE);
        }
        None
    }
}

impl Actor for SshSession {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(MAILBOX);
        context.spawn(Drive);
    }

    fn stopping(&mut self, _: &mut Self::Context) -> Running {
        let _scope = self.connection.record.about().enter();
        self.connection.end();
        let sessions = &self.connection.worker.metrics.sessions;
        if !self.is_probe && !self.connection.wire.heard() {
            sessions.probes.of(Probe::Silent).inc();
        }
        // Never lost, and bounded by the number of sessions.
        self.acceptor.do_send(Ended::new(self.guard.id));
        Running::Stop
    }
}

/// Polls [`SshSession::drive`] as long as the session lives.
struct Drive;

impl ActorFuture<SshSession> for Drive {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        session: &mut SshSession,
        context: &mut Context<SshSession>,
        task: &mut Task<'_>,
    ) -> Poll<()> {
        let _scope = session.connection.record.about().enter();
        session.drive(task).map(|reason| {
            session.connection.end();
            session.connection.record.trace_end(&reason);
            session.connection.record.log_end(&reason);
            context.stop();
        })
    }
}

impl Handler<Notice> for SshSession {
    type Result = ();

    fn handle(&mut self, message: Notice, _: &mut Self::Context) {
        match message {
            Notice::Now(text) => self.dismiss(text),
            Notice::Kicked => {
                let _scope = self.connection.record.about().enter();
                info!("kicked by an operator");
                self.dismiss(KICKED);
            }
            // Nothing changes for one who is on its way out.
            Notice::AfterTransfer(_) | Notice::Stay
                if matches!(self.stage, Stage::Closing { .. }) => {}
            Notice::AfterTransfer(text) => {
                self.stage = Stage::Draining(text);
                self.connection.refuse_channels(true);
                self.connection.wire.wake_owner();
            }
            Notice::Stay => {
                self.stage = Stage::Open;
                self.connection.refuse_channels(false);
            }
            Notice::Tuned => self.connection.wire.look(),
        }
    }
}

/// Whether an error of the transport is no loss on the way, nor somebody's wish to end.
fn is_violation(error: &russh::Error) -> bool {
    use russh::Error;
    !matches!(
        error,
        Error::Disconnect
            | Error::HUP
            | Error::IO(_)
            | Error::ConnectionTimeout
            | Error::KeepaliveTimeout
            | Error::InactivityTimeout
            | Error::SendError
            | Error::RecvError
            | Error::Elapsed(_)
            | Error::Join(_)
    )
}

const IDLE: &str = "Nothing was asked for too long (timeouts.idle).";

/// Turns of one poll before the arbiter's other tasks run.
const TURNS_MAX: usize = 32;

/// How long the last words may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// Notices only.
const MAILBOX: usize = 4;
