//! Carries out what the machine asks, and brings the answers back to it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::Instant;

use flotilla_protocol::ftp::{
    Credentials, Failure, FileReply, FileRequest, LoginRefusal, Outcome, Request, Route,
    TransferRequest,
};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tracing::debug;

use super::actor::{Session, Stage};
use super::operation;
use super::record::Change;
use super::transfer::{Kind, OpenTransfer};
use super::wire::Wire;
use crate::address::{Arrival, Found, Known, Path};
use crate::auth::{Attempt, Secret};
use crate::listen::BANNED;
use crate::log;
use crate::login::{self, LoggedIn};
use crate::ports::Grant;
use crate::roster::Subject;
use crate::storage::Work;
use crate::telemetry::{self, Judged};
use crate::tls::{self, HandshakeError};

/// The open request, when its answer takes time.
pub(super) type Open = Pin<Box<dyn Future<Output = Done>>>;

/// What a request brought, before the machine hears of it.
pub(super) enum Done {
    /// A file operation.
    File(FileRequest, Result<FileReply, Failure>),
    /// A login was judged.
    Login(String, Result<Box<LoggedIn>, LoginRefusal>),
    /// A passive port was granted.
    Granted(Result<Grant, Failure>),
    /// The handshake of the control connection is over.
    Secured(Result<Box<TlsStream<TcpStream>>, HandshakeError>),
}

impl Session {
    /// Carries out all that the machine asks now.
    pub(super) fn perform(&mut self, now: Instant) {
        while let Some(request) = self.machine.poll() {
            match request {
                Request::Abort => self.abort(now),
                Request::ClosePassive => self.passive = None,
                Request::NoteClient(name) => self.note_client(name),
                Request::Logout => {
                    self.place = None;
                    if self.login.take().is_some() {
                        self.is_about(None);
                        self.guard.entrance = self.worker.threshold.come_back(self.peer.ip());
                    }
                    self.host = None;
                }
                Request::SelectHost(name) => self.select_host(&name, now),
                Request::Authenticate(credentials) => self.authenticate(credentials, now),
                Request::File(request) => self.operate(request, now),
                Request::OpenPassive { .. } => self.open_passive(now),
                Request::Transfer(request) => self.open_transfer(request, now),
                Request::StartTls => self.stage = Stage::BeforeTls,
                Request::Close => self.close(now),
            }
        }
    }

    /// Polls the open request; whether it was answered.
    pub(super) fn poll_work(&mut self, task: &mut Task<'_>, now: Instant) -> bool {
        let Some(work) = &mut self.work else { return false };
        match work.as_mut().poll(task) {
            Poll::Pending => false,
            Poll::Ready(done) => {
                self.work = None;
                self.finish_work(done, now);
                true
            }
        }
    }

    /// Polls the transfer; whether it began or ended.
    pub(super) fn poll_transfer(&mut self, task: &mut Task<'_>, now: Instant) -> bool {
        let Some(transfer) = &mut self.transfer else { return false };
        let result = transfer.poll(task);
        let news = transfer.take_news();
        let moved = news.is_some() || result.is_ready();
        if let Some(outcome) = news {
            self.machine.on_outcome(outcome, now);
        }
        if let Poll::Ready(result) = result {
            self.end_transfer(result, now);
        }
        moved
    }

    pub(super) fn finish_work(&mut self, done: Done, now: Instant) {
        let secured = matches!(done, Done::Secured(_));
        if let Done::File(_, Err(failure)) | Done::Granted(Err(failure)) = &done
            && failure.is_trouble()
        {
            log::fail(failure.text());
        }
        let outcome = match self.unless_closed(done) {
            Done::File(request, result) => {
                self.mark_command(Some(&request), result.as_ref().err());
                if let Some(change) = Change::of(&request) {
                    self.log_change(&change, result.as_ref().err());
                }
                Outcome::File(result)
            }
            Done::Login(_, Ok(login)) => {
                let grant = login.grant(&self.policy.config);
                let is_anonymous = login.account.anonymous;
                self.trace_login(&login.account.name, Judged::Granted { is_anonymous });
                self.enter(&login, now);
                self.login = Some(*login);
                self.guard.entrance = None;
                Outcome::Login(Ok(grant))
            }
            Done::Login(user, Err(refusal)) => {
                self.trace_login(&user, Judged::Refused(&refusal));
                self.log_refusal(&user, &refusal);
                Outcome::Login(Err(refusal))
            }
            Done::Granted(Ok(grant)) => Outcome::Passive(Ok(self.keep_passive(grant, now))),
            Done::Granted(Err(failure)) => {
                self.mark_command(None, Some(&failure));
                Outcome::Passive(Err(failure))
            }
            Done::Secured(result) => self.secured(result, now),
        };
        self.machine.on_outcome(outcome, now);
        if secured {
            // The protocol has another name now.
            self.is_about(self.about.user.clone());
        }
    }

