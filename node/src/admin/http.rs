//! The way of a request: token, role, a place, its deadline, the question, the answer.

use std::time::Instant;

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, Resource, web};
use serde_json::{Value, json};
use tracing::{info, warn};

use super::endpoint::{ENDPOINTS, Endpoint, Given};
use super::{Admin, Role};
use crate::pool::{Ask, Question, Refusal};

/// Adds the API to a server, whose data must hold an [`Admin`].
pub(crate) fn routes(server: &mut web::ServiceConfig) {
    server.service(resource("/v1").route(web::get().to(list)));
    let mut rest = ENDPOINTS;
    while let Some(path) = rest.first().map(|first| first.path) {
        // Those of one path stand together in the table.
        let count = rest.iter().take_while(|endpoint| endpoint.path == path).count();
        let (same, others) = rest.split_at(count);
        let service = same.iter().fold(resource(path), |resource, endpoint| {
            let method = web::method(endpoint.method.clone());
            resource.route(
                method.to(move |request, body, admin| handle(endpoint, request, body, admin)),
            )
        });
        server.service(service);
        rest = others;
    }
    server.service(resource("/v1/{rest:.*}").default_service(web::to(unknown)));
}

/// Of each path; other methods than those that are added later are refused.
fn resource(path: &str) -> Resource {
    web::resource(path).default_service(web::to(wrong_method))
}

async fn unknown() -> HttpResponse {
    refuse(StatusCode::NOT_FOUND, "there is no such thing; /v1 lists what there is")
}

async fn wrong_method() -> HttpResponse {
    refuse(StatusCode::METHOD_NOT_ALLOWED, "not by this method; /v1 lists what there is")
}

/// `/v1`: what can be asked.
async fn list(request: HttpRequest, admin: web::Data<Admin>) -> HttpResponse {
    let role = match authenticate(&admin, &request).await {
        Ok(role) => role,
        Err(refused) => return refused,
    };
    let endpoints: Vec<_> = ENDPOINTS
        .iter()
        .map(|endpoint| {
            json!({
                "method": endpoint.method.as_str(),
                "path": endpoint.path.replace(":.*", ""),
                "role": endpoint.role().name(),
                "what": endpoint.what,
            })
        })
        .collect();
    let version = env!("CARGO_PKG_VERSION");
    answer(json!({ "version": version, "role": role.name(), "endpoints": endpoints })).await
}

async fn handle(
    endpoint: &'static Endpoint,
    request: HttpRequest,
    body: web::Payload,
    admin: web::Data<Admin>,
) -> HttpResponse {
    let role = match authenticate(&admin, &request).await {
        Ok(role) => role,
        Err(refused) => return refused,
    };
    if role < endpoint.role() {
        info!(role = role.name(), peer = peer(&request), path = endpoint.path, "change forbidden");
        return refuse(StatusCode::FORBIDDEN, "this token may look and change nothing");
    }
    let Ok(_place) = admin.places.try_acquire() else {
        return refused(&Refusal::Busy("too many requests at once".to_owned()));
    };
    let done = async {
        let body = read_body(endpoint, body, admin.limits.body_bytes).await?;
        let given = Given {
            part: &|name| request.match_info().get(name).unwrap_or_default(),
            query: request.query_string(),
            body: &body,
            ban_for: admin.settings().ban_for,
        };
        let question = (endpoint.read)(&given).map_err(|refusal| refused(&refusal))?;
        match ask(&admin, question, role, &request).await {
            Ok(value) => Ok(answer(value).await),
            Err(refusal) => Err(refused(&refusal)),
        }
    };
    match tokio::time::timeout(admin.limits.deadline, done).await {
        Ok(Ok(response) | Err(response)) => response,
        Err(_) => refused(&Refusal::Busy(
            "it took too long; a change that was asked for may still happen".to_owned(),
        )),
    }
}

/// Asks the pool. A change is logged before it can happen, whatever becomes of the request.
async fn ask(
    admin: &Admin,
    question: Question,
    role: Role,
    request: &HttpRequest,
) -> Result<Value, Refusal> {
    let change = question.is_change().then(|| question.to_string());
    if let Some(change) = &change {
        info!(role = role.name(), peer = peer(request), change, "change asked for");
    }
    let answer = match admin.pool.send(Ask(question)).await {
        Ok(answer) => answer,
        Err(_) => Err(Refusal::Unavailable("the pool's actor is gone".to_owned())),
    };
    if let (Some(change), Err(refusal)) = (change, &answer) {
        info!(role = role.name(), peer = peer(request), change, %refusal, "change refused");
    }
    answer
}

/// Who asks, or the answer to somebody who may not.
async fn authenticate(admin: &Admin, request: &HttpRequest) -> Result<Role, HttpResponse> {
    let header = request.headers().get(AUTHORIZATION).map(|value| value.as_bytes());
    let shown = header.and_then(|value| {
        let (scheme, token) = value.split_at_checked(SCHEME.len())?;
        scheme.eq_ignore_ascii_case(SCHEME).then(|| token.trim_ascii())
    });
    let reason = match shown {
        None => "a token is needed, as in \"Authorization: Bearer ...\"",
        Some(token) => match admin.settings().tokens.role(token) {
            Some(role) => return Ok(role),
            None => {
                if let Some(count) = admin.guesses.count(Instant::now()) {
                    warn!(peer = peer(request), count, "wrong admin token");
                }
                tokio::time::sleep(admin.limits.wrong_token).await;
                "the token is wrong"
            }
        },
    };
    let mut response = refuse(StatusCode::UNAUTHORIZED, reason);
    let scheme = actix_web::http::header::HeaderValue::from_static("Bearer");
    response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
    Err(response)
}

/// Only what changes something has a body.
async fn read_body(
    endpoint: &Endpoint,
    body: web::Payload,
    bytes_max: usize,
) -> Result<web::Bytes, HttpResponse> {
    if endpoint.role() == Role::Reader {
        return Ok(web::Bytes::new());
    }
    match body.to_bytes_limited(bytes_max).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) => {
            Err(refused(&Refusal::Invalid(format!("the body can not be read: {error}"))))
        }
        Err(_) => {
            let text = format!("the body is longer than {bytes_max} bytes");
            Err(refuse(StatusCode::PAYLOAD_TOO_LARGE, &text))
        }
    }
}

/// An answer. The sessions of a large pool are many megabytes: they are written where they do not
/// hold up `/livez`.
async fn answer(value: Value) -> HttpResponse {
    match web::block(move || serde_json::to_vec(&value)).await {
        Ok(Ok(text)) => HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, "application/json"))
            .insert_header((CACHE_CONTROL, "no-store"))
            .body(text),
        _ => refuse(StatusCode::INTERNAL_SERVER_ERROR, "the answer can not be written"),
    }
}

/// The one table from a refusal to its status.
fn refused(refusal: &Refusal) -> HttpResponse {
    let status = match refusal {
        Refusal::Invalid(_) => StatusCode::BAD_REQUEST,
        Refusal::NotFound(_) => StatusCode::NOT_FOUND,
        Refusal::Unavailable(_) | Refusal::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    refuse(status, &refusal.to_string())
}

fn refuse(status: StatusCode, error: &str) -> HttpResponse {
    HttpResponse::build(status).json(json!({ "error": error }))
}

fn peer(request: &HttpRequest) -> String {
    request.peer_addr().map(|peer| peer.to_string()).unwrap_or_default()
}

/// Of the tokens, RFC 6750.
const SCHEME: &[u8] = b"Bearer ";
