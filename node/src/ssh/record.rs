//! What is logged of an SSH session: its login, each transfer and change, and one line with totals.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use flotilla_protocol::failure::Failure;
use flotilla_protocol::path::VirtualPath;
use flotilla_protocol::sftp::Outcome;
use tracing::{debug, info};

use crate::auth::{Account, Method, Protocol};
use crate::log::{self, ACCOUNT, About, Direction, Ring, TransferRecord, XferLog};
use crate::metrics::{
    LoginMethod, LoginResult, Metrics, Over, SftpRequest, TransferDirection, TransferResult,
};
use crate::roster::{Tally, Who};
use crate::telemetry::{Trace, name};

/// The memory of one session.
pub(super) struct Record {
    /// The session and its user, in every line that is logged while it is polled.
    about: RefCell<Arc<About>>,
    client: IpAddr,
    since: Instant,
    pub(super) trace: Trace,
    metrics: Arc<Metrics>,
    xferlog: Option<Arc<XferLog>>,
    tally: Rc<Tally>,
}

/// One upload or download, over.
pub(super) struct Transfer<'a> {
    pub(super) account: &'a Account,
    pub(super) path: &'a VirtualPath,
    pub(super) upload: bool,
    pub(super) bytes: u64,
    pub(super) elapsed: Duration,
    pub(super) failure: Option<&'a Failure>,
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
        session: u64,
        client: IpAddr,
        metrics: Arc<Metrics>,
        xferlog: Option<Arc<XferLog>>,
        ring: Option<Arc<Ring>>,
    ) -> Self {
        let trace = Trace::new();
        Self {
            about: RefCell::new(Arc::new(About {
                session,
                trace: trace.root(),
                client,
                protocol: PROTOCOL,
                user: None,
                path: None,
                ring,
            })),
            client,
            since: Instant::now(),
            trace,
            metrics,
            xferlog,
            tally: Rc::default(),
        }
    }

    /// Who this is, for the log.
    pub(super) fn about(&self) -> Arc<About> {
        Arc::clone(&self.about.borrow())
    }

    /// Who this is, for the roster.
    pub(super) fn who(&self) -> Who {
        let about = self.about();
        Who {
            number: about.session,
            user: about.user.clone().unwrap_or_default(),
            protocol: Protocol::Ssh,
            client: self.client,
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
        let &Transfer { account, path, upload, bytes, elapsed, failure } = transfer;
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
            client: self.client,
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

    /// The root of the session's spans.
    fn trace_end(&self, reason: &str) {
        let span = (self.since, Instant::now());
        let Some(record) = self.trace.end("ssh session", span, false) else { return };
        let (about, tally) = (self.about(), &self.tally);
        record
            .word(name::PROTOCOL, PROTOCOL)
            .text(name::CLIENT, &self.client.to_string())
            .number(name::SESSION, about.session)
            .maybe(about.user.as_deref(), |record, user| record.text(name::USER, user))
            .number("flotilla.uploads", tally.uploads())
            .number("flotilla.downloads", tally.downloads())
            .number("flotilla.bytes_in", tally.bytes_in())
            .number("flotilla.bytes_out", tally.bytes_out())
            .text(name::REASON, reason)
            .send();
    }

    pub(super) fn log_end(&self, reason: &str) {
        self.trace_end(reason);
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
const PROTOCOL: &str = "ssh";