    /// A login that was judged while the node closed its door comes too late.
    fn unless_closed(&self, done: Done) -> Done {
        match (done, self.worker.closed()) {
            (Done::Login(user, Ok(_)), Some(text)) => {
                Done::Login(user, Err(LoginRefusal::Limit(text.to_owned())))
            }
            (done, _) => done,
        }
    }

    fn secured(
        &mut self,
        result: Result<Box<TlsStream<TcpStream>>, HandshakeError>,
        now: Instant,
    ) -> Outcome {
        match result {
            Ok(stream) => {
                self.living.secured();
                self.wire = Wire::Tls(stream);
                self.trace_handshake(None, now);
                self.tune_socket();
                Outcome::Secured(Ok(self.wire.peer_certificate().is_some()))
            }
            Err(error) => {
                debug!(%error, "tls handshake failed");
                self.trace_handshake(Some(&error), now);
                match error {
                    // Under implicit TLS it has not said anything at all.
                    HandshakeError::Silent if self.machine.is_secure() => self.count_silent(),
                    error => self.worker.metrics.sessions.handshake_failed(&error),
                }
                self.on_lost(now);
                Outcome::Secured(Err(()))
            }
        }
    }

    /// ABOR: a transfer or a file operation is dropped where it stands; an upload then settles what is
    /// kept of it. A login or a handshake is let finish; both are short.
    fn abort(&mut self, now: Instant) {
        if let Some(transfer) = &self.transfer {
            if !transfer.abort() {
                self.end_transfer(Err(Failure::Aborted), now);
            }
        } else if self.login.is_some() && self.work.take().is_some() {
            self.machine.on_outcome(Outcome::File(Err(Failure::Aborted)), now);
        }
    }

    fn end_transfer(&mut self, result: Result<u64, Failure>, now: Instant) {
        if let Some(transfer) = self.transfer.take() {
            self.log_transfer(&transfer, &result, now);
            let span = self.trace_transfer(&transfer, &result, now);
            self.machine.on_outcome(Outcome::TransferEnded(result), now);
            if let Some(span) = span {
                self.send_transfer(span);
            }
        }
    }

    fn select_host(&mut self, name: &str, now: Instant) {
        let hosts = &self.policy.config.hosts;
        let find = |name: &str| hosts.iter().position(|host| host.is_called(name));
        let found = find(name);
        // RFC 7151, 3.4: the certificate that the client saw must be that of the host it names.
        if self.wire.server_name().and_then(find).is_some_and(|shown| Some(shown) != found) {
            return self.machine.on_outcome(Outcome::Host(None), now);
        }
        if found.is_some() {
            self.host = found;
        }
        let banner = found.and_then(|index| hosts.get(index)).map(|host| {
            host.banner.clone().unwrap_or_else(|| self.policy.config.ftp.banner.clone())
        });
        // Without any [[host]] every name is this server (RFC 7151, 3.2.1: the default host).
        let banner =
            banner.or_else(|| hosts.is_empty().then(|| self.policy.config.ftp.banner.clone()));
        self.machine.on_outcome(Outcome::Host(banner), now);
    }

