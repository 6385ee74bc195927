//! TYPE A: CR LF on the wire, LF in the file (RFC 959, 3.1.1.1).

/// File to wire: every LF gets its CR. A line that ends in CR LF in the file already stays so, as
/// its reader means that by it.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    /// The last byte was CR.
    after_cr: bool,
}

impl Encoder {
    /// Appends the wire form of `text` to `out`: at most twice its length.
    pub(super) fn encode(&mut self, text: &[u8], out: &mut Vec<u8>) {
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            match line.strip_suffix(b"\n") {
                Some(body) => {
                    let ends_in_cr = body.last().map_or(self.after_cr, |&byte| byte == b'\r');
                    out.extend_from_slice(body);
                    out.extend_from_slice(if ends_in_cr { b"\n" } else { b"\r\n" });
                    self.after_cr = false;
                }
                None => {
                    out.extend_from_slice(line);
                    self.after_cr = line.last() == Some(&b'\r');
                }
            }
        }
    }
}

/// Wire to file: CR LF becomes LF; a CR without LF stays.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    /// A CR that waits for what follows it.
    held_cr: bool,
}

impl Decoder {
    /// Appends the file's form of `wire` to `out`: at most one byte more than its length.
    pub(super) fn decode(&mut self, wire: &[u8], out: &mut Vec<u8>) {
        let Some(&first) = wire.first() else { return };
        if std::mem::take(&mut self.held_cr) && first != b'\n' {
            out.push(b'\r');
        }
        let body = match wire.strip_suffix(b"\r") {
            Some(body) => {
                self.held_cr = true;
                body
            }
            None => wire,
        };
        for line in body.split_inclusive(|&byte| byte == b'\n') {
            match line.strip_suffix(b"\r\n") {
                Some(text) => {
                    out.extend_from_slice(text);
                    out.push(b'\n');
                }
                None => out.extend_from_slice(line),
            }
        }
    }

    /// At the end: a CR that was held back.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.held_cr) {
            out.push(b'\r');
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(pieces: &[&[u8]]) -> Vec<u8> {
        let (mut encoder, mut out) = (Encoder::default(), Vec::new());
        for piece in pieces {
            encoder.encode(piece, &mut out);
        }
        out
    }

    fn decode(pieces: &[&[u8]]) -> Vec<u8> {
        let (mut decoder, mut out) = (Decoder::default(), Vec::new());
        for piece in pieces {
            decoder.decode(piece, &mut out);
        }
        decoder.finish(&mut out);
        out
    }

    #[test]
    fn line_ends_grow_on_the_wire() {
        assert_eq!(encode(&[b"a\nb\n\nc"]), b"a\r\nb\r\n\r\nc");
        assert_eq!(encode(&[b"a\r\nb"]), b"a\r\nb");
        assert_eq!(encode(&[b"a\r", b"\nb\r", b"c\n"]), b"a\r\nb\rc\r\n");
    }

    #[test]
    fn line_ends_shrink_in_the_file() {
        assert_eq!(decode(&[b"a\r\nb\r\n\r\nc"]), b"a\nb\n\nc");
        assert_eq!(decode(&[b"a\r", b"\nb\r", b"c\r", b"", b"\r\n\r"]), b"a\nb\rc\r\n\r");
        assert_eq!(decode(&[b"a\nb"]), b"a\nb");
    }

    fn split(bytes: &[u8], at: usize) -> [&[u8]; 2] {
        let (head, tail) = bytes.split_at(at % (bytes.len() + 1));
        [head, tail]
    }

    proptest! {
        #[test]
        fn text_comes_back(text in "[ab\n]{0,40}", first in any::<usize>(), second in any::<usize>()) {
            let wire = encode(&split(text.as_bytes(), first));
            prop_assert_eq!(decode(&split(&wire, second)), text.as_bytes());
        }

        #[test]
        fn pieces_make_no_difference(bytes in "[a\r\n]{0,20}", at in any::<usize>()) {
            let whole = bytes.as_bytes();
            prop_assert_eq!(encode(&split(whole, at)), encode(&[whole]));
            prop_assert_eq!(decode(&split(whole, at)), decode(&[whole]));
        }
    }
}
