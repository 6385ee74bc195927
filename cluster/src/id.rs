//! Who a node is: a name, the generation of its process, and the fence that the store gave it.
//!
//! The name is the operator's and outlives restarts. The generation is the node's own and rises with
//! every start of the same data folder. The fence is the store's: it rises with every registration in
//! the pool, whoever registers, so that of two claims the younger one is told by its number alone.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The name of a node: 1 to 64 letters, digits, dots, dashes and underscores.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeId(Arc<str>);

/// Why a text is no name of a node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no node name: 1 to 64 letters, digits, dots, dashes and underscores")]
pub struct NodeIdError(String);

impl NodeId {
    /// Reads a name.
    ///
    /// # Errors
    /// It is empty, too long, or has other characters.
    pub fn new(text: &str) -> Result<Self, NodeIdError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if (1..=NAME_BYTES_MAX).contains(&text.len()) && text.chars().all(fits) {
            Ok(Self(text.into()))
        } else {
            Err(NodeIdError(text.chars().take(NAME_BYTES_MAX).collect()))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for NodeId {
    type Error = NodeIdError;

    fn try_from(text: String) -> Result<Self, NodeIdError> {
        Self::new(&text)
    }
}

impl From<NodeId> for String {
    fn from(id: NodeId) -> Self {
        id.0.as_ref().to_owned()
    }
}

/// One life of a node's process: milliseconds since 1970 at its start, or one more than the last
/// generation of the same data folder if the clock stepped back.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct Generation(pub u64);

/// A number that the store gave out, higher than any before it: the milliseconds of the store's clock
/// or, where that is not higher, one more than the last. So it rises although a store that lost its
/// data forgot the last one. Below 2^48 until the year 10889.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct Fence(pub u64);

impl Fence {
    /// As it stands in the store: 6 bytes, most significant first.
    pub fn to_bytes(self) -> [u8; FENCE_BYTES] {
        let [_, _, bytes @ ..] = self.0.to_be_bytes();
        bytes
    }

    /// As it stands in the store.
    pub fn from_bytes(bytes: [u8; FENCE_BYTES]) -> Self {
        let [a, b, c, d, e, f] = bytes;
        Self(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Bytes of a [`Fence`] in the store.
pub const FENCE_BYTES: usize = 6;

const NAME_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(NodeId::new("ftp-1.a_B").unwrap().as_str(), "ftp-1.a_B");
        for wrong in ["", "a b", "a/b", "ä", &"x".repeat(65)] {
            assert!(NodeId::new(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn fences_keep_their_order_as_bytes() {
        let fences = [0, 1, 255, 256, 1_795_000_000_000, (1 << 48) - 1].map(Fence);
        let bytes = fences.map(Fence::to_bytes);
        assert!(bytes.is_sorted());
        assert_eq!(bytes.map(Fence::from_bytes), fences);
    }
}
