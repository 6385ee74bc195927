//! Digests of files.

use aws_lc_rs::digest::{self, Context};
use flotilla_protocol::ftp::{Algorithm, Failure};
use flotilla_protocol::path::VirtualPath;
use md5::Digest as _;
use std::os::fd::OwnedFd;

use super::attribute;
use super::fault::failure;
use super::lookup::{self, READ};
use super::name::Owner;
use super::root::Root;
use super::source::read_at;
use crate::blocking::Ticket;

/// The digest of a range of what a path shows.
pub(super) fn of_path(
    root: &Root,
    owner: &Owner,
    path: &VirtualPath,
    algorithm: Algorithm,
    (start, end): (u64, u64),
    ticket: &Ticket,
) -> Result<(String, u64), Failure> {
    let file = lookup::open(root, owner, path, READ).map_err(failure)?;
    let found = attribute::of_descriptor(&file).map_err(failure)?;
    attribute::regular(&found)?;
    let end = end.min(found.size);
    if start > end {
        return Err(Failure::BadOffset);
    }
    range(&file, algorithm, start, end, ticket)
}

/// The digest of a range of a file in lower-case hex, and where the range ended: at the end of the
/// file if that comes first.
fn range(
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
            Self::Crc32(state) => hex(&state.finalize().to_be_bytes()),
            Self::Md5(state) => hex(&state.finalize()),
            Self::Sha(state) => hex(state.finish().as_ref()),
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

/// Per step: long enough that the deadline's clock costs nothing, short enough that a client who
/// goes away ends the work within milliseconds.
const STEP_BYTES: usize = 1 << 20;
