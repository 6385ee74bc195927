//! What becomes of a packet: an answer at once, or a place in the queue.

use super::lane::{DigestWork, HandleOperation, Target};
use super::queue::BarrierWork;
use super::request::{OpenFlags, Request};
use super::{HandleId, Session, Violation};
use crate::digest::Algorithm;
use crate::entry::AttributeChange;
use crate::path::{PATH_BYTES_MAX, VirtualPath};
use crate::sftp::extension::{CheckFile, CheckTarget, EXTENSIONS, Extension};
use crate::sftp::frame::Write;
use crate::sftp::packet::{self, Operation, Packet};
use crate::sftp::status::{Refusal, Status};
use crate::sftp::wire::{self, put_string, put_u32, put_u64, write_packet};
use crate::sftp::{DATA_HEADROOM, DIGEST_BYTES_MAX, NAMES_MAX, READ_BYTES_MAX, name};

impl Session {
    /// Takes a packet that is no WRITE.
    pub(super) fn accept(&mut self, packet: &[u8]) -> Result<(), Violation> {
        let kind = packet.first().copied().unwrap_or_default();
        if self.version.is_none() && kind != packet::INIT {
            return Err(Violation::NotInitialised { kind });
        }
        match Packet::decode(packet) {
            Ok(Packet::Init { version }) => self.initialise(version),
            Ok(Packet::Request { id, operation }) => {
                if let Err(refusal) = self.accept_operation(id, operation, packet.len()) {
                    self.refuse(id, refusal);
                }
            }
            Err(wire::Short) => return Err(Violation::Undecodable { kind }),
        }
        Ok(())
    }

    /// Takes a WRITE.
    pub(super) fn accept_write(&mut self, write: Write) -> Result<(), Violation> {
        if self.version.is_none() {
            return Err(Violation::NotInitialised { kind: packet::WRITE });
        }
        let length = write.data.len() as u64;
        let handle = self.file(write.handle, |flags| flags.write);
        match handle.and_then(|handle| check_range(write.offset, length).map(|()| handle)) {
            Ok(handle) => {
                self.payload += write.data.capacity();
                self.queue.push_write(handle, write);
            }
            Err(refusal) => {
                self.refuse(write.id, refusal);
                self.pool.put(write.data);
            }
        }
        Ok(())
    }

    /// Answers INIT, also a second one, as OpenSSH does. Clients of older versions are answered
    /// with 3 and served; what differs for them is that a STATUS has no text.
    fn initialise(&mut self, version: u32) {
        self.version = Some(version);
        self.write(|out| {
            write_packet(out, packet::VERSION, |out| {
                put_u32(out, VERSION);
                for (name, version) in EXTENSIONS {
                    put_string(out, name.as_bytes());
                    put_string(out, version.as_bytes());
                }
            });
        });
    }

    fn accept_operation(
        &mut self,
        id: u32,
        operation: Operation<'_>,
        bytes: usize,
    ) -> Result<(), Refusal> {
        let work = match operation {
            Operation::Read { handle, offset, length } => {
                return self.accept_read(id, handle, offset, length);
            }
            Operation::Close(handle) => {
                let handle = handle.filter(|&handle| self.queue.open_lane(handle).is_some());
                return self.operate(id, handle.ok_or(NO_HANDLE)?, HandleOperation::Close);
            }
            Operation::HandleStat(handle) => {
                let handle = self.file(handle, |_| true)?;
                return self.operate(id, handle, HandleOperation::Attributes);
            }
            Operation::SetHandleStat(handle, change) => {
                let handle = self.file(handle, |_| true)?;
                let operation = HandleOperation::SetAttributes(Box::new(change));
                return self.operate(id, handle, operation);
            }
            Operation::ReadDirectory(handle) => {
                let handle = self.directory(handle)?;
                return self.operate(id, handle, HandleOperation::ReadDirectory);
            }
            Operation::RealPath(path) => return self.tell_path(id, path),
            Operation::Extended(extension) => {
                return self.accept_extension(id, extension, bytes);
            }
            Operation::Unknown => return Err(UNKNOWN),
            Operation::Open { path, flags, attributes } => {
                BarrierWork::Open { path: path_of(path)?, flags: open_flags(flags)?, attributes }
            }
            Operation::OpenDirectory(path) => BarrierWork::OpenDirectory(path_of(path)?),
            operation => {
                BarrierWork::Request(path_request(operation, self.settings.symlink_by_draft)?)
            }
        };
        self.queue.push_barrier(id, work, bytes);
        Ok(())
    }

