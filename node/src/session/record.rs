//! What is logged of a session: its login, each transfer, and one line with totals at its end.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use flotilla_protocol::ftp::{Failure, FileRequest, LoginRefusal, Phase};
use flotilla_protocol::path::VirtualPath;
use tracing::{debug, info};

use super::actor::Session;
use super::transfer::{Kind, OpenTransfer};
use crate::auth::Protocol;
use crate::auth::users::protocol_name;
use crate::log::{Direction, TransferRecord};

/// The time that listings are told relative to, seconds since 1970.
pub(super) fn now_seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// A change to the files that is no transfer, for the log.
#[derive(Debug)]
pub(super) struct Change {
    command: &'static str,
    path: VirtualPath,
    /// The new name.
    to: Option<VirtualPath>,
}

impl Change {
    /// What a request is to change; `None` if it only looks.
    pub(super) fn of(request: &FileRequest) -> Option<Self> {
        let (command, path, to) = match request {
            FileRequest::Rename { from, to } => ("rename", from, Some(to)),
            FileRequest::Copy { from, to } => ("copy", from, Some(to)),
            FileRequest::MakeDirectory(path) => ("make directory", path, None),
            FileRequest::RemoveDirectory(path) => ("remove directory", path, None),
            FileRequest::Delete(path) => (DELETE, path, None),
            FileRequest::SetAttributes { path, .. } => ("set attributes", path, None),
            FileRequest::ChangeDirectory(_)
            | FileRequest::Attributes(_)
            | FileRequest::CheckRename(_)
            | FileRequest::Digest { .. }
            | FileRequest::Available(_)
            | FileRequest::List(_) => return None,
        };
        Some(Self { command, path: path.clone(), to: to.cloned() })
    }
}

/// The command of a deletion, which the transfer log knows too.
const DELETE: &str = "delete";

/// Sums over a session.
#[derive(Debug)]
pub(super) struct Totals {
    since: Instant,
    uploads: u64,
    downloads: u64,
    bytes_in: u64,
    bytes_out: u64,
    /// The last user who was logged in.
    user: Option<String>,
}

impl Totals {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, uploads: 0, downloads: 0, bytes_in: 0, bytes_out: 0, user: None }
    }
}

impl Session {
    pub(super) fn protocol(&self) -> Protocol {
        if self.machine.is_secure() { Protocol::Ftps } else { Protocol::Ftp }
    }

    pub(super) fn log_login(&mut self, user: &str) {
        self.worker.metrics.logins_granted.inc();
        self.totals.user = Some(user.to_owned());
        info!(
            session = self.guard.id,
            user,
            client = %self.peer.ip(),
            protocol = protocol_name(self.protocol()),
            "logged in"
        );
    }

    pub(super) fn log_refusal(&self, user: &str, refusal: &LoginRefusal) {
        self.worker.metrics.logins_refused.inc();
        let reason = match refusal {
            LoginRefusal::Incorrect => "incorrect",
            LoginRefusal::NeedPassword => return,
            LoginRefusal::Policy(text) | LoginRefusal::Limit(text) => text,
            LoginRefusal::Unavailable => "backend unavailable",
        };
        info!(
            session = self.guard.id,
            user,
            client = %self.peer.ip(),
            protocol = protocol_name(self.protocol()),
            reason,
            "login refused"
        );
    }

    pub(super) fn log_transfer(
        &mut self,
        transfer: &OpenTransfer,
        result: &Result<u64, Failure>,
        now: Instant,
    ) {
        let bytes = result.as_ref().copied().unwrap_or_else(|_| transfer.bytes());
        let metrics = &self.worker.metrics;
        let (command, path) = match &transfer.kind {
            Kind::Download(path) => {
                self.totals.downloads += 1;
                self.totals.bytes_out += bytes;
                metrics.bytes_out.inc_by(bytes);
                ("download", path)
            }
            Kind::Upload(path) => {
                self.totals.uploads += 1;
                self.totals.bytes_in += bytes;
                metrics.bytes_in.inc_by(bytes);
                ("upload", path)
            }
            Kind::Listing(path) => {
                metrics.bytes_out.inc_by(bytes);
                ("listing", path)
            }
        };
        let reply = match result {
            Ok(_) => 226,
            Err(failure) => {
                metrics.transfers_failed.inc();
                failure.code(Phase::Transfer).0
            }
        };
        metrics.transfers.inc();
        let elapsed = now.saturating_duration_since(transfer.started());
        info!(
            session = self.guard.id,
            user = self.totals.user,
            client = %self.peer.ip(),
            protocol = protocol_name(self.protocol()),
            command,
            %path,
            bytes,
            elapsed_ms = elapsed.as_millis() as u64,
            reply,
            "transfer ended"
        );
        if let (Some(log), Some(login)) = (&self.policy.xferlog, &self.login)
            && !matches!(transfer.kind, Kind::Listing(_))
        {
            log.record(&TransferRecord {
                ended: SystemTime::now(),
                elapsed,
                client: self.peer.ip(),
                bytes,
                path,
                ascii: transfer.ascii,
                direction: match transfer.kind {
                    Kind::Upload(_) => Direction::In,
                    Kind::Download(_) | Kind::Listing(_) => Direction::Out,
                },
                anonymous: login.account.anonymous,
                user: &login.account.name,
                complete: result.is_ok(),
                protocol: self.protocol(),
            });
        }
    }

    /// A change to the files that is no transfer.
    pub(super) fn log_change(&self, change: &Change, failure: Option<&Failure>) {
        let reply = failure.map_or(250, |failure| failure.code(Phase::Command).0);
        info!(
            session = self.guard.id,
            user = self.totals.user,
            client = %self.peer.ip(),
            protocol = protocol_name(self.protocol()),
            command = change.command,
            path = %change.path,
            to = change.to.as_ref().map(tracing::field::display),
            reply,
            "files changed"
        );
        if let (Some(log), Some(login), DELETE) =
            (&self.policy.xferlog, &self.login, change.command)
        {
            log.record(&TransferRecord {
                ended: SystemTime::now(),
                elapsed: Duration::ZERO,
                client: self.peer.ip(),
                bytes: 0,
                path: &change.path,
                ascii: false,
                direction: Direction::Delete,
                anonymous: login.account.anonymous,
                user: &login.account.name,
                complete: failure.is_none(),
                protocol: self.protocol(),
            });
        }
    }

    pub(super) fn log_end(&self) {
        let totals = &self.totals;
        let elapsed_ms = totals.since.elapsed().as_millis() as u64;
        match &totals.user {
            Some(user) => info!(
                session = self.guard.id,
                user,
                client = %self.peer.ip(),
                protocol = protocol_name(self.protocol()),
                uploads = totals.uploads,
                downloads = totals.downloads,
                bytes_in = totals.bytes_in,
                bytes_out = totals.bytes_out,
                elapsed_ms,
                "session ended"
            ),
            // Probes and scanners: nobody wants a line for each.
            None => debug!(
                session = self.guard.id,
                client = %self.peer.ip(),
                elapsed_ms,
                "connection ended without a login"
            ),
        }
    }
}
