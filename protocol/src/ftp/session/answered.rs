//! Which commands were answered, and how: for whoever counts or traces them.

use std::collections::VecDeque;
use std::time::Instant;

use crate::ftp::Verb;

/// A command whose final reply is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// `None`: none that is known.
    pub verb: Option<Verb>,
    /// The code of the final reply; 0 where there was none.
    pub code: u16,
    /// When it was taken up.
    pub since: Instant,
}

/// Those that the owner has not taken note of, and the one that is under way.
#[derive(Debug)]
pub(super) struct Answers {
    /// Of the command that was executed last.
    pub(super) verb: Option<Verb>,
    /// When that was taken up.
    pub(super) since: Instant,
    /// The first that waits: as a rule there is no other, and an idle session has no room for more.
    first: Option<Answered>,
    rest: VecDeque<Answered>,
}

impl Answers {
    pub(super) fn new(now: Instant) -> Self {
        Self { verb: None, since: now, first: None, rest: VecDeque::new() }
    }

    /// One was answered with this.
    pub(super) fn push(&mut self, verb: Option<Verb>, since: Instant, written: Option<&[u8]>) {
        let answered = Answered { verb, code: code(written.unwrap_or_default()), since };
        if self.first.is_none() {
            self.first = Some(answered);
            return;
        }
        self.rest.push_back(answered);
        if self.rest.len() >= WAITING_MAX {
            self.first = self.rest.pop_front();
        }
    }

    pub(super) fn take(&mut self) -> Option<Answered> {
        let next = self.first.take()?;
        self.first = self.rest.pop_front();
        if self.first.is_none() {
            self.rest = VecDeque::new();
        }
        Some(next)
    }
}

/// The code of the last line, which has one in every reply.
fn code(written: &[u8]) -> u16 {
    let lines = written.strip_suffix(b"\r\n").unwrap_or(written);
    let start = lines.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    let digits = lines.get(start..start + 3).unwrap_or_default();
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0'));
    digits.iter().map(digit).try_fold(0, |code, digit| Some(code * 10 + digit?)).unwrap_or(0)
}

/// More than replies fit in the output before commands wait.
const WAITING_MAX: usize = 4096;
