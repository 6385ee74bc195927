//! The fields that packets are made of (draft-ietf-secsh-filexfer-02, 3; RFC 4251, 5).

/// Reads fields off the front of a packet. A field that is not there whole is [`Short`].
#[derive(Debug)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

/// A packet ended before its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Short;

impl<'a> Fields<'a> {
    pub(super) fn new(packet: &'a [u8]) -> Self {
        Self { rest: packet }
    }

    pub(super) fn u8(&mut self) -> Result<u8, Short> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Short> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Short> {
        self.array().map(u64::from_be_bytes)
    }

    /// A length and as many bytes of any content.
    pub(super) fn string(&mut self) -> Result<&'a [u8], Short> {
        let length = self.u32()? as usize;
        let (string, rest) = self.rest.split_at_checked(length).ok_or(Short)?;
        self.rest = rest;
        Ok(string)
    }

    /// A string that holds nothing but numbers.
    pub(super) fn numbers(&mut self) -> Result<impl ExactSizeIterator<Item = u32> + 'a, Short> {
        let (numbers, rest) = self.string()?.as_chunks::<4>();
        if rest.is_empty() {
            Ok(numbers.iter().map(|number| u32::from_be_bytes(*number)))
        } else {
            Err(Short)
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Short> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(Short)?;
        self.rest = rest;
        Ok(*array)
    }
}

/// Appends a packet of this type; `fields` appends what it holds.
pub(super) fn write_packet(out: &mut Vec<u8>, kind: u8, fields: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    put_u32(out, 0);
    out.push(kind);
    fields(out);
    let length = out.len() - start - LENGTH_BYTES;
    if let Some(field) = out.get_mut(start..start + LENGTH_BYTES) {
        field.copy_from_slice(&(length as u32).to_be_bytes());
    }
}

/// The 13 bytes before what DATA and NAME replies carry: the length of the packet, which has
/// `carried` bytes behind these, the type, the id, and a number: bytes of data, or names.
pub(super) fn write_head(buffer: &mut [u8], kind: u8, id: u32, carried: usize, number: u32) {
    let length = (HEAD_BYTES - LENGTH_BYTES + carried) as u32;
    let fields = length.to_be_bytes().into_iter().chain([kind]);
    let fields = fields.chain(id.to_be_bytes()).chain(number.to_be_bytes());
    for (byte, field) in buffer.iter_mut().zip(fields) {
        *byte = field;
    }
}

pub(super) fn put_u32(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(&number.to_be_bytes());
}

pub(super) fn put_u64(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_be_bytes());
}

pub(super) fn put_string(out: &mut Vec<u8>, string: &[u8]) {
    put_u32(out, string.len() as u32);
    out.extend_from_slice(string);
}

/// Bytes of the length before each packet, which does not count itself.
pub(super) const LENGTH_BYTES: usize = 4;
/// Bytes that [`write_head`] writes.
pub(super) const HEAD_BYTES: usize = LENGTH_BYTES + 1 + 4 + 4;
