//! Lines of the control connection: bounded, resumable, telnet bytes removed (RFC 959, 3 and 5.3.1).

/// The longest command line in bytes, its end not counted. Longer: 500, and the rest is dropped.
pub const LINE_BYTES_MAX: usize = 4096;

/// What the reader found.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A whole line without its CR LF (a bare LF ends a line too), telnet sequences and NULs after CR removed.
    Complete(&'a [u8]),
    /// A line exceeded [`LINE_BYTES_MAX`]; reported once, the rest of it is dropped silently.
    TooLong,
}

/// Splits a stream of bytes into lines. Holds memory only while a line is unfinished.
#[derive(Debug, Default)]
pub struct LineReader {
    pending: Vec<u8>,
}

impl LineReader {
    /// Takes one line off the front of `input`, advancing it, or consumes all of `input` and returns
    /// `None` when no line is complete. A whole line inside `input` without telnet bytes is lent
    /// without a copy.
    pub fn next_line<'a, 'b: 'a>(&'a mut self, input: &mut &'b [u8]) -> Option<Line<'a>> {
        let _ = (input, &self.pending);
        todo!()
    }

    /// Forgets an unfinished line: what was pipelined in clear after AUTH TLS must not be read as a
    /// part of the first protected line.
    pub fn clear(&mut self) {
        self.pending = Vec::new();
    }

    /// Whether no byte of an unfinished line is held.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }
}
