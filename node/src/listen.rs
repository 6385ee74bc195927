//! The `Acceptor` actor, one per arbiter: its listening sockets and the sessions that came through them.
//!
//! Every arbiter listens on every address (SO_REUSEPORT), and a session lives on the arbiter that
//! accepted it. The acceptor holds weak addresses of its sessions: for the stop, the drain and kicks.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{
    Actor, ActorContext, Addr, AsyncContext, Context, Handler, Message, ResponseFuture,
    SpawnHandle, WeakRecipient,
};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tracing::{debug, error, warn};

use crate::policy::Policy;
use crate::registry::Banned;
use crate::session::{Guard, Session, Stop};
use crate::ssh::{Arrival, SshSession};
use crate::worker::Worker;

/// The actor.
pub(crate) struct Acceptor {
    worker: Rc<Worker>,
    listeners: Vec<Option<(StdListener, Service)>>,
    loops: Vec<SpawnHandle>,
    sessions: HashMap<u64, WeakRecipient<Stop>>,
    /// Control connections on the node before new ones are turned away.
    sessions_max: usize,
    /// Every session holds a clone; when all are gone the receiver sees it.
    alive: Option<mpsc::Sender<()>>,
    all_gone: Option<mpsc::Receiver<()>>,
    stopping: bool,
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
        listeners: Vec<(StdListener, Service)>,
        sessions_max: usize,
    ) -> Self {
        let (alive, all_gone) = mpsc::channel(1);
        Self {
            worker,
            listeners: listeners.into_iter().map(Some).collect(),
            loops: Vec::new(),
            sessions: HashMap::new(),
            sessions_max,
            alive: Some(alive),
            all_gone: Some(all_gone),
            stopping: false,
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
        let Some(alive) = self.alive.as_ref().filter(|_| !self.stopping) else { return };
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
        let guard = Guard { id, entrance: Some(entrance), _alive: alive.clone() };
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

/// Close the door, tell every session to end after its transfer; answers when all are gone.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Drain;

/// End every session now.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Halt;

/// How many sessions there are, logged in or not.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "usize")]
pub(crate) struct Count;

impl Actor for Acceptor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(MAILBOX);
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

impl Handler<Drain> for Acceptor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Drain, context: &mut Self::Context) -> Self::Result {
        self.stopping = true;
        self.alive = None;
        for handle in self.loops.drain(..) {
            context.cancel_future(handle);
        }
        for session in self.sessions.values().filter_map(WeakRecipient::upgrade) {
            session.do_send(Stop::AfterTransfer);
        }
        let all_gone = self.all_gone.take();
        Box::pin(async move {
            if let Some(mut all_gone) = all_gone {
                // Nobody ever sends: the channel closes with the last session.
                all_gone.recv().await;
            }
        })
    }
}

impl Handler<Halt> for Acceptor {
    type Result = ();

    fn handle(&mut self, _: Halt, _: &mut Self::Context) {
        for session in self.sessions.values().filter_map(WeakRecipient::upgrade) {
            session.do_send(Stop::Now);
        }
    }
}

/// Room for the `Ended` messages of a burst; they come by `do_send` and are never lost.
const MAILBOX: usize = 64;

/// Connections taken in one turn of a loop before other tasks of the arbiter run.
const ACCEPTS_PER_TURN: usize = 16;

/// How long the loop rests when descriptors are used up.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const TOO_MANY_STARTUPS: &str = "Too many connections without a login (ssh.startups).";

/// How long a client that is turned away may take to hear why.
const FAREWELL: Duration = Duration::from_secs(2);
