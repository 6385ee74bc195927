//! A node is drained from another one, and takes clients again; TERM does the same to the end.

use std::time::{Duration, Instant};

use flotilla_tests::fleet::Plan;
use flotilla_tests::server::BEGUN_BYTES;
use flotilla_tests::{DEADLINE, Fleet, Redis, Sftp, Ssh, health, wait};
use rustix::process::Signal;

use super::{BEATS, HINTED};

const BIG: usize = 32 << 20;

fn plan(redis: &Redis) -> Plan {
    Fleet::plan(redis.url()).set("timeouts.drain", "60s").file("big", vec![7; BIG])
}

fn readyz(fleet: &Fleet, node: usize) -> (u16, String) {
    health::get(fleet[node].health(), "/readyz").unwrap()
}

/// Idle sessions go at once, new ones are turned away, a transfer is completed; then it is undone.
#[test]
fn a_node_is_drained_and_undrained() {
    let redis = Redis::start();
    let fleet = plan(&redis).start(3);
    let (mut busy, data) = fleet[1].begin_download("big");
    let mut idle = fleet[1].login();
    let mut sftp = Sftp::open(&Ssh::new(&fleet[1]));
    let mut elsewhere = fleet[2].login();
    let told = fleet[0].tell(&["drain", "n2"]);
    assert_eq!(told["node"], "n2");
    wait::told(HINTED, "n2 to be unready", || (readyz(&fleet, 1).0 == 503).then_some(()));
    assert!(readyz(&fleet, 1).1.contains("drain"), "{}", readyz(&fleet, 1).1);
    idle.expect(421);
    idle.expect_end();
    assert!(sftp.has_ended());
    fleet.wait_for_state(BEATS, 2, "n2", "draining");
    assert!(fleet[1].attempt("alice").is_err());
    assert_eq!(data.read_all().unwrap().len(), BIG - BEGUN_BYTES);
    busy.expect(226);
    busy.expect(421);
    elsewhere.ask("NOOP", 200);

    // It stays, and stays away from clients, until it is told.
    assert!(fleet[1].attempt("alice").is_err());
    assert_eq!(fleet[2].tell(&["undrain", "n2"])["node"], "n2");
    wait::told(HINTED, "n2 to be ready", || (readyz(&fleet, 1).0 == 200).then_some(()));
    fleet[1].login().ask("NOOP", 200);
    fleet.wait_for_state(BEATS, 0, "n2", "ready");
}

/// `--wait` tells the end, and `--grace` is the end of patience with transfers.
#[test]
fn a_drain_is_waited_for() {
    let redis = Redis::start();
    let fleet = plan(&redis).start(2);
    let (mut busy, _data) = fleet[1].begin_download("big");
    let begun = Instant::now();
    let told = fleet[0].tell(&["drain", "n2", "--grace", "1s", "--wait"]);
    assert_eq!((&told["sessions"], &told["transfers"]), (&0.into(), &0.into()), "{told}");
    assert!(begun.elapsed() >= Duration::from_millis(900));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    busy.expect_any(&[421, 426, 451]);
}

/// Without a name it is the node that is asked. It tells how far it is.
#[test]
fn a_node_drains_itself() {
    let redis = Redis::start();
    let fleet = plan(&redis).start(2);
    let (_busy, data) = fleet[0].begin_download("big");
    assert_eq!(fleet[0].tell(&["drain"])["node"], "n1");
    wait::told(BEATS, "one transfer to be left", || {
        let row = fleet[1].knows("n1")?;
        (row["state"] == "draining" && row["transfers"] == 1).then_some(())
    });
    drop(data);
    assert_eq!(fleet[0].tell(&["undrain"])["node"], "n1");
    fleet.wait_for_state(BEATS, 1, "n1", "ready");
    let said = fleet[0].verb(&["drain", "n9"]).run();
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.stderr.contains("n9"), "{said}");
}

/// A drain ends with the process: the node that comes back takes clients.
#[test]
fn a_restarted_node_is_not_drained() {
    let redis = Redis::start();
    let mut fleet = plan(&redis).start(2);
    fleet[0].tell(&["drain", "n2", "--wait"]);
    fleet[1].restart();
    fleet.wait_until_ready();
    fleet[1].login();
}

/// TERM with a transfer under way: the others see the drain, the transfer is completed, and the node
/// leaves.
#[test]
fn a_term_drains() {
    let redis = Redis::start();
    let mut fleet = plan(&redis).start(2);
    let (mut busy, data) = fleet[1].begin_download("big");
    fleet[1].signal(Signal::TERM);
    fleet.wait_for_state(BEATS, 0, "n2", "draining");
    assert_eq!(data.read_all().unwrap().len(), BIG - BEGUN_BYTES);
    busy.expect(226);
    assert_eq!(fleet[1].wait(DEADLINE), Some(0));
    wait::told(BEATS, "n2 to be gone", || (fleet[0].state_of("n2") != "draining").then_some(()));
    assert_ne!(fleet[0].state_of("n2"), "ready");
}
