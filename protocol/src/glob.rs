//! Shell patterns: for names in listings, and for the paths of commands.

mod walk;
mod word;

pub use walk::{MATCHES_MAX, Step, TooMany, Walk};
pub use word::Word;

use crate::path::NAME_BYTES_MAX;

/// Whether `name` fits the shell pattern: `*`, `?`, `[...]` with ranges and `!` or `^` in front for
/// the opposite, a backslash to take the next character as it is; a leading dot must be matched
/// literally. Characters are those of UTF-8 where the bytes are UTF-8, single bytes elsewhere.
///
/// Only the last `*` is ever tried again, so the work is bounded by the product of both lengths; a
/// pattern longer than [`PATTERN_BYTES_MAX`] fits nothing, so that the product stays small.
pub fn matches(pattern: &[u8], name: &[u8]) -> bool {
    if pattern.len() > PATTERN_BYTES_MAX {
        return false;
    }
    if name.first() == Some(&b'.') && !pattern.starts_with(b".") && !pattern.starts_with(b"\\.") {
        return false;
    }
    let (mut pattern, mut name) = (pattern, name);
    // Where to go on when what follows the last `*` does not fit: that rest of the pattern, and the
    // name from the character on that the `*` has not swallowed yet.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        if let Some(rest) = pattern.strip_prefix(b"*") {
            pattern = rest;
            retry = Some((pattern, name));
            continue;
        }
        if pattern.is_empty() && name.is_empty() {
            return true;
        }
        match step(pattern, name) {
            Some(rests) => (pattern, name) = rests,
            None => {
                let Some((rest, from)) = retry else { return false };
                let Some((_, from)) = character(from) else { return false };
                retry = Some((rest, from));
                (pattern, name) = (rest, from);
            }
        }
    }
}

/// Whether a component holds glob characters at all.
pub fn is_pattern(component: &[u8]) -> bool {
    component.iter().any(|byte| matches!(byte, b'*' | b'?' | b'['))
}

/// The text of a pattern that fits nothing: each backslash gives way to what follows it.
pub fn unescape(pattern: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(pattern.len());
    let mut bytes = pattern.iter();
    while let Some(&byte) = bytes.next() {
        let byte = if byte == b'\\' { bytes.next().copied().unwrap_or(byte) } else { byte };
        text.push(byte);
    }
    text
}

/// Matches one element of the pattern, which is no `*`, with one character of the name; gives back
/// what is left of both.
fn step<'p, 'n>(pattern: &'p [u8], name: &'n [u8]) -> Option<(&'p [u8], &'n [u8])> {
    let (shown, name) = character(name)?;
    let (element, rest) = character(pattern)?;
    match element {
        b"?" => return Some((rest, name)),
        b"[" => {
            if let Some((fits, rest)) = class(rest, shown) {
                return fits.then_some((rest, name));
            }
        }
        b"\\" => {
            if let Some((element, rest)) = character(rest) {
                return (element == shown).then_some((rest, name));
            }
        }
        _ => {}
    }
    (element == shown).then_some((rest, name))
}

/// Judges a character by the class whose `[` was taken off `pattern`, and gives back what follows
/// its `]`; `None` if the class has no end, and its `[` stands for itself.
fn class<'p>(pattern: &'p [u8], shown: &[u8]) -> Option<(bool, &'p [u8])> {
    let opposite = pattern.strip_prefix(b"!").or_else(|| pattern.strip_prefix(b"^"));
    let mut rest = opposite.unwrap_or(pattern);
    let mut found = false;
    let mut first = true;
    loop {
        let (low, after) = character(rest)?;
        rest = after;
        if low == b"]" && !first {
            return Some((found != opposite.is_some(), rest));
        }
        first = false;
        let low = if low == b"\\" { take(&mut rest)? } else { low };
        let mut high = low;
        if let Some(after) = rest.strip_prefix(b"-") {
            // A hyphen before the end of the class stands for itself.
            if !after.starts_with(b"]") {
                rest = after;
                high = take(&mut rest)?;
                if high == b"\\" {
                    high = take(&mut rest)?;
                }
            }
        }
        // UTF-8 orders as its code points do.
        found |= low <= shown && shown <= high;
    }
}

fn take<'p>(rest: &mut &'p [u8]) -> Option<&'p [u8]> {
    let (element, after) = character(rest)?;
    *rest = after;
    Some(element)
}

/// The first character: a sequence of UTF-8 if it is whole, otherwise one byte.
fn character(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = match bytes.first()? {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    };
    match bytes.split_at_checked(length) {
        Some((head, rest)) if std::str::from_utf8(head).is_ok() => Some((head, rest)),
        _ => bytes.split_at_checked(1),
    }
}

/// The longest pattern in bytes: that of a name, for which a pattern stands.
pub const PATTERN_BYTES_MAX: usize = NAME_BYTES_MAX;

#[cfg(test)]
mod tests;
