//! Who is gone for certain: one answer of EC2 is not enough.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::dns::removals_max;

/// Instances that EC2 does not know, and since when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Absences(BTreeMap<String, Instant>);

impl Absences {
    /// What EC2 answered: those of all that were asked for which are ended or not there. Who is not among them any
    /// more is there. Gives those that are gone for certain, because two answers say so that are a minute apart: a
    /// fifth of the `targets` at most, or one, for whoever finds more of them gone at once may be wrong.
    pub fn confirmed(
        &mut self,
        now: Instant,
        absent: &[String],
        targets: &BTreeSet<String>,
    ) -> Vec<String> {
        self.0.retain(|id, _| absent.contains(id));
        for id in absent {
            self.0.entry(id.clone()).or_insert(now);
        }
        let certain = self.0.iter().filter(|(_, since)| is_certain(now, **since)).map(|(id, _)| id);
        certain.take(removals_max(targets.len())).cloned().collect()
    }

    /// Whether of somebody there is one answer, and another is to be waited for.
    pub fn is_waiting(&self, now: Instant) -> bool {
        self.0.values().any(|since| !is_certain(now, *since))
    }
}

fn is_certain(now: Instant, since: Instant) -> bool {
    now.saturating_duration_since(since) >= ABSENT
}

/// Between two answers that say the same.
const ABSENT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "the one way to a first instant")]
    fn start() -> Instant {
        Instant::now()
    }

    fn ids(numbers: std::ops::Range<u32>) -> Vec<String> {
        numbers.map(|number| format!("i-{number}")).collect()
    }

    #[test]
    fn two_answers_a_minute_apart_make_it_certain() {
        let (start, mut absences) = (start(), Absences::default());
        let targets = ids(0..3).into_iter().collect();
        let mut at = |second: u64, absent: Vec<String>| {
            absences.confirmed(start + Duration::from_secs(second), &absent, &targets)
        };
        assert_eq!(at(0, ids(0..1)), [] as [&str; 0]);
        assert_eq!(at(59, ids(0..1)), [] as [&str; 0]);
        assert_eq!(at(60, ids(0..1)), ["i-0"]);
        // One answer that knows it begins anew.
        assert_eq!(at(70, Vec::new()), [] as [&str; 0]);
        assert_eq!(at(130, ids(0..1)), [] as [&str; 0]);
        assert_eq!(at(190, ids(0..1)), ["i-0"]);
        let waits = |second: u64| absences.is_waiting(start + Duration::from_secs(second));
        assert!(waits(189) && !waits(190));
    }

    #[test]
    fn a_fifth_goes_at_once() {
        let (start, mut absences) = (start(), Absences::default());
        let targets = ids(0..11).into_iter().collect();
        let mut at = |second: u64| {
            absences.confirmed(start + Duration::from_secs(second), &ids(0..5), &targets)
        };
        assert_eq!(at(0), [] as [&str; 0]);
        assert_eq!(at(90), ["i-0", "i-1"]);
    }
}
