//! Headers as balancers send them, headers that nobody should, and any cut of the stream.

use std::net::{IpAddr, SocketAddr};

use proptest::prelude::*;

use super::checksum::Checksum;
use super::*;

/// What came out of a stream that arrived in pieces, and how much of it belonged to the header.
fn decode(versions: Versions, stream: &[u8], cuts: &[usize]) -> Result<Seen, ProxyError> {
    let mut decoder = Decoder::new(versions);
    let mut cuts = cuts.iter().copied().cycle();
    let mut consumed = 0;
    while consumed < stream.len() {
        let rest = &stream[consumed..];
        let piece = &rest[..cuts.next().unwrap_or(usize::MAX).clamp(1, rest.len())];
        let outcome = decoder.decode(piece);
        assert!(decoder.held.len() <= V1_BYTES_MAX);
        let (taken, header) = match outcome {
            Ok(decoded) => decoded,
            Err(error) => {
                assert_eq!(decoder.decode(rest), Err(error), "an error is for ever");
                let untaken = decoder.untaken();
                if error == ProxyError::NotProxy {
                    assert_eq!(untaken, &stream[..consumed], "nothing is lost");
                } else {
                    assert!(untaken.is_empty());
                }
                return Err(error);
            }
        };
        consumed += taken;
        if header.is_some() {
            assert_eq!(decoder.decode(&stream[consumed..]), Ok((0, header)), "the rest is data");
            return Ok((consumed, header));
        }
        assert_eq!(taken, piece.len(), "all was needed");
    }
    Ok((consumed, None))
}

/// Bytes of the header, and the header if it was complete.
type Seen = (usize, Option<Header>);

/// The stream at once.
fn whole(stream: &[u8]) -> Result<Seen, ProxyError> {
    decode(Versions::Any, stream, &[])
}

fn proxied(source: &str, destination: &str) -> Header {
    Header::Proxied { source: source.parse().unwrap(), destination: destination.parse().unwrap() }
}

/// The bytes of version 2 around a block.
fn block(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let mut bytes = V2_SIGNATURE.to_vec();
    bytes.extend([command, family]);
    bytes.extend(u16::try_from(rest.len()).unwrap().to_be_bytes());
    bytes.extend(rest);
    bytes
}

fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(value.len()).unwrap().to_be_bytes();
    [&[kind, high, low], value].concat()
}

/// Both addresses of one family, and its byte for streams.
fn addresses(source: SocketAddr, destination: SocketAddr) -> (u8, Vec<u8>) {
    let mut bytes = Vec::new();
    for address in [source, destination] {
        match address.ip() {
            IpAddr::V4(ip) => bytes.extend(ip.octets()),
            IpAddr::V6(ip) => bytes.extend(ip.octets()),
        }
    }
    bytes.extend(source.port().to_be_bytes());
    bytes.extend(destination.port().to_be_bytes());
    (if source.is_ipv4() { 0x11 } else { 0x21 }, bytes)
}

/// A header with TLVs; the value of each checksum among them becomes what it must be.
fn encode_v2(source: SocketAddr, destination: SocketAddr, tlvs: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let (family, mut rest) = addresses(source, destination);
    let mut place = None;
    for (kind, value) in tlvs {
        if *kind == 3 {
            place = Some(16 + rest.len() + 3);
            rest.extend(tlv(3, &[0; 4]));
        } else {
            rest.extend(tlv(*kind, value));
        }
    }
    let mut bytes = block(0x21, family, &rest);
    if let Some(place) = place {
        let mut checksum = Checksum::new();
        bytes.iter().for_each(|&byte| checksum.add(byte));
        bytes[place..place + 4].copy_from_slice(&checksum.value().to_be_bytes());
    }
    bytes
}

fn encode_v1(source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    let family = if source.is_ipv4() { 4 } else { 6 };
    let (from, to) = (source.ip(), destination.ip());
    let line =
        format!("PROXY TCP{family} {from} {to} {} {}\r\n", source.port(), destination.port());
    line.into_bytes()
}

