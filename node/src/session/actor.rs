//! The `Session` actor: owns one control connection, one protocol machine, one timer, and the request
//! or transfer that is under way.
//!
//! It talks to its arbiter's [`Worker`] and, at login, to the [`Pool`](crate::pool::Pool).
//! Everything runs on the actor's own task: the control connection, the open request and the transfer
//! are polled in turn by [`Session::drive`], so that a transfer needs no mailbox and an abort is a drop.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::{Duration, Instant};

use actix::{
    Actor, ActorContext, ActorFuture, Addr, AsyncContext, Context, Handler, Message, Running,
};
use flotilla_protocol::ftp::{self, Connection};
use tokio::sync::watch;
use tracing::info;

use super::ending::Loss;
use super::front::Front;
use super::keep::Keep;
use super::passive::Told;
use super::perform::Open;
use super::record::Totals;
use super::timer::Timer;
use super::transfer::OpenTransfer;
use super::wire::Wire;
use crate::address::canonical;
use crate::auth::Protocol;
use crate::auth::users::protocol_name;
use crate::config::Mode;
use crate::listen::{Acceptor, Arrival, Awaits, Ended, Service};
use crate::log::{About, Ring};
use crate::login::LoggedIn;
use crate::metrics::Living;
use crate::policy::Policy;
use crate::roster::Place;
use crate::threshold::Entrance;
use crate::tls::SessionKey;
use crate::worker::Worker;

/// The actor.
pub(crate) struct Session {
    pub(super) guard: Guard,
    /// As it is counted.
    pub(super) living: Living,
    /// Who this is, for the log.
    pub(super) about: Arc<About>,
    pub(super) worker: Rc<Worker>,
    pub(super) policy: Arc<Policy>,
    pub(super) machine: ftp::Session,
    pub(super) peer: SocketAddr,
    pub(super) local: SocketAddr,
    /// What the client dialled, as a PROXY header said.
    pub(super) dialled: Option<SocketAddr>,
    /// A balancer made the connection, and has another one to the client.
    pub(super) is_spliced: bool,
    /// How clients reach the listener.
    pub(super) mode: Mode,
    pub(super) front: Front,
    pub(super) keep: Keep,
    /// Binds the data connections' TLS sessions to this control connection.
    pub(super) key: SessionKey,
    /// Which `[[host]]` HOST chose.
    pub(super) host: Option<usize>,
    pub(super) login: Option<LoggedIn>,
    /// In the roster, as long as there is a login.
    pub(super) place: Option<Place>,
    /// What the client says that it is.
    pub(super) software: Option<String>,
    pub(super) work: Option<Open>,
    pub(super) passive: Option<Told>,
    pub(super) transfer: Option<Box<OpenTransfer>>,
    pub(super) totals: Totals,
    pub(super) stage: Stage,
    /// The control connection is broken, or ended on both sides.
    pub(super) lost: bool,
    /// The client sends no more commands; it may still read the answers.
    ended: bool,
    /// The first news that the control connection has ended, on one side or both.
    pub(super) loss: Option<Loss>,
    pub(super) wire: Wire,
    /// Since when the client takes no bytes of a reply.
    unsent_since: Option<Instant>,
    /// The end of all patience, once the session was told to end at once.
    ends_by: Option<Instant>,
    timer: Timer,
    acceptor: Rc<Addr<Acceptor>>,
}

/// Where the connection stands, apart from the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Commands and replies.
    Open,
    /// The reply to AUTH must be on its way before the handshake begins.
    BeforeTls,
    /// The last words must be on their way.
    Closing {
        /// The patience.
        until: Instant,
    },
    /// Everything is sent and the sending side is closed; the client's bytes are thrown away until its end
    /// comes, for a close with unread bytes would reset the connection and eat the last words.
    Lingering {
        /// The patience.
        until: Instant,
    },
}

/// Lives exactly as long as its session.
pub(crate) struct Guard {
    /// The session's number, unique in the process.
    pub(crate) id: u64,
    /// The place among those who are not logged in; `None` while it is.
    pub(crate) entrance: Option<Entrance>,
    /// A drain waits until all of these are gone.
    pub(crate) _alive: watch::Receiver<()>,
}

