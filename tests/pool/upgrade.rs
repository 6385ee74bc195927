//! Nodes are restarted one by one under load, by clients that take another node when one turns them
//! away.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use flotilla_tests::content::{Content, assert_same};
use flotilla_tests::curl::Outcome;
use flotilla_tests::{Curl, Fleet, Folder, Redis};

/// Uploads and downloads on any node, until they are told to end.
struct Load {
    nodes: Vec<SocketAddr>,
    done: AtomicUsize,
    ended: AtomicBool,
    /// The node that is being restarted, or was last.
    restarted: AtomicUsize,
    failed: Mutex<Vec<Failed>>,
}

/// A transfer that had begun.
#[derive(Debug)]
struct Failed {
    node: usize,
    /// The one that was being restarted.
    restarted: usize,
    said: String,
}

impl Load {
    fn new(fleet: &Fleet) -> Self {
        Self {
            nodes: fleet.nodes().iter().map(|node| node.ftp()).collect(),
            done: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
            restarted: AtomicUsize::new(0),
            failed: Mutex::default(),
        }
    }

    /// Restarts every node by `restart` while clients go on; what failed.
    fn around(fleet: &mut Fleet, restart: impl Fn(&mut Fleet, usize)) -> Vec<Failed> {
        let load = Self::new(fleet);
        std::thread::scope(|scope| {
            for number in 0..CLIENTS {
                let load = &load;
                scope.spawn(move || load.run(number));
            }
            for node in 0..fleet.len() {
                load.restarted.store(node, Ordering::Relaxed);
                restart(fleet, node);
                fleet.wait_until_ready();
                // Some come by before the next is restarted.
                let enough = load.done.load(Ordering::Relaxed) + CLIENTS;
                flotilla_tests::wait::until("clients to go on", || {
                    (load.done.load(Ordering::Relaxed) >= enough).then_some(())
                });
            }
            load.ended.store(true, Ordering::Relaxed);
        });
        load.failed.into_inner().unwrap()
    }

    fn run(&self, number: usize) {
        let folder = Folder::new();
        let (here, back) = (folder.join("here"), folder.join("back"));
        let bytes = Content::new(number as u64).write(&here, BYTES);
        let path = format!("client-{number}");
        while !self.ended.load(Ordering::Relaxed) {
            self.anywhere(number, |node| Curl::new(node, &path).upload(&here));
            self.anywhere(number, |node| Curl::new(node, &path).download(&back));
            assert_same("downloaded", &std::fs::read(&back).unwrap(), &bytes);
        }
    }

    /// On one node after the other, until it succeeds.
    fn anywhere(&self, number: usize, transfer: impl Fn(SocketAddr) -> Outcome) {
        let first = number + self.done.load(Ordering::Relaxed);
        for attempt in 0..ATTEMPTS {
            let node = (first + attempt) % self.nodes.len();
            let outcome = transfer(self.nodes[node]);
            if outcome.is_fine() {
                self.done.fetch_add(1, Ordering::Relaxed);
                return;
            }
            // Turned away before a byte moved: that is what the next node is for.
            if outcome.moved > 0 {
                let restarted = self.restarted.load(Ordering::Relaxed);
                let said = outcome.said.to_string();
                self.failed.lock().unwrap().push(Failed { node, restarted, said });
            }
        }
        panic!("no node takes the client after {ATTEMPTS} attempts");
    }
}

#[track_caller]
fn assert_none(failed: impl IntoIterator<Item = Failed>) {
    let told = |Failed { node, restarted, said }| {
        format!("on n{} while n{} was restarted: {said}\n", node + 1, restarted + 1)
    };
    let told: String = failed.into_iter().map(told).collect();
    assert!(told.is_empty(), "{told}");
}

/// Drained first: nothing fails.
#[test]
fn drained_nodes_fail_nobody() {
    let redis = Redis::start();
    let mut fleet = Fleet::plan(redis.url()).set("timeouts.drain", "30s").start(3);
    let failed = Load::around(&mut fleet, |fleet, node| {
        let other = &fleet[(node + 1) % 3];
        other.tell(&["drain", &format!("n{}", node + 1), "--wait"]);
        fleet[node].restart();
    });
    assert_none(failed);
}

/// TERM alone drains as well.
#[test]
fn terminated_nodes_fail_nobody() {
    let redis = Redis::start();
    let mut fleet = Fleet::plan(redis.url()).set("timeouts.drain", "30s").start(3);
    let failed = Load::around(&mut fleet, |fleet, node| fleet[node].restart());
    assert_none(failed);
}

/// Killed: nothing fails that was not on the killed node.
#[test]
fn killed_nodes_fail_their_own() {
    let redis = Redis::start();
    let mut fleet = Fleet::start(&redis, 3);
    let failed = Load::around(&mut fleet, |fleet, node| {
        fleet[node].kill();
        fleet[node].start_again();
    });
    assert_none(failed.into_iter().filter(|one| one.node != one.restarted));
}

const CLIENTS: usize = 4;

/// Enough for several rounds over all nodes.
const ATTEMPTS: usize = 60;

const BYTES: usize = 2 << 20;
