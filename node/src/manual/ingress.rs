//! How clients reach the nodes: balancers, shared passive ports, relays, keepalives, firewalls.
//!
#![doc = include_str!("ingress.md")]
