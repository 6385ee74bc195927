//! From an accepted connection to its session: who it is, and whether it may come in.
//!
//! Behind a balancer the connection's own address is the balancer's. Where the configuration says so, the
//! client's stands in a PROXY header, which is believed from the balancers only. It is read here before
//! anything else happens; a late one (`ingress.proxy_protocol = "late"`) is read by the FTP session itself,
//! which greets before it.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use flotilla_protocol::proxy::{Header, Versions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tracing::{debug, warn};

use super::{Acceptor, Entry, Service};
use crate::address::canonical;
use crate::config::Proxy;
use crate::keepalive::Tuned;
use crate::metrics::{ConnectionRefusal, Probe};
use crate::proxy::{self, HeaderError};
use crate::session::{Guard, Session};
use crate::ssh::SshSession;
use crate::threshold::Entrance;

/// A connection as it was accepted.
pub(super) struct Connected {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    /// The options that it inherited.
    pub(super) tuned: Tuned,
    /// When it was.
    pub(super) since: Instant,
}

/// A connection that is let in.
pub(crate) struct Arrival {
    pub(crate) stream: TcpStream,
    /// The options that it has.
    pub(crate) tuned: Tuned,
    pub(crate) entry: Entry,
    /// The client; the balancer while its header is awaited.
    pub(crate) peer: SocketAddr,
    /// What the client dialled, as a header said.
    pub(crate) dialled: Option<SocketAddr>,
    /// A balancer made the connection, and has another one to the client (`Ingress::is_spliced`).
    pub(crate) is_spliced: bool,
    pub(crate) header: Awaits,
    /// A header said that the balancer itself made the connection: it is counted as a probe.
    pub(crate) is_probe: bool,
    /// When it was accepted.
    pub(crate) since: Instant,
}

/// Whether a PROXY header may be the first that comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaits {
    /// One was read already: another one is data.
    Nothing,
    /// Its address is none from which one is believed.
    Stranger,
    /// A balancer sent it, from which none is expected (`ingress.proxy_protocol = "off"`).
    Off,
    /// It comes with the client's first bytes.
    Late,
}

impl Acceptor {
    /// Somebody connected.
    pub(super) fn arrive(
        &mut self,
        connected: Connected,
        entry: Entry,
        context: &mut Context<Self>,
    ) {
        let Connected { stream, peer, tuned, since } = connected;
        let peer = canonical(peer);
        let policy = self.worker.policy();
        let ingress = &policy.config.ingress;
        let (proxy, header) = match ingress.is_balancer(peer.ip()) {
            true => (ingress.proxy_protocol, Awaits::Off),
            false => (Proxy::Off, Awaits::Stranger),
        };
        let is_spliced = ingress.is_spliced(peer.ip());
        let dialled = None;
        let is_probe = false;
        let mut arrival =
            Arrival { stream, tuned, entry, peer, dialled, is_spliced, header, is_probe, since };
        // Whoever speaks first under TLS and SSH is the client, so its header never comes too late.
        match proxy::in_front(proxy) {
            None => self.open(arrival, context),
            Some(_) if proxy == Proxy::Late && entry.service == Service::Ftp => {
                arrival.header = Awaits::Late;
                self.open(arrival, context);
            }
            Some(versions) => self.await_header(arrival, versions, context),
        }
    }

