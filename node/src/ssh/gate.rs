//! Logins: what the transport verified goes to the authenticator, and its judgement back.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use flotilla_protocol::failure::Failure;
use flotilla_protocol::ftp::LoginRefusal;
use russh::keys;
use russh::server::Auth;
use tracing::{debug, warn};

use super::algorithm::method_set;
use super::connection::Connection;
use super::key;
use super::transport::Transport;
use crate::auth::proof::Proofs;
use crate::auth::{Attempt, Method, Refusal, Secret};
use crate::login;
use crate::metrics::LoginResult;
use crate::pool::Failed;
use crate::telemetry::Judged;

/// The way into one connection.
pub(super) struct Gate {
    connection: Rc<Connection>,
    transport: Arc<Transport>,
    /// For whom it tried last: the steps of one user are none of another (RFC 4252, 5).
    user: RefCell<String>,
    /// What the client may try next.
    next: RefCell<Vec<Method>>,
    /// The steps that it took.
    proved: RefCell<Proofs>,
    failures: Cell<u32>,
    /// The client was told to go. What it sent meanwhile is not judged any more.
    is_over: Cell<bool>,
}

impl Gate {
    pub(super) fn new(connection: Rc<Connection>, transport: Arc<Transport>) -> Self {
        let next = connection.policy.authenticator.ssh_methods();
        Self {
            connection,
            transport,
            user: RefCell::default(),
            next: RefCell::new(next),
            proved: RefCell::default(),
            failures: Cell::new(0),
            is_over: Cell::new(false),
        }
    }

    /// The answer to a client that asks how it may log in.
    pub(super) fn methods(&self) -> Auth {
        self.reject(false)
    }

    /// A password.
    pub(super) async fn password(self: Rc<Self>, user: String, password: String) -> Auth {
        self.with_password(user, password.into_bytes(), Method::Password).await
    }

    /// The one question of keyboard-interactive (RFC 4256), then the answer to it.
    pub(super) async fn interactive(self: Rc<Self>, user: String, answer: Option<Bytes>) -> Auth {
        self.bind(&user);
        match answer {
            Some(password) => {
                self.with_password(user, password.to_vec(), Method::KeyboardInteractive).await
            }
            None if self.next.borrow().contains(&Method::KeyboardInteractive) => Auth::Partial {
                name: "".into(),
                instructions: "".into(),
                prompts: vec![("Password: ".into(), false)].into(),
            },
            None => self.reject(false),
        }
    }

    /// The client goes on for this user, or begins anew for another.
    fn bind(&self, user: &str) {
        if *self.user.borrow() != user {
            user.clone_into(&mut self.user.borrow_mut());
            *self.next.borrow_mut() = self.connection.policy.authenticator.ssh_methods();
            *self.proved.borrow_mut() = Proofs::default();
        }
    }

    async fn with_password(&self, user: String, password: Vec<u8>, method: Method) -> Auth {
        self.bind(&user);
        let proved = self.proved.borrow().clone();
        let client = self.connection.peer.ip();
        let password = Secret::new(password);
        let attempt = Attempt::ssh_password(user.as_bytes(), password, method, proved, client);
        self.judge(user, attempt, method).await
    }

    /// A key that the client could sign with.
    pub(super) async fn offered(
        self: Rc<Self>,
        user: String,
        key: keys::PublicKey,
        algorithm: keys::Algorithm,
    ) -> Auth {
        self.bind(&user);
        if self.is_over.get() || !self.transport.signatures.accept(&algorithm) {
            return self.reject(false);
        }
        let Ok(key) = key::plain(&key) else { return self.reject(false) };
        let proved = self.proved.borrow().clone();
        let client = self.connection.peer.ip();
        let authenticator = &self.connection.policy.authenticator;
        if authenticator.accepts_key(user.as_bytes(), key, &proved, client).await {
            Auth::Accept
        } else {
            self.reject(false)
        }
    }

    /// A key whose signature was verified.
    pub(super) async fn key(self: Rc<Self>, user: String, key: keys::PublicKey) -> Auth {
        match key::plain(&key) {
            Ok(key) => self.with_key(user, key).await,
            Err(_) => self.reject(false),
        }
    }

    /// A certificate whose key's signature was verified.
    pub(super) async fn certificate(
        self: Rc<Self>,
        user: String,
        certificate: keys::Certificate,
    ) -> Auth {
        let now = SystemTime::now();
        match key::verify_certificate(&certificate, &self.transport.signatures, now) {
            Ok(key) => self.with_key(user, key).await,
            Err(error) => {
                self.connection.record.log_refusal(
                    &user,
                    Method::PublicKey,
                    LoginResult::Refused,
                    &error.to_string(),
                );
                self.reject(false)
            }
        }
    }

