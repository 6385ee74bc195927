//! Lines of the protocol: read, judged and written.

use crate::entry::{Attributes, Timestamp};
use crate::failure::Failure;

/// A line by which the sending end says what comes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// `C`: a file of this size.
    File { mode: u32, size: u64, name: &'a [u8] },
    /// `D`: a directory; what follows up to its `E` lies in it.
    Directory { mode: u32, name: &'a [u8] },
    /// `E`: the directory's end.
    End,
    /// `T`: times of the next file or directory; `None` if no clock goes that far.
    Times(Option<Times>),
    /// An error of the client, which goes on.
    Warning,
    /// An error that the client ends with.
    Fatal,
}

/// What a `T` line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) modified: Timestamp,
    pub(super) accessed: Timestamp,
}

/// Why a name in a `C` or `D` line is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadName {
    /// No honest client sends it: it leads elsewhere.
    Forged,
    /// A control byte: a name that a file may have but that no listing or log should.
    Control,
}

impl<'a> Line<'a> {
    /// Reads a line without its LF; what is wrong comes back as text.
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, &'static str> {
        let (&kind, rest) = line.split_first().ok_or("unexpected <newline>")?;
        match kind {
            1 => Ok(Self::Warning),
            2 => Ok(Self::Fatal),
            b'E' => Ok(Self::End),
            b'T' => times(rest),
            b'C' => entry(rest).map(|(mode, size, name)| Self::File { mode, size, name }),
            b'D' => entry(rest).map(|(mode, _, name)| Self::Directory { mode, name }),
            _ => Err("expected control record"),
        }
    }
}

/// Judges a name, which becomes one component of a path.
pub(super) fn check_name(name: &[u8]) -> Result<(), BadName> {
    if matches!(name, b"" | b"." | b"..") || name.contains(&b'/') {
        Err(BadName::Forged)
    } else if name.iter().any(u8::is_ascii_control) {
        Err(BadName::Control)
    } else {
        Ok(())
    }
}

/// Writes the `T` line of a file or directory. Whole seconds and none before 1970, as OpenSSH does:
/// there are clients that read nothing else.
pub(super) fn write_times(out: &mut Vec<u8>, attributes: &Attributes) {
    let modified = attributes.modified.seconds.max(0);
    let accessed = attributes.accessed.seconds.max(0);
    out.extend_from_slice(format!("T{modified} 0 {accessed} 0\n").as_bytes());
}

/// Writes the `C` or `D` line.
pub(super) fn write_entry(out: &mut Vec<u8>, kind: char, mode: u32, size: u64, name: &[u8]) {
    let mode = mode & MODE_BITS;
    out.extend_from_slice(format!("{kind}{mode:04o} {size} ").as_bytes());
    out.extend_from_slice(name);
    out.push(b'\n');
}

/// Writes an error about one file, after which the other end goes on.
pub(super) fn write_warning(out: &mut Vec<u8>, path: &[u8], text: &str) {
    write_error(out, 1, Some(path), text);
}

/// Writes the error that everything ends with.
pub(super) fn write_fatal(out: &mut Vec<u8>, path: Option<&[u8]>, text: &str) {
    write_error(out, 2, path, text);
}

fn write_error(out: &mut Vec<u8>, code: u8, path: Option<&[u8]>, text: &str) {
    out.push(code);
    out.extend_from_slice(b"scp: ");
    if let Some(path) = path {
        write_shown(out, &String::from_utf8_lossy(path), PATH_BYTES_SHOWN);
        out.extend_from_slice(b": ");
    }
    write_shown(out, text, TEXT_BYTES_SHOWN);
    out.push(b'\n');
}

/// A failure as programs tell it: without a full stop.
pub(super) fn text_of(failure: &Failure) -> &str {
    failure.text().trim_end_matches('.')
}

