//! TLS of control and data connections: certificates, tickets, and which session a data
//! connection belongs to.
//!
//! [`Store`] prepares every `ServerConfig` once, one for control and one for data connections of
//! each host, and gives each arbiter copies of its own: a connection takes no lock and touches no
//! reference count that another core writes.
//!
//! # Binding
//! A session is named by a random [`SessionKey`]. It rides, sealed, in every ticket and cached
//! session that its connections hand out, and comes back when one is resumed; [`Binding`] says
//! whose session a data connection resumed. rustls' own resumption data would do for TLS 1.3 but
//! is not reported for TLS 1.2, hence the ticket key ring of our own, which serves both.

mod client;
mod error;
mod handshake;
mod material;
mod name;
mod ring;
mod selfsigned;
mod session;
mod store;
#[cfg(test)]
mod tests;
mod ticket;
#[cfg(test)]
pub(crate) mod twin;

pub use error::TlsError;
pub use handshake::{HandshakeError, await_hello, handshake_control, peer_certificate};
pub use material::CertificateInfo;
pub(crate) use material::{Leaf, leaf, own_certificate};
pub(crate) use ring::{ROTATION, TicketKeys};
pub(crate) use selfsigned::SELF_SIGNED;
pub use session::{Binding, SessionKey, SessionScope, judge};
pub use store::Store;
