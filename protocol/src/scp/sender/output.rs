//! What waits to be sent: buffers as they came, and zeros that are made on the way out.

use std::collections::VecDeque;

/// A queue of bytes.
#[derive(Debug, Default)]
pub(super) struct Output {
    pieces: VecDeque<Piece>,
    /// Bytes held; zeros cost nothing.
    held: usize,
}

#[derive(Debug)]
enum Piece {
    /// Lines and answers: small, and written into.
    Text(Vec<u8>),
    /// A buffer of a file, sent from this byte on.
    Data(Vec<u8>, usize),
    /// So many zeros.
    Zeros(u64),
}

impl Output {
    /// Bytes that are held in memory.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Appends what `write` writes.
    pub(super) fn text(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut text = match self.pieces.pop_back() {
            Some(Piece::Text(text)) => text,
            other => {
                self.pieces.extend(other);
                Vec::new()
            }
        };
        let before = text.len();
        write(&mut text);
        self.held += text.len().saturating_sub(before);
        if !text.is_empty() {
            self.pieces.push_back(Piece::Text(text));
        }
    }

    /// Appends a buffer.
    pub(super) fn data(&mut self, buffer: Vec<u8>) {
        if !buffer.is_empty() {
            self.held += buffer.len();
            self.pieces.push_back(Piece::Data(buffer, 0));
        }
    }

    /// Appends zeros.
    pub(super) fn zeros(&mut self, count: u64) {
        if count > 0 {
            self.pieces.push_back(Piece::Zeros(count));
        }
    }

    /// Takes up to `max` bytes off the front: a whole buffer without a copy if it fits.
    pub(super) fn take(&mut self, max: usize) -> Option<Vec<u8>> {
        if max == 0 {
            return None;
        }
        let (taken, rest) = match self.pieces.pop_front()? {
            Piece::Text(mut text) => {
                let rest = text.split_off(text.len().min(max));
                (text, (!rest.is_empty()).then_some(Piece::Text(rest)))
            }
            Piece::Data(buffer, 0) if buffer.len() <= max => (buffer, None),
            Piece::Data(buffer, start) => {
                let left = buffer.get(start..).unwrap_or_default();
                let taken = left.get(..max).unwrap_or(left).to_vec();
                let start = start + taken.len();
                let rest = (start < buffer.len()).then_some(Piece::Data(buffer, start));
                (taken, rest)
            }
            Piece::Zeros(count) => {
                let length = usize::try_from(count).unwrap_or(usize::MAX);
                let length = length.min(max).min(ZEROS_BYTES_MAX);
                let rest = count - length as u64;
                let rest = (rest > 0).then_some(Piece::Zeros(rest));
                self.held += length;
                (vec![0; length], rest)
            }
        };
        self.held = self.held.saturating_sub(taken.len());
        if let Some(rest) = rest {
            self.pieces.push_front(rest);
        }
        Some(taken)
    }
}

/// The most zeros in one piece, whatever the caller would take.
const ZEROS_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_out_as_it_went_in() {
        for max in [1, 2, 3, 100] {
            let mut output = Output::default();
            output.text(|out| out.extend_from_slice(b"ab"));
            output.text(|out| out.extend_from_slice(b"c"));
            output.data(b"defg".to_vec());
            output.zeros(3);
            output.text(|_| ());
            output.text(|out| out.push(b'h'));
            assert_eq!(output.held(), 8);
            let mut all = Vec::new();
            while let Some(piece) = output.take(max) {
                assert!(!piece.is_empty() && piece.len() <= max);
                all.extend_from_slice(&piece);
            }
            assert_eq!(all, b"abcdefg\0\0\0h");
            assert!(output.is_empty() && output.held() == 0);
        }
    }

    #[test]
    fn buffers_that_fit_are_not_copied() {
        let mut output = Output::default();
        let buffer = vec![1; 10];
        let address = buffer.as_ptr();
        output.data(buffer);
        let taken = output.take(10).unwrap();
        assert_eq!(taken.as_ptr(), address);
    }
}
