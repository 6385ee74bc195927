//! Files and directories on their way to the client.

use super::{File, Folder, Phase, Sender, Step};
use crate::entry::Attributes;
use crate::failure::Failure;
use crate::path::VirtualPath;
use crate::scp::line::{self, SIZE_MAX};
use crate::scp::{DEPTH_MAX, Request};

impl Sender {
    // Files.

    pub(super) fn open(&mut self, path: VirtualPath) {
        self.request(Request::Open { path: path.clone() });
        self.phase = Phase::Opening(path);
    }

    pub(super) fn begin_file(&mut self, path: VirtualPath, attributes: Attributes) {
        if attributes.size > SIZE_MAX {
            self.skip(path.as_bytes(), "size out of range");
            return self.request(Request::Close);
        }
        if !self.is_sendable(&path) {
            return self.request(Request::Close);
        }
        let file = File { unread: attributes.size, path, attributes, reading: false };
        if self.preserve {
            self.output.text(|out| line::write_times(out, &file.attributes));
            self.phase = Phase::Answer(Step::FileTimes(file));
        } else {
            self.announce_file(file);
        }
    }

    pub(super) fn announce_file(&mut self, file: File) {
        let name = file.path.file_name().unwrap_or_default();
        let Attributes { mode, size, .. } = file.attributes;
        self.output.text(|out| line::write_entry(out, 'C', mode, size, name));
        self.phase = Phase::Answer(Step::File(file));
    }

    pub(super) fn read(&mut self, mut file: File, result: Result<Vec<u8>, Failure>) {
        file.reading = false;
        let failure = match result {
            Ok(data) if data.is_empty() => Some("file became shorter while it was sent".to_owned()),
            Ok(mut data) => {
                data.truncate(usize::try_from(file.unread).unwrap_or(usize::MAX));
                file.unread -= data.len() as u64;
                self.output.data(data);
                None
            }
            Err(failure) => Some(line::text_of(&failure).to_owned()),
        };
        if failure.is_some() {
            // The client counts on the announced bytes, and hears afterwards what they are worth.
            self.output.zeros(file.unread);
            file.unread = 0;
        }
        self.phase = Phase::Data(file);
        self.finish_file_if_read(failure.as_deref());
    }

    pub(super) fn finish_file_if_read(&mut self, failure: Option<&str>) {
        let Phase::Data(file) = &self.phase else { return };
        if file.unread > 0 {
            return;
        }
        match failure {
            None => self.output.text(|out| out.push(0)),
            Some(text) => {
                self.failed = true;
                let path = file.path.as_bytes();
                self.output.text(|out| line::write_warning(out, path, text));
            }
        }
        self.request(Request::Close);
        self.phase = Phase::Answer(Step::Done);
    }

    // Directories.

    pub(super) fn begin_folder(&mut self, path: VirtualPath, attributes: Attributes) {
        let same = |folder: &Folder| folder.attributes.identity == attributes.identity;
        let refusal = if attributes.identity != (0, 0) && self.folders.iter().any(same) {
            // By a link; and so on without an end.
            Some("leads back into itself")
        } else if self.folders.len() >= DEPTH_MAX {
            Some("directories are nested too deep")
        } else {
            None
        };
        if let Some(text) = refusal {
            self.skip(path.as_bytes(), text);
        }
        if refusal.is_some() || !self.is_sendable(&path) {
            self.request(Request::CloseDirectory);
            return;
        }
        let folder = Folder { path, attributes, names: Vec::new().into_iter(), complete: false };
        if self.preserve {
            self.output.text(|out| line::write_times(out, &folder.attributes));
            self.phase = Phase::Answer(Step::FolderTimes(folder));
        } else {
            self.announce_folder(folder);
        }
    }

    pub(super) fn announce_folder(&mut self, folder: Folder) {
        let name = folder.path.file_name().unwrap_or_default();
        let mode = folder.attributes.mode;
        self.output.text(|out| line::write_entry(out, 'D', mode, 0, name));
        self.phase = Phase::Answer(Step::Folder(folder));
    }

    pub(super) fn listed(&mut self, result: Result<Vec<Vec<u8>>, Failure>) {
        self.phase = Phase::Next;
        let Some(folder) = self.folders.last_mut() else { return };
        match result {
            Ok(names) => {
                folder.complete = names.is_empty();
                folder.names = names.into_iter();
            }
            Err(failure) => {
                folder.complete = true;
                let path = folder.path.clone();
                self.skip(path.as_bytes(), line::text_of(&failure));
            }
        }
    }
}
