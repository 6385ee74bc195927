//! Bytes to move: made from a seed, so that a failure can be repeated and nothing is stored.

use std::fs::File;
use std::io::Write;
use std::path::Path;

/// A stream of bytes that no compression or lucky alignment can hide a fault in (xorshift64*).
#[derive(Clone, Copy, Debug)]
pub struct Content(u64);

impl Content {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// The next `length` bytes.
    pub fn bytes(mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            bytes.extend_from_slice(&self.0.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }

    /// Writes `length` bytes to a file and returns them.
    pub fn write(self, path: &Path, length: usize) -> Vec<u8> {
        let bytes = self.bytes(length);
        std::fs::write(path, &bytes).expect("content can be written");
        bytes
    }

    /// Writes `length` bytes to a file: the same mebibyte again and again, with the number of each
    /// in front, which costs little and still shows what is out of place.
    pub fn write_repeated(self, path: &Path, length: u64) {
        let mut file = File::create(path).expect("content can be written");
        let mut bytes = self.bytes(1 << 20);
        let mut left = length;
        while left > 0 {
            bytes[..8].copy_from_slice(&left.to_be_bytes());
            let count = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            file.write_all(&bytes[..count]).expect("content can be written");
            left -= count as u64;
        }
    }
}

/// Compares without printing megabytes.
///
/// # Panics
/// If they differ; the message has both lengths and the offset of the first difference.
#[track_caller]
pub fn assert_same(what: &str, got: &[u8], expected: &[u8]) {
    if got == expected {
        return;
    }
    let offset = got.iter().zip(expected).take_while(|(a, b)| a == b).count();
    panic!(
        "{what}: got {} bytes, expected {}; they differ from offset {offset} on: got {}, expected {}",
        got.len(),
        expected.len(),
        excerpt(got, offset),
        excerpt(expected, offset),
    );
}

fn excerpt(bytes: &[u8], offset: usize) -> String {
    let rest = bytes.get(offset..).unwrap_or_default();
    format!("\"{}\"", rest.get(..40).unwrap_or(rest).escape_ascii())
}
