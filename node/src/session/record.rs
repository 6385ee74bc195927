//! What is logged of a session: its login, each transfer, and one line with totals at its end.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use flotilla_protocol::ftp::{Failure, FileRequest, LoginRefusal, Phase};
use flotilla_protocol::path::VirtualPath;
use tracing::{debug, info};

use super::actor::Session;
use super::trace::Marks;
use super::transfer::{Kind, OpenTransfer};
use crate::auth::Protocol;
use crate::auth::users::protocol_name;
use crate::log::{self, About, Direction, TransferRecord};
use crate::login::LoggedIn;
use crate::roster::{Tally, Who};
use crate::telemetry::Trace;

/// The time that listings are told relative to, seconds since 1970.
pub(super) fn now_seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// A change to the files that is no transfer, for the log.
#[derive(Debug)]
pub(super) struct Change<'a> {
    command: &'static str,
    path: &'a VirtualPath,
    /// The new name.
    to: Option<&'a VirtualPath>,
}

impl<'a> Change<'a> {
    /// What a request is to change; `None` if it only looks.
    pub(super) fn of(request: &'a FileRequest) -> Option<Self> {
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
        Some(Self { command, path, to })
    }
}

/// The outcome of an upload that is whole and published, of which nobody could tell the client.
const UNHEARD: &str = "control-lost-after-complete";

/// The command of a deletion, which the transfer log knows too.
const DELETE: &str = "delete";

/// Sums over a session.
#[derive(Debug)]
pub(super) struct Totals {
    pub(super) since: Instant,
    pub(super) trace: Trace,
    pub(super) marks: Marks,
    pub(super) tally: Rc<Tally>,
    /// The last user who was logged in.
    pub(super) user: Option<Arc<str>>,
}

impl Totals {
    pub(super) fn new(accepted: Instant, now: Instant) -> Self {
        let (trace, marks) = (Trace::new(accepted), Marks::default());
        Self { since: now, trace, marks, tally: Rc::default(), user: None }
    }
}

impl Session {
    pub(super) fn protocol(&self) -> Protocol {
        if self.machine.is_secure() { Protocol::Ftps } else { Protocol::Ftp }
    }

    /// From now on the log knows this user, or nobody, and the protocol as it is now.
    pub(super) fn is_about(&mut self, user: Option<Arc<str>>) {
        let protocol = protocol_name(self.protocol());
        self.about = Arc::new(About { protocol, user, path: None, ..*self.about });
        log::change(&self.about);
    }

    /// The client is logged in: for the log, and for those who watch the node.
    pub(super) fn enter(&mut self, login: &LoggedIn, now: Instant) {
        self.worker.metrics.logins_granted.inc();
        let user: Arc<str> = login.account.name.as_str().into();
        self.totals.user = Some(Arc::clone(&user));
        self.is_about(Some(Arc::clone(&user)));
        info!("logged in");
        let who = Who {
            number: self.guard.id,
            user,
            protocol: self.protocol(),
            client: self.peer.ip(),
            tally: Rc::clone(&self.totals.tally),
        };
        let place = self.worker.roster.enter(who, now);
        if let Some(software) = &self.software {
            place.set_software(software);
        }
        if let Some(tls) = self.wire.protection() {
            place.set_tls(tls);
        }
        self.place = Some(place);
    }

    pub(super) fn log_refusal(&self, user: &str, refusal: &LoginRefusal) {
        self.worker.metrics.logins_refused.inc();
        let reason = match refusal {
            LoginRefusal::Incorrect => "incorrect",
            LoginRefusal::NeedPassword => return,
            LoginRefusal::Policy(text) | LoginRefusal::Limit(text) => text,
            LoginRefusal::Unavailable => "backend unavailable",
        };
        info!(user, reason, "login refused");
    }

    pub(super) fn log_transfer(
        &mut self,
        transfer: &OpenTransfer,
        result: &Result<u64, Failure>,
        now: Instant,
    ) {
        let bytes = result.as_ref().copied().unwrap_or_else(|_| transfer.bytes());
        let metrics = &self.worker.metrics;
        let command = match transfer.kind {
            Kind::Download => {
                self.totals.tally.downloaded(bytes);
                metrics.bytes_out.inc_by(bytes);
                "download"
            }
            Kind::Upload => {
                self.totals.tally.uploaded(bytes);
                metrics.bytes_in.inc_by(bytes);
                "upload"
            }
            Kind::Listing => {
                metrics.bytes_out.inc_by(bytes);
                "listing"
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
        let scope = transfer.about.enter();
        let elapsed_ms = elapsed.as_millis() as u64;
        match transfer.kind {
            // The client does not know it, and may send the file again.
            Kind::Upload if result.is_ok() && transfer.lost_control() => {
                info!(command, bytes, elapsed_ms, reply, outcome = UNHEARD, "transfer ended");
            }
            _ => info!(command, bytes, elapsed_ms, reply, "transfer ended"),
        }
        drop(scope);
        if let (Some(log), Some(login), Some(path)) =
            (&self.policy.xferlog, &self.login, &transfer.about.path)
            && transfer.kind != Kind::Listing
        {
            log.record(&TransferRecord {
                ended: SystemTime::now(),
                elapsed,
                client: self.peer.ip(),
                bytes,
                path,
                ascii: transfer.ascii,
                direction: match transfer.kind {
                    Kind::Upload => Direction::In,
                    Kind::Download | Kind::Listing => Direction::Out,
                },
                anonymous: login.account.anonymous,
                user: &login.account.name,
                complete: result.is_ok(),
                protocol: self.protocol(),
            });
        }
    }

    /// A change to the files that is no transfer.
    pub(super) fn log_change(&self, change: &Change<'_>, failure: Option<&Failure>) {
        let reply = failure.map_or(250, |failure| failure.code(Phase::Command).0);
        info!(
            command = change.command,
            path = %change.path,
            to = change.to.map(tracing::field::display),
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
                path: change.path,
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
                user = &**user,
                uploads = totals.tally.uploads(),
                downloads = totals.tally.downloads(),
                bytes_in = totals.tally.bytes_in(),
                bytes_out = totals.tally.bytes_out(),
                elapsed_ms,
                "session ended"
            ),
            // Probes and scanners: nobody wants a line for each.
            None => debug!(elapsed_ms, "connection ended without a login"),
        }
    }
}
