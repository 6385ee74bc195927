use proptest::prelude::*;

use super::super::client;
use super::*;

/// What comes out of a stream that is cut in these places, and how it ends.
fn read(pieces: &[&[u8]]) -> (Vec<Owned>, Option<Violation>) {
    let (mut reader, mut pool) = (FrameReader::default(), Pool::default());
    let mut frames = Vec::new();
    for mut piece in pieces.iter().copied() {
        loop {
            match reader.next(&mut piece, &mut pool) {
                Ok(Some(Frame::Packet(packet))) => frames.push(Owned::Packet(packet.to_vec())),
                Ok(Some(Frame::Write(write))) => frames.push(Owned::Write(write)),
                Ok(None) => break,
                Err(violation) => return (frames, Some(violation)),
            }
        }
        assert!(piece.is_empty());
    }
    (frames, None)
}

#[derive(Debug, PartialEq, Eq)]
enum Owned {
    Packet(Vec<u8>),
    Write(Write),
}

fn handle() -> HandleId {
    HandleId::from_wire(b"\0\0\0\x01\0\0\0\x02").unwrap()
}

#[test]
fn packets_come_out_whole() {
    let mut stream = client::init(3);
    stream.extend(client::write(7, handle(), 1 << 40, b"data"));
    stream.extend(client::write(8, handle(), 0, b""));
    stream.extend(b"\0\0\0\x01\xff");
    let write = |id, offset, data: &[u8]| {
        Owned::Write(Write { id, handle: Some(handle()), offset, data: data.to_vec() })
    };
    let expected = [
        Owned::Packet(b"\x01\0\0\0\x03".to_vec()),
        write(7, 1 << 40, b"data"),
        write(8, 0, b""),
        Owned::Packet(b"\xff".to_vec()),
    ];
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    for pieces in [vec![stream.as_slice()], bytes] {
        let (frames, violation) = read(&pieces);
        assert_eq!(violation, None);
        assert_eq!(frames, expected);
    }
}

#[test]
fn what_follows_the_data_in_its_packet_is_dropped() {
    let mut stream = client::write(7, handle(), 0, b"data");
    stream[3] += 5;
    stream.extend(b"extra");
    stream.extend(client::init(3));
    for size in 1..stream.len() {
        let (frames, violation) = read(&stream.chunks(size).collect::<Vec<_>>());
        assert_eq!((frames.len(), violation), (2, None));
        assert_eq!(frames[1], Owned::Packet(b"\x01\0\0\0\x03".to_vec()));
    }
}

#[test]
fn lengths_are_judged_before_anything_is_kept() {
    for length in [PACKET_BYTES_MAX + 1, 1 << 30, u32::MAX] {
        for kind in [packet::WRITE, packet::READ] {
            let stream = [&length.to_be_bytes()[..], &[kind]].concat();
            assert_eq!(read(&[&stream]).1, Some(Violation::TooLong { length }));
        }
    }
    assert_eq!(read(&[&[0; 4]]).1, Some(Violation::Undecodable { kind: 0 }));
    // A WRITE whose parts are longer than the whole.
    let undecodable = Some(Violation::Undecodable { kind: packet::WRITE });
    let write = client::write(7, handle(), 0, b"data");
    for (at, length) in [(3, 28), (3, 1), (9, 1), (9, 255), (12, 200), (29, 1), (32, 5)] {
        let mut stream = write.clone();
        stream[at] = length;
        assert_eq!(read(&[&stream]).1, undecodable, "{at}");
    }
}

#[test]
fn a_length_that_only_stands_there_takes_no_memory() {
    let (mut reader, mut pool) = (FrameReader::default(), Pool::default());
    let mut stream = PACKET_BYTES_MAX.to_be_bytes().to_vec();
    stream.push(packet::OPEN);
    let mut input = stream.as_slice();
    assert_eq!(reader.next(&mut input, &mut pool), Ok(None));
    assert!(reader.partial.capacity() < 100);
    // Nor does it stay when the packet is over.
    let rest = vec![0; PACKET_BYTES_MAX as usize - 1];
    let mut input = rest.as_slice();
    assert!(matches!(reader.next(&mut input, &mut pool), Ok(Some(Frame::Packet(_)))));
    assert_eq!(reader.next(&mut input, &mut pool), Ok(None));
    assert!(reader.partial.capacity() <= PARTIAL_BYTES_KEPT);
}

#[test]
fn data_is_copied_once() {
    let (mut reader, mut pool) = (FrameReader::default(), Pool::default());
    let stream = client::write(7, handle(), 0, &[5; 200_000]);
    let (mut first, mut second) = stream.split_at(1000);
    assert_eq!(reader.next(&mut first, &mut pool), Ok(None));
    let partial = reader.write.as_ref().unwrap();
    let address = partial.write.data.as_ptr();
    assert!(reader.partial.is_empty() && reader.payload() >= 200_000);
    let Ok(Some(Frame::Write(write))) = reader.next(&mut second, &mut pool) else { panic!() };
    assert_eq!((write.data.as_ptr(), write.data.len()), (address, 200_000));
    assert_eq!(reader.payload(), 0);
}

proptest! {
    /// However a stream is cut, the same comes out of it.
    #[test]
    fn the_cut_changes_nothing(
        packets in proptest::collection::vec(
            prop_oneof![
                any::<Vec<u8>>(),
                any::<(u8, Vec<u8>)>().prop_map(|(id, data)| {
                    client::write(id.into(), handle(), 3, &data).split_off(4)
                }),
                any::<Vec<u8>>().prop_map(|bytes| [&[packet::WRITE], bytes.as_slice()].concat()),
            ],
            0..6,
        ),
        cuts in proptest::collection::vec(0..200_usize, 0..8),
    ) {
        let mut stream = Vec::new();
        for packet in packets {
            stream.extend((packet.len() as u32).to_be_bytes());
            stream.extend(packet);
        }
        let whole = read(&[&stream]);
        let mut pieces = Vec::new();
        let mut rest = stream.as_slice();
        for cut in cuts {
            let (piece, behind) = rest.split_at(cut.min(rest.len()));
            pieces.push(piece);
            rest = behind;
        }
        pieces.push(rest);
        prop_assert_eq!(&read(&pieces), &whole);
        prop_assert_eq!(&read(&stream.chunks(1).collect::<Vec<_>>()), &whole);
    }
}
