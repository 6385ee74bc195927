//! Who may log in: an [`Authenticator`] judges an attempt and yields an [`Account`].
//!
//! # Map
//! - [`users`]: the users file, its reload and the judgement by it; [`demo`]: the first user.
//! - [`hash`]: stored hashes; [`worker`]: the threads that compute them; [`cache`]: verified
//!   passwords.
//! - [`chain`]: several authenticators as one; [`anonymous`]: the one without passwords.
//! - [`key`], [`trust`], [`proof`]: how SSH clients log in besides by password.
//!
//! # What must hold
//! - Unknown name, wrong password, wrong key, wrong certificate: one answer and one cost
//!   ([`Refusal::Incorrect`]).
//! - No step of an SSH login counts that a chain of the user's does not ask for now.
//! - Policy ([`Refusal::Policy`]) speaks only after the password was right, and always then; with
//!   SSH, after the last step of a chain.

pub mod anonymous;
pub mod cache;
pub mod chain;
pub mod demo;
pub mod hash;
pub mod key;
mod pbkdf2;
pub mod proof;
pub mod trust;
pub mod users;
pub mod worker;

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use flotilla_protocol::ftp::Failure;
use flotilla_protocol::path::VirtualPath;

use key::PublicKey;
use proof::Proofs;

pub use crate::config::{Method, Methods};

/// A user who was let in: everything that policy says of them. Immutable; a reload makes new ones.
#[derive(Clone, Debug)]
pub struct Account {
    /// The name as configured.
    pub name: Arc<str>,
    /// The user's own storage root, when not the server's.
    pub root: Option<std::path::PathBuf>,
    /// Where the session starts, under the root; the user can not leave it unless it is `/`.
    pub home: VirtualPath,
    /// What the user may do.
    pub permissions: Permissions,
    /// Sessions at once, 0: no limit of their own.
    pub sessions: u32,
    /// Bytes per second, client to server, over all sessions; 0: none.
    pub upload_rate: u64,
    /// Bytes per second, server to client; 0: none.
    pub download_rate: u64,
    /// Who was let in without a password and shares the name with strangers.
    pub anonymous: bool,
    /// Lines for the 230 reply; no control characters.
    pub message: Vec<String>,
}

/// What a user may do; each a key of `permissions` in the users file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub struct Permissions {
    pub read: bool,
    pub write: bool,
    pub append: bool,
    pub delete: bool,
    pub rename: bool,
    pub mkdir: bool,
    pub list: bool,
    /// See and touch names that begin with a dot.
    pub hidden: bool,
}

impl Permissions {
    /// Everything.
    pub const ALL: Self = Self {
        read: true,
        write: true,
        append: true,
        delete: true,
        rename: true,
        mkdir: true,
        list: true,
        hidden: true,
    };

    /// Nothing.
    pub const NONE: Self = Self {
        read: false,
        write: false,
        append: false,
        delete: false,
        rename: false,
        mkdir: false,
        list: false,
        hidden: false,
    };

    /// Look, and fetch what is not hidden.
    pub const READ_ONLY: Self = Self { read: true, list: true, ..Self::NONE };
}

/// The protocol of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Clear control connection.
    Ftp,
    /// Control connection under TLS.
    Ftps,
    /// SFTP and SCP.
    Ssh,
}

/// A password on its way to be judged; redacted in logs, wiped when dropped.
#[derive(Clone)]
pub struct Secret(zeroize::Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(zeroize::Zeroizing::new(bytes))
    }

    /// The bytes, for the one who checks them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// One attempt to log in.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The name, as sent.
    pub user: Vec<u8>,
    /// The password; `None`: the client certificate must do.
    pub password: Option<Secret>,
    /// The verified client certificate of TLS, DER.
    pub certificate: Option<Arc<[u8]>>,
    /// How an SSH client goes about it; `None` with other protocols.
    pub ssh: Option<SshStep>,
    /// The client's address.
    pub client: IpAddr,
    /// By which protocol.
    pub protocol: Protocol,
}

/// One step of a login over SSH.
#[derive(Clone, Debug)]
pub struct SshStep {
    /// The method. With `password` and `keyboard-interactive` the attempt carries the password.
    pub method: Method,
    /// With `publickey`: the key, whose possession was proved by a signature.
    pub key: Option<PublicKey>,
    /// What this connection proved before, from [`Refusal::More`]; counts for the same user only.
    pub proved: Proofs,
}

impl Attempt {
    /// A step of an SSH client by `password` or `keyboard-interactive`.
    pub fn ssh_password(
        user: &[u8],
        password: Secret,
        method: Method,
        proved: Proofs,
        client: IpAddr,
    ) -> Self {
        Self {
            user: user.to_vec(),
            password: Some(password),
            certificate: None,
            ssh: Some(SshStep { method, key: None, proved }),
            client,
            protocol: Protocol::Ssh,
        }
    }

    /// A step of an SSH client by `publickey`, after its signature was verified.
    pub fn ssh_key(user: &[u8], key: PublicKey, proved: Proofs, client: IpAddr) -> Self {
        Self {
            user: user.to_vec(),
            password: None,
            certificate: None,
            ssh: Some(SshStep { method: Method::PublicKey, key: Some(key), proved }),
            client,
            protocol: Protocol::Ssh,
        }
    }
}

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Unknown name, wrong password, wrong certificate: one answer, one cost.
    Incorrect,
    /// The certificate is fine but a password is demanded as well.
    NeedPassword,
    /// Of SSH: this step was right, and the user's chain of methods asks for more (partial success,
    /// RFC 4252, 5.1).
    More {
        /// What may come next; never empty.
        next: Vec<Method>,
        /// For the next attempt.
        proved: Proofs,
    },
    /// All that was asked for was right; policy says no. The text is for the client.
    Policy(String),
    /// The backend failed or all hashing workers are busy beyond the deadline.
    Unavailable(Failure),
}

/// The future of whether a key is worth a signature.
pub type Answer = Pin<Box<dyn Future<Output = bool> + Send>>;

/// The future of a judgement. It can be sent, since handlers of the SSH library must be.
pub type Judgement = Pin<Box<dyn Future<Output = Result<Arc<Account>, Refusal>> + Send>>;

/// Judges attempts. Unknown users must cost the same time as known ones.
pub trait Authenticator: Send + Sync {
    /// Judges one attempt.
    fn authenticate(&self, attempt: Attempt) -> Judgement;

    /// Whether an SSH key would do for the next step, asked before it signs anything (RFC 4252, 7).
    /// Unknown users and keys of others are answered alike. Nothing is proved by it.
    fn accepts_key(&self, user: &[u8], key: PublicKey, proved: &Proofs, client: IpAddr) -> Answer {
        let _ = (user, key, proved, client);
        Box::pin(std::future::ready(false))
    }

    /// With which methods an SSH client may begin. The same for all users, known or not: it is all
    /// that anybody may begin with.
    fn ssh_methods(&self) -> Vec<Method> {
        Vec::new()
    }
}
