//! The other end, for tests: requests written, replies read.

use proptest::prelude::*;

use super::attributes::write_change;
use super::extension::{CheckFile, CheckTarget, Extension};
use super::handle::HandleId;
use super::packet::{self, Operation};
use super::wire::{Fields, put_string, put_u32, put_u64, write_packet};
use crate::entry::{AttributeChange, Timestamp};

/// A reply, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Version {
        version: u32,
        extensions: Vec<(Vec<u8>, Vec<u8>)>,
    },
    Status {
        id: u32,
        code: u32,
        text: String,
    },
    Handle {
        id: u32,
        handle: HandleId,
    },
    Data {
        id: u32,
        data: Vec<u8>,
    },
    /// Names, long forms, and attributes as they stand there.
    Names {
        id: u32,
        names: Vec<(Vec<u8>, Vec<u8>, Vec<u8>)>,
    },
    Attributes {
        id: u32,
        attributes: Vec<u8>,
    },
    Extended {
        id: u32,
        fields: Vec<u8>,
    },
}

impl Reply {
    pub(super) fn id(&self) -> Option<u32> {
        match self {
            Self::Version { .. } => None,
            Self::Status { id, .. }
            | Self::Handle { id, .. }
            | Self::Data { id, .. }
            | Self::Names { id, .. }
            | Self::Attributes { id, .. }
            | Self::Extended { id, .. } => Some(*id),
        }
    }

    /// The code of a STATUS.
    pub(super) fn code(&self) -> u32 {
        match self {
            Self::Status { code, .. } => *code,
            other => panic!("no status: {other:?}"),
        }
    }
}

/// Reads whole replies; panics if there is anything else.
pub(super) fn replies(mut bytes: &[u8]) -> Vec<Reply> {
    let mut replies = Vec::new();
    while !bytes.is_empty() {
        let packet = Fields::new(bytes).string().expect("a whole packet");
        bytes = &bytes[4 + packet.len()..];
        replies.push(reply(packet));
    }
    replies
}

fn reply(packet: &[u8]) -> Reply {
    let mut fields = Fields::new(packet);
    let kind = fields.u8().unwrap();
    let number = fields.u32().unwrap();
    let rest = packet[5..].to_vec();
    let string = |fields: &mut Fields<'_>| fields.string().unwrap().to_vec();
    match kind {
        packet::VERSION => {
            let mut extensions = Vec::new();
            while let Ok(name) = fields.string() {
                extensions.push((name.to_vec(), string(&mut fields)));
            }
            Reply::Version { version: number, extensions }
        }
        packet::STATUS => {
            let code = fields.u32().unwrap();
            // Not there for old clients.
            let text = fields.string().unwrap_or_default().to_vec();
            Reply::Status { id: number, code, text: String::from_utf8(text).unwrap() }
        }
        packet::HANDLE => {
            let handle = HandleId::from_wire(fields.string().unwrap()).unwrap();
            Reply::Handle { id: number, handle }
        }
        packet::DATA => {
            let data = string(&mut fields);
            assert_eq!(rest.len(), 4 + data.len());
            Reply::Data { id: number, data }
        }
        packet::NAME => {
            let names = (0..fields.u32().unwrap()).map(|_| {
                let (name, long) = (string(&mut fields), string(&mut fields));
                let attributes = match fields.u32().unwrap() {
                    0 => Vec::new(),
                    15 => (0..28).map(|_| fields.u8().unwrap()).collect(),
                    flags => panic!("flags {flags:x}"),
                };
                (name, long, attributes)
            });
            Reply::Names { id: number, names: names.collect() }
        }
        packet::ATTRS => Reply::Attributes { id: number, attributes: rest },
        packet::EXTENDED_REPLY => Reply::Extended { id: number, fields: rest },
        kind => panic!("no reply: {kind}"),
    }
}

pub(super) fn init(version: u32) -> Vec<u8> {
    packet(packet::INIT, |out| put_u32(out, version))
}

pub(super) fn write(id: u32, handle: HandleId, offset: u64, data: &[u8]) -> Vec<u8> {
    packet(packet::WRITE, |out| {
        put_u32(out, id);
        put_string(out, &handle.to_wire());
        put_u64(out, offset);
        put_string(out, data);
    })
}

pub(super) fn packet(kind: u8, fields: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write_packet(&mut out, kind, fields);
    out
}

/// The packet of a request, its length included.
pub(super) fn request(id: u32, operation: &Operation<'_>) -> Vec<u8> {
    packet(kind(operation), |out| {
        put_u32(out, id);
        write_operation(out, operation);
    })
}

