//! A file system that hangs when a test says so: FUSE, spoken from this process.
//!
//! While it hangs, no request is taken from the kernel, so whoever asked waits as it would for a file
//! server that is gone, and can still be killed. It has one directory.

use std::ffi::CString;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// The mounted file system. Dropped, it is taken down, whoever waits for it.
#[derive(Debug)]
pub struct Hanging {
    path: PathBuf,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    hangs: bool,
    ended: bool,
    files: Vec<File>,
}

#[derive(Debug)]
struct File {
    /// `None`: removed.
    name: Option<Vec<u8>>,
    mode: u32,
    content: Vec<u8>,
}

impl Hanging {
    /// Mounts it on a folder, which is made.
    ///
    /// # Errors
    /// Where this user may not, or there is no FUSE.
    pub fn mount(path: &Path) -> io::Result<Self> {
        let device = std::fs::File::options().read(true).write(true).open("/dev/fuse")?;
        rustix::fs::fcntl_setfl(&device, OFlags::NONBLOCK)?;
        std::fs::create_dir_all(path)?;
        let number = std::os::fd::AsRawFd::as_raw_fd(&device);
        let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
        let options = CString::new(format!(
            "fd={number},rootmode=40755,user_id={},group_id={},allow_other",
            user.as_raw(),
            group.as_raw()
        ))?;
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        mount("flotilla-test", path, "fuse", flags, options.as_c_str())?;
        let shared = Arc::<Shared>::default();
        let served = Arc::clone(&shared);
        let thread = std::thread::spawn(move || served.serve(device));
        Ok(Self { path: path.to_owned(), shared, thread: Some(thread) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts a file there.
    pub fn write(&self, name: &str, content: Vec<u8>) {
        let bytes = Some(name.as_bytes().to_vec());
        self.shared.state().files.push(File { name: bytes, mode: 0o644, content });
        // The first close tells the kernel that there is no FLUSH here, for which even a process that
        // was killed would wait.
        drop(std::fs::File::open(self.path.join(name)).expect("the file is there"));
    }

    /// From now on nothing is answered. What was asked before is.
    pub fn hang(&self) {
        self.set(|state| state.hangs = true);
    }

    /// Everything is answered again.
    pub fn recover(&self) {
        self.set(|state| state.hangs = false);
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.shared.state());
        self.shared.changed.notify_all();
    }
}

impl Drop for Hanging {
    fn drop(&mut self) {
        self.set(|state| state.ended = true);
        let _ = unmount(&self.path, UnmountFlags::DETACH | UnmountFlags::FORCE);
        // The end of the thread closes the device, which ends all that still wait.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with the state")
    }

    fn serve(&self, mut device: std::fs::File) {
        let mut buffer = vec![0; REQUEST_BYTES_MAX];
        loop {
            let pause = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
            let _ = poll(&mut [PollFd::new(&device, PollFlags::IN)], Some(&pause));
            let mut state = self.state();
            while state.hangs && !state.ended {
                state = self.changed.wait(state).expect("nobody panics with the state");
            }
            if state.ended {
                return;
            }
            // Taken and answered under the lock: whoever made it hang knows that nothing is half done.
            match device.read(&mut buffer) {
                Ok(length) => {
                    if let Some(answer) = state.answer(&buffer[..length]) {
                        let _ = device.write_all(&answer);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.raw_os_error() == Some(NODEV) => return,
                Err(_) => {}
            }
        }
    }
}

impl State {
    /// The answer to a request of the kernel, head included; see `linux/fuse.h`.
    fn answer(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        let (head, body) = request.split_at(40);
        let node = number(head, 16);
        let result = match number(head, 4) as u32 {
            FORGET | BATCH_FORGET | INTERRUPT => return None,
            operation => self.operate(operation, node, body),
        };
        let (error, body) = match result {
            Ok(body) => (0, body),
            Err(error) => (-error, Vec::new()),
        };
        let length = u32::try_from(16 + body.len()).expect("an answer is short");
        let unique = head.get(8..16).expect("the head was split off");
        Some([&length.to_ne_bytes(), &error.to_ne_bytes()[..], unique, &body].concat())
    }

    fn operate(&mut self, operation: u32, node: u64, body: &[u8]) -> Result<Vec<u8>, i32> {
        match operation {
            INIT => Ok(words(&[7, 31, 0, 0, 0, PIECE_BYTES, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0])),
            LOOKUP => {
                let index = self.find(name(body)).ok_or(NOENT)?;
                self.entry(index)
            }
            GETATTR => self.attributes(node),
            SETATTR => {
                let valid = number(body, 0) as u32;
                if let (Some(file), true) = (self.file(node), valid & SIZE_IS_SET != 0) {
                    file.content.resize(number(body, 16) as usize, 0);
                }
                self.attributes(node)
            }
            CREATE => {
                let mode = (number(body, 0) >> 32) as u32;
                let name = Some(name(&body[16..]).to_vec());
                self.files.push(File { name, mode: mode & 0o7777, content: Vec::new() });
                Ok([self.entry(self.files.len() - 1)?, vec![0; 16]].concat())
            }
            READ => {
                let file = self.file(node).ok_or(NOENT)?;
                let (offset, size) = (number(body, 8) as usize, number(body, 16) as u32 as usize);
                let rest = file.content.get(offset..).unwrap_or_default();
                Ok(rest.get(..size).unwrap_or(rest).to_vec())
            }
            WRITE => {
                let (offset, data) = (number(body, 8) as usize, &body[40..]);
                let file = self.file(node).ok_or(NOENT)?;
                let end = file.content.len().max(offset + data.len());
                file.content.resize(end, 0);
                file.content[offset..offset + data.len()].copy_from_slice(data);
                Ok(words(&[u32::try_from(data.len()).map_err(|_| INVAL)?, 0]))
            }
            UNLINK => {
                let index = self.find(name(body)).ok_or(NOENT)?;
                self.files[index].name = None;
                Ok(Vec::new())
            }
            RENAME => self.rename(&body[8..], false),
            RENAME2 => self.rename(&body[16..], number(body, 8) as u32 & NO_REPLACE != 0),
            STATFS => {
                let blocks: [u64; 5] = [1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20];
                let head = blocks.iter().flat_map(|count| count.to_ne_bytes()).collect::<Vec<u8>>();
                Ok([head, words(&[4096, 255, 4096, 0, 0, 0, 0, 0, 0, 0])].concat())
            }
            OPEN | OPENDIR => Ok(vec![0; 16]),
            READDIR | RELEASE | RELEASEDIR | FSYNC => Ok(Vec::new()),
            _ => Err(NOSYS),
        }
    }

    fn rename(&mut self, names: &[u8], keep: bool) -> Result<Vec<u8>, i32> {
        let from = name(names);
        let to = name(&names[from.len() + 1..]);
        let source = self.find(from).ok_or(NOENT)?;
        match self.find(to) {
            Some(_) if keep => return Err(EXIST),
            Some(target) => self.files[target].name = None,
            None => {}
        }
        self.files[source].name = Some(to.to_vec());
        Ok(Vec::new())
    }

    fn find(&self, name: &[u8]) -> Option<usize> {
        self.files.iter().position(|file| file.name.as_deref() == Some(name))
    }

    fn file(&mut self, node: u64) -> Option<&mut File> {
        self.files.get_mut(usize::try_from(node.checked_sub(FIRST_FILE)?).ok()?)
    }

    fn entry(&mut self, index: usize) -> Result<Vec<u8>, i32> {
        let node = index as u64 + FIRST_FILE;
        // Node, generation and validity of the name; what follows is as for the attributes.
        let head: Vec<u8> = [node, 0, 0].iter().flat_map(|part| part.to_ne_bytes()).collect();
        let attributes = self.attributes(node)?;
        let (validity, attributes) = attributes.split_at(16);
        let validity = [&validity[..8], &[0; 8]].concat();
        Ok([&head, &validity, attributes].concat())
    }

    /// Valid for no time, so that the kernel asks each time.
    fn attributes(&mut self, node: u64) -> Result<Vec<u8>, i32> {
        let (mode, size) = match self.file(node) {
            Some(file) => (FILE | file.mode, file.content.len() as u64),
            None if node == ROOT => (FOLDER | 0o755, 0),
            None => return Err(NOENT),
        };
        let times = [0; 3];
        let long = [[0, 0].as_slice(), &[node, size, size / 512], &times].concat();
        let long = long.iter().flat_map(|part| part.to_ne_bytes()).collect::<Vec<u8>>();
        Ok([long, words(&[0, 0, 0, mode, 1, 0, 0, 0, 4096, 0])].concat())
    }
}

fn number(bytes: &[u8], offset: usize) -> u64 {
    let mut number = [0; 8];
    let rest = bytes.get(offset..).unwrap_or_default();
    let length = rest.len().min(8);
    number[..length].copy_from_slice(&rest[..length]);
    u64::from_ne_bytes(number)
}

fn name(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

const ROOT: u64 = 1;
const FIRST_FILE: u64 = 2;
const FOLDER: u32 = 0o040_000;
const FILE: u32 = 0o100_000;

/// Of one write.
const PIECE_BYTES: u32 = 128 * 1024;
/// A piece and its head.
const REQUEST_BYTES_MAX: usize = PIECE_BYTES as usize + 4096;

// Operations.
const LOOKUP: u32 = 1;
const FORGET: u32 = 2;
const GETATTR: u32 = 3;
const SETATTR: u32 = 4;
const UNLINK: u32 = 10;
const RENAME: u32 = 12;
const OPEN: u32 = 14;
const READ: u32 = 15;
const WRITE: u32 = 16;
const STATFS: u32 = 17;
const RELEASE: u32 = 18;
const FSYNC: u32 = 20;
const INIT: u32 = 26;
const OPENDIR: u32 = 27;
const READDIR: u32 = 28;
const RELEASEDIR: u32 = 29;
const CREATE: u32 = 35;
const INTERRUPT: u32 = 36;
const BATCH_FORGET: u32 = 42;
const RENAME2: u32 = 45;

/// SETATTR carries a size.
const SIZE_IS_SET: u32 = 1 << 3;
/// RENAME2 must not replace.
const NO_REPLACE: u32 = 1;

// Error numbers of Linux.
const NOENT: i32 = 2;
const EXIST: i32 = 17;
const NODEV: i32 = 19;
const INVAL: i32 = 22;
const NOSYS: i32 = 38;
