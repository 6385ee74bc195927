//! What was measured: by row of the report and by slot of time.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use hdrhistogram::Histogram;

use crate::client::Moved;
use crate::report::{self, Latency};

/// What some clients did. Those of others can be added to it.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    /// In the order of the report.
    pub(super) rows: Vec<Row>,
    /// In the order of time; slots in which nothing happened at the end are missing.
    pub(super) slots: Vec<Slot>,
    /// By row and kind.
    pub(super) errors: BTreeMap<(usize, String), u64>,
    /// How late arrivals were started, by this tool's own fault or for want of a free session.
    pub(super) lateness: Latency,
    /// How long a slot is.
    slot: Duration,
}

/// One row of the report.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// Operations that were finished.
    pub(super) count: u64,
    /// Arrivals that would have begun with it and were never taken up.
    pub(super) missed: u64,
    /// Those of them that were finished before the end.
    pub(super) in_time: u64,
    /// Payload.
    pub(super) bytes: u64,
    /// Lines of listings.
    pub(super) entries: u64,
    /// Data connections that resumed a TLS session.
    pub(super) resumed: u64,
    /// Data connections that the server ended without the TLS close alert.
    pub(super) truncated: u64,
    /// Nanoseconds.
    pub(super) latency: Latency,
}

/// One slot of time.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// Operations that were finished in it, by row.
    pub(super) counts: Vec<u64>,
    /// Payload from the server, spread evenly over the time of each operation.
    pub(super) down: u64,
    /// Payload to the server.
    pub(super) up: u64,
    /// Operations that failed.
    pub(super) errors: u64,
    /// Arrivals that were due in it.
    pub(super) due: u64,
    /// Those of them that were never taken up.
    pub(super) missed: u64,
    /// Nanoseconds, of all operations that were finished in it.
    pub(super) latency: Histogram<u32>,
}

/// One operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// Its row.
    pub(super) row: usize,
    /// When it was really begun.
    pub(super) begun: Duration,
    /// When it was finished.
    pub(super) ended: Duration,
    /// From when it was due.
    pub(super) latency: Duration,
    /// Whether before the end of the run.
    pub(super) in_time: bool,
    /// Whether its payload went to the server.
    pub(super) up: bool,
    /// What it moved.
    pub(super) moved: Moved,
}

impl Tally {
    /// Nothing yet.
    pub(super) fn new(rows: usize, slot: Duration) -> Result<Self> {
        let row = || -> Result<Row> {
            let latency = report::latency()?;
            let (count, missed, in_time, bytes, entries) = (0, 0, 0, 0, 0);
            let (resumed, truncated) = (0, 0);
            Ok(Row { count, missed, in_time, bytes, entries, resumed, truncated, latency })
        };
        Ok(Self {
            rows: (0..rows).map(|_| row()).collect::<Result<_>>()?,
            slots: Vec::new(),
            errors: BTreeMap::new(),
            lateness: report::latency()?,
            slot,
        })
    }

    /// Adds an operation.
    pub(super) fn record(&mut self, sample: &Sample) {
        let nanos = nanos(sample.latency);
        if let Some(row) = self.rows.get_mut(sample.row) {
            row.count += 1;
            row.in_time += u64::from(sample.in_time);
            row.bytes += sample.moved.bytes;
            row.entries += sample.moved.entries;
            row.resumed += u64::from(sample.moved.resumed);
            row.truncated += u64::from(sample.moved.truncated);
            row.latency.saturating_record(nanos);
        }
        if let Some(slot) = self.slot(sample.ended) {
            // It grows as far as it has to.
            let _ = slot.latency.record(nanos.min(report::LATENCY_MAX_NS));
            if let Some(count) = slot.counts.get_mut(sample.row) {
                *count += 1;
            }
        }
        self.spread(sample);
    }

