//! What is left to chance, the same for the same seed.

/// A generator of numbers: SplitMix64, which is good enough for tests.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// One that begins there.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One below that number, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end.max(1)
    }

    /// So many digits of a kind that the ids of EC2 have.
    pub fn hex(&mut self, digits: usize) -> String {
        let text = format!("{:016x}{:016x}", self.number(), self.number());
        text.get(..digits).unwrap_or(&text).to_owned()
    }

    /// So many capitals and digits.
    pub fn capitals(&mut self, count: usize) -> String {
        let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        let letter = |number: u64| letters.chars().nth(usize::try_from(number).unwrap_or(0));
        (0..count).filter_map(|_| letter(self.below(36))).collect()
    }

    /// As `5ab0d5c0-6f0b-4d3c-8f0a-2f1d6a1b7c3e`.
    pub fn uuid(&mut self) -> String {
        let [first, second, third, fourth, last] = [8, 4, 3, 3, 12].map(|digits| self.hex(digits));
        // Version and variant, as clients may check them.
        format!("{first}-{second}-4{third}-8{fourth}-{last}")
    }
}
