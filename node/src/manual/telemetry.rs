//! What a node tells a collector by OTLP, and what that costs. What it logs: [`logs`](super::logs).
//!
#![doc = include_str!("telemetry.md")]
