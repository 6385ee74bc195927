//! What one node says to another before it passes on a data connection that is not its own.
//!
//! In the `shared` mode a balancer may bring a data connection to any node. One that does not own the port looks the
//! owner up ([`blocks::PortTable`](crate::blocks::PortTable)), dials its relay port, and begins with a
//! [`Preamble`]: who the client is, which port it came to, and who passes it on. Then bytes go both ways as they
//! are; TLS of the client ends at the owner.
//!
//! # Trust
//! A preamble is authenticated by the [`RelayKey`], which only the nodes of the pool have: without it nobody can
//! name a client. It names the owner by the fence of its registration, so that it is of no use to
//! another node, nor to a later life of this one. It is numbered by the sender, and [`Replay`] takes every number once:
//! who saw a preamble can not use it again. What follows it is protected by whatever the client and the
//! owner do (TLS with `data_reuse`), as on the way from the client.

mod key;
mod preamble;
mod replay;

pub use key::{RELAY_KEY_BYTES, RelayKey};
pub use preamble::{Preamble, RelayError, TRACE_BYTES};
pub use replay::{Replay, SENDERS_MAX, WINDOW};
