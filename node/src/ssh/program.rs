//! What a channel may run.

use std::rc::Rc;

use super::channel::Program;
use super::connection::Connection;
use super::sftp;

/// Any of the programs.
pub(super) type Boxed = Box<dyn Program>;

/// Why it is not run, in words for the client.
#[derive(Debug)]
pub(super) struct Refused(pub(super) String);

/// The `sftp` subsystem.
pub(super) fn sftp(connection: &Connection) -> Result<Boxed, Refused> {
    let login = connection.login().ok_or_else(not_logged_in)?;
    let umask = connection.policy.config.storage.umask;
    Ok(Box::new(sftp::Server::new(&login, umask, Rc::clone(&connection.record))))
}

/// A command: `scp` or a digest, and nothing else.
pub(super) fn exec(_: &Connection, _: &[u8]) -> Result<Boxed, Refused> {
    Err(Refused("This server runs scp and nothing else.".to_owned()))
}

/// The transport lets nobody open a channel before.
fn not_logged_in() -> Refused {
    Refused("Not logged in.".to_owned())
}
