//! The packets of clients, decoded (draft-ietf-secsh-filexfer-02, 3 to 6).

use super::attributes::read_change;
use super::extension::Extension;
use super::handle::HandleId;
use super::wire::{Fields, Short};
use crate::entry::AttributeChange;

/// A packet of a client but WRITE, which [`FrameReader`](super::frame::FrameReader) decodes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Packet<'a> {
    Init { version: u32 },
    Request { id: u32, operation: Operation<'a> },
}

/// What a client asks for. Paths are as it wrote them; a handle that can not be ours is `None`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Operation<'a> {
    Open {
        path: &'a [u8],
        flags: u32,
        attributes: AttributeChange,
    },
    Close(Option<HandleId>),
    Read {
        handle: Option<HandleId>,
        offset: u64,
        length: u32,
    },
    LinkStat(&'a [u8]),
    HandleStat(Option<HandleId>),
    SetStat(&'a [u8], AttributeChange),
    SetHandleStat(Option<HandleId>, AttributeChange),
    OpenDirectory(&'a [u8]),
    ReadDirectory(Option<HandleId>),
    Remove(&'a [u8]),
    MakeDirectory(&'a [u8], AttributeChange),
    RemoveDirectory(&'a [u8]),
    RealPath(&'a [u8]),
    Stat(&'a [u8]),
    Rename {
        from: &'a [u8],
        to: &'a [u8],
    },
    ReadLink(&'a [u8]),
    /// In OpenSSH's order: the draft has the link first, but OpenSSH took it the other way round,
    /// and all clients follow OpenSSH.
    Symlink {
        target: &'a [u8],
        link: &'a [u8],
    },
    Extended(Extension<'a>),
    /// A type that this version does not know.
    Unknown,
}

impl<'a> Packet<'a> {
    /// Decodes a packet from its type on. Bytes behind the last field are ignored, as OpenSSH does.
    pub(super) fn decode(packet: &'a [u8]) -> Result<Self, Short> {
        let fields = &mut Fields::new(packet);
        let kind = fields.u8()?;
        if kind == INIT {
            return Ok(Self::Init { version: fields.u32()? });
        }
        let id = fields.u32()?;
        Ok(Self::Request { id, operation: Operation::decode(kind, fields)? })
    }
}

impl<'a> Operation<'a> {
    fn decode(kind: u8, fields: &mut Fields<'a>) -> Result<Self, Short> {
        Ok(match kind {
            OPEN => Self::Open {
                path: fields.string()?,
                flags: fields.u32()?,
                attributes: read_change(fields)?,
            },
            CLOSE => Self::Close(handle(fields)?),
            READ => {
                Self::Read { handle: handle(fields)?, offset: fields.u64()?, length: fields.u32()? }
            }
            LSTAT => Self::LinkStat(fields.string()?),
            FSTAT => Self::HandleStat(handle(fields)?),
            SETSTAT => Self::SetStat(fields.string()?, read_change(fields)?),
            FSETSTAT => Self::SetHandleStat(handle(fields)?, read_change(fields)?),
            OPENDIR => Self::OpenDirectory(fields.string()?),
            READDIR => Self::ReadDirectory(handle(fields)?),
            REMOVE => Self::Remove(fields.string()?),
            MKDIR => Self::MakeDirectory(fields.string()?, read_change(fields)?),
            RMDIR => Self::RemoveDirectory(fields.string()?),
            REALPATH => Self::RealPath(fields.string()?),
            STAT => Self::Stat(fields.string()?),
            RENAME => Self::Rename { from: fields.string()?, to: fields.string()? },
            READLINK => Self::ReadLink(fields.string()?),
            SYMLINK => Self::Symlink { target: fields.string()?, link: fields.string()? },
            EXTENDED => Self::Extended(Extension::decode(fields)?),
            _ => Self::Unknown,
        })
    }
}

/// Reads a handle.
pub(super) fn handle(fields: &mut Fields<'_>) -> Result<Option<HandleId>, Short> {
    fields.string().map(HandleId::from_wire)
}

// Types of packets.
pub(super) const INIT: u8 = 1;
pub(super) const VERSION: u8 = 2;
pub(super) const OPEN: u8 = 3;
pub(super) const CLOSE: u8 = 4;
pub(super) const READ: u8 = 5;
pub(super) const WRITE: u8 = 6;
pub(super) const LSTAT: u8 = 7;
pub(super) const FSTAT: u8 = 8;
pub(super) const SETSTAT: u8 = 9;
pub(super) const FSETSTAT: u8 = 10;
pub(super) const OPENDIR: u8 = 11;
pub(super) const READDIR: u8 = 12;
pub(super) const REMOVE: u8 = 13;
pub(super) const MKDIR: u8 = 14;
pub(super) const RMDIR: u8 = 15;
pub(super) const REALPATH: u8 = 16;
pub(super) const STAT: u8 = 17;
pub(super) const RENAME: u8 = 18;
pub(super) const READLINK: u8 = 19;
pub(super) const SYMLINK: u8 = 20;
pub(super) const STATUS: u8 = 101;
pub(super) const HANDLE: u8 = 102;
pub(super) const DATA: u8 = 103;
pub(super) const NAME: u8 = 104;
pub(super) const ATTRS: u8 = 105;
pub(super) const EXTENDED: u8 = 200;
pub(super) const EXTENDED_REPLY: u8 = 201;

// Flags of OPEN.
pub(super) const FLAG_READ: u32 = 0x1;
pub(super) const FLAG_WRITE: u32 = 0x2;
pub(super) const FLAG_APPEND: u32 = 0x4;
pub(super) const FLAG_CREATE: u32 = 0x8;
pub(super) const FLAG_TRUNCATE: u32 = 0x10;
pub(super) const FLAG_EXCLUSIVE: u32 = 0x20;

#[cfg(test)]
mod tests;
