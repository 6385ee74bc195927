//! The line reader: how the stream is cut must not matter, and every limit holds.
#![no_main]

use flotilla_protocol::ftp::{LINE_BYTES_MAX, Line, LineReader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (seed, stream) = data.split_at(data.len().min(1));
    let whole = read(std::iter::once(stream));
    let step = 1 + usize::from(seed.first().copied().unwrap_or(0));
    assert_eq!(whole, read(stream.chunks(step)));
    assert_eq!(whole, read(stream.chunks(1)));
    for line in whole.iter().flatten() {
        assert!(line.len() <= LINE_BYTES_MAX);
        assert!(!line.contains(&b'\n') && !line.ends_with(b"\r"));
    }
});

/// The lines that come out; `None` stands for one that was too long.
fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Option<Vec<u8>>> {
    let mut reader = LineReader::default();
    let mut lines = Vec::new();
    for mut piece in pieces {
        while let Some(line) = reader.next_line(&mut piece) {
            lines.push(match line {
                Line::Complete(line) => Some(line.to_vec()),
                Line::TooLong => None,
            });
        }
        assert!(piece.is_empty());
    }
    reader.clear();
    assert!(reader.is_empty());
    lines
}
