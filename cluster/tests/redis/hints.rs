//! What one node changes, the others hear of at once.

use std::time::Duration;

use flotilla_cluster::store::redis::Options;
use flotilla_cluster::store::{BanChange, Beat, Hint, Redis, Reply, Request, Store};

use crate::support::{PATIENCE, Server, beat, beaten, identity, node, options, run, until};

/// The next hint, which comes.
pub(crate) async fn hint(store: &Redis) -> Hint {
    tokio::time::timeout(PATIENCE, store.hint()).await.unwrap()
}

/// A store that is connected and has said so.
pub(crate) async fn listening(url: &str) -> Redis {
    let store = Redis::open(options(url));
    store.connected(PATIENCE).await.unwrap();
    assert_eq!(hint(&store).await, Hint::Lost);
    store
}

/// Publishes until it is heard: before that, the connection may be one of before.
pub(crate) async fn hears(from: &Redis, to: &Redis) {
    let ask = async || {
        let _ = from.call(Request::Answer { token: 3, body: Vec::new() }).await;
        loop {
            match tokio::time::timeout(Duration::from_millis(100), to.hint()).await {
                Ok(Hint::Answer(3)) => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
        }
    };
    assert!(until(ask, |heard| *heard).await);
}

fn ban(for_ms: Option<u64>) -> Request {
    Request::Ban(BanChange { origin: [192, 0, 2, 1].into(), for_ms, manual: true })
}

#[test]
fn changes_are_heard() {
    let server = Server::start(&[]);
    run(async {
        let (here, there) = (listening(&server.url()).await, listening(&server.url()).await);
        let first = beaten(&here, beat("a")).await;
        let heard = async |wanted: Hint| {
            assert_eq!(hint(&there).await, wanted);
            assert_eq!(hint(&here).await, wanted);
        };
        heard(Hint::Members).await;
        // It has come already.
        beaten(&here, Beat { fence: Some(first.fence), ..beat("a") }).await;
        let term = first.leader.unwrap().fence;
        let order = |to: &[&str]| Request::Order {
            to: to.iter().map(|name| node(name)).collect(),
            order: b"order".to_vec(),
        };
        let secret = |expected| Request::Secret {
            name: "tickets".to_owned(),
            write: Some((expected, b"sealed".to_vec())),
        };
        let token = 0x0102_0304_0506_0708;
        for (request, hints) in [
            (ban(Some(60_000)), vec![Hint::Bans]),
            // Nothing changes, so nobody is told.
            (ban(Some(1)), vec![]),
            (ban(None), vec![Hint::Bans]),
            (Request::SetPolicy { term, policy: b"policy".to_vec() }, vec![Hint::Policy]),
            (secret(0), vec![Hint::Policy]),
            (secret(0), vec![]),
            (order(&["a", "b"]), vec![Hint::Order(node("a")), Hint::Order(node("b"))]),
            (Request::Answer { token, body: Vec::new() }, vec![Hint::Answer(token)]),
            (Request::Leave(identity("a", first.fence)), vec![Hint::Members]),
        ] {
            here.call(request).await.unwrap();
            for wanted in hints {
                heard(wanted).await;
            }
        }
    });
}

#[test]
fn pools_do_not_hear_each_other() {
    let server = Server::start(&[]);
    run(async {
        let here = listening(&server.url()).await;
        let other = Redis::open(Options { pool: "other".to_owned(), ..options(&server.url()) });
        other.connected(PATIENCE).await.unwrap();
        other.call(ban(Some(60_000))).await.unwrap();
        assert_eq!(here.call(Request::Bans).await, Ok(Reply::Bans(Vec::new())));
        here.call(Request::Answer { token: 5, body: Vec::new() }).await.unwrap();
        assert_eq!(hint(&here).await, Hint::Answer(5));
    });
}

#[test]
fn more_than_fit_are_told_as_lost() {
    let server = Server::start(&[]);
    run(async {
        let (here, there) = (listening(&server.url()).await, listening(&server.url()).await);
        let to = (0..100).map(|number| node(&number.to_string())).collect();
        here.call(Request::Order { to, order: Vec::new() }).await.unwrap();
        // What comes last proves that all before it came.
        let last = loop {
            match hint(&there).await {
                Hint::Order(_) => {}
                other => break other,
            }
        };
        assert_eq!(last, Hint::Lost);
    });
}
