//! OPTS (RFC 2389, 4).

use super::{Parsed, split};
use crate::ftp::command::{Command, ParseError};
use crate::ftp::verb::Refusal;
use crate::ftp::{Algorithm, Facts};

/// `OPTS UTF8 [ON|OFF]`, `OPTS MLST [facts]`, `OPTS HASH [algorithm]`, or another feature's name.
pub(in crate::ftp) fn opts(argument: &[u8]) -> Parsed<'_> {
    let (feature, option) = split(argument.trim_ascii());
    let option = option.trim_ascii();
    let is = |name: &[u8]| feature.eq_ignore_ascii_case(name);
    if feature.is_empty() {
        Err(Refusal::Syntax)
    } else if is(b"UTF8") || is(b"UTF-8") {
        utf8(option)
    } else if is(b"MLST") {
        Ok(Command::OptsMlst(Facts::parse(option)))
    } else if is(b"HASH") {
        hash(option)
    } else {
        Ok(Command::OptsUnknown(feature))
    }
}

/// Without a word it means ON, as older clients send it.
fn utf8(option: &[u8]) -> Parsed<'_> {
    if option.is_empty() || option.eq_ignore_ascii_case(b"ON") {
        Ok(Command::OptsUtf8(true))
    } else if option.eq_ignore_ascii_case(b"OFF") {
        Ok(Command::OptsUtf8(false))
    } else {
        Err(Refusal::Syntax)
    }
}

fn hash(option: &[u8]) -> Parsed<'_> {
    if option.is_empty() {
        return Ok(Command::OptsHash(None));
    }
    match Algorithm::parse(option) {
        Some(algorithm) => Ok(Command::OptsHash(Some(algorithm))),
        None => Err(Refusal::Because(ParseError::Parameter("FEAT lists the algorithms of HASH"))),
    }
}
