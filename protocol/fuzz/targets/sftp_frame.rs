//! SFTP packets: how the stream is cut must not matter, and whatever it is, the session answers
//! whole packets and holds no more than its limits allow.
#![no_main]

use flotilla_protocol::failure::Failure;
use flotilla_protocol::sftp::{Outcome, Request, Session, Settings, Violation};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (seed, stream) = data.split_at(data.len().min(1));
    // Without INIT nothing else is read; half of the streams have it before them.
    let seed = seed.first().copied().unwrap_or(0);
    let init: &[u8] = if seed % 2 == 0 { b"\0\0\0\x05\x01\0\0\0\x03" } else { b"" };
    let stream = [init, stream].concat();
    let whole = run(std::iter::once(stream.as_slice()));
    assert_eq!(whole, run(stream.chunks(1 + usize::from(seed))));
    assert_eq!(whole, run(stream.chunks(1)));
});

/// What is asked for, what is answered, and how it ends.
fn run<'a>(
    pieces: impl Iterator<Item = &'a [u8]>,
) -> (Vec<Request>, Vec<u8>, Option<Violation>) {
    let settings = Settings { requests_bytes_max: 4096, ..Settings::default() };
    let mut session = Session::new(settings.clone());
    let mut violation = None;
    for piece in pieces {
        violation = session.on_bytes(piece).err();
        if violation.is_some() {
            break;
        }
    }
    assert_eq!(violation, session.violation());
    let usage = session.usage();
    // The last packet may go over the limit, and a WRITE may be coming in.
    assert!(usage.payload <= settings.requests_bytes_max + 2 * (257 << 10));
    let mut requests = Vec::new();
    while let Some((ticket, request)) = session.poll() {
        requests.push(request);
        session.on_outcome(ticket, Outcome::Failed(Failure::NotFound));
    }
    let mut output = Vec::new();
    while let Some(piece) = session.output(1000) {
        output.extend(piece);
    }
    check(&output);
    (requests, output, violation)
}

/// Panics unless the output is whole replies.
fn check(mut output: &[u8]) {
    while !output.is_empty() {
        let (length, rest) = output.split_first_chunk::<4>().unwrap();
        let (packet, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        assert!(matches!(packet[0], 2 | 101 | 103 | 104 | 201));
        output = rest;
    }
}
