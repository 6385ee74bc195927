//! The node's HTTP server, by actix-web at `health.listen`: the pages of [`health`](crate::health) for
//! whoever asks, and the [admin API](crate::admin) for whoever has a token.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix_web::dev::Server;
use actix_web::{App, HttpServer, web};
use tracing::warn;

use crate::admin::{self, Admin};
use crate::health::{Readiness, http};
use crate::metrics::Metrics;

/// Takes the listener over; what is returned serves while it is polled.
pub(crate) fn serve(
    listener: TcpListener,
    readiness: Arc<Readiness>,
    metrics: Arc<Metrics>,
    admin: web::Data<Admin>,
) -> io::Result<(Server, SocketAddr)> {
    let address = listener.local_addr()?;
    if !address.ip().to_canonical().is_loopback() {
        warn!(
            %address,
            "the admin API can be reached from outside (health.listen); only its tokens guard it, which travel in clear"
        );
    }
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::from(Arc::clone(&readiness)))
            .app_data(web::Data::from(Arc::clone(&metrics)))
            .app_data(admin.clone())
            .configure(http::routes)
            .configure(admin::routes)
    })
    .workers(1)
    .max_connections(CONNECTIONS_MAX)
    .disable_signals()
    .shutdown_timeout(1)
    .listen(listener)?
    .run();
    Ok((server, address))
}

/// Checkers, scrapers and operators at once; more wait in the backlog.
const CONNECTIONS_MAX: usize = 256;
