//! Redis under Sentinels.

use std::time::Duration;

use flotilla_cluster::store::redis::{Options, Password};
use flotilla_cluster::store::{Beat, Redis, Reply, Request, Store, StoreError};

use crate::hints::hears;
use crate::support::{
    PATIENCE, SENTINEL_PASSWORD, Sentinels, answered, beat, beaten, in_step, options, run,
};

fn open(url: &str) -> Redis {
    let password = Some(Password::new(SENTINEL_PASSWORD.to_owned()));
    Redis::open(Options { password, ..options(url) })
}

#[test]
fn a_master_that_dies() {
    let mut all = Sentinels::start();
    run(async {
        let (here, there) = (open(&all.url()), open(&all.url()));
        here.connected(PATIENCE).await.unwrap();
        there.connected(PATIENCE).await.unwrap();
        let first = beaten(&here, beat("a")).await;
        hears(&here, &there).await;
        in_step(operator(&all, 0));

        all.servers[0].kill();
        let next = Beat {
            fence: Some(first.fence),
            pool: first.pool.id,
            answered: 1,
            sequence: 2,
            ..beat("a")
        };
        let reply = answered(&here, &Request::Beat(next)).await;
        assert!(format!("{reply:?}").contains("lost: false"), "{reply:?}");
        hears(&here, &there).await;
        let role: (String, redis::Value, redis::Value) =
            redis::cmd("ROLE").query(&mut operator(&all, 1)).unwrap();
        assert_eq!(role.0, "master");
    });
}

/// A master that hangs while another takes over comes back as a replica, which is not used.
#[test]
fn a_master_that_hangs() {
    let all = Sentinels::start();
    run(async {
        let store = open(&all.url());
        store.connected(PATIENCE).await.unwrap();
        beaten(&store, beat("a")).await;
        all.servers[0].pause();
        let silent = store.call(Request::Bans).await;
        assert!(matches!(silent, Err(StoreError::Unknown(_))), "{silent:?}");
        answered(&store, &Request::Beat(beat("b"))).await;
        all.servers[0].go_on();
        for _ in 0..20 {
            answered(&store, &Request::Beat(beat("c"))).await;
        }
        let known: i64 =
            redis::cmd("HLEN").arg("flotilla:{main}:nodes").query(&mut operator(&all, 1)).unwrap();
        assert!(known >= 2, "{known}");
    });
}

#[test]
fn a_master_that_nobody_knows_and_a_wrong_password() {
    let all = Sentinels::start();
    run(async {
        let store = open(&all.url().replace("/main", "/other"));
        let error = store.connected(Duration::from_secs(3)).await.unwrap_err().to_string();
        assert!(error.contains("knows no master named other"), "{error}");

        let password = Some(Password::new("wrong".to_owned()));
        let store = Redis::open(Options { password, ..options(&all.url()) });
        let answer = store.connected(PATIENCE).await;
        assert!(matches!(answer, Err(StoreError::Denied(_))), "{answer:?}");
        let answer = store.call(Request::Bans).await;
        assert!(matches!(answer, Err(StoreError::Denied(_))), "{answer:?}");
        assert_ne!(answer, Ok(Reply::Bans(Vec::new())));
    });
}

fn operator(all: &Sentinels, index: usize) -> redis::Connection {
    let url = format!("redis://:{SENTINEL_PASSWORD}@127.0.0.1:{}", all.servers[index].port);
    redis::Client::open(url).unwrap().get_connection().unwrap()
}
