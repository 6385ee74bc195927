//! The wire format of SFTP version 3 (draft-ietf-secsh-filexfer-02), as far as this client needs
//! it: requests are appended to a buffer, replies are read from one.

use super::Error;

/// Requests on their way out; several may be sent at once.
#[derive(Debug, Default)]
pub(super) struct Requests {
    bytes: Vec<u8>,
    /// The id of the last request.
    id: u32,
}

/// A request that is being written; dropping it sets its length.
pub(super) struct Request<'a> {
    bytes: &'a mut Vec<u8>,
    start: usize,
    /// What the reply will bear.
    pub(super) id: u32,
}

impl Requests {
    /// Begins a request with an id of its own; `room` is what its fields will take.
    pub(super) fn begin(&mut self, kind: u8, room: usize) -> Request<'_> {
        self.id = self.id.wrapping_add(1);
        let id = self.id;
        self.bytes.reserve(HEAD_BYTES + room);
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; LENGTH_BYTES]);
        self.bytes.push(kind);
        Request { bytes: &mut self.bytes, start, id }.number(id)
    }

    /// The first packet of a session (section 4): it has a version where others have an id.
    pub(super) fn hello(&mut self) {
        self.bytes.extend_from_slice(&[0, 0, 0, 5, kind::INIT, 0, 0, 0, VERSION]);
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What waits, to be sent.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }
}

impl Request<'_> {
    /// Adds a 32-bit number.
    pub(super) fn number(self, value: u32) -> Self {
        self.bytes.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// Adds a 64-bit number.
    pub(super) fn large(self, value: u64) -> Self {
        self.bytes.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// Adds a string.
    pub(super) fn string(self, value: &[u8]) -> Self {
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        let request = self.number(length);
        request.bytes.extend_from_slice(value);
        request
    }
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        let length = self.bytes.len() - self.start - LENGTH_BYTES;
        let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
        if let Some(place) = self.bytes.get_mut(self.start..self.start + LENGTH_BYTES) {
            place.copy_from_slice(&length);
        }
    }
}

/// What each reply begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// One of [`kind`].
    pub(super) kind: u8,
    /// The id of the request; the version in the answer to `INIT`.
    pub(super) id: u32,
    /// Bytes that follow.
    pub(super) left: usize,
}

impl Head {
    /// Reads the first bytes of a reply. Longer than [`PACKET_MAX`], it is no reply.
    pub(super) fn parse(bytes: [u8; HEAD_BYTES]) -> Option<Self> {
        let mut fields = Fields::new("reply", &bytes);
        let length = usize::try_from(fields.number().ok()?).ok()?;
        let kind = fields.byte().ok()?;
        let id = fields.number().ok()?;
        let left = length.checked_sub(HEAD_BYTES - LENGTH_BYTES)?;
        (length <= PACKET_MAX).then_some(Self { kind, id, left })
    }
}

