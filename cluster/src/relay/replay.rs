//! Every preamble counts once.
//!
//! For each sender there is a window of the numbers that were taken, as in RFC 4303 (3.4.3): what is in it is taken
//! once, what lies before it never. Only nodes of the pool get here, since a preamble is
//! authenticated first.
//!
//! # Bounds
//! There is a window for each of the [`WINDOWS_MAX`] senders that spoke last. Of the others the highest number is kept:
//! they go on above it. There are up to [`SENDERS_MAX`] of them; then the oldest registration is forgotten, and
//! that one, and all that are older and were never heard, are taken no more. So nothing is ever taken twice.

use std::collections::{BTreeMap, HashMap};

use crate::id::Fence;

/// The numbers that were taken.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    windows: HashMap<Fence, Window>,
    /// The highest numbers of those that have no window any more.
    quiet: BTreeMap<Fence, u64>,
    /// Senders up to this registration are unknown for good.
    floor: Option<Fence>,
    /// Rises with everything that is taken.
    clock: u64,
}

#[derive(Clone, Debug)]
struct Window {
    highest: u64,
    /// What is below was taken, or may have been, before there was this window.
    least: u64,
    /// One bit for each of the numbers up to the highest, at its place modulo [`WINDOW`].
    taken: Box<[u64; WORDS]>,
    /// When it was used last.
    used: u64,
}

impl Replay {
    /// Takes a number of a sender. `false`: it was taken before, or is so old that it may have been.
    #[must_use]
    pub fn accept(&mut self, sender: Fence, counter: u64) -> bool {
        self.clock += 1;
        if let Some(window) = self.windows.get_mut(&sender) {
            window.used = self.clock;
            return window.accept(counter);
        }
        let least = match self.quiet.get(&sender) {
            Some(highest) if counter <= *highest => return false,
            Some(highest) => highest + 1,
            None if self.floor.is_some_and(|floor| sender <= floor) => return false,
            None => 0,
        };
        self.quiet.remove(&sender);
        self.make_room();
        self.windows.insert(sender, Window::new(counter, least, self.clock));
        true
    }

    /// One window more can be had afterwards.
    fn make_room(&mut self) {
        if self.windows.len() < WINDOWS_MAX {
            return;
        }
        let oldest = self.windows.iter().min_by_key(|(_, window)| window.used);
        let Some(sender) = oldest.map(|(sender, _)| *sender) else { return };
        if let Some(window) = self.windows.remove(&sender) {
            self.quiet.insert(sender, window.highest);
        }
        while self.quiet.len() + WINDOWS_MAX > SENDERS_MAX
            && let Some((sender, _)) = self.quiet.pop_first()
        {
            self.floor = self.floor.max(Some(sender));
        }
    }
}

impl Window {
    /// With this number taken.
    fn new(counter: u64, least: u64, used: u64) -> Self {
        let mut window = Self { highest: counter, least, taken: Box::new([0; WORDS]), used };
        window.mark(counter);
        window
    }

    fn accept(&mut self, counter: u64) -> bool {
        if counter > self.highest {
            self.rise(counter);
        } else if self.highest - counter >= WINDOW || counter < self.least || self.is_taken(counter)
        {
            return false;
        }
        self.mark(counter);
        true
    }

    /// The places of the numbers that are new in the window are of none yet.
    fn rise(&mut self, highest: u64) {
        if highest - self.highest >= WINDOW {
            self.taken.fill(0);
        } else {
            for counter in self.highest + 1..=highest {
                let (word, bit) = place(counter);
                if let Some(word) = self.taken.get_mut(word) {
                    *word &= !bit;
                }
            }
        }
        self.highest = highest;
    }

    fn mark(&mut self, counter: u64) {
        let (word, bit) = place(counter);
        if let Some(word) = self.taken.get_mut(word) {
            *word |= bit;
        }
    }

    fn is_taken(&self, counter: u64) -> bool {
        let (word, bit) = place(counter);
        self.taken.get(word).is_none_or(|word| word & bit != 0)
    }
}

