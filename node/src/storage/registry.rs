//! Every root that the node serves, opened once, and the views that sessions get of them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use flotilla_protocol::ftp::Failure;

use super::posix::{Posix, PosixOptions, Root, RootError, Swept};
use super::{Storage, Work};
use crate::auth::Account;
use crate::blocking::{Lane, LaneHealth, LaneLimits};
use crate::config::{self, Config};

/// The roots of a node.
///
/// The locks are held for some look-ups in a table, at logins only.
#[derive(Debug)]
pub struct Storages {
    default: PathBuf,
    options: PosixOptions,
    timeout: Duration,
    arbiters: usize,
    roots: Mutex<HashMap<PathBuf, Posix>>,
    /// Homes in use by device and inode: sessions of one home share one descriptor.
    homes: Arc<Mutex<HashMap<(u64, u64), Weak<Root>>>>,
}

impl Storages {
    /// Opens the default root and those of the hosts. Blocks; for the start of the node and for checks. A
    /// missing default root is made where it lies in the data folder.
    pub fn open(config: &Config) -> Result<Self, RootError> {
        let config::Storage { root, atomic_uploads, on_abort, umask, reserve, timeout, .. } =
            config.storage.clone();
        if root.starts_with(&config.node.data_dir) {
            std::fs::create_dir_all(&root).map_err(|error| RootError {
                path: root.clone(),
                reason: format!("can not be made: {error}"),
            })?;
        }
        let arbiters = match config.node.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            workers => workers,
        };
        let this = Self {
            default: root,
            options: PosixOptions { atomic_uploads, on_abort, umask, reserve },
            timeout,
            arbiters,
            roots: Mutex::default(),
            homes: Arc::default(),
        };
        this.root(&this.default)?;
        for root in config.hosts.iter().filter_map(|host| host.root.as_deref()) {
            this.root(root)?;
        }
        Ok(this)
    }

    /// The files of an account, from its home down: the home is the view's root and is made if it is
    /// missing. The root is the account's own, else the host's, else the default.
    pub fn view(&self, account: &Account, host: Option<&Path>) -> Work<Arc<dyn Storage>> {
        let path = account.root.as_deref().or(host).unwrap_or(&self.default);
        let owner = account.name.clone();
        let home = account.home.clone();
        let homes = Arc::clone(&self.homes);
        let finish = move |mut posix: Posix| {
            posix.share(&mut homes.lock().unwrap_or_else(PoisonError::into_inner));
            Arc::new(posix.view(&owner)) as Arc<dyn Storage>
        };
        let posix = match self.root(path) {
            Ok(posix) => posix,
            Err(error) => {
                tracing::error!(%error, user = account.name, "root of an account can not be served");
                return Work::ready(Err(Failure::StorageError));
            }
        };
        posix.home(&home).map(finish)
    }

    /// The state of all lanes together.
    pub fn health(&self) -> LaneHealth {
        self.all().iter().map(|root| root.lane().health()).fold(
            LaneHealth::default(),
            |sum, one| LaneHealth {
                slots: sum.slots + one.slots,
                running: sum.running + one.running,
                stuck: sum.stuck + one.stuck,
                waiting: sum.waiting + one.waiting,
                stalled: sum.stalled || one.stalled,
            },
        )
    }

    /// Jobs behind their deadline, over all roots.
    pub fn stuck(&self) -> usize {
        self.health().stuck
    }

    /// Removes old unfinished uploads from all roots, one root after the other.
    pub async fn sweep(self: Arc<Self>, age: Duration) -> Swept {
        let mut sum = Swept::default();
        for root in self.all() {
            let one = root.sweep(age).await;
            sum.directories += one.directories;
            sum.removed += one.removed;
            sum.bytes += one.bytes;
            sum.skipped += one.skipped;
        }
        sum
    }

    fn all(&self) -> Vec<Posix> {
        self.roots.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// The root at a path. The first time it is opened on this thread: at the start of the node, or when
    /// an account with a root of its own logs in first.
    fn root(&self, path: &Path) -> Result<Posix, RootError> {
        let mut roots = self.roots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(posix) = roots.get(path) {
            return Ok(posix.clone());
        }
        let lane = Lane::new(LaneLimits::new(self.arbiters, self.timeout));
        let posix = Posix::open(path, lane, self.options)?;
        roots.insert(path.to_owned(), posix.clone());
        Ok(posix)
    }
}
