//! Logins, and the slots that they ask for.

use flotilla_cluster::admission::{
    ACCOUNT_SESSIONS, Denied, LOGINS_PER_SECOND, PER_ADDRESS, PER_USER,
};
use flotilla_protocol::ftp::LoginRefusal;

use super::book::Book;
use super::family::Family;
use super::instrument::Counter;
use super::label::label;
use crate::auth::{Method, Protocol};

label! {
    /// By what the client showed who it is.
    LoginMethod = "method" {
        Password = "password",
        /// Of SSH.
        Key = "key",
        /// Of TLS, without a password.
        Certificate = "certificate",
        /// Of SSH.
        Interactive = "keyboard_interactive",
        /// A password that nobody looked at.
        Anonymous = "anonymous",
    }
}

label! {
    /// What came of it.
    LoginResult = "result" {
        Ok = "ok",
        /// No such user, or not the right password, key, or certificate.
        Refused = "refused",
        /// The account may not: not now, not from there, not by this protocol.
        Policy = "policy",
        /// A limit, a ban, a drain.
        Limit = "limit",
        /// It can not be judged now.
        Unavailable = "unavailable",
    }
}

label! {
    /// What came of the wish for a slot.
    AdmissionResult = "result" {
        Ok = "ok",
        /// `limits.sessions`.
        Sessions = "sessions",
        /// `limits.per_user`.
        PerUser = "per_user",
        /// `limits.per_address`.
        PerAddress = "per_address",
        /// The account's own limit.
        Account = "account",
        /// `limits.logins_per_second`.
        Rate = "rate",
        /// Too many wait for the store.
        Busy = "busy",
        /// The pool did not answer in time.
        Unanswered = "unanswered",
    }
}

/// The logins of the node.
pub(crate) struct Logins {
    judged: Family<(Protocol, LoginMethod, LoginResult), Counter>,
    pub(crate) admissions: Family<AdmissionResult, Counter>,
}

impl Logins {
    pub(super) fn new(book: &mut Book) -> Self {
        Self {
            judged: book.family("flotilla_logins_total", "Logins, by what came of them"),
            admissions: book.family(
                "flotilla_admissions_total",
                "Slots that logins asked for after they were judged, by what came of it",
            ),
        }
    }

    /// One was judged.
    pub(crate) fn judged(&self, protocol: Protocol, method: LoginMethod, result: LoginResult) {
        self.judged.of((protocol, method, result)).inc();
    }
}

impl LoginMethod {
    /// The one of a step of SSH.
    pub(crate) fn of(method: Method) -> Self {
        match method {
            Method::Password => Self::Password,
            Method::PublicKey => Self::Key,
            Method::KeyboardInteractive => Self::Interactive,
        }
    }
}

impl LoginResult {
    /// What a refusal is; `None`: it is none, more is asked.
    pub(crate) fn of(refusal: &LoginRefusal) -> Option<Self> {
        match refusal {
            LoginRefusal::Incorrect => Some(Self::Refused),
            LoginRefusal::NeedPassword => None,
            LoginRefusal::Policy(_) => Some(Self::Policy),
            LoginRefusal::Limit(_) => Some(Self::Limit),
            LoginRefusal::Unavailable => Some(Self::Unavailable),
        }
    }
}

impl AdmissionResult {
    /// The limit that is reached.
    pub(crate) fn of(denied: &Denied) -> Self {
        match denied.key {
            PER_USER => Self::PerUser,
            PER_ADDRESS => Self::PerAddress,
            ACCOUNT_SESSIONS => Self::Account,
            LOGINS_PER_SECOND => Self::Rate,
            _ => Self::Sessions,
        }
    }
}
