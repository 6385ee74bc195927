//! What a transfer moved, in all protocols.

use std::time::Duration;

use super::name;
use super::record::Record;

/// A transfer that is over, in numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moved {
    pub(crate) bytes: u64,
    /// From the command to the end.
    pub(crate) elapsed: Duration,
    /// From the command to the first byte, if there was one.
    pub(crate) first: Option<Duration>,
    /// How long the storage was waited for, if that is known.
    pub(crate) waited: Option<Duration>,
}

impl Moved {
    /// Tells them.
    pub(crate) fn tell(self, record: Record) -> Record {
        let Self { bytes, elapsed, first, waited } = self;
        record
            .number(name::BYTES, bytes)
            .maybe(rate(bytes, elapsed), |record, rate| record.number(name::RATE, rate))
            .maybe(first, |record, first| record.fraction(name::FIRST_BYTE, milliseconds(first)))
            .maybe(waited, |record, time| record.fraction(name::STORAGE_WAIT, milliseconds(time)))
    }
}

/// Bytes per second; none of no time.
fn rate(bytes: u64, elapsed: Duration) -> Option<u64> {
    let nanoseconds = elapsed.as_nanos();
    let scaled = u128::from(bytes).saturating_mul(NANOSECONDS);
    scaled.checked_div(nanoseconds).map(|rate| u64::try_from(rate).unwrap_or(u64::MAX))
}

/// As attributes have it.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// In a second.
const NANOSECONDS: u128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::recorder::tests::{pairs, told};

    #[test]
    fn a_transfer_without_a_byte_has_no_first_one() {
        let moved = Moved {
            bytes: 0,
            elapsed: Duration::from_millis(20),
            first: None,
            waited: Some(Duration::from_millis(10)),
        };
        let all = pairs(&[(name::BYTES, "0"), (name::RATE, "0"), (name::STORAGE_WAIT, "10")]);
        assert_eq!(told(|record| moved.tell(record)), (all, false));
    }

    #[test]
    fn a_rate_is_of_the_whole_time_and_never_overflows() {
        assert_eq!(rate(1000, Duration::from_millis(500)), Some(2000));
        assert_eq!(rate(1, Duration::ZERO), None);
        assert_eq!(rate(u64::MAX, Duration::from_nanos(1)), Some(u64::MAX));
        assert_eq!(milliseconds(Duration::from_micros(1500)), 1.5);
    }
}
