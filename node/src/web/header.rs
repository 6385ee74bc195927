//! The PROXY header that balancers may put in front of a health check, whatever
//! `ingress.proxy_protocol` says: a target group of a Network Load Balancer sends it to its health port
//! too, and its checker may not.
//!
//! It is looked for only on connections from `ingress.balancers`. From others it is what it looks like, no
//! HTTP, and answered so.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_http::Protocol;
use actix_http::error::DispatchError;
use flotilla_protocol::proxy::{Decoder, Header, ProxyError, Versions};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tracing::debug;

use super::replayed::Replayed;
use crate::config::Networks;

/// `ingress.balancers`, which a reload may change.
#[derive(Debug, Default)]
pub(crate) struct Balancers(Mutex<Networks>);

impl Balancers {
    pub(crate) fn new(networks: Networks) -> Self {
        Self(Mutex::new(networks))
    }

    /// Goes by other networks from the next connection on.
    pub(crate) fn adopt(&self, networks: Networks) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = networks;
    }

    fn contain(&self, peer: SocketAddr) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(peer.ip())
    }
}

/// A connection as actix-http takes it, with the address that its requests come from.
type Begun = (Replayed, Protocol, Option<SocketAddr>);

/// Reads the header, if one is to be looked for and comes.
pub(super) async fn begin(
    stream: TcpStream,
    balancers: Arc<Balancers>,
) -> Result<Begun, DispatchError> {
    let peer = stream.peer_addr()?;
    if !balancers.contain(peer) {
        return Ok((Replayed::new(Vec::new(), stream), Protocol::Http1, Some(peer)));
    }
    let received = tokio::time::timeout(PATIENCE, receive(stream, peer)).await;
    received.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(|error| {
        debug!(%peer, %error, "connection to health.listen closed before a request");
        DispatchError::Io(error)
    })
}

/// What comes first from a balancer: a header, or a request without one.
async fn receive(mut stream: TcpStream, peer: SocketAddr) -> io::Result<Begun> {
    let mut decoder = Decoder::new(Versions::Any);
    let mut bytes = [0; CHUNK];
    loop {
        let count = stream.read(&mut bytes).await?;
        let input = bytes.get(..count).unwrap_or_default();
        if input.is_empty() {
            // A check that only connects.
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (before, client) = match decoder.decode(input) {
            Ok((_, None)) => continue,
            Ok((taken, Some(header))) => {
                let client = match header {
                    Header::Local => peer,
                    Header::Proxied { source, .. } => source,
                };
                (input.get(taken..).unwrap_or_default().to_vec(), client)
            }
            Err(ProxyError::NotProxy) => ([decoder.untaken(), input].concat(), peer),
            Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        };
        return Ok((Replayed::new(before, stream), Protocol::Http1, Some(client)));
    }
}

/// For the header, or the first byte of a request: as long as actix-http waits for a request.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes read at once: a header, and what of a request comes with it.
const CHUNK: usize = 1024;
