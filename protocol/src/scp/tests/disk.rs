//! An owner with a tree in memory, which notes what it is asked.

use std::collections::BTreeMap;

use crate::entry::{AttributeChange, Attributes, Kind, Timestamp};
use crate::failure::Failure;
use crate::glob;
use crate::path::VirtualPath;
use crate::scp::{Machine, Outcome, Request};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// `None`: a directory.
    pub(super) data: Option<Vec<u8>>,
    pub(super) mode: u32,
    pub(super) times: (i64, i64),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    pub(super) nodes: BTreeMap<Vec<u8>, Node>,
    /// Requests as text.
    pub(super) log: Vec<String>,
    /// Requests that fail: the beginning of their text, and how.
    faults: Vec<(&'static str, Failure)>,
    upload: Option<(Vec<u8>, Node)>,
    file: Option<(Vec<u8>, usize)>,
    directories: Vec<Vec<Vec<u8>>>,
    /// Reads see only so many bytes of any file.
    pub(super) cut: Option<usize>,
}

impl Disk {
    pub(super) fn directory(mut self, path: &str, mode: u32) -> Self {
        self.nodes.insert(path.into(), Node { data: None, mode, times: (100, 200) });
        self
    }

    pub(super) fn file(mut self, path: &str, data: &str) -> Self {
        let data = Some(data.as_bytes().to_vec());
        self.nodes.insert(path.into(), Node { data, mode: 0o640, times: (300, 400) });
        self
    }

    pub(super) fn data(&self, path: &str) -> Option<&[u8]> {
        self.nodes.get(path.as_bytes())?.data.as_deref()
    }

    pub(super) fn fault(mut self, begin: &'static str, failure: Failure) -> Self {
        self.faults.push((begin, failure));
        self
    }

    /// Nothing is left open.
    pub(super) fn assert_idle(&self) {
        assert!(self.upload.is_none(), "an upload is open");
        assert!(self.file.is_none(), "a file is open");
        assert!(self.directories.is_empty(), "directories are open");
    }

    /// Carries out everything that the machine asks until it asks nothing more.
    pub(super) fn serve(&mut self, machine: &mut Machine) {
        while let Some(request) = machine.poll() {
            if let Some(outcome) = self.answer(request) {
                machine.on_outcome(outcome);
            }
        }
    }

    pub(super) fn answer(&mut self, request: Request) -> Option<Outcome> {
        let text = text(&request);
        self.log.push(text.clone());
        if let Some((_, failure)) = self.faults.iter().find(|(begin, _)| text.starts_with(begin)) {
            let failure = failure.clone();
            if matches!(request, Request::Finish { .. }) {
                self.upload = None;
            }
            return Some(match request {
                Request::Glob { .. } => Outcome::Matches(Err(failure)),
                Request::ReadDirectory { .. } => Outcome::Names(Err(failure)),
                Request::Read { .. } => Outcome::Data(Err(failure)),
                Request::Stat { .. } | Request::Open { .. } | Request::OpenDirectory { .. } => {
                    Outcome::Attributes(Err(failure))
                }
                _ => Outcome::Done(Err(failure)),
            });
        }
        self.carry_out(request)
    }

    fn carry_out(&mut self, request: Request) -> Option<Outcome> {
        Some(match request {
            Request::Glob { pattern } => {
                let fits = |path: &&Vec<u8>| glob::matches(&pattern, path.get(1..).unwrap());
                Outcome::Matches(Ok(self.nodes.keys().filter(fits).cloned().collect()))
            }
            Request::Stat { path } => {
                Outcome::Attributes(self.find(&path).map(|node| attributes(path.as_bytes(), node)))
            }
            Request::MakeDirectory { path, mode } => Outcome::Done(self.make(&path, mode)),
            Request::SetAttributes { path, change } => {
                apply(self.nodes.get_mut(path.as_bytes()).unwrap(), &change);
                Outcome::Done(Ok(()))
            }
            Request::Create { path, mode, .. } => Outcome::Done(self.create(&path, mode)),
            Request::Write { data } => {
                assert!(!data.is_empty() && data.len() <= crate::scp::WRITE_BYTES_MAX);
                let (_, node) = self.upload.as_mut().unwrap();
                node.data.as_mut().unwrap().extend_from_slice(&data);
                Outcome::Done(Ok(()))
            }
            Request::Finish { change } => {
                let (path, mut node) = self.upload.take().unwrap();
                apply(&mut node, &change);
                self.nodes.insert(path, node);
                Outcome::Done(Ok(()))
            }
            Request::Abandon { .. } => {
                self.upload.take().unwrap();
                return None;
            }
            Request::Open { path } => Outcome::Attributes(self.open(&path)),
            Request::Read { length } => {
                assert!(length > 0);
                let (data, start) = self.file.as_mut().unwrap();
                let end = (*start + length).min(self.cut.unwrap_or(usize::MAX)).min(data.len());
                let piece = data.get(*start..end).unwrap_or_default().to_vec();
                *start += piece.len();
                Outcome::Data(Ok(piece))
            }
            Request::Close => {
                self.file.take().unwrap();
                return None;
            }
            Request::OpenDirectory { path } => Outcome::Attributes(self.open_directory(&path)),
            Request::ReadDirectory { names_max } => {
                let names = self.directories.last_mut().unwrap();
                let rest = names.split_off(names.len().min(names_max).min(3));
                Outcome::Names(Ok(std::mem::replace(names, rest)))
            }
            Request::CloseDirectory => {
                self.directories.pop().unwrap();
                return None;
            }
        })
    }

