//! The spans of an SSH session: its arrival, its logins, the requests and transfers of its channels, and itself.
//!
//! The span of a file reaches from the request that opens it to the one that closes it, and stands for both; that of
//! a directory as well. Reads and writes have none of their own.

use std::cell::Cell;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use flotilla_protocol::failure::Failure;
use flotilla_protocol::ftp::LoginRefusal;
use flotilla_protocol::path::VirtualPath;
use tracing::debug;

use super::record::{PROTOCOL, Record, Transfer};
use crate::address::canonical;
use crate::auth::{Method, Refusal};
use crate::telemetry::{self, Context, Judged, Moved, is_fault, name};

/// What is remembered for spans that are not over.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// When the identification strings were exchanged.
    identified: Cell<Option<Instant>>,
    /// Keys are exchanged.
    is_keyed: Cell<bool>,
}

/// A file or directory that is open, as a part of its session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) span: Context,
    /// When it was asked for.
    pub(super) since: Instant,
    /// How long the storage took to open it.
    pub(super) opened: Option<Duration>,
}

impl Part {
    /// The storage has opened it.
    pub(super) fn opens(&mut self, now: Instant) {
        self.opened = Some(now.saturating_duration_since(self.since));
    }
}

/// A login that is being judged.
#[derive(Debug)]
pub(super) struct Attempted {
    span: Context,
    since: Instant,
    method: &'static str,
}

impl Attempted {
    /// A step of the judgement, whose parts are below it.
    pub(super) fn within<'a, T: 'a>(
        &self,
        work: impl Future<Output = T> + 'a,
    ) -> impl Future<Output = T> + 'a {
        telemetry::within(self.span, Box::pin(work))
    }
}

impl Record {
    /// A PROXY header came, that was waited for since the connection was accepted.
    pub(super) fn trace_header(&self, balancer: Option<SocketAddr>, now: Instant) {
        let span = (self.trace.began(), now);
        let Some(record) = self.trace.over("proxy header", span, false) else { return };
        record
            .text(name::CLIENT, &self.client.ip().to_string())
            .maybe(balancer, |record, peer| {
                record.text(name::PEER, &canonical(peer).ip().to_string())
            })
            .send();
    }

    /// What the client says that it is.
    pub(super) fn note_client(&self, name: &str) {
        if telemetry::is_on() {
            *self.software.borrow_mut() = Some(name.into());
        }
    }

    /// The identification strings are exchanged: what greets in SSH.
    pub(super) fn trace_greeting(&self) {
        if !self.trace.is_sampled() {
            return;
        }
        let now = Instant::now();
        self.marks.identified.set(Some(now));
        if let Some(record) = self.trace.over("greeting", (self.since, now), false) {
            record.send();
        }
    }

    /// The client asks for the first time under keys: they are exchanged.
    pub(super) fn trace_keys(&self) {
        if !self.marks.is_keyed.replace(true) {
            self.trace_handshake(None);
        }
    }

    /// The exchange of keys is over. Strangers bring about that it fails, so that alone is not kept.
    fn trace_handshake(&self, error: Option<&str>) {
        let Some(began) = self.marks.identified.get() else { return };
        let span = (began, Instant::now());
        let Some(record) = self.trace.over("ssh handshake", span, false) else { return };
        record.maybe(error, |record, error| record.failed("ssh", error)).send();
    }

    /// A step of a login is to be judged.
    pub(super) fn attempt(&self, method: Method) -> Attempted {
        let (span, since) = (self.trace.part(), Instant::now());
        Attempted { span, since, method: method.name() }
    }

    /// It was judged.
    pub(super) fn trace_login(&self, attempted: &Attempted, user: &str, judged: Judged<'_>) {
        let &Attempted { span, since, method } = attempted;
        let must = judged.is_fault();
        if !(self.trace.is_sampled() || must) {
            return;
        }
        let span_time = (since, Instant::now());
        let Some(record) = self.trace.over_as(span, "login", span_time, must) else { return };
        judged.tell(record.text(name::USER, user).word(name::METHOD, method)).send();
    }

    /// The authenticator refused, or asks for more.
    pub(super) fn trace_refusal(&self, attempted: &Attempted, user: &str, refusal: &Refusal) {
        let refusal = match refusal {
            Refusal::More { .. } => return self.trace_login(attempted, user, Judged::Partial),
            Refusal::Incorrect => LoginRefusal::Incorrect,
            Refusal::NeedPassword => LoginRefusal::NeedPassword,
            Refusal::Policy(text) => LoginRefusal::Policy(text.clone()),
            Refusal::Unavailable(_) => LoginRefusal::Unavailable,
        };
        self.trace_login(attempted, user, Judged::Refused(&refusal));
    }

