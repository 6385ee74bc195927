//! Why the server could not start or had to stop, and the exit code that says so.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::auth::trust::TrustError;
use crate::auth::users::UsersError;
use crate::cli::remote::RemoteError;
use crate::cli::user::UserError;
use crate::config::ConfigError;
use crate::secret::SecretError;
use crate::ssh::HostKeyError;
use crate::storage::posix::RootError;

/// Why a verb of the program failed.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The configuration is wrong.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// An address can not be listened on.
    #[error("can not listen on {address}: {source}")]
    Bind {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A folder or file of the node can not be used.
    #[error("can not use {}: {source}", path.display())]
    Storage {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A certificate or key can not be used.
    #[error(transparent)]
    Tls(#[from] crate::tls::TlsError),
    /// An SSH host key can not be used.
    #[error(transparent)]
    HostKey(#[from] HostKeyError),
    /// A file with a secret can not be used.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A file of authorities or revoked keys can not be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The users file is wrong.
    #[error(transparent)]
    Users(#[from] UsersError),
    /// A verb of `flotilla user` failed.
    #[error(transparent)]
    User(#[from] UserError),
    /// A verb that asks a running node failed.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// A storage root can not be served.
    #[error(transparent)]
    Root(#[from] RootError),
    /// The pool, or its store, does not take this node.
    #[error("{0}")]
    Pool(String),
    /// It failed while it ran.
    #[error("{0}")]
    Runtime(String),
}

impl ServeError {
    /// The exit code: what a service manager or script should do about it differs by code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Remote(error) if error.is_usage() => CONFIG,
            Self::Remote(_) | Self::Storage { .. } | Self::User(_) | Self::Runtime(_) => RUNTIME,
            Self::Config(_)
            | Self::Tls(_)
            | Self::HostKey(_)
            | Self::Secret(_)
            | Self::Trust(_)
            | Self::Users(_)
            | Self::Root(_) => CONFIG,
            Self::Bind { .. } => BIND,
            Self::Pool(_) => POOL,
        }
    }
}

/// It failed while it ran: starting again may help.
const RUNTIME: u8 = 1;
/// Usage or configuration: starting again does not help. clap exits with the same code.
const CONFIG: u8 = 2;
/// An address is taken or forbidden.
const BIND: u8 = 3;
/// The pool or its store refuses this node: somebody has to change something first.
const POOL: u8 = 4;
