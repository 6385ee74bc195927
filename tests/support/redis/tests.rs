use std::io::ErrorKind;
use std::time::{Duration, Instant};

use super::*;
use crate::wait;

fn text(text: &str) -> Answer {
    Answer::Text(text.to_owned())
}

fn get(process: &Process, key: &str) -> Answer {
    process.ask(&["GET", key])
}

#[test]
fn answers_are_read() {
    let redis = Redis::start();
    let mut client = redis.client();
    assert_eq!(client.ask(&["SET", "k", "a\r\nb"]).unwrap(), text("OK"));
    assert_eq!(client.ask(&["GET", "k"]).unwrap(), text("a\r\nb"));
    assert_eq!(client.ask(&["GET", "nothing"]).unwrap(), Answer::Nothing);
    assert_eq!(client.ask(&["INCR", "n"]).unwrap().number(), 1);
    let list = client.ask(&["MGET", "k", "none", "n"]).unwrap();
    assert_eq!(list.list(), [text("a\r\nb"), Answer::Nothing, text("1")]);
    assert!(
        matches!(client.ask(&["NONSENSE"]).unwrap(), Answer::Error(error) if error.starts_with("ERR"))
    );
    assert_eq!(redis.ask(&["INFO", "server"]).field("tcp_port"), Some("6379".to_owned()));
    let limit = redis.ask(&["CONFIG", "GET", "maxmemory"]);
    assert_eq!(limit.field("maxmemory"), Some("0".to_owned()));
}

#[test]
fn data_are_lost_kept_and_rolled_back() {
    let mut redis = Redis::start();
    redis.ask(&["SET", "k", "old"]);
    let old = redis.snapshot();
    redis.ask(&["SET", "k", "new"]);
    redis.restart();
    assert_eq!(get(redis.process(), "k"), text("new"));
    redis.restore(&old);
    assert_eq!(get(redis.process(), "k"), text("old"));
    redis.kill();
    assert_eq!(redis.process().client().unwrap_err().kind(), ErrorKind::ConnectionRefused);
    redis.start_empty();
    assert_eq!(get(redis.process(), "k"), Answer::Nothing);
    redis.ask(&["SET", "k", "again"]);
    redis.flush_all();
    assert_eq!(get(redis.process(), "k"), Answer::Nothing);
}

#[test]
fn a_stopped_one_is_silent() {
    let redis = Redis::start();
    let mut client = redis.client();
    redis.stop();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| client.ask(&["PING"]));
        assert_eq!(
            wait::within(Duration::from_millis(300), || asking.is_finished().then_some(())),
            None
        );
        redis.cont();
        assert_eq!(asking.join().unwrap().unwrap(), text("PONG"));
    });
    assert!(begun.elapsed() >= Duration::from_millis(300));
    // Nothing is left over if it is dropped so.
    redis.stop();
}

#[test]
fn a_full_one_refuses() {
    let mut redis = Redis::start();
    redis.fill();
    let refused = redis.process().try_ask(&["SET", "k", "v"]).unwrap();
    assert!(matches!(refused, Answer::Error(error) if error.starts_with("OOM")));
    redis.make_room();
    redis.ask(&["SET", "k", "v"]);
}

#[test]
fn a_password_is_asked_for() {
    let redis = Redis::builder().password("secret").start();
    redis.ask(&["SET", "k", "v"]);
    let mut stranger = Client::connect(redis.address(), &Access::default()).unwrap();
    assert!(matches!(stranger.ask(&["GET", "k"]).unwrap(), Answer::Error(_)));
    let wrong = Access { password: Some("wrong".to_owned()), ..Access::default() };
    assert!(Client::connect(redis.address(), &wrong).is_err());
    assert!(redis.url().starts_with("redis://127."));
}

#[test]
fn a_user_may_do_what_a_pool_needs() {
    let redis = Redis::builder().user("pool", "secret").start();
    assert!(redis.url().starts_with("redis://pool@127."));
    redis.flush_all();
    let access =
        Access { user: Some("pool".to_owned()), password: Some("secret".to_owned()), tls: None };
    let mut client = Client::connect(redis.address(), &access).unwrap();
    assert_eq!(client.ask(&["SET", "flotilla:{p}:k", "v"]).unwrap(), text("OK"));
    for refused in [&["SET", "k", "v"][..], &["FLUSHALL"], &["CONFIG", "GET", "*"]] {
        assert!(
            matches!(client.ask(refused).unwrap(), Answer::Error(error) if error.starts_with("NOPERM"))
        );
    }
}

#[test]
fn tls_is_spoken() {
    let redis = Redis::builder().tls().password("secret").start();
    redis.ask(&["SET", "k", "v"]);
    assert!(redis.url().starts_with("rediss://127."));
    assert!(redis.authority_file().is_file());
    let mut clear = Client::connect(redis.address(), &Access::default()).unwrap();
    assert!(clear.ask(&["PING"]).is_err());
}

#[test]
fn sentinels_choose_another_master() {
    let mut sentinels = Sentinels::start();
    let first = sentinels.master();
    sentinels.master_process().set_on_replicas("k", "v", 2);
    let second = sentinels.failover();
    assert_ne!(first, second);
    assert_eq!(get(sentinels.server_at(second), "k"), text("v"));
    let third = sentinels.kill_master();
    assert!(third != second);
    assert_eq!(get(sentinels.server_at(third), "k"), text("v"));
}

#[test]
fn acknowledged_writes_are_lost() {
    let mut sentinels = Sentinels::start();
    let new = sentinels.lose_writes(|master| {
        master.ask(&["SET", "k", "v"]);
    });
    assert_eq!(get(sentinels.server_at(new), "k"), Answer::Nothing);
}

#[test]
fn a_careful_master_refuses_without_replicas() {
    let mut sentinels = Sentinels::start_careful();
    sentinels.replicas().for_each(Process::kill);
    wait::until("the master to refuse", || {
        let answer = sentinels.master_process().try_ask(&["SET", "k", "v"]).ok()?;
        matches!(answer, Answer::Error(error) if error.starts_with("NOREPLICAS")).then_some(())
    });
}

#[test]
fn a_cluster_chooses_another_owner() {
    let mut cluster = RedisCluster::start();
    let key = "flotilla:{main}:k";
    let first = cluster.owner(key);
    cluster.node_at(first).set_on_replicas(key, "v", 1);
    let second = cluster.kill_owner(key);
    assert_ne!(first, second);
    assert_eq!(get(cluster.node_at(second), key), text("v"));
    cluster.node_at(first).start();
    cluster.wait_until_fine();
}
