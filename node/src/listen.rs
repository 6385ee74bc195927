//! The `Acceptor` actor, one per arbiter: its listening sockets and the sessions that came through them.
//!
//! Every arbiter listens on every address (SO_REUSEPORT), and a session lives on the arbiter that
//! accepted it. The acceptor holds weak addresses of its sessions: for the stop, the drain and kicks.
//! How they arrive, also through balancers, is in `arrival`; what it answers of their
//! [`Roster`](crate::roster::Roster) in `watch`.

mod arrival;
mod watch;

use std::cell::OnceCell;
use std::collections::HashMap;
use std::net::TcpListener as StdListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{
    Actor, ActorContext, Addr, AsyncContext, Context, Handler, Message, SpawnHandle, WeakRecipient,
};
use tokio::net::TcpListener;
use tokio::sync::watch::Sender;
use tracing::{error, warn};

use crate::config::Mode;
use crate::keepalive::Tuned;
use crate::log::Seldom;
use crate::metrics::{Histogram, Mailbox, Queued};
use crate::policy::Policy;
use crate::ports::Trouble;
use crate::registry::{Banned, Fronted, Lifted, Moved, Tune};
use crate::roster::Teller;
use crate::session::Notice;
use crate::waiting::Waiting;
use crate::worker::Worker;

use arrival::Connected;
pub(crate) use arrival::{Arrival, Awaits, BANNED};
pub(crate) use watch::ReadLoad;
pub(crate) use watch::{Describe, Kick, Watch};

/// The actor.
pub(crate) struct Acceptor {
    worker: Rc<Worker>,
    /// Its own, which all its sessions share.
    address: OnceCell<Rc<Addr<Self>>>,
    doors: Vec<Door>,
    loops: Vec<SpawnHandle>,
    sessions: HashMap<u64, WeakRecipient<Notice>>,
    /// Control connections on the node before new ones are turned away.
    sessions_max: usize,
    /// Connections whose PROXY header is awaited.
    headers: Waiting<SpawnHandle>,
    /// One more than there are connections that are turned away and told why.
    farewells: Rc<()>,
    living: Living,
    teller: Teller,
    /// Of descriptors or memory that are used up.
    starved: Seldom,
}

/// The connections of an arbiter, for whoever counts them or waits for the end of the last one: each holds a
/// receiver.
pub(crate) type Living = Arc<Sender<()>>;

/// A listening socket, and what is behind it.
pub(crate) struct Door {
    pub(crate) listener: StdListener,
    pub(crate) entry: Entry,
}

/// What is behind a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) service: Service,
    /// How its clients reach it; never [`Mode::Auto`].
    pub(crate) mode: Mode,
}

/// What a listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// FTP, with AUTH TLS.
    Ftp,
    /// FTP under TLS from the first byte.
    Ftps,
    /// SFTP and SCP.
    Ssh,
}

impl Acceptor {
    pub(crate) fn new(
        worker: Rc<Worker>,
        doors: Vec<Door>,
        sessions_max: usize,
        living: Living,
    ) -> Self {
        Self {
            worker,
            address: OnceCell::new(),
            doors,
            loops: Vec::new(),
            sessions: HashMap::new(),
            sessions_max,
            headers: Waiting::new(HEADERS_MAX),
            farewells: Rc::default(),
            living,
            teller: Teller::default(),
            starved: Seldom::default(),
        }
    }

    /// For its sessions. An address of its own would cost each of them some 100 bytes.
    fn address(&self, context: &Context<Self>) -> Rc<Addr<Self>> {
        Rc::clone(self.address.get_or_init(|| Rc::new(context.address())))
    }

    fn tell_all(&self, notice: Notice) {
        for session in self.sessions.values().filter_map(WeakRecipient::upgrade) {
            session.do_send(notice);
        }
    }
}

/// New sessions begin with this policy.
#[derive(Clone, Message)]
#[rtype(result = "()")]
pub(crate) struct Adopt(pub(crate) Arc<Policy>);

/// A session has ended.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Ended {
    session: u64,
    _queued: Queued,
}

impl Ended {
    /// The session of this number.
    pub(crate) fn new(session: u64) -> Self {
        Self { session, _queued: Queued::to(Mailbox::Acceptor) }
    }
}

/// Let nobody in, and tell every session to end after its transfer.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Close {
    /// What clients are told.
    pub(crate) text: &'static str,
    /// The listeners are closed. Otherwise whoever comes is told the text.
    pub(crate) for_good: bool,
}

/// Let everybody in again, and let stay who was to end after a transfer.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Reopen;

/// End every session now, with this text.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Halt(pub(crate) &'static str);

/// How many sessions there are, logged in or not.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "usize")]
pub(crate) struct Count;

impl Actor for Acceptor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(MAILBOX);
        context.run_interval(GATHERING, Self::tell);
        actix::spawn(measure_lag(self.worker.metrics.process.loop_lag.clone()));
        for Door { listener, entry } in std::mem::take(&mut self.doors) {
            match TcpListener::from_std(listener) {
                Ok(listener) => {
                    let tuned = Tuned::default();
                    let future =
                        Accepting { listener, entry, pause: None, tuned, inherited: tuned };
                    self.loops.push(context.spawn(future));
                }
                Err(error) => {
                    error!(%error, "listener can not be used");
                    context.stop();
                }
            }
        }
    }
}

