//! Bytes both ways between two sockets, until both have ended.
//!
//! The kernel moves them: socket to pipe to socket (splice(2)), no byte is copied into the process. A pipe is
//! held only while there is something in it, so that a relay that waits has none, and one whose reader is slow
//! stops its writer: nothing is read before what was read is gone.
//!
//! As much is taken at once as a pipe holds, 1 MiB as a rule; with a slow reader so much is held in each
//! direction. With 256 KiB at once a relaying node spent 1.5 times as much on a byte of an upload, 1.4 times on
//! one of a download in clear and 1.1 times on one by TLS (`flotilla-loadtest relay`, five alternating runs).

use std::cell::Cell;
use std::io;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use futures_util::future::try_join;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use rustix::pipe::SpliceFlags;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::{abort_at_close, end_at_close};
use crate::keepalive::Tuned;
use crate::pipe::{Pipe, is_open};

/// What a relay moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Moved {
    /// From the client to the owner.
    pub(super) inward: u64,
    /// From the owner to the client.
    pub(super) outward: u64,
}

/// Moves bytes until both sides have said their end; each end is passed on at once.
///
/// # Errors
/// One side broke, or no byte moved for `stalled`. Both are reset then.
pub(super) async fn run(
    client: TcpStream,
    owner: TcpStream,
    stalled: Duration,
) -> (Moved, io::Result<()>) {
    let (inward, outward) = (Cell::new(0), Cell::new(0));
    let result = {
        let both = try_join(carry(&client, &owner, &inward), carry(&owner, &client, &outward));
        tokio::select! {
            result = both => result.map(drop),
            () = silence(stalled, [&client, &owner], || inward.get() + outward.get()) => {
                Err(io::ErrorKind::TimedOut.into())
            }
        }
    };
    let settle = if result.is_ok() { end_at_close } else { abort_at_close };
    // A socket that takes no option is broken already.
    let _ = (settle(&client), settle(&owner));
    (Moved { inward: inward.get(), outward: outward.get() }, result)
}

/// Ends when nothing has moved for so long. Meanwhile the sockets are kept as the policy has it now.
async fn silence(stalled: Duration, sockets: [&TcpStream; 2], moved: impl Fn() -> u64) {
    let mut tuned = sockets.map(|socket| (Tuned::now(), socket));
    let (mut before, mut since) = (moved(), Instant::now());
    loop {
        let left = stalled.saturating_sub(since.elapsed());
        tokio::time::sleep(left.min(LOOK)).await;
        for (tuned, socket) in &mut tuned {
            tuned.refresh(*socket);
        }
        let now = moved();
        if now != before {
            (before, since) = (now, Instant::now());
        } else if since.elapsed() >= stalled {
            return;
        }
    }
}

/// One direction, with its end.
async fn carry(from: &TcpStream, to: &TcpStream, moved: &Cell<u64>) -> io::Result<()> {
    let mut since_rest = 0;
    loop {
        from.readable().await?;
        let count = match Pipe::take(PIPE_BYTES_MIN) {
            Some(pipe) => splice(from, to, pipe).await?,
            None => copy(from, to).await?,
        };
        match count {
            Batch::Nothing => continue,
            Batch::End => break,
            Batch::Bytes(count) => {
                moved.set(moved.get() + count as u64);
                since_rest += count;
            }
        }
        if since_rest >= TURN_BYTES {
            since_rest = 0;
            tokio::task::yield_now().await;
        }
    }
    SockRef::from(to).shutdown(Shutdown::Write)
}

/// What one look at a socket brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Batch {
    Nothing,
    Bytes(usize),
    End,
}

async fn splice(from: &TcpStream, to: &TcpStream, pipe: Pipe) -> io::Result<Batch> {
    let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
    let filled = from.try_io(Interest::READABLE, || {
        retried(|| {
            rustix::pipe::splice(from.as_fd(), None, &pipe.writer, None, pipe.capacity, flags)
        })
    });
    let count = match filled {
        Ok(0) => {
            pipe.put();
            return match is_open(from.as_fd()) {
                Ok(false) => Ok(Batch::End),
                Ok(true) => copy(from, to).await,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Batch::Nothing),
                Err(error) => Err(error),
            };
        }
        Ok(count) => count,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            pipe.put();
            return Ok(Batch::Nothing);
        }
        Err(error) => return Err(error),
    };
    let mut left = count;
    while left > 0 {
        let emptied = to.try_io(Interest::WRITABLE, || {
            retried(|| rustix::pipe::splice(&pipe.reader, None, to.as_fd(), None, left, flags))
        });
        match emptied {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(gone) => left = left.saturating_sub(gone),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => to.writable().await?,
            Err(error) => return Err(error),
        }
    }
    pipe.put();
    Ok(Batch::Bytes(count))
}

