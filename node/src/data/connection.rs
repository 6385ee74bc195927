//! A data connection, clear or with TLS.

use std::sync::Arc;
use std::time::Instant;

use flotilla_protocol::ftp::Failure;
use rustls::ServerConfig;

use super::pace::Pace;
use super::secure::Secure;
use super::socket::{Socket, Then};
use crate::tls::{Binding, SessionKey};

/// What a transfer moves over. Dropped in the middle, it tells the peer no clean end: over TLS
/// there is no `close_notify`.
#[derive(Debug)]
pub enum Connection {
    /// As it is.
    Clear(Socket),
    /// Inside TLS.
    Tls(Box<Secure>),
}

impl Connection {
    /// Shakes hands as the TLS server and tells whose session was resumed: see
    /// [`judge`](crate::tls::judge). Tickets given out here belong to the session `key` as well.
    ///
    /// # Errors
    ///
    /// [`Failure::DataHandshake`], and [`Failure::DataTimeout`] at the deadline.
    pub async fn secure(
        socket: Socket,
        config: Arc<ServerConfig>,
        key: SessionKey,
        deadline: Instant,
    ) -> Result<(Self, Binding), Failure> {
        let (secure, binding) = Secure::accept(socket, config, key, deadline).await?;
        Ok((Self::Tls(Box::new(secure)), binding))
    }

    /// The version of TLS, and whether the client resumed a session; `None` in clear.
    pub(crate) fn tls(&self) -> Option<(&'static str, bool)> {
        match self {
            Self::Clear(_) => None,
            Self::Tls(secure) => secure.negotiated(),
        }
    }

    /// Sends all of `data`.
    pub(super) async fn write_all(&mut self, data: &[u8], pace: &mut Pace) -> Result<(), Failure> {
        self.write(data, Then::More, pace).await
    }

    /// Sends all of `data`, behind which [`finish`](Self::finish) comes at once.
    pub(super) async fn write_last(&mut self, data: &[u8], pace: &mut Pace) -> Result<(), Failure> {
        self.write(data, Then::End, pace).await
    }

    async fn write(&mut self, mut data: &[u8], then: Then, pace: &mut Pace) -> Result<(), Failure> {
        while !data.is_empty() {
            let piece = data.get(..pace.piece()).unwrap_or(data);
            let sent = match self {
                Self::Clear(socket) => {
                    pace.watch(socket.send(piece, then)).await?.map_err(|_| Failure::DataBroken)?
                }
                Self::Tls(secure) => {
                    let taken = secure.encrypt(piece).map_err(|_| Failure::DataBroken)?;
                    secure.flush_watched(pace).await?;
                    taken
                }
            };
            pace.moved(sent).await;
            data = data.get(sent..).unwrap_or_default();
        }
        Ok(())
    }

    /// Appends to the room that `out` has, at least 19 KiB; 0 is the clean end.
    pub(super) async fn read(
        &mut self,
        out: &mut Vec<u8>,
        pace: &mut Pace,
    ) -> Result<usize, Failure> {
        match self {
            Self::Clear(socket) => {
                pace.watch(socket.receive(out)).await?.map_err(|_| Failure::DataBroken)
            }
            Self::Tls(secure) => secure.read(out, pace).await,
        }
    }

    /// Closes after an upload that came to its end.
    pub(super) async fn close(self, pace: &mut Pace) {
        match self {
            // Both sides have said all: nothing is unread, so the close is a clean end.
            Self::Clear(socket) => drop(socket),
            // The upload is whole: a client that has gone already does not change that.
            Self::Tls(secure) => drop(secure.finish(pace).await),
        }
    }

    /// Ends what this side sends, cleanly, and closes.
    pub(super) async fn finish(self, pace: &mut Pace) -> Result<(), Failure> {
        match self {
            Self::Clear(socket) => socket.finish(),
            Self::Tls(secure) => secure.finish(pace).await,
        }
    }
}
