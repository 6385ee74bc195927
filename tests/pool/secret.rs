//! What nodes share under the pool secret: clients meet the same server on each.

use std::collections::BTreeSet;

use flotilla_tests::{DEADLINE, Fleet, Program, Redis, Server, wait};
use rustix::process::Signal;
use rustls::HandshakeKind;

use super::RECOVERY;

fn host_keys(node: &Server) -> BTreeSet<String> {
    let (host, port) = (node.ssh().ip().to_string(), node.ssh().port().to_string());
    let said = Program::new("ssh-keyscan").args(["-T", "20", "-p", &port, &host]).succeed();
    let keys = said.stdout.lines().filter(|line| !line.starts_with('#'));
    keys.filter_map(|line| line.split_once(' ').map(|(_, key)| key.to_owned())).collect()
}

/// The same host keys on all, also on one that comes later and on one that comes back.
#[test]
fn host_keys_are_shared() {
    let redis = Redis::start();
    let mut fleet = Fleet::start(&redis, 2);
    let keys = host_keys(&fleet[0]);
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert_eq!(host_keys(&fleet[1]), keys);
    let third = fleet.another("n3");
    assert_eq!(host_keys(fleet.join(third)), keys);
    fleet[0].restart();
    assert_eq!(host_keys(&fleet[0]), keys);
}

/// All nodes and the data of Redis are gone: what they kept are still the keys of the pool.
#[test]
fn host_keys_survive_an_empty_redis() {
    let redis = Redis::start();
    let mut fleet = Fleet::start(&redis, 2);
    let keys = host_keys(&fleet[0]);
    for node in 0..2 {
        fleet[node].kill();
    }
    redis.flush_all();
    for node in 0..2 {
        fleet[node].start_again();
        assert_eq!(host_keys(&fleet[node]), keys);
    }
}

/// Redis forgets, and a node that never was in the pool is the first to come to it: it has to take over the
/// keys that clients know, and not the others its own.
#[test]
fn host_keys_win_over_those_of_a_newcomer() {
    let redis = Redis::start();
    let mut fleet = Fleet::start(&redis, 2);
    let keys = host_keys(&fleet[0]);
    for node in fleet.nodes() {
        node.signal(Signal::STOP);
    }
    redis.flush_all();
    let third = fleet.another("n3");
    let others = host_keys(fleet.join(third));
    assert_ne!(others, keys);
    for node in &fleet.nodes()[..2] {
        node.signal(Signal::CONT);
    }
    let row = wait::told(RECOVERY, "n3 to ask for a restart", || {
        fleet[0].knows("n3").filter(|row| row["reasons"]["pool"].to_string().contains("restart"))
    });
    assert_eq!(row["state"], "unready");
    assert_eq!(host_keys(&fleet[2]), others, "it serves its clients");
    fleet[2].restart();
    fleet.wait_until_ready();
    for node in fleet.nodes() {
        assert_eq!(host_keys(node), keys);
    }
}

/// Nodes that start at the same time on an empty Redis agree on one key.
#[test]
fn nodes_that_start_together_agree() {
    let redis = Redis::start();
    let fleet = Fleet::plan(redis.url()).start_apart(4);
    let keys: BTreeSet<_> = fleet.nodes().iter().map(host_keys).collect();
    assert_eq!(keys.len(), 1, "{keys:?}");
}

/// A TLS session of one node is resumed on another; data connections resume it there.
#[test]
fn tls_sessions_are_resumed_on_another_node() {
    let redis = Redis::start();
    let fleet = Fleet::plan(redis.url())
        .set("ftp.passive.data_reuse", "require")
        .file("a", "content")
        .start(2);
    for tls in [fleet.tls().tls12(), fleet.tls().tls13()] {
        let mut first = fleet[0].login_tls(&tls);
        assert_eq!(first.stream().handshake(), Some(HandshakeKind::Full));
        first.ask("QUIT", 221);
        let mut second = fleet[1].login_tls(&tls);
        assert_eq!(second.stream().handshake(), Some(HandshakeKind::Resumed));
        assert_eq!(second.fetch("a"), b"content");
    }
}

/// A node with another secret, and one with none, say so and do not join.
#[test]
fn the_secret_is_demanded() {
    let redis = Redis::start();
    let plan = Fleet::plan(redis.url());
    let other = plan.secret("other.secret", "another secret of the same good length");
    let fleet = plan.start(1);
    for node in [
        fleet.another("n2").set("pool.secret_file", other.as_path()),
        fleet.another("n2").unset("pool.secret_file"),
    ] {
        let said = node.verb(&["serve"]).deadline(DEADLINE).exit(4);
        assert!(said.stderr.contains("pool.secret_file"), "{said}");
        assert!(!said.stderr.contains("another secret of the same good length"), "{said}");
    }
    let rows = fleet[0].tell(&["nodes"])["nodes"].clone();
    assert_eq!(rows.as_array().unwrap().len(), 1, "{rows}");
}

/// Without a secret nothing is shared, and each node has keys of its own.
#[test]
fn without_a_secret_nothing_is_shared() {
    let redis = Redis::start();
    let fleet = Fleet::plan(redis.url()).unset("pool.secret_file").start(2);
    assert_ne!(host_keys(&fleet[0]), host_keys(&fleet[1]));
}

/// What is shared does not lie open in Redis.
#[test]
fn secrets_are_sealed() {
    let redis = Redis::start();
    let fleet = Fleet::start(&redis, 1);
    let data = redis.data();
    let found = |needle: &[u8]| data.windows(needle.len()).any(|bytes| bytes == needle);
    assert!(found(b"flotilla:"), "the pool is not in the data");
    assert!(!found(b"PRIVATE KEY") && !found(b"openssh-key-v1"));
    drop(fleet);
}
