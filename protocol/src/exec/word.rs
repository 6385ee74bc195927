//! Words of a command line, by the quoting rules of the POSIX shell and with none of its powers.

use super::{ExecError, Word};

/// Splits a command line at `|` and its parts into words.
///
/// Quotes and backslashes mean what they mean to a shell, and `~` or `~/` at the beginning of a
/// word is the home folder, where relative paths begin. Whatever would make a shell do something
/// (expand, redirect, run more) is refused.
pub(super) fn split(command: &[u8]) -> Result<Vec<Vec<Word>>, ExecError> {
    let mut parts = Vec::new();
    let mut words = Vec::new();
    let mut word: Option<Builder> = None;
    let mut rest = command;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b' ' | b'\t' => words.extend(word.take().map(Builder::finish)),
            b'|' => {
                words.extend(word.take().map(Builder::finish));
                parts.push(std::mem::take(&mut words));
            }
            b'\'' => rest = single_quoted(rest, word.get_or_insert_default())?,
            b'"' => rest = double_quoted(rest, word.get_or_insert_default())?,
            b'\\' => {
                // At the very end a backslash stands for itself.
                let (&byte, after) = rest.split_first().unwrap_or((&b'\\', b""));
                rest = after;
                // Before the end of a line it joins two lines.
                if byte != b'\n' {
                    word.get_or_insert_default().quoted(byte)?;
                }
            }
            b'~' if word.is_none() => {
                if !matches!(rest.first(), None | Some(b'/' | b' ' | b'\t')) {
                    return Err(ExecError::Power('~'));
                }
                word.get_or_insert_default().quoted(b'.')?;
            }
            b'#' if word.is_none() => return Err(ExecError::Power('#')),
            // Libraries end the command as a typed line.
            b'\n' if rest.trim_ascii_start().is_empty() => break,
            b'\n' | b'$' | b'`' | b';' | b'&' | b'<' | b'>' | b'(' | b')' => {
                return Err(ExecError::Power(char::from(byte)));
            }
            _ => word.get_or_insert_default().unquoted(byte)?,
        }
    }
    words.extend(word.map(Builder::finish));
    parts.push(words);
    Ok(parts)
}

/// Takes what follows a single quote, up to the next one.
fn single_quoted<'a>(mut rest: &'a [u8], word: &mut Builder) -> Result<&'a [u8], ExecError> {
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'\'' => return Ok(rest),
            _ => word.quoted(byte)?,
        }
    }
    Err(ExecError::OpenQuote)
}

/// Takes what follows a double quote, up to the next one that has no backslash.
fn double_quoted<'a>(mut rest: &'a [u8], word: &mut Builder) -> Result<&'a [u8], ExecError> {
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'"' => return Ok(rest),
            b'$' | b'`' => return Err(ExecError::Power(char::from(byte))),
            b'\\' => match rest.split_first() {
                Some((&b'\n', after)) => rest = after,
                Some((&byte @ (b'$' | b'`' | b'"' | b'\\'), after)) => {
                    rest = after;
                    word.quoted(byte)?;
                }
                _ => word.quoted(b'\\')?,
            },
            _ => word.quoted(byte)?,
        }
    }
    Err(ExecError::OpenQuote)
}

/// A word under way, in both of its readings.
#[derive(Default)]
struct Builder {
    literal: Vec<u8>,
    pattern: Vec<u8>,
    /// Something outside quotes makes it a pattern.
    active: bool,
}

impl Builder {
    fn unquoted(&mut self, byte: u8) -> Result<(), ExecError> {
        self.active |= matches!(byte, b'*' | b'?' | b'[');
        self.push(byte)
    }

    fn quoted(&mut self, byte: u8) -> Result<(), ExecError> {
        // In a class too: `-`, `!` and `^` mean something there.
        if matches!(byte, b'*' | b'?' | b'[' | b']' | b'\\' | b'-' | b'!' | b'^') {
            self.pattern.push(b'\\');
        }
        self.push(byte)
    }

    fn push(&mut self, byte: u8) -> Result<(), ExecError> {
        if byte == 0 {
            return Err(ExecError::Nul);
        }
        self.literal.push(byte);
        self.pattern.push(byte);
        Ok(())
    }

    fn finish(self) -> Word {
        if self.active { Word::Pattern(self.pattern) } else { Word::Literal(self.literal) }
    }
}