/// The same through a buffer, where there is no pipe, or urgent data is in its way.
async fn copy(from: &TcpStream, to: &TcpStream) -> io::Result<Batch> {
    let mut buffer = vec![0; COPY_BYTES];
    let received = from.try_io(Interest::READABLE, || {
        retried(|| rustix::net::recv(from.as_fd(), &mut buffer[..], RecvFlags::DONTWAIT))
    });
    let count = match received {
        Ok((_, 0)) => return Ok(Batch::End),
        Ok((count, _)) => count,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Batch::Nothing),
        Err(error) => return Err(error),
    };
    let mut rest = buffer.get(..count).unwrap_or_default();
    while !rest.is_empty() {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        let sent = to
            .try_io(Interest::WRITABLE, || retried(|| rustix::net::send(to.as_fd(), rest, flags)));
        match sent {
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => to.writable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(Batch::Bytes(count))
}

fn retried<T>(mut call: impl FnMut() -> Result<T, Errno>) -> io::Result<T> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            result => return Ok(result?),
        }
    }
}

/// Between two looks at whether something moved.
const LOOK: Duration = Duration::from_secs(5);
/// Moved by one relay before other tasks of the arbiter run.
const TURN_BYTES: usize = 1024 * 1024;
/// A smaller pipe is no better than a buffer.
const PIPE_BYTES_MIN: usize = 64 * 1024;
const COPY_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use actix_rt::System;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Client, relay with both of its ends, owner.
    async fn line() -> (TcpStream, TcpStream, TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let pair = || async {
            let (one, other) = tokio::join!(TcpStream::connect(address), listener.accept());
            (one.unwrap(), other.unwrap().0)
        };
        let (client, inner) = pair().await;
        let (outer, owner) = pair().await;
        for stream in [&inner, &outer] {
            abort_at_close(stream).unwrap();
        }
        (client, inner, outer, owner)
    }

    fn content(bytes: usize) -> Vec<u8> {
        (0..bytes).map(|place| (place * 7 + place / 251) as u8).collect()
    }

    #[test]
    fn both_ways_and_each_end_on_its_own() {
        System::new().block_on(async {
            let (mut client, inner, outer, mut owner) = line().await;
            let upload = content(3 * 1024 * 1024 + 17);
            let sent = upload.clone();
            let relay = actix_rt::spawn(run(inner, outer, Duration::from_secs(60)));
            let peer = actix_rt::spawn(async move {
                client.write_all(&sent).await.unwrap();
                client.shutdown().await.unwrap();
                let mut answer = Vec::new();
                client.read_to_end(&mut answer).await.unwrap();
                answer
            });
            let mut received = Vec::new();
            owner.read_to_end(&mut received).await.unwrap();
            assert!(received == upload);
            // The other direction is open yet.
            owner.write_all(b"taken").await.unwrap();
            drop(owner);
            assert_eq!(peer.await.unwrap(), b"taken");
            let (moved, result) = relay.await.unwrap();
            result.unwrap();
            assert_eq!(moved, Moved { inward: upload.len() as u64, outward: 5 });
        });
    }

    #[test]
    fn a_reset_is_passed_on_as_one() {
        System::new().block_on(async {
            let (mut client, inner, outer, mut owner) = line().await;
            let relay = actix_rt::spawn(run(inner, outer, Duration::from_secs(60)));
            client.write_all(b"half").await.unwrap();
            let mut half = [0; 4];
            owner.read_exact(&mut half).await.unwrap();
            abort_at_close(&client).unwrap();
            drop(client);
            let error = owner.read(&mut half).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
            assert!(relay.await.unwrap().1.is_err());
        });
    }

    #[test]
    fn the_death_of_a_relay_is_no_end_of_a_file() {
        System::new().block_on(async {
            let (mut client, inner, outer, mut owner) = line().await;
            let relay = actix_rt::spawn(run(inner, outer, Duration::from_secs(60)));
            client.write_all(b"half").await.unwrap();
            let mut half = [0; 4];
            owner.read_exact(&mut half).await.unwrap();
            relay.abort();
            let error = owner.read(&mut half).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
            let error = client.read(&mut half).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        });
    }

    #[test]
    fn silence_ends_it() {
        System::new().block_on(async {
            let (client, inner, outer, owner) = line().await;
            let begun = Instant::now();
            let (moved, result) = run(inner, outer, Duration::from_millis(20)).await;
            assert_eq!(result.unwrap_err().kind(), io::ErrorKind::TimedOut);
            assert_eq!(moved, Moved::default());
            assert!(begun.elapsed() >= Duration::from_millis(20));
            drop((client, owner));
        });
    }

    #[test]
    fn a_slow_reader_stops_the_writer() {
        System::new().block_on(async {
            let (client, inner, outer, owner) = line().await;
            let relay = actix_rt::spawn(run(inner, outer, Duration::from_secs(60)));
            let piece = content(64 * 1024);
            let mut taken: usize = 0;
            // Nobody reads at the owner: the writer is stopped once all buffers are full.
            let stopped = async {
                loop {
                    client.writable().await.unwrap();
                    match client.try_write(&piece) {
                        Ok(count) => taken += count,
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        Err(error) => panic!("{error}"),
                    }
                    assert!(taken < 64 * 1024 * 1024, "nothing stops the writer");
                }
            };
            let idle = tokio::time::timeout(Duration::from_millis(500), stopped).await;
            assert!(idle.is_err());
            relay.abort();
            drop(owner);
        });
    }
}
