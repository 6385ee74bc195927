//! One client among many who say nothing.

use std::io;
use std::net::TcpStream;

use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use super::*;
use crate::config::DataReuse;
use crate::data::twin::pair;
use crate::metrics::Metrics;
use crate::tls::twin::twin;

/// What the server has, and a client that trusts it.
fn configs() -> (Protection, ClientConnection) {
    let (config, client) = twin(&rustls::version::TLS13);
    let name = ServerName::try_from("localhost").unwrap();
    let client = ClientConnection::new(client, name).unwrap();
    let protection = Protection {
        config,
        key: SessionKey::random().unwrap(),
        reuse: DataReuse::Off,
        strangers: false,
        metrics: Arc::new(Metrics::new(0)),
    };
    (protection, client)
}

/// Lets the handshakes go on; the first that passes.
async fn turn(contest: &mut Contest<'_>) -> Option<Connection> {
    let polled = poll_fn(|context| Poll::Ready(contest.poll(context))).await;
    // What the kernel has for them is told in between.
    tokio::task::yield_now().await;
    match polled {
        Poll::Ready(result) => contest.judge(result),
        Poll::Pending => None,
    }
}

/// So many who say nothing, one after another. They live as long as what is returned.
async fn crowd(contest: &mut Contest<'_>, count: usize) -> Vec<TcpStream> {
    let mut crowd = Vec::new();
    for _ in 0..count {
        let (socket, client) = pair();
        contest.enter(socket, None);
        crowd.push(client);
        assert!(turn(contest).await.is_none());
    }
    crowd
}

/// The client's part of a handshake, without waiting; whether it is done.
fn shake(tls: &mut ClientConnection, client: &mut TcpStream) -> bool {
    match tls.complete_io(client) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}"),
    }
    !tls.is_handshaking()
}

/// The client has connected, and perhaps begun, when a crowd comes.
async fn passes_behind(count: usize, begins: bool) {
    let (protection, mut tls) = configs();
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut contest = Contest::new(&protection, deadline);
    let (socket, mut client) = pair();
    client.set_nonblocking(true).unwrap();
    contest.enter(socket, None);
    if begins {
        assert!(!shake(&mut tls, &mut client));
        while !contest.handshakes[0].spoke.get() {
            assert!(turn(&mut contest).await.is_none());
        }
    }
    let _crowd = crowd(&mut contest, count).await;
    let mut is_done = false;
    let passed = loop {
        is_done = is_done || shake(&mut tls, &mut client);
        if let Some(passed) = turn(&mut contest).await {
            break passed;
        }
        assert!(Instant::now() < deadline, "it does not pass");
    };
    let Connection::Tls(_) = passed else { panic!("it is clear") };
}

#[tokio::test]
async fn strangers_do_not_make_a_silent_client_go() {
    passes_behind(STRANGERS_MAX as usize, false).await;
}

#[tokio::test]
async fn who_has_begun_outlasts_any_number_of_silent_ones() {
    passes_behind(2 * HANDSHAKES_MAX, true).await;
}

#[tokio::test]
async fn who_still_shakes_hands_in_the_end_is_counted() {
    let (protection, _) = configs();
    let mut contest = Contest::new(&protection, Instant::now() + Duration::from_secs(20));
    let _crowd = crowd(&mut contest, 3).await;
    let unfinished = || protection.metrics.data.refused.of(DataRefusal::Unfinished).count();
    assert_eq!(unfinished(), 0);
    drop(contest);
    assert_eq!(unfinished(), 3);
}
