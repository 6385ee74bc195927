//! The control connection: clear or under TLS, read into a shared buffer, written without a queue.
//!
//! An idle connection holds no buffer: bytes are read into the arbiter's scratch buffer, and what the
//! client does not take yet stays in the machine's output, which stops the machine from reading on.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::{HandshakeKind, ProtocolVersion};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::roster::Tls;

/// The transport of the control connection.
pub(crate) enum Wire {
    /// In clear.
    Clear(TcpStream),
    /// Under TLS.
    Tls(Box<TlsStream<TcpStream>>),
    /// The stream is away for a handshake, or the connection is over.
    Detached,
}

impl Wire {
    /// Reads into `buffer`; 0 is the end.
    pub(crate) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            // Not `poll_read`: it takes a read that does not fill the buffer for the last one, but the
            // kernel also stops at the urgent byte of a telnet synch, with more behind it.
            Self::Clear(stream) => loop {
                ready!(stream.poll_read_ready(context))?;
                match stream.try_read(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    result => return Poll::Ready(result),
                }
            },
            Self::Tls(stream) => {
                let mut buffer = ReadBuf::new(buffer);
                ready!(Pin::new(stream.as_mut()).poll_read(context, &mut buffer))?;
                Poll::Ready(Ok(buffer.filled().len()))
            }
            Self::Detached => Poll::Pending,
        }
    }

    /// Writes `output` and takes off its front what is on its way; ready when all of it is.
    pub(crate) fn poll_flush(
        &mut self,
        context: &mut Context<'_>,
        output: &mut Vec<u8>,
    ) -> Poll<io::Result<()>> {
        while !output.is_empty() {
            let written = match self {
                Self::Clear(stream) => match stream.try_write(output) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        ready!(stream.poll_write_ready(context))?;
                        continue;
                    }
                    result => result?,
                },
                Self::Tls(stream) => ready!(Pin::new(stream.as_mut()).poll_write(context, output))?,
                Self::Detached => return Poll::Pending,
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            output.drain(..written);
        }
        if output.capacity() > OUTPUT_KEPT_BYTES {
            *output = Vec::new();
        }
        match self {
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(context),
            Self::Clear(_) | Self::Detached => Poll::Ready(Ok(())),
        }
    }

    /// Ends the sending side: close_notify under TLS, then FIN.
    pub(crate) fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Clear(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(context),
            Self::Detached => Poll::Ready(Ok(())),
        }
    }

    /// Takes the clear stream out for a handshake.
    pub(crate) fn detach(&mut self) -> Option<TcpStream> {
        match std::mem::replace(self, Self::Detached) {
            Self::Clear(stream) => Some(stream),
            other => {
                *self = other;
                None
            }
        }
    }

    /// The name of the TLS handshake (SNI).
    pub(crate) fn server_name(&self) -> Option<&str> {
        match self {
            Self::Tls(stream) => stream.get_ref().1.server_name(),
            Self::Clear(_) | Self::Detached => None,
        }
    }

    /// The socket, unless it is away.
    pub(crate) fn socket(&self) -> Option<&TcpStream> {
        match self {
            Self::Clear(stream) => Some(stream),
            Self::Tls(stream) => Some(stream.get_ref().0),
            Self::Detached => None,
        }
    }

    /// Whether there are keys that can be changed without a word to the client: under TLS 1.3.
    pub(crate) fn can_update_keys(&self) -> bool {
        let Self::Tls(stream) = self else { return false };
        stream.get_ref().1.protocol_version() == Some(ProtocolVersion::TLSv1_3)
    }

    /// Prepares a KeyUpdate, which the next flush sends; whether there is one to send.
    pub(crate) fn update_keys(&mut self) -> bool {
        let Self::Tls(stream) = self else { return false };
        stream.get_mut().1.refresh_traffic_keys().is_ok()
    }

    /// How it is protected, once it is.
    pub(crate) fn protection(&self) -> Option<Tls> {
        let Self::Tls(stream) = self else { return None };
        let (_, tls) = stream.get_ref();
        Some(Tls {
            version: tls.protocol_version()?.as_str()?,
            cipher: tls.negotiated_cipher_suite()?.suite().as_str()?,
        })
    }

    /// Whether its TLS session goes on with an older one.
    pub(crate) fn is_resumed(&self) -> bool {
        let Self::Tls(stream) = self else { return false };
        stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// The end-entity certificate that the client showed, verified, in DER.
    pub(crate) fn peer_certificate(&self) -> Option<Arc<[u8]>> {
        match self {
            Self::Tls(stream) => crate::tls::peer_certificate(stream.get_ref().1),
            Self::Clear(_) | Self::Detached => None,
        }
    }
}

/// Ordinary replies fit; a listing's larger buffer is given back as soon as it is sent.
const OUTPUT_KEPT_BYTES: usize = 256;
