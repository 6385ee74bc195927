//! From an accepted connection to its session: who it is, and whether it may come in.
//!
//! Behind a balancer the connection's own address is the balancer's. Where the configuration says so, the
//! client's stands in a PROXY header, which is believed from the balancers only. It is read here before
//! anything else happens; a late one (`ingress.proxy_protocol = "late"`) is read by the FTP session itself,
//! which greets before it.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix::{ActorFutureExt, Addr, AsyncContext, Context, WrapFuture};
use flotilla_protocol::proxy::{Header, Versions};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tracing::{debug, warn};

use super::{Acceptor, Entry, Service};
use crate::address::canonical;
use crate::config::Proxy;
use crate::proxy::{self, HeaderError};
use crate::session::{Guard, Session};
use crate::ssh::SshSession;
use crate::threshold::Entrance;

/// A connection that is let in.
pub(crate) struct Arrival {
    pub(crate) stream: TcpStream,
    pub(crate) entry: Entry,
    /// The client; the balancer while its header is awaited.
    pub(crate) peer: SocketAddr,
    /// What the client dialled, as a header said.
    pub(crate) dialled: Option<SocketAddr>,
    /// A balancer made the connection, and has another one to the client (`Ingress::is_spliced`).
    pub(crate) is_spliced: bool,
    pub(crate) header: Awaits,
}

/// Whether a PROXY header may be the first that comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaits {
    /// One was read already: another one is data.
    Nothing,
    /// Nobody who may send one has sent it.
    Refusal,
    /// It comes with the client's first bytes.
    Late,
}

impl Acceptor {
    /// Somebody connected.
    pub(super) fn arrive(
        &mut self,
        stream: TcpStream,
        peer: SocketAddr,
        entry: Entry,
        context: &mut Context<Self>,
    ) {
        let peer = canonical(peer);
        let policy = self.worker.policy();
        let ingress = &policy.config.ingress;
        let proxy = match ingress.is_balancer(peer.ip()) {
            true => ingress.proxy_protocol,
            false => Proxy::Off,
        };
        let is_spliced = ingress.is_spliced(peer.ip());
        let header = Awaits::Refusal;
        let mut arrival = Arrival { stream, entry, peer, dialled: None, is_spliced, header };
        // Whoever speaks first under TLS and SSH is the client, so its header never comes too late.
        match proxy::in_front(proxy) {
            None => self.open(arrival, context.address()),
            Some(_) if proxy == Proxy::Late && entry.service == Service::Ftp => {
                arrival.header = Awaits::Late;
                self.open(arrival, context.address());
            }
            Some(versions) => self.await_header(arrival, versions, context),
        }
    }

    fn await_header(&mut self, arrival: Arrival, versions: Versions, context: &mut Context<Self>) {
        if self.headers_awaited >= HEADERS_MAX {
            self.worker.metrics.proxy.refused.inc();
            return debug!(balancer = %arrival.peer, "too many connections without their PROXY header");
        }
        self.headers_awaited += 1;
        let read = async move {
            let header = proxy::read(&arrival.stream, versions).await;
            (arrival, header)
        };
        context.spawn(read.into_actor(self).map(|(arrival, header), acceptor, context| {
            acceptor.headers_awaited = acceptor.headers_awaited.saturating_sub(1);
            acceptor.on_header(arrival, header, context);
        }));
    }

    fn on_header(
        &mut self,
        mut arrival: Arrival,
        header: Result<Header, HeaderError>,
        context: &mut Context<Self>,
    ) {
        let counts = &self.worker.metrics.proxy;
        arrival.header = Awaits::Nothing;
        match header {
            Ok(Header::Proxied { source, destination }) => {
                counts.taken.inc();
                (arrival.peer, arrival.dialled) = (source, Some(destination));
            }
            Ok(Header::Local) => {
                counts.local.inc();
                debug!(balancer = %arrival.peer, "connection of a balancer's own");
            }
            Err(HeaderError::Gone) => {
                return debug!(balancer = %arrival.peer, "connection without a byte");
            }
            Err(error) => {
                match error {
                    HeaderError::Late => counts.late.inc(),
                    _ => counts.refused.inc(),
                };
                return warn!(balancer = %arrival.peer, %error, "connection closed: its PROXY header is missing or wrong (ingress.proxy_protocol)");
            }
        }
        self.open(arrival, context.address());
    }

    /// Lets a connection in, or says why not.
    fn open(&mut self, arrival: Arrival, acceptor: Addr<Self>) {
        let service = arrival.entry.service;
        let client = arrival.peer.ip();
        let entrance = match self.entrance(&arrival) {
            Ok(entrance) => entrance,
            Err(text) => return turn_away(arrival.stream, service, text),
        };
        let worker = Rc::clone(&self.worker);
        let startup = match service {
            Service::Ftp | Service::Ftps => None,
            Service::Ssh => match worker.startups.enter(client) {
                Ok(startup) => Some(startup),
                Err(_) => {
                    worker.metrics.refused_unauthenticated.inc();
                    debug!(%client, "too many ssh connections without a login");
                    return turn_away(arrival.stream, service, TOO_MANY_STARTUPS);
                }
            },
        };
        let id = worker.next_session();
        let guard = Guard { id, entrance: Some(entrance), _alive: self.living.subscribe() };
        if let Some(startup) = startup {
            let Some(transport) = worker.policy().ssh.clone() else { return };
            let session = SshSession::open(worker, transport, acceptor, guard, arrival, startup);
            self.sessions.insert(id, session.recipient().downgrade());
            return;
        }
        match Session::open(worker, acceptor, guard, arrival) {
            Ok(session) => {
                self.sessions.insert(id, session.recipient().downgrade());
            }
            Err(error) => debug!(%client, %error, "connection lost before its session"),
        }
    }

    /// A place for a connection without a login, or what it is told.
    fn entrance(&self, arrival: &Arrival) -> Result<Entrance, &'static str> {
        let (worker, client) = (&self.worker, arrival.peer.ip());
        if let Some(text) = worker.closed() {
            debug!(%client, "client turned away by a drain");
            return Err(text);
        }
        if worker.is_banned(client, Instant::now()) {
            worker.metrics.refused_banned.inc();
            debug!(%client, "banned address turned away");
            return Err(BANNED);
        }
        let live = usize::try_from(worker.metrics.sessions.get()).unwrap_or(0);
        if live >= self.sessions_max {
            worker.metrics.refused_connections.inc();
            return Err("Too many connections (limits.connections).");
        }
        // One address stands for all clients of a balancer, until the header says more.
        let entered = match worker.policy().config.ingress.is_balancer(client) {
            true => worker.threshold.enter_unnamed(client),
            false => worker.threshold.enter(client),
        };
        entered.map_err(|crowded| {
            worker.metrics.refused_unauthenticated.inc();
            debug!(%client, ?crowded, "too many connections without a login");
            crowded.farewell()
        })
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

/// What a banned client is told.
pub(crate) const BANNED: &str = "This address is banned for a while (limits.ban_for).";

const TOO_MANY_STARTUPS: &str = "Too many connections without a login (ssh.startups).";

/// How long a client that is turned away may take to hear why.
const FAREWELL: Duration = Duration::from_secs(2);

/// Connections of an arbiter whose header is awaited; more are closed. A balancer sends it at once.
const HEADERS_MAX: usize = 1024;
