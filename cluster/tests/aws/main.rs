//! What speaks to AWS, against a fake of it that refuses what AWS refuses.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is a test"
)]

mod balancers;
mod instances;
mod names;
mod scaling;
mod spans;
mod support;