    fn accept_read(
        &mut self,
        id: u32,
        handle: Option<HandleId>,
        offset: u64,
        length: u32,
    ) -> Result<(), Refusal> {
        let handle = self.file(handle, |flags| flags.read)?;
        check_range(offset, length.into())?;
        if length == 0 {
            // No byte is no end of the file.
            let mut packet = vec![0; DATA_HEADROOM];
            wire::write_head(&mut packet, packet::DATA, id, 0, 0);
            self.write(|out| out.extend_from_slice(&packet));
        } else {
            self.queue.push_read(handle, id, offset, length);
        }
        Ok(())
    }

    fn accept_extension(
        &mut self,
        id: u32,
        extension: Extension<'_>,
        bytes: usize,
    ) -> Result<(), Refusal> {
        let request = match extension {
            Extension::Unknown => return Err(UNKNOWN),
            Extension::Limits => {
                self.tell_limits(id);
                return Ok(());
            }
            Extension::ExpandPath(path) => return self.tell_path(id, &self.expand(path)?),
            Extension::HomeDirectory(user) => {
                self.check_user(user)?;
                return self.tell_path(id, b"/");
            }
            Extension::HandleFileSystem(handle) => {
                let handle = self.file(handle, |_| true)?;
                return self.operate(id, handle, HandleOperation::FileSystem);
            }
            Extension::Sync(handle) => {
                let handle = self.file(handle, |_| true)?;
                return self.operate(id, handle, HandleOperation::Sync);
            }
            Extension::CheckFile(check) => return self.accept_check(id, &check, bytes),
            Extension::CopyData { source, offset, length, target, target_offset } => {
                let source = self.file(source, |flags| flags.read)?;
                let target = self.file(target, |flags| flags.write)?;
                check_range(offset, length)?;
                check_range(target_offset, length)?;
                if source == target {
                    return Err(SAME_HANDLE);
                }
                Request::CopyData { source, offset, length, target, target_offset }
            }
            Extension::Names { users, groups } => {
                if users.len() > NAMES_MAX || groups.len() > NAMES_MAX {
                    return Err(TOO_MANY_NAMES);
                }
                Request::Names { users, groups }
            }
            Extension::PosixRename { from, to } => {
                Request::Rename { from: path_of(from)?, to: path_of(to)?, replace: true }
            }
            Extension::FileSystem(path) => Request::FileSystem { path: path_of(path)? },
            Extension::HardLink { existing, new } => {
                Request::HardLink { existing: path_of(existing)?, new: path_of(new)? }
            }
            Extension::LinkSetStat(path, change) => {
                Request::SetAttributes { path: path_of(path)?, change, follow: false }
            }
        };
        self.queue.push_barrier(id, BarrierWork::Request(request), bytes);
        Ok(())
    }

    fn accept_check(
        &mut self,
        id: u32,
        check: &CheckFile<'_>,
        bytes: usize,
    ) -> Result<(), Refusal> {
        let work = digest_work(check)?;
        match check.target {
            CheckTarget::Path(path) => {
                let work = BarrierWork::Digest { path: path_of(path)?, work };
                self.queue.push_barrier(id, work, bytes);
                Ok(())
            }
            CheckTarget::Handle(handle) => {
                let handle = self.file(handle, |flags| flags.read)?;
                self.operate(id, handle, HandleOperation::Digest(Box::new(work)))
            }
        }
    }

    // Handles.

    fn operate(
        &mut self,
        id: u32,
        handle: HandleId,
        operation: HandleOperation,
    ) -> Result<(), Refusal> {
        self.queue.push_other(handle, id, operation);
        Ok(())
    }

