//! The drain and the end of a node: readiness, door, sessions, transfers, threads, in this order, each with a
//! deadline.
//!
//! The order and the deadlines are those of the [`machine`]; here its steps are carried out, and others are told
//! how far it is. A drain can be taken back: the listeners stay open, and who comes meanwhile is told to come
//! again. At a stop they are closed, so that the kernel says it.

mod machine;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use actix_rt::Arbiter;
use futures_util::future::join_all;
use tokio::sync::{mpsc, watch};
use tracing::{info, warn};

use super::{Control, Node};
use crate::admin;
use crate::health::{DRAINING, Probe};
use crate::listen::{Close, Halt, Living, ReadLoad, Reopen};
use crate::metrics::Occupied;
use crate::pool::Leave;

pub(crate) use machine::Phase;
use machine::{Cause, Drain, LAST_WORDS, Step};

/// The drain of a node, and whoever it waits for.
pub(super) struct Draining {
    pub(super) machine: Drain,
    progress: watch::Sender<Progress>,
    /// The connections of every arbiter, and the relays.
    living: Vec<Living>,
    /// The relays among those.
    relays: Occupied,
}

/// How far a drain is, as of a second ago at the most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) phase: Phase,
    /// The node ends afterwards; it can not be taken back.
    pub(crate) is_final: bool,
    /// When nobody will be left at the latest.
    pub(crate) end: Option<Instant>,
    /// Connections, logged in or not.
    pub(crate) sessions: usize,
    pub(crate) transfers: usize,
    /// Data connections that are carried for sessions of other nodes.
    pub(crate) relays: usize,
}

/// How parts of the node have it drained, and see how far that is.
#[derive(Clone, Debug)]
pub(crate) struct DrainHandle {
    controls: mpsc::Sender<Control>,
    progress: watch::Receiver<Progress>,
}

impl DrainHandle {
    /// Drains the node, with this patience in place of `timeouts.drain`. Tells whether it was heard.
    pub(crate) fn drain(&self, grace: Option<Duration>) -> bool {
        self.controls.try_send(Control::Drain { grace }).is_ok()
    }

    /// Takes it back. Tells whether it was heard.
    pub(crate) fn undrain(&self) -> bool {
        self.controls.try_send(Control::Undrain).is_ok()
    }

    /// Drains the node until then, for the cloud. Tells whether it was heard.
    #[cfg(feature = "aws")]
    pub(crate) fn cloud_drain(&self, end: Instant) -> bool {
        self.controls.try_send(Control::CloudDrain { end }).is_ok()
    }

    /// Takes that back. Tells whether it was heard.
    #[cfg(feature = "aws")]
    pub(crate) fn cloud_undrain(&self) -> bool {
        self.controls.try_send(Control::CloudUndrain).is_ok()
    }

    /// How far the drain is; it changes once a second while there is one.
    pub(crate) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }
}

impl Progress {
    /// Until nobody is left at the latest.
    pub(crate) fn seconds_left(&self, now: Instant) -> Option<u64> {
        self.end.map(|end| end.saturating_duration_since(now).as_secs())
    }

    /// Why the node is not ready.
    fn reason(&self, now: Instant) -> String {
        let Self { phase, sessions, transfers, relays, .. } = self;
        let word = match phase {
            Phase::Serving | Phase::Announced => "new clients are served yet",
            Phase::Closing => "new clients are turned away",
            Phase::Ending => "all clients are sent away",
            Phase::Drained => "done",
        };
        let seconds = self.seconds_left(now).unwrap_or(0);
        format!(
            "the node is draining: {word} (sessions left: {sessions}, transfers left: {transfers}, \
             relays left: {relays}, seconds left: {seconds})"
        )
    }
}

impl Draining {
    /// No drain, and the handle by which parts of the node begin one.
    pub(super) fn new(
        living: Vec<Living>,
        relays: Occupied,
    ) -> (Self, DrainHandle, mpsc::Receiver<Control>) {
        let (controls, controlled) = mpsc::channel(CONTROLS_MAX);
        let (progress, watched) = watch::channel(Progress::default());
        let draining = Self { machine: Drain::new(), progress, living, relays };
        (draining, DrainHandle { controls, progress: watched }, controlled)
    }

