use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::super::twin::{TwinSink, pair, pattern, reset, run, terms};
use super::*;

async fn fine() -> Result<(), Failure> {
    Ok(())
}

fn writer(mut client: TcpStream, content: Vec<u8>) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        client.write_all(&content).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
    })
}

fn upload(sink: &Arc<TwinSink>, content: &[u8], ascii: bool) -> Result<Received, Failure> {
    let (socket, client) = pair();
    let client = writer(client, content.to_vec());
    let sink = Arc::clone(sink) as Arc<dyn Sink>;
    let received = run(receive(Connection::Clear(socket), sink, ascii, fine, &terms()));
    client.join().unwrap();
    received
}

#[test]
fn every_way_stores_every_byte() {
    for length in [0, 1, 1024, 64 * 1024, 96 * 1024, 300_000, 9 * 1024 * 1024 + 5] {
        let content = pattern(length);
        for has_descriptor in [true, false] {
            let sink = Arc::new(TwinSink { has_descriptor, ..TwinSink::new(b"", 0) });
            let size = length as u64;
            assert_eq!(upload(&sink, &content, false), Ok(Received { bytes: size, size }));
            assert!(sink.content() == content, "{length} {has_descriptor}");
            assert_eq!(sink.published(), Some(size));
        }
    }
}

#[test]
fn a_small_file_is_one_job() {
    let sink = Arc::new(TwinSink::new(b"", 0));
    upload(&sink, &pattern(1024), false).unwrap();
    assert_eq!(sink.jobs.load(Ordering::Relaxed), 1);
}

#[test]
fn an_offset_goes_on_behind_what_is_there() {
    for length in [3, 1_000_000] {
        let sink = Arc::new(TwinSink::new(b"begin", 5));
        let content = pattern(length);
        let received = upload(&sink, &content, false).unwrap();
        assert_eq!(received, Received { bytes: length as u64, size: length as u64 + 5 });
        assert!(sink.content() == [b"begin", &content[..]].concat());
        assert_eq!(sink.published(), Some(length as u64 + 5));
    }
}

#[test]
fn text_loses_its_line_ends() {
    let wire = "line of text\r\n".repeat(200_000) + "\r";
    let file = "line of text\n".repeat(200_000) + "\r";
    let sink = Arc::new(TwinSink::new(b"", 0));
    let received = upload(&sink, wire.as_bytes(), true).unwrap();
    assert_eq!(received, Received { bytes: wire.len() as u64, size: file.len() as u64 });
    assert!(sink.content() == file.as_bytes());
}

#[test]
fn slow_pieces_are_put_together() {
    let content = pattern(500_000);
    let (socket, mut client) = pair();
    let sent = content.clone();
    let client = std::thread::spawn(move || {
        for piece in sent.chunks(1000) {
            client.write_all(piece).unwrap();
            std::thread::yield_now();
        }
    });
    let sink = Arc::new(TwinSink::new(b"", 0));
    let dynamic = Arc::clone(&sink) as Arc<dyn Sink>;
    run(receive(Connection::Clear(socket), dynamic, false, fine, &terms())).unwrap();
    client.join().unwrap();
    assert!(sink.content() == content);
}

#[test]
fn a_reset_keeps_the_bytes_and_publishes_nothing() {
    for (length, ascii) in [(1000, false), (1000, true), (2_000_000, false)] {
        let (socket, mut client) = pair();
        let sink = Arc::new(TwinSink::new(b"", 0));
        let dynamic = Arc::clone(&sink) as Arc<dyn Sink>;
        let content = vec![b'x'; length];
        let sent = content.clone();
        let terms = terms();
        let progress = std::rc::Rc::clone(&terms.progress);
        let received = run(async {
            let mut transfer =
                std::pin::pin!(receive(Connection::Clear(socket), dynamic, ascii, fine, &terms));
            let (all, wait) = std::sync::mpsc::channel::<()>();
            let thread = std::thread::spawn(move || {
                client.write_all(&sent).unwrap();
                wait.recv().unwrap();
                reset(client);
            });
            loop {
                let turn = tokio::time::timeout(Duration::from_millis(5), transfer.as_mut()).await;
                if let Ok(received) = turn {
                    thread.join().unwrap();
                    return received;
                }
                if progress.bytes() == length as u64 {
                    let _ = all.send(());
                }
            }
        });
        assert_eq!(received, Err(Failure::DataBroken));
        assert!(sink.content() == content, "{length} {ascii}");
        assert_eq!(sink.published(), None);
    }
}

