//! A server that is away, comes back, or hangs.

use std::time::{Duration, Instant};

use flotilla_cluster::store::{Hint, Redis, Reply, Request, Store, StoreError};

use crate::hints::{hint, listening};
use crate::support::{Server, answered, beat, beaten, options, run, until};

/// The response limit, and what a busy machine adds to it.
const LIMIT: Duration = Duration::from_millis(500);
const BUSY: Duration = Duration::from_millis(400);

#[test]
fn a_server_that_dies_and_comes_back() {
    let mut server = Server::start(&[]);
    run(async {
        let store = listening(&server.url()).await;
        let first = beaten(&store, beat("a")).await;
        assert_eq!(hint(&store).await, Hint::Members);
        server.kill();
        let begun = Instant::now();
        let refused = until(
            async || store.call(Request::Bans).await,
            |answer| matches!(answer, Err(StoreError::Refused(_))),
        );
        let error = refused.await.unwrap_err().to_string();
        assert!(error.starts_with("refused: not connected: "), "{error}");
        assert!(begun.elapsed() < LIMIT + BUSY, "{:?}", begun.elapsed());

        server.start_again();
        answered(&store, &Request::Bans).await;
        assert_eq!(hint(&store).await, Hint::Lost);
        let beat = beat("a");
        let second = beaten(
            &store,
            flotilla_cluster::store::Beat {
                fence: Some(first.fence),
                pool: first.pool.id,
                candidate: 8,
                ..beat
            },
        );
        let second = second.await;
        assert!(second.lost && second.pool.created);
        assert_eq!((second.fence, second.pool.id), (first.fence, 8));
    });
}

#[test]
fn a_server_that_hangs() {
    let server = Server::start(&[]);
    run(async {
        let store = listening(&server.url()).await;
        beaten(&store, beat("a")).await;
        assert_eq!(hint(&store).await, Hint::Members);
        server.pause();
        let begun = Instant::now();
        let silent = store.call(Request::Bans).await;
        assert_eq!(silent, Err(StoreError::Unknown("not within 500 ms".to_owned())));
        assert!((LIMIT..LIMIT + BUSY).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        // From now on nobody waits.
        for _ in 0..50 {
            let begun = Instant::now();
            let answer = store.call(Request::Bans).await;
            assert!(matches!(answer, Err(StoreError::Refused(_))), "{answer:?}");
            assert!(begun.elapsed() < BUSY, "{:?}", begun.elapsed());
        }
        server.go_on();
        assert_eq!(answered(&store, &Request::Bans).await, Reply::Bans(Vec::new()));
        assert_eq!(hint(&store).await, Hint::Lost);
    });
}

/// Many requests under way share the fate of their connection, at once.
#[test]
fn requests_under_way_end_with_the_server() {
    let mut server = Server::start(&[]);
    run(tokio::task::LocalSet::new().run_until(async {
        let store = listening(&server.url()).await;
        server.pause();
        let calls = (0..100).map(|_| tokio::task::spawn_local(store.call(Request::Bans)));
        let calls: Vec<_> = calls.collect();
        // Lets each of them begin.
        tokio::task::yield_now().await;
        let begun = Instant::now();
        server.kill();
        for call in calls {
            let answer = call.await.unwrap();
            assert!(matches!(answer, Err(StoreError::Unknown(_))), "{answer:?}");
        }
        assert!(begun.elapsed() < LIMIT, "{:?}", begun.elapsed());
    }));
}

/// A connection that is idle is missed as well: hints come by it.
#[test]
fn an_idle_connection_that_is_closed_is_made_anew() {
    let server = Server::start(&[]);
    run(async {
        let store = listening(&server.url()).await;
        server.command(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        assert_eq!(hint(&store).await, Hint::Lost);
        answered(&store, &Request::Bans).await;
    });
}

#[test]
fn nobody_is_there() {
    run(async {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let store = Redis::open(options(&format!("redis://127.0.0.1:{port}")));
        assert_eq!(store.name(), format!("redis 127.0.0.1:{port}"));
        let first = store.call(Request::Bans).await;
        assert_eq!(first, Err(StoreError::Refused("not connected: connecting".to_owned())));
        let error = store.connected(Duration::from_millis(300)).await.unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("refused: not connected: 127.0.0.1:{port}: ")),
            "{error}"
        );
    });
}

/// A restart, a failover and an operator forget scripts.
#[test]
fn scripts_that_were_forgotten_are_sent_again() {
    let server = Server::start(&[]);
    run(async {
        let store = listening(&server.url()).await;
        for _ in 0..3 {
            assert_eq!(store.call(Request::Bans).await, Ok(Reply::Bans(Vec::new())));
            server.command(&["SCRIPT", "FLUSH"]);
        }
    });
}

/// The clock is that of the server, and beats follow each other by it.
#[test]
fn time_is_that_of_the_server() {
    let server = Server::start(&[]);
    run(async {
        let store = listening(&server.url()).await;
        let beaten = beaten(&store, beat("a")).await;
        let (seconds, _): (u64, u64) = redis::cmd("TIME").query(&mut server.operator()).unwrap();
        assert!((seconds * 1000).abs_diff(beaten.now_ms) < 60_000);
        assert!(beaten.fence.0.abs_diff(beaten.now_ms) <= 1);
    });
}
