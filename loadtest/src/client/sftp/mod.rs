//! SFTP version 3 over SSH. The transport is a library's, the protocol is our own; a session is
//! driven by the thread that waits for it.

mod link;
mod packet;
pub(crate) mod ssh;
mod transfer;

use std::net::IpAddr;
use std::sync::Arc;

use tokio::runtime::Runtime;

use super::payload::Payload;
use super::{Error, Moved, Target};
use link::Link;
use packet::{kind, status};
use ssh::Settings;

/// A session that is logged in and whose server speaks SFTP.
pub(crate) struct Session {
    link: Link,
    runtime: Arc<Runtime>,
}

impl Session {
    /// Connects, exchanges keys, logs in and starts the subsystem.
    pub(crate) fn open(
        target: &Target,
        settings: &Settings,
        source: Option<IpAddr>,
        runtime: &Arc<Runtime>,
    ) -> Result<Self, Error> {
        let link = runtime.block_on(Link::open(target, settings, source))?;
        Ok(Self { link, runtime: Arc::clone(runtime) })
    }

    /// REALPATH of the current directory.
    pub(crate) fn realpath(&mut self) -> Result<(), Error> {
        let link = &mut self.link;
        let id = link.requests.begin(kind::REALPATH, 5).string(b".").id;
        match self.runtime.block_on(link.reply("REALPATH", id))? {
            (kind::NAME, mut fields) => match fields.names()? {
                1 => fields.end(),
                _ => Err(Error::Protocol("REALPATH")),
            },
            _ => Err(Error::Protocol("REALPATH")),
        }
    }

    /// STAT: the size of a file, `None` if there is none.
    pub(crate) fn size(&mut self, path: &str) -> Result<Option<u64>, Error> {
        let link = &mut self.link;
        let id = link.requests.begin(kind::STAT, path.len() + 4).string(path.as_bytes()).id;
        match self.runtime.block_on(link.reply("STAT", id)) {
            Ok((kind::ATTRS, mut fields)) => fields.attributes(),
            Err(Error::Reply { code: status::NO_SUCH_FILE, .. }) => Ok(None),
            Ok(_) => Err(Error::Protocol("STAT")),
            Err(error) => Err(error),
        }
    }

    /// RENAME.
    pub(crate) fn rename(&mut self, from: &str, to: &str) -> Result<(), Error> {
        let room = from.len() + to.len() + 8;
        let request = self.link.requests.begin(kind::RENAME, room);
        let id = request.string(from.as_bytes()).string(to.as_bytes()).id;
        self.done("RENAME", id)
    }

    /// REMOVE.
    pub(crate) fn remove(&mut self, path: &str) -> Result<(), Error> {
        let request = self.link.requests.begin(kind::REMOVE, path.len() + 4);
        let id = request.string(path.as_bytes()).id;
        self.done("REMOVE", id)
    }

    /// Sends what waits and takes a status.
    fn done(&mut self, step: &'static str, id: u32) -> Result<(), Error> {
        match self.runtime.block_on(self.link.reply(step, id))? {
            (kind::STATUS, _) => Ok(()),
            _ => Err(Error::Protocol(step)),
        }
    }

    /// Retrieves a file of `size` bytes and drops them.
    pub(crate) fn download(&mut self, path: &str, size: u64) -> Result<Moved, Error> {
        self.runtime.block_on(transfer::download(&mut self.link, path, size))
    }

    /// Stores `size` bytes under `path`.
    pub(crate) fn upload(
        &mut self,
        path: &str,
        payload: &Payload,
        size: u64,
    ) -> Result<Moved, Error> {
        self.runtime.block_on(transfer::upload(&mut self.link, path, payload, size))
    }

    /// Lists a directory by READDIR and counts the entries.
    pub(crate) fn list(&mut self, path: &str) -> Result<Moved, Error> {
        self.runtime.block_on(transfer::list(&mut self.link, path))
    }

    /// Disconnects.
    pub(crate) fn quit(self) -> Result<(), Error> {
        self.runtime.block_on(self.link.close())
    }
}

#[cfg(test)]
mod tests;
