//! What is announced for an instance by its metadata service.

use std::time::Duration;

/// What is announced now; what was not read is no notice of anything, and must not be given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notices {
    /// `spot/instance-action`: AWS takes the instance back.
    pub spot: Option<Spot>,
    /// Whether there is an `events/recommendations/rebalance`: it may come to that.
    pub rebalance: bool,
    /// `autoscaling/target-lifecycle-state`; `None`: it is in no group.
    pub target_state: Option<String>,
}

/// That AWS takes a spot instance back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// `terminate`, `stop` or `hibernate`.
    pub action: String,
    /// How long is left; `None`: the time could not be read.
    pub left: Option<Duration>,
}

impl Spot {
    /// Of the action and its time as AWS writes it, and the time it is, in seconds since 1970.
    pub fn new(action: &str, time: &str, now: u64) -> Self {
        let left = seconds_of(time).map(|then| Duration::from_secs(then.saturating_sub(now)));
        Self { action: action.to_owned(), left }
    }
}

/// Seconds since 1970 of a time as in `2017-09-18T08:22:00Z` (RFC 3339, in UTC; fractions are cut off); `None`: it is
/// none.
pub fn seconds_of(text: &str) -> Option<u64> {
    let (date, time) = text.trim().strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time.split('.').next()?, ':')?;
    let is_time = hour < 24 && minute < 60 && second <= 60;
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !is_time {
        return None;
    }
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let days_of = |month: u64| match month {
        2 => 28 + u64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1..=days_of(month)).contains(&day) {
        return None;
    }
    // Leap days of the years before, as the Gregorian calendar has them.
    let leaps = |before: u64| before / 4 - before / 100 + before / 400;
    let years = (year - 1970) * 365 + leaps(year - 1) - leaps(1969);
    let days = years + (1..month).map(days_of).sum::<u64>() + (day - 1);
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

fn numbers(text: &str, separator: char) -> Option<[u64; 3]> {
    let mut parts = text.split(separator).map(|part| {
        let digits =
            !part.is_empty() && part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit());
        part.parse().ok().filter(|_| digits)
    });
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        // By `date --utc --date=... +%s`.
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2017-09-18T08:22:00Z", 1_505_722_920),
            ("2000-02-29T23:59:59Z", 951_868_799),
            ("2026-12-31T12:00:00.123Z", 1_798_718_400),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
        ] {
            assert_eq!(seconds_of(text), Some(seconds), "{text}");
        }
        for text in [
            "",
            "Z",
            "T",
            "2017-09-18",
            "2017-09-18T08:22:00",
            "2017-13-18T08:22:00Z",
            "2017-02-29T08:22:00Z",
            "2100-02-29T08:22:00Z",
            "2017-09-18T24:22:00Z",
            "2017-09-18T08:22Z",
            "2017-09-00T08:22:00Z",
            "1969-12-31T23:59:59Z",
            "+017-09-18T08:22:00Z",
            "2017-09-18-1T08:22:00Z",
        ] {
            assert_eq!(seconds_of(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_left_is_counted() {
        let left = |time, now| Spot::new("terminate", time, now).left;
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(left("2017-09-18T08:22:00Z", 1_505_722_800), seconds(120));
        assert_eq!(left("2017-09-18T08:22:00Z", 1_505_722_930), seconds(0));
        assert_eq!(left("soon", 0), None);
    }
}