    fn make(&mut self, path: &VirtualPath, mode: u32) -> Result<(), Failure> {
        if path.is_root() || self.nodes.contains_key(path.as_bytes()) {
            return Err(Failure::Exists);
        }
        self.find(&path.parent())?;
        let node = Node { data: None, mode, times: (0, 0) };
        self.nodes.insert(path.as_bytes().to_vec(), node);
        Ok(())
    }

    fn create(&mut self, path: &VirtualPath, mode: u32) -> Result<(), Failure> {
        assert!(self.upload.is_none());
        match self.find(path) {
            Ok(node) if node.data.is_none() => return Err(Failure::IsDirectory),
            _ => self.find(&path.parent())?,
        };
        let node = Node { data: Some(Vec::new()), mode, times: (0, 0) };
        self.upload = Some((path.as_bytes().to_vec(), node));
        Ok(())
    }

    fn open(&mut self, path: &VirtualPath) -> Result<Attributes, Failure> {
        assert!(self.file.is_none());
        let node = self.find(path)?.clone();
        let attributes = attributes(path.as_bytes(), &node);
        self.file = Some((node.data.ok_or(Failure::IsDirectory)?, 0));
        Ok(attributes)
    }

    fn open_directory(&mut self, path: &VirtualPath) -> Result<Attributes, Failure> {
        let attributes = attributes(path.as_bytes(), self.find(path)?);
        let names = self.nodes.keys().filter_map(|key| {
            let name = key.strip_prefix(path.as_bytes())?;
            let name = if path.is_root() { name } else { name.strip_prefix(b"/")? };
            (!name.is_empty() && !name.contains(&b'/')).then(|| name.to_vec())
        });
        let own = [b".".to_vec(), b"..".to_vec()];
        self.directories.push(own.into_iter().chain(names).collect());
        Ok(attributes)
    }

    fn find(&self, path: &VirtualPath) -> Result<&Node, Failure> {
        if path.is_root() {
            return Ok(&ROOT);
        }
        self.nodes.get(path.as_bytes()).ok_or(Failure::NotFound)
    }
}

fn apply(node: &mut Node, change: &AttributeChange) {
    node.mode = change.mode.unwrap_or(node.mode);
    if let (Some(modified), Some(accessed)) = (change.modified, change.accessed) {
        node.times = (modified.seconds, accessed.seconds);
    }
}

fn attributes(path: &[u8], node: &Node) -> Attributes {
    Attributes {
        kind: if node.data.is_some() { Kind::File } else { Kind::Directory },
        size: node.data.as_ref().map_or(4096, |data| data.len() as u64),
        modified: Timestamp { seconds: node.times.0, nanoseconds: 0 },
        accessed: Timestamp { seconds: node.times.1, nanoseconds: 0 },
        mode: node.mode,
        uid: 0,
        gid: 0,
        links: 1,
        identity: (1, path.iter().fold(7, |hash: u64, &b| hash.wrapping_mul(31) + u64::from(b))),
    }
}

/// A request in few words.
fn text(request: &Request) -> String {
    let change = |change: &AttributeChange| {
        let mut text = String::new();
        if let Some(mode) = change.mode {
            text += &format!(" mode {mode:o}");
        }
        if let (Some(modified), Some(accessed)) = (change.modified, change.accessed) {
            let (Timestamp { seconds: m, .. }, Timestamp { seconds: a, .. }) = (modified, accessed);
            text += &format!(" times {m} {a}");
        }
        text
    };
    match request {
        Request::Glob { pattern } => format!("glob {}", pattern.escape_ascii()),
        Request::Stat { path } => format!("stat {path}"),
        Request::MakeDirectory { path, mode } => format!("mkdir {path} {mode:o}"),
        Request::SetAttributes { path, change: c } => format!("set {path}{}", change(c)),
        Request::Create { path, size, mode } => format!("create {path} {size} {mode:o}"),
        Request::Write { data } => format!("write {}", data.escape_ascii()),
        Request::Finish { change: c } => format!("finish{}", change(c)),
        Request::Abandon { keep } => format!("abandon {keep}"),
        Request::Open { path } => format!("open {path}"),
        Request::Read { length } => format!("read {length}"),
        Request::Close => "close".to_owned(),
        Request::OpenDirectory { path } => format!("opendir {path}"),
        Request::ReadDirectory { .. } => "readdir".to_owned(),
        Request::CloseDirectory => "closedir".to_owned(),
    }
}

static ROOT: Node = Node { data: None, mode: 0o755, times: (0, 0) };
