//! The end of a node: door, sessions, transfers, threads, in this order, each with a deadline.

use std::time::Duration;

use actix_rt::Arbiter;
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::{Control, Node};
use crate::admin;
use crate::health::{DRAINING, Probe};
use crate::listen::{Count, Drain, Halt};

impl Node {
    /// Ends everything in order; see the module documentation.
    pub(super) async fn drain(self, control: &mut mpsc::Receiver<Control>) {
        self.readiness.set(DRAINING, "the node is draining".to_owned());
        self.health.do_send(Probe(None));
        let patience = self.policy.config.timeouts.drain;
        info!(seconds = patience.as_secs(), "draining");
        let gone: Vec<_> = self.acceptors.iter().map(|acceptor| acceptor.send(Drain)).collect();
        let all_gone = async {
            for gone in gone {
                let _ = gone.await;
            }
        };
        tokio::select! {
            () = all_gone => info!("all sessions have ended"),
            () = tokio::time::sleep(patience) => {
                warn!("timeouts.drain is over, ending the sessions that are left");
                self.halt().await;
            }
            () = stopped_again(control) => {
                warn!("stopped again, ending at once");
                self.halt().await;
            }
        }
        self.addresses.remove(&self.policy.config.node.data_dir);
        self.janitor.abort();
        if let Some(endpoints) = &self.endpoints {
            admin::remove(&self.policy.config.node.data_dir);
            endpoints.stop(LAST_WORDS).await;
        }
        end_arbiters(self.arbiters).await;
    }

    /// Sends every session away and gives their last words a moment.
    async fn halt(&self) {
        for acceptor in &self.acceptors {
            acceptor.do_send(Halt);
        }
        let ended = async {
            for acceptor in &self.acceptors {
                while matches!(acceptor.send(Count).await, Ok(left) if left > 0) {
                    tokio::time::sleep(LAST_WORDS_STEP).await;
                }
            }
        };
        // An arbiter that does not answer is not waited for.
        let _ = tokio::time::timeout(LAST_WORDS, ended).await;
    }
}

/// Waits for another stop; reloads in between are too late.
async fn stopped_again(control: &mut mpsc::Receiver<Control>) {
    while let Some(message) = control.recv().await {
        if matches!(message, Control::Stop) {
            return;
        }
    }
    std::future::pending::<()>().await;
}

/// Ends the arbiters and waits for the file work that they have begun, such as keeping the bytes of an aborted
/// upload. A thread that a dead storage holds can not be ended; it is left behind.
async fn end_arbiters(arbiters: Vec<Arbiter>) {
    let (ended, mut all_ended) = mpsc::channel::<()>(1);
    for arbiter in arbiters {
        arbiter.stop();
        let ended = ended.clone();
        std::thread::spawn(move || {
            let _ = arbiter.join();
            drop(ended);
        });
    }
    drop(ended);
    if tokio::time::timeout(THREADS_END, all_ended.recv()).await.is_err() {
        warn!("a storage does not answer; its threads are left behind");
    }
}

/// How long sessions that are sent away may take for their 421.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How often their end is looked for.
const LAST_WORDS_STEP: Duration = Duration::from_millis(20);
/// How long file work under way may take to end: far above what a live storage needs.
const THREADS_END: Duration = Duration::from_secs(3);