#[test]
fn lines_of_version_1() {
    let v4 = proxied("192.0.2.9:40000", "192.0.2.1:21");
    let v6 = proxied("[2001:db8::9]:65535", "[2001:db8::1]:0");
    let full = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    for (line, header) in [
        ("PROXY TCP4 192.0.2.9 192.0.2.1 40000 21\r\n".to_owned(), v4),
        ("PROXY TCP6 2001:db8::9 2001:DB8:0:0:0:0:0:1 65535 0\r\n".to_owned(), v6),
        ("PROXY TCP6 ::ffff:192.0.2.9 ::ffff:c000:201 40000 21\r\n".to_owned(), v4),
        ("PROXY UNKNOWN\r\n".to_owned(), Header::Local),
        ("PROXY UNKNOWN \r\n".to_owned(), Header::Local),
        ("PROXY UNKNOWN what  ever \x01 21\r\n".to_owned(), Header::Local),
        (format!("PROXY UNKNOWN {full} {full} 65535 65535\r\n"), Header::Local),
    ] {
        let stream = format!("{line}PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r\n");
        assert_eq!(whole(stream.as_bytes()), Ok((line.len(), Some(header))), "{line}");
    }
}

#[test]
fn lines_that_are_nearly_right() {
    for (line, field) in [
        ("PROXY TCP5 192.0.2.9 192.0.2.1 40000 21\r\n", Field::Protocol),
        ("PROXY tcp4 192.0.2.9 192.0.2.1 40000 21\r\n", Field::Protocol),
        ("PROXY  TCP4 192.0.2.9 192.0.2.1 40000 21\r\n", Field::Protocol),
        ("PROXY UNKNOWNS\r\n", Field::Protocol),
        ("PROXY \r\n", Field::Protocol),
        ("PROXY TCP4\r\n", Field::Source),
        ("PROXY TCP4  192.0.2.9 192.0.2.1 40000 21\r\n", Field::Source),
        ("PROXY TCP4 192.0.2.09 192.0.2.1 40000 21\r\n", Field::Source),
        ("PROXY TCP4 192.0.2 192.0.2.1 40000 21\r\n", Field::Source),
        ("PROXY TCP4 2001:db8::9 192.0.2.1 40000 21\r\n", Field::Source),
        ("PROXY TCP6 192.0.2.9 192.0.2.1 40000 21\r\n", Field::Source),
        ("PROXY TCP6 fe80::1%eth0 2001:db8::1 40000 21\r\n", Field::Source),
        ("PROXY TCP4 192.0.2.9 2001:db8::1 40000 21\r\n", Field::Destination),
        ("PROXY TCP4 192.0.2.9 192.0.2.256 40000 21\r\n", Field::Destination),
        ("PROXY TCP4 192.0.2.9 192.0.2.1 +4000 21\r\n", Field::SourcePort),
        ("PROXY TCP4 192.0.2.9 192.0.2.1 040 21\r\n", Field::SourcePort),
        ("PROXY TCP4 192.0.2.9 192.0.2.1 65536 21\r\n", Field::SourcePort),
        ("PROXY TCP4 192.0.2.9 192.0.2.1  21\r\n", Field::SourcePort),
        ("PROXY TCP4 192.0.2.9 192.0.2.1 40000 \r\n", Field::DestinationPort),
        ("PROXY TCP4 192.0.2.9 192.0.2.1 40000\r\n", Field::DestinationPort),
        ("PROXY TCP4 192.0.2.9 192.0.2.1 40000 00\r\n", Field::DestinationPort),
        ("PROXY TCP4 192.0.2.9 192.0.2.1 40000 -1\r\n", Field::DestinationPort),
        ("PROXY TCP4 192.0.2.9 192.0.2.1 40000 21 \r\n", Field::End),
        ("PROXY TCP4 192.0.2.9 192.0.2.1 40000 21 22\r\n", Field::End),
        ("PROXY TCP4 192.0.2.9 192.0.2.1 40000 21\n", Field::End),
        ("PROXY TCP4 192.0.2.9 192.0.2.1 40000 21\r\r\n", Field::End),
        ("PROXY UNKNOWN a\rb\r\n", Field::End),
        ("PROXY UNKNOWN a\nb\r\n", Field::End),
    ] {
        assert_eq!(whole(line.as_bytes()), Err(ProxyError::BadField(field)), "{line}");
    }
}