    fn await_header(&mut self, arrival: Arrival, versions: Versions, context: &mut Context<Self>) {
        let number = self.headers.next();
        let read = async move {
            let header = proxy::read(&arrival.stream, versions).await;
            (arrival, header)
        };
        let wait = context.spawn(read.into_actor(self).map(
            move |(arrival, header), acceptor, context| {
                acceptor.headers.leave(number);
                acceptor.on_header(arrival, header, context);
            },
        ));
        if let Some(oldest) = self.headers.enter(number, wait) {
            context.cancel_future(oldest);
            self.worker.metrics.proxy.crowded.inc();
            debug!("too many connections without their PROXY header: the oldest is closed");
        }
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
                self.worker.metrics.sessions.probes.of(Probe::Local).inc();
                arrival.is_probe = true;
                debug!(balancer = %arrival.peer, "connection of a balancer's own");
            }
            Err(HeaderError::Gone) => {
                self.worker.metrics.sessions.probes.of(Probe::Silent).inc();
                return debug!(balancer = %arrival.peer, "connection without a byte");
            }
            // Anybody can do that through a balancer that sends the header with the client's first bytes.
            Err(error @ HeaderError::Silent) => {
                counts.late.inc();
                return debug!(balancer = %arrival.peer, %error, "connection closed");
            }
            Err(error) => {
                match error {
                    HeaderError::Late => counts.late.inc(),
                    _ => counts.refused.inc(),
                };
                if let Some(held) = self.worker.tells_header() {
                    warn!(held, balancer = %arrival.peer, %error, "connection closed: its PROXY header is missing or wrong (ingress.proxy_protocol)");
                }
                return;
            }
        }
        self.open(arrival, context);
    }

    /// Lets a connection in, or says why not.
    fn open(&mut self, arrival: Arrival, context: &Context<Self>) {
        let service = arrival.entry.service;
        let client = arrival.peer.ip();
        let entrance = match self.entrance(&arrival) {
            Ok(entrance) => entrance,
            Err(text) => return self.turn_away(arrival.stream, service, text),
        };
        let worker = Rc::clone(&self.worker);
        let startup = match service {
            Service::Ftp | Service::Ftps => None,
            Service::Ssh => match worker.startups.enter(client) {
                Ok(startup) => Some(startup),
                Err(_) => {
                    worker.metrics.sessions.refused.of(ConnectionRefusal::Startups).inc();
                    debug!(%client, "too many ssh connections without a login");
                    return self.turn_away(arrival.stream, service, TOO_MANY_STARTUPS);
                }
            },
        };
        let id = worker.next_session();
        let guard = Guard { id, entrance: Some(entrance), _alive: self.living.subscribe() };
        if let Some(startup) = startup {
            let Some(transport) = worker.policy().ssh.clone() else { return };
            let acceptor = self.address(context);
            let session = SshSession::open(worker, transport, acceptor, guard, arrival, startup);
            self.sessions.insert(id, session.recipient().downgrade());
            return;
        }
        match Session::open(worker, self.address(context), guard, arrival) {
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
            worker.metrics.sessions.refused.of(ConnectionRefusal::Draining).inc();
            debug!(%client, "client turned away by a drain");
            return Err(text);
        }
        if worker.is_banned(client, Instant::now()) {
            worker.metrics.sessions.refused.of(ConnectionRefusal::Banned).inc();
            debug!(%client, "banned address turned away");
            return Err(BANNED);
        }
        if worker.metrics.sessions.live() >= self.sessions_max {
            worker.metrics.sessions.refused.of(ConnectionRefusal::Connections).inc();
            return Err("Too many connections (limits.connections).");
        }
        worker.enter(client)
    }

    /// Says why and closes. A TLS client would take it for garbage, so it hears nothing; an SSH client may be told
    /// something before the identification (RFC 4253, 4.2). What the client has said meanwhile is thrown away until
    /// its end comes: closed over unread bytes, the connection would be reset, and that eats the words.
    fn turn_away(&self, mut stream: TcpStream, service: Service, text: &'static str) {
        let code = match service {
            Service::Ftp => "421 ",
            Service::Ftps => return,
            Service::Ssh => "",
        };
        let most = (self.sessions_max / FAREWELLS_PART).clamp(1, FAREWELLS_MAX);
        if Rc::strong_count(&self.farewells) > most {
            return debug!("too many are turned away to tell all of them why");
        }
        let place = Rc::clone(&self.farewells);
        actix::spawn(async move {
            let _place = place;
            let farewell = async {
                stream.write_all(format!("{code}{text}\r\n").as_bytes()).await?;
                stream.shutdown().await?;
                let mut scrap = [0; 256];
                while stream.read(&mut scrap).await? > 0 {}
                std::io::Result::Ok(())
            };
            let _ = tokio::time::timeout(FAREWELL, farewell).await;
        });
    }
}

/// What a banned client is told.
pub(crate) const BANNED: &str = "This address is banned for a while (limits.ban_for).";

const TOO_MANY_STARTUPS: &str = "Too many connections without a login (ssh.startups).";

/// How long a client that is turned away may take to hear why.
const FAREWELL: Duration = Duration::from_secs(2);

/// Connections of an arbiter that hear at once why they are turned away, as a part of those that the node takes: they
/// come out of the descriptors that are kept for transfers. More are only closed.
const FAREWELLS_PART: usize = 64;
/// However many it takes.
const FAREWELLS_MAX: usize = 512;