    /// Until no connection is left.
    pub(super) async fn last_gone(&self) {
        for living in &self.living {
            living.closed().await;
        }
    }

    fn publish(&self) {
        let all: usize = self.living.iter().map(|living| living.receiver_count()).sum();
        let relays = usize::try_from(self.relays.count()).unwrap_or(0);
        let sessions = all.saturating_sub(relays);
        let (phase, is_final) = (self.machine.phase(), self.machine.is_final());
        let end = self.machine.end();
        self.progress.send_if_modified(|progress| {
            let transfers = if phase == Phase::Serving { 0 } else { progress.transfers };
            let now = Progress { phase, is_final, end, sessions, transfers, relays };
            std::mem::replace(progress, now) != now
        });
    }
}

impl Node {
    /// Carries out what the drain asks, and says how far it is.
    pub(super) fn carry_out(&mut self) {
        let mut is_changed = false;
        while let Some(step) = self.draining.machine.poll() {
            is_changed = true;
            self.perform(step);
        }
        if is_changed {
            self.show_progress();
            self.health.do_send(Probe(None));
        }
    }

    fn perform(&self, step: Step) {
        let text = if self.draining.machine.is_final() { STOPPING } else { LEAVING };
        match step {
            Step::Announce => info!("the node is not ready any more, for it is to be drained"),
            Step::Close { for_good } => {
                info!("draining: new clients are turned away");
                for acceptor in &self.acceptors {
                    acceptor.do_send(Close { text, for_good });
                }
            }
            Step::Halt(cause) => {
                match cause {
                    Cause::Grace => {
                        warn!("patience is over, ending the sessions and relays that are left")
                    }
                    Cause::Stop => warn!("stopped again, ending at once"),
                }
                for acceptor in &self.acceptors {
                    acceptor.do_send(Halt(text));
                }
            }
            Step::Reopen => {
                info!("the drain is taken back");
                for acceptor in &self.acceptors {
                    acceptor.do_send(Reopen);
                }
            }
        }
    }

    /// Tells whoever asks how far the drain is.
    pub(super) fn show_progress(&self) {
        self.draining.publish();
        let progress = *self.draining.progress.borrow();
        if progress.phase == Phase::Serving {
            return self.readiness.clear(DRAINING);
        }
        self.readiness.set(DRAINING, progress.reason(Instant::now()));
        let loads = self.acceptors.iter().map(|acceptor| acceptor.send(ReadLoad).timeout(ANSWER));
        let loads: Vec<_> = loads.collect();
        let told = self.draining.progress.clone();
        actix::spawn(async move {
            let loads = join_all(loads).await;
            let transfers = loads.into_iter().flatten().map(|load| load.transfers).sum();
            told.send_if_modified(|progress| {
                std::mem::replace(&mut progress.transfers, transfers) != transfers
            });
        });
    }

    /// The last session has ended.
    pub(super) fn on_gone(&mut self) {
        info!("all sessions have ended");
        self.draining.machine.on_gone();
        self.show_progress();
    }

    /// Ends what is left of the node once it is drained.
    pub(super) async fn end(self) {
        let _ = tokio::time::timeout(LAST_WORDS, self.pool.send(Leave)).await;
        self.addresses.remove(&self.policy.config.node.data_dir);
        self.janitor.abort();
        if let Some(endpoints) = &self.endpoints {
            admin::remove(&self.policy.config.node.data_dir);
            endpoints.stop(LAST_WORDS).await;
        }
        end_arbiters(self.arbiters).await;
    }
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

/// What clients are told when the process ends.
const STOPPING: &str = "The server is stopping; please connect again.";
/// And when it goes on without them.
const LEAVING: &str = "This node is draining; please connect again.";

/// Orders of parts of the node that wait; one more is refused.
const CONTROLS_MAX: usize = 8;
/// How long an arbiter may take to say how busy it is; asked once a second.
const ANSWER: Duration = Duration::from_secs(1);
/// How long file work under way may take to end: far above what a live storage needs.
const THREADS_END: Duration = Duration::from_secs(3);
