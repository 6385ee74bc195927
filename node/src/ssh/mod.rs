//! SFTP and SCP over SSH. Outside this folder nothing names the SSH library.
//!
//! - `algorithm`: what is negotiated; `host_key`: by which keys the node is known;
//!   `key`: keys and certificates of clients, in the plain form that [`auth`](crate::auth) judges.

#[cfg_attr(not(test), expect(dead_code, reason = "used by the sessions, which are being written"))]
pub(crate) mod algorithm;
#[cfg_attr(not(test), expect(dead_code, reason = "used by the sessions, which are being written"))]
pub(crate) mod host_key;
#[cfg_attr(not(test), expect(dead_code, reason = "used by the sessions, which are being written"))]
pub(crate) mod key;

pub use host_key::HostKeyError;
