//! The PROXY header: how the stream is cut must not matter, nothing behind a header is taken, and
//! what is no header is given back.
#![no_main]

use flotilla_protocol::proxy::{
    Decoder, Header, ProxyError, V1_BYTES_MAX, V2_BYTES_MAX, Versions, is_header_start,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (seed, stream) = data.split_at(data.len().min(1));
    let seed = usize::from(seed.first().copied().unwrap_or(0));
    let versions = [Versions::V1, Versions::V2, Versions::Any][seed % 3];
    let whole = read(versions, stream, usize::MAX);
    assert_eq!(whole, read(versions, stream, 1 + seed));
    assert_eq!(whole, read(versions, stream, 1));
    match whole {
        Ok((consumed, Some(header))) => {
            assert!(is_header_start(stream));
            let max = if stream[0] == b'P' { V1_BYTES_MAX } else { V2_BYTES_MAX };
            assert!(consumed <= max);
            // What follows has no say in it, and every byte is needed.
            assert_eq!(read(versions, &stream[..consumed], 1 + seed), whole);
            assert_eq!(read(versions, &stream[..consumed - 1], 1), Ok((consumed - 1, None)));
            if let Header::Proxied { source, destination } = header {
                assert_eq!(source.ip(), source.ip().to_canonical());
                assert_eq!(destination.ip(), destination.ip().to_canonical());
            }
        }
        Ok((consumed, None)) => assert!(consumed == stream.len() && consumed < V2_BYTES_MAX),
        Err(ProxyError::NotProxy) => assert!(!is_header_start(stream)),
        Err(error) => assert!(is_header_start(stream) && !error.to_string().contains('\n')),
    }
});

/// How many bytes were taken, and the header if it was complete.
fn read(
    versions: Versions,
    stream: &[u8],
    step: usize,
) -> Result<(usize, Option<Header>), ProxyError> {
    let mut decoder = Decoder::new(versions);
    let mut consumed = 0;
    for piece in stream.chunks(step) {
        let decoded = decoder.decode(piece);
        assert_eq!(decoder.decode(&[]), decoded.map(|(_, header)| (0, header)));
        match decoded {
            Ok((taken, header)) => {
                assert!(taken <= piece.len() && (taken == piece.len() || header.is_some()));
                consumed += taken;
                if header.is_some() {
                    return Ok((consumed, header));
                }
            }
            Err(error) => {
                let untaken = if error == ProxyError::NotProxy { &stream[..consumed] } else { &[] };
                assert_eq!(decoder.untaken(), untaken);
                return Err(error);
            }
        }
    }
    Ok((consumed, None))
}
