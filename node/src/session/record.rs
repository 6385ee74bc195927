//! What is logged of a session: its login, each transfer, and one line with totals at its end.

use std::io;
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
use crate::log::{self, ACCOUNT, About, Direction, TransferRecord};
use crate::login::LoggedIn;
use crate::metrics::{LoginMethod, LoginResult, Over, Probe, TransferResult};
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

/// Why a session failed whose transfer went on without it.
const CONTROL_LOST: &str = "the control connection was lost during a transfer";

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
    /// By what the client tries to log in.
    method: LoginMethod,
    /// The client has said something.
    heard: bool,
    /// It is counted as a probe already.
    is_probe: bool,
}

impl Totals {
    pub(super) fn new(accepted: Instant, now: Instant, is_probe: bool) -> Self {
        Self {
            since: now,
            trace: Trace::new(accepted),
            marks: Marks::default(),
            tally: Rc::default(),
            user: None,
            method: LoginMethod::Password,
            heard: false,
            is_probe,
        }
    }

    /// The client tries to log in.
    pub(super) fn tries(&mut self, with_password: bool) {
        self.method = match with_password {
            true => LoginMethod::Password,
            false => LoginMethod::Certificate,
        };
    }

    /// The client says something.
    pub(super) fn hears(&mut self) {
        self.heard = true;
    }
}

impl Session {
    pub(super) fn protocol(&self) -> Protocol {
        if self.machine.is_secure() { Protocol::Ftps } else { Protocol::Ftp }
    }

    /// From now on the log knows this user, or nobody, and the protocol as it is now.
    pub(super) fn is_about(&mut self, user: Option<Arc<str>>) {
        let protocol = protocol_name(self.protocol());
        self.about = Arc::new(About { protocol, user, path: None, ..(*self.about).clone() });
        log::change(&self.about);
    }

    /// The client is logged in: for the log, and for those who watch the node.
    pub(super) fn enter(&mut self, login: &LoggedIn, now: Instant) {
        let method = match login.account.anonymous {
            true => LoginMethod::Anonymous,
            false => self.totals.method,
        };
        self.worker.metrics.logins.judged(self.protocol(), method, LoginResult::Ok);
        let user = Arc::clone(&login.account.name);
        self.totals.user = Some(Arc::clone(&user));
        self.is_about(Some(Arc::clone(&user)));
        info!(target: ACCOUNT, "logged in");
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
        if let Some(result) = LoginResult::of(refusal) {
            self.worker.metrics.logins.judged(self.protocol(), self.totals.method, result);
        }
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
        let command = match transfer.kind {
            Kind::Download => {
                self.totals.tally.downloaded(bytes);
                "download"
            }
            Kind::Upload => {
                self.totals.tally.uploaded(bytes);
                "upload"
            }
            Kind::Listing => "listing",
        };
        let reply = match result {
            Ok(_) => 226,
            Err(failure) => failure.code(Phase::Transfer).0,
        };
        let elapsed = now.saturating_duration_since(transfer.started());
        let scope = transfer.about.enter();
        self.worker.metrics.transfers.over(&Over {
            protocol: self.protocol(),
            direction: transfer.kind.direction(),
            result: TransferResult::of(result.as_ref().err()),
            bytes,
            elapsed,
            user: self.totals.user.as_deref().unwrap_or_default(),
            trace: self.totals.trace.shown(),
        });
        let elapsed_ms = elapsed.as_millis() as u64;
        match transfer.kind {
            // The client does not know it, and may send the file again.
            Kind::Upload if result.is_ok() && transfer.lost_control() => {
                let outcome = UNHEARD;
                info!(target: ACCOUNT, command, bytes, elapsed_ms, reply, outcome, "transfer ended");
            }
            _ => info!(target: ACCOUNT, command, bytes, elapsed_ms, reply, "transfer ended"),
        }
        match result {
            Err(failure) if failure.is_trouble() => log::fail(failure.text()),
            _ if transfer.lost_control() => log::fail(CONTROL_LOST),
            _ => {}
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

    /// A transfer failed before anything of it was done.
    pub(super) fn count_unopened(&self, kind: Kind, failure: &Failure) {
        self.worker.metrics.transfers.over(&Over {
            protocol: self.protocol(),
            direction: kind.direction(),
            result: TransferResult::of(Some(failure)),
            bytes: 0,
            elapsed: Duration::ZERO,
            user: self.totals.user.as_deref().unwrap_or_default(),
            trace: self.totals.trace.shown(),
        });
    }

    /// A change to the files that is no transfer.
    pub(super) fn log_change(&self, change: &Change<'_>, failure: Option<&Failure>) {
        let reply = failure.map_or(250, |failure| failure.code(Phase::Command).0);
        info!(
            target: ACCOUNT,
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

    /// The control connection broke. What is no TLS is no loss on the way; it counts once somebody is logged in,
    /// for strangers send anything.
    pub(super) fn note_violation(&self, error: &io::Error) {
        if error.kind() == io::ErrorKind::InvalidData && self.login.is_some() {
            debug!(%error, "tls violated");
            log::fail("the control connection broke the rules of tls");
        }
    }

    /// The connection ends without a byte.
    pub(super) fn count_silent(&self) {
        if !self.totals.is_probe {
            self.worker.metrics.sessions.probes.of(Probe::Silent).inc();
        }
    }

    pub(super) fn log_end(&self) {
        let totals = &self.totals;
        if !totals.heard && self.protocol() == Protocol::Ftp {
            self.count_silent();
        }
        let elapsed_ms = totals.since.elapsed().as_millis() as u64;
        match &totals.user {
            Some(user) => info!(
                target: ACCOUNT,
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
