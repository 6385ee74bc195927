//! The node's HTTP server, by actix-web at `health.listen`: the pages of [`health`](crate::health) for
//! whoever asks, and the [admin API](crate::admin) for whoever has a token.
//!
//! It is actix-web's own server but for one step: connections of balancers may begin with a
//! [PROXY header](header), which is read before HTTP is.

mod header;
mod replayed;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_http::HttpService;
use actix_service::{ServiceFactoryExt as _, fn_service, map_config};
use actix_web::dev::{AppConfig, Server};
use actix_web::{App, web};
use tokio::net::TcpStream;
use tracing::warn;

pub(crate) use self::header::Balancers;
use self::header::begin;
use crate::admin::{self, Admin};
use crate::health::{Readiness, http};
use crate::metrics::Metrics;

/// Takes the listener over; what is returned serves while it is polled.
pub(crate) fn serve(
    listener: TcpListener,
    readiness: Arc<Readiness>,
    metrics: Arc<Metrics>,
    admin: web::Data<Admin>,
    balancers: Arc<Balancers>,
) -> io::Result<(Server, SocketAddr)> {
    let address = listener.local_addr()?;
    if !address.ip().to_canonical().is_loopback() {
        warn!(
            %address,
            "the admin API can be reached from outside (health.listen); only its tokens guard it, which travel in clear"
        );
    }
    let service = move || {
        let pages = App::new()
            .app_data(web::Data::from(Arc::clone(&readiness)))
            .app_data(web::Data::from(Arc::clone(&metrics)))
            .app_data(admin.clone())
            .configure(http::routes)
            .configure(admin::routes);
        let pages = map_config(pages, |()| AppConfig::default());
        let balancers = Arc::clone(&balancers);
        let http = HttpService::build().local_addr(address).client_disconnect_timeout(PARTING);
        fn_service(move |stream: TcpStream| begin(stream, Arc::clone(&balancers)))
            .and_then(http.finish(pages))
    };
    let server = Server::build()
        .workers(1)
        .max_concurrent_connections(CONNECTIONS_MAX)
        .disable_signals()
        .shutdown_timeout(1)
        .listen("health", listener, service)?
        .run();
    Ok((server, address))
}

/// Checkers, scrapers and operators at once; more wait in the backlog.
const CONNECTIONS_MAX: usize = 256;

/// For the end of a connection, as in actix-web's server.
const PARTING: Duration = Duration::from_secs(1);