    /// Something is to be opened.
    pub(super) fn part(&self, now: Instant) -> Part {
        Part { span: self.trace.part(), since: now, opened: None }
    }

    /// A request was answered that is no transfer.
    pub(super) fn trace_request(
        &self,
        request: &'static str,
        path: Option<&VirtualPath>,
        since: Instant,
        failure: Option<&Failure>,
    ) {
        debug!(
            command = request,
            path = path.map(tracing::field::display),
            reply = failure.map_or("ok", Failure::text),
            elapsed_ms = since.elapsed().as_millis() as u64,
            "request answered"
        );
        let must = failure.is_some_and(is_fault);
        let span = (since, Instant::now());
        let Some(record) = self.trace.over(request, span, must) else { return };
        self.named(record, path).maybe(failure, telemetry::Record::failure).send();
    }

    /// A file of SCP was to be opened, which may have failed; then there is no transfer to tell of it.
    pub(super) fn trace_unopened(
        &self,
        command: &'static str,
        path: &VirtualPath,
        since: Instant,
        failure: Option<&Failure>,
    ) {
        if failure.is_some() {
            self.trace_request(command, Some(path), since, failure);
        }
    }

    /// A directory was read, from its opening to its closing.
    pub(super) fn trace_listing(&self, part: Part, path: &VirtualPath, failure: Option<&Failure>) {
        let must = failure.is_some_and(is_fault);
        let span = (part.since, Instant::now());
        let Some(record) = self.trace.over_as(part.span, "listing", span, must) else { return };
        self.named(record, Some(path))
            .word(name::COMMAND, "ls")
            .word(name::DIRECTION, "out")
            .maybe(part.opened, |record, opened| {
                record.fraction(name::STORAGE_WAIT, telemetry::milliseconds(opened))
            })
            .maybe(failure, telemetry::Record::failure)
            .send();
    }

    /// A file was sent or fetched.
    pub(super) fn trace_transfer(&self, transfer: &Transfer<'_>) {
        let &Transfer { path, upload, bytes, elapsed, part, first, .. } = transfer;
        let failure = transfer.fault.or(transfer.failure);
        let must = failure.is_some_and(is_fault) || telemetry::is_slow(elapsed);
        let (what, direction) = if upload { ("upload", "in") } else { ("download", "out") };
        let span = (part.since, part.since + elapsed);
        let Some(record) = self.trace.over_as(part.span, what, span, must) else { return };
        let first = first.map(|first| first.saturating_duration_since(part.since));
        let moved = Moved { bytes, elapsed, first, waited: part.opened };
        let record = self
            .named(record, Some(path))
            .word(name::COMMAND, transfer.command)
            .word(name::DIRECTION, direction)
            .maybe(failure, telemetry::Record::failure);
        moved.tell(record).send();
    }

    /// The root of the session's spans.
    pub(super) fn trace_end(&self, reason: &str) {
        if !self.marks.is_keyed.get() {
            self.trace_handshake(Some(reason));
        }
        let Some(record) = self.trace.end("ssh session", Instant::now()) else { return };
        let (about, tally) = (self.about(), &self.tally);
        let software = self.software.borrow();
        record
            .word(name::PROTOCOL, PROTOCOL)
            .text(name::CLIENT, &self.client.ip().to_string())
            .number(name::CLIENT_PORT, self.client.port())
            .maybe(self.server, |record, server| {
                record
                    .text(name::SERVER, &server.ip().to_string())
                    .number(name::SERVER_PORT, server.port())
            })
            .number(name::SESSION, about.session)
            .maybe(about.user.as_deref(), |record, user| record.text(name::USER, user))
            .maybe(software.as_deref(), |record, text| record.text(name::SOFTWARE, text))
            .number(name::UPLOADS, tally.uploads())
            .number(name::DOWNLOADS, tally.downloads())
            .number(name::BYTES_IN, tally.bytes_in())
            .number(name::BYTES_OUT, tally.bytes_out())
            .text(name::REASON, reason)
            .send();
    }

    fn named(&self, record: telemetry::Record, path: Option<&VirtualPath>) -> telemetry::Record {
        record
            .maybe(self.about().user.as_deref(), |record, user| record.text(name::USER, user))
            .maybe(path, |record, path| record.text(name::PATH, &path.to_string()))
    }
}