    /// An open file that was opened for this.
    fn file(
        &self,
        handle: Option<HandleId>,
        allows: impl FnOnce(OpenFlags) -> bool,
    ) -> Result<HandleId, Refusal> {
        let handle = handle.ok_or(NO_HANDLE)?;
        match self.queue.open_lane(handle).ok_or(NO_HANDLE)?.target {
            Target::File(flags) if allows(flags) => Ok(handle),
            Target::File(_) => Err(NOT_OPEN_FOR_THIS),
            Target::Directory => Err(NO_FILE),
        }
    }

    fn directory(&self, handle: Option<HandleId>) -> Result<HandleId, Refusal> {
        let handle = handle.ok_or(NO_HANDLE)?;
        match self.queue.open_lane(handle).ok_or(NO_HANDLE)?.target {
            Target::Directory => Ok(handle),
            Target::File(_) => Err(NO_DIRECTORY),
        }
    }

    // Answers at once.

    /// REALPATH: links are the storage's affair, so the path is only made absolute and plain.
    fn tell_path(&mut self, id: u32, path: &[u8]) -> Result<(), Refusal> {
        let path = path_of(path)?;
        self.write(|out| name::write_single(out, id, path.as_bytes()));
        Ok(())
    }

    fn tell_limits(&mut self, id: u32) {
        self.takes_large = true;
        let handles = self.settings.handles_max as u64;
        self.write(|out| {
            write_packet(out, packet::EXTENDED_REPLY, |out| {
                put_u32(out, id);
                put_u64(out, PACKET_BYTES_TOLD);
                put_u64(out, READ_BYTES_MAX as u64);
                put_u64(out, READ_BYTES_MAX as u64);
                put_u64(out, handles);
            });
        });
    }

    /// `~` and `~user` at the front become the home, which is the root.
    fn expand(&self, path: &[u8]) -> Result<Vec<u8>, Refusal> {
        let Some(path) = path.strip_prefix(b"~") else { return Ok(path.to_vec()) };
        let end = path.iter().position(|&byte| byte == b'/').unwrap_or(path.len());
        let (user, rest) = path.split_at(end);
        self.check_user(user)?;
        Ok([b"/", rest].concat())
    }

    /// Nobody is known here but the user.
    fn check_user(&self, user: &[u8]) -> Result<(), Refusal> {
        if user.is_empty() || user == self.settings.user { Ok(()) } else { Err(NO_USER) }
    }
}

/// Requests that take paths alone.
fn path_request(operation: Operation<'_>, by_draft: bool) -> Result<Request, Refusal> {
    Ok(match operation {
        Operation::Stat(path) => Request::Attributes { path: path_of(path)?, follow: true },
        Operation::LinkStat(path) => Request::Attributes { path: path_of(path)?, follow: false },
        Operation::SetStat(path, change) => {
            Request::SetAttributes { path: path_of(path)?, change, follow: true }
        }
        Operation::Remove(path) => Request::Remove(path_of(path)?),
        Operation::MakeDirectory(path, AttributeChange { mode, .. }) => {
            Request::MakeDirectory { path: path_of(path)?, mode }
        }
        Operation::RemoveDirectory(path) => Request::RemoveDirectory(path_of(path)?),
        Operation::Rename { from, to } => {
            Request::Rename { from: path_of(from)?, to: path_of(to)?, replace: false }
        }
        Operation::ReadLink(path) => Request::ReadLink(path_of(path)?),
        Operation::Symlink { target, link } => {
            let (target, link) = if by_draft { (link, target) } else { (target, link) };
            if target.is_empty() || target.len() > PATH_BYTES_MAX || target.contains(&0) {
                return Err(BAD_TARGET);
            }
            Request::Symlink { target: target.to_vec(), link: path_of(link)? }
        }
        // The others never come here.
        _ => return Err(UNKNOWN),
    })
}