#[test]
fn a_line_ends_within_its_limit() {
    let line = |bytes: usize| format!("PROXY UNKNOWN {}\r\n", "x".repeat(bytes - 16)).into_bytes();
    assert_eq!(whole(&line(107)), Ok((107, Some(Header::Local))));
    assert_eq!(whole(&line(108)), Err(ProxyError::LineTooLong));
    assert_eq!(whole(&line(107)[..106]), Ok((106, None)));
    assert_eq!(
        whole(&[b"PROXY ".to_vec(), vec![b'x'; 101]].concat()),
        Err(ProxyError::LineTooLong)
    );
}

/// What a network balancer sends for a connection over a VPC endpoint: a checksum, the endpoint's
/// name (type 0xEA, subtype 1), and padding.
#[test]
fn a_header_with_the_tlvs_of_a_network_balancer() {
    let source = "172.31.7.113:51442".parse().unwrap();
    let destination = "172.31.10.31:21".parse().unwrap();
    let endpoint = [b"\x01vpce-".as_slice(), &[b'0'; 17]].concat();
    let tlvs = [(3, Vec::new()), (0xEA, endpoint), (4, vec![0; 36])];
    let bytes = encode_v2(source, destination, &tlvs);
    let stream = [bytes.as_slice(), b"USER joe\r\n"].concat();
    assert_eq!(whole(&stream), Ok((bytes.len(), Some(Header::Proxied { source, destination }))));
    assert_eq!(bytes.len(), 100);
    // All but the type of the checksum, which says that there is one.
    for place in 29..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 0x10;
        assert!(whole(&changed).is_err(), "byte {place} is not covered");
    }
    // The addresses too, which no other check could miss.
    let mut changed = bytes;
    changed[19] ^= 1;
    assert!(matches!(whole(&changed), Err(ProxyError::Checksum { .. })));
}

#[test]
fn headers_of_nobody() {
    let unix = [vec![b'a'; 216], tlv(4, &[])].concat();
    for (bytes, why) in [
        (block(0x20, 0x00, &[]), "a health check"),
        (block(0x20, 0x11, &[7; 12]), "LOCAL with addresses"),
        (block(0x20, 0xFF, &[3, 0, 4]), "LOCAL with a family and a block that make no sense"),
        (block(0x21, 0x00, &[]), "UNSPEC"),
        (block(0x21, 0x00, &[4, 0, 1, 0]), "UNSPEC with a TLV"),
        (block(0x21, 0x10, &[7; 12]), "IPv4 over nothing that is known"),
        (block(0x21, 0x12, &[7; 12]), "a datagram"),
        (block(0x21, 0x22, &[7; 36]), "a datagram over IPv6"),
        (block(0x21, 0x31, &unix), "a Unix socket"),
        (block(0x21, 0x32, &unix), "a Unix datagram"),
    ] {
        let stream = [bytes.as_slice(), b"more"].concat();
        assert_eq!(whole(&stream), Ok((bytes.len(), Some(Header::Local))), "{why}");
    }
}

