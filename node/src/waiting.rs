//! Who waits for something, the oldest first: of too many the one that has waited for the longest has to go, since it
//! is the least likely to be served. So silent strangers can not keep others out by taking all places.

use std::collections::BTreeMap;

/// Those who wait, each with what ends its wait.
#[derive(Debug)]
pub(crate) struct Waiting<T> {
    max: usize,
    numbers: u64,
    waits: BTreeMap<u64, T>,
}

impl<T> Waiting<T> {
    /// With places for so many.
    pub(crate) fn new(max: usize) -> Self {
        Self { max, numbers: 0, waits: BTreeMap::new() }
    }

    /// A number for one who comes.
    pub(crate) fn next(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Lets it wait. Who has to go for it, if somebody has.
    pub(crate) fn enter(&mut self, number: u64, wait: T) -> Option<T> {
        let oldest = match self.waits.len() >= self.max {
            true => self.waits.pop_first().map(|(_, wait)| wait),
            false => None,
        };
        self.waits.insert(number, wait);
        oldest
    }

    /// It waits no more.
    pub(crate) fn leave(&mut self, number: u64) {
        self.waits.remove(&number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes() {
        let mut waiting = Waiting::new(3);
        let numbers = [(); 3].map(|()| waiting.next());
        assert!(numbers.iter().all(|&number| waiting.enter(number, number).is_none()));
        let [first, second, third] = numbers;
        waiting.leave(second);
        let next = waiting.next();
        assert_eq!(waiting.enter(next, next), None);
        let next = waiting.next();
        assert_eq!(waiting.enter(next, next), Some(first));
        let next = waiting.next();
        assert_eq!(waiting.enter(next, next), Some(third));
        // Who has gone is not missed.
        waiting.leave(first);
        assert_eq!(waiting.waits.len(), 3);
    }
}