/// The fields of a reply, read one after the other.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    step: &'static str,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The fields in `rest`; `step` is what an error names.
    pub(super) fn new(step: &'static str, rest: &'a [u8]) -> Self {
        Self { step, rest }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Error::Protocol(self.step))?;
        self.rest = rest;
        Ok(taken)
    }

    /// A byte.
    pub(super) fn byte(&mut self) -> Result<u8, Error> {
        self.take(1)?.first().copied().ok_or(Error::Protocol(self.step))
    }

    /// A 32-bit number.
    pub(super) fn number(&mut self) -> Result<u32, Error> {
        let bytes = self.take(4)?.try_into().map_err(|_| Error::Protocol(self.step))?;
        Ok(u32::from_be_bytes(bytes))
    }

    /// A 64-bit number.
    pub(super) fn large(&mut self) -> Result<u64, Error> {
        let bytes = self.take(8)?.try_into().map_err(|_| Error::Protocol(self.step))?;
        Ok(u64::from_be_bytes(bytes))
    }

    /// A string.
    pub(super) fn string(&mut self) -> Result<&'a [u8], Error> {
        let length = usize::try_from(self.number()?).map_err(|_| Error::Protocol(self.step))?;
        self.take(length)
    }

    /// Attributes (section 5); of these the size is told.
    pub(super) fn attributes(&mut self) -> Result<Option<u64>, Error> {
        let flags = self.number()?;
        let size = if flags & attribute::SIZE != 0 { Some(self.large()?) } else { None };
        for (flag, bytes) in [
            (attribute::OWNER, 2 * size_of::<u32>()),
            (attribute::PERMISSIONS, size_of::<u32>()),
            (attribute::TIMES, 2 * size_of::<u32>()),
        ] {
            if flags & flag != 0 {
                self.take(bytes)?;
            }
        }
        if flags & attribute::EXTENDED != 0 {
            for _ in 0..self.number()? {
                self.string()?;
                self.string()?;
            }
        }
        Ok(size)
    }

    /// The entries of a `NAME` reply: name, long name, attributes. Says how many there are.
    pub(super) fn names(&mut self) -> Result<u64, Error> {
        let count = self.number()?;
        for _ in 0..count {
            self.string()?;
            self.string()?;
            self.attributes()?;
        }
        Ok(u64::from(count))
    }

    /// That there is nothing more.
    pub(super) fn end(&self) -> Result<(), Error> {
        if self.rest.is_empty() { Ok(()) } else { Err(Error::Protocol(self.step)) }
    }
}

/// Kinds of packets (section 3).
pub(super) mod kind {
    pub(in super::super) const INIT: u8 = 1;
    pub(in super::super) const VERSION: u8 = 2;
    pub(in super::super) const OPEN: u8 = 3;
    pub(in super::super) const CLOSE: u8 = 4;
    pub(in super::super) const READ: u8 = 5;
    pub(in super::super) const WRITE: u8 = 6;
    pub(in super::super) const OPENDIR: u8 = 11;
    pub(in super::super) const READDIR: u8 = 12;
    pub(in super::super) const REMOVE: u8 = 13;
    pub(in super::super) const REALPATH: u8 = 16;
    pub(in super::super) const STAT: u8 = 17;
    pub(in super::super) const RENAME: u8 = 18;
    pub(in super::super) const STATUS: u8 = 101;
    pub(in super::super) const HANDLE: u8 = 102;
    pub(in super::super) const DATA: u8 = 103;
    pub(in super::super) const NAME: u8 = 104;
    pub(in super::super) const ATTRS: u8 = 105;
}

/// What a status says (section 7).
pub(super) mod status {
    pub(in super::super) const OK: u32 = 0;
    pub(in super::super) const END: u32 = 1;
    pub(in super::super) const NO_SUCH_FILE: u32 = 2;
}

/// How a file is opened (section 6.3).
pub(super) mod open {
    pub(in super::super) const READ: u32 = 0x01;
    pub(in super::super) const WRITE: u32 = 0x02;
    pub(in super::super) const CREATE: u32 = 0x08;
    pub(in super::super) const TRUNCATE: u32 = 0x10;
}

/// Which attributes are there (section 5).
pub(super) mod attribute {
    pub(in super::super) const SIZE: u32 = 0x01;
    pub(in super::super) const OWNER: u32 = 0x02;
    pub(in super::super) const PERMISSIONS: u32 = 0x04;
    pub(in super::super) const TIMES: u32 = 0x08;
    pub(in super::super) const EXTENDED: u32 = 0x8000_0000;
}

/// The version that is spoken.
pub(super) const VERSION: u8 = 3;

/// The length before each packet, which does not count itself.
const LENGTH_BYTES: usize = 4;

/// Length, kind and id.
pub(super) const HEAD_BYTES: usize = LENGTH_BYTES + 5;

/// The longest reply that is read: what OpenSSH's client takes, 256 KiB.
const PACKET_MAX: usize = 256 * 1024;

#[cfg(test)]
mod tests;
