//! A range as blocks, which are leased one by one.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::{PortRange, RangeError};

/// A [`PortRange`] in blocks of one size; the last one may be smaller. Blocks are counted from 0, as in
/// [`Holding`](crate::store::Holding). All nodes of a pool must count alike: the text form is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    range: PortRange,
    /// 1 to the ports of the range, and so large that there are no more than [`BLOCKS_MAX`] blocks.
    size: u16,
}

/// Why a text is no layout.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// The range in it is none.
    #[error(transparent)]
    Range(#[from] RangeError),
    /// The size is none, or does not fit the range.
    #[error("\"{0}\" is no layout of ports: expected \"first-last/size\", with 1 to 2048 blocks")]
    Size(String),
}

impl Layout {
    /// The range in blocks of so many ports. 0: a 64th of the range, at least 1, at most 32. A block is never
    /// larger than the range; it is larger than was asked where there would be more than [`BLOCKS_MAX`].
    pub fn new(range: PortRange, block: u16) -> Self {
        let count = range.count();
        let wanted = match block {
            0 => (count / AUTOMATIC_PARTS).clamp(1, AUTOMATIC_MAX),
            block => usize::from(block),
        };
        let size = wanted.clamp(count.div_ceil(usize::from(BLOCKS_MAX)), count);
        // No range has more ports than fit.
        Self { range, size: u16::try_from(size).unwrap_or(u16::MAX) }
    }

    /// All of its ports.
    pub fn range(self) -> PortRange {
        self.range
    }

    /// Ports of a block, but perhaps the last.
    pub fn size(self) -> u16 {
        self.size
    }

    /// How many blocks: 1 to [`BLOCKS_MAX`].
    pub fn blocks(self) -> u16 {
        let blocks = self.range.count().div_ceil(usize::from(self.size));
        u16::try_from(blocks).unwrap_or(BLOCKS_MAX)
    }

    /// The block that a port lies in; `None` outside of the range.
    pub fn block_of(self, port: u16) -> Option<u16> {
        self.range.contains(port).then(|| (port - self.range.first()) / self.size)
    }

    /// The ports of a block; none if there is no such block.
    pub fn ports(self, block: u16) -> RangeInclusive<u16> {
        if block >= self.blocks() {
            #[expect(clippy::reversed_empty_ranges, reason = "it is to be empty")]
            return 1..=0;
        }
        let first = self.range.first() + block * self.size;
        first..=self.range.last().min(first.saturating_add(self.size - 1))
    }

    /// How many blocks have so many ports: at least 1, at most all.
    pub fn blocks_for(self, ports: u32) -> u16 {
        let blocks = ports.div_ceil(u32::from(self.size)).max(1);
        u16::try_from(blocks).unwrap_or(u16::MAX).min(self.blocks())
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.range, self.size)
    }
}

impl FromStr for Layout {
    type Err = LayoutError;

    fn from_str(text: &str) -> Result<Self, LayoutError> {
        let wrong = || LayoutError::Size(text.to_owned());
        let (range, size) = text.split_once('/').ok_or_else(wrong)?;
        let (range, size): (PortRange, u16) = (range.parse()?, size.parse().map_err(|_| wrong())?);
        let layout = Self::new(range, size);
        (layout.size == size).then_some(layout).ok_or_else(wrong)
    }
}

/// Blocks of a layout at the most: what the store grants from, and searches through at each grant.
pub const BLOCKS_MAX: u16 = 2_048;

const AUTOMATIC_PARTS: usize = 64;
const AUTOMATIC_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range() -> impl Strategy<Value = PortRange> {
        (1u16.., 0u16..).prop_map(|(first, more)| {
            format!("{first}-{}", first.saturating_add(more)).parse().unwrap()
        })
    }

    proptest! {
        /// Every port lies in exactly one block, which says so; all but the last are of one size.
        #[test]
        fn blocks_partition_the_range(range in range(), block in 0u16..) {
            let layout = Layout::new(range, block);
            prop_assert!((1..=BLOCKS_MAX).contains(&layout.blocks()));
            let mut next = u32::from(range.first());
            for block in 0..layout.blocks() {
                let ports = layout.ports(block);
                prop_assert_eq!(u32::from(*ports.start()), next);
                prop_assert!(ports.len() == usize::from(layout.size()) || block + 1 == layout.blocks());
                prop_assert!(!ports.is_empty() && ports.len() <= usize::from(layout.size()));
                for port in [*ports.start(), *ports.end()] {
                    prop_assert_eq!(layout.block_of(port), Some(block));
                }
                next = u32::from(*ports.end()) + 1;
            }
            prop_assert_eq!(next, u32::from(range.last()) + 1);
            prop_assert!(layout.ports(layout.blocks()).is_empty());
            prop_assert!(layout.ports(u16::MAX).is_empty());
        }

        #[test]
        fn ports_outside_of_the_range_have_no_block(range in range(), block in 0u16.., port in 0u16..) {
            let layout = Layout::new(range, block);
            prop_assert_eq!(layout.block_of(port).is_some(), range.contains(port));
        }

        #[test]
        fn what_is_shown_can_be_read(range in range(), block in 0u16..) {
            let layout = Layout::new(range, block);
            prop_assert_eq!(layout.to_string().parse(), Ok(layout));
        }

        #[test]
        fn blocks_are_counted_for_ports(range in range(), block in 0u16.., ports in 0u32..100_000) {
            let layout = Layout::new(range, block);
            let blocks = u32::from(layout.blocks_for(ports));
            prop_assert!(blocks >= 1 && blocks <= u32::from(layout.blocks()));
            let enough = blocks * u32::from(layout.size()) >= ports;
            prop_assert!(enough || blocks == u32::from(layout.blocks()));
            prop_assert!(blocks == 1 || (blocks - 1) * u32::from(layout.size()) < ports);
        }
    }

    #[test]
    fn sizes() {
        let sizes = |range: &str, block| {
            let layout = Layout::new(range.parse().unwrap(), block);
            (layout.size(), layout.blocks())
        };
        assert_eq!(sizes("61000-61999", 0), (15, 67));
        assert_eq!(sizes("1-65535", 0), (32, 2_048));
        assert_eq!(sizes("61000-61009", 0), (1, 10));
        assert_eq!(sizes("61000", 0), (1, 1));
        assert_eq!(sizes("61000-61009", 4), (4, 3));
        assert_eq!(sizes("61000-61009", 400), (10, 1), "not more than there are");
        assert_eq!(sizes("1-65535", 1), (32, 2_048), "not more than the store grants from");
    }

    #[test]
    fn texts() {
        let read = |text: &str| text.parse::<Layout>().map(Layout::blocks).ok();
        assert_eq!(read("61000-61999/15"), Some(67));
        assert_eq!(read("2121/1"), Some(1));
        for wrong in
            ["", "61000-61999", "61000-61999/0", "61000-61009/11", "1-65535/1", "9-7/1", "7/x"]
        {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }
}
