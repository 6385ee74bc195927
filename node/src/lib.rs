//! The Flotilla node: actix actors, sockets, TLS, storage, authentication, administration.

pub mod auth;
pub mod cli;
pub mod config;
pub mod error;
pub mod log;
pub mod manual;
pub mod storage;

pub use error::ServeError;

use config::{Config, ConfigError};

/// Runs a node until it is told to stop. `reload` reads the configuration again, at HUP.
///
/// # Errors
/// Why it could not start, or what broke.
pub fn serve(
    config: Config,
    reload: impl Fn() -> Result<Config, ConfigError> + Send + 'static,
) -> Result<(), ServeError> {
    let _log = log::init(&config.telemetry)?;
    let _ = reload;
    Err(ServeError::Runtime("the server is not assembled yet".to_owned()))
}