    /// Gives each slot its part of what a long transfer moved, or it would all seem to have come at
    /// its end.
    fn spread(&mut self, sample: &Sample) {
        let bytes = sample.moved.bytes;
        let whole = sample.ended.saturating_sub(sample.begun).as_secs_f64();
        let length = self.slot.as_secs_f64();
        let (first, last) = (self.index(sample.begun), self.index(sample.ended));
        let mut left = bytes;
        for index in first..=last {
            let end = length * (index + 1) as f64;
            let begin = (length * index as f64).max(sample.begun.as_secs_f64());
            let part = if whole > 0.0 { (end - begin) / whole } else { 1.0 };
            let part = if index == last { left } else { (bytes as f64 * part) as u64 };
            let part = part.min(left);
            left -= part;
            if let Some(slot) = self.slot_at(index) {
                if sample.up {
                    slot.up += part;
                } else {
                    slot.down += part;
                }
            }
        }
    }

    /// Counts an operation that failed.
    pub(super) fn fail(&mut self, row: usize, kind: String, at: Duration) {
        // What servers say may be different each time; only so many are told apart.
        let new = !self.errors.contains_key(&(row, kind.clone()));
        let kind = if new && self.errors.len() >= KINDS_MAX { OTHERS.to_owned() } else { kind };
        *self.errors.entry((row, kind)).or_default() += 1;
        if let Some(slot) = self.slot(at) {
            slot.errors += 1;
        }
    }

    /// Counts an arrival.
    pub(super) fn arrive(&mut self, due: Duration) {
        if let Some(slot) = self.slot(due) {
            slot.due += 1;
        }
    }

    /// Counts an arrival that was never taken up.
    pub(super) fn miss(&mut self, row: usize, due: Duration) {
        if let Some(row) = self.rows.get_mut(row) {
            row.missed += 1;
        }
        if let Some(slot) = self.slot(due) {
            slot.missed += 1;
        }
    }

    /// Notes how late an arrival was started.
    pub(super) fn start(&mut self, late: Duration) {
        self.lateness.saturating_record(nanos(late));
    }

    /// Adds what other clients did.
    pub(super) fn add(&mut self, other: &Self) {
        for (row, more) in self.rows.iter_mut().zip(&other.rows) {
            row.count += more.count;
            row.missed += more.missed;
            row.in_time += more.in_time;
            row.bytes += more.bytes;
            row.entries += more.entries;
            row.resumed += more.resumed;
            row.truncated += more.truncated;
            // All were made with the same bounds.
            let _ = row.latency.add(&more.latency);
        }
        for (index, more) in other.slots.iter().enumerate() {
            let Some(slot) = self.slot_at(index) else { continue };
            for (count, added) in slot.counts.iter_mut().zip(&more.counts) {
                *count += added;
            }
            slot.down += more.down;
            slot.up += more.up;
            slot.errors += more.errors;
            slot.due += more.due;
            slot.missed += more.missed;
            let _ = slot.latency.add(&more.latency);
        }
        for (key, count) in &other.errors {
            *self.errors.entry(key.clone()).or_default() += count;
        }
        let _ = self.lateness.add(&other.lateness);
    }

    fn index(&self, at: Duration) -> usize {
        let index = at.as_nanos().checked_div(self.slot.as_nanos()).unwrap_or(0);
        usize::try_from(index).map_or(SLOTS_MAX - 1, |index| index.min(SLOTS_MAX - 1))
    }

    fn slot(&mut self, at: Duration) -> Option<&mut Slot> {
        self.slot_at(self.index(at))
    }

