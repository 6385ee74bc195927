//! The Flotilla node: actix actors, sockets, TLS, storage, authentication, administration.

pub mod auth;
pub mod config;
pub mod ports;
pub mod storage;
pub mod tls;
