//! What is logged of an SSH session: its login, each transfer and change, and one line with totals.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use flotilla_protocol::failure::Failure;
use flotilla_protocol::path::VirtualPath;
use flotilla_protocol::sftp::Outcome;
use tracing::{debug, info};

use super::trace::{Marks, Part};
use crate::auth::{Account, Method, Protocol};
use crate::log::{self, ACCOUNT, About, Direction, Ring, TransferRecord, XferLog};
use crate::metrics::{
    LoginMethod, LoginResult, Metrics, Over, SftpRequest, TransferDirection, TransferResult,
};
use crate::roster::{Tally, Who};
use crate::telemetry::Trace;

/// The memory of one session.
pub(super) struct Record {
    /// The session and its user, in every line that is logged while it is polled.
    about: RefCell<Arc<About>>,
    pub(super) client: SocketAddr,
    /// What the client dialled.
    pub(super) server: Option<SocketAddr>,
    /// What the client says that it is.
    pub(super) software: RefCell<Option<Box<str>>>,
    pub(super) since: Instant,
    pub(super) trace: Trace,
    pub(super) marks: Marks,
    metrics: Arc<Metrics>,
    xferlog: Option<Arc<XferLog>>,
    pub(super) tally: Rc<Tally>,
}

/// A connection that became a session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) session: u64,
    pub(super) client: SocketAddr,
    /// What the client dialled.
    pub(super) server: Option<SocketAddr>,
    /// When it was accepted.
    pub(super) accepted: Instant,
}

/// One upload or download, over.
pub(super) struct Transfer<'a> {
    pub(super) account: &'a Account,
    pub(super) path: &'a VirtualPath,
    pub(super) upload: bool,
    /// As those who watch the node see it.
    pub(super) command: &'static str,
    pub(super) bytes: u64,
    pub(super) elapsed: Duration,
    pub(super) failure: Option<&'a Failure>,
    /// What failed before its end.
    pub(super) fault: Option<&'a Failure>,
    pub(super) part: Part,
    /// When the first byte moved.
    pub(super) first: Option<Instant>,
}

/// A change to the files that is no transfer.
#[derive(Debug)]
pub(super) struct Change {
    command: &'static str,
    path: VirtualPath,
    /// The new name.
    to: Option<VirtualPath>,
    deletion: bool,
}

impl Change {
    pub(super) fn of(command: &'static str, path: VirtualPath) -> Self {
        Self { command, path, to: None, deletion: false }
    }

    pub(super) fn to(command: &'static str, path: VirtualPath, to: VirtualPath) -> Self {
        Self { to: Some(to), ..Self::of(command, path) }
    }

    /// The transfer log knows deletions of files too.
    pub(super) fn deletion(path: VirtualPath) -> Self {
        Self { deletion: true, ..Self::of("delete", path) }
    }
}

impl Record {
    pub(super) fn new(
        origin: Origin,
        metrics: Arc<Metrics>,
        xferlog: Option<Arc<XferLog>>,
        ring: Option<Arc<Ring>>,
    ) -> Self {
        let Origin { session, client, server, accepted } = origin;
        let trace = Trace::new(accepted);
        Self {
            about: RefCell::new(Arc::new(About {
                session,
                trace: trace.root(),
                client: client.ip(),
                protocol: PROTOCOL,
                user: None,
                path: None,
                ring,
            })),
            client,
            server,
            software: RefCell::default(),
            since: Instant::now(),
            trace,
            marks: Marks::default(),
            metrics,
            xferlog,
            tally: Rc::default(),
        }
    }

    /// Who this is, for the log.
    pub(super) fn about(&self) -> Arc<About> {
        Arc::clone(&self.about.borrow())
    }

    /// The same, at work on a part of it.
    fn within(&self, part: Part) -> Arc<About> {
        let about = self.about();
        match part.span == about.trace {
            true => about,
            false => Arc::new(About { trace: part.span, ..(*about).clone() }),
        }
    }

    /// Who this is, for the roster.
    pub(super) fn who(&self) -> Who {
        let about = self.about();
        Who {
            number: about.session,
            user: about.user.clone().unwrap_or_default(),
            protocol: Protocol::Ssh,
            client: self.client.ip(),
            tally: Rc::clone(&self.tally),
        }
    }

