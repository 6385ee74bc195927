//! What speaks to AWS, against a fake of it that refuses what AWS refuses.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is a test"
)]

mod balancers;
mod scaling;
mod support;
