//! Every root that the node serves, opened once, and the views that sessions get of them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use flotilla_protocol::ftp::Failure;

use super::posix::{Mark, Posix, PosixOptions, Root, RootError, Swept};
use super::{Storage, Work};
use crate::auth::Account;
use crate::blocking::{Lane, LaneHealth, LaneLimits, Waits};
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
    waits: Waits,
    roots: Arc<Mutex<Roots>>,
    homes: Arc<Mutex<Homes>>,
}

/// By path. A root is `None` until it is opened; what hangs while it is opened fills its own lane.
type Roots = HashMap<PathBuf, (Arc<Lane>, Option<Posix>)>;

/// Homes in use, by device and inode: sessions of one home share one descriptor.
type Homes = HashMap<(u64, u64), Weak<Root>>;

impl Storages {
    /// Opens the default root and those of the hosts. Blocks; for the start of the node and for
    /// checks. A missing default root is made where it lies in the data folder.
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
            waits: Waits::default(),
            roots: Arc::default(),
            homes: Arc::default(),
        };
        let hosts = config.hosts.iter().filter_map(|host| host.root.as_deref());
        for path in hosts.chain([this.default.as_path()]) {
            let (lane, _) = this.root(path);
            let posix = Posix::open(path, Arc::clone(&lane), this.options)?;
            lock(&this.roots).insert(path.to_owned(), (lane, Some(posix)));
        }
        Ok(this)
    }

    /// The files of an account, from its home down: the home is the view's root and is made if it
    /// is missing. The root is the account's own, else the host's, else the default.
    pub fn view(&self, account: &Account, host: Option<&Path>) -> Work<Arc<dyn Storage>> {
        let path = account.root.as_deref().or(host).unwrap_or(&self.default).to_owned();
        let (owner, home) = (account.name.clone(), account.home.clone());
        let homes = Arc::clone(&self.homes);
        let finish = move |mut posix: Posix| {
            posix.share(&mut lock(&homes));
            Arc::new(posix.view(&owner)) as Arc<dyn Storage>
        };
        let (lane, posix) = self.root(&path);
        if let Some(posix) = posix {
            return posix.home(&home).map(finish);
        }
        let (roots, options) = (Arc::clone(&self.roots), self.options);
        Work::pending(async move {
            let (at, its) = (path.clone(), Arc::clone(&lane));
            let opening = Arc::clone(&lane).run(move |_| {
                Posix::open(&at, its, options).map_err(|error| {
                    tracing::error!(%error, "root of an account can not be served");
                    Failure::StorageError
                })
            });
            let posix = opening.await?;
            lock(&roots).insert(path, (lane, Some(posix.clone())));
            posix.home(&home).await.map(finish)
        })
    }

    /// The state of all lanes together.
    pub fn health(&self) -> LaneHealth {
        let roots = lock(&self.roots);
        roots.values().map(|(lane, _)| lane.health()).fold(LaneHealth::default(), |sum, one| {
            LaneHealth {
                slots: sum.slots + one.slots,
                running: sum.running + one.running,
                stuck: sum.stuck + one.stuck,
                waiting: sum.waiting + one.waiting,
                stalled: sum.stalled || one.stalled,
            }
        })
    }

    /// Where jobs for the blocking threads are told of.
    pub fn waits(&self) -> &Waits {
        &self.waits
    }

    /// The mark on the default root; see [`Posix::mark`].
    pub fn mark(&self, wanted: Option<String>) -> Work<Mark> {
        match self.root(&self.default) {
            (_, Some(posix)) => posix.mark(wanted),
            (_, None) => Work::ready(Err(Failure::StorageError)),
        }
    }

    /// Removes old unfinished uploads from all roots, one root after the other.
    pub async fn sweep(self: Arc<Self>, age: Duration) -> Swept {
        let mut sum = Swept::default();
        let roots: Vec<_> =
            lock(&self.roots).values().filter_map(|(_, posix)| posix.clone()).collect();
        for root in roots {
            let one = root.sweep(age).await;
            sum.directories += one.directories;
            sum.removed += one.removed;
            sum.bytes += one.bytes;
            sum.skipped += one.skipped;
        }
        sum
    }

    /// The lane of a root, and the root if it is open.
    fn root(&self, path: &Path) -> (Arc<Lane>, Option<Posix>) {
        let mut roots = lock(&self.roots);
        if let Some(known) = roots.get(path) {
            return known.clone();
        }
        let lane = Lane::watched(LaneLimits::new(self.arbiters, self.timeout), self.waits.clone());
        roots.insert(path.to_owned(), (Arc::clone(&lane), None));
        (lane, None)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
