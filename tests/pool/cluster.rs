//! Redis as a cluster: the pool lives on one slot, whose owner changes.

use std::time::Duration;

use flotilla_tests::{Fleet, RedisCluster};

use super::storm::Storm;

/// The owner of the pool's keys is killed.
#[test]
fn the_owner_is_killed() {
    let mut cluster = RedisCluster::start();
    let storm = Storm::start(cluster.url());
    cluster.kill_owner(&key(&storm.fleet));
    storm.serve(Duration::ZERO);
    storm.end();
}

/// A key of the pool: what is between the braces alone decides where it is.
fn key(fleet: &Fleet) -> String {
    let pool = fleet[0].tell(&["nodes"])["pool"].as_str().expect("a name").to_owned();
    format!("flotilla:{{{pool}}}:any")
}