    pub(super) fn log_login(&self, user: &str, method: Method) {
        self.metrics.logins.judged(Protocol::Ssh, LoginMethod::of(method), LoginResult::Ok);
        let about =
            Arc::new(About { user: Some(user.into()), path: None, ..(*self.about()).clone() });
        log::change(&about);
        *self.about.borrow_mut() = about;
        info!(target: ACCOUNT, method = method.name(), "logged in");
    }

    pub(super) fn log_refusal(
        &self,
        user: &str,
        method: Method,
        result: LoginResult,
        reason: &str,
    ) {
        self.metrics.logins.judged(Protocol::Ssh, LoginMethod::of(method), result);
        // Strangers can make names as long as a packet.
        let user: String = user.chars().take(USER_CHARS_MAX).collect();
        info!(user, method = method.name(), reason, "login refused");
    }

    /// A request of SFTP was answered.
    pub(super) fn count(&self, request: SftpRequest, outcome: &Outcome) {
        self.metrics.commands.done(request, outcome);
    }

    pub(super) fn log_transfer(&self, transfer: &Transfer<'_>) {
        let &Transfer { account, path, upload, bytes, elapsed, failure, .. } = transfer;
        if upload {
            self.tally.uploaded(bytes);
        } else {
            self.tally.downloaded(bytes);
        }
        self.metrics.transfers.over(&Over {
            protocol: Protocol::Ssh,
            direction: match upload {
                true => TransferDirection::Upload,
                false => TransferDirection::Download,
            },
            result: TransferResult::of(failure),
            bytes,
            elapsed,
            user: &account.name,
            trace: self.trace.shown(),
        });
        let scope = self.within(transfer.part).enter();
        info!(
            target: ACCOUNT,
            command = if upload { "upload" } else { "download" },
            %path,
            bytes,
            elapsed_ms = elapsed.as_millis() as u64,
            reply = failure.map_or("ok", Failure::text),
            "transfer ended"
        );
        if let Some(failure) = failure.filter(|failure| failure.is_trouble()) {
            log::fail(failure.text());
        }
        drop(scope);
        self.trace_transfer(transfer);
        let direction = if upload { Direction::In } else { Direction::Out };
        self.xferlog(account, path, (bytes, elapsed), direction, failure.is_none());
    }

    pub(super) fn log_change(&self, account: &Account, change: &Change, failure: Option<&Failure>) {
        info!(
            target: ACCOUNT,
            command = change.command,
            path = %change.path,
            to = change.to.as_ref().map(tracing::field::display),
            reply = failure.map_or("ok", Failure::text),
            "files changed"
        );
        if change.deletion {
            let nothing = (0, Duration::ZERO);
            self.xferlog(account, &change.path, nothing, Direction::Delete, failure.is_none());
        }
    }

    fn xferlog(
        &self,
        account: &Account,
        path: &VirtualPath,
        (bytes, elapsed): (u64, Duration),
        direction: Direction,
        complete: bool,
    ) {
        let Some(log) = &self.xferlog else { return };
        log.record(&TransferRecord {
            ended: SystemTime::now(),
            elapsed,
            client: self.client.ip(),
            bytes,
            path,
            ascii: false,
            direction,
            anonymous: account.anonymous,
            user: &account.name,
            complete,
            protocol: Protocol::Ssh,
        });
    }

    pub(super) fn log_end(&self, reason: &str) {
        let elapsed_ms = self.since.elapsed().as_millis() as u64;
        match self.about().user {
            Some(_) => info!(
                target: ACCOUNT,
                uploads = self.tally.uploads(),
                downloads = self.tally.downloads(),
                bytes_in = self.tally.bytes_in(),
                bytes_out = self.tally.bytes_out(),
                elapsed_ms,
                reason,
                "session ended"
            ),
            // Probes and scanners: nobody wants a line for each.
            None => debug!(elapsed_ms, reason, "connection ended without a login"),
        }
    }
}

/// The time that listings are told relative to, seconds since 1970.
pub(super) fn now_seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// What is logged of a name that nobody was let in by.
const USER_CHARS_MAX: usize = 128;
/// As the logs of all protocols name it.
pub(super) const PROTOCOL: &str = "ssh";
