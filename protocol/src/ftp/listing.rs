//! The lines of LIST, NLST, MLSD and MLST: written straight into the caller's buffer, no
//! allocation.

pub use crate::glob::{PATTERN_BYTES_MAX, is_pattern, matches};

use super::facts::Facts;
use crate::entry::{CivilTime, Entry, Kind, Rights};

/// One LIST line as `ls -l` has it, times in UTC: with the hour for the last six months, with the
/// year for older times and for the future.
///
/// How a name that holds CR, LF or NUL is shown: such bytes become `?` in LIST and NLST; MLSx lines
/// with such names are left out, as RFC 3659 has no way to say them.
pub fn write_list(out: &mut Vec<u8>, entry: &Entry<'_>, now_seconds: i64) {
    out.reserve(LIST_BYTES + entry.name.len() + entry.target.map_or(0, <[u8]>::len));
    write_long(out, entry, now_seconds);
    if let (Kind::Symlink, Some(target)) = (entry.attributes.kind, entry.target) {
        out.extend_from_slice(b" -> ");
        write_name(out, target);
    }
    out.extend_from_slice(b"\r\n");
}

/// A LIST line without the target of a link and the line's end: the long name of SFTP.
pub(crate) fn write_long(out: &mut Vec<u8>, entry: &Entry<'_>, now_seconds: i64) {
    let attributes = &entry.attributes;
    out.extend_from_slice(&attributes.mode_string());
    out.push(b' ');
    write_right(out, attributes.links.into(), 3);
    out.push(b' ');
    write_left(out, attributes.uid.into(), 8);
    out.push(b' ');
    write_left(out, attributes.gid.into(), 8);
    out.push(b' ');
    write_right(out, attributes.size, 12);
    write_list_time(out, attributes.modified.seconds, now_seconds);
    write_name(out, entry.name);
}

/// One NLST line: the name behind `prefix` (a directory as the client named it, or empty).
pub fn write_nlst(out: &mut Vec<u8>, prefix: &[u8], name: &[u8]) {
    out.reserve(prefix.len() + name.len() + 2);
    write_name(out, prefix);
    write_name(out, name);
    out.extend_from_slice(b"\r\n");
}

/// One MLSD line, or the middle line of MLST (without its leading space). `kind_override` is
/// `Some("cdir")` or `Some("pdir")` for `.` and `..`. Returns whether a line was written.
pub fn write_mlsx(
    out: &mut Vec<u8>,
    entry: &Entry<'_>,
    facts: Facts,
    rights: Rights,
    kind_override: Option<&str>,
) -> bool {
    if entry.name.iter().any(|&byte| breaks_line(byte)) {
        return false;
    }
    let attributes = &entry.attributes;
    out.reserve(FACTS_BYTES + entry.name.len());
    if facts.contains(Facts::TYPE) {
        out.extend_from_slice(b"type=");
        match kind_override {
            Some(kind) => out.extend_from_slice(kind.as_bytes()),
            None => write_kind(out, entry),
        }
        out.push(b';');
    }
    if facts.contains(Facts::SIZE) && attributes.kind != Kind::Directory {
        out.extend_from_slice(b"size=");
        write_number::<10>(out, attributes.size);
        out.push(b';');
    }
    if facts.contains(Facts::MODIFY) {
        out.extend_from_slice(b"modify=");
        write_time(out, attributes.modified.seconds);
        out.push(b';');
    }
    if facts.contains(Facts::PERM) {
        out.extend_from_slice(b"perm=");
        rights.write_perm(out, attributes.kind);
        out.push(b';');
    }
    if facts.contains(Facts::UNIQUE) {
        let (device, inode) = attributes.identity;
        out.extend_from_slice(b"unique=");
        write_number::<16>(out, device);
        out.push(b'U');
        write_number::<16>(out, inode);
        out.push(b';');
    }
    if facts.contains(Facts::UNIX_MODE) {
        out.extend_from_slice(b"UNIX.mode=0");
        write_number::<8>(out, (attributes.mode & 0o7777).into());
        out.push(b';');
    }
    if facts.contains(Facts::UNIX_OWNER) {
        out.extend_from_slice(b"UNIX.owner=");
        write_number::<10>(out, attributes.uid.into());
        out.push(b';');
    }
    if facts.contains(Facts::UNIX_GROUP) {
        out.extend_from_slice(b"UNIX.group=");
        write_number::<10>(out, attributes.gid.into());
        out.push(b';');
    }
    out.push(b' ');
    out.extend_from_slice(entry.name);
    out.extend_from_slice(b"\r\n");
    true
}

/// `YYYYMMDDHHMMSS` in UTC (RFC 3659, 2.3). Years before 0 and after 9999, which the form can not
/// say, become the first and last moment that it can.
pub fn write_time(out: &mut Vec<u8>, seconds: i64) {
    let time = CivilTime::from_seconds(seconds.clamp(SECONDS_MIN, SECONDS_MAX));
    let ([y1, y2], [y3, y4]) = (pair(time.year / 100), pair(time.year % 100));
    out.extend_from_slice(&[y1, y2, y3, y4]);
    for part in [time.month, time.day, time.hour, time.minute, time.second] {
        out.extend_from_slice(&pair(part.into()));
    }
}

