//! Sizes and times as people write them.

use std::time::Duration;

/// A size: bytes, or a number with KiB, MiB or GiB; `None` if it is none or more than 2^63 bytes.
pub(super) fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let split = text.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(split)?;
    let factor = UNITS.iter().find(|(name, _)| *name == unit)?.1;
    let number: u64 = number.trim().parse().ok()?;
    number.checked_mul(factor).filter(|size| i64::try_from(*size).is_ok())
}

/// A size in the largest unit that divides it.
pub(super) fn show_size(size: u64) -> String {
    let fits = |unit: &&(&str, u64)| size > 0 && size.is_multiple_of(unit.1);
    let (name, factor) = UNITS.iter().rev().find(fits).unwrap_or(&("B", 1));
    format!("{} {name}", size / factor)
}

/// A time such as `1m 30s` or `250ms`.
pub(super) fn time(text: &str) -> Option<Duration> {
    humantime::parse_duration(text).ok()
}

/// A time in the same form, to the millisecond.
pub(super) fn show_time(time: Duration) -> String {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    humantime::format_duration(Duration::from_millis(millis)).to_string()
}

/// By size.
const UNITS: [(&str, u64); 5] =
    [("", 1), ("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_shown() {
        assert_eq!(size("1024"), Some(1024));
        assert_eq!(size("4KiB"), Some(4096));
        assert_eq!(size(" 64 MiB "), Some(64 << 20));
        assert_eq!(size("0"), Some(0));
        for wrong in ["", "KiB", "1 kB", "-1", "1.5MiB", "99999999999 GiB", "1 KiB 2"] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
        let shown = [0, 1, 1023, 1024, 1536, 3 << 30].map(show_size);
        assert_eq!(shown, ["0 B", "1 B", "1023 B", "1 KiB", "1536 B", "3 GiB"]);
    }

    #[test]
    fn times_are_read_and_shown() {
        assert_eq!(time("1m 30s"), Some(Duration::from_secs(90)));
        assert_eq!(time("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(time("10"), None);
        assert_eq!(show_time(Duration::from_secs(90)), "1m 30s");
    }
}
