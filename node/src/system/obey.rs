//! The running node: what it is told, and what it looks after.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tracing::{info, warn};

use super::{Control, Node};
use crate::error::ServeError;
use crate::ingress::drain_notice;
use crate::log::LogHandle;

impl Node {
    /// Runs until the node is drained for its end. `control` closed means the same as [`Control::Stop`].
    ///
    /// # Errors
    /// The defect for which it was drained.
    pub(super) async fn serve(
        &mut self,
        mut control: mpsc::Receiver<Control>,
        log: Option<&LogHandle>,
    ) -> Result<(), ServeError> {
        let mut watch = tokio::time::interval(WATCH);
        let mut result = Ok(());
        let mut is_open = true;
        loop {
            self.carry_out();
            let drain = &self.draining.machine;
            if drain.is_over() {
                return result;
            }
            let deadline = drain.next_deadline();
            tokio::select! {
                message = control.recv(), if is_open => {
                    is_open = message.is_some();
                    self.obey(message.unwrap_or(Control::Stop), log);
                }
                Some(message) = self.controls.recv() => self.obey(message, log),
                () = self.draining.last_gone(), if drain.awaits_the_last() => self.on_gone(),
                () = at(deadline) => self.draining.machine.on_timeout(Instant::now()),
                _ = watch.tick() => {
                    self.log_dropped.raise_to(log.map_or(0, LogHandle::dropped));
                    if result.is_ok() {
                        result = self.is_whole();
                        if result.is_err() && !self.draining.machine.is_final() {
                            self.stop();
                        }
                    }
                    self.show_progress();
                }
            }
        }
    }

    fn obey(&mut self, control: Control, log: Option<&LogHandle>) {
        let config = &self.policy.config;
        match control {
            Control::Reload(_) if self.draining.machine.is_final() => {
                warn!("reload refused, the node is stopping");
            }
            Control::Reload(config) => self.reload(*config, log),
            Control::Drain { grace } => {
                let (notice, grace) =
                    (drain_notice(config), grace.unwrap_or(config.timeouts.drain));
                info!(notice_s = notice.as_secs(), grace_s = grace.as_secs(), "told to drain");
                self.draining.machine.on_drain(notice, grace, Instant::now());
            }
            Control::CloudDrain { end } => {
                let now = Instant::now();
                let seconds = end.saturating_duration_since(now).as_secs();
                info!(seconds, "told by the cloud to drain");
                self.draining.machine.on_cloud(drain_notice(config), end, now);
            }
            Control::CloudUndrain => {
                if !self.draining.machine.on_cloud_withdrawn(Instant::now()) {
                    info!("the cloud needs no drain any more");
                }
            }
            Control::Undrain => {
                if !self.draining.machine.on_undrain() {
                    warn!("there is no drain that could be taken back");
                }
            }
            Control::Stop => self.stop(),
        }
    }

    fn stop(&mut self) {
        let config = &self.policy.config;
        let (notice, grace) = (drain_notice(config), config.timeouts.drain);
        info!(notice_s = notice.as_secs(), grace_s = grace.as_secs(), "stopping");
        self.draining.machine.on_stop(notice, grace, Instant::now());
    }
}

/// At that time, or never.
async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

/// Between two looks at the actors that there is one of.
const WATCH: Duration = Duration::from_secs(1);
