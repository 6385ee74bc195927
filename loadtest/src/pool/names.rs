//! A name with weights, as Route 53 answers it, and the resolvers that remember its answers.
//!
//! The records are what the nodes publish of themselves; a resolver asks for them when the answer that it
//! has is older than its time to live, and gives every client that answer until then.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::chance::Chance;

/// A node under the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// The node's number.
    pub(super) node: u8,
    /// Its share of the answers; 0: none.
    pub(super) weight: u64,
}

/// The name, as its servers have it now.
#[derive(Debug, Default)]
pub(super) struct Zone(Mutex<Arc<[Record]>>);

/// What clients of one network ask.
#[derive(Debug)]
pub(super) struct Resolver {
    zone: Arc<Zone>,
    /// How long an answer is given again.
    ttl: Duration,
    /// How many nodes an answer has at most.
    answers: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    chance: Chance,
    /// The last answer, and when it came.
    held: Option<(Vec<u8>, Instant)>,
}

impl Zone {
    /// Puts other records in the place of those before.
    pub(super) fn publish(&self, records: Vec<Record>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = records.into();
    }

    /// The records.
    pub(super) fn records(&self) -> Arc<[Record]> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Resolver {
    /// One that knows nothing yet.
    pub(super) fn new(zone: &Arc<Zone>, ttl: Duration, answers: usize, chance: Chance) -> Self {
        let state = Mutex::new(State { chance, held: None });
        Self { zone: Arc::clone(zone), ttl, answers: answers.max(1), state }
    }

    /// The nodes to go to, the first one first; none where the name has no record.
    pub(super) fn resolve(&self, now: Instant) -> Vec<u8> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((answer, since)) = &state.held
            && now.saturating_duration_since(*since) < self.ttl
        {
            return answer.clone();
        }
        let answer = draw(&self.zone.records(), self.answers, &mut state.chance);
        // That there is nothing is not remembered: the next client asks again.
        state.held = (!answer.is_empty()).then(|| (answer.clone(), now));
        answer
    }
}

/// Draws so many records by their weights, each once.
fn draw(records: &[Record], most: usize, chance: &mut Chance) -> Vec<u8> {
    let mut left: Vec<_> = records.iter().filter(|record| record.weight > 0).copied().collect();
    let mut drawn = Vec::new();
    while drawn.len() < most && !left.is_empty() {
        let mut point = chance.below(left.iter().map(|record| record.weight).sum());
        let place = left.iter().position(|record| {
            let here = point < record.weight;
            point = point.saturating_sub(record.weight);
            here
        });
        drawn.push(left.swap_remove(place.unwrap_or(0)).node);
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(weights: &[u64]) -> Vec<Record> {
        (1..).zip(weights).map(|(node, weight)| Record { node, weight: *weight }).collect()
    }

    #[test]
    fn shares_follow_weights() {
        let mut chance = Chance::new(1, 0);
        let mut count = [0; 4];
        for _ in 0..4000 {
            let drawn = draw(&records(&[100, 300, 0]), 1, &mut chance);
            count[usize::from(drawn[0])] += 1;
        }
        assert!((850..1150).contains(&count[1]), "{count:?}");
        assert_eq!((count[1] + count[2], count[3]), (4000, 0));
    }

    #[test]
    fn several_answers_are_different_nodes_and_no_more_than_there_are() {
        let mut drawn = draw(&records(&[1, 1, 1, 0]), 8, &mut Chance::new(3, 0));
        drawn.sort_unstable();
        assert_eq!(drawn, [1, 2, 3]);
        assert!(draw(&[], 2, &mut Chance::new(3, 0)).is_empty());
    }

    #[test]
    fn an_answer_stands_for_its_time_to_live() {
        let zone = Arc::new(Zone::default());
        let resolver = Resolver::new(&zone, Duration::from_secs(10), 1, Chance::new(1, 0));
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(resolver.resolve(start).is_empty());
        zone.publish(records(&[1]));
        assert_eq!(resolver.resolve(start), [1], "an empty answer is not remembered");
        zone.publish(vec![Record { node: 2, weight: 1 }]);
        assert_eq!(resolver.resolve(after(9)), [1]);
        assert_eq!(resolver.resolve(after(10)), [2]);
    }
}
