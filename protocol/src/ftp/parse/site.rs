//! SITE and its commands.

use super::time::{seconds, time};
use super::{Parsed, digits, mode_bits, path, split, split_last};
use crate::entry::Timestamp;
use crate::ftp::command::{Command, ParseError, SiteCommand};
use crate::ftp::verb::Refusal;

/// `SITE command [arguments]`.
pub(in crate::ftp) fn site(argument: &[u8]) -> Parsed<'_> {
    let (word, argument) = split(argument);
    let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
    let command = if word.is_empty() {
        return Err(Refusal::Syntax);
    } else if is(b"HELP") {
        SiteCommand::Help
    } else if is(b"CHMOD") {
        chmod(argument).ok_or(syntax("SITE CHMOD <octal> <path>"))?
    } else if is(b"UTIME") {
        utime(argument).ok_or(syntax("SITE UTIME <YYYYMMDDHHMM[SS]> <path>"))?
    } else if is(b"IDLE") {
        let seconds = optional(argument, |seconds| digits(seconds, 10));
        SiteCommand::Idle(seconds.ok_or(syntax("SITE IDLE [<seconds>]"))?)
    } else if is(b"UMASK") {
        let mask = optional(argument, |mask| mode_bits(mask).filter(|&mask| mask <= 0o777));
        SiteCommand::Umask(mask.ok_or(syntax("SITE UMASK [<octal>]"))?)
    } else if is(b"CPFR") {
        SiteCommand::Cpfr(path(argument).map_err(|_| syntax("SITE CPFR <path>"))?)
    } else if is(b"CPTO") {
        SiteCommand::Cpto(path(argument).map_err(|_| syntax("SITE CPTO <path>"))?)
    } else {
        return Err(Refusal::Because(ParseError::Parameter("SITE HELP lists what there is")));
    };
    Ok(Command::Site(command))
}

fn syntax(syntax: &'static str) -> Refusal {
    Refusal::Because(ParseError::Syntax(syntax))
}

/// Nothing, or a number that must be right.
fn optional<T>(argument: &[u8], parse: impl FnOnce(&[u8]) -> Option<T>) -> Option<Option<T>> {
    let argument = argument.trim_ascii();
    if argument.is_empty() { Some(None) } else { parse(argument).map(Some) }
}

fn chmod(argument: &[u8]) -> Option<SiteCommand<'_>> {
    let (mode, name) = split(argument);
    Some(SiteCommand::Chmod(mode_bits(mode)?, path(name).ok()?))
}

/// The long form is tried first: its end is far less likely to be a part of a name than the digits
/// at the start of the short form.
fn utime(argument: &[u8]) -> Option<SiteCommand<'_>> {
    if let Some((name, modified)) = utime_long(argument) {
        return Some(SiteCommand::Utime(modified, name));
    }
    let (stamp, name) = split(argument);
    let modified = Timestamp { seconds: seconds(stamp)?, nanoseconds: 0 };
    Some(SiteCommand::Utime(modified, path(name).ok()?))
}

/// `path atime mtime ctime UTC`.
fn utime_long(argument: &[u8]) -> Option<(&[u8], Timestamp)> {
    let (rest, zone) = split_last(argument)?;
    let (rest, changed) = split_last(rest)?;
    let (rest, modified) = split_last(rest)?;
    let (name, accessed) = split_last(rest)?;
    if !zone.eq_ignore_ascii_case(b"UTC") {
        return None;
    }
    time(accessed)?;
    time(changed)?;
    Some((path(name).ok()?, time(modified)?))
}
