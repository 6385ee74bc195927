use std::io::Read;
use std::net::TcpStream;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::super::twin::{TwinSource, pair, pattern, reset, run, terms};
use super::*;
use crate::rate::Rate;

fn reader(mut client: TcpStream) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut all = Vec::new();
        client.read_to_end(&mut all).unwrap();
        all
    })
}

/// Sends with nobody in the way and tells what arrived.
fn deliver(source: TwinSource, download: Download) -> (Result<u64, Failure>, Vec<u8>) {
    let (socket, client) = pair();
    let client = reader(client);
    let sent = run(send(Connection::Clear(socket), Arc::new(source), download, &terms()));
    (sent, client.join().unwrap())
}

#[test]
fn every_way_delivers_every_byte() {
    for length in [0, 1, 1024, 64 * 1024, 64 * 1024 + 1, 5 * 1024 * 1024 + 3] {
        let content = pattern(length);
        for (warm, has_descriptor) in [(true, true), (true, false), (false, true), (false, false)] {
            let source = TwinSource { warm, has_descriptor, ..TwinSource::new(&content) };
            let (sent, got) = deliver(source, Download::default());
            assert_eq!(sent, Ok(length as u64), "{length} {warm} {has_descriptor}");
            assert!(got == content, "{length} {warm} {has_descriptor}");
        }
    }
}

#[test]
fn a_range_is_what_was_asked_for() {
    let content = pattern(1_000_000);
    for (offset, length, expected) in [
        (10, None, &content[10..]),
        (999_999, None, &content[999_999..]),
        (1_000_000, None, &[][..]),
        (2_000_000, None, &[][..]),
        (5, Some(100_000), &content[5..100_005]),
        (5, Some(3), &content[5..8]),
        (999_990, Some(u64::MAX), &content[999_990..]),
        (0, Some(0), &[][..]),
    ] {
        let download = Download { offset, length, ascii: false };
        let (sent, got) = deliver(TwinSource::new(&content), download);
        assert_eq!(sent, Ok(expected.len() as u64), "{download:?}");
        assert!(got == expected, "{download:?}");
    }
}

#[test]
fn text_gets_its_line_ends() {
    let text = "line\n".repeat(200_000);
    let download = Download { ascii: true, ..Download::default() };
    let (sent, got) = deliver(TwinSource::new(text.as_bytes()), download);
    assert_eq!(sent, Ok(1_200_000));
    assert!(got == "line\r\n".repeat(200_000).as_bytes());
}

#[test]
fn a_file_in_the_cache_costs_no_job() {
    let content = pattern(3_000_000);
    let (socket, client) = pair();
    let client = reader(client);
    let source = Arc::new(TwinSource::new(&content));
    let kept = Arc::clone(&source);
    run(send(Connection::Clear(socket), source, Download::default(), &terms())).unwrap();
    assert_eq!(client.join().unwrap().len(), 3_000_000);
    assert_eq!(kept.jobs.load(Ordering::Relaxed), 0);
}

#[test]
fn a_file_that_shrinks_is_no_success() {
    for (warm, has_descriptor) in [(true, true), (false, true), (true, false), (false, false)] {
        let mut source = TwinSource { warm, has_descriptor, ..TwinSource::new(&pattern(300_000)) };
        source.claim_size(400_000);
        let (sent, got) = deliver(source, Download::default());
        assert_eq!(sent, Err(Failure::StorageError));
        assert_eq!(got.len(), 300_000);
    }
}

#[test]
fn a_slow_reader_gets_all() {
    let content = pattern(12 * 1024 * 1024);
    for warm in [true, false] {
        let (socket, mut client) = pair();
        let source = TwinSource { warm, ..TwinSource::new(&content) };
        let (seen, wait) = std::sync::mpsc::channel();
        let client = std::thread::spawn(move || {
            let mut all = vec![0; 3000];
            // Begins only when the socket is full.
            wait.recv().unwrap();
            let mut at = 0;
            loop {
                if all.len() < at + 3000 {
                    all.resize(at + 300_000, 0);
                }
                match client.read(&mut all[at..at + 3000]).unwrap() {
                    0 => break,
                    count => at += count,
                }
            }
            all.truncate(at);
            all
        });
        let terms = terms();
        let progress = Rc::clone(&terms.progress);
        let sent = run(async {
            let mut transfer = std::pin::pin!(send(
                Connection::Clear(socket),
                Arc::new(source),
                Download::default(),
                &terms
            ));
            let mut seen = Some(seen);
            let mut before = u64::MAX;
            loop {
                match tokio::time::timeout(Duration::from_millis(50), transfer.as_mut()).await {
                    Ok(sent) => return sent,
                    Err(_) if progress.bytes() == before => {
                        if let Some(seen) = seen.take() {
                            seen.send(()).unwrap();
                        }
                    }
                    Err(_) => before = progress.bytes(),
                }
            }
        });
        assert_eq!(sent, Ok(content.len() as u64));
        assert!(client.join().unwrap() == content);
    }
}