fn kind(operation: &Operation<'_>) -> u8 {
    match operation {
        Operation::Open { .. } => packet::OPEN,
        Operation::Close(_) => packet::CLOSE,
        Operation::Read { .. } => packet::READ,
        Operation::LinkStat(_) => packet::LSTAT,
        Operation::HandleStat(_) => packet::FSTAT,
        Operation::SetStat(..) => packet::SETSTAT,
        Operation::SetHandleStat(..) => packet::FSETSTAT,
        Operation::OpenDirectory(_) => packet::OPENDIR,
        Operation::ReadDirectory(_) => packet::READDIR,
        Operation::Remove(_) => packet::REMOVE,
        Operation::MakeDirectory(..) => packet::MKDIR,
        Operation::RemoveDirectory(_) => packet::RMDIR,
        Operation::RealPath(_) => packet::REALPATH,
        Operation::Stat(_) => packet::STAT,
        Operation::Rename { .. } => packet::RENAME,
        Operation::ReadLink(_) => packet::READLINK,
        Operation::Symlink { .. } => packet::SYMLINK,
        Operation::Extended(_) => packet::EXTENDED,
        Operation::Unknown => 99,
    }
}

fn write_operation(out: &mut Vec<u8>, operation: &Operation<'_>) {
    match operation {
        Operation::Open { path, flags, attributes } => {
            put_string(out, path);
            put_u32(out, *flags);
            write_change(out, attributes);
        }
        Operation::Close(handle)
        | Operation::HandleStat(handle)
        | Operation::ReadDirectory(handle) => put_handle(out, *handle),
        Operation::Read { handle, offset, length } => {
            put_handle(out, *handle);
            put_u64(out, *offset);
            put_u32(out, *length);
        }
        Operation::SetStat(path, change) | Operation::MakeDirectory(path, change) => {
            put_string(out, path);
            write_change(out, change);
        }
        Operation::SetHandleStat(handle, change) => {
            put_handle(out, *handle);
            write_change(out, change);
        }
        Operation::LinkStat(path)
        | Operation::OpenDirectory(path)
        | Operation::Remove(path)
        | Operation::RemoveDirectory(path)
        | Operation::RealPath(path)
        | Operation::Stat(path)
        | Operation::ReadLink(path) => put_string(out, path),
        Operation::Rename { from, to } => put_strings(out, from, to),
        Operation::Symlink { target, link } => put_strings(out, target, link),
        Operation::Extended(extension) => write_extension(out, extension),
        Operation::Unknown => {}
    }
}

fn write_extension(out: &mut Vec<u8>, extension: &Extension<'_>) {
    let name: &[u8] = match extension {
        Extension::PosixRename { .. } => b"posix-rename@openssh.com",
        Extension::FileSystem(_) => b"statvfs@openssh.com",
        Extension::HandleFileSystem(_) => b"fstatvfs@openssh.com",
        Extension::HardLink { .. } => b"hardlink@openssh.com",
        Extension::Sync(_) => b"fsync@openssh.com",
        Extension::LinkSetStat(..) => b"lsetstat@openssh.com",
        Extension::Limits => b"limits@openssh.com",
        Extension::ExpandPath(_) => b"expand-path@openssh.com",
        Extension::CopyData { .. } => b"copy-data",
        Extension::HomeDirectory(_) => b"home-directory",
        Extension::Names { .. } => b"users-groups-by-id@openssh.com",
        Extension::CheckFile(CheckFile { is_named: true, .. }) => b"check-file",
        Extension::CheckFile(CheckFile { target: CheckTarget::Path(_), .. }) => b"check-file-name",
        Extension::CheckFile(_) => b"check-file-handle",
        Extension::Unknown => b"unheard-of@example.com",
    };
    put_string(out, name);
    match extension {
        Extension::PosixRename { from, to } => put_strings(out, from, to),
        Extension::HardLink { existing, new } => put_strings(out, existing, new),
        Extension::FileSystem(path)
        | Extension::ExpandPath(path)
        | Extension::HomeDirectory(path) => put_string(out, path),
        Extension::HandleFileSystem(handle) | Extension::Sync(handle) => put_handle(out, *handle),
        Extension::LinkSetStat(path, change) => {
            put_string(out, path);
            write_change(out, change);
        }
        Extension::CopyData { source, offset, length, target, target_offset } => {
            put_handle(out, *source);
            put_u64(out, *offset);
            put_u64(out, *length);
            put_handle(out, *target);
            put_u64(out, *target_offset);
        }
        Extension::Names { users, groups } => {
            for numbers in [users, groups] {
                let bytes: Vec<u8> =
                    numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
                put_string(out, &bytes);
            }
        }
        Extension::CheckFile(check) => {
            match check.target {
                CheckTarget::Path(path) => put_string(out, path),
                CheckTarget::Handle(handle) => put_handle(out, handle),
            }
            put_string(out, check.algorithms);
            put_u64(out, check.start);
            put_u64(out, check.length);
            put_u32(out, check.block);
        }
        Extension::Limits | Extension::Unknown => {}
    }
}

