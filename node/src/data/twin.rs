//! Storage for tests: anonymous files behind the storage traits with knobs for what a disk may do,
//! and the two ends of a loopback connection.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use flotilla_protocol::entry::{AttributeChange, Attributes, Entry, FileSystem, Kind, Timestamp};
use flotilla_protocol::ftp::{Algorithm, Failure};
use flotilla_protocol::path::VirtualPath;

use super::{Progress, Socket, Terms};
use crate::storage::{
    CreateOptions, DescriptorTask, Directory, Sink, Source, Storage, Visitor, Work,
};

/// A runtime as an arbiter has it.
pub(super) fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// The server's and the client's end of a connection.
pub(crate) fn pair() -> (Socket, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    (Socket::new(listener.accept().unwrap().0).unwrap(), client)
}

/// Closes with a reset.
pub(super) fn reset(client: TcpStream) {
    socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
}

pub(crate) fn terms() -> Terms {
    Terms {
        stalled: Duration::from_secs(20),
        rate: None,
        progress: Rc::new(Progress::new(Instant::now())),
    }
}

/// Bytes in which every offset is recognisable.
pub(super) fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn file(content: &[u8]) -> OwnedFd {
    let file = rustix::fs::memfd_create("twin", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    let mut at = 0;
    while at < content.len() {
        at += rustix::io::pwrite(&file, &content[at..], at as u64).unwrap();
    }
    file
}

fn job<T: Send + 'static>(
    jobs: &AtomicUsize,
    task: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Work<T> {
    jobs.fetch_add(1, Ordering::Relaxed);
    let handle = tokio::task::spawn_blocking(task);
    Work::pending(async move { handle.await.map_err(|_| Failure::Internal)? })
}

pub(super) fn attributes(kind: Kind, size: u64) -> Attributes {
    Attributes {
        kind,
        size,
        modified: Timestamp::default(),
        accessed: Timestamp::default(),
        mode: 0o644,
        uid: 0,
        gid: 0,
        links: 1,
        identity: (1, size),
    }
}

pub(crate) struct TwinSource {
    pub(super) file: OwnedFd,
    pub(super) attributes: Attributes,
    pub(super) warm: bool,
    pub(super) has_descriptor: bool,
    pub(super) jobs: AtomicUsize,
}

impl TwinSource {
    pub(crate) fn new(content: &[u8]) -> Self {
        Self {
            file: file(content),
            attributes: attributes(Kind::File, content.len() as u64),
            warm: true,
            has_descriptor: true,
            jobs: AtomicUsize::new(0),
        }
    }

    pub(super) fn claim_size(&mut self, size: u64) {
        self.attributes.size = size;
    }
}

impl Source for TwinSource {
    fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.has_descriptor.then(|| self.file.as_fd())
    }

    fn read_now(&self, offset: u64, buffer: &mut [u8]) -> Option<Result<usize, Failure>> {
        self.warm.then(|| Ok(rustix::io::pread(&self.file, buffer, offset).unwrap()))
    }

    fn read_after(
        self: Arc<Self>,
        offset: u64,
        mut buffer: Vec<u8>,
        head: usize,
    ) -> Work<(Vec<u8>, usize)> {
        let twin = Arc::clone(&self);
        job(&self.jobs, move || {
            let count = rustix::io::pread(&twin.file, &mut buffer[head..], offset).unwrap();
            Ok((buffer, count))
        })
    }

    fn now(self: Arc<Self>) -> Work<Attributes> {
        Work::ready(Ok(self.attributes))
    }

    fn with_descriptor(self: Arc<Self>, task: DescriptorTask) -> Work<usize> {
        let twin = Arc::clone(&self);
        job(&self.jobs, move || task(twin.file.as_fd()))
    }
}

pub(super) struct TwinSink {
    pub(super) file: OwnedFd,
    pub(super) start: u64,
    pub(super) path: VirtualPath,
    pub(super) has_descriptor: bool,
    /// Fails writes beyond this size.
    pub(super) size_max: u64,
    pub(super) published: Mutex<Option<u64>>,
    pub(super) jobs: AtomicUsize,
}

impl TwinSink {
    pub(super) fn new(content: &[u8], start: u64) -> Self {
        Self {
            file: file(content),
            start,
            path: VirtualPath::root(),
            has_descriptor: true,
            size_max: u64::MAX,
            published: Mutex::new(None),
            jobs: AtomicUsize::new(0),
        }
    }

