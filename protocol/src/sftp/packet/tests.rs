use proptest::prelude::*;

use super::super::client::{self, Parts};
use super::*;

#[test]
fn the_head_of_a_session_is_read() {
    assert_eq!(Packet::decode(b"\x01\0\0\0\x03"), Ok(Packet::Init { version: 3 }));
    // Extensions of the client follow; none means anything to us.
    let packet = b"\x01\0\0\0\x06\0\0\0\x01a\0\0\0\x01b";
    assert_eq!(Packet::decode(packet), Ok(Packet::Init { version: 6 }));
    assert_eq!(Packet::decode(b"\x01\0\0\0"), Err(Short));
    assert_eq!(Packet::decode(b""), Err(Short));
}

#[test]
fn links_are_in_the_order_of_openssh() {
    let packet = b"\x14\0\0\0\x01\0\0\0\x06target\0\0\0\x04link";
    let operation = Operation::Symlink { target: b"target", link: b"link" };
    assert_eq!(Packet::decode(packet), Ok(Packet::Request { id: 1, operation }));
}

proptest! {
    /// What a client writes is what we read, whatever follows, and nothing less suffices.
    #[test]
    fn every_operation_is_read_back(id: u32, parts in Parts::any(), surplus in 0..3_usize) {
        let operation = parts.operation();
        let mut packet = client::request(id, &operation).split_off(4);
        let length = packet.len();
        packet.resize(length + surplus, 7);
        prop_assert_eq!(Packet::decode(&packet), Ok(Packet::Request { id, operation }));
        for end in 0..length {
            prop_assert_eq!(Packet::decode(&packet[..end]), Err(Short));
        }
    }

    #[test]
    fn garbage_is_read_or_refused(
        kind in prop_oneof![0..=21_u8, Just(EXTENDED), any::<u8>()],
        mut bytes in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        bytes.insert(0, kind);
        let _ = Packet::decode(&bytes);
    }
}
