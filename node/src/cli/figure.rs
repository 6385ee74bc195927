//! Figures as people read them.

use std::time::Duration;

/// Bytes with a unit, to three digits or so.
pub(crate) fn bytes(bytes: u64) -> String {
    let mut unit = 0;
    let mut whole = bytes;
    while whole >= 1024 && unit + 1 < UNITS.len() {
        whole /= 1024;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    match unit {
        0 => format!("{bytes} {name}"),
        _ => {
            // Tenths, cut rather than rounded: 1023.99 KiB is not yet a MiB.
            let tenths = (bytes >> (10 * (unit - 1))) % 1024 * 10 / 1024;
            format!("{whole}.{tenths} {name}")
        }
    }
}

/// Bytes per second; nothing of none.
pub(crate) fn rate(rate: u64) -> String {
    if rate == 0 { String::new() } else { format!("{}/s", bytes(rate)) }
}

/// A time by its two largest units.
pub(crate) fn period(seconds: u64) -> String {
    let text = humantime::format_duration(Duration::from_secs(seconds)).to_string();
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// `1 session`, `2 sessions`.
pub(crate) fn count(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        for (count, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            ((1 << 20) - 1, "1023.9 KiB"),
            (1 << 40, "1.0 TiB"),
            (u64::MAX, "16383.9 PiB"),
        ] {
            assert_eq!(bytes(count), text);
        }
        assert_eq!((rate(0).as_str(), rate(2048).as_str()), ("", "2.0 KiB/s"));
        assert_eq!(period(0), "0s");
        assert_eq!(period(90_061), "1day 1h");
        assert_eq!((count(1, "node").as_str(), count(0, "node").as_str()), ("1 node", "0 nodes"));
    }
}
