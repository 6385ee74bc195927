//! The header by which a balancer says whose connection it passes on, read off the front of a socket.
//!
//! Only exactly the header is taken, by peeking first, so that whatever speaks next (TLS, SSH, a file) finds
//! the stream as the client began it.

use std::io;
use std::time::Duration;

use flotilla_protocol::proxy::{Decoder, Header, ProxyError, Versions};
use tokio::net::TcpStream;

use crate::config::Proxy;

/// Why there is no header.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HeaderError {
    /// What came is none that is accepted.
    #[error(transparent)]
    Refused(#[from] ProxyError),
    /// It began, and did not come to its end in time.
    #[error("no whole PROXY header within {} seconds", PATIENCE.as_secs())]
    Late,
    /// Not a byte came in time.
    #[error("no PROXY header within {} seconds", PATIENCE.as_secs())]
    Silent,
    /// The connection ended before it.
    #[error("the connection ended before its PROXY header")]
    Gone,
}

/// Reads the header of a fresh connection, within [`PATIENCE`].
///
/// # Errors
/// There is none; the connection can only be closed.
pub(crate) async fn read(stream: &TcpStream, versions: Versions) -> Result<Header, HeaderError> {
    read_within(stream, versions, PATIENCE).await
}

async fn read_within(
    stream: &TcpStream,
    versions: Versions,
    patience: Duration,
) -> Result<Header, HeaderError> {
    let mut has_begun = false;
    match tokio::time::timeout(patience, take(stream, versions, &mut has_begun)).await {
        Ok(result) => result,
        Err(_) if has_begun => Err(HeaderError::Late),
        Err(_) => Err(HeaderError::Silent),
    }
}

async fn take(
    stream: &TcpStream,
    versions: Versions,
    has_begun: &mut bool,
) -> Result<Header, HeaderError> {
    let mut decoder = Decoder::new(versions);
    let mut buffer = [0; PEEK_BYTES];
    loop {
        let peeked = stream.peek(&mut buffer).await.map_err(|_| HeaderError::Gone)?;
        let bytes = buffer.get(..peeked).unwrap_or_default();
        if bytes.is_empty() {
            return Err(HeaderError::Gone);
        }
        *has_begun = true;
        let (taken, header) = decoder.decode(bytes)?;
        discard(stream, taken).await.map_err(|_| HeaderError::Gone)?;
        if let Some(header) = header {
            return Ok(header);
        }
    }
}

/// Reads so many bytes away, which are there.
async fn discard(stream: &TcpStream, mut count: usize) -> io::Result<()> {
    let mut scrap = [0; PEEK_BYTES];
    while count > 0 {
        let room = scrap.get_mut(..count.min(PEEK_BYTES)).unwrap_or_default();
        match stream.try_read(room) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => count -= read.min(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.readable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The versions that are taken in front of everything; `None`: no header is waited for.
pub(crate) fn in_front(proxy: Proxy) -> Option<Versions> {
    match proxy {
        Proxy::Off => None,
        Proxy::V1 => Some(Versions::V1),
        Proxy::V2 | Proxy::Late => Some(Versions::V2),
        Proxy::Any => Some(Versions::Any),
    }
}

/// How long a header may take, from the connection on: the specification asks for 3 s at least, and a lost
/// packet costs one.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// Peeked at a time: a header with the usual TLVs.
const PEEK_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use actix_rt::System;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (client, server) = tokio::join!(TcpStream::connect(address), listener.accept());
        (client.unwrap(), server.unwrap().0)
    }

    #[test]
    fn exactly_the_header_is_taken() {
        System::new().block_on(async {
            let (mut client, mut server) = pair().await;
            let header = b"PROXY TCP4 192.0.2.1 192.0.2.9 4000 21\r\n";
            client.write_all(header.get(..9).unwrap()).await.unwrap();
            let reading = async {
                let header = read(&server, Versions::Any).await.unwrap();
                let mut rest = [0; 4];
                server.read_exact(&mut rest).await.unwrap();
                (header, rest)
            };
            let writing = async {
                actix_rt::task::yield_now().await;
                client.write_all(header.get(9..).unwrap()).await.unwrap();
                client.write_all(b"USER").await.unwrap();
            };
            let ((header, rest), ()) = tokio::join!(reading, writing);
            let Header::Proxied { source, destination } = header else { panic!("{header:?}") };
            assert_eq!(source, "192.0.2.1:4000".parse().unwrap());
            assert_eq!(destination, "192.0.2.9:21".parse().unwrap());
            assert_eq!(&rest, b"USER");
        });
    }

    #[test]
    fn what_is_no_header_is_refused() {
        System::new().block_on(async {
            let (mut client, server) = pair().await;
            client.write_all(b"USER a\r\n").await.unwrap();
            let refused = read(&server, Versions::Any).await;
            let is_refused = matches!(refused, Err(HeaderError::Refused(ProxyError::NotProxy)));
            assert!(is_refused, "{refused:?}");
            let (client, server) = pair().await;
            drop(client);
            assert!(matches!(read(&server, Versions::V1).await, Err(HeaderError::Gone)));
        });
    }

    #[test]
    fn nobody_waits_for_ever() {
        System::new().block_on(async {
            let (mut client, server) = pair().await;
            let wait = || read_within(&server, Versions::V2, Duration::from_millis(50));
            let silent = wait().await;
            assert!(matches!(silent, Err(HeaderError::Silent)), "{silent:?}");
            client.write_all(b"\r\n\r\n").await.unwrap();
            let late = wait().await;
            assert!(matches!(late, Err(HeaderError::Late)), "{late:?}");
        });
    }
}
