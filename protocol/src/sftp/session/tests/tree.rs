//! Files and their names, as simple as can be.

use std::collections::BTreeMap;

use crate::sftp::OpenFlags;

/// Files by name, and what is open; a file is open once at the most, since two handles of one file
/// are ordered by nothing but barriers.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Contents by number; a removed file lives on while it is open.
    pub(super) files: Vec<Vec<u8>>,
    pub(super) names: BTreeMap<Vec<u8>, usize>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct OpenFile {
    pub(super) file: usize,
    pub(super) flags: OpenFlags,
}

impl Tree {
    pub(super) fn open(
        &mut self,
        name: &[u8],
        flags: OpenFlags,
        open: &[usize],
    ) -> Option<OpenFile> {
        let file = match self.names.get(name) {
            Some(file) if open.contains(file) || flags.exclusive => return None,
            Some(file) => *file,
            None if !flags.create => return None,
            None => {
                self.files.push(Vec::new());
                self.names.insert(name.to_vec(), self.files.len() - 1);
                self.files.len() - 1
            }
        };
        if flags.truncate {
            self.files[file].clear();
        }
        Some(OpenFile { file, flags })
    }

    pub(super) fn read(&self, file: usize, offset: u64, length: usize) -> Vec<u8> {
        let bytes = &self.files[file];
        let from = (offset as usize).min(bytes.len());
        bytes[from..(from + length).min(bytes.len())].to_vec()
    }

    pub(super) fn write(&mut self, open: OpenFile, offset: u64, data: &[u8]) {
        let bytes = &mut self.files[open.file];
        let from = if open.flags.append { bytes.len() } else { offset as usize };
        if !data.is_empty() {
            bytes.resize(bytes.len().max(from + data.len()), 0);
            bytes[from..from + data.len()].copy_from_slice(data);
        }
    }

    pub(super) fn size(&self, name: &[u8]) -> Option<u64> {
        self.names.get(name).map(|file| self.files[*file].len() as u64)
    }

    pub(super) fn rename(&mut self, from: &[u8], to: &[u8]) -> bool {
        match self.names.remove(from) {
            Some(file) => {
                self.names.insert(to.to_vec(), file);
                true
            }
            None => false,
        }
    }
}
