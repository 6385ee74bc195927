//! Addresses: their one form, and the one that a passive reply tells the client.

mod advice;
mod choice;
mod found;
mod reason;

use std::net::SocketAddr;

pub(crate) use advice::{advice, warn};
pub(crate) use choice::{Arrival, Known, Path, advertised};
pub(crate) use found::Found;

/// With an IPv4-mapped IPv6 address (what a dual-stack listener reports) as IPv4.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
