//! The store in Redis against real servers: `redis-server` must be installed.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests start servers, and wait for them"
)]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is a test"
)]

mod cluster;
mod conformance;
mod denial;
mod garbage;
mod hints;
mod large;
mod outage;
mod sentinel;
mod support;
mod tls;
