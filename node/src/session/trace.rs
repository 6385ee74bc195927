//! The spans of a session: how it arrived, its logins, its commands, its transfers, and itself.
//!
//! A transfer's span stands for its command as well; all other commands have one of their own. What is prepared for a
//! span is prepared only where it is exported: in a session that is sampled, or where the server failed somebody.

use std::cell::Cell;
use std::time::Instant;

use flotilla_cluster::id::Fence;
use flotilla_protocol::ftp::{Answered, Failure, FileRequest, Route};
use flotilla_protocol::path::VirtualPath;
use tracing::debug;

use super::actor::Session;
use super::operation;
use super::transfer::{Kind, OpenTransfer};
use crate::address::canonical;
use crate::auth::users::protocol_name;
use crate::data::Connection;
use crate::telemetry::{self, Context, Judged, Moved, Record, is_fault, name};
use crate::tls::HandshakeError;

/// What is remembered for spans that are not over.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// The client was greeted.
    is_greeted: bool,
    /// When the TLS handshake began.
    handshake: Option<Instant>,
    /// The login that is being judged.
    login: Option<Box<Attempted>>,
    /// Of the command whose reply comes next.
    note: Option<Box<Note>>,
}

/// A login that is being judged.
#[derive(Clone, Copy, Debug)]
struct Attempted {
    span: Context,
    since: Instant,
    method: &'static str,
}

/// What a command was about.
#[derive(Debug, Default)]
struct Note {
    path: Option<VirtualPath>,
    /// How the server failed.
    fault: Option<Failure>,
}

/// How a data connection came about. Kept only where spans are exported at all.
#[derive(Debug, Default)]
pub(super) struct Story {
    /// Since when it was waited for.
    began: Cell<Option<Instant>>,
    /// When the TCP connection stood.
    connected: Cell<Option<Instant>>,
    /// When it was the client's beyond doubt.
    passed: Cell<Option<Instant>>,
    via: Cell<Option<Fence>>,
    /// The version of TLS, and whether a session was resumed.
    tls: Cell<Option<(&'static str, bool)>>,
}

impl Story {
    /// It is waited for.
    pub(super) fn begins(&self, now: Instant) {
        self.began.set(Some(now));
    }

    /// The TCP connection stands. Another one may still turn out to be the client's.
    pub(super) fn connected(&self) {
        self.connected.set(Some(Instant::now()));
    }

    /// This node brought the connection that is the client's, if one did.
    pub(super) fn came(&self, via: Option<Fence>) {
        self.via.set(via);
    }

    /// The node that brought it.
    pub(super) fn via(&self) -> Option<Fence> {
        self.via.get()
    }

    /// It is the client's.
    pub(super) fn passed(&self, connection: &Connection) {
        self.passed.set(Some(Instant::now()));
        self.tls.set(connection.tls());
    }

    /// What a transfer's span and that of its data connection have in common.
    fn tell(&self, record: Record) -> Record {
        record
            .maybe(self.via.get(), |record, via| record.number(name::NODE, via.0))
            .maybe(self.tls.get(), |record, (version, is_resumed)| {
                telemetry::protected(record, version, None, is_resumed)
            })
    }

    /// The span of the data connection; none if it was never waited for.
    fn trace(&self, transfer: Context, failure: Option<&Failure>, must: bool, now: Instant) {
        let Some(began) = self.began.get() else { return };
        let passed = self.passed.get();
        let span = (began, passed.unwrap_or(now));
        let child = transfer.child();
        let Some(record) = telemetry::over(child, Some(transfer), "data connection", span, must)
        else {
            return;
        };
        let connect = self.connected.get().map(|at| telemetry::milliseconds(at - began));
        self.tell(record)
            .maybe(connect, |record, elapsed| record.fraction(name::CONNECT, elapsed))
            .maybe(failure.filter(|_| passed.is_none()), Record::failure)
            .send();
    }
}

impl Session {
    /// A PROXY header came, that was waited for since the connection was accepted.
    pub(super) fn trace_header(&self, now: Instant) {
        let trace = &self.totals.trace;
        let Some(record) = trace.over("proxy header", (trace.began(), now), false) else { return };
        let balancer = self.wire.socket().and_then(|socket| socket.peer_addr().ok());
        record
            .text(name::CLIENT, &self.peer.ip().to_string())
            .maybe(balancer, |record, balancer| {
                record.text(name::PEER, &canonical(balancer).ip().to_string())
            })
            .send();
    }

