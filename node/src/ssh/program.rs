//! What a channel may run.

use std::rc::Rc;

use flotilla_protocol::exec::{self, Exec};

use super::channel::Program;
use super::connection::Connection;
use super::{hash, scp, sftp};

/// Any of the programs.
pub(super) type Boxed = Box<dyn Program>;

/// Why it is not run.
#[derive(Debug)]
pub(super) struct Refused {
    /// In words for the client.
    pub(super) reason: String,
    pub(super) status: u32,
}

/// The `sftp` subsystem, for a client of this name (RFC 4253, 4.2).
pub(super) fn sftp(connection: &Connection, client: &[u8]) -> Result<Boxed, Refused> {
    let login = connection.login().ok_or_else(not_logged_in)?;
    let card = connection.card().ok_or_else(not_logged_in)?;
    let umask = connection.policy.config.storage.umask;
    let by_draft = SYMLINK_BY_DRAFT.iter().any(|name| client.starts_with(name));
    let record = Rc::clone(&connection.record);
    Ok(Box::new(sftp::Server::new(&login, card, umask, by_draft, record)))
}

/// A command: `scp` or a digest, and nothing else.
pub(super) fn exec(connection: &Connection, command: &[u8]) -> Result<Boxed, Refused> {
    let login = connection.login().ok_or_else(not_logged_in)?;
    let card = connection.card().ok_or_else(not_logged_in)?;
    let exec = exec::parse(command).map_err(|error| Refused {
        status: error.exit_status().into(),
        reason: error.to_string(),
    })?;
    Ok(match exec {
        Exec::Scp(invocation) => {
            let umask = connection.policy.config.storage.umask;
            let record = Rc::clone(&connection.record);
            Box::new(scp::Server::new(&invocation, &login, card, umask, record))
        }
        Exec::Hash { algorithm, paths } if paths.is_empty() => {
            Box::new(hash::Input::new(algorithm, &card))
        }
        Exec::Hash { algorithm, paths } => {
            Box::new(hash::OfFiles::new(algorithm, paths, &login, &card))
        }
        Exec::HashText { algorithm, text } => {
            Box::new(hash::Input::of_text(algorithm, &text, &card))
        }
    })
}

/// Clients that send the arguments of SYMLINK in the order of the draft to every server that does not call
/// itself OpenSSH.
const SYMLINK_BY_DRAFT: [&[u8]; 2] = [b"SSH-2.0-AsyncSSH", b"SSH-2.0-libssh_"];

/// The transport lets nobody open a channel before.
fn not_logged_in() -> Refused {
    Refused { reason: "Not logged in.".to_owned(), status: 1 }
}
