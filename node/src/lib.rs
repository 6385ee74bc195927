//! The Flotilla node: actix actors, sockets, TLS, storage, authentication, administration.
//!
//! [`serve`] runs a node for the command line; [`run`] runs one for whoever brings a configuration
//! and a channel. Everything else is the inside of the house: see the code map in the README.

pub mod auth;
pub mod blocking;
pub mod cli;
pub mod config;
pub mod data;
pub mod error;
pub mod files;
pub mod log;
pub mod manual;
pub mod pool;
pub mod ports;
pub mod rate;
pub mod ssh;
pub mod storage;
pub mod tls;

mod address;
mod admin;
mod cloud;
mod digest;
mod doctor;
mod firewall;
mod health;
mod hex;
mod ingress;
mod keepalive;
mod listen;
mod lobby;
mod login;
mod metrics;
mod pipe;
mod policy;
mod proxy;
mod registry;
mod relay;
mod roster;
mod secret;
mod session;
mod system;
mod telemetry;
mod threshold;
mod waiting;
mod web;
mod worker;

pub use error::ServeError;
pub use system::{Control, run};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use config::{Config, ConfigError};
use telemetry::Exporter;

/// Runs a node until TERM or INT. HUP reads the configuration again through `reload`; a second TERM ends
/// at once.
///
/// # Errors
/// Why it could not start, or what broke.
pub fn serve(
    config: Config,
    reload: impl Fn() -> Result<Config, ConfigError> + Send + 'static,
) -> Result<(), ServeError> {
    let exporter = Exporter::start(&config, &system::node_id(&config)?)?;
    let log = log::init(&config.telemetry, &exporter)?;
    let system = actix::System::new();
    let result = system.block_on(async {
        let signals = Signals::new().map_err(|error| ServeError::Runtime(error.to_string()))?;
        let (control, controlled) = mpsc::channel(CONTROLS_MAX);
        let signals = actix::spawn(signals.forward(control, reload));
        let result = run(config, controlled, Some(&log)).await;
        signals.abort();
        result
    });
    // Dropping it would wait for threads that a dead storage may hold for ever. The process ends next.
    std::mem::forget(system);
    exporter.finish();
    drop(log);
    result
}

/// The signals that a node obeys.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn forward(
        mut self,
        control: mpsc::Sender<Control>,
        reload: impl Fn() -> Result<Config, ConfigError>,
    ) {
        loop {
            let message = tokio::select! {
                _ = self.terminate.recv() => Control::Stop,
                _ = self.interrupt.recv() => Control::Stop,
                _ = self.hang_up.recv() => match reload() {
                    Ok(config) => {
                        Control::Reload(Box::new(config))
                    }
                    Err(error) => {
                        tracing::error!(%error, "reload refused, the old configuration stays");
                        continue;
                    }
                },
            };
            if control.send(message).await.is_err() {
                return;
            }
        }
    }
}

/// Signals on their way; more wait in the kernel, which merges equal ones.
const CONTROLS_MAX: usize = 8;
