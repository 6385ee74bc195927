//! Data connections: sockets, TLS on them, and what moves over them.
//!
//! A transfer is one future that the session polls on its own task: [`send()`], [`receive()`] or
//! [`Listing::send`]. It owns its [`Connection`]; dropping the future is the abort. Nothing of it
//! passes through a mailbox, and one poll moves about a mebibyte at the most before it lets the
//! arbiter's other sessions run.
//!
//! | file | what |
//! | --- | --- |
//! | [`Socket`] | the descriptor: system call first, reactor only when that would block |
//! | [`Connection`] | a socket, or a socket with TLS |
//! | [`send()`] | a file to the connection |
//! | [`receive()`] | the connection to a file |
//! | [`Listing`] | a directory to the connection |
//! | [`Progress`] | what the session may look at meanwhile |

mod ascii;
mod buffer;
mod connection;
mod lines;
mod list;
mod pace;
mod progress;
mod receive;
mod secure;
mod send;
mod socket;
mod splice;

#[cfg(test)]
pub(crate) mod twin;

pub use connection::Connection;
pub use list::{Collected, Listing};
pub use pace::Terms;
pub use progress::Progress;
pub use receive::{Received, receive};
pub use send::{Download, send};
pub use socket::{Socket, connect_active};