#[test]
fn a_reader_that_stops_is_a_stall() {
    for (warm, has_descriptor) in [(true, true), (false, true), (true, false)] {
        let (socket, client) = pair();
        let source =
            TwinSource { warm, has_descriptor, ..TwinSource::new(&pattern(16 * 1024 * 1024)) };
        let terms = Terms { stalled: Duration::from_millis(100), ..terms() };
        let began = Instant::now();
        let sent =
            run(send(Connection::Clear(socket), Arc::new(source), Download::default(), &terms));
        assert_eq!(sent, Err(Failure::DataStalled));
        assert!(terms.progress.bytes() > 0 && terms.progress.bytes() < 16 * 1024 * 1024);
        assert!(began.elapsed() >= Duration::from_millis(100));
        drop(client);
    }
}

#[test]
fn a_reset_breaks_the_transfer() {
    for (warm, has_descriptor) in [(true, true), (false, true), (true, false)] {
        let (socket, mut client) = pair();
        let source =
            TwinSource { warm, has_descriptor, ..TwinSource::new(&pattern(32 * 1024 * 1024)) };
        let client = std::thread::spawn(move || {
            client.read_exact(&mut [0; 100_000]).unwrap();
            reset(client);
        });
        let sent =
            run(send(Connection::Clear(socket), Arc::new(source), Download::default(), &terms()));
        assert_eq!(sent, Err(Failure::DataBroken));
        client.join().unwrap();
    }
}

#[test]
fn a_dropped_transfer_closes_the_connection() {
    let (socket, client) = pair();
    let source = TwinSource::new(&pattern(16 * 1024 * 1024));
    let terms = terms();
    run(async {
        let transfer =
            send(Connection::Clear(socket), Arc::new(source), Download::default(), &terms);
        let ended = tokio::time::timeout(Duration::from_millis(50), transfer).await;
        assert!(ended.is_err());
    });
    let got = reader(client).join().unwrap();
    assert_eq!(got.len() as u64, terms.progress.bytes());
}

#[test]
fn a_rate_is_kept() {
    let content = pattern(300_000);
    let (socket, client) = pair();
    let client = reader(client);
    let rate = Rate::new(1_000_000);
    let terms = Terms { rate: Some(Arc::clone(&rate)), ..terms() };
    let began = Instant::now();
    let source = Arc::new(TwinSource::new(&content));
    run(send(Connection::Clear(socket), source, Download::default(), &terms)).unwrap();
    assert!(began.elapsed() >= Duration::from_millis(290), "{:?}", began.elapsed());
    assert!(client.join().unwrap() == content);
    assert_eq!(rate.transfers(), 0);
}

#[test]
fn other_tasks_run_in_the_middle() {
    let (socket, client) = pair();
    let client = reader(client);
    let source = Arc::new(TwinSource::new(&pattern(64 * 1024 * 1024)));
    let terms = terms();
    run(async {
        let turns = Rc::new(std::cell::Cell::new(0_u32));
        let counter = Rc::clone(&turns);
        let local = tokio::task::LocalSet::new();
        local.spawn_local(async move {
            loop {
                counter.set(counter.get() + 1);
                tokio::task::yield_now().await;
            }
        });
        let transfer = send(Connection::Clear(socket), source, Download::default(), &terms);
        local.run_until(transfer).await.unwrap();
        assert!(turns.get() >= 32, "{}", turns.get());
    });
    assert_eq!(client.join().unwrap().len(), 64 * 1024 * 1024);
}