    pub(super) fn content(&self) -> Vec<u8> {
        let size = rustix::fs::fstat(&self.file).unwrap().st_size as usize;
        let mut content = vec![0; size];
        let mut at = 0;
        while at < size {
            at += rustix::io::pread(&self.file, &mut content[at..], at as u64).unwrap();
        }
        content
    }

    pub(super) fn published(&self) -> Option<u64> {
        *self.published.lock().unwrap()
    }

    fn put(&self, offset: u64, bytes: &[u8]) -> Result<(), Failure> {
        if offset + bytes.len() as u64 > self.size_max {
            return Err(Failure::NoSpace);
        }
        let mut at = 0;
        while at < bytes.len() {
            at += rustix::io::pwrite(&self.file, &bytes[at..], offset + at as u64).unwrap();
        }
        Ok(())
    }
}

impl Sink for TwinSink {
    fn path(&self) -> &VirtualPath {
        &self.path
    }

    fn start(&self) -> u64 {
        self.start
    }

    fn write(self: Arc<Self>, offset: u64, mut buffer: Vec<u8>) -> Work<Vec<u8>> {
        let twin = Arc::clone(&self);
        job(&self.jobs, move || {
            twin.put(offset, &buffer)?;
            buffer.clear();
            Ok(buffer)
        })
    }

    fn with_descriptor(self: Arc<Self>, task: DescriptorTask) -> Option<Work<usize>> {
        let twin = Arc::clone(&self);
        self.has_descriptor.then(|| {
            job(&self.jobs, move || {
                // A full disk, or a pool that gives the job up before it runs.
                if twin.size_max < u64::MAX {
                    return Err(Failure::NoSpace);
                }
                task(twin.file.as_fd())
            })
        })
    }

    fn publish(self: Arc<Self>, size: u64) -> Work<()> {
        *self.published.lock().unwrap() = Some(size);
        Work::ready(Ok(()))
    }

    fn finish(self: Arc<Self>, offset: u64, last: Vec<u8>, size: u64) -> Work<()> {
        let twin = Arc::clone(&self);
        job(&self.jobs, move || {
            twin.put(offset, &last)?;
            *twin.published.lock().unwrap() = Some(size);
            Ok(())
        })
    }

    fn close(self: Arc<Self>) -> Work<()> {
        let size = self.content().len() as u64;
        self.publish(size)
    }

    fn abandon(self: Arc<Self>) -> Work<()> {
        Work::ready(Ok(()))
    }

    fn write_now(&self, _: u64, _: &[u8]) -> Option<Result<(), Failure>> {
        None
    }

    fn read_now(&self, _: u64, _: &mut [u8]) -> Option<Result<usize, Failure>> {
        None
    }

    fn read_after(self: Arc<Self>, _: u64, _: Vec<u8>, _: usize) -> Work<(Vec<u8>, usize)> {
        Work::ready(Err(Failure::Unsupported))
    }

    fn attributes(self: Arc<Self>) -> Work<Attributes> {
        Work::ready(Ok(attributes(Kind::File, self.content().len() as u64)))
    }

    fn change(self: Arc<Self>, _: AttributeChange) -> Work<()> {
        Work::ready(Err(Failure::Unsupported))
    }

    fn sync(self: Arc<Self>) -> Work<()> {
        Work::ready(Ok(()))
    }
}

/// A tree in memory: what every path is.
#[derive(Default)]
pub(super) struct TwinStorage {
    entries: BTreeMap<Vec<u8>, Attributes>,
    /// Directories that can not be opened.
    pub(super) locked: Vec<Vec<u8>>,
}

impl TwinStorage {
    /// Paths that end in a slash are directories, in an at sign links, all others files of 5 bytes.
    pub(super) fn new<'a>(paths: impl IntoIterator<Item = &'a str>) -> Self {
        let mut entries = BTreeMap::new();
        entries.insert(b"/".to_vec(), attributes(Kind::Directory, 0));
        for path in paths {
            let (kind, path) = match (path.strip_suffix('/'), path.strip_suffix('@')) {
                (Some(path), _) => (Kind::Directory, path),
                (_, Some(path)) => (Kind::Symlink, path),
                _ => (Kind::File, path),
            };
            entries.insert(path.as_bytes().to_vec(), attributes(kind, 5));
        }
        Self { entries, locked: Vec::new() }
    }
}

