//! The range itself.

use std::fmt;
use std::str::FromStr;

/// Ports `first..=last`, never empty, never with port 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PortRange {
    first: u16,
    last: u16,
}

/// Why a text is no range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is no port range: expected \"first-last\" or one port, 1 to 65535, first not above last"
)]
pub struct RangeError(String);

impl FromStr for PortRange {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        let wrong = || RangeError(text.to_owned());
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let first = first.trim().parse().map_err(|_| wrong())?;
        let last = last.trim().parse().map_err(|_| wrong())?;
        if first == 0 || first > last {
            return Err(wrong());
        }
        Ok(Self { first, last })
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

impl PortRange {
    /// The lowest port.
    pub fn first(self) -> u16 {
        self.first
    }

    /// The highest port, included.
    pub fn last(self) -> u16 {
        self.last
    }

    /// How many ports: 1 to 65 535.
    pub fn count(self) -> usize {
        usize::from(self.last - self.first) + 1
    }

    /// Whether the port lies in the range.
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }

    /// The ports that fall to `shard` of `shards`, interleaved: every port to exactly one shard,
    /// sizes differ by one at the most. A shard that does not exist gets none.
    pub fn share(self, shard: usize, shards: usize) -> impl Iterator<Item = u16> {
        let shards = shards.max(1);
        let ports = self.first..=self.last;
        ports.skip(shard).step_by(shards).take(if shard < shards { self.count() } else { 0 })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn range() -> impl Strategy<Value = PortRange> {
        (1u16.., 0u16..3000)
            .prop_map(|(first, more)| PortRange { first, last: first.saturating_add(more) })
    }

    proptest! {
        /// Every port to exactly one shard; sizes differ by one at the most.
        #[test]
        fn shares_partition_the_range(range in range(), shards in 1usize..200) {
            let shares: Vec<Vec<u16>> =
                (0..shards).map(|shard| range.share(shard, shards).collect()).collect();
            let all: Vec<u16> = shares.iter().flatten().copied().collect();
            let distinct: HashSet<u16> = all.iter().copied().collect();
            prop_assert_eq!(all.len(), range.count());
            prop_assert_eq!(distinct.len(), range.count());
            prop_assert!(all.iter().all(|port| range.contains(*port)));
            let sizes = shares.iter().map(Vec::len);
            prop_assert!(sizes.clone().max().unwrap() - sizes.min().unwrap() <= 1);
            prop_assert_eq!(range.share(shards, shards).count(), 0);
        }

        #[test]
        fn what_is_shown_can_be_read(range in range()) {
            prop_assert_eq!(range.to_string().parse(), Ok(range));
        }
    }

    #[test]
    fn texts() {
        let read =
            |text: &str| text.parse::<PortRange>().ok().map(|range| (range.first, range.last));
        assert_eq!(read("61000-61999"), Some((61_000, 61_999)));
        assert_eq!(read(" 7 - 9 "), Some((7, 9)));
        assert_eq!(read("1-65535"), Some((1, 65_535)));
        assert_eq!(read("2121"), Some((2121, 2121)));
        for wrong in ["", "-", "0", "0-5", "9-7", "1-65536", "a-b", "1-2-3", "1-"] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }
}
