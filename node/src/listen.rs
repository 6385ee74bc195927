//! The `Acceptor` actor, one per arbiter: its listening sockets and the sessions that came through them.
//!
//! Every arbiter listens on every address (SO_REUSEPORT), and a session lives on the arbiter that
//! accepted it. The acceptor holds weak addresses of its sessions: for the stop, the drain and kicks.
//! What it answers of their [`Roster`](crate::roster::Roster) is in `watch`.

mod watch;

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{
    Actor, ActorContext, Addr, AsyncContext, Context, Handler, Message, SpawnHandle, WeakRecipient,
};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch::Sender;
use tracing::{debug, error, warn};

use crate::policy::Policy;
use crate::registry::{Banned, Lifted};
use crate::roster::Teller;
use crate::session::{Guard, Session, Stop};
use crate::ssh::{Arrival, SshSession};
use crate::worker::Worker;

pub(crate) use watch::ReadLoad;
pub(crate) use watch::{Describe, Kick, Watch};

/// The actor.
pub(crate) struct Acceptor {
    worker: Rc<Worker>,
    listeners: Vec<Option<(StdListener, Service)>>,
    loops: Vec<SpawnHandle>,
    sessions: HashMap<u64, WeakRecipient<Stop>>,
    /// Control connections on the node before new ones are turned away.
    sessions_max: usize,
    living: Living,
    teller: Teller,
}

/// The connections of an arbiter, for whoever counts them or waits for the end of the last one: each holds a
/// receiver.
pub(crate) type Living = Arc<Sender<()>>;

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
        listeners: Vec<(StdListener, Service)>,
        sessions_max: usize,
        living: Living,
    ) -> Self {
        Self {
            worker,
            listeners: listeners.into_iter().map(Some).collect(),
            loops: Vec::new(),
            sessions: HashMap::new(),
            sessions_max,
            living,
            teller: Teller::default(),
        }
    }

    fn open(
        &mut self,
        stream: TcpStream,
        peer: SocketAddr,
        service: Service,
        acceptor: Addr<Self>,
    ) {
        let now = Instant::now();
        if let Some(text) = self.worker.closed() {
            debug!(client = %peer.ip(), "client turned away by a drain");
            return turn_away(stream, service, text);
        }
        if self.worker.is_banned(peer.ip(), now) {
            self.worker.metrics.refused_banned.inc();
            debug!(client = %peer.ip(), "banned address turned away");
            return turn_away(
                stream,
                service,
                "This address is banned for a while (limits.ban_for).",
            );
        }
        let live = usize::try_from(self.worker.metrics.sessions.get()).unwrap_or(0);
        if live >= self.sessions_max {
            self.worker.metrics.refused_connections.inc();
            return turn_away(stream, service, "Too many connections (limits.connections).");
        }
        let entrance = match self.worker.threshold.enter(peer.ip()) {
            Ok(entrance) => entrance,
            Err(crowded) => {
                self.worker.metrics.refused_unauthenticated.inc();
                debug!(client = %peer.ip(), ?crowded, "too many connections without a login");
                return turn_away(stream, service, crowded.farewell());
            }
        };
        let id = self.worker.next_session();
        let worker = Rc::clone(&self.worker);
        let guard = Guard { id, entrance: Some(entrance), _alive: self.living.subscribe() };
        if service == Service::Ssh {
            let Some(transport) = worker.policy().ssh.clone() else { return };
            let Ok(startup) = worker.startups.enter(peer.ip()) else {
                worker.metrics.refused_unauthenticated.inc();
                debug!(client = %peer.ip(), "too many ssh connections without a login");
                return turn_away(stream, service, TOO_MANY_STARTUPS);
            };
            let arrival = Arrival { stream, peer, startup };
            let session = SshSession::open(worker, transport, acceptor, guard, arrival);
            self.sessions.insert(id, session.recipient().downgrade());
            return;
        }
        match Session::open(worker, acceptor, guard, stream, peer, service) {
            Ok(session) => {
                self.sessions.insert(id, session.recipient().downgrade());
            }
            Err(error) => debug!(client = %peer.ip(), %error, "connection lost before its session"),
        }
    }

    fn tell_all(&self, stop: Stop) {
        for session in self.sessions.values().filter_map(WeakRecipient::upgrade) {
            session.do_send(stop);
        }
    }
}