/// A path from the home directory, where everybody starts; an empty one is that directory.
fn path_of(path: &[u8]) -> Result<VirtualPath, Refusal> {
    Ok(VirtualPath::root().resolve(path)?)
}

fn open_flags(flags: u32) -> Result<OpenFlags, Refusal> {
    let has = |flag| flags & flag != 0;
    let flags = OpenFlags {
        read: has(packet::FLAG_READ),
        write: has(packet::FLAG_WRITE),
        append: has(packet::FLAG_APPEND),
        create: has(packet::FLAG_CREATE),
        truncate: has(packet::FLAG_TRUNCATE),
        // Means nothing alone.
        exclusive: has(packet::FLAG_EXCLUSIVE) && has(packet::FLAG_CREATE),
    };
    let is_valid = flags.write || flags.read && !flags.truncate && !flags.append;
    if is_valid { Ok(flags) } else { Err(BAD_FLAGS) }
}

/// File positions are signed at the storage.
fn check_range(offset: u64, length: u64) -> Result<(), Refusal> {
    match offset.checked_add(length) {
        Some(end) if end <= i64::MAX as u64 => Ok(()),
        _ => Err(BAD_RANGE),
    }
}

fn digest_work(check: &CheckFile<'_>) -> Result<DigestWork, Refusal> {
    check_range(check.start, check.length)?;
    let mut names = check.algorithms.split(|&byte| byte == b',');
    let algorithm = names.find_map(Algorithm::parse).ok_or(NO_ALGORITHM)?;
    let length = Some(check.length).filter(|&length| length > 0);
    let block = Some(u64::from(check.block)).filter(|&block| block > 0);
    if block.is_some_and(|block| block < BLOCK_BYTES_MIN) {
        return Err(BAD_BLOCK);
    }
    if let (Some(length), Some(block)) = (length, block)
        && length.div_ceil(block).saturating_mul(HASH_BYTES_MIN) > DIGEST_BYTES_MAX as u64
    {
        return Err(TOO_MANY_BLOCKS);
    }
    Ok(DigestWork { algorithm, start: check.start, length, block, is_named: check.is_named })
}

/// The version that is spoken.
const VERSION: u32 = 3;
/// What `limits@openssh.com` says of packets; READ and WRITE take 1 KiB less, as in OpenSSH.
const PACKET_BYTES_TOLD: u64 = 256 * 1024;
/// Bytes per hash that `check-file` may ask for at the least.
const BLOCK_BYTES_MIN: u64 = 256;
/// Bytes of the shortest hash, CRC32.
const HASH_BYTES_MIN: u64 = 4;

const UNKNOWN: Refusal = Refusal::new(Status::OpUnsupported, "Not supported.");
const NO_HANDLE: Refusal = Refusal::new(Status::Failure, "No such handle.");
const NO_FILE: Refusal = Refusal::new(Status::Failure, "The handle is of a directory.");
const NO_DIRECTORY: Refusal = Refusal::new(Status::Failure, "The handle is of a file.");
const NOT_OPEN_FOR_THIS: Refusal =
    Refusal::new(Status::PermissionDenied, "The file was not opened for this.");
const NO_USER: Refusal = Refusal::new(Status::NoSuchFile, "No such user.");
const NO_ALGORITHM: Refusal = Refusal::new(Status::Failure, "None of these algorithms is known.");
const SAME_HANDLE: Refusal =
    Refusal::new(Status::Failure, "A file can not be copied onto its own handle.");
const TOO_MANY_NAMES: Refusal = Refusal::new(Status::Failure, "Too many names at once.");
pub(super) const TOO_MANY_BLOCKS: Refusal = Refusal::new(Status::Failure, "Too many blocks.");
const BAD_FLAGS: Refusal = Refusal::new(Status::BadMessage, "These flags make no sense together.");
const BAD_RANGE: Refusal = Refusal::new(Status::Failure, "Out of the range of file positions.");
const BAD_BLOCK: Refusal = Refusal::new(Status::Failure, "Blocks have 256 bytes at the least.");
const BAD_TARGET: Refusal = Refusal::new(Status::Failure, "A link can not hold this target.");
