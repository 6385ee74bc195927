//! Digests of files.

use flotilla_protocol::ftp::{Algorithm, Failure};
use flotilla_protocol::path::VirtualPath;
use std::os::fd::OwnedFd;

use super::attribute;
use super::fault::failure;
use super::lookup::{self, READ};
use super::name::Owner;
use super::root::Root;
use super::source::read_at;
use crate::blocking::Ticket;
use crate::digest::Digest;

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
    let mut state = Digest::new(algorithm);
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

/// Per step: long enough that the deadline's clock costs nothing, short enough that a client who
/// goes away ends the work within milliseconds.
const STEP_BYTES: usize = 1 << 20;