/// Says why and closes; the text fits any socket buffer, so nothing waits. A TLS client would take it
/// for garbage, so it hears nothing; an SSH client may be told something before the identification
/// (RFC 4253, 4.2).
fn turn_away(mut stream: TcpStream, service: Service, text: &'static str) {
    let code = match service {
        Service::Ftp => "421 ",
        Service::Ftps => return,
        Service::Ssh => "",
    };
    actix::spawn(async move {
        let farewell = async {
            stream.write_all(format!("{code}{text}\r\n").as_bytes()).await?;
            stream.shutdown().await
        };
        let _ = tokio::time::timeout(FAREWELL, farewell).await;
    });
}

/// New sessions begin with this policy.
#[derive(Clone, Message)]
#[rtype(result = "()")]
pub(crate) struct Adopt(pub(crate) Arc<Policy>);

/// A session has ended.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Ended(pub(crate) u64);

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
        for listener in &mut self.listeners {
            let Some((listener, service)) = listener.take() else { continue };
            match TcpListener::from_std(listener) {
                Ok(listener) => {
                    let future = Accepting { listener, service, pause: None };
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
    service: Service,
    /// Set after an error that a pause may heal.
    pause: Option<std::pin::Pin<Box<tokio::time::Sleep>>>,
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
        for _ in 0..ACCEPTS_PER_TURN {
            if let Some(pause) = &mut self.pause {
                if pause.as_mut().poll(task).is_pending() {
                    return Poll::Pending;
                }
                self.pause = None;
            }
            match self.listener.poll_accept(task) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok((stream, peer))) => {
                    acceptor.open(stream, peer, self.service, context.address());
                }
                Poll::Ready(Err(error)) if is_about_the_connection(&error) => {}
                Poll::Ready(Err(error)) => {
                    // Descriptors or memory are used up. The connection waits in the backlog until
                    // some session ends; without the pause the loop would spin.
                    acceptor.worker.metrics.accept_errors.inc();
                    warn!(%error, "accept failed, pausing");
                    self.pause = Some(Box::pin(tokio::time::sleep(ACCEPT_PAUSE)));
                }
            }
        }
        task.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Whether the error is that of one connection, which died in the backlog.
fn is_about_the_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

impl Handler<Adopt> for Acceptor {
    type Result = ();

    fn handle(&mut self, message: Adopt, _: &mut Self::Context) {
        self.worker.set_policy(message.0);
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
        self.sessions.remove(&message.0);
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
        self.tell_all(Stop::AfterTransfer(text));
    }
}

impl Handler<Reopen> for Acceptor {
    type Result = ();

    fn handle(&mut self, _: Reopen, _: &mut Self::Context) {
        self.worker.set_closed(None);
        self.tell_all(Stop::Stay);
    }
}

impl Handler<Halt> for Acceptor {
    type Result = ();

    fn handle(&mut self, message: Halt, _: &mut Self::Context) {
        self.tell_all(Stop::Now(message.0));
    }
}

/// Between two looks at what the sessions do, for those who watch.
const GATHERING: Duration = Duration::from_secs(1);

/// Room for the `Ended` messages of a burst; they come by `do_send` and are never lost.
const MAILBOX: usize = 64;

/// Connections taken in one turn of a loop before other tasks of the arbiter run.
const ACCEPTS_PER_TURN: usize = 16;

/// How long the loop rests when descriptors are used up.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const TOO_MANY_STARTUPS: &str = "Too many connections without a login (ssh.startups).";

/// How long a client that is turned away may take to hear why.
const FAREWELL: Duration = Duration::from_secs(2);