fn put_strings(out: &mut Vec<u8>, first: &[u8], second: &[u8]) {
    put_string(out, first);
    put_string(out, second);
}

fn put_handle(out: &mut Vec<u8>, handle: Option<HandleId>) {
    match handle {
        Some(handle) => put_string(out, &handle.to_wire()),
        None => put_string(out, b"not one of ours"),
    }
}

/// Everything that an operation may hold, owned.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    which: usize,
    texts: (Vec<u8>, Vec<u8>),
    numbers: (u64, u64, u64),
    small: u32,
    change: AttributeChange,
    handles: (Option<HandleId>, Option<HandleId>),
    lists: (Vec<u32>, Vec<u32>),
}

impl Parts {
    /// Operations of every kind, with fields of any content.
    pub(super) fn any() -> impl Strategy<Value = Self> {
        let text = || proptest::collection::vec(any::<u8>(), 0..40);
        let list = || proptest::collection::vec(any::<u32>(), 0..5);
        let handle = || {
            let handle = any::<[u8; 8]>().prop_map(|bytes| HandleId::from_wire(&bytes).unwrap());
            proptest::option::of(handle)
        };
        let change = (any::<Option<u64>>(), any::<Option<(u32, u32)>>(), any::<Option<u16>>());
        let change =
            (change, any::<Option<(u32, u32)>>()).prop_map(|((size, owner, mode), times)| {
                let time = |seconds: u32| Timestamp { seconds: seconds.into(), nanoseconds: 0 };
                AttributeChange {
                    size,
                    owner,
                    mode: mode.map(|mode| u32::from(mode) & 0o7777),
                    accessed: times.map(|times| time(times.0)),
                    modified: times.map(|times| time(times.1)),
                }
            });
        let parts = (0..KINDS, (text(), text()), any::<(u64, u64, u64)>(), any::<u32>(), change);
        (parts, (handle(), handle()), (list(), list())).prop_map(|(parts, handles, lists)| {
            let (which, texts, numbers, small, change) = parts;
            Self { which, texts, numbers, small, change, handles, lists }
        })
    }

    pub(super) fn operation(&self) -> Operation<'_> {
        let (one, two) = (self.texts.0.as_slice(), self.texts.1.as_slice());
        let (handle, other) = self.handles;
        let (offset, length, target_offset) = self.numbers;
        match self.which {
            0 => Operation::Open { path: one, flags: self.small, attributes: self.change },
            1 => Operation::Close(handle),
            2 => Operation::Read { handle, offset, length: self.small },
            3 => Operation::LinkStat(one),
            4 => Operation::HandleStat(handle),
            5 => Operation::SetStat(one, self.change),
            6 => Operation::SetHandleStat(handle, self.change),
            7 => Operation::OpenDirectory(one),
            8 => Operation::ReadDirectory(handle),
            9 => Operation::Remove(one),
            10 => Operation::MakeDirectory(one, self.change),
            11 => Operation::RemoveDirectory(one),
            12 => Operation::RealPath(one),
            13 => Operation::Stat(one),
            14 => Operation::Rename { from: one, to: two },
            15 => Operation::ReadLink(one),
            16 => Operation::Symlink { target: one, link: two },
            17 => Operation::Unknown,
            which => Operation::Extended(match which {
                18 => Extension::PosixRename { from: one, to: two },
                19 => Extension::FileSystem(one),
                20 => Extension::HandleFileSystem(handle),
                21 => Extension::HardLink { existing: one, new: two },
                22 => Extension::Sync(handle),
                23 => Extension::LinkSetStat(one, self.change),
                24 => Extension::Limits,
                25 => Extension::ExpandPath(one),
                26 => {
                    let source = handle;
                    Extension::CopyData { source, offset, length, target: other, target_offset }
                }
                27 => Extension::HomeDirectory(one),
                28 => {
                    Extension::Names { users: self.lists.0.clone(), groups: self.lists.1.clone() }
                }
                29 => Extension::Unknown,
                which => Extension::CheckFile(CheckFile {
                    target: match which {
                        30 => CheckTarget::Path(one),
                        _ => CheckTarget::Handle(handle),
                    },
                    algorithms: two,
                    start: offset,
                    length,
                    block: self.small,
                    is_named: which == 32,
                }),
            }),
        }
    }
}

const KINDS: usize = 33;
