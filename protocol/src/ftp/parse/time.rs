//! Times as RFC 3659, 2.3 writes them.

use crate::entry::{CivilTime, Timestamp};

/// `YYYYMMDDHHMMSS[.fraction]` in UTC. Digits after the ninth of a fraction are dropped.
pub(super) fn time(bytes: &[u8]) -> Option<Timestamp> {
    let (whole, fraction) = match bytes.iter().position(|&byte| byte == b'.') {
        Some(dot) => {
            let (whole, fraction) = bytes.split_at_checked(dot)?;
            (whole, Some(fraction.strip_prefix(b".")?))
        }
        None => (bytes, None),
    };
    if whole.len() != 14 {
        return None;
    }
    Some(Timestamp {
        seconds: seconds(whole)?,
        nanoseconds: fraction.map_or(Some(0), nanoseconds)?,
    })
}

/// `YYYYMMDDHHMMSS`, or without the seconds.
pub(super) fn seconds(bytes: &[u8]) -> Option<i64> {
    if !matches!(bytes.len(), 12 | 14) {
        return None;
    }
    let mut pairs = bytes.chunks(2).map(|pair| {
        let [tens, ones] = pair else { return None };
        (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| (tens - b'0') * 10 + (ones - b'0'))
    });
    let mut next = || pairs.next()?;
    let century = next()?;
    let time = CivilTime {
        year: i64::from(century) * 100 + i64::from(next()?),
        month: next()?,
        day: next()?,
        hour: next()?,
        minute: next()?,
        second: if bytes.len() == 14 { next()? } else { 0 },
    };
    time.to_seconds()
}

fn nanoseconds(fraction: &[u8]) -> Option<u32> {
    if fraction.is_empty() || !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = fraction.iter().map(|byte| u32::from(byte - b'0')).chain(std::iter::repeat(0));
    Some(digits.take(9).fold(0, |number, digit| number * 10 + digit))
}