    /// All replies are on their way; the first time it is the greeting.
    pub(super) fn trace_greeting(&mut self) {
        let totals = &mut self.totals;
        if !std::mem::replace(&mut totals.marks.is_greeted, true)
            && totals.trace.is_sampled()
            && let Some(record) =
                totals.trace.over("greeting", (totals.since, Instant::now()), false)
        {
            record.send();
        }
    }

    /// The handshake of the control connection begins.
    pub(super) fn mark_handshake(&mut self, now: Instant) {
        self.totals.marks.handshake = Some(now);
    }

    /// It is over. Strangers bring about that it fails, so that alone is not kept.
    pub(super) fn trace_handshake(&mut self, error: Option<&HandshakeError>, now: Instant) {
        let Some(began) = self.totals.marks.handshake.take() else { return };
        let Some(record) = self.totals.trace.over("tls handshake", (began, now), false) else {
            return;
        };
        let protection = self.wire.protection();
        record
            .maybe(protection, |record, tls| {
                telemetry::protected(record, tls.version, Some(tls.cipher), self.wire.is_resumed())
            })
            .maybe(error, |record, error| record.failed(error.word(), &error.to_string()))
            .send();
    }

    /// A login is to be judged; the span whose parts are what that takes.
    pub(super) fn mark_login(&mut self, method: &'static str, now: Instant) -> Context {
        let span = self.totals.trace.part();
        // Where nothing is exported, nothing is remembered.
        let attempted = || Box::new(Attempted { span, since: now, method });
        self.totals.marks.login = telemetry::is_on().then(attempted);
        span
    }

    /// It was judged. One that is refused is kept only if nobody could judge it.
    pub(super) fn trace_login(&mut self, user: &str, judged: Judged<'_>) {
        let Some(attempted) = self.totals.marks.login.take() else { return };
        let Attempted { span, since, method } = *attempted;
        let must = judged.is_fault();
        let trace = &self.totals.trace;
        if !(trace.is_sampled() || must) {
            return;
        }
        let Some(record) = trace.over_as(span, "login", (since, Instant::now()), must) else {
            return;
        };
        judged.tell(record.text(name::USER, user).word(name::METHOD, method)).send();
    }

    /// The reply to a file operation, or to PASV, comes next.
    pub(super) fn mark_command(&mut self, request: Option<&FileRequest>, fault: Option<&Failure>) {
        let fault = fault.filter(|failure| is_fault(failure) && telemetry::is_on());
        if !self.totals.trace.is_sampled() && fault.is_none() {
            return;
        }
        // What was answered before is no part of it.
        self.note_answered();
        let path = request.map(operation::path).cloned();
        self.totals.marks.note = Some(Box::new(Note { path, fault: fault.cloned() }));
    }

    /// Takes note of the commands that were answered since the last time.
    pub(super) fn note_answered(&mut self) {
        while let Some(answered) = self.next_answered() {
            self.trace_command(answered);
        }
    }

    /// The only place that takes them: each is counted once, and has its line.
    fn next_answered(&mut self) -> Option<Answered> {
        let answered = self.machine.poll_answered()?;
        self.worker.metrics.commands.answered(answered);
        debug!(
            command = named(answered),
            reply = answered.code,
            elapsed_ms = answered.since.elapsed().as_millis() as u64,
            "command answered"
        );
        Some(answered)
    }

    fn trace_command(&mut self, answered: Answered) {
        let totals = &mut self.totals;
        let note = totals.marks.note.take();
        if !totals.trace.is_sampled() && note.is_none() {
            return;
        }
        let Note { path, fault } = note.map_or_else(Note::default, |note| *note);
        let Answered { code, since, .. } = answered;
        let span = (since, Instant::now());
        let Some(record) = totals.trace.over(named(answered), span, fault.is_some()) else {
            return;
        };
        record
            .maybe(totals.user.as_deref(), |record, user| record.text(name::USER, user))
            .maybe(path, |record, path| record.text(name::PATH, &path.to_string()))
            .maybe((code > 0).then_some(code), |record, code| record.number(name::REPLY, code))
            .maybe(fault.as_ref(), Record::failure)
            .send();
    }

