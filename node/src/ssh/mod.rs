//! SFTP and SCP over SSH. Outside this folder nothing names the SSH library.
//!
//! - [`algorithm`]: what is negotiated; [`host_key`]: by which keys the node is known;
//!   [`key`]: keys and certificates of clients, in the plain form that [`auth`](crate::auth) judges.

pub(crate) mod algorithm;
pub(crate) mod host_key;
pub(crate) mod key;
