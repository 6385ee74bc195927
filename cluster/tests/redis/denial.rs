//! A server that says no.

use flotilla_cluster::admission::Limits;
use flotilla_cluster::store::redis::{Options, Password};
use flotilla_cluster::store::{
    Admit, BanChange, Beat, Publish, Redis, Registered, Reply, Request, Score, Store, StoreError,
    Verdict,
};

use crate::hints::listening;
use crate::support::{
    PATIENCE, Server, answered, beat, beaten, identity, login, node, options, run, until,
};

fn with_password(url: &str, password: &str) -> Options {
    Options { password: Some(Password::new(password.to_owned())), ..options(url) }
}

fn denied(answer: &Result<impl std::fmt::Debug, StoreError>) -> &str {
    match answer {
        Err(StoreError::Denied(cause)) => cause,
        other => panic!("{other:?}"),
    }
}

fn refused(answer: &Result<Reply, StoreError>) -> &str {
    match answer {
        Err(StoreError::Refused(cause)) => cause,
        other => panic!("{other:?}"),
    }
}

#[test]
fn passwords() {
    let server = Server::start(&["requirepass right"]);
    run(async {
        let right = Redis::open(with_password(&server.url(), "right"));
        right.connected(PATIENCE).await.unwrap();
        assert_eq!(right.call(Request::Bans).await, Ok(Reply::Bans(Vec::new())));

        let wrong = Redis::open(with_password(&server.url(), "wrong"));
        let answer = wrong.connected(PATIENCE).await;
        let cause = denied(&answer);
        assert!(cause.contains("WRONGPASS") && !cause.contains("wrong\""), "{cause}");
        denied(&wrong.call(Request::Bans).await);

        let none = Redis::open(options(&server.url()));
        assert!(denied(&none.connected(PATIENCE).await).contains("NOAUTH"));

        // Somebody mends it, and nobody has to start anything again.
        let operator = redis::Client::open(format!("redis://:right@127.0.0.1:{}", server.port));
        let mut operator = operator.unwrap().get_connection().unwrap();
        let mend = ["SET", "requirepass", "wrong"];
        redis::cmd("CONFIG").arg(&mend).exec(&mut operator).unwrap();
        assert_eq!(answered(&wrong, &Request::Bans).await, Reply::Bans(Vec::new()));
    });
}

/// One of several that are named says no: the others are asked, whichever comes first.
#[test]
fn one_of_several() {
    let (closed, open) = (Server::start(&["requirepass right"]), Server::start(&[]));
    run(async {
        for ports in [[closed.port, open.port], [open.port, closed.port]] {
            let [one, other] = ports;
            let url = format!("redis+cluster://127.0.0.1:{one},127.0.0.1:{other}");
            let store = Redis::open(options(&url));
            store.connected(PATIENCE).await.unwrap();
            assert_eq!(store.call(Request::Bans).await, Ok(Reply::Bans(Vec::new())));
        }
        let (one, other) = (closed.port, closed.port);
        let url = format!("redis+cluster://127.0.0.1:{one},localhost:{other}");
        let store = Redis::open(options(&url));
        assert!(denied(&store.connected(PATIENCE).await).contains("NOAUTH"));
    });
}

/// What the documentation of the store says that its user needs is enough for everything.
#[test]
fn the_rights_that_are_needed() {
    let server = Server::start(&[
        "user default off",
        "user operator on >op ~* &* +@all",
        "user flotilla on >pass ~flotilla:{main}:* &flotilla:{main}:* \
         +@read +@write +@connection +eval +evalsha +publish +subscribe +time",
    ]);
    let url = format!("redis://flotilla@127.0.0.1:{}", server.port);
    run(async {
        let store = Redis::open(with_password(&url, "pass"));
        store.connected(PATIENCE).await.unwrap();
        everything(&store).await;

        let other = Options { pool: "other".to_owned(), ..with_password(&url, "pass") };
        let other = Redis::open(other);
        assert!(denied(&other.connected(PATIENCE).await).contains("NOPERM"));
    });
}

