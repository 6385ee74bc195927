//! File attributes on the wire (draft-ietf-secsh-filexfer-02, 5).

use super::wire::{Fields, Short, put_u32};
use crate::entry::{AttributeChange, Attributes, Kind, Timestamp};

/// Reads what a client wants to set. Extended attributes are read over, unknown flags ignored; their
/// fields, if there are any, can not be told from what follows.
pub(super) fn read_change(fields: &mut Fields<'_>) -> Result<AttributeChange, Short> {
    let flags = fields.u32()?;
    let mut change = AttributeChange::default();
    if flags & SIZE != 0 {
        change.size = Some(fields.u64()?);
    }
    if flags & OWNER != 0 {
        change.owner = Some((fields.u32()?, fields.u32()?));
    }
    if flags & PERMISSIONS != 0 {
        change.mode = Some(fields.u32()? & MODE_BITS);
    }
    if flags & TIMES != 0 {
        change.accessed = Some(read_time(fields)?);
        change.modified = Some(read_time(fields)?);
    }
    if flags & EXTENDED != 0 {
        // Ends with the packet at the latest, whatever the count says.
        for _ in 0..fields.u32()? {
            fields.string()?;
            fields.string()?;
        }
    }
    Ok(change)
}

/// Appends all that version 3 has fields for. Times before 1970 and after 2106 become the first
/// and the last that there is.
pub(super) fn write(out: &mut Vec<u8>, attributes: &Attributes) {
    // In one piece: listings write a hundred thousand of them.
    let mut bytes = [0; ATTRIBUTES_BYTES];
    let fields = [
        SIZE | OWNER | PERMISSIONS | TIMES,
        (attributes.size >> 32) as u32,
        attributes.size as u32,
        attributes.uid,
        attributes.gid,
        mode(attributes),
        time(attributes.accessed),
        time(attributes.modified),
    ];
    for (place, field) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(fields) {
        *place = field.to_be_bytes();
    }
    out.extend_from_slice(&bytes);
}

/// Appends attributes that say nothing.
pub(super) fn write_none(out: &mut Vec<u8>) {
    put_u32(out, 0);
}

/// Appends what a client would send.
#[cfg(test)]
pub(super) fn write_change(out: &mut Vec<u8>, change: &AttributeChange) {
    let mut fields = Vec::new();
    let mut flags = 0;
    if let Some(size) = change.size {
        flags |= SIZE;
        super::wire::put_u64(&mut fields, size);
    }
    if let Some((user, group)) = change.owner {
        flags |= OWNER;
        put_u32(&mut fields, user);
        put_u32(&mut fields, group);
    }
    if let Some(mode) = change.mode {
        flags |= PERMISSIONS;
        put_u32(&mut fields, mode);
    }
    if let (Some(accessed), Some(modified)) = (change.accessed, change.modified) {
        flags |= TIMES;
        put_u32(&mut fields, time(accessed));
        put_u32(&mut fields, time(modified));
    }
    put_u32(out, flags);
    out.extend_from_slice(&fields);
}

fn read_time(fields: &mut Fields<'_>) -> Result<Timestamp, Short> {
    Ok(Timestamp { seconds: fields.u32()?.into(), nanoseconds: 0 })
}

fn time(time: Timestamp) -> u32 {
    time.seconds.clamp(0, u32::MAX.into()) as u32
}

/// The mode as `stat` has it: the type and the permission bits.
fn mode(attributes: &Attributes) -> u32 {
    let kind = match attributes.kind {
        Kind::File => 0o100_000,
        Kind::Directory => 0o040_000,
        Kind::Symlink => 0o120_000,
        // A socket, as in the long form: what it is does not matter, but that it can not be opened.
        Kind::Other => 0o140_000,
    };
    kind | attributes.mode & MODE_BITS
}

/// Bytes that [`write()`] writes.
pub(super) const ATTRIBUTES_BYTES: usize = 32;
/// Permissions, sticky, set-user and set-group.
pub(super) const MODE_BITS: u32 = 0o7777;

// Which fields are there.
const SIZE: u32 = 0x1;
const OWNER: u32 = 0x2;
const PERMISSIONS: u32 = 0x4;
const TIMES: u32 = 0x8;
const EXTENDED: u32 = 0x8000_0000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn attributes() -> Attributes {
        Attributes {
            kind: Kind::File,
            size: 0x0102_0304_0506_0708,
            modified: Timestamp { seconds: 0x1122_3344, nanoseconds: 5 },
            accessed: Timestamp { seconds: -1, nanoseconds: 0 },
            mode: 0o4755,
            uid: 1000,
            gid: 100,
            links: 1,
            identity: (1, 2),
        }
    }

    #[test]
    fn all_fields_are_written() {
        let mut out = Vec::new();
        write(&mut out, &attributes());
        let expected = [
            [0, 0, 0, 15],
            [1, 2, 3, 4],
            [5, 6, 7, 8],
            [0, 0, 3, 0xe8],
            [0, 0, 0, 100],
            0o104_755_u32.to_be_bytes(),
            [0; 4],
            [0x11, 0x22, 0x33, 0x44],
        ];
        assert_eq!(out, expected.concat());
    }

    #[test]
    fn modes_carry_the_type_and_times_are_saturated() {
        for (kind, bits) in [
            (Kind::File, 0o100_644),
            (Kind::Directory, 0o040_644),
            (Kind::Symlink, 0o120_644),
            (Kind::Other, 0o140_644),
        ] {
            assert_eq!(mode(&Attributes { kind, mode: 0o644, ..attributes() }), bits);
        }
        for (seconds, shown) in [(i64::MIN, 0), (-1, 0), (7, 7), (i64::MAX, u32::MAX)] {
            assert_eq!(time(Timestamp { seconds, nanoseconds: 0 }), shown);
        }
    }

    #[test]
    fn extended_attributes_are_read_over() {
        let mut packet = Vec::new();
        put_u32(&mut packet, EXTENDED | PERMISSIONS);
        put_u32(&mut packet, 0o100_600);
        put_u32(&mut packet, 2);
        for text in [b"a".as_slice(), b"value", b"", b"\0"] {
            super::super::wire::put_string(&mut packet, text);
        }
        packet.push(9);
        let mut fields = Fields::new(&packet);
        let change = read_change(&mut fields).unwrap();
        assert_eq!(change, AttributeChange { mode: Some(0o600), ..AttributeChange::default() });
        assert_eq!(fields.u8(), Ok(9));
        // A count that the packet does not hold is an error, and soon.
        let mut packet = Vec::new();
        put_u32(&mut packet, EXTENDED);
        put_u32(&mut packet, u32::MAX);
        assert_eq!(read_change(&mut Fields::new(&packet)), Err(Short));
    }

    proptest! {
        #[test]
        fn changes_are_read_back(
            size: Option<u64>,
            owner: Option<(u32, u32)>,
            mode in proptest::option::of(0..=MODE_BITS),
            times: Option<(u32, u32)>,
        ) {
            let time = |seconds: u32| Timestamp { seconds: seconds.into(), nanoseconds: 0 };
            let accessed = times.map(|(accessed, _)| time(accessed));
            let modified = times.map(|(_, modified)| time(modified));
            let change = AttributeChange { size, owner, mode, accessed, modified };
            let mut packet = Vec::new();
            write_change(&mut packet, &change);
            prop_assert_eq!(read_change(&mut Fields::new(&packet)), Ok(change));
            for end in 0..packet.len() {
                prop_assert_eq!(read_change(&mut Fields::new(&packet[..end])), Err(Short));
            }
        }
    }
}
