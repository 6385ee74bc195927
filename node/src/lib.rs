//! The Flotilla node: actix actors, sockets, TLS, storage, authentication, administration.

pub mod auth;
pub mod blocking;
pub mod cli;
pub mod config;
pub mod files;
pub mod storage;
