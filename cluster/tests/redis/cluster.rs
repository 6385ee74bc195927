//! Redis as a cluster.

use flotilla_cluster::store::{Beat, Redis, Request, Store, StoreError};

use crate::hints::hears;
use crate::support::{Cluster, PATIENCE, answered, beat, beaten, in_step, options, run};

const KEY: &str = "flotilla:{main}:gen";

async fn open(url: &str) -> Redis {
    let store = Redis::open(options(url));
    store.connected(PATIENCE).await.unwrap();
    store
}

#[test]
fn every_member_leads_to_the_owner_which_may_die() {
    let mut cluster = Cluster::start();
    run(async {
        let mut stores = Vec::new();
        for index in 0..cluster.servers.len() {
            stores.push(open(&cluster.url(index)).await);
        }
        let first = beaten(&stores[0], beat("a")).await;
        for store in &stores {
            assert_eq!(beaten(store, beat("a")).await.pool.id, first.pool.id);
        }
        hears(&stores[0], &stores[5]).await;

        let owner = cluster.owner(KEY);
        in_step(cluster.servers[owner].operator());
        cluster.servers[owner].kill();
        // The one whose seed this was knows no other way.
        for (index, store) in stores.iter().enumerate().filter(|(index, _)| *index != owner) {
            let next = Beat { fence: Some(first.fence), pool: first.pool.id, ..beat("a") };
            let reply = answered(store, &Request::Beat(next)).await;
            assert!(format!("{reply:?}").contains("lost: false"), "{index}: {reply:?}");
        }
        let others: Vec<&Redis> =
            (0..6).filter(|index| *index != owner).map(|index| &stores[index]).collect();
        hears(others[0], others[1]).await;
    });
}

/// While a slot moves, requests are refused and not lost in between; then the new owner serves.
#[test]
fn a_slot_that_moves() {
    let cluster = Cluster::start();
    run(async {
        let from = cluster.owner(KEY);
        let store = open(&cluster.url(from)).await;
        let first = beaten(&store, beat("a")).await;
        let mut source = cluster.servers[from].operator();
        let slot: u16 = redis::cmd("CLUSTER").arg("KEYSLOT").arg(KEY).query(&mut source).unwrap();
        // Any other master.
        let owns = |index: &usize| *index != from && is_master(&cluster, *index);
        let to = (0..6).find(owns).unwrap();
        let (from_id, to_id) = (cluster.id(from), cluster.id(to));
        let set = |index: usize, words: &[&str]| {
            let mut operator = cluster.servers[index].operator();
            redis::cmd("CLUSTER").arg("SETSLOT").arg(slot).arg(words).exec(&mut operator).unwrap();
        };
        set(to, &["IMPORTING", &from_id]);
        set(from, &["MIGRATING", &to_id]);
        let keys: Vec<String> = redis::cmd("CLUSTER")
            .arg("GETKEYSINSLOT")
            .arg(slot)
            .arg(100)
            .query(&mut source)
            .unwrap();
        let mut migrate = |key: &str| {
            let port = cluster.servers[to].port;
            let mut command = redis::cmd("MIGRATE");
            command.arg("127.0.0.1").arg(port).arg(key).arg(0).arg(5000).exec(&mut source).unwrap();
        };
        let (half, rest) = keys.split_at(keys.len() / 2);
        half.iter().for_each(|key| migrate(key));
        let next = Beat { fence: Some(first.fence), pool: first.pool.id, ..beat("a") };
        let between = store.call(Request::Beat(next.clone())).await;
        assert!(matches!(between, Err(StoreError::Refused(_))), "{between:?}");
        rest.iter().for_each(|key| migrate(key));
        (0..6)
            .filter(|index| is_master(&cluster, *index))
            .for_each(|index| set(index, &["NODE", &to_id]));
        let reply = answered(&store, &Request::Beat(next)).await;
        assert!(format!("{reply:?}").contains("lost: false"), "{reply:?}");
        assert_eq!(cluster.owner(KEY), to);
    });
}

fn is_master(cluster: &Cluster, index: usize) -> bool {
    let mut operator = cluster.servers[index].operator();
    let info: String = redis::cmd("INFO").arg("replication").query(&mut operator).unwrap();
    info.contains("role:master")
}
