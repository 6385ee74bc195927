//! What somebody else wrote into the keys of the pool.

use flotilla_cluster::admission::Limits;
use flotilla_cluster::store::{
    Admit, BanChange, Beat, Redis, Registered, Reply, Request, Store, StoreError, Verdict,
};
use redis::Value;

use crate::hints::listening;
use crate::support::{Server, beat, beaten, identity, login, node, run};

/// The key of this name.
fn key(name: &str) -> String {
    format!("flotilla:{{main}}:{name}")
}

async fn admit(store: &Redis, name: &str, sequence: u64) -> Result<Reply, StoreError> {
    let fence = beaten(store, beat(name)).await.fence;
    let limits = Limits { sessions: 9, ..Limits::default() };
    store
        .call(Request::Admit(Admit {
            identity: identity(name, fence),
            sequence,
            sessions: 0,
            counts: Vec::new(),
            logins: vec![login("ann", [192, 0, 2, 1])],
            limits,
        }))
        .await
}

fn is_in(answer: &Result<Reply, StoreError>) -> bool {
    matches!(answer, Ok(Reply::Verdicts(verdicts)) if matches!(verdicts[..], [Verdict::In { .. }]))
}

/// Values that are too short, or no numbers: nodes join and admit as if they were not there.
#[test]
fn short_values() {
    let server = Server::start(&[]);
    run(async {
        let store = listening(&server.url()).await;
        let (origin, other) = ([192, 0, 2, 7].into(), [192, 0, 2, 8].into());
        for round in 0_u64..2 {
            for (command, name, field) in [
                ("SET", "gen", None),
                ("SET", "quar", None),
                ("SET", "beat", None),
                ("SET", "fence", None),
                ("SET", "lead", None),
                ("SET", "pol", None),
                ("SET", "blk", None),
                ("HSET", "nodes", Some("a")),
                ("HSET", "nodes", Some("c")),
                ("HSET", "t", Some("x")),
                ("HSET", "cfg", Some("?")),
                ("HSET", "bans", Some("x")),
                ("HSET", "bans", Some("\u{1}\u{1}\u{1}\u{1}")),
            ] {
                for (number, value) in ["", "x", "nan", "inf", "-1", "1e99"].iter().enumerate() {
                    server.command(&["FLUSHALL"]);
                    let ban = BanChange { origin, for_ms: Some(60_000), manual: true };
                    store.call(Request::Ban(ban)).await.unwrap();
                    if round > 0 {
                        beaten(&store, beat("a")).await;
                        beaten(&store, beat("b")).await;
                    }
                    let key = key(name);
                    let mut words = vec![command, key.as_str()];
                    words.extend(field);
                    words.push(value);
                    server.command(&words);
                    let told = format!("{name} {field:?} {value:?} round {round} {number}");
                    let answer = admit(&store, "a", 1).await;
                    assert!(is_in(&answer), "{told}: {answer:?}");
                    let answer = admit(&store, "b", 1).await;
                    assert!(is_in(&answer), "{told}: {answer:?}");
                    let heard = beaten(&store, beat("b")).await;
                    let names: Vec<&str> =
                        heard.members.iter().map(|listed| listed.node.as_str()).collect();
                    assert_eq!(names, ["a", "b"], "{told}");
                    assert!(heard.bans.changes.iter().any(|ban| ban.origin == origin), "{told}");
                    let Ok(Reply::Bans(bans)) = store.call(Request::Bans).await else {
                        panic!("{told}")
                    };
                    assert_eq!(bans.len(), 1, "{told}");
                    let ban = BanChange { origin: other, for_ms: Some(60_000), manual: true };
                    let banned = store.call(Request::Ban(ban)).await;
                    assert_eq!(banned, Ok(Reply::Changed(true)), "{told}");
                }
            }
        }
    });
}

/// What the store wrote of a node is garbled in the midst of its life.
#[test]
fn values_of_a_node_that_lives() {
    let server = Server::start(&[]);
    run(async {
        let store = listening(&server.url()).await;
        for value in ["", "x", "nan"] {
            for name in ["adm", "n", "t", "nodes"] {
                server.command(&["FLUSHALL"]);
                let first = beaten(&store, beat("a")).await;
                assert!(is_in(&admit(&store, "a", 1).await));
                let key = key(name);
                let Value::Array(fields) = server.command(&["HKEYS", &key]) else { panic!() };
                for field in fields {
                    let Value::BulkString(field) = field else { panic!("{field:?}") };
                    let mut command = redis::cmd("HSET");
                    command.arg(&key).arg(field).arg(value);
                    command.query::<Value>(&mut server.operator()).unwrap();
                }
                let again = Beat {
                    fence: Some(first.fence),
                    sequence: 2,
                    answered: 1,
                    admitted: 1,
                    pool: first.pool.id,
                    ..beat("a")
                };
                let answer = beaten(&store, again).await;
                assert_eq!(answer.fence, first.fence, "{name} {value:?}");
                let admitted = store
                    .call(Request::Admit(Admit {
                        identity: identity("a", answer.fence),
                        sequence: 2,
                        sessions: 1,
                        counts: Vec::new(),
                        logins: vec![login("ann", [192, 0, 2, 1])],
                        limits: Limits { sessions: 9, ..Limits::default() },
                    }))
                    .await;
                assert!(is_in(&admitted), "{name} {value:?}: {admitted:?}");
            }
        }
    });
}

/// A key of another kind can not be worked with; the error says which request met it.
#[test]
fn keys_of_another_kind() {
    let server = Server::start(&[]);
    run(async {
        let store = listening(&server.url()).await;
        for name in ["nodes", "t", "hb", "n", "adm", "bans", "bq", "blk", "gone", "in:a", "tag"] {
            server.command(&["FLUSHALL"]);
            beaten(&store, beat("b")).await;
            let key = key(name);
            server.command(&["DEL", &key]);
            if name == "blk" || name == "tag" {
                server.command(&["RPUSH", &key, "x"]);
            } else {
                server.command(&["SET", &key, "x"]);
            }
            let ban = BanChange { origin: [192, 0, 2, 7].into(), for_ms: Some(1), manual: true };
            for (request, kind) in [
                (Request::Beat(Beat { bans_known: 0, ..beat("a") }), "beat: "),
                (Request::Ban(ban), "ban: "),
                (Request::Bans, "bans: "),
                (Request::Configure { node: node("a"), settings: Vec::new() }, "configuration: "),
            ] {
                match store.call(request).await {
                    Ok(Reply::Beat(Registered::Yes(_)) | Reply::Changed(_)) => {}
                    Ok(Reply::Bans(_) | Reply::Done) => {}
                    Err(StoreError::Unknown(text)) => {
                        assert!(text.starts_with(kind) && text.contains("WRONGTYPE"), "{text}");
                    }
                    other => panic!("{name}: {other:?}"),
                }
            }
            server.command(&["DEL", &key]);
            beaten(&store, beat("a")).await;
        }
    });
}