/// The word and the bit of a number.
fn place(counter: u64) -> (usize, u64) {
    let at = counter % WINDOW;
    (usize::try_from(at / 64).unwrap_or(0), 1 << (at % 64))
}

/// How far behind the highest number of a sender one may come. Its numbers are those of all preambles that it sends, to
/// whomever: one that is late by the patience of a dial (3 s) is taken yet if no more than 10 000 came about in each
/// second of it.
pub const WINDOW: u64 = 32_768;

/// Registrations whose numbers are known; 2 MB at the most.
pub const SENDERS_MAX: usize = 65_536;

/// 1 MiB of windows.
const WINDOWS_MAX: usize = 256;
const WORDS: usize = 512;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    const _: () = assert!(WORDS as u64 * 64 == WINDOW);

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Whatever comes in whatever order, also from more senders than have windows.
        #[test]
        fn nothing_is_taken_twice(
            calls in prop::collection::vec((0u64..300, 0u64..20, 0u64..2), 1..6_000),
        ) {
            let mut replay = Replay::default();
            let mut taken = HashSet::new();
            for (sender, low, high) in calls {
                let counter = low + high * WINDOW;
                if replay.accept(Fence(sender), counter) {
                    prop_assert!(taken.insert((sender, counter)), "{sender} {counter}");
                }
                prop_assert!(replay.windows.len() <= WINDOWS_MAX);
            }
        }

        /// Those that overtake each other by less than the window are all taken, once.
        #[test]
        fn what_is_late_is_taken(base in 0u64..u64::MAX - 10_000, shuffled in shuffled()) {
            let mut replay = Replay::default();
            prop_assert!(replay.accept(Fence(1), base));
            for offset in shuffled {
                prop_assert!(replay.accept(Fence(1), base + 1 + offset));
                prop_assert!(!replay.accept(Fence(1), base + 1 + offset));
            }
        }
    }

    fn shuffled() -> impl Strategy<Value = Vec<u64>> {
        Just((0..WINDOW).collect::<Vec<u64>>()).prop_shuffle()
    }

    #[test]
    fn what_lies_before_the_window_is_refused() {
        let mut replay = Replay::default();
        assert!(replay.accept(Fence(1), 7));
        assert!(replay.accept(Fence(1), 7 + WINDOW), "7 is out of the window now");
        assert!(!replay.accept(Fence(1), 7));
        assert!(replay.accept(Fence(1), 8));
        assert!(replay.accept(Fence(1), u64::MAX));
        assert!(!replay.accept(Fence(1), 8) && !replay.accept(Fence(1), u64::MAX));
        assert!(replay.accept(Fence(2), 7), "of another sender");
    }

    #[test]
    fn a_sender_that_was_quiet_goes_on_above_its_highest_number() {
        let mut replay = Replay::default();
        assert!(replay.accept(Fence(1), 10));
        for sender in 0..WINDOWS_MAX as u64 {
            assert!(replay.accept(Fence(100 + sender), 1));
        }
        assert_eq!(replay.quiet.len(), 1);
        assert!(!replay.accept(Fence(1), 9) && !replay.accept(Fence(1), 10));
        assert!(replay.accept(Fence(1), 11));
        for counter in 9..=11 {
            assert!(!replay.accept(Fence(1), counter), "{counter}");
        }
    }

    #[test]
    fn senders_are_bounded_and_the_oldest_is_taken_no_more() {
        let mut replay = Replay::default();
        let many = SENDERS_MAX as u64 + 10;
        for sender in 1..=many {
            assert!(replay.accept(Fence(sender), 1));
            assert!(replay.windows.len() + replay.quiet.len() <= SENDERS_MAX);
        }
        let floor = replay.floor.unwrap();
        assert!(floor >= Fence(9) && floor < Fence(20));
        assert!(!replay.accept(floor, 2), "it was forgotten");
        assert!(!replay.accept(Fence(0), 2), "older, and never heard");
        assert!(replay.accept(Fence(floor.0 + 1), 2));
        assert!(replay.accept(Fence(many + 1), 1));
    }
}