    fn authenticate(&mut self, credentials: Credentials, now: Instant) {
        let user = String::from_utf8_lossy(&credentials.user).into_owned();
        let method = if credentials.password.is_some() { "password" } else { "certificate" };
        let span = self.mark_login(method, now);
        self.totals.tries(credentials.password.is_some());
        // It connected before the ban, or before the door was closed.
        let banned = || self.worker.is_banned(self.peer.ip(), now).then_some(BANNED);
        if let Some(text) = self.worker.closed().or_else(banned) {
            let refusal = LoginRefusal::Limit(text.to_owned());
            return self.finish_work(Done::Login(user, Err(refusal)), now);
        }
        let attempt = Attempt {
            user: credentials.user,
            password: credentials.password.map(Secret::new),
            certificate: self.wire.peer_certificate(),
            ssh: None,
            client: self.peer.ip(),
            protocol: self.protocol(),
        };
        let policy = Arc::clone(&self.policy);
        let (pool, metrics) = (self.worker.pool.clone(), Arc::clone(&self.worker.metrics));
        let host = self.host;
        let judged = async move {
            let judged = login::run(policy, pool, host, attempt, &metrics).await;
            Done::Login(user, judged.map(Box::new))
        };
        self.work = Some(telemetry::within(span, Box::pin(judged)));
    }

    fn operate(&mut self, request: FileRequest, now: Instant) {
        let Some(login) = &self.login else {
            return self.machine.on_outcome(Outcome::File(Err(Failure::Internal)), now);
        };
        match operation::run(&login.files, &request) {
            Work::Ready(result) => {
                let result = result.unwrap_or(Err(Failure::Internal));
                self.finish_work(Done::File(request, result), now);
            }
            Work::Pending(future) => {
                let about = self.about.on(operation::path(&request));
                let operation = self.place.as_ref().map(|place| {
                    place.operate(self.machine.verb(), Subject::About(Arc::clone(&about)))
                });
                let done = async move {
                    let _operation = operation;
                    Done::File(request, future.await)
                };
                self.work = Some(Box::pin(about.within(done)));
            }
        }
    }

    fn open_transfer(&mut self, request: TransferRequest, now: Instant) {
        let passive = self.take_passive();
        if request.route == Route::Passive && passive.is_none() {
            // It was given back, for the client took its time.
            self.mark_command(None, Some(&Failure::DataTimeout));
            self.count_unopened(Kind::of(&request.kind), &Failure::DataTimeout);
            let outcome = Outcome::TransferEnded(Err(Failure::DataTimeout));
            return self.machine.on_outcome(outcome, now);
        }
        let kind = Kind::of(&request.kind);
        match OpenTransfer::new(self, request, passive, now) {
            Some(transfer) => self.transfer = Some(Box::new(transfer)),
            None => {
                self.count_unopened(kind, &Failure::Internal);
                let outcome = Outcome::TransferEnded(Err(Failure::Internal));
                self.machine.on_outcome(outcome, now);
            }
        }
    }

    /// How the control connection came.
    pub(super) fn path<'a>(&'a self, found: &'a Found) -> Path<'a> {
        let (config, client) = (&self.policy.config, self.peer.ip());
        let arrival = match self.dialled {
            Some(dialled) => Arrival::Proxied(dialled.ip()),
            None if config.ingress.is_balancer(client) => Arrival::Hidden,
            None => Arrival::Plain,
        };
        let local = self.local.ip();
        Path { mode: self.mode, client, local, arrival, known: Known::of(config, found, local) }
    }

    /// What the client says that it is.
    fn note_client(&mut self, name: String) {
        if let Some(place) = &self.place {
            place.set_software(&name);
        }
        self.software = Some(name);
    }

    /// The name of the host that HOST chose.
    pub(super) fn host_name(&self) -> Option<&str> {
        let host = self.host.and_then(|index| self.policy.config.hosts.get(index));
        host.map(|host| host.name.as_str())
    }

    /// The handshake of the control connection; everything for it is sent and nothing is read.
    pub(super) fn begin_handshake(&mut self) {
        let Some(stream) = self.wire.detach() else { return };
        let config = self.worker.tls.control(self.host_name());
        let key = self.key;
        let now = Instant::now();
        let deadline = now + self.policy.config.timeouts.login;
        self.mark_handshake(now);
        self.work = Some(Box::pin(async move {
            if let Err(error) = tls::await_hello(&stream, deadline).await {
                return Done::Secured(Err(error));
            }
            let handshake = tls::handshake_control(stream, config, key, deadline);
            Done::Secured(handshake.await.map(Box::new))
        }));
    }
}
