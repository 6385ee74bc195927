//! `/livez`, `/readyz` and `/metrics`, for anybody who can reach them.

use actix_web::http::StatusCode;
use actix_web::http::header::ACCEPT;
use actix_web::{HttpRequest, HttpResponse, web};

use super::Readiness;
use crate::metrics::{self, Metrics};

/// Adds the pages to a server.
pub(crate) fn routes(server: &mut web::ServiceConfig) {
    server
        .route("/livez", web::get().to(livez))
        .route("/readyz", web::get().to(readyz))
        .route("/metrics", web::get().to(show_metrics));
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

/// As OpenMetrics for who names it, as Prometheus does; else in the older text format.
async fn show_metrics(request: HttpRequest, metrics: web::Data<Metrics>) -> HttpResponse {
    let accepted = request.headers().get(ACCEPT).and_then(|accepted| accepted.to_str().ok());
    let is_open = accepted.is_some_and(|accepted| accepted.contains(OPEN_NAME));
    match metrics.encode() {
        Ok(text) if is_open => HttpResponse::Ok().content_type(metrics::OPEN).body(text),
        Ok(text) => HttpResponse::Ok().content_type(metrics::PLAIN).body(metrics::plain(&text)),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

/// Of the type, whatever version is asked for: there is one.
const OPEN_NAME: &str = "application/openmetrics-text";
