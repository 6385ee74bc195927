//! Files and directories that the client announces: judged, and begun.

use super::upload::Upload;
use super::{Folder, Phase, Receiver};
use crate::entry::AttributeChange;
use crate::failure::Failure;
use crate::path::VirtualPath;
use crate::scp::line::{self, BadName, MODE_BITS};
use crate::scp::{DEPTH_MAX, Request};

impl Receiver {
    pub(super) fn begin_file(&mut self, mode: u32, size: u64, name: &[u8]) {
        let change = self.change(mode);
        let Some(path) = self.destination(name) else { return };
        if self.folders.is_empty() && !self.target.is_directory && self.target.slash {
            return self.refuse(path.as_bytes(), &Failure::NotDirectory);
        }
        self.request = Some(Request::Create { path: path.clone(), size, mode: mode & 0o777 });
        self.phase = Phase::Creating(Upload::new(path, change, size));
    }

    pub(super) fn begin_directory(&mut self, mode: u32, name: &[u8]) {
        let change = self.change(mode);
        if !self.recursive {
            return self.fatal(None, "protocol error: received directory without -r");
        }
        let Some(path) = self.destination(name) else { return };
        if self.folders.len() >= DEPTH_MAX {
            return self.warn(path.as_bytes(), "directories are nested too deep");
        }
        // Its owner must be able to fill it, whatever its mode shall be in the end.
        let mode = mode & 0o777 | 0o700;
        self.request = Some(Request::MakeDirectory { path: path.clone(), mode });
        self.phase = Phase::Making(Folder { path, change });
    }

    /// What `T`, and `-p`, want to be set.
    fn change(&mut self, mode: u32) -> AttributeChange {
        let times = self.times.take();
        AttributeChange {
            mode: self.preserve.then_some(mode & MODE_BITS),
            accessed: times.map(|times| times.accessed),
            modified: times.map(|times| times.modified),
            ..AttributeChange::default()
        }
    }

    /// The path of what comes; `None` if its name was refused.
    fn destination(&mut self, name: &[u8]) -> Option<VirtualPath> {
        match line::check_name(name) {
            Ok(()) => {}
            Err(BadName::Forged) => {
                self.fatal(Some(name), "unexpected filename");
                return None;
            }
            Err(BadName::Control) => {
                self.refuse(name, &Failure::BadName);
                return None;
            }
        }
        let directory = match self.folders.last() {
            Some(folder) => &folder.path,
            None if self.target.is_directory => &self.target.path,
            None => return Some(self.target.path.clone()),
        };
        match directory.child(name) {
            Ok(path) => Some(path),
            Err(error) => {
                self.warn(name, &error.to_string());
                None
            }
        }
    }

    pub(super) fn made(&mut self, folder: Folder, result: Result<(), Failure>) {
        match result {
            Ok(()) => self.enter(folder),
            Err(Failure::Exists) => {
                self.request = Some(Request::Stat { path: folder.path.clone() });
                self.phase = Phase::Checking(folder);
            }
            Err(failure) => self.refuse(folder.path.as_bytes(), &failure),
        }
    }

    pub(super) fn enter(&mut self, folder: Folder) {
        self.folders.push(folder);
        self.accept();
    }

    pub(super) fn leave(&mut self) {
        self.times = None;
        match self.folders.pop() {
            None => self.fatal(None, "protocol error: end of a directory that did not begin"),
            Some(Folder { change, .. }) if change == AttributeChange::default() => self.accept(),
            Some(Folder { path, change }) => {
                self.request = Some(Request::SetAttributes { path: path.clone(), change });
                self.phase = Phase::Leaving(path);
            }
        }
    }
}
