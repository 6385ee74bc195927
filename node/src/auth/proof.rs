//! What an SSH connection has proved so far on the way through a chain of methods.

use std::sync::Arc;

use super::Method;
use super::hash::StoredHash;
use super::key::PublicKey;

/// Steps that were taken, for one user. Made by [`Authenticator`](super::Authenticator)s only, so
/// that no caller can claim what was not proved; a connection keeps it from one attempt to the next.
///
/// Each is judged again with every further step: a key that was removed and a password that was
/// changed meanwhile count for nothing. Passwords are not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proofs {
    /// As sent; steps of one user are none of another's (RFC 4252, 5).
    pub(super) user: Vec<u8>,
    pub(super) steps: Vec<Step>,
}

/// One step, with what shows later that it still holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) method: Method,
    pub(super) evidence: Evidence,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    /// The stored hash that the password fitted.
    Password(Arc<StoredHash>),
    Key(PublicKey),
}

impl Proofs {
    /// Whether nothing was proved yet.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The methods of the steps.
    pub fn methods(&self) -> Vec<Method> {
        self.steps.iter().map(|step| step.method).collect()
    }
}
