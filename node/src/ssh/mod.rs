//! SFTP and SCP over SSH. Outside this folder nothing names the SSH library.
//!
//! The library carries packets and verifies signatures; channels, flow control and everything above
//! are ours. One connection is two tasks on one arbiter: the library's, which calls `handler`, and the
//! `actor`; they share a `connection`.
//!
//! | file | what |
//! | --- | --- |
//! | `actor` | the `SshSession` actor: storage work, letters, deadlines, the end |
//! | `handler`, `gate` | what the library calls; logins |
//! | `connection`, `channel` | the channels of a connection, and what moves through each |
//! | `outlet` | the way of bytes into the library |
//! | `link` | the socket under the library |
//! | `program`, `sftp`, `scp`, `hash` | what a channel may run |
//! | `expand` | patterns of paths |
//! | `throttle`, `record` | a user's rates; the logs |
//! | `transport`, `algorithm`, `host_key` | what the library is told; negotiation; the keys of the node |
//! | `key` | keys and certificates of clients, in the plain form that [`auth`](crate::auth) judges |
//!
//! # What must hold
//! - Reading never waits for writing: see `link`. What is read is kept as short descriptors, or makes
//!   the storage work, which waits for no reply to be sent.
//! - Bytes of a channel reach the library in order, whichever way they take: see `outlet`.
//! - No await in a callback but that of a login.

mod actor;
pub(crate) mod algorithm;
mod channel;
#[cfg(test)]
pub(crate) mod client;
mod connection;
mod expand;
mod gate;
mod handler;
mod hash;
pub(crate) mod host_key;
pub(crate) mod key;
mod link;
mod outlet;
mod program;
mod record;
mod scp;
mod sftp;
mod throttle;
mod trace;
mod transport;

pub(crate) use actor::SshSession;
pub use host_key::HostKeyError;
pub(crate) use link::ReadBuffers;
pub(crate) use transport::Transport;
