//! What a node looks after in AWS: its address, security groups, permissions.
//!
#![doc = include_str!("aws.md")]