struct TwinDirectory(std::vec::IntoIter<(Vec<u8>, Attributes)>);

impl Directory for TwinDirectory {
    fn next_batch(
        mut self: Box<Self>,
        mut visit: Visitor,
    ) -> Work<(Box<dyn Directory>, Visitor, bool)> {
        job(&AtomicUsize::new(0), move || {
            while let Some((name, attributes)) = self.0.next() {
                if !visit.entry(&Entry { name: &name, attributes, target: None }) {
                    return Ok((self as Box<dyn Directory>, visit, true));
                }
            }
            Ok((self as Box<dyn Directory>, visit, false))
        })
    }
}

impl Storage for TwinStorage {
    fn attributes(&self, path: &VirtualPath, _: bool) -> Work<Attributes> {
        Work::ready(self.entries.get(path.as_bytes()).copied().ok_or(Failure::NotFound))
    }

    fn read_directory(&self, path: &VirtualPath) -> Work<Box<dyn Directory>> {
        if self.locked.iter().any(|locked| locked == path.as_bytes()) {
            return Work::ready(Err(Failure::Denied("file mode")));
        }
        match self.entries.get(path.as_bytes()) {
            None => Work::ready(Err(Failure::NotFound)),
            Some(attributes) if attributes.kind != Kind::Directory => {
                Work::ready(Err(Failure::NotDirectory))
            }
            Some(_) => {
                let mut prefix = path.as_bytes().to_vec();
                if !path.is_root() {
                    prefix.push(b'/');
                }
                let entries: Vec<_> = self
                    .entries
                    .iter()
                    .filter_map(|(path, attributes)| {
                        let name = path.strip_prefix(prefix.as_slice())?;
                        (!name.is_empty() && !name.contains(&b'/'))
                            .then(|| (name.to_vec(), *attributes))
                    })
                    .collect();
                Work::ready(Ok(Box::new(TwinDirectory(entries.into_iter()))))
            }
        }
    }

    fn open(&self, _: &VirtualPath) -> Work<Box<dyn Source>> {
        Work::ready(Err(Failure::Unsupported))
    }

    fn create(&self, _: &VirtualPath, _: CreateOptions) -> Work<Box<dyn Sink>> {
        Work::ready(Err(Failure::Unsupported))
    }

    fn read_link(&self, _: &VirtualPath) -> Work<Vec<u8>> {
        Work::ready(Err(Failure::Unsupported))
    }

    fn make_directory(&self, _: &VirtualPath) -> Work<()> {
        Work::ready(Err(Failure::Unsupported))
    }

    fn make_directories(&self, _: &VirtualPath) -> Work<()> {
        Work::ready(Err(Failure::Unsupported))
    }

    fn remove_directory(&self, _: &VirtualPath) -> Work<()> {
        Work::ready(Err(Failure::Unsupported))
    }

    fn remove_file(&self, _: &VirtualPath) -> Work<()> {
        Work::ready(Err(Failure::Unsupported))
    }

    fn rename(&self, _: &VirtualPath, _: &VirtualPath, _: bool) -> Work<()> {
        Work::ready(Err(Failure::Unsupported))
    }

    fn symlink(&self, _: &[u8], _: &VirtualPath) -> Work<()> {
        Work::ready(Err(Failure::Unsupported))
    }

    fn hard_link(&self, _: &VirtualPath, _: &VirtualPath) -> Work<()> {
        Work::ready(Err(Failure::Unsupported))
    }

    fn set_attributes(&self, _: &VirtualPath, _: AttributeChange, _: bool) -> Work<()> {
        Work::ready(Err(Failure::Unsupported))
    }

    fn copy(&self, _: &VirtualPath, _: &VirtualPath, _: bool) -> Work<()> {
        Work::ready(Err(Failure::Unsupported))
    }

    fn digest(&self, _: &VirtualPath, _: Algorithm, _: u64, _: Option<u64>) -> Work<(String, u64)> {
        Work::ready(Err(Failure::Unsupported))
    }

    fn available(&self, _: &VirtualPath) -> Work<u64> {
        Work::ready(Err(Failure::Unsupported))
    }

    fn file_system(&self, _: &VirtualPath) -> Work<FileSystem> {
        Work::ready(Err(Failure::Unsupported))
    }
}
