use proptest::prelude::*;

use super::*;

/// What came out, owned: `None` stands for a line that was too long.
type Lines = Vec<Option<Vec<u8>>>;

fn read_on(reader: &mut LineReader, mut input: &[u8], lines: &mut Lines) {
    while let Some(line) = reader.next_line(&mut input) {
        lines.push(match line {
            Line::Complete(line) => Some(line.to_vec()),
            Line::TooLong => None,
        });
    }
    assert!(input.is_empty());
}

fn read(input: &[u8]) -> Lines {
    let (mut reader, mut lines) = (LineReader::default(), Vec::new());
    read_on(&mut reader, input, &mut lines);
    lines
}

fn lines(expected: &[&[u8]]) -> Lines {
    expected.iter().map(|line| Some(line.to_vec())).collect()
}

#[test]
fn lines_end_with_lf_and_lose_their_crs() {
    assert_eq!(
        read(b"USER a\r\nPASS b\nNOOP\r\r\n\r\nQUI"),
        lines(&[b"USER a", b"PASS b", b"NOOP", b""])
    );
}

#[test]
fn telnet_sequences_vanish() {
    for (input, line) in [
        (&b"A\xff\xffB\r\n"[..], &b"A\xffB"[..]),
        (b"\xff\xfb\x01NOOP\r\n", b"NOOP"),
        (b"NO\xff\xfd\nOP\r\n", b"NOOP"),
        (b"NO\xff\xfa\x18\x01\r\nx\xff\xff\xff\xf0OP\r\n", b"NOOP"),
        (b"NO\xff\xf1OP\r\n", b"NOOP"),
        (b"RETR a\r\0b\r\n", b"RETR a\rb"),
        (b"RETR a\rb\r\n", b"RETR a\rb"),
        (b"RETR a\0b\r\n", b"RETR a\0b"),
        // Latin-1 from a client that knows no telnet.
        (b"RETR \xffb\n", b"RETR \xffb"),
        (b"RETR b\xff\n", b"RETR b\xff"),
    ] {
        assert_eq!(read(input), lines(&[line]), "{input:?}");
    }
}

/// RFC 959, 4.1.3: telnet Interrupt Process and Synch before ABOR, whichever of their bytes the
/// urgent pointer takes out of the stream.
#[test]
fn abort_is_read_with_and_without_its_urgent_bytes() {
    for prefix in
        [&b"\xff\xf4\xff\xf2"[..], b"\xff\xf4\xf2", b"\xff\xf4\xff", b"\xff\xf2", b"\xf2", b""]
    {
        assert_eq!(read(&[prefix, b"ABOR\r\n"].concat()), lines(&[b"ABOR"]), "{prefix:?}");
    }
}

#[test]
fn a_line_of_the_longest_length_is_read_and_a_longer_one_is_reported_once() {
    let longest = vec![b'x'; LINE_BYTES_MAX];
    let input = [&longest[..], b"\r\nNOOP\r\n"].concat();
    assert_eq!(read(&input), lines(&[&longest, b"NOOP"]));
    for factor in [1, 2, 50] {
        let long = [&b"y"[..], &longest.repeat(factor)].concat();
        let input = [&b"A\n"[..], &long, b"\r\nNOOP\r\n"].concat();
        let expected = [lines(&[b"A"]), vec![None], lines(&[b"NOOP"])].concat();
        assert_eq!(read(&input), expected);
    }
    // Held-back bytes at the very limit.
    for tail in [&b"\rx\n"[..], b"\xff\n", b"\xff\xff\n", b"\r\0\n", b"\xffx\n"] {
        let input = [&longest[..], tail, b"NOOP\n"].concat();
        assert_eq!(read(&input), [vec![None], lines(&[b"NOOP"])].concat(), "{tail:?}");
    }
}

#[test]
fn an_endless_subnegotiation_is_given_up() {
    let input =
        [b"\xff\xfa".as_slice(), &[1; SUBNEGOTIATION_BYTES_MAX + 1], b"\r\nNOOP\r\n"].concat();
    assert_eq!(read(&input), [vec![None], lines(&[b"NOOP"])].concat());
}

#[test]
fn whole_clean_lines_are_lent_and_memory_is_given_back() {
    let mut reader = LineReader::default();
    let bytes = b"NOOP\r\nNO".to_vec();
    let mut input = &bytes[..];
    match reader.next_line(&mut input) {
        Some(Line::Complete(line)) => assert_eq!(line.as_ptr(), bytes.as_ptr()),
        other => panic!("{other:?}"),
    }
    assert_eq!(reader.next_line(&mut input), None);
    assert!(!reader.is_empty());
    let mut input = &b"OP\r\n"[..];
    assert_eq!(reader.next_line(&mut input), Some(Line::Complete(b"NOOP")));
    assert!(reader.is_empty());
    assert_eq!(reader.next_line(&mut input), None);
    assert_eq!(reader.pending.capacity(), 0);
}

#[test]
fn clear_forgets_everything() {
    for start in [&b"NOO"[..], b"NOOP\r", b"\xff", b"\xff\xfa123", b"\xff\xfb", &[b'x'; 5000]] {
        let (mut reader, mut found) = (LineReader::default(), Vec::new());
        read_on(&mut reader, start, &mut found);
        reader.clear();
        assert!(reader.is_empty());
        found.clear();
        read_on(&mut reader, b"QUIT\r\n", &mut found);
        assert_eq!(found, lines(&[b"QUIT"]), "{start:?}");
    }
}

/// Streams in which everything special is frequent.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        4 => prop::sample::select(b"\r\n\0\xff\xfa\xf0\xfb\xfe\xf2 A".to_vec()),
        1 => any::<u8>(),
    ];
    let piece = prop_oneof![
        8 => proptest::collection::vec(byte, 0..12),
        1 => (LINE_BYTES_MAX - 3..LINE_BYTES_MAX + 3).prop_map(|length| vec![b'x'; length]),
        1 => Just(vec![0xff, 0xfa]),
        1 => (SUBNEGOTIATION_BYTES_MAX - 2..SUBNEGOTIATION_BYTES_MAX + 2).prop_map(|length| vec![1; length]),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn splitting_changes_nothing(
        stream in stream(),
        cuts in proptest::collection::vec(1..40_usize, 1..20),
    ) {
        let whole = read(&stream);
        let (mut reader, mut split, mut rest) = (LineReader::default(), Vec::new(), &stream[..]);
        let mut sizes = cuts.iter().cycle();
        while !rest.is_empty() {
            let (head, tail) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
            read_on(&mut reader, head, &mut split);
            rest = tail;
        }
        prop_assert_eq!(&whole, &split);

        let (mut reader, mut bytewise) = (LineReader::default(), Vec::new());
        for byte in &stream {
            read_on(&mut reader, std::slice::from_ref(byte), &mut bytewise);
        }
        prop_assert_eq!(&whole, &bytewise);
        for line in whole.iter().flatten() {
            prop_assert!(line.len() <= LINE_BYTES_MAX && !line.contains(&b'\n') && !line.ends_with(b"\r"));
        }
    }
}
