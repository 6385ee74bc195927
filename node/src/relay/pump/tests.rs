//! Relays between real sockets.

use std::future::pending as never;

use actix_rt::System;
use actix_rt::task::JoinHandle;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::pipe::PIPES_MAX;

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

async fn at_once(_: &TcpStream) -> io::Result<()> {
    Ok(())
}

/// A relay that has brought half of something, and has no end before it.
async fn half_way() -> (TcpStream, JoinHandle<(Moved, io::Result<()>)>, TcpStream) {
    let (mut client, inner, outer, mut owner) = line().await;
    let relay = actix_rt::spawn(run(inner, outer, at_once, Duration::from_secs(60), never::<()>()));
    client.write_all(b"half").await.unwrap();
    owner.read_exact(&mut [0; 4]).await.unwrap();
    (client, relay, owner)
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
        let relay =
            actix_rt::spawn(run(inner, outer, at_once, Duration::from_secs(60), never::<()>()));
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
        let (client, relay, mut owner) = half_way().await;
        abort_at_close(&client).unwrap();
        drop(client);
        let error = owner.read(&mut [0; 4]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        assert!(relay.await.unwrap().1.is_err());
    });
}

#[test]
fn the_death_of_a_relay_is_no_end_of_a_file() {
    System::new().block_on(async {
        let (mut client, relay, mut owner) = half_way().await;
        relay.abort();
        let error = owner.read(&mut [0; 4]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        let error = client.read(&mut [0; 4]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    });
}

#[test]
fn silence_ends_it() {
    System::new().block_on(async {
        let (client, inner, outer, owner) = line().await;
        let begun = Instant::now();
        let (moved, result) =
            run(inner, outer, at_once, Duration::from_millis(20), never::<()>()).await;
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
        let relay =
            actix_rt::spawn(run(inner, outer, at_once, Duration::from_secs(60), never::<()>()));
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

/// Whoever has been told the end may take its time for what is on its way; 226 was said long ago.
#[test]
fn silence_cuts_nothing_off_that_was_sent_to_its_end() {
    System::new().block_on(async {
        let (mut client, inner, outer, mut owner) = line().await;
        let file = content(200_000);
        owner.write_all(&file).await.unwrap();
        owner.shutdown().await.unwrap();
        // Nobody reads, and the client does not say its end.
        let (moved, result) =
            run(inner, outer, at_once, Duration::from_millis(100), never::<()>()).await;
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(moved.outward, file.len() as u64);
        let mut received = Vec::new();
        client.read_to_end(&mut received).await.unwrap();
        assert!(received == file);
    });
}

/// However little a reader takes of a batch, it is progress.
#[test]
fn what_a_reader_has_taken_is_counted() {
    System::new().block_on(async {
        let (mut client, inner, outer, mut owner) = line().await;
        // A batch does not fit into what lies between the two.
        SockRef::from(&inner).set_send_buffer_size(32 * 1024).unwrap();
        SockRef::from(&client).set_recv_buffer_size(32 * 1024).unwrap();
        let file = content(16 * 1024 * 1024);
        let sent = file.clone();
        let writer = actix_rt::spawn(async move { owner.write_all(&sent).await });
        let flow = Flow::default();
        let mut way = std::pin::pin!(Way::new(&outer, &inner, &flow).carry());
        let (mut received, mut piece) = (0, vec![0; 16 * 1024]);
        while received < file.len() {
            tokio::select! {
                biased;
                ended = &mut way => return ended.unwrap(),
                read = client.read(&mut piece) => received += read.unwrap(),
            }
            let counted = flow.bytes.get();
            assert!(counted >= received as u64, "{received} were read of {counted}");
        }
        writer.await.unwrap().unwrap();
    });
}

#[test]
fn slow_readers_get_little_at_a_time() {
    System::new().block_on(async {
        let (_client, inner, outer, _owner) = line().await;
        let flow = Flow::default();
        let mut way = Way::new(&outer, &inner, &flow);
        way.waits = Instant::now().checked_sub(2 * SLOW);
        way.adapt();
        assert_eq!(way.batch, COPY_BYTES);
        way.waits = Some(Instant::now());
        way.adapt();
        assert_eq!(way.batch, 2 * COPY_BYTES);
        (0..10).for_each(|_| way.adapt());
        assert_eq!(way.batch, BATCH_BYTES);
    });
}

#[test]
fn urgent_bytes_stop_nothing() {
    System::new().block_on(async {
        let (mut client, inner, outer, mut owner) = line().await;
        let upload = content(600_000);
        let sent = upload.clone();
        let relay =
            actix_rt::spawn(run(inner, outer, at_once, Duration::from_secs(60), never::<()>()));
        let peer = actix_rt::spawn(async move {
            let (first, second) = sent.split_at(300_000);
            client.write_all(first).await.unwrap();
            rustix::net::send(&client, b"!", SendFlags::OOB).unwrap();
            client.write_all(second).await.unwrap();
            client
        });
        // The end would wake the relay.
        let mut received = vec![0; upload.len()];
        let read = owner.read_exact(&mut received);
        tokio::time::timeout(Duration::from_secs(20), read).await.unwrap().unwrap();
        assert!(received == upload);
        drop((owner, peer.await.unwrap()));
        relay.await.unwrap().1.unwrap();
    });
}

/// Where others keep all pipes, bytes are copied.
#[test]
fn without_a_pipe_all_comes_nevertheless() {
    System::new().block_on(async {
        let others: Vec<_> = std::iter::from_fn(|| Pipe::take(1)).collect();
        assert!(others.len() <= PIPES_MAX);
        let (mut client, inner, outer, mut owner) = line().await;
        let upload = content(3 * 1024 * 1024 + 17);
        let sent = upload.clone();
        let relay =
            actix_rt::spawn(run(inner, outer, at_once, Duration::from_secs(60), never::<()>()));
        let peer = actix_rt::spawn(async move {
            client.write_all(&sent).await.unwrap();
            client
        });
        let mut received = vec![0; upload.len()];
        owner.read_exact(&mut received).await.unwrap();
        assert!(received == upload);
        drop((owner, peer.await.unwrap()));
        relay.await.unwrap().1.unwrap();
        drop(others);
    });
}
