//! Requests beyond version 3: those of OpenSSH (its `PROTOCOL` file, section 4) and of
//! draft-ietf-secsh-filexfer-extensions-00.

use super::attributes::read_change;
use super::handle::HandleId;
use super::packet::handle;
use super::wire::{Fields, Short};
use crate::entry::AttributeChange;

/// What EXTENDED asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Extension<'a> {
    PosixRename {
        from: &'a [u8],
        to: &'a [u8],
    },
    FileSystem(&'a [u8]),
    HandleFileSystem(Option<HandleId>),
    HardLink {
        existing: &'a [u8],
        new: &'a [u8],
    },
    Sync(Option<HandleId>),
    LinkSetStat(&'a [u8], AttributeChange),
    Limits,
    ExpandPath(&'a [u8]),
    CopyData {
        source: Option<HandleId>,
        offset: u64,
        length: u64,
        target: Option<HandleId>,
        target_offset: u64,
    },
    HomeDirectory(&'a [u8]),
    Names {
        users: Vec<u32>,
        groups: Vec<u32>,
    },
    CheckFile(CheckFile<'a>),
    Unknown,
}

/// `check-file-name` and `check-file-handle` (draft-ietf-secsh-filexfer-extensions-00, 3).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CheckFile<'a> {
    pub(super) target: CheckTarget<'a>,
    /// Names of algorithms between commas, the best first.
    pub(super) algorithms: &'a [u8],
    pub(super) start: u64,
    /// 0 is all up to the end.
    pub(super) length: u64,
    /// Bytes per hash; 0 is one hash over all.
    pub(super) block: u32,
    /// The request came under the name `check-file`, from which paramiko sends it, with a handle.
    /// Its reply then carries the name before the algorithm, which the draft's does not.
    pub(super) is_named: bool,
}

/// What is to be hashed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CheckTarget<'a> {
    Path(&'a [u8]),
    Handle(Option<HandleId>),
}

impl<'a> Extension<'a> {
    /// Decodes an EXTENDED from the name of the extension on.
    pub(super) fn decode(fields: &mut Fields<'a>) -> Result<Self, Short> {
        Ok(match fields.string()? {
            b"posix-rename@openssh.com" => {
                Self::PosixRename { from: fields.string()?, to: fields.string()? }
            }
            b"statvfs@openssh.com" => Self::FileSystem(fields.string()?),
            b"fstatvfs@openssh.com" => Self::HandleFileSystem(handle(fields)?),
            b"hardlink@openssh.com" => {
                Self::HardLink { existing: fields.string()?, new: fields.string()? }
            }
            b"fsync@openssh.com" => Self::Sync(handle(fields)?),
            b"lsetstat@openssh.com" => Self::LinkSetStat(fields.string()?, read_change(fields)?),
            b"limits@openssh.com" => Self::Limits,
            b"expand-path@openssh.com" => Self::ExpandPath(fields.string()?),
            b"copy-data" => Self::CopyData {
                source: handle(fields)?,
                offset: fields.u64()?,
                length: fields.u64()?,
                target: handle(fields)?,
                target_offset: fields.u64()?,
            },
            b"home-directory" => Self::HomeDirectory(fields.string()?),
            b"users-groups-by-id@openssh.com" => Self::Names {
                users: fields.numbers()?.collect(),
                groups: fields.numbers()?.collect(),
            },
            b"check-file-name" => {
                let target = CheckTarget::Path(fields.string()?);
                Self::CheckFile(CheckFile::decode(target, fields, false)?)
            }
            b"check-file-handle" => {
                let target = CheckTarget::Handle(handle(fields)?);
                Self::CheckFile(CheckFile::decode(target, fields, false)?)
            }
            b"check-file" => {
                let target = CheckTarget::Handle(handle(fields)?);
                Self::CheckFile(CheckFile::decode(target, fields, true)?)
            }
            _ => Self::Unknown,
        })
    }
}

impl<'a> CheckFile<'a> {
    fn decode(
        target: CheckTarget<'a>,
        fields: &mut Fields<'a>,
        is_named: bool,
    ) -> Result<Self, Short> {
        Ok(Self {
            target,
            algorithms: fields.string()?,
            start: fields.u64()?,
            length: fields.u64()?,
            block: fields.u32()?,
            is_named,
        })
    }
}

/// What VERSION tells: name and version of each extension.
pub(super) const EXTENSIONS: [(&str, &str); 12] = [
    ("posix-rename@openssh.com", "1"),
    ("statvfs@openssh.com", "2"),
    ("fstatvfs@openssh.com", "2"),
    ("hardlink@openssh.com", "1"),
    ("fsync@openssh.com", "1"),
    ("lsetstat@openssh.com", "1"),
    ("limits@openssh.com", "1"),
    ("expand-path@openssh.com", "1"),
    ("copy-data", "1"),
    ("home-directory", "1"),
    ("users-groups-by-id@openssh.com", "1"),
    ("check-file", ""),
];
