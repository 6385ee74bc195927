//! The relay between the nodes of a pool: a data connection that reaches a node to which its port does not
//! belong is carried to the one to which it does.
//!
//! With one address for all nodes (mode `shared`) a balancer brings every connection to any node. Whoever
//! accepts one looks the owner of the port up in its copy of the block table ([`Routes`]), dials the owner's
//! relay port, says in a [`Preamble`] who the client is, and passes bytes both ways without looking at them:
//! TLS and its session stay between the client and the owner. Nobody asks Redis, and nobody answers the
//! preamble at once: an owner that does not wait for that client closes, and so does the relay. The session that takes
//! the connection says first to which trace it belongs ([`Welcome`]), which only whoever relays can read: the relay
//! is a span of that trace. It passes on the client's bytes meanwhile.
//!
//! | file | what |
//! | --- | --- |
//! | `routes` | what a node knows for it: whose ports are whose, the key |
//! | `forward` | to the owner: dial, preamble, pump |
//! | `reach` | which owners answer |
//! | `inlet` | from other nodes: preamble, and on to the arbiter that has the port |
//! | `pump` | bytes both ways, by splice |
//! | `welcome` | to which trace a relay belongs |
//! | `hop` | what is told of one relay: in its trace and in the log |
//!
//! # What holds
//! - A preamble is taken once, from a node of the pool, for this life of the owner (key, fence, counter).
//! - Bytes that one end did not say to be the last are never followed by an end of the stream: when the relay
//!   breaks or dies, both ends see a reset, so that half a file is not taken for a whole one.
//! - Relays that a node carries, those of them that dial one owner, connections without their preamble, and the time
//!   of every step are bounded. What others bring is not counted: it is taken for a grant only.

mod forward;
mod hop;
mod inlet;
mod pump;
mod reach;
mod routes;
pub(crate) mod welcome;

use std::time::Duration;

use socket2::SockRef;

pub(crate) use forward::{Forwarder, Outgoing};
pub(crate) use inlet::{Incoming, Inlet, preambles_max};
pub(crate) use routes::Routes;

#[expect(unused_imports, reason = "named in the documentation")]
use flotilla_cluster::relay::{Preamble, Welcome};

/// From now on, closing the connection resets it, also when the process dies.
fn abort_at_close(stream: &tokio::net::TcpStream) -> std::io::Result<()> {
    SockRef::from(stream).set_linger(Some(Duration::ZERO))
}

/// From now on, closing the connection is its end; what is on its way still arrives.
fn end_at_close(stream: &tokio::net::TcpStream) -> std::io::Result<()> {
    SockRef::from(stream).set_linger(None)
}
