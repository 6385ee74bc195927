//! What the operator decided for the sessions of one listener.

use std::time::Duration;

/// Immutable policy, shared by all sessions of a listener until a reload makes a new one.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The text of the 220 greeting; may have several lines.
    pub banner: String,
    /// Whether AUTH TLS is offered, and whether anything goes without it.
    pub tls: TlsPolicy,
    /// Whether PORT and EPRT are taken at all.
    pub active_mode: bool,
    /// Whether EPSV leads to this node: not where a balancer takes the control connection alone.
    pub extended_passive: bool,
    /// Failed logins on one connection before it is closed.
    pub login_attempts_max: u32,
    /// From the connection to a finished login.
    pub login_timeout: Duration,
    /// Without a command and without a transfer.
    pub idle_timeout: Duration,
}

/// What is done without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsPolicy {
    /// AUTH is not implemented here.
    Off,
    /// The client chooses.
    Optional,
    /// No login and no data connection in clear.
    Required,
}
