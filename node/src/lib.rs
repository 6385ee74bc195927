//! The Flotilla node: actix actors, sockets, TLS, storage, authentication, administration.

pub mod auth;
pub mod blocking;
pub mod config;
pub mod data;
pub mod files;
pub mod ports;
pub mod rate;
pub mod storage;
pub mod tls;
