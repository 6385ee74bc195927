//! `/livez`, `/readyz` and `/metrics`, for anybody who can reach them.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};

use super::Readiness;
use crate::metrics::Metrics;

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

async fn show_metrics(metrics: web::Data<Metrics>) -> HttpResponse {
    match metrics.encode() {
        Ok(text) => HttpResponse::Ok()
            .content_type("application/openmetrics-text; version=1.0.0; charset=utf-8")
            .body(text),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}
