//! What opens sessions, one after the other, for one client.

use std::net::IpAddr;
use std::sync::Arc;

use anyhow::Result;
use tokio::runtime::{Builder, Runtime};

use super::{Error, Session, Target, Wire, ftp, sftp};

/// Opens sessions on the thread that uses it. SFTP sessions share its runtime, which runs only
/// while one of them waits, on the thread that waits.
#[derive(Debug)]
pub(crate) struct Dialer {
    target: Target,
    /// The address of this machine that is connected from; `None`: the kernel picks.
    source: Option<IpAddr>,
    runtime: Option<Arc<Runtime>>,
}

impl Dialer {
    /// Prepares for a target.
    pub(crate) fn new(target: &Target) -> Result<Self> {
        let runtime = match target.wire {
            Wire::Ssh(_) => Some(Arc::new(Builder::new_current_thread().enable_all().build()?)),
            Wire::Clear | Wire::Tls(_) => None,
        };
        Ok(Self { target: target.clone(), source: None, runtime })
    }

    /// Connects from this address of the machine, data connections as well.
    pub(crate) fn set_source(&mut self, source: Option<IpAddr>) {
        self.source = source;
    }

    /// Connects and logs in as the user whose turn it is.
    pub(crate) fn open(&self) -> Result<Session, Error> {
        let source = self.source;
        match (&self.target.wire, &self.runtime) {
            (Wire::Ssh(settings), Some(runtime)) => {
                let session = sftp::Session::open(&self.target, settings, source, runtime)?;
                Ok(Session::Sftp(Box::new(session)))
            }
            (Wire::Tls(config), _) => {
                ftp::Session::open(&self.target, Some(config), source).map(Session::Ftp)
            }
            (Wire::Clear | Wire::Ssh(_), _) => {
                ftp::Session::open(&self.target, None, source).map(Session::Ftp)
            }
        }
    }
}
