//! Packets out of a stream that is cut anywhere.

use super::handle::HandleId;
use super::packet;
use super::pool::Pool;
use super::session::Violation;
use super::wire::{Fields, LENGTH_BYTES, Short};

/// Cuts a stream into packets. The data of a WRITE goes straight into a buffer of its own; other
/// packets are handed out where they lie if they are there whole.
///
/// Nothing is allocated by a length that only stands in the stream, but for the buffer of a WRITE,
/// and that is 256 KiB at the most.
#[derive(Debug, Default)]
pub(super) struct FrameReader {
    /// The packet that comes in, from its length on; of a WRITE what stands before its data.
    partial: Vec<u8>,
    /// `partial` was handed out and is over.
    is_taken: bool,
    write: Option<PartialWrite>,
    /// Bytes behind the data of a WRITE, inside its packet, to be dropped.
    surplus: usize,
}

/// What comes out of the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// A packet that is no WRITE: its type and fields.
    Packet(&'a [u8]),
    /// A WRITE.
    Write(Write),
}

/// A WRITE, decoded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Write {
    pub(super) id: u32,
    pub(super) handle: Option<HandleId>,
    pub(super) offset: u64,
    pub(super) data: Vec<u8>,
}

impl Write {
    /// Behind the last byte in the file.
    pub(super) fn end(&self) -> u64 {
        self.offset.saturating_add(self.data.len() as u64)
    }
}

#[derive(Debug)]
struct PartialWrite {
    write: Write,
    missing: usize,
    surplus: usize,
}

/// What the first bytes of a packet tell.
enum Start {
    /// Nothing yet: so many bytes are needed, counted from the packet's start.
    More(usize),
    /// A packet of so many bytes in all.
    Packet(usize),
    /// A WRITE, whose data begins behind so many bytes and has so many.
    Write { head: usize, data: usize, surplus: usize },
}

impl FrameReader {
    /// Takes the next packet off the input; `None`, and nothing left of the input, if more is
    /// needed.
    pub(super) fn next<'s, 'a: 's>(
        &'s mut self,
        input: &mut &'a [u8],
        pool: &mut Pool,
    ) -> Result<Option<Frame<'s>>, Violation> {
        if std::mem::take(&mut self.is_taken) {
            self.clear_partial();
        }
        loop {
            self.surplus -= take(input, self.surplus).len();
            if self.write.is_some() {
                return Ok(self.fill(input).map(Frame::Write));
            }
            let is_direct = self.partial.is_empty();
            let there = if is_direct { *input } else { self.partial.as_slice() };
            match start(there)? {
                Start::More(_) if input.is_empty() => return Ok(None),
                Start::More(bytes) => self.collect(input, bytes),
                Start::Packet(bytes) if is_direct && bytes <= there.len() => {
                    return Ok(take(input, bytes).get(LENGTH_BYTES..).map(Frame::Packet));
                }
                Start::Packet(bytes) => {
                    self.collect(input, bytes);
                    self.is_taken = self.partial.len() == bytes;
                    let packet = self.partial.get(LENGTH_BYTES..).filter(|_| self.is_taken);
                    return Ok(packet.map(Frame::Packet));
                }
                Start::Write { head, data, surplus } => {
                    let fields = there.get(LENGTH_BYTES + 1..head).unwrap_or_default();
                    let write = write(fields, pool.empty(data))
                        .map_err(|Short| Violation::Undecodable { kind: packet::WRITE })?;
                    if is_direct {
                        take(input, head);
                    }
                    self.clear_partial();
                    self.write = Some(PartialWrite { write, missing: data, surplus });
                }
            }
        }
    }

    /// The capacity of the WRITE buffer that is being filled.
    pub(super) fn payload(&self) -> usize {
        self.write.as_ref().map_or(0, |partial| partial.write.data.capacity())
    }

    /// Moves data into the WRITE that comes in; gives it when it is whole.
    fn fill(&mut self, input: &mut &[u8]) -> Option<Write> {
        let partial = self.write.as_mut()?;
        let data = take(input, partial.missing);
        partial.write.data.extend_from_slice(data);
        partial.missing -= data.len();
        if partial.missing > 0 {
            return None;
        }
        self.surplus = partial.surplus;
        self.write.take().map(|partial| partial.write)
    }

    /// Moves input behind what was collected, up to so many bytes in all.
    fn collect(&mut self, input: &mut &[u8], bytes: usize) {
        let missing = bytes.saturating_sub(self.partial.len());
        self.partial.extend_from_slice(take(input, missing));
    }

    fn clear_partial(&mut self) {
        self.partial.clear();
        self.partial.shrink_to(PARTIAL_BYTES_KEPT);
    }
}

/// Judges the first bytes of a packet.
fn start(there: &[u8]) -> Result<Start, Violation> {
    let Some((length, fields)) = there.split_first_chunk::<LENGTH_BYTES>() else {
        return Ok(Start::More(LENGTH_BYTES));
    };
    let length = u32::from_be_bytes(*length);
    if length > PACKET_BYTES_MAX {
        return Err(Violation::TooLong { length });
    }
    let length = length as usize;
    match fields.first() {
        _ if length == 0 => Err(Violation::Undecodable { kind: 0 }),
        None => Ok(Start::More(LENGTH_BYTES + 1)),
        Some(&packet::WRITE) => start_of_write(there, length),
        Some(_) => Ok(Start::Packet(LENGTH_BYTES + length)),
    }
}

/// Judges the first bytes of a WRITE of so many bytes. Bytes behind its data are allowed, as
/// behind the fields of all packets.
fn start_of_write(there: &[u8], length: usize) -> Result<Start, Violation> {
    let field = |at: usize| {
        let bytes = there.get(at..)?.first_chunk::<4>()?;
        Some(u32::from_be_bytes(*bytes) as usize)
    };
    // Where the lengths of handle and data stand, behind length, type and id, and offset.
    let handle_at = LENGTH_BYTES + 1 + 4;
    let Some(handle) = field(handle_at) else { return Ok(Start::More(handle_at + 4)) };
    let head = handle_at + 4 + handle + 8 + 4;
    let undecodable = Violation::Undecodable { kind: packet::WRITE };
    let behind_head = (LENGTH_BYTES + length).checked_sub(head).ok_or(undecodable)?;
    let Some(data) = field(head - 4) else { return Ok(Start::More(head)) };
    let surplus = behind_head.checked_sub(data).ok_or(undecodable)?;
    Ok(Start::Write { head, data, surplus })
}

/// Decodes what stands before the data, which goes to `data`.
fn write(fields: &[u8], data: Vec<u8>) -> Result<Write, Short> {
    let mut fields = Fields::new(fields);
    let id = fields.u32()?;
    let handle = HandleId::from_wire(fields.string()?);
    Ok(Write { id, handle, offset: fields.u64()?, data })
}

/// Takes up to so many bytes off the input.
fn take<'a>(input: &mut &'a [u8], bytes: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at(bytes.min(input.len()));
    *input = rest;
    taken
}

/// The longest packet without its length field: 256 KiB as OpenSSH has it, and room for a head, for
/// clients that count the data alone.
pub(super) const PACKET_BYTES_MAX: u32 = 256 * 1024 + 1024;
/// What stays allocated between packets that were cut.
const PARTIAL_BYTES_KEPT: usize = 256;

#[cfg(test)]
mod tests;
