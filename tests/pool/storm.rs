//! A pool with clients, while something happens to its Redis: whatever it is, none of them may fail,
//! and afterwards the pool must be whole.

use std::time::{Duration, Instant};

use flotilla_tests::{Fleet, Traffic, wait};
use serde_json::Value;

use super::{BEATS, RECOVERY};

/// Three nodes and their clients.
#[derive(Debug)]
pub struct Storm {
    traffic: Option<Traffic>,
    /// The nodes.
    pub fleet: Fleet,
}

impl Storm {
    /// Starts nodes and clients.
    #[track_caller]
    pub fn start(store: impl Into<String>) -> Self {
        let mut storm = Self::prepare(store);
        storm.begin();
        storm
    }

    /// Starts the nodes.
    #[track_caller]
    pub fn prepare(store: impl Into<String>) -> Self {
        Self { traffic: None, fleet: Fleet::plan(store).start(3) }
    }

    /// Starts the clients.
    #[track_caller]
    pub fn begin(&mut self) {
        self.traffic = Some(Traffic::start(&self.fleet));
    }

    /// All nodes notice that their store is away; they serve for a while in spite of it.
    #[track_caller]
    pub fn endure(&self, time: Duration) {
        self.fleet.wait_for_store(RECOVERY, "degraded");
        let row = &self.fleet[0].tell(&["nodes"])["store"];
        assert!(row["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{row}");
        self.serve(time);
    }

    /// Serves for a while, each node at least once.
    #[track_caller]
    pub fn serve(&self, time: Duration) {
        let begun = Instant::now();
        loop {
            for node in self.fleet.nodes() {
                node.login().ask("NOOP", 200);
            }
            if begun.elapsed() >= time {
                break;
            }
        }
        self.traffic.as_ref().expect(BEGUN).assert_going();
    }

    /// All nodes have their store again, know each other and every session; and every client has
    /// succeeded in all that it did.
    #[track_caller]
    pub fn end(mut self) {
        self.fleet.wait_for_store(RECOVERY, "fine");
        self.fleet.wait_until_ready();
        for node in self.fleet.nodes() {
            wait::told(BEATS + BEATS, "all transfers in who", || {
                let told = node.try_tell(&["who"])?;
                let sessions = told["sessions"].as_array()?;
                (1..=3).all(|number| knows_all_of(sessions, number)).then_some(())
            });
        }
        self.traffic.take().expect(BEGUN).end();
    }
}

/// The transfers of a node's clients.
fn knows_all_of(sessions: &[Value], number: usize) -> bool {
    let own: Vec<&Value> =
        sessions.iter().filter(|session| session["node"] == format!("n{number}")).collect();
    let paths = [format!("/upload-{number}"), format!("/sftp-{number}"), "/traffic".to_owned()];
    paths.iter().all(|path| own.iter().any(|session| session["path"] == **path))
}

/// How long a fault lasts.
pub fn while_away() -> Duration {
    Duration::from_secs(if flotilla_tests::long() { 10 } else { 3 })
}

const BEGUN: &str = "the clients were started";
