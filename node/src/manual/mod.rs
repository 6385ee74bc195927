//! The manual of the node: what is configured how, and why things are as they are.

pub mod admin;
pub mod aws;
pub mod configuration;
pub mod defaults;
pub mod dependencies;
pub mod ingress;
pub mod logs;
pub mod metrics;
pub mod pool;
pub mod ssh;
pub mod telemetry;
pub mod users;
