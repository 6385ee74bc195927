//! The passive port range, and how it is divided: the one value from which listeners, replies, leases and
//! firewall rules come. Who may offer which part of it is told by [`blocks`](crate::blocks).

mod layout;
mod range;

pub use layout::{BLOCKS_MAX, Layout, LayoutError};
pub use range::{PortRange, RangeError};