#[test]
fn silence_is_a_stall_and_keeps_the_bytes() {
    for length in [100, 1_000_000] {
        let (socket, mut client) = pair();
        let content = pattern(length);
        let sent = content.clone();
        let client = std::thread::spawn(move || {
            client.write_all(&sent).unwrap();
            client
        });
        let sink = Arc::new(TwinSink::new(b"", 0));
        let dynamic = Arc::clone(&sink) as Arc<dyn Sink>;
        let terms = Terms { stalled: Duration::from_millis(200), ..terms() };
        let received = run(receive(Connection::Clear(socket), dynamic, false, fine, &terms));
        assert_eq!(received, Err(Failure::DataStalled));
        assert!(sink.content() == content);
        assert_eq!(sink.published(), None);
        drop(client.join().unwrap());
    }
}

#[test]
fn a_veto_at_the_end_keeps_the_bytes_and_publishes_nothing() {
    for length in [100, 1_000_000] {
        let (socket, client) = pair();
        let content = pattern(length);
        let client = writer(client, content.clone());
        let sink = Arc::new(TwinSink::new(b"", 0));
        let dynamic = Arc::clone(&sink) as Arc<dyn Sink>;
        let veto = async || Err(Failure::DataBroken);
        let received = run(receive(Connection::Clear(socket), dynamic, false, veto, &terms()));
        assert_eq!(received, Err(Failure::DataBroken));
        assert!(sink.content() == content);
        assert_eq!(sink.published(), None);
        client.join().unwrap();
    }
}

#[test]
fn a_full_disk_fails_the_upload() {
    let (socket, mut client) = pair();
    let client = std::thread::spawn(move || {
        // The server gives up in the middle.
        let _ = client.write_all(&pattern(4_000_000));
    });
    let sink =
        Arc::new(TwinSink { has_descriptor: false, size_max: 2_000_000, ..TwinSink::new(b"", 0) });
    let dynamic = Arc::clone(&sink) as Arc<dyn Sink>;
    let received = run(receive(Connection::Clear(socket), dynamic, false, fine, &terms()));
    assert_eq!(received, Err(Failure::NoSpace));
    assert_eq!(sink.published(), None);
    client.join().unwrap();
}

#[test]
fn a_dropped_upload_publishes_nothing() {
    let (socket, mut client) = pair();
    client.write_all(&pattern(200_000)).unwrap();
    let sink = Arc::new(TwinSink::new(b"", 0));
    let dynamic = Arc::clone(&sink) as Arc<dyn Sink>;
    run(async {
        let terms = terms();
        let transfer = receive(Connection::Clear(socket), dynamic, false, fine, &terms);
        assert!(tokio::time::timeout(Duration::from_millis(50), transfer).await.is_err());
    });
    assert_eq!(sink.published(), None);
}

#[test]
fn bytes_of_a_failed_upload_never_reach_the_next_one() {
    let full = Arc::new(TwinSink { size_max: 100_000, ..TwinSink::new(b"", 0) });
    let (socket, mut client) = pair();
    let client = std::thread::spawn(move || {
        // The server gives up in the middle.
        let _ = client.write_all(&pattern(3_000_000));
    });
    let sink = Arc::clone(&full) as Arc<dyn Sink>;
    let received = run(receive(Connection::Clear(socket), sink, false, fine, &terms()));
    assert_eq!(received, Err(Failure::NoSpace));
    assert_eq!(full.published(), None);
    client.join().unwrap();
    let next = Arc::new(TwinSink::new(b"", 0));
    let content = vec![b'n'; 1_000_000];
    upload(&next, &content, false).unwrap();
    assert!(next.content() == content);
}

#[test]
fn urgent_bytes_neither_stop_nor_end_an_upload() {
    let content = pattern(600_000);
    let (socket, mut client) = pair();
    let sent = content.clone();
    let client = std::thread::spawn(move || {
        let (first, second) = sent.split_at(300_000);
        client.write_all(first).unwrap();
        rustix::net::send(&client, b"!", rustix::net::SendFlags::OOB).unwrap();
        client.write_all(second).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        client
    });
    let sink = Arc::new(TwinSink::new(b"", 0));
    let receiver = Arc::clone(&sink) as Arc<dyn Sink>;
    let received = run(receive(Connection::Clear(socket), receiver, false, fine, &terms()));
    client.join().unwrap();
    assert_eq!(received.map(|received| received.size), Ok(600_000));
    assert!(sink.content() == content);
}
