//! What one node says to another before it passes on a data connection that is not its own.
//!
//! In the `shared` mode a balancer may bring a data connection to any node. One that does not own the port looks the
//! owner up ([`blocks::PortTable`](crate::blocks::PortTable)), dials its relay port, and begins with a
//! [`Preamble`]: who the client is, which port it came to, and who passes it on. Then bytes go both ways as they
//! are; TLS of the client ends at the owner. The session that takes the connection begins with a [`Welcome`], which is
//! not the client's: to which trace all this belongs. The client's bytes do not wait for it, and the session's come
//! behind it.
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
mod welcome;

pub use key::{RELAY_KEY_BYTES, RelayKey};
pub use preamble::{Preamble, RelayError, TRACE_BYTES};
pub use replay::{Replay, SENDERS_MAX, WINDOW};
pub use welcome::{Welcome, WelcomeError};
