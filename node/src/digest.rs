//! Digests of bytes as they come.

use aws_lc_rs::digest::{self, Context};
use flotilla_protocol::digest::Algorithm;
use md5::Digest as _;

/// A digest under way.
pub(crate) struct Digest(State);

enum State {
    Crc32(crc32fast::Hasher),
    Md5(md5::Md5),
    Sha(Context),
}

impl Digest {
    /// Of no bytes yet.
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        Self(match algorithm {
            Algorithm::Crc32 => State::Crc32(crc32fast::Hasher::new()),
            Algorithm::Md5 => State::Md5(md5::Md5::new()),
            Algorithm::Sha1 => State::Sha(Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY)),
            Algorithm::Sha256 => State::Sha(Context::new(&digest::SHA256)),
            Algorithm::Sha512 => State::Sha(Context::new(&digest::SHA512)),
        })
    }

    /// More bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Crc32(state) => state.update(bytes),
            State::Md5(state) => state.update(bytes),
            State::Sha(state) => state.update(bytes),
        }
    }

    /// Lower-case hex.
    pub(crate) fn finish(self) -> String {
        match self.0 {
            State::Crc32(state) => hex(&state.finalize().to_be_bytes()),
            State::Md5(state) => hex(&state.finalize()),
            State::Sha(state) => hex(state.finish().as_ref()),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        text
    })
}
