use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::auth::Permissions;
use crate::blocking::{Lane, LaneLimits};
use crate::config::OnAbort;
use crate::storage::posix::{Posix, PosixOptions};

const ALL: Permissions = Permissions {
    read: true,
    write: true,
    append: true,
    delete: true,
    rename: true,
    mkdir: true,
    list: true,
    hidden: true,
};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("flotilla-files-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn files(&self, permissions: Permissions) -> Files {
        let lane = Lane::new(LaneLimits::new(1, Duration::from_secs(30)));
        let options =
            PosixOptions { atomic_uploads: true, on_abort: OnAbort::Keep, umask: 0o022, reserve: 0 };
        let posix = Posix::open(&self.0, lane, options).unwrap().view("ann");
        Files::new(Arc::new(posix), account(permissions))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