    async fn with_key(&self, user: String, key: crate::auth::key::PublicKey) -> Auth {
        self.bind(&user);
        let proved = self.proved.borrow().clone();
        let client = self.connection.peer.ip();
        let attempt = Attempt::ssh_key(user.as_bytes(), key, proved, client);
        self.judge(user, attempt, Method::PublicKey).await
    }

    async fn judge(&self, user: String, attempt: Attempt, method: Method) -> Auth {
        let connection = &self.connection;
        let record = &connection.record;
        let client = connection.peer.ip();
        if self.is_over.get() {
            return self.reject(false);
        }
        // It connected before the ban, or before the door was closed.
        let banned = || connection.worker.is_banned(client, Instant::now()).then_some(BANNED);
        let attempted = record.attempt(method);
        if let Some(text) = connection.worker.closed().or_else(banned) {
            let refusal = LoginRefusal::Limit(text.to_owned());
            record.trace_login(&attempted, &user, Judged::Refused(&refusal));
            return self.turn_away(&user, method, LoginResult::Limit, text);
        }
        let policy = &connection.policy;
        let judgement = attempted.within(policy.authenticator.authenticate(attempt));
        let judgement = tokio::time::timeout(policy.config.timeouts.login, judgement).await;
        let judged = judgement.unwrap_or(Err(Refusal::Unavailable(Failure::StorageTimeout)));
        if let Err(refusal) = &judged {
            record.trace_refusal(&attempted, &user, refusal);
        }
        let account = match judged {
            Ok(account) => account,
            Err(Refusal::More { next, proved }) => {
                debug!(user, "one step of a login done");
                *self.next.borrow_mut() = next;
                *self.proved.borrow_mut() = proved;
                return self.reject(true);
            }
            Err(Refusal::Incorrect | Refusal::NeedPassword) => {
                record.log_refusal(&user, method, LoginResult::Refused, "incorrect");
                return self.failed(method);
            }
            Err(Refusal::Policy(text)) => {
                return self.turn_away(&user, method, LoginResult::Policy, &text);
            }
            Err(Refusal::Unavailable(failure)) => {
                warn!(user, ?failure, "login backend unavailable");
                return self.turn_away(&user, method, LoginResult::Unavailable, UNAVAILABLE);
            }
        };
        let (pool, metrics) = (&connection.worker.pool, &connection.worker.metrics);
        let is_anonymous = account.anonymous;
        let admitted = login::admit(policy, pool, None, account, client, metrics);
        let admitted = match (attempted.within(admitted).await, connection.worker.closed()) {
            // It was judged while the node closed its door.
            (Ok(_), Some(text)) => Err(LoginRefusal::Limit(text.to_owned())),
            (admitted, _) => admitted,
        };
        let judged = match &admitted {
            Ok(_) => Judged::Granted { is_anonymous },
            Err(refusal) => Judged::Refused(refusal),
        };
        record.trace_login(&attempted, &user, judged);
        match admitted {
            Ok(login) => {
                record.log_login(&login.account.name, method);
                connection.set_login(login);
                Auth::Accept
            }
            Err(LoginRefusal::Policy(text)) => {
                self.turn_away(&user, method, LoginResult::Policy, &text)
            }
            Err(LoginRefusal::Limit(text)) => {
                self.turn_away(&user, method, LoginResult::Limit, &text)
            }
            Err(_) => self.turn_away(&user, method, LoginResult::Unavailable, UNAVAILABLE),
        }
    }

    /// A wrong answer: scored if it was a password, and the last one ends the connection.
    fn failed(&self, method: Method) -> Auth {
        if method != Method::PublicKey {
            let address = self.connection.peer.ip();
            // Refused only by a full mailbox: a flood of failures is scored in part, not for ever.
            let _ = self.connection.worker.pool.try_send(Failed::from(address));
            self.failures.set(self.failures.get() + 1);
            let attempts = self.connection.policy.config.limits.login_attempts;
            if attempts > 0 && self.failures.get() >= attempts {
                self.send_away(TOO_MANY);
            }
        }
        self.reject(false)
    }

    /// All that was asked for was right, and yet it may not be: the client is told why, which SSH can
    /// only do by ending the connection.
    fn turn_away(&self, user: &str, method: Method, result: LoginResult, reason: &str) -> Auth {
        self.connection.record.log_refusal(user, method, result, reason);
        self.send_away(reason);
        self.reject(false)
    }

    fn send_away(&self, reason: &str) {
        self.is_over.set(true);
        self.connection.letters.disconnect(reason);
    }

    fn reject(&self, partial_success: bool) -> Auth {
        let next = method_set(&self.next.borrow());
        Auth::Reject { proceed_with_methods: Some(next), partial_success }
    }
}

const BANNED: &str = "This address is banned for a while (limits.ban_for).";
const UNAVAILABLE: &str = "Logins are not possible at the moment; try again later.";
const TOO_MANY: &str = "Too many failed logins (limits.login_attempts).";
