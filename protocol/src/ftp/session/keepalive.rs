//! What the path to the client demands, so that nothing on it forgets the control connection:
//! limits of idleness, and progress lines. [`crate::manual::progress`] has the reasons.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::data::Transfer;
use super::{Activity, Reply, Session};
use crate::failure::Failure;
use crate::ftp::Code;

/// What the path to the client demands. The default demands nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keepalive {
    /// The longest time without a command that the path bears; the session's own idle time-out
    /// holds where it is shorter.
    pub idle_limit: Option<IdleLimit>,
    /// Where only payload counts: after that long without a byte on a clear control connection, a
    /// transfer's final reply gets a line more. Protected control connections get none: TLS has
    /// records of its own for that. At least [`PROGRESS_INTERVAL_MIN`].
    pub progress: Option<Duration>,
}

/// A limit of idleness that is not the operator's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdleLimit {
    /// The time without a command after which the session ends.
    pub after: Duration,
    /// Whose limit it is, for the 421 and for STAT: "the balancer closes after 60 s without
    /// payload, ingress.idle_timeout".
    pub reason: Arc<str>,
}

impl Session {
    /// The path demands something else from now on. May come at any time;
    /// [`Session::next_deadline`] may be another one afterwards.
    pub fn on_keepalive(&mut self, keepalive: Keepalive) {
        self.clock.keepalive = keepalive;
    }

    /// When the next progress line is due. Who wants the end of a transfer gets none any more, so
    /// that its failure can be told by a reply of its own.
    pub(super) fn progress_deadline(&self, transfer: &Transfer) -> Option<Instant> {
        if !transfer.opened || transfer.aborting || self.connection.secure {
            return None;
        }
        let interval = self.clock.keepalive.progress?.max(PROGRESS_INTERVAL_MIN);
        Some(transfer.told + interval)
    }

    /// Writes a line of the transfer's final reply (RFC 959, 4.2), whose end shows success.
    pub(super) fn tell_progress(&mut self, now: Instant) {
        let Activity::Transferring(transfer) = &mut self.activity else { return };
        transfer.told = now;
        // A client that does not read has payload under way already.
        if self.output.is_empty() {
            transfer.telling = true;
            let text = format!("{} bytes so far.", transfer.bytes);
            Reply::part(&mut self.output, Code(226), text.as_bytes());
        }
    }

    /// Whether the final reply of the transfer has begun: no other may come before its end.
    pub(super) fn is_telling(&self) -> bool {
        matches!(&self.activity, Activity::Transferring(transfer) if transfer.telling)
    }

    /// The client was told something while a transfer is under way.
    pub(super) fn told(&mut self, now: Instant) {
        if let Activity::Transferring(transfer) = &mut self.activity {
            transfer.told = now;
        }
    }

    /// A transfer failed whose reply begins with 226 already: the reply stays without its end.
    pub(super) fn break_off(&mut self, failure: &Failure) {
        let text = format!("Transfer failed: {}", failure.text());
        Reply::part(&mut self.output, Code(226), text.as_bytes());
        self.close();
    }
}

/// The shortest time between two progress lines, whatever is demanded: ten lines in a second are
/// enough for everybody.
pub const PROGRESS_INTERVAL_MIN: Duration = Duration::from_millis(100);
