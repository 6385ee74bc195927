//! The POSIX storage against real directories.

mod attributes;
mod confine;
mod edit;
mod link;
mod listing;
mod mark;
mod read;
mod tree;
mod upload;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use flotilla_protocol::ftp::Failure;
use flotilla_protocol::path::VirtualPath;

use super::{Posix, PosixOptions};
use crate::blocking::{Lane, LaneLimits};
use crate::config::OnAbort;
use crate::storage::{CreateMode, CreateOptions, Edit, Sink, Storage, Visit, Visitor};

const OPTIONS: PosixOptions =
    PosixOptions { atomic_uploads: true, on_abort: OnAbort::Keep, umask: 0o022, reserve: 0 };

/// A directory with `root/` inside, which is served, and room beside it for what must not be
/// reached.
struct Bench {
    outside: PathBuf,
    root: PathBuf,
    posix: Posix,
}

impl Bench {
    fn new() -> Self {
        Self::with(OPTIONS)
    }

    fn with(options: PosixOptions) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("flotilla-storage-{}-{count}", std::process::id());
        Self::at(std::env::temp_dir().join(name), options)
    }

    /// As on NFS: no answer is in the caches of this machine.
    fn remote() -> Self {
        let mut bench = Self::new();
        Arc::get_mut(&mut bench.posix.root).unwrap().local = false;
        bench
    }

    /// Where nothing waits for a disk; `None` on machines without such a place.
    fn in_memory(name: &str) -> Option<Self> {
        let memory = Path::new("/dev/shm");
        let name = format!("flotilla-{name}-{}", std::process::id());
        memory.is_dir().then(|| Self::at(memory.join(name), OPTIONS))
    }

    /// Every kind of place there is.
    fn everywhere(name: &str) -> Vec<Self> {
        [Some(Self::new()), Some(Self::remote()), Self::in_memory(name)]
            .into_iter()
            .flatten()
            .collect()
    }

    fn at(outside: PathBuf, options: PosixOptions) -> Self {
        let root = outside.join("root");
        std::fs::create_dir_all(&root).unwrap();
        let limits =
            LaneLimits { shards: 1, running: 4, waiting: 64, deadline: Duration::from_secs(30) };
        let posix = Posix::open(&root, Lane::new(limits), options).unwrap().view("ann");
        Self { outside, root, posix }
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.root.join(name), bytes).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.root.join(name)).unwrap()
    }

    /// Everything on the disk under the root, sorted.
    fn names(&self) -> Vec<String> {
        names(&self.root)
    }

    /// Waits until abandoned uploads are put away.
    async fn settle(&self) {
        while self.posix.lane().health().running > 0 {
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.outside);
    }
}

fn names(path: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(path).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn path(text: impl AsRef<[u8]>) -> VirtualPath {
    VirtualPath::root().resolve(text.as_ref()).unwrap()
}

async fn begin(posix: &Posix, name: &str, mode: CreateMode) -> Result<Arc<dyn Sink>, Failure> {
    posix.create(&path(name), CreateOptions::new(mode)).await.map(Arc::from)
}

/// As SFTP opens a file for writing.
async fn edit(posix: &Posix, name: &str, edit: Edit) -> Result<Arc<dyn Sink>, Failure> {
    begin(posix, name, CreateMode::Edit(edit)).await
}

/// What `put` of a client asks for.
const PUT: Edit =
    Edit { read: false, create: true, truncate: true, exclusive: false, append: false };

/// Writes where it is asked to, on whichever thread.
async fn write(sink: &Arc<dyn Sink>, offset: u64, bytes: &[u8]) -> Result<(), Failure> {
    match sink.write_now(offset, bytes) {
        Some(result) => result,
        None => Arc::clone(sink).write(offset, bytes.to_vec()).await.map(drop),
    }
}

/// A whole upload, in two pieces.
async fn put(posix: &Posix, name: &str, mode: CreateMode, bytes: &[u8]) -> Result<(), Failure> {
    let sink = begin(posix, name, mode).await?;
    let (start, half) = (sink.start(), bytes.len() / 2);
    Arc::clone(&sink).write(start, bytes[..half].to_vec()).await?;
    let size = start + bytes.len() as u64;
    sink.finish(start + half as u64, bytes[half..].to_vec(), size).await
}

/// An upload that breaks off.
async fn put_part(bench: &Bench, posix: &Posix, name: &str, bytes: &[u8]) {
    let sink = begin(posix, name, CreateMode::Replace).await.unwrap();
    Arc::clone(&sink).write(0, bytes.to_vec()).await.unwrap();
    drop(sink);
    bench.settle().await;
}

async fn size(posix: &Posix, name: impl AsRef<[u8]>) -> Result<u64, Failure> {
    posix.attributes(&path(name), true).await.map(|found| found.size)
}

/// Collects names, sizes and targets, a few per batch.
struct Collect {
    entries: Vec<(Vec<u8>, u64, Option<Vec<u8>>)>,
    per_batch: usize,
    in_batch: usize,
    targets: bool,
}

impl Visit for Collect {
    fn entry(&mut self, entry: &flotilla_protocol::entry::Entry<'_>) -> bool {
        let target = entry.target.map(<[u8]>::to_vec);
        self.entries.push((entry.name.to_vec(), entry.attributes.size, target));
        self.in_batch += 1;
        self.in_batch < self.per_batch
    }

    fn wants_target(&self) -> bool {
        self.targets
    }

    fn into_any(self: Box<Self>) -> Box<dyn std::any::Any + Send> {
        self
    }
}

async fn list_with(
    storage: &dyn Storage,
    name: &str,
    per_batch: usize,
    targets: bool,
) -> Result<Vec<(Vec<u8>, u64, Option<Vec<u8>>)>, Failure> {
    let mut directory = storage.read_directory(&path(name)).await?;
    let collect = Collect { entries: Vec::new(), per_batch, in_batch: 0, targets };
    let mut visitor: Visitor = Box::new(collect);
    loop {
        let (back, visited, more) = directory.next_batch(visitor).await?;
        let mut collect = visited.into_any().downcast::<Collect>().unwrap();
        assert!(collect.in_batch <= per_batch);
        collect.in_batch = 0;
        if !more {
            collect.entries.sort();
            return Ok(collect.entries);
        }
        (directory, visitor) = (back, collect);
    }
}

/// Names and sizes.
async fn list(storage: &dyn Storage, name: &str) -> Vec<(String, u64)> {
    let entries = list_with(storage, name, 3, false).await.unwrap();
    let text = |name: Vec<u8>| String::from_utf8(name).unwrap();
    entries.into_iter().map(|(name, size, _)| (text(name), size)).collect()
}