#[test]
fn headers_of_version_2_that_are_nearly_right() {
    use ProxyError::*;
    let v4 = [7; 12];
    let with = |rest: &[u8]| block(0x21, 0x11, &[v4.as_slice(), rest].concat());
    for (bytes, error) in [
        (block(0x11, 0x11, &v4), BadVersion { got: 1 }),
        (block(0x31, 0x11, &v4), BadVersion { got: 3 }),
        (block(0x22, 0x11, &v4), BadCommand { got: 2 }),
        (block(0x2F, 0x00, &[]), BadCommand { got: 15 }),
        (block(0x21, 0x13, &v4), BadFamily { got: 0x13 }),
        (block(0x21, 0x41, &v4), BadFamily { got: 0x41 }),
        (block(0x21, 0x11, &v4[..11]), TooShort { expected: 12, got: 11 }),
        (block(0x21, 0x11, &[]), TooShort { expected: 12, got: 0 }),
        (block(0x21, 0x21, &[7; 35]), TooShort { expected: 36, got: 35 }),
        (with(&[4]), CutVector),
        (with(&[4, 0]), CutVector),
        (with(&[4, 0, 0, 4, 0]), CutVector),
        (with(&[4, 0, 1]), LongVector { kind: 4, bytes: 1, left: 0 }),
        (with(&[0xEA, 1, 0, 9]), LongVector { kind: 0xEA, bytes: 256, left: 1 }),
        (with(&[3, 0, 3, 0, 0, 0]), ChecksumLength { bytes: 3 }),
        (with(&[3, 0, 0]), ChecksumLength { bytes: 0 }),
        (with(&[3, 0, 4, 0, 0, 0, 0, 3, 0, 4, 0, 0, 0, 0]), TwoChecksums),
        (block(0x20, 0x00, &vec![0; V2_BYTES_MAX - 15]), TooLong { bytes: V2_BYTES_MAX + 1 }),
    ] {
        assert_eq!(whole(&bytes), Err(error), "{}", bytes.escape_ascii());
    }
    let padding = tlv(4, &vec![0; V2_BYTES_MAX - 16 - 12 - 3]);
    let longest = with(&padding);
    assert_eq!(longest.len(), V2_BYTES_MAX);
    let header = proxied("7.7.7.7:1799", "7.7.7.7:1799");
    assert_eq!(whole(&longest), Ok((V2_BYTES_MAX, Some(header))));
}

#[test]
fn the_other_version_is_named() {
    let v1 = b"PROXY UNKNOWN\r\n";
    let v2 = block(0x20, 0, &[]);
    assert_eq!(decode(Versions::V1, v1, &[]), Ok((15, Some(Header::Local))));
    assert_eq!(decode(Versions::V2, &v2, &[]), Ok((16, Some(Header::Local))));
    let error = decode(Versions::V1, &v2, &[1]).unwrap_err();
    assert_eq!(error.to_string(), "expected a PROXY header of version 1, got one of version 2");
    let error = decode(Versions::V2, v1, &[1]).unwrap_err();
    assert_eq!(error.to_string(), "expected a PROXY header of version 2, got one of version 1");
}

#[test]
fn bytes_that_begin_no_header_are_given_back() {
    for stream in
        [&b"USER joe\r\n"[..], b"PASS x\r\n", b"PROXY\tTCP4", b"\r\n\r\nUSER", b"SSH-2.0-"]
    {
        for versions in [Versions::V1, Versions::V2, Versions::Any] {
            for cuts in [&[usize::MAX][..], &[1], &[3]] {
                assert_eq!(decode(versions, stream, cuts), Err(ProxyError::NotProxy));
            }
        }
        assert!(!is_header_start(stream));
    }
    assert!(is_header_start(b"PROXY TCP4 "));
    assert!(is_header_start(&block(0x20, 0, &[])));
    assert!(!is_header_start(b"PROXY"));
    assert!(!is_header_start(b""));
}

/// Two addresses of one family that are not IPv4 in disguise.
fn ends() -> impl Strategy<Value = (SocketAddr, SocketAddr)> {
    let v4 =
        || any::<(u32, u16)>().prop_map(|(ip, port)| SocketAddr::from((ip.to_be_bytes(), port)));
    let v6 = || {
        any::<(u128, u16)>()
            .prop_map(|(ip, port)| SocketAddr::from(((ip | 1 << 127).to_be_bytes(), port)))
    };
    prop_oneof![(v4(), v4()), (v6(), v6())]
}

