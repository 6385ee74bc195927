//! From a line to a typed command: every argument is judged here, once.
//!
//! Exactly one space parts the verb from its argument, so that names may begin and end with spaces.
//! Arguments that are no names (numbers, codes, addresses) may be padded with spaces.

mod address;
mod file;
mod option;
mod site;
mod time;

pub(super) use address::{eprt, epsv, host, port};
pub(super) use file::{allo, digest, list, mdtm, mff, mfmt, rang, stat};
pub(super) use option::opts;
pub(super) use site::site;

use super::command::{
    Command, DataProtection, ParseError, Representation, Structure, TransferMode,
};
use super::verb::{Refusal, Verb};

impl<'a> Command<'a> {
    /// Parses one line without its end. The verb comes back even if its arguments are wrong, so
    /// that the caller can judge access before syntax.
    pub fn parse(line: &'a [u8]) -> (Option<Verb>, Result<Self, ParseError>) {
        let (word, argument) = split(line);
        let Some(verb) = Verb::lookup(word) else {
            return (None, Err(ParseError::UnknownVerb));
        };
        let info = verb.info();
        (Some(verb), (info.parse)(argument).map_err(|refusal| refusal.named(info)))
    }
}

pub(super) type Parsed<'a> = Result<Command<'a>, Refusal>;

/// The first word and what follows the space after it.
fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|&byte| byte == b' ').and_then(|end| bytes.split_at_checked(end)) {
        Some((word, rest)) => (word, rest.strip_prefix(b" ").unwrap_or(rest)),
        None => (bytes, b""),
    }
}

/// The last word and what stands before the space in front of it.
fn split_last(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = bytes.iter().rposition(|&byte| byte == b' ')?;
    let (rest, word) = bytes.split_at_checked(space)?;
    Some((rest, word.strip_prefix(b" ")?))
}

/// For verbs without an argument.
pub(super) fn nothing<'a>(argument: &[u8], command: Command<'a>) -> Parsed<'a> {
    if argument.trim_ascii().is_empty() { Ok(command) } else { Err(Refusal::Syntax) }
}

/// An argument that must not be empty and is taken as it stands.
pub(super) fn some(argument: &[u8]) -> Result<&[u8], Refusal> {
    if argument.is_empty() { Err(Refusal::Syntax) } else { Ok(argument) }
}

/// A path as it stands. A CR inside is refused: it could be shown in no reply or listing, and a
/// client that sends one has a bug or an intention.
pub(super) fn path(argument: &[u8]) -> Result<&[u8], Refusal> {
    if argument.contains(&b'\r') { Err(Refusal::Syntax) } else { some(argument) }
}

pub(super) fn path_or_none(argument: &[u8]) -> Result<Option<&[u8]>, Refusal> {
    if argument.is_empty() { Ok(None) } else { path(argument).map(Some) }
}

/// A word, spaces around it removed.
pub(super) fn word_or_none(argument: &[u8]) -> Option<&[u8]> {
    Some(argument.trim_ascii()).filter(|word| !word.is_empty())
}

/// A decimal number of digits alone.
pub(super) fn number(argument: &[u8]) -> Result<u64, Refusal> {
    digits(argument.trim_ascii(), 10).ok_or(Refusal::Syntax)
}

/// Digits of a base up to ten; no sign, no space, no overflow.
fn digits(bytes: &[u8], base: u8) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0_u64, |number, &byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit >= base {
            return None;
        }
        number.checked_mul(u64::from(base))?.checked_add(u64::from(digit))
    })
}

/// Permission bits in octal.
fn mode_bits(bytes: &[u8]) -> Option<u32> {
    digits(bytes, 8).filter(|&mode| mode <= 0o7777).and_then(|mode| u32::try_from(mode).ok())
}

pub(super) fn cwd(argument: &[u8]) -> Parsed<'_> {
    path_or_none(argument).map(|path| Command::Cwd(path.unwrap_or_default()))
}

pub(super) fn auth(argument: &[u8]) -> Parsed<'_> {
    let mechanism = some(argument.trim_ascii())?;
    let known = [&b"TLS"[..], b"TLS-C", b"SSL", b"TLS-P"];
    let known = known.into_iter().find(|known| known.eq_ignore_ascii_case(mechanism));
    Ok(Command::Auth(known.unwrap_or(mechanism)))
}

pub(super) fn prot(argument: &[u8]) -> Parsed<'_> {
    Ok(Command::Prot(match argument.trim_ascii() {
        [b'C' | b'c'] => DataProtection::Clear,
        [b'P' | b'p'] => DataProtection::Private,
        [b'S' | b's' | b'E' | b'e'] => DataProtection::Unsupported,
        _ => return Err(Refusal::Syntax),
    }))
}

pub(super) fn representation(argument: &[u8]) -> Parsed<'_> {
    let (code, form) = match argument.trim_ascii().split_first() {
        Some((code, form)) => (code.to_ascii_uppercase(), form.trim_ascii()),
        None => return Err(Refusal::Syntax),
    };
    Ok(Command::Type(match (code, form) {
        (b'A', b"" | b"N" | b"n") => Representation::Ascii,
        (b'I', b"") | (b'L', b"8") => Representation::Image,
        (b'E', b"" | b"N" | b"n" | b"T" | b"t" | b"C" | b"c")
        | (b'A', b"T" | b"t" | b"C" | b"c") => Representation::Unsupported,
        (b'L', size) if digits(size, 10).is_some() => Representation::Unsupported,
        _ => return Err(Refusal::Syntax),
    }))
}

pub(super) fn stru(argument: &[u8]) -> Parsed<'_> {
    Ok(Command::Stru(match argument.trim_ascii() {
        [b'F' | b'f'] => Structure::File,
        [b'R' | b'r' | b'P' | b'p'] => Structure::Unsupported,
        _ => return Err(Refusal::Syntax),
    }))
}

pub(super) fn mode(argument: &[u8]) -> Parsed<'_> {
    Ok(Command::Mode(match argument.trim_ascii() {
        [b'S' | b's'] => TransferMode::Stream,
        [b'B' | b'b' | b'C' | b'c' | b'Z' | b'z'] => TransferMode::Unsupported,
        _ => return Err(Refusal::Syntax),
    }))
}

#[cfg(test)]
mod tests;
