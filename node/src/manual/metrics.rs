//! What the node counts and measures, for its operators: how to get it, and what each name means.
//!
#![doc = include_str!("metrics.md")]
#![doc = include_str!("metric_table.md")]
