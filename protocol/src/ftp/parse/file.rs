//! Arguments of several parts, one of them a path or a range of bytes.

use super::time::time;
use super::{Parsed, digits, mode_bits, path, split, split_last};
use crate::ftp::Algorithm;
use crate::ftp::command::{Command, ListOptions, ParseError, RangeLimits};
use crate::ftp::verb::Refusal;

/// `ALLO bytes [R record-size]`: the record size means nothing to a file without records.
pub(in crate::ftp) fn allo(argument: &[u8]) -> Parsed<'_> {
    let (bytes, rest) = split(argument.trim_ascii());
    let bytes = digits(bytes, 10).ok_or(Refusal::Syntax)?;
    match split(rest) {
        (b"", b"") => Ok(Command::Allo(bytes)),
        (b"R" | b"r", size) if digits(size, 10).is_some() => Ok(Command::Allo(bytes)),
        _ => Err(Refusal::Syntax),
    }
}

/// `RANG first last`, `RANG 1 0`.
pub(in crate::ftp) fn rang(argument: &[u8]) -> Parsed<'_> {
    let (first, last) = split(argument.trim_ascii());
    let first = digits(first, 10).ok_or(Refusal::Syntax)?;
    let last = digits(last, 10).ok_or(Refusal::Syntax)?;
    match (first, last) {
        (1, 0) => Ok(Command::Rang(RangeLimits::Reset)),
        _ if first <= last => Ok(Command::Rang(RangeLimits::Bytes { first, last })),
        _ => Err(Refusal::Syntax),
    }
}

/// `STAT`, or `STAT [options] path`.
pub(in crate::ftp) fn stat(argument: &[u8]) -> Parsed<'_> {
    if argument.is_empty() {
        return Ok(Command::Stat(None));
    }
    list(argument).map(|options| Command::Stat(Some(options)))
}

/// Options in the manner of `ls`, then a path or pattern. Letters that mean nothing here are
/// ignored; `--` ends the options, and so does a lone `-`, which is a name. A name that begins with
/// a hyphen is written after `--` or as `./-name`.
pub(in crate::ftp) fn list(argument: &[u8]) -> Result<ListOptions<'_>, Refusal> {
    let mut options = ListOptions { path: argument, ..ListOptions::default() };
    loop {
        // Between options any number of spaces may stand; before the path it is exactly one.
        let (option, rest) = split(options.path.trim_ascii_start());
        match option {
            b"-" => break,
            b"--" => {
                options.path = rest;
                break;
            }
            [b'-', letters @ ..] => {
                for letter in letters {
                    match letter {
                        b'a' | b'A' => options.all = true,
                        b'R' => options.recursive = true,
                        b'l' => options.long = true,
                        b'd' => options.directory = true,
                        _ => {}
                    }
                }
                options.path = rest;
            }
            _ => break,
        }
    }
    if options.path.contains(&b'\r') { Err(Refusal::Syntax) } else { Ok(options) }
}

/// `MDTM path`, or `MDTM time path` as many clients set times. A name that begins with a valid time
/// and a space can be asked for as `./name`.
pub(in crate::ftp) fn mdtm(argument: &[u8]) -> Parsed<'_> {
    mfmt(argument).or_else(|_| path(argument).map(Command::Mdtm))
}

/// `MFMT time path`.
pub(in crate::ftp) fn mfmt(argument: &[u8]) -> Parsed<'_> {
    let (stamp, name) = split(argument);
    Ok(Command::Mfmt(time(stamp).ok_or(Refusal::Syntax)?, path(name)?))
}

/// `MFF fact=value;... path` (draft-somers-ftp-mfxx, 6).
pub(in crate::ftp) fn mff(argument: &[u8]) -> Parsed<'_> {
    let (facts, name) = split(argument);
    let (mut modified, mut mode) = (None, None);
    let facts = facts.strip_suffix(b";").unwrap_or(facts);
    for fact in facts.split(|&byte| byte == b';') {
        let equals = fact.iter().position(|&byte| byte == b'=').ok_or(Refusal::Syntax)?;
        let (fact, value) = fact.split_at_checked(equals).ok_or(Refusal::Syntax)?;
        let value = value.strip_prefix(b"=").unwrap_or(value);
        if fact.eq_ignore_ascii_case(b"modify") {
            modified = Some(time(value).ok_or(Refusal::Syntax)?);
        } else if fact.eq_ignore_ascii_case(b"UNIX.mode") {
            mode = Some(mode_bits(value).ok_or(Refusal::Syntax)?);
        } else {
            return Err(Refusal::Because(ParseError::Parameter(
                "modify and UNIX.mode are the facts that can be set",
            )));
        }
    }
    Ok(Command::Mff { modified, mode, path: path(name)? })
}

/// `XMD5 path`, `XMD5 path start end`, `XMD5 "path" [start [end]]`.
pub(in crate::ftp) fn digest(argument: &[u8], algorithm: Algorithm) -> Parsed<'_> {
    let (name, start, end) = match quoted(argument) {
        Some(parts) => parts,
        None => ranged(argument).unwrap_or((argument, 0, None)),
    };
    if end.is_some_and(|end| end < start) {
        return Err(Refusal::Syntax);
    }
    Ok(Command::DigestOf { algorithm, path: path(name)?, start, end })
}

/// What stands between the first and the last quote, then no, one or two numbers. Quotes inside are
/// taken as they are.
fn quoted(argument: &[u8]) -> Option<(&[u8], u64, Option<u64>)> {
    let rest = argument.strip_prefix(b"\"")?;
    let (name, rest) = rest.split_at_checked(rest.iter().rposition(|&byte| byte == b'"')?)?;
    let rest = rest.strip_prefix(b"\"")?;
    if rest.trim_ascii().is_empty() {
        return Some((name, 0, None));
    }
    let (start, end) = split(rest.strip_prefix(b" ")?.trim_ascii());
    let start = digits(start, 10)?;
    if end.is_empty() {
        Some((name, start, None))
    } else {
        Some((name, start, Some(digits(end, 10)?)))
    }
}

/// `path start end`, the path without a space.
fn ranged(argument: &[u8]) -> Option<(&[u8], u64, Option<u64>)> {
    let (rest, end) = split_last(argument)?;
    let (name, start) = split_last(rest)?;
    if name.contains(&b' ') {
        return None;
    }
    Some((name, digits(start, 10)?, Some(digits(end, 10)?)))
}