/// Every kind of request, answered as it should be.
async fn everything(store: &Redis) {
    let first = beaten(store, beat("a")).await;
    let identity = identity("a", first.fence);
    let origin = [192, 0, 2, 1].into();
    let limits = Limits { sessions: 9, per_user: 9, per_address: 9, logins_per_second: 9 };
    let admit = Admit {
        identity: identity.clone(),
        sequence: 1,
        sessions: 0,
        counts: Vec::new(),
        logins: vec![login("ann", [192, 0, 2, 1])],
        limits,
    };
    let admitted = store.call(Request::Admit(admit)).await;
    assert_eq!(admitted, Ok(Reply::Verdicts(vec![Verdict::In { sessions: 1 }])));
    let score = Score { origins: vec![origin], ban_after: 1, window_ms: 1_000, ban_for_ms: 60_000 };
    let changed = vec![(1, b"record".to_vec())];
    for request in [
        Request::Publish(Publish {
            fence: first.fence,
            sequence: 1,
            anew: true,
            changed: changed.clone(),
            ended: vec![2],
        }),
        Request::Score(score),
        Request::Order { to: vec![node("a")], order: b"order".to_vec() },
        Request::Answer { token: 1, body: b"body".to_vec() },
        Request::Configure { node: node("a"), settings: b"{}".to_vec() },
    ] {
        assert_eq!(store.call(request).await, Ok(Reply::Done));
    }
    let term = first.leader.unwrap().fence;
    let write = Some((0, b"sealed".to_vec()));
    for (request, changed) in [
        (Request::SetPolicy { term, policy: b"policy".to_vec() }, true),
        (Request::Ban(BanChange { origin, for_ms: None, manual: true }), true),
        (Request::Ban(BanChange { origin, for_ms: None, manual: true }), false),
    ] {
        assert_eq!(store.call(request).await, Ok(Reply::Changed(changed)));
    }
    let sessions = Reply::Sessions { sessions: changed, cursor: 0 };
    for (request, reply) in [
        (Request::Sessions { fence: first.fence, cursor: 0 }, sessions),
        (Request::Bans, Reply::Bans(Vec::new())),
        (Request::TakeAnswers(1), Reply::Answers(vec![b"body".to_vec()])),
        (Request::Configurations, Reply::Configurations(vec![(node("a"), b"{}".to_vec())])),
        (Request::Tidy, Reply::Done),
    ] {
        assert_eq!(store.call(request).await, Ok(reply));
    }
    let secret = store.call(Request::Secret { name: "tickets".to_owned(), write }).await;
    assert!(matches!(secret, Ok(Reply::Secret(Some(secret))) if secret.version == 1));
    let grant = Request::Grant { asking: identity.clone(), blocks: 1, wanted: 1 };
    assert!(matches!(store.call(grant).await, Ok(Reply::Granted(_))));
    let held = Vec::new();
    for request in [Request::Return { fence: first.fence, held }, Request::Leave(identity)] {
        assert_eq!(store.call(request).await, Ok(Reply::Done));
    }
}

/// Rights that are taken away while nodes run.
#[test]
fn missing_rights() {
    let server = Server::start(&["user flotilla on nopass ~* &* +@all"]);
    let url = format!("redis://flotilla@127.0.0.1:{}", server.port);
    run(async {
        let store = listening(&url).await;
        beaten(&store, beat("a")).await;
        server.command(&["ACL", "SETUSER", "flotilla", "resetkeys", "~other:*"]);
        let keys = store.call(Request::Beat(beat("a"))).await;
        assert!(denied(&keys).contains("NOPERM"), "{keys:?}");
        server.command(&["ACL", "SETUSER", "flotilla", "~*", "-set"]);
        // Redis judges this one within the script.
        let command = store.call(Request::Beat(Beat { pool: 99, ..beat("b") })).await;
        assert!(denied(&command).contains("can't run this command"), "{command:?}");
        server.command(&["ACL", "SETUSER", "flotilla", "+set"]);
        let answer = store.call(Request::Beat(beat("b"))).await;
        assert!(matches!(answer, Ok(Reply::Beat(Registered::Yes(_)))), "{answer:?}");
    });
}

/// Refused is refused: nothing of the request was done.
#[test]
fn a_full_memory() {
    let server = Server::start(&["maxmemory-policy noeviction"]);
    run(async {
        let store = listening(&server.url()).await;
        server.command(&["CONFIG", "SET", "maxmemory", "1"]);
        let full = store.call(Request::Beat(beat("a"))).await;
        assert!(refused(&full).contains("OOM"), "{full:?}");
        assert_eq!(server.command(&["DBSIZE"]), redis::Value::Int(0));
        server.command(&["CONFIG", "SET", "maxmemory", "0"]);
        // The connection stayed.
        assert!(beaten(&store, beat("a")).await.pool.created);
    });
}

#[test]
fn a_replica_and_a_lonely_master() {
    let server = Server::start(&["replica-serve-stale-data yes"]);
    run(async {
        let store = listening(&server.url()).await;
        for (say, code, unsay) in [
            (
                ["REPLICAOF", "127.0.0.1", "1"].as_slice(),
                "READONLY",
                ["REPLICAOF", "NO", "ONE"].as_slice(),
            ),
            (
                &["CONFIG", "SET", "min-replicas-to-write", "1"],
                "NOREPLICAS",
                &["CONFIG", "SET", "min-replicas-to-write", "0"],
            ),
        ] {
            server.command(say);
            let answer = store.call(Request::Beat(beat("a"))).await;
            assert!(refused(&answer).contains(code), "{answer:?}");
            // The next ones are told why they do not even get there.
            let next = until(
                async || store.call(Request::Beat(beat("a"))).await,
                |answer| matches!(answer, Err(StoreError::Refused(cause)) if cause.starts_with("not connected")),
            );
            assert!(refused(&next.await).contains(code));
            server.command(unsay);
            answered(&store, &Request::Beat(beat("a"))).await;
        }
    });
}
