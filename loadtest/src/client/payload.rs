//! What uploads consist of.

use std::io::{self, Write};
use std::os::fd::OwnedFd;

use rustix::fs::{MemfdFlags, memfd_create};

/// One block that repeats: bytes that do not compress, in memory and in a memory file.
#[derive(Debug)]
pub(crate) struct Payload {
    bytes: Vec<u8>,
    file: OwnedFd,
}

impl Payload {
    /// Makes the block.
    pub(crate) fn new() -> io::Result<Self> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut bytes = Vec::with_capacity(BLOCK_BYTES);
        while bytes.len() < BLOCK_BYTES {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.extend_from_slice(&state.to_le_bytes());
        }
        let file = memfd_create("flotilla-loadtest", MemfdFlags::CLOEXEC)?;
        let mut writer = std::fs::File::from(file);
        writer.write_all(&bytes)?;
        Ok(Self { bytes, file: writer.into() })
    }

    /// The block.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same in a memory file, from which the kernel sends.
    pub(crate) fn file(&self) -> &OwnedFd {
        &self.file
    }

    /// The next piece of an upload of which `left` bytes remain.
    pub(crate) fn piece(&self, left: u64, most: usize) -> &[u8] {
        let length = usize::try_from(left).unwrap_or(most).min(most);
        self.bytes.get(..length).unwrap_or(&self.bytes)
    }
}

/// One upload block.
pub(crate) const BLOCK_BYTES: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_piece_is_what_remains() {
        let payload = Payload::new().unwrap();
        assert_eq!(payload.piece(10, 100).len(), 10);
        assert_eq!(payload.piece(u64::MAX, 100).len(), 100);
        assert_eq!(payload.piece(u64::MAX, BLOCK_BYTES).len(), BLOCK_BYTES);
    }
}
