//! NAME replies.

use super::attributes::{self, ATTRIBUTES_BYTES};
use super::packet;
use super::wire::{HEAD_BYTES, put_string, put_u32, write_head, write_packet};
use crate::entry::Entry;
use crate::ftp::listing;

/// The entries of one NAME reply, written as they are pushed into one buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameList {
    /// The reply so far, its head left open.
    buffer: Vec<u8>,
    count: u32,
    bytes_max: usize,
}

impl NameList {
    /// An empty list in this buffer.
    pub(super) fn new(mut buffer: Vec<u8>, bytes_max: usize) -> Self {
        buffer.clear();
        buffer.resize(HEAD_BYTES, 0);
        Self { buffer, count: 0, bytes_max }
    }

    /// Adds an entry; false, and nothing added, if the list is full. The first one always fits.
    ///
    /// `now`, in seconds since 1970, decides how times look in the long form, which is that of LIST
    /// without the target of a link.
    #[must_use]
    pub fn push(&mut self, entry: &Entry<'_>, now: i64) -> bool {
        let bytes = ENTRY_BYTES + 2 * entry.name.len();
        if self.buffer.len() + bytes > self.bytes_max && self.count > 0 {
            return false;
        }
        self.buffer.reserve(bytes);
        self.count += 1;
        put_string(&mut self.buffer, entry.name);
        let start = self.buffer.len();
        put_u32(&mut self.buffer, 0);
        listing::write_long(&mut self.buffer, entry, now);
        let length = (self.buffer.len() - start - 4) as u32;
        if let Some(field) = self.buffer.get_mut(start..start + 4) {
            field.copy_from_slice(&length.to_be_bytes());
        }
        attributes::write(&mut self.buffer, &entry.attributes);
        true
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there may be no room for another entry.
    pub fn is_full(&self) -> bool {
        self.buffer.len() + 1024 > self.bytes_max
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The whole reply.
    pub(super) fn into_packet(mut self, id: u32) -> Vec<u8> {
        let carried = self.buffer.len() - HEAD_BYTES;
        write_head(&mut self.buffer, packet::NAME, id, carried, self.count);
        self.buffer
    }

    /// The buffer, for another use.
    pub(super) fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }
}

/// Appends a NAME of one name without attributes, as REALPATH and READLINK have it.
pub(super) fn write_single(out: &mut Vec<u8>, id: u32, name: &[u8]) {
    write_packet(out, packet::NAME, |out| {
        put_u32(out, id);
        put_u32(out, 1);
        put_string(out, name);
        put_string(out, name);
        attributes::write_none(out);
    });
}

/// An entry but for its name, which stands there twice: two lengths, the long form without the name
/// at its widest, attributes.
const ENTRY_BYTES: usize = 4 + 4 + listing::LONG_BYTES_MAX + ATTRIBUTES_BYTES;
/// Bytes of a NAME reply for clients of which nothing is known: what the draft (section 3) demands
/// that everybody can take, and libssh2 before 1.8 takes little more.
pub(super) const NAMES_BYTES_COMMON: usize = 34_000;
/// Bytes of a NAME reply for clients that asked for `limits@openssh.com`, and so take 256 KiB.
pub(super) const NAMES_BYTES_LARGE: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Attributes, Kind, Timestamp};

    fn attributes() -> Attributes {
        let time = Timestamp { seconds: 1_721_044_800, nanoseconds: 0 };
        Attributes {
            kind: Kind::File,
            size: 5,
            modified: time,
            accessed: time,
            mode: 0o644,
            uid: 1,
            gid: 2,
            links: 1,
            identity: (0, 0),
        }
    }

    #[test]
    fn entries_are_name_long_form_and_attributes() {
        let mut list = NameList::new(vec![9; 40], 1000);
        let entry = Entry { name: b"a", attributes: attributes(), target: Some(b"x") };
        assert!(list.is_empty() && list.push(&entry, 1_721_044_800) && list.len() == 1);
        let packet = list.into_packet(0x0a0b_0c0d);
        let long = b"-rw-r--r--   1 1        2                   5 Jul 15 12:00 a";
        let mut expected = Vec::new();
        write_packet(&mut expected, packet::NAME, |out| {
            put_u32(out, 0x0a0b_0c0d);
            put_u32(out, 1);
            put_string(out, b"a");
            put_string(out, long);
            attributes::write(out, &attributes());
        });
        assert_eq!(packet, expected);
    }

    #[test]
    fn lists_are_bounded_and_never_grow() {
        let widest = Attributes {
            size: u64::MAX,
            uid: u32::MAX,
            gid: u32::MAX,
            links: u32::MAX,
            ..attributes()
        };
        for name in [&[b'n'; 1][..], &[b'n'; 255]] {
            let buffer = Vec::with_capacity(NAMES_BYTES_COMMON);
            let address = buffer.as_ptr();
            let mut list = NameList::new(buffer, NAMES_BYTES_COMMON);
            let entry = Entry { name, attributes: widest, target: None };
            while list.push(&entry, 0) {}
            assert!(list.len() >= NAMES_BYTES_COMMON / (ENTRY_BYTES + 2 * name.len()) - 1);
            let packet = list.into_packet(1);
            assert!(packet.len() <= NAMES_BYTES_COMMON && packet.as_ptr() == address);
        }
        // However small the bound, there is no reply without an entry.
        let mut list = NameList::new(Vec::new(), 1);
        let entry = Entry { name: &[b'n'; 255], attributes: widest, target: None };
        assert!(list.push(&entry, 0) && !list.push(&entry, 0));
    }
}
