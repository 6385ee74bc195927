//! To which trace a relay belongs: what the owner's session says of it, and the relay hears.

use std::io;
use std::net::{Shutdown, TcpStream as StdStream};

use flotilla_cluster::relay::Welcome;
use rustix::net::SendFlags;
use tokio::net::TcpStream;

use crate::telemetry::Context;

/// Tells the relay at the other end, before any other byte, to which span it belongs. Takes no time: nothing was sent
/// on the connection yet, so there is room.
///
/// It goes with what comes next, or after 0.2 s (`MSG_MORE`, tcp(7)): of a download it costs no packet, and an upload
/// does not wait for it.
pub(crate) fn say(stream: &StdStream, trace: Context) {
    let welcome = Welcome { trace: trace.to_bytes(), is_sampled: trace.is_sampled };
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL | SendFlags::MORE;
    if rustix::net::send(stream, &welcome.encode(), flags) != Ok(Welcome::BYTES) {
        // It is broken, and whoever goes on with it sees that: the relay must not take other bytes for these.
        let _ = stream.shutdown(Shutdown::Both);
    }
}

/// What the owner says first; `None`: it ended without a word, for nobody there took the connection.
pub(super) async fn hear(owner: &TcpStream) -> io::Result<Option<Context>> {
    let mut bytes = [0; Welcome::BYTES];
    let mut rest = bytes.as_mut_slice();
    while !rest.is_empty() {
        owner.readable().await?;
        match owner.try_read(rest) {
            Ok(0) if rest.len() == Welcome::BYTES => return Ok(None),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => rest = rest.get_mut(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    let welcome = Welcome::decode(&bytes);
    let Welcome { trace, is_sampled } =
        welcome.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    Ok(Some(Context { is_sampled, ..Context::of_bytes(trace) }))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use actix_rt::System;
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;

    /// The relay's end, and that of the owner.
    async fn pair() -> (TcpStream, StdStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (one, other) = tokio::join!(TcpStream::connect(address), listener.accept());
        (one.unwrap(), other.unwrap().0.into_std().unwrap())
    }

    #[test]
    fn what_is_said_is_heard_and_no_byte_more() {
        System::new().block_on(async {
            for is_sampled in [false, true] {
                let (mut relay, mut owner) = pair().await;
                let trace = Context { is_sampled, ..Context::root() };
                say(&owner, trace);
                owner.write_all(b"a file").unwrap();
                drop(owner);
                assert_eq!(hear(&relay).await.unwrap(), Some(trace));
                let mut file = Vec::new();
                relay.read_to_end(&mut file).await.unwrap();
                assert_eq!(file, b"a file");
            }
        });
    }

    /// An upload: the owner says nothing more for long.
    #[test]
    fn it_comes_without_anything_behind_it() {
        System::new().block_on(async {
            let (relay, owner) = pair().await;
            say(&owner, Context::root());
            let heard = tokio::time::timeout(std::time::Duration::from_secs(10), hear(&relay));
            assert!(heard.await.unwrap().unwrap().is_some());
        });
    }

    #[test]
    fn silence_is_no_error_and_other_words_are() {
        System::new().block_on(async {
            for (words, expected) in [
                (&b""[..], None),
                (b"FLRW", Some(io::ErrorKind::UnexpectedEof)),
                (&[b'x'; Welcome::BYTES], Some(io::ErrorKind::InvalidData)),
            ] {
                let (relay, mut owner) = pair().await;
                owner.write_all(words).unwrap();
                drop(owner);
                let heard = hear(&relay).await;
                assert_eq!(heard.as_ref().err().map(io::Error::kind), expected);
                assert_eq!(heard.ok().flatten(), None);
            }
        });
    }
}
