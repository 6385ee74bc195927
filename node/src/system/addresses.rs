//! `run/addresses.json` in the data folder: where the node listens, for scripts and tests that use port 0.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tracing::info;

use crate::error::ServeError;

/// The bound addresses.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Addresses {
    /// Explicit FTP.
    pub(super) ftp: Vec<SocketAddr>,
    /// Implicit FTPS.
    pub(super) ftps: Vec<SocketAddr>,
    /// SFTP and SCP.
    pub(super) ssh: Vec<SocketAddr>,
    /// For other nodes of the pool.
    pub(super) relay: Option<SocketAddr>,
    /// Health endpoints.
    pub(super) health: Option<SocketAddr>,
}

impl Addresses {
    /// Writes the file, atomically, once the node serves.
    pub(super) fn write(&self, data_dir: &Path) -> Result<(), ServeError> {
        let path = file(data_dir);
        self.write_to(&path).map_err(|source| ServeError::Storage { path, source })
    }

    fn write_to(&self, path: &Path) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let new = path.with_extension("new");
        fs::write(&new, serde_json::to_vec(self)?)?;
        fs::rename(new, path)
    }

    /// As clients would write them; health is for operators.
    pub(super) fn urls(&self) -> Vec<String> {
        let of = |scheme: &str, addresses: &[SocketAddr]| {
            addresses.iter().map(|address| format!("{scheme}://{address}")).collect::<Vec<_>>()
        };
        [of("ftp", &self.ftp), of("ftps", &self.ftps), of("sftp", &self.ssh)].concat()
    }

    /// Says where the node listens.
    pub(super) fn log(&self) {
        for address in &self.ftp {
            info!(%address, "ftp listens");
        }
        for address in &self.ftps {
            info!(%address, "ftps listens");
        }
        for address in &self.ssh {
            info!(%address, "ssh listens");
        }
        if let Some(address) = self.relay {
            info!(%address, "relay listens");
        }
        if let Some(address) = self.health {
            info!(%address, "health listens");
        }
    }

    /// Removes the file at the end.
    pub(super) fn remove(&self, data_dir: &Path) {
        let _ = fs::remove_file(file(data_dir));
    }
}

fn file(data_dir: &Path) -> PathBuf {
    data_dir.join("run").join("addresses.json")
}
