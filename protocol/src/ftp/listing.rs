//! The lines of LIST, NLST, MLSD and MLST: written straight into the caller's buffer, no allocation.

use super::command::Facts;
use crate::entry::{Entry, Rights};

/// How a name that holds CR, LF or NUL is shown: such bytes become `?` in LIST and NLST; MLSx lines
/// with such names are left out, as RFC 3659 has no way to say them.
pub fn write_list(out: &mut Vec<u8>, entry: &Entry<'_>, now_seconds: i64) {
    let _ = (out, entry, now_seconds);
    todo!()
}

/// One NLST line: the name behind `prefix` (a directory as the client named it, or empty).
pub fn write_nlst(out: &mut Vec<u8>, prefix: &[u8], name: &[u8]) {
    let _ = (out, prefix, name);
    todo!()
}

/// One MLSD line, or the middle line of MLST (without its leading space). `kind_override` is `Some("cdir")` or
/// `Some("pdir")` for `.` and `..`. Returns whether a line was written.
pub fn write_mlsx(
    out: &mut Vec<u8>,
    entry: &Entry<'_>,
    facts: Facts,
    rights: Rights,
    kind_override: Option<&str>,
) -> bool {
    let _ = (out, entry, facts, rights, kind_override);
    todo!()
}

/// `YYYYMMDDHHMMSS` in UTC (RFC 3659, 2.3).
pub fn write_time(out: &mut Vec<u8>, seconds: i64) {
    let _ = (out, seconds);
    todo!()
}

/// Whether `name` fits the shell pattern: `*`, `?`, `[...]`; a leading dot must be matched literally.
pub fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let _ = (pattern, name);
    todo!()
}

/// Whether a component holds glob characters at all.
pub fn is_pattern(component: &[u8]) -> bool {
    component.iter().any(|byte| matches!(byte, b'*' | b'?' | b'['))
}
