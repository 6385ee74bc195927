//! The passive port range: the one value from which listeners, replies and firewall rules come.

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

    /// The ports that fall to `shard` of `shards`, interleaved: every port to exactly one shard, sizes differ by one at the most.
    pub fn share(self, shard: usize, shards: usize) -> impl Iterator<Item = u16> {
        (self.first..=self.last).skip(shard).step_by(shards.max(1))
    }
}
