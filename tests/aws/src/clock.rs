//! Time as AWS writes it.

use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// As `2026-11-29T07:10:12.000Z`, which all services use.
pub(crate) fn stamp(time: SystemTime) -> String {
    format(
        time,
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"),
    )
}

/// As `2026-11-29T07:10:12Z`, which instance metadata use.
pub(crate) fn seconds(time: SystemTime) -> String {
    format(time, format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z"))
}

fn format(time: SystemTime, description: &[BorrowedFormatItem<'_>]) -> String {
    // The formats have nothing that a time could lack.
    OffsetDateTime::from(time).format(description).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_written() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_000_000_001_500);
        assert_eq!(stamp(time), "2001-09-09T01:46:41.500Z");
        assert_eq!(seconds(time), "2001-09-09T01:46:41Z");
    }
}
