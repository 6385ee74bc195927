//! What the nodes of a pool agree on. Knows nothing of FTP.
//!
//! Everything here is a pure machine with the time as an argument; sockets are under [`store`] only, in the
//! client of Redis. [`agent::Agent`] composes the machines; a node drives it.
//!
//! # Map
//! - [`id`]: who a node is.
//! - [`member`], [`session`], [`order`], [`policy`]: the records that nodes share.
//! - [`seal`]: what of it is secret.
//! - [`store`]: where they live; [`store::State`] defines what each request means.
//! - [`agent`]: heartbeat, lanes to the store, duties of the leader.
//! - [`view`]: the pool as a node knows it, and what changed; [`lease`]: whether it leads.
//! - [`admission`], [`ledger`]: sessions and the limits that they count against, on a node and in the pool.
//! - [`ban`]: failed logins and banned addresses.
//! - [`publisher`]: the sessions of a node, and what the pool has to hear of them.
//! - [`ports`], [`blocks`]: the passive range and its arithmetic; who may offer which part of it.
//! - [`keepalive`]: how connections are kept alive on the path between client and node.
//! - [`relay`]: what one node says to another before it passes on a data connection.
//! - [`aws`]: what is done in AWS, and how a call to it goes.
//! - [`balancer`]: load balancers in front of the pool; [`lifecycle`]: what becomes of its machines.
//! - [`group`]: security groups: what must be open, what is, and what to do about it.
//! - [`dns`]: which nodes clients are sent to.
//! - [`manual`]: what always holds, what fails and heals, decisions and their reasons.

pub mod admission;
pub mod agent;
pub mod aws;
pub mod balancer;
pub mod ban;
pub mod blocks;
pub mod dns;
pub mod group;
pub mod id;
pub mod keepalive;
pub mod lease;
pub mod ledger;
pub mod lifecycle;
pub mod manual;
pub mod member;
pub mod order;
pub mod policy;
pub mod ports;
pub mod publisher;
pub mod relay;
pub mod seal;
pub mod session;
pub mod store;
pub mod view;
