//! How a data connection comes about: accepted or connected, then protected, then judged.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flotilla_protocol::ftp::{Failure, Route};
use flotilla_protocol::proxy::{Decoder, Versions, is_header_start};
use rustls::ServerConfig;
use tracing::{debug, warn};

use super::contest;
use super::trace::Story;
use crate::config::{DataReuse, Networks};
use crate::data::{Connection, Socket, connect_active};
use crate::metrics::{DataRefusal, Metrics};
use crate::ports::{Accepted, Grant, Via};
use crate::relay::welcome;
use crate::telemetry::Context;
use crate::tls::{self, Binding, SessionKey};
use crate::worker::Worker;

/// Everything that is needed for one data connection.
pub(super) struct Link {
    pub(super) route: Route,
    /// The grant of the last PASV or EPSV.
    pub(super) passive: Option<Grant>,
    /// This end of the control connection: active connections come from there.
    pub(super) local: IpAddr,
    pub(super) timeout: Duration,
    /// TLS, for PROT P.
    pub(super) protection: Option<Protection>,
    /// Balancers from which no PROXY header is expected on data connections.
    pub(super) headless: Networks,
    /// One of them made the connection.
    pub(super) is_headless: bool,
    /// The span of the transfer.
    pub(super) trace: Context,
    /// What is told of it there.
    pub(super) story: Option<Rc<Story>>,
}

/// TLS on the data connection, bound to the control connection.
pub(super) struct Protection {
    pub(super) config: Arc<ServerConfig>,
    pub(super) key: SessionKey,
    pub(super) reuse: DataReuse,
    /// The port takes anybody, so only who resumes the session is the client.
    pub(super) strangers: bool,
    pub(super) metrics: Arc<Metrics>,
}

impl Protection {
    /// Whether this connection is the client's; counted either way.
    pub(super) fn judge(
        &self,
        shaken: Result<(Connection, Binding), Failure>,
    ) -> Result<Connection, Failure> {
        let data = &self.metrics.data;
        let judged = shaken.and_then(|(connection, binding)| {
            data.shaken(binding);
            match (self.strangers, binding) {
                (true, Binding::Resumed) => {}
                (true, _) => return Err(Failure::DataNotResumed),
                (false, binding) => tls::judge(self.reuse, binding)?,
            }
            Ok(connection)
        });
        match &judged {
            Ok(_) => {}
            Err(Failure::DataNotResumed) => data.refused.of(DataRefusal::Session).inc(),
            Err(_) => data.refused.of(DataRefusal::Handshake).inc(),
        }
        judged
    }
}

impl Link {
    /// Waits for the client or goes to it; `opened` is called as soon as the TCP connection stands, before the
    /// TLS handshake, for which the client waits until it has read the 150.
    pub(super) async fn open(&mut self, opened: impl FnOnce()) -> Result<Connection, Failure> {
        let now = Instant::now();
        let deadline = now + self.timeout;
        if let Some(story) = &self.story {
            story.begins(now);
        }
        let socket = self.connect(deadline).await?;
        if let Some(story) = &self.story {
            story.connected();
        }
        opened();
        let connection = self.secure(socket, deadline).await?;
        if let Some(story) = &self.story {
            story.passed(&connection);
        }
        Ok(connection)
    }

    /// Shakes hands where that was agreed, and judges.
    async fn secure(&mut self, socket: Socket, deadline: Instant) -> Result<Connection, Failure> {
        let Some(protection) = &self.protection else { return Ok(Connection::Clear(socket)) };
        match &mut self.passive {
            Some(grant) => {
                let connection = contest::decide(
                    socket,
                    grant,
                    protection,
                    self.trace,
                    deadline,
                    self.story.as_deref(),
                )
                .await;
                // Nobody else is waited for.
                self.passive = None;
                connection
            }
            None => {
                let config = Arc::clone(&protection.config);
                let secured = Connection::secure(socket, config, protection.key, deadline);
                protection.judge(secured.await)
            }
        }
    }

    /// Fails where a clear upload begins with a PROXY header: a balancer put it there although none is expected
    /// (`ingress.data_proxy_protocol`), and it would be the beginning of the file. Who comes otherwise costs nothing.
    pub(super) async fn refuse_header(
        &self,
        connection: &mut Connection,
        stalled: Duration,
        worker: &Worker,
    ) -> Result<(), Failure> {
        let (true, Connection::Clear(socket)) = (self.is_headless, connection) else {
            return Ok(());
        };
        let mut first = [0; HEADER_BYTES];
        let peeked = tokio::time::timeout(stalled, socket.peek(&mut first)).await;
        let peeked = peeked.map_err(|_| Failure::DataStalled)?.map_err(|_| Failure::DataBroken)?;
        if !is_header(first.get(..peeked).unwrap_or_default()) {
            return Ok(());
        }
        worker.metrics.proxy.refused.inc();
        worker.metrics.data.refused.of(DataRefusal::Header).inc();
        if let Some(held) = worker.tells_header() {
            let key = "ingress.data_proxy_protocol";
            warn!(held, key, "upload refused: a balancer sends PROXY headers on data connections");
        }
        Err(Failure::DataBroken)
    }

    async fn connect(&mut self, deadline: Instant) -> Result<Socket, Failure> {
        match self.route {
            Route::Passive => {
                let accepted = accept(self.passive.as_mut(), deadline).await?;
                self.is_headless = self.headless.contains(accepted.peer.ip());
                if let Some(story) = &self.story {
                    story.came(accepted.via.map(|via| via.sender));
                }
                Ok(taken(accepted, self.trace))
            }
            Route::Active(target) => connect_active(target, self.local, deadline).await,
        }
    }
}

async fn accept(grant: Option<&mut Grant>, deadline: Instant) -> Result<Accepted, Failure> {
    let Some(grant) = grant else { return Err(Failure::Internal) };
    let accepted = tokio::time::timeout_at(deadline.into(), grant.accept());
    accepted.await.map_err(|_| Failure::DataTimeout)
}

/// A connection that came to a passive port. If another node brought it, that one hears for which transfer it is.
pub(super) fn taken(accepted: Accepted, transfer: Context) -> Socket {
    if let Some(Via { sender, trace }) = accepted.via {
        welcome::say(&accepted.stream, transfer);
        let relay = Context::of_bytes(trace).span;
        debug!(%sender, %relay, "data connection came through another node");
    }
    Socket::prepared(accepted.stream)
}

/// Whether bytes that may be a file's are a header. A text may begin with the word of version 1.
fn is_header(bytes: &[u8]) -> bool {
    let is_binary = bytes.starts_with(b"\r");
    let is_whole = || matches!(Decoder::new(Versions::V1).decode(bytes), Ok((_, Some(_))));
    is_header_start(bytes) && (is_binary || is_whole())
}

/// The longest header of version 1, and more than the signature of version 2.
const HEADER_BYTES: usize = 107;
