//! Lines of the control connection: bounded, resumable, telnet bytes removed (RFC 959, 3 and
//! 5.3.1).
//!
//! # Telnet
//! - `IAC IAC` is the byte 255. `IAC WILL/WONT/DO/DONT x`, `IAC SB ... IAC SE` and every other
//!   command (IP, DM, NOP, ...) vanish; no option is ever agreed to, which is what silence means.
//! - `IAC` before a byte that is no telnet command comes from a client that does not speak telnet
//!   and has `ÿ` of Latin-1 in a name: inside a line both bytes are kept. At the start of a line it
//!   is dropped, and so are bytes from 240 on: they are what is left of `IAC IP IAC DM` before ABOR
//!   when the urgent byte among them went another way than the stream.
//! - A subnegotiation longer than [`SUBNEGOTIATION_BYTES_MAX`] is treated as a line too long.
//!
//! # Line ends
//! LF ends a line, and CRs before it belong to the end. `CR NUL` is a CR (RFC 854), as is a bare CR
//! inside a line: it stays in the line, where a password may hold it; the parser lets it into no
//! path.

/// What the reader found.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A whole line without its CR LF (a bare LF ends a line too), telnet sequences and NULs after
    /// CR removed.
    Complete(&'a [u8]),
    /// A line exceeded [`LINE_BYTES_MAX`]; reported once, the rest of it is dropped silently.
    TooLong,
}

/// Splits a stream of bytes into lines. Holds memory only while a line is unfinished.
#[derive(Debug, Default)]
pub struct LineReader {
    /// The bytes of the unfinished line, or of the line lent last when `lent` is set.
    pending: Vec<u8>,
    state: State,
    /// `pending` was lent as a whole line and is forgotten on the next call.
    lent: bool,
    /// The line was too long: nothing is kept of it until it ends.
    discarding: bool,
    /// How many bytes of a subnegotiation were dropped so far.
    subnegotiation_bytes: u16,
}

/// What the byte before this one began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// A CR that is not yet part of the line: it may belong to its end.
    Return,
    /// IAC.
    Command,
    /// IAC and WILL, WONT, DO or DONT.
    Option,
    /// IAC SB and what follows.
    Subnegotiation,
    /// IAC inside a subnegotiation.
    SubnegotiationCommand,
}

/// What one byte did.
enum Step {
    More,
    End,
    TooLong,
}

impl LineReader {
    /// Takes one line off the front of `input`, advancing it, or consumes all of `input` and
    /// returns `None` when no line is complete. A whole line inside `input` without telnet bytes is
    /// lent without a copy.
    pub fn next_line<'a, 'i: 'a>(&'a mut self, input: &mut &'i [u8]) -> Option<Line<'a>> {
        if self.lent {
            self.lent = false;
            self.pending = Vec::new();
        }
        let fresh = self.state == State::Text && !self.discarding && self.pending.is_empty();
        if fresh && let Some((line, rest)) = clean_line(input) {
            *input = rest;
            return Some(Line::Complete(line));
        }
        while let Some((&byte, rest)) = input.split_first() {
            *input = rest;
            match self.step(byte) {
                Step::More => {}
                Step::End if self.discarding => self.discarding = false,
                Step::End => {
                    self.lent = true;
                    return Some(Line::Complete(&self.pending));
                }
                Step::TooLong => return Some(Line::TooLong),
            }
        }
        None
    }

    /// Forgets an unfinished line: what was pipelined in clear after AUTH TLS must not be read as a
    /// part of the first protected line.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether no byte of an unfinished line is held.
    pub fn is_empty(&self) -> bool {
        (self.lent || self.pending.is_empty()) && self.state == State::Text && !self.discarding
    }