    /// A transfer is over; its span is sent when the client has its reply.
    pub(super) fn trace_transfer(
        &mut self,
        transfer: &OpenTransfer,
        result: &Result<u64, Failure>,
        now: Instant,
    ) -> Option<Record> {
        let began = transfer.started();
        let elapsed = now.saturating_duration_since(began);
        let failure = result.as_ref().err();
        let must = failure.is_some_and(is_fault) || telemetry::is_slow(elapsed);
        if !(self.totals.trace.is_sampled() || must) {
            return None;
        }
        // The next one that is answered is this one's.
        self.note_answered();
        // Bytes moved since this turn began.
        let now = Instant::now();
        let elapsed = now.saturating_duration_since(began);
        let totals = &self.totals;
        let (name, direction) = match transfer.kind {
            Kind::Download => ("download", "out"),
            Kind::Upload => ("upload", "in"),
            Kind::Listing => ("listing", "out"),
        };
        let context = transfer.about.trace;
        let record = totals.trace.over_as(context, name, (began, now), must)?;
        let bytes = result.as_ref().copied().unwrap_or_else(|_| transfer.bytes());
        let record = record
            .word(name::COMMAND, transfer.command)
            .maybe(totals.user.as_deref(), |record, user| record.text(name::USER, user))
            .maybe(transfer.about.path.as_ref(), |record, path| {
                record.text(name::PATH, &path.to_string())
            })
            .word(name::DIRECTION, direction)
            .word(name::ROUTE, transfer.route)
            .maybe(failure, Record::failure);
        let progress = transfer.progress();
        let first = progress.first().map(|first| first.saturating_duration_since(began));
        let record = Moved { bytes, elapsed, first, waited: progress.waited() }.tell(record);
        Some(match &transfer.story {
            Some(story) => {
                story.trace(context, failure, must, now);
                story.tell(record)
            }
            None => record,
        })
    }

    /// The client has the reply to its transfer.
    pub(super) fn send_transfer(&mut self, record: Record) {
        let code = self.next_answered().map(|answered| answered.code).filter(|&code| code > 0);
        record.maybe(code, |record, code| record.number(name::REPLY, code)).send();
    }

    /// The root of the session's spans.
    pub(super) fn trace_end(&self) {
        let totals = &self.totals;
        let Some(record) = totals.trace.end("ftp session", Instant::now()) else { return };
        let tally = &totals.tally;
        record
            .word(name::PROTOCOL, protocol_name(self.protocol()))
            .text(name::CLIENT, &self.peer.ip().to_string())
            .number(name::CLIENT_PORT, self.peer.port())
            .text(name::SERVER, &self.dialled.unwrap_or(self.local).ip().to_string())
            .number(name::SERVER_PORT, self.dialled.unwrap_or(self.local).port())
            .number(name::SESSION, self.guard.id)
            .maybe(totals.user.as_deref(), |record, user| record.text(name::USER, user))
            .maybe(self.software.as_deref(), |record, text| record.text(name::SOFTWARE, text))
            .number(name::UPLOADS, tally.uploads())
            .number(name::DOWNLOADS, tally.downloads())
            .number(name::BYTES_IN, tally.bytes_in())
            .number(name::BYTES_OUT, tally.bytes_out())
            .send();
    }
}

/// How a data connection comes about, in a word.
pub(super) fn route(route: Route) -> &'static str {
    match route {
        Route::Passive => "passive",
        Route::Active(_) => "active",
    }
}

/// The verb; clients can not make names of spans.
fn named(answered: Answered) -> &'static str {
    answered.verb.map_or(UNKNOWN, |verb| verb.info().name)
}

/// The name of a command that is none.
const UNKNOWN: &str = "unknown command";
