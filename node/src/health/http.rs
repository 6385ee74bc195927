//! `/livez`, `/readyz` and `/metrics` over HTTP, by actix-web.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::dev::{Server, ServerHandle};
use actix_web::http::StatusCode;
use actix_web::{App, HttpResponse, HttpServer, web};

use super::Readiness;
use crate::metrics::Metrics;

/// The endpoints' server, bound and ready to be spawned.
pub(crate) struct Endpoints {
    /// The future that serves.
    pub(crate) server: Server,
    /// Stops it.
    pub(crate) handle: ServerHandle,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

/// Binds the endpoints.
pub(crate) fn bind(
    address: SocketAddr,
    readiness: Arc<Readiness>,
    metrics: Arc<Metrics>,
) -> io::Result<Endpoints> {
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::from(Arc::clone(&readiness)))
            .app_data(web::Data::from(Arc::clone(&metrics)))
            .route("/livez", web::get().to(livez))
            .route("/readyz", web::get().to(readyz))
            .route("/metrics", web::get().to(show_metrics))
    })
    .workers(1)
    .max_connections(CONNECTIONS_MAX)
    .disable_signals()
    .shutdown_timeout(1)
    .bind(address)?;
    let address = server.addrs().first().copied().unwrap_or(address);
    let server = server.run();
    Ok(Endpoints { handle: server.handle(), server, address })
}

/// The process answers.
async fn livez() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "live": true }))
}

/// 200 when ready, 503 with the reasons otherwise.
async fn readyz(readiness: web::Data<Readiness>) -> HttpResponse {
    let reasons = readiness.reasons();
    let ready = reasons.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    HttpResponse::build(status).json(serde_json::json!({ "ready": ready, "reasons": reasons }))
}

async fn show_metrics(metrics: web::Data<Metrics>) -> HttpResponse {
    match metrics.encode() {
        Ok(text) => HttpResponse::Ok()
            .content_type("application/openmetrics-text; version=1.0.0; charset=utf-8")
            .body(text),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

/// Checkers and scrapers at once; more wait in the backlog.
const CONNECTIONS_MAX: usize = 256;