/// Appends text without anything that a terminal obeys or that ends the line.
fn write_shown(out: &mut Vec<u8>, text: &str, bytes_max: usize) {
    let start = out.len();
    for character in text.chars() {
        let character = if character.is_control() { '?' } else { character };
        if out.len() - start + character.len_utf8() > bytes_max {
            break;
        }
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// `MMMM SIZE NAME`.
fn entry(rest: &[u8]) -> Result<(u32, u64, &[u8]), &'static str> {
    let (mode, rest) = rest.split_at_checked(4).ok_or("bad mode")?;
    let mut bits = 0;
    for digit in mode {
        if !(b'0'..=b'7').contains(digit) {
            return Err("bad mode");
        }
        bits = bits << 3 | u32::from(digit - b'0');
    }
    let rest = rest.strip_prefix(b" ").ok_or("mode not delimited")?;
    let (size, rest) = number(rest).ok_or("size not present")?;
    let name = rest.strip_prefix(b" ").ok_or("size not delimited")?;
    if size > SIZE_MAX {
        return Err("size out of range");
    }
    Ok((bits, size, name))
}

/// `MTIME MICROSECONDS ATIME MICROSECONDS`.
fn times(rest: &[u8]) -> Result<Line<'_>, &'static str> {
    let (modified, rest) = time(rest).ok_or("mtime not delimited")?;
    let rest = rest.strip_prefix(b" ").ok_or("mtime not delimited")?;
    let (accessed, rest) = time(rest).ok_or("atime not delimited")?;
    if !rest.is_empty() {
        return Err("atime not delimited");
    }
    Ok(Line::Times(match (modified, accessed) {
        (Some(modified), Some(accessed)) => Some(Times { modified, accessed }),
        _ => None,
    }))
}

/// `SECONDS MICROSECONDS`; the time is `None` if it is too far away to be one.
fn time(rest: &[u8]) -> Option<(Option<Timestamp>, &[u8])> {
    let (seconds, rest) = number(rest)?;
    let (microseconds, rest) = number(rest.strip_prefix(b" ")?)?;
    let microseconds = u32::try_from(microseconds).ok().filter(|&number| number < 1_000_000)?;
    let time = i64::try_from(seconds)
        .ok()
        .map(|seconds| Timestamp { seconds, nanoseconds: microseconds * 1000 });
    Some((time, rest))
}

/// Decimal digits, one at least; what is too large becomes the largest number.
fn number(rest: &[u8]) -> Option<(u64, &[u8])> {
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = rest.split_at_checked(count).filter(|_| count > 0)?;
    let number = digits.iter().fold(0u64, |number, digit| {
        number.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
    });
    Some((number, rest))
}

/// The bits of a mode that are ever sent or taken.
pub(super) const MODE_BITS: u32 = 0o7777;
/// The largest size in bytes: that of `off_t`.
pub(super) const SIZE_MAX: u64 = i64::MAX as u64;
/// How much of a path and of a text an error shows, in bytes: together less than the line of 2048
/// that OpenSSH reads.
const PATH_BYTES_SHOWN: usize = 1024;
const TEXT_BYTES_SHOWN: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn time(seconds: i64, nanoseconds: u32) -> Timestamp {
        Timestamp { seconds, nanoseconds }
    }

    #[test]
    fn good_lines() {
        for (line, expected) in [
            (&b"C0644 12 a b"[..], Line::File { mode: 0o644, size: 12, name: b"a b" }),
            (b"C7777 00 \xff", Line::File { mode: 0o7777, size: 0, name: b"\xff" }),
            (b"C0000 9223372036854775807 a", Line::File { mode: 0, size: SIZE_MAX, name: b"a" }),
            (b"D0755 0 d", Line::Directory { mode: 0o755, name: b"d" }),
            (b"C0644 1  ", Line::File { mode: 0o644, size: 1, name: b" " }),
            (b"C0644 1 ", Line::File { mode: 0o644, size: 1, name: b"" }),
            (b"E", Line::End),
            (
                b"T1 2 3 999999",
                Line::Times(Some(Times {
                    modified: time(1, 2000),
                    accessed: time(3, 999_999_000),
                })),
            ),
            (b"T99999999999999999999 0 0 0", Line::Times(None)),
            (b"\x01scp: a: no", Line::Warning),
            (b"\x02scp: no", Line::Fatal),
        ] {
            assert_eq!(Line::parse(line), Ok(expected), "{}", line.escape_ascii());
        }
    }

    #[test]
    fn bad_lines() {
        for line in [
            &b""[..],
            b"x",
            b"\0",
            b"C",
            b"C644 1 a",
            b"C0648 1 a",
            b"C06441 a",
            b"C0644  1 a",
            b"C0644 -1 a",
            b"C0644 1",
            b"C0644 a",
            b"C0644 9223372036854775808 a",
            b"C0644 99999999999999999999 a",
            b"D0755 0",
            b"T1 0 1",
            b"T1 0 1 0 ",
            b"T1 1000000 1 0",
            b"T-1 0 1 0",
            b"T1 0  1 0",
        ] {
            assert!(Line::parse(line).is_err(), "{}", line.escape_ascii());
        }
    }

    #[test]
    fn names() {
        for name in [&b""[..], b".", b"..", b"a/b", b"/", b"../a"] {
            assert_eq!(check_name(name), Err(BadName::Forged));
        }
        for name in [&b"a\0"[..], b"\x1b[2J", b"a\nb", b"\x7f", b"a\tb"] {
            assert_eq!(check_name(name), Err(BadName::Control));
        }
        for name in [&b"a b"[..], b"...", b"-", b"\xc3\xa4", b"\xff\x9b"] {
            assert_eq!(check_name(name), Ok(()));
        }
    }

    #[test]
    fn errors_are_one_short_line_whatever_is_in_them() {
        let mut out = Vec::new();
        write_warning(&mut out, b"a\n\x1b\x01b\xc2\x9b", "no\nsuch");
        assert_eq!(out, b"\x01scp: a???b?: no?such\n");
        out.clear();
        write_warning(&mut out, &[0xff; 5000], &"\u{e4}".repeat(5000));
        assert!(out.len() < 2000 && std::str::from_utf8(&out).is_ok());
    }
}
