//! Digests of files.

use aws_lc_rs::digest::{self, Context};
use flotilla_protocol::ftp::{Algorithm, Failure};
use md5::Digest as _;
use std::os::fd::OwnedFd;

use super::source::read_at;
use crate::blocking::Ticket;
use crate::hex;

/// The digest of a range of a file in lower-case hex, and where the range ended: at the end of the
/// file if that comes first.
pub(super) fn range(
    file: &OwnedFd,
    algorithm: Algorithm,
    start: u64,
    end: u64,
    ticket: &Ticket,
) -> Result<(String, u64), Failure> {
    let mut state = State::new(algorithm);
    let mut buffer = vec![0; STEP_BYTES];
    let mut offset = start;
    while offset < end {
        ticket.step()?;
        let step = usize::try_from(end - offset).map_or(STEP_BYTES, |left| left.min(STEP_BYTES));
        let count = read_at(file, offset, buffer.get_mut(..step).unwrap_or_default())?;
        if count == 0 {
            break;
        }
        state.update(buffer.get(..count).unwrap_or_default());
        offset += count as u64;
    }
    Ok((state.finish(), offset))
}

enum State {
    Crc32(crc32fast::Hasher),
    Md5(md5::Md5),
    Sha(Context),
}

impl State {
    fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Crc32 => Self::Crc32(crc32fast::Hasher::new()),
            Algorithm::Md5 => Self::Md5(md5::Md5::new()),
            Algorithm::Sha1 => Self::Sha(Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY)),
            Algorithm::Sha256 => Self::Sha(Context::new(&digest::SHA256)),
            Algorithm::Sha512 => Self::Sha(Context::new(&digest::SHA512)),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc32(state) => state.update(bytes),
            Self::Md5(state) => state.update(bytes),
            Self::Sha(state) => state.update(bytes),
        }
    }

    fn finish(self) -> String {
        match self {
            Self::Crc32(state) => hex::text(&state.finalize().to_be_bytes()),
            Self::Md5(state) => hex::text(&state.finalize()),
            Self::Sha(state) => hex::text(state.finish().as_ref()),
        }
    }
}

/// Per step: long enough that the deadline's clock costs nothing, short enough that a client who
/// goes away ends the work within milliseconds.
const STEP_BYTES: usize = 1 << 20;