fn tlvs() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let kind = prop_oneof![Just(1u8), Just(2), Just(4), Just(0x20), Just(0xEA), 5u8..];
    let value = proptest::collection::vec(any::<u8>(), 0..40);
    let checksum = (any::<bool>(), any::<prop::sample::Index>());
    (proptest::collection::vec((kind, value), 0..6), checksum).prop_map(
        |(mut tlvs, (with, place))| {
            if with {
                tlvs.insert(place.index(tlvs.len() + 1), (3, Vec::new()));
            }
            tlvs
        },
    )
}

/// Streams that begin like headers most of the time.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..80);
    let text = "(TCP4|TCP6|UNKNOWN)?( |\r|\n|[0-9]{1,5}|1\\.2\\.3\\.4|::1){0,12}(\r\n)?.{0,3}";
    prop_oneof![
        1 => bytes.clone(),
        3 => text.prop_map(|text| [V1_SIGNATURE, text.as_bytes()].concat()),
        3 => (0x1Eu8..0x24, prop_oneof![3 => 0x0Fu8..0x24, 1 => any::<u8>()], bytes.clone())
            .prop_map(|(command, family, bytes)| block(command, family, &bytes)),
        2 => bytes.prop_map(|bytes| [V2_SIGNATURE, &bytes].concat()),
        2 => (ends(), tlvs(), any::<(prop::sample::Index, u8)>()).prop_map(
            |((source, destination), tlvs, (place, byte))| {
                let mut bytes = encode_v2(source, destination, &tlvs);
                let place = place.index(bytes.len());
                bytes[place] = byte;
                bytes
            }
        ),
    ]
}

proptest! {
    #[test]
    fn headers_are_read_back(
        (source, destination) in ends(),
        tlvs in tlvs(),
        data in proptest::collection::vec(any::<u8>(), 0..40),
        cuts in proptest::collection::vec(1usize..20, 1..5),
    ) {
        let header = Some(Header::Proxied { source, destination });
        let text = encode_v1(source, destination);
        let binary = encode_v2(source, destination, &tlvs);
        for (versions, bytes) in [(Versions::V1, text), (Versions::V2, binary)] {
            let stream = [bytes.as_slice(), &data].concat();
            let expected = Ok((bytes.len(), header));
            prop_assert_eq!(decode(versions, &stream, &cuts), expected);
            prop_assert_eq!(decode(Versions::Any, &stream, &[]), expected);
            // Every byte is needed.
            let short = &bytes[..bytes.len() - 1];
            prop_assert_eq!(decode(versions, short, &cuts), Ok((short.len(), None)));
        }
    }

    #[test]
    fn the_cut_of_the_stream_changes_nothing(
        stream in stream(),
        cuts in proptest::collection::vec(1usize..20, 1..5),
        versions in proptest::sample::select(vec![Versions::V1, Versions::V2, Versions::Any]),
    ) {
        let once = decode(versions, &stream, &[]);
        prop_assert_eq!(decode(versions, &stream, &cuts), once);
        prop_assert_eq!(decode(versions, &stream, &[1]), once);
        if let Ok((consumed, Some(_))) = once {
            // What follows has no say in it.
            prop_assert_eq!(decode(versions, &stream[..consumed], &cuts), once);
        }
    }

    #[test]
    fn a_changed_header_with_a_checksum_is_refused(
        (source, destination) in ends(),
        data in proptest::collection::vec(any::<u8>(), 0..40),
        place in any::<prop::sample::Index>(),
        change in 1u8..,
    ) {
        let good = encode_v2(source, destination, &[(3, Vec::new()), (0xEA, data)]);
        // Behind the fixed part: there a change may make another kind of header.
        let place = 16 + place.index(good.len() - 16);
        let mut bad = good.clone();
        bad[place] ^= change;
        let expected = Header::Proxied { source, destination };
        prop_assert_eq!(whole(&good), Ok((good.len(), Some(expected))));
        // The type of the checksum's own TLV decides whether there is one.
        let kind = 16 + addresses(source, destination).1.len();
        prop_assert!(place == kind || whole(&bad).is_err());
    }
}
