//! From a line to a typed command: every argument is judged here, once.

use super::command::{Command, ParseError, Verb};

impl<'a> Command<'a> {
    /// Parses one line without its end. The verb comes back even if its arguments are wrong, so that
    /// the caller can judge access before syntax.
    pub fn parse(line: &'a [u8]) -> (Option<Verb>, Result<Self, ParseError>) {
        let _ = line;
        todo!()
    }
}
