//! How a data connection comes about: accepted or connected, then protected, then judged.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flotilla_protocol::ftp::{Failure, Route};
use rustls::ServerConfig;
use tracing::debug;

use super::contest;
use crate::config::DataReuse;
use crate::data::{Connection, Socket, connect_active};
use crate::hex;
use crate::ports::{Accepted, Grant, Via};
use crate::tls::{self, SessionKey};

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
}

/// TLS on the data connection, bound to the control connection.
pub(super) struct Protection {
    pub(super) config: Arc<ServerConfig>,
    pub(super) key: SessionKey,
    pub(super) reuse: DataReuse,
    /// The port takes anybody, so only who resumes the session is the client.
    pub(super) strangers: bool,
}

impl Link {
    /// Waits for the client or goes to it; `opened` is called as soon as the TCP connection stands, before the
    /// TLS handshake, for which the client waits until it has read the 150.
    pub(super) async fn open(&mut self, opened: impl FnOnce()) -> Result<Connection, Failure> {
        let deadline = Instant::now() + self.timeout;
        let socket = self.connect(deadline).await?;
        opened();
        let Some(protection) = &self.protection else { return Ok(Connection::Clear(socket)) };
        match &mut self.passive {
            Some(grant) => {
                let connection = contest::decide(socket, grant, protection, deadline).await;
                // Nobody else is waited for.
                self.passive = None;
                connection
            }
            None => {
                let config = Arc::clone(&protection.config);
                let secured = Connection::secure(socket, config, protection.key, deadline);
                let (connection, binding) = secured.await?;
                tls::judge(protection.reuse, binding)?;
                Ok(connection)
            }
        }
    }

    async fn connect(&mut self, deadline: Instant) -> Result<Socket, Failure> {
        match self.route {
            Route::Passive => accept(self.passive.as_mut(), deadline).await,
            Route::Active(target) => active(target, self.local, deadline).await,
        }
    }
}

async fn accept(grant: Option<&mut Grant>, deadline: Instant) -> Result<Socket, Failure> {
    let Some(grant) = grant else { return Err(Failure::Internal) };
    let accepted = tokio::time::timeout_at(deadline.into(), grant.accept());
    let accepted = accepted.await.map_err(|_| Failure::DataTimeout)?;
    Ok(taken(accepted))
}

/// A connection that came to a passive port.
pub(super) fn taken(accepted: Accepted) -> Socket {
    if let Some(Via { sender, trace }) = accepted.via {
        let trace_id = hex::text(trace.get(..TRACE_ID_BYTES).unwrap_or_default());
        debug!(%sender, trace_id, "data connection came through another node");
    }
    Socket::prepared(accepted.stream)
}

async fn active(target: SocketAddr, local: IpAddr, deadline: Instant) -> Result<Socket, Failure> {
    connect_active(target, local, deadline).await
}

/// The part of a trace that all of its spans have (W3C Trace Context, 3.2.2.3).
const TRACE_ID_BYTES: usize = 16;