    fn step(&mut self, byte: u8) -> Step {
        match self.state {
            State::Text => self.text(byte),
            State::Return => match byte {
                b'\n' => self.text(byte),
                0 => {
                    self.state = State::Text;
                    self.push(b'\r')
                }
                _ => self.push_both(b'\r', byte),
            },
            State::Command => self.command(byte),
            State::Option => {
                self.state = State::Text;
                Step::More
            }
            State::Subnegotiation if byte == IAC => {
                self.state = State::SubnegotiationCommand;
                Step::More
            }
            State::Subnegotiation => self.subnegotiation(),
            State::SubnegotiationCommand if byte == SE => {
                self.state = State::Text;
                self.subnegotiation_bytes = 0;
                Step::More
            }
            State::SubnegotiationCommand => {
                self.state = State::Subnegotiation;
                self.subnegotiation()
            }
        }
    }

    fn text(&mut self, byte: u8) -> Step {
        match byte {
            b'\n' => {
                self.state = State::Text;
                while self.pending.last() == Some(&b'\r') {
                    self.pending.pop();
                }
                Step::End
            }
            b'\r' => {
                self.state = State::Return;
                Step::More
            }
            IAC => {
                self.state = State::Command;
                Step::More
            }
            TELNET_COMMAND_MIN.. if self.pending.is_empty() => Step::More,
            _ => self.push(byte),
        }
    }

    fn command(&mut self, byte: u8) -> Step {
        self.state = match byte {
            IAC => {
                self.state = State::Text;
                return self.push(IAC);
            }
            SB => State::Subnegotiation,
            WILL..=DONT => State::Option,
            TELNET_COMMAND_MIN.. => State::Text,
            _ => {
                if !self.pending.is_empty() {
                    return self.push_both(IAC, byte);
                }
                self.state = State::Text;
                return self.text(byte);
            }
        };
        Step::More
    }

    fn subnegotiation(&mut self) -> Step {
        self.subnegotiation_bytes += 1;
        if usize::from(self.subnegotiation_bytes) <= SUBNEGOTIATION_BYTES_MAX {
            return Step::More;
        }
        self.state = State::Text;
        self.subnegotiation_bytes = 0;
        self.give_up()
    }

    /// Puts a byte that was held back into the line, then looks at the byte after it.
    fn push_both(&mut self, held: u8, byte: u8) -> Step {
        self.state = State::Text;
        match (self.push(held), self.text(byte)) {
            (Step::TooLong, Step::End) => {
                self.discarding = false;
                Step::TooLong
            }
            (Step::TooLong, _) => Step::TooLong,
            (_, step) => step,
        }
    }

    fn push(&mut self, byte: u8) -> Step {
        if self.discarding {
            return Step::More;
        }
        if self.pending.len() == LINE_BYTES_MAX {
            return self.give_up();
        }
        self.pending.push(byte);
        Step::More
    }

    fn give_up(&mut self) -> Step {
        if self.discarding {
            return Step::More;
        }
        self.discarding = true;
        self.pending = Vec::new();
        Step::TooLong
    }
}

/// The line at the front of `input` and what follows it, if the line is whole and holds nothing
/// that must be taken out.
fn clean_line(input: &[u8]) -> Option<(&[u8], &[u8])> {
    if *input.first()? >= TELNET_COMMAND_MIN {
        return None;
    }
    let mut places = input.iter().take(LINE_BYTES_MAX + 1);
    let end = places.position(|byte| matches!(byte, b'\n' | b'\r' | &IAC))?;
    let (line, rest) = input.split_at_checked(end)?;
    let rest = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n"))?;
    Some((line, rest))
}

/// The longest command line in bytes, its end not counted. Longer: 500, and the rest is dropped.
pub const LINE_BYTES_MAX: usize = 4096;
/// The longest telnet subnegotiation in bytes: no option that a client of FTP could send is near
/// it.
const SUBNEGOTIATION_BYTES_MAX: usize = 512;

/// Interpret as command (RFC 854).
const IAC: u8 = 255;
const DONT: u8 = 254;
const WILL: u8 = 251;
const SB: u8 = 250;
const SE: u8 = 240;
/// The lowest telnet command (SE).
const TELNET_COMMAND_MIN: u8 = SE;

#[cfg(test)]
mod tests;