    fn slot_at(&mut self, index: usize) -> Option<&mut Slot> {
        while self.slots.len() <= index {
            self.slots.push(Slot {
                counts: vec![0; self.rows.len()],
                down: 0,
                up: 0,
                errors: 0,
                due: 0,
                missed: 0,
                latency: Histogram::new(SLOT_DIGITS).ok()?,
            });
        }
        self.slots.get_mut(index)
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Slots that are told apart; what comes later is counted to the last. A run has some 240 of them,
/// and some more while it drains.
const SLOTS_MAX: usize = 1000;

/// Kinds of errors that are told apart.
const KINDS_MAX: usize = 100;
const OTHERS: &str = "other errors";

/// Digits of the latencies of a slot: enough for a plot, an eighth of the memory of three.
const SLOT_DIGITS: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn sample(row: usize, begun_ms: u64, took_ms: u64, bytes: u64) -> Sample {
        let (begun, latency) = (Duration::from_millis(begun_ms), Duration::from_millis(took_ms));
        let moved = Moved { bytes, ..Moved::default() };
        let ended = begun + latency;
        Sample { row, begun, ended, latency, in_time: true, up: false, moved }
    }

    #[test]
    fn bytes_are_spread_over_the_time_of_a_transfer() {
        let mut tally = Tally::new(1, SECOND).unwrap();
        tally.record(&sample(0, 500, 2000, 1000));
        let down: Vec<_> = tally.slots.iter().map(|slot| slot.down).collect();
        assert_eq!(down, [250, 500, 250]);
        assert_eq!(tally.slots.iter().map(|slot| slot.counts[0]).collect::<Vec<_>>(), [0, 0, 1]);
        tally.record(&Sample { up: true, ..sample(0, 100, 0, 7) });
        assert_eq!(tally.slots[0].up, 7);
    }

    #[test]
    fn sums_are_those_of_one_tally() {
        let mut all = Tally::new(2, SECOND).unwrap();
        let mut parts = [Tally::new(2, SECOND).unwrap(), Tally::new(2, SECOND).unwrap()];
        for number in 0..1000 {
            let sample = sample((number % 3 == 0).into(), number * 5, number + 1, number);
            all.record(&sample);
            parts[(number % 2) as usize].record(&sample);
        }
        let [mut sum, other] = parts;
        sum.add(&other);
        for (found, expected) in sum.rows.iter().zip(&all.rows) {
            assert_eq!((found.count, found.bytes), (expected.count, expected.bytes));
            assert_eq!(found.latency, expected.latency);
        }
        assert_eq!(sum.slots.len(), all.slots.len());
        for (found, expected) in sum.slots.iter().zip(&all.slots) {
            assert_eq!((&found.counts, found.down), (&expected.counts, expected.down));
            assert_eq!(found.latency, expected.latency);
        }
        let max = sum.slots.iter().map(|slot| slot.latency.max()).max().unwrap() as f64 / 1e6;
        assert!((990.0..1010.0).contains(&max), "{max}");
        // 333 rows by thirds: 1 ms to 1000 ms in steps of three.
        let p50 = sum.rows[1].latency.value_at_quantile(0.5) as f64 / 1e6;
        assert!((p50 - 499.0).abs() < 2.0, "{p50}");
    }

    #[test]
    fn errors_arrivals_and_delays_are_added() {
        let mut one = Tally::new(1, SECOND).unwrap();
        one.fail(0, "RETR: 550".to_owned(), SECOND);
        one.arrive(SECOND);
        one.miss(0, SECOND);
        let mut two = one.clone();
        two.fail(0, "RETR: 550".to_owned(), 3 * SECOND);
        two.arrive(2 * SECOND);
        two.start(Duration::from_millis(3));
        one.add(&two);
        assert_eq!(one.errors, BTreeMap::from([((0, "RETR: 550".to_owned()), 3)]));
        assert_eq!(one.rows[0].missed, 2);
        let slots: Vec<_> = one.slots.iter().map(|s| (s.errors, s.due, s.missed)).collect();
        assert_eq!(slots, [(0, 0, 0), (2, 2, 2), (0, 1, 0), (1, 0, 0)]);
        assert_eq!(one.lateness.len(), 1);
    }

    #[test]
    fn kinds_of_errors_are_bounded() {
        let mut tally = Tally::new(1, SECOND).unwrap();
        for number in 0..500 {
            tally.fail(0, format!("STOR: 550 {number}"), SECOND);
        }
        assert_eq!(tally.errors.len(), KINDS_MAX + 1);
        assert_eq!(tally.errors[&(0, OTHERS.to_owned())], 400);
        tally.record(&sample(0, u64::MAX / 2_000_000, 1, 1));
        assert_eq!(tally.slots.len(), SLOTS_MAX);
    }
}
