//! The HTTP server of a running node.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix::Recipient;
use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use tokio::task::JoinHandle;

use super::watch;
use crate::admin::{self, Admin};
use crate::config::{Config, Networks};
use crate::error::ServeError;
use crate::health::Readiness;
use crate::metrics::Metrics;
use crate::pool::Ask;
use crate::web::{self, Balancers};

/// The server, while it runs.
pub(super) struct Endpoints {
    /// Where it listens.
    pub(super) address: SocketAddr,
    admin: Data<Admin>,
    balancers: Arc<Balancers>,
    handle: ServerHandle,
    watched: JoinHandle<()>,
}

/// What of a configuration it goes by.
pub(super) struct Settings {
    admin: admin::Settings,
    balancers: Networks,
}

impl Endpoints {
    /// Serves at `listener`; questions of operators go to `pool`.
    pub(super) fn start(
        listener: TcpListener,
        config: &Config,
        pool: Recipient<Ask>,
        readiness: &Arc<Readiness>,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, ServeError> {
        let settings = admin::Settings::load(config, None)?;
        let admin = Data::new(Admin::new(pool, settings));
        let (readiness, metrics) = (Arc::clone(readiness), Arc::clone(metrics));
        let balancers = Arc::new(Balancers::new(config.ingress.balancers.clone()));
        let (asked, known) = (admin.clone(), Arc::clone(&balancers));
        let (server, address) = web::serve(listener, Arc::clone(&readiness), metrics, asked, known)
            .map_err(|error| ServeError::Runtime(format!("health.listen: {error}")))?;
        let handle = server.handle();
        let watched = watch("health endpoints", readiness, async move {
            let _ = server.await;
        });
        Ok(Self { address, admin, balancers, handle, watched })
    }

    /// The settings of a new configuration, which [`adopt`](Self::adopt) takes.
    pub(super) fn settings(&self, config: &Config) -> Result<Settings, ServeError> {
        let admin = admin::Settings::load(config, Some(&self.admin.settings()))?;
        Ok(Settings { admin, balancers: config.ingress.balancers.clone() })
    }

    /// Goes by other settings.
    pub(super) fn adopt(&self, settings: Settings) {
        self.balancers.adopt(settings.balancers);
        self.admin.adopt(settings.admin);
    }

    /// Ends it, whoever is still asking.
    pub(super) async fn stop(&self, patience: Duration) {
        self.watched.abort();
        let _ = tokio::time::timeout(patience, self.handle.stop(false)).await;
    }
}
