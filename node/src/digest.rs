//! Digests of bytes as they come.

use aws_lc_rs::digest::{self, Context};
use flotilla_protocol::digest::Algorithm;
use md5::Digest as _;

use crate::hex;

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
            State::Crc32(state) => hex::text(&state.finalize().to_be_bytes()),
            State::Md5(state) => hex::text(&state.finalize()),
            State::Sha(state) => hex::text(state.finish().as_ref()),
        }
    }
}