/// The accept loop of one listener.
struct Accepting {
    listener: TcpListener,
    entry: Entry,
    /// Set after an error that a pause may heal.
    pause: Option<std::pin::Pin<Box<tokio::time::Sleep>>>,
    /// The options that the listener has.
    tuned: Tuned,
    /// Those that the next connection has: it may have inherited them before they changed, and waited.
    inherited: Tuned,
}

impl actix::ActorFuture<Acceptor> for Accepting {
    type Output = ();

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        acceptor: &mut Acceptor,
        context: &mut Context<Acceptor>,
        task: &mut std::task::Context<'_>,
    ) -> std::task::Poll<()> {
        use std::task::Poll;
        let this = &mut *self;
        this.tuned.refresh(&this.listener);
        for _ in 0..ACCEPTS_PER_TURN {
            if let Some(pause) = &mut self.pause {
                if pause.as_mut().poll(task).is_pending() {
                    return Poll::Pending;
                }
                self.pause = None;
            }
            match self.listener.poll_accept(task) {
                Poll::Pending => {
                    self.inherited = self.tuned;
                    return Poll::Pending;
                }
                Poll::Ready(Ok((stream, peer))) => {
                    let (tuned, since) = (self.inherited, Instant::now());
                    let connected = Connected { stream, peer, tuned, since };
                    acceptor.arrive(connected, self.entry, context);
                }
                Poll::Ready(Err(error)) if Trouble::of(&error) == Trouble::Connection => {}
                Poll::Ready(Err(error)) => {
                    // Descriptors or memory are used up. The connection waits in the backlog until
                    // some session ends; without the pause the loop would spin.
                    acceptor.worker.metrics.sessions.accept_errors.inc();
                    if let Some(held) = acceptor.starved.pass(Instant::now()) {
                        warn!(held, %error, "accept failed, pausing");
                    }
                    self.pause = Some(Box::pin(tokio::time::sleep(ACCEPT_PAUSE)));
                }
            }
        }
        task.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Handler<Adopt> for Acceptor {
    type Result = ();

    fn handle(&mut self, message: Adopt, _: &mut Self::Context) {
        self.worker.set_policy(message.0);
        self.tell_all(Notice::Tuned);
    }
}

impl Handler<Tune> for Acceptor {
    type Result = ();

    fn handle(&mut self, message: Tune, _: &mut Self::Context) {
        self.worker.set_keepalive(message.0);
        self.tell_all(Notice::Tuned);
    }
}

impl Handler<Moved> for Acceptor {
    type Result = ();

    fn handle(&mut self, message: Moved, _: &mut Self::Context) {
        self.worker.set_found(message.0);
    }
}

impl Handler<Fronted> for Acceptor {
    type Result = ();

    fn handle(&mut self, message: Fronted, _: &mut Self::Context) {
        self.worker.set_fronted(message.0);
    }
}

impl Handler<Banned> for Acceptor {
    type Result = ();

    fn handle(&mut self, message: Banned, _: &mut Self::Context) {
        self.worker.ban(message.address, message.until);
    }
}

impl Handler<Lifted> for Acceptor {
    type Result = ();

    fn handle(&mut self, message: Lifted, _: &mut Self::Context) {
        self.worker.unban(message.address);
    }
}

impl Handler<Ended> for Acceptor {
    type Result = ();

    fn handle(&mut self, message: Ended, _: &mut Self::Context) {
        self.sessions.remove(&message.session);
    }
}

impl Handler<Count> for Acceptor {
    type Result = usize;

    fn handle(&mut self, _: Count, _: &mut Self::Context) -> usize {
        self.sessions.len()
    }
}

impl Handler<Close> for Acceptor {
    type Result = ();

    fn handle(&mut self, message: Close, context: &mut Self::Context) {
        let Close { text, for_good } = message;
        self.worker.set_closed(Some(text));
        if for_good {
            for handle in self.loops.drain(..) {
                context.cancel_future(handle);
            }
        }
        self.tell_all(Notice::AfterTransfer(text));
    }
}

impl Handler<Reopen> for Acceptor {
    type Result = ();

    fn handle(&mut self, _: Reopen, _: &mut Self::Context) {
        self.worker.set_closed(None);
        self.tell_all(Notice::Stay);
    }
}

impl Handler<Halt> for Acceptor {
    type Result = ();

    fn handle(&mut self, message: Halt, _: &mut Self::Context) {
        self.tell_all(Notice::Now(message.0));
        self.worker.ports.relays().halt();
    }
}

/// Measures how late the timers of this arbiter fire, as long as it lives: what else waits here waits as long.
async fn measure_lag(lag: Histogram) {
    loop {
        let due = tokio::time::Instant::now() + LAG_INTERVAL;
        tokio::time::sleep_until(due).await;
        lag.took(due.elapsed());
    }
}

/// Between two measurements of the lag, each of which wakes a node that does nothing. What holds an arbiter up for less is seen
/// by chance, and in the long run as often as it takes time.
const LAG_INTERVAL: Duration = Duration::from_secs(1);

/// Connections of an arbiter whose header is awaited. A balancer sends it at once, so of more the one that is silent
/// for the longest is closed.
const HEADERS_MAX: usize = 1024;

/// Between two looks at what the sessions do, for those who watch.
const GATHERING: Duration = Duration::from_secs(1);

/// Room for the `Ended` messages of a burst; they come by `do_send` and are never lost.
const MAILBOX: usize = 64;

/// Connections taken in one turn of a loop before other tasks of the arbiter run.
const ACCEPTS_PER_TURN: usize = 16;

/// How long the loop rests when descriptors are used up.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
