//! Chance that repeats: the same seed gives the same numbers in every version, and whole numbers and
//! shares on every machine. Exponentially distributed ones take a logarithm, whose last bit may differ
//! from one machine's library to the next.

use std::time::Duration;

/// SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014): eight
/// lines, and unlike a library's generator it stays what it is.
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    /// The numbers of one stream of a seed. Streams do not depend on each other: what a client does
    /// does not depend on how many others there are.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut mixed = Self(seed);
        let base = mixed.next();
        let mut mixed = Self(base ^ stream.wrapping_mul(STREAM));
        Self(mixed.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number from 0 to below 1, of 53 bits.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number below `bound`; 0 if there is none. The bias is below `bound` by 2^64.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    /// An exponentially distributed number with the mean 1, by the inverse of the distribution.
    pub(crate) fn exponential(&mut self) -> f64 {
        -(1.0 - self.unit()).ln()
    }

    /// An exponentially distributed time.
    pub(crate) fn time(&mut self, mean: Duration) -> Duration {
        mean.mul_f64(self.exponential())
    }
}

/// 2^64 by the golden ratio, odd: what the generator adds each time.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// Odd, so that each stream has a place of its own.
const STREAM: u64 = 0xd134_2543_de82_ef95;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_paper() {
        // The reference implementation with the seed 1234567.
        let mut chance = Chance(1_234_567);
        assert_eq!(chance.next(), 6_457_827_717_110_365_317);
        assert_eq!(chance.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn streams_repeat_and_differ() {
        let draw = |seed, stream| {
            let mut chance = Chance::new(seed, stream);
            (0..4).map(|_| chance.below(1000)).collect::<Vec<_>>()
        };
        assert_eq!(draw(7, 1), draw(7, 1));
        assert_ne!(draw(7, 1), draw(7, 2));
        assert_ne!(draw(7, 1), draw(8, 1));
    }

    #[test]
    fn ranges_and_means_hold() {
        let mut chance = Chance::new(1, 0);
        let drawn: Vec<_> = (0..10_000).map(|_| chance.between(3, 5)).collect();
        assert!(drawn.iter().all(|number| (3..=5).contains(number)));
        assert!((3..=5).all(|number| drawn.contains(&number)));
        assert_eq!(chance.below(0), 0);
        let sum: Duration = (0..10_000).map(|_| chance.time(Duration::from_millis(10))).sum();
        let mean = sum.as_secs_f64() / 10_000.0;
        assert!((0.0095..0.0105).contains(&mean), "{mean}");
    }
}