/// The node wants the session to end, or not any more, or something else of all sessions. The client is told
/// the text.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) enum Notice {
    /// As soon as nothing is under way.
    AfterTransfer(&'static str),
    /// At once; a transfer is aborted.
    Now(&'static str),
    /// At once, because an operator wants this one to end.
    Kicked,
    /// What was to end after its transfer is to stay.
    Stay,
    /// Connections are kept alive in another way: the arbiter's worker knows it.
    Tuned,
}

impl Session {
    /// Makes the actor for an accepted connection on the current arbiter.
    pub(crate) fn open(
        worker: Rc<Worker>,
        acceptor: Rc<Addr<Acceptor>>,
        guard: Guard,
        arrival: Arrival,
    ) -> io::Result<Addr<Self>> {
        let Arrival { stream, tuned, entry, peer, dialled, is_spliced, header, is_probe, since } =
            arrival;
        let local = canonical(stream.local_addr()?);
        let policy = worker.policy();
        let connection = Connection {
            client: peer.ip(),
            // What the client sees.
            local: dialled.unwrap_or(local),
            secure: entry.service == Service::Ftps,
            certificate: false,
        };
        let now = Instant::now();
        let machine = ftp::Session::new(policy.settings_of(entry.mode), connection, now);
        let protocol = if connection.secure { Protocol::Ftps } else { Protocol::Ftp };
        let living = worker.metrics.sessions.began(protocol);
        let totals = Totals::new(since, now, is_probe);
        let about = About {
            session: guard.id,
            trace: totals.trace.root(),
            client: peer.ip(),
            protocol: protocol_name(protocol),
            user: None,
            path: None,
            ring: Ring::new(policy.config.telemetry.session_ring),
        };
        let mut session = Self {
            guard,
            living,
            about: Arc::new(about),
            worker,
            policy,
            machine,
            peer,
            local,
            dialled,
            is_spliced,
            mode: entry.mode,
            front: Front::new(header),
            keep: Keep::new(tuned, now),
            key: SessionKey::random().map_err(|_| io::ErrorKind::Other)?,
            host: None,
            login: None,
            place: None,
            software: None,
            work: None,
            passive: None,
            transfer: None,
            totals,
            stage: Stage::Open,
            lost: false,
            ended: false,
            loss: None,
            wire: Wire::Clear(stream),
            unsent_since: None,
            ends_by: None,
            timer: Timer::default(),
            acceptor,
        };
        session.take_keepalive();
        if header == Awaits::Nothing {
            session.trace_header(now);
        }
        if connection.secure {
            session.begin_handshake();
        }
        Ok(session.start())
    }

    /// Moves everything that can move. Ready when the session is over.
    fn drive(&mut self, task: &mut Task<'_>) -> Poll<()> {
        for _ in 0..TURNS_MAX {
            let now = Instant::now();
            // Also for a client whose input never runs dry.
            if self.next_deadline().is_some_and(|deadline| now >= deadline) {
                self.on_deadline(now);
            }
            self.perform(now);
            self.note_answered();
            // The control connection first: an end that came together with that of an upload must be
            // known when the upload is judged.
            let moved = self.poll_control(task, now)
                | self.poll_work(task, now)
                | self.poll_transfer(task, now);
            if moved {
                continue;
            }
            if self.is_over() {
                return Poll::Ready(());
            }
            if self.flush(task, now) {
                continue;
            }
            let Some(deadline) = self.next_deadline() else { return Poll::Pending };
            if self.timer.poll(task, deadline).is_pending() {
                return Poll::Pending;
            }
            self.on_deadline(Instant::now());
        }
        // Others on this arbiter want their turn as well.
        task.waker().wake_by_ref();
        Poll::Pending
    }

    fn is_over(&self) -> bool {
        self.lost && self.transfer.is_none()
    }

    /// Reads the control connection once; whether something happened.
    fn poll_control(&mut self, task: &mut Task<'_>, now: Instant) -> bool {
        let lingering = matches!(self.stage, Stage::Lingering { .. });
        if self.lost || self.ended || !(lingering || self.may_read()) {
            return false;
        }
        let worker = Rc::clone(&self.worker);
        let mut scratch = worker.scratch.borrow_mut();
        match self.wire.poll_read(task, &mut scratch) {
            Poll::Pending => false,
            Poll::Ready(Ok(0)) if !lingering => {
                self.ended = true;
                self.note_loss(now);
                true
            }
            Poll::Ready(Ok(0)) => {
                self.on_lost(now);
                true
            }
            Poll::Ready(Err(error)) => {
                self.note_violation(&error);
                self.on_lost(now);
                true
            }
            Poll::Ready(Ok(read)) => {
                self.totals.hears();
                self.keep.feed(now);
                if !lingering {
                    if let Some(transfer) = &self.transfer {
                        self.machine.on_progress(transfer.bytes());
                    }
                    self.on_input(scratch.get(..read).unwrap_or_default(), now);
                    if let Some(place) = &self.place {
                        place.note(self.machine.verb(), now);
                    }
                }
                true
            }
        }
    }

    /// Reading stops while a reply is not taken: a client that only sends costs one reply of memory.
    fn may_read(&mut self) -> bool {
        self.stage == Stage::Open && self.unsent_since.is_none() && self.machine.wants_input()
    }

    /// The client is gone. A transfer goes on: its data connection may well live (a balancer may have cut
    /// the idle control connection), and if it does not, it ends by itself.
    pub(super) fn on_lost(&mut self, now: Instant) {
        self.lost = true;
        self.note_loss(now);
        self.wire = Wire::Detached;
        self.work = None;
        self.machine.output().clear();
        self.unsent_since = None;
    }

    /// Sends what waits; whether a stage was reached that needs another turn.
    fn flush(&mut self, task: &mut Task<'_>, now: Instant) -> bool {
        let before = self.machine.output().len();
        let flushed = self.wire.poll_flush(task, self.machine.output());
        if self.machine.output().len() < before {
            self.keep.feed(now);
        }
        let done = match flushed {
            Poll::Ready(Ok(())) => {
                self.trace_greeting();
                true
            }
            Poll::Ready(Err(_)) => {
                self.on_lost(now);
                return true;
            }
            Poll::Pending => false,
        };
        if !done {
            self.unsent_since.get_or_insert(now);
            return false;
        }
        let resumes = self.unsent_since.take().is_some();
        match self.stage {
            Stage::Open if self.ended && self.transfer.is_none() && self.work.is_none() => {
                self.close(now);
                true
            }
            Stage::Open => self.machine.on_sent(now) || resumes,
            Stage::BeforeTls => {
                self.stage = Stage::Open;
                self.begin_handshake();
                true
            }
            Stage::Closing { .. } => match self.wire.poll_shutdown(task) {
                Poll::Pending => false,
                Poll::Ready(_) if self.ended => {
                    self.on_lost(now);
                    true
                }
                Poll::Ready(_) => {
                    self.stage = Stage::Lingering { until: now + LINGER };
                    true
                }
            },
            Stage::Lingering { .. } => false,
        }
    }

    /// Sends what is left, then ends.
    pub(super) fn close(&mut self, now: Instant) {
        self.stage = Stage::Closing { until: now + self.policy.config.timeouts.stalled };
    }

    /// Aborts what is under way and ends, whatever the client reads.
    pub(super) fn dismiss(&mut self, text: &'static str, now: Instant) {
        self.ends_by.get_or_insert(now + LAST_WORDS);
        self.machine.on_kick(text, now);
    }

    fn next_deadline(&self) -> Option<Instant> {
        let unsent = self.unsent_since.map(|since| since + self.policy.config.timeouts.stalled);
        let stage = match self.stage {
            Stage::Closing { until } | Stage::Lingering { until } => Some(until),
            Stage::Open => self.machine.next_deadline(),
            Stage::BeforeTls => None,
        };
        // Who is lost already only settles its transfer.
        let end = self.ends_by.filter(|_| !self.lost);
        [unsent, stage, end, self.front.deadline(), self.update_deadline(), self.passive_deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    fn on_deadline(&mut self, now: Instant) {
        let stalled = self.policy.config.timeouts.stalled;
        let unsent = self.unsent_since.is_some_and(|since| now >= since + stalled);
        let late = self.ends_by.is_some_and(|end| now >= end);
        if unsent || late || matches!(self.stage, Stage::Closing { .. } | Stage::Lingering { .. }) {
            self.on_lost(now);
        } else if self.front.deadline().is_some_and(|by| now >= by) {
            self.on_front_late(now);
        } else if self.update_deadline().is_some_and(|due| now >= due) {
            self.update_keys(now);
        } else if self.passive_deadline().is_some_and(|until| now >= until) {
            self.drop_passive();
        } else {
            if let Some(transfer) = &self.transfer {
                self.machine.on_progress(transfer.bytes());
            }
            self.machine.on_timeout(now);
        }
    }
}

impl Actor for Session {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(MAILBOX);
        context.spawn(Drive);
    }

    fn stopping(&mut self, _: &mut Self::Context) -> Running {
        let _scope = self.about.enter();
        self.note_answered();
        self.trace_end();
        self.log_end();
        // Never lost, and bounded by the number of sessions.
        self.acceptor.do_send(Ended::new(self.guard.id));
        Running::Stop
    }
}

/// Polls [`Session::drive`] as long as the session lives.
struct Drive;

impl ActorFuture<Session> for Drive {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        session: &mut Session,
        context: &mut Context<Session>,
        task: &mut Task<'_>,
    ) -> Poll<()> {
        let scope = session.about.enter();
        let poll = session.drive(task);
        drop(scope);
        if poll.is_ready() {
            context.stop();
        }
        poll
    }
}

impl Handler<Notice> for Session {
    type Result = ();

    fn handle(&mut self, message: Notice, _: &mut Self::Context) {
        let now = Instant::now();
        match message {
            Notice::Now(text) => self.dismiss(text, now),
            Notice::Kicked => {
                let _scope = self.about.enter();
                info!("kicked by an operator");
                self.dismiss(KICKED, now);
            }
            // Nothing changes for one who is on its way out.
            Notice::AfterTransfer(_) | Notice::Stay if self.ends_by.is_some() => {}
            Notice::AfterTransfer(text) => self.machine.on_stop(text, now),
            Notice::Stay => self.machine.on_stay(),
            Notice::Tuned => self.take_keepalive(),
        }
    }
}

/// What a client is told whose session an operator ended.
pub(crate) const KICKED: &str = "An operator ended this session.";

/// Turns of one poll before the arbiter's other tasks run: enough for a pipelined burst.
const TURNS_MAX: usize = 32;

/// How long the client's end is waited for after the last words.
const LINGER: Duration = Duration::from_secs(2);

/// How long a session that must end at once may take for its last words and for what is under way.
pub(crate) const LAST_WORDS: Duration = Duration::from_millis(900);

/// Notices only.
const MAILBOX: usize = 4;