/// ` Jan  2 15:04 ` or ` Jan  2  2006 `.
fn write_list_time(out: &mut Vec<u8>, seconds: i64, now_seconds: i64) {
    let time = CivilTime::from_seconds(seconds.clamp(SECONDS_MIN, SECONDS_MAX));
    let month = MONTHS.get(usize::from(time.month).wrapping_sub(1)).unwrap_or(&MONTHS[0]);
    out.extend_from_slice(&month[..]);
    let [tens, ones] = pair(time.day.into());
    out.extend_from_slice(&[if tens == b'0' { b' ' } else { tens }, ones, b' ']);
    if (now_seconds.saturating_sub(HALF_YEAR_SECONDS)..=now_seconds).contains(&seconds) {
        let ([h1, h2], [m1, m2]) = (pair(time.hour.into()), pair(time.minute.into()));
        out.extend_from_slice(&[h1, h2, b':', m1, m2, b' ']);
    } else {
        let ([y1, y2], [y3, y4]) = (pair(time.year / 100), pair(time.year % 100));
        out.extend_from_slice(&[b' ', y1, y2, y3, y4, b' ']);
    }
}

fn write_kind(out: &mut Vec<u8>, entry: &Entry<'_>) {
    match (entry.attributes.kind, entry.target) {
        (Kind::File, _) => out.extend_from_slice(b"file"),
        (Kind::Directory, _) => out.extend_from_slice(b"dir"),
        (Kind::Symlink, Some(target)) if target.iter().all(|&byte| fits_fact(byte)) => {
            out.extend_from_slice(b"OS.unix=slink:");
            out.extend_from_slice(target);
        }
        (Kind::Symlink, _) => out.extend_from_slice(b"OS.unix=symlink"),
        (Kind::Other, _) => out.extend_from_slice(b"OS.unix=special"),
    }
}

/// The bytes that RFC 3659, 7.2 allows in a fact's value.
fn fits_fact(byte: u8) -> bool {
    byte.is_ascii_graphic()
        && !matches!(byte, b';' | b'*' | b'<' | b'>' | b'[' | b']' | b'`' | b'{'..=b'~')
}

/// Whether a byte in a name would end its line or be lost.
fn breaks_line(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | 0)
}

fn write_name(out: &mut Vec<u8>, name: &[u8]) {
    if name.iter().any(|&byte| breaks_line(byte)) {
        out.extend(name.iter().map(|&byte| if breaks_line(byte) { b'?' } else { byte }));
    } else {
        out.extend_from_slice(name);
    }
}

/// Two decimal digits of a number below 100.
fn pair(number: i64) -> [u8; 2] {
    [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]
}

fn write_number<const BASE: u64>(out: &mut Vec<u8>, number: u64) {
    Digits::new::<BASE>(number).write(out, 0);
}

/// A number behind as many spaces as fill the width.
fn write_right(out: &mut Vec<u8>, number: u64, width: usize) {
    Digits::new::<10>(number).write(out, width);
}

/// A number and as many spaces as fill the width.
fn write_left(out: &mut Vec<u8>, number: u64, width: usize) {
    let digits = Digits::new::<10>(number);
    digits.write(out, 0);
    out.extend_from_slice(SPACES.get(digits.count..width).unwrap_or_default());
}

/// Digits on the stack, aligned to the right between spaces.
struct Digits {
    bytes: [u8; Self::MAX],
    count: usize,
}

impl Digits {
    /// `u64::MAX` has 22 digits in base 8.
    const MAX: usize = 22;

    fn new<const BASE: u64>(mut number: u64) -> Self {
        let mut digits = Self { bytes: [b' '; Self::MAX], count: 0 };
        for slot in digits.bytes.iter_mut().rev() {
            let digit = (number % BASE) as u8;
            *slot = if digit < 10 { b'0' + digit } else { b'a' + digit - 10 };
            digits.count += 1;
            number /= BASE;
            if number == 0 {
                break;
            }
        }
        digits
    }

    fn write(&self, out: &mut Vec<u8>, width: usize) {
        let bytes = self.count.max(width).min(Self::MAX);
        out.extend_from_slice(self.bytes.get(Self::MAX - bytes..).unwrap_or_default());
    }
}

const MONTHS: [&[u8; 5]; 12] = [
    b" Jan ", b" Feb ", b" Mar ", b" Apr ", b" May ", b" Jun ", b" Jul ", b" Aug ", b" Sep ",
    b" Oct ", b" Nov ", b" Dec ",
];
const SPACES: &[u8] = b"        ";
/// [`write_long`] without the name at its widest: mode, four numbers of 10, 10, 10 and 20 digits
/// with the spaces between them, and the time.
pub(crate) const LONG_BYTES_MAX: usize = 10 + 4 + 10 + 10 + 10 + 20 + 14;
/// A LIST line without its names; wider only for absurd sizes.
const LIST_BYTES: usize = 72;
/// All facts of a line at their widest, rounded up, but for a link's target.
const FACTS_BYTES: usize = 200;
/// Half of a mean Gregorian year in seconds, as `ls` has it.
const HALF_YEAR_SECONDS: i64 = 31_556_952 / 2;
/// 0000-01-01T00:00:00Z.
const SECONDS_MIN: i64 = -62_167_219_200;
/// 9999-12-31T23:59:59Z.
const SECONDS_MAX: i64 = 253_402_300_799;

#[cfg(test)]
mod tests;
