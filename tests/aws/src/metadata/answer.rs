//! The answers of instance metadata.

use std::thread;
use std::time::Duration;

use super::tree::{at, is_there, tree};
use crate::api::{Moment, Service};
use crate::fault::Kind;
use crate::http::{Answer, Outcome, Request};
use crate::log::Entry;
use crate::shared::Shared;
use crate::world::World;

/// Answers a request that came to the listener of an instance.
pub(super) fn answer(shared: &Shared, instance: &str, request: &Request) -> Outcome {
    let mut world = shared.lock();
    let now = Moment::now().now;
    let faults = world.faults.of(Service::Metadata.prefix(), &request.path, instance, now);
    for fault in &faults {
        if let Kind::Delay { delay_ms } | Kind::Slow { delay_ms } = fault {
            drop(world);
            thread::sleep(Duration::from_millis(*delay_ms));
            world = shared.lock();
        }
    }
    let outcome = match faults.first() {
        Some(Kind::Down | Kind::Lose) => Outcome::Close,
        Some(Kind::Throttle) => page(503, "Service Unavailable").into(),
        Some(Kind::Refuse) => page(403, "Forbidden").into(),
        Some(Kind::Error { status, message, .. }) => page(*status, message).into(),
        _ if !is_there(&world, instance) => Outcome::Close,
        _ => judge(&mut world, instance, request).into(),
    };
    let word = match &outcome {
        Outcome::Answer(answer) => answer.status.to_string(),
        Outcome::Close => "closed".to_owned(),
    };
    let entry = Entry {
        number: 0,
        at_ms: world.age_ms(),
        service: Service::Metadata.prefix().to_owned(),
        action: request.path.clone(),
        identity: instance.to_owned(),
        outcome: word,
        request: [("method".to_owned(), request.method.clone())].into(),
    };
    world.metadata_log.add(entry);
    outcome
}

fn judge(world: &mut World, instance: &str, request: &Request) -> Answer {
    let moment = Moment::now();
    match request.method.as_str() {
        "PUT" => return token(world, instance, request, moment),
        "GET" | "HEAD" => {}
        _ => return page(405, "Not Allowed"),
    }
    // Version 1, without a token, is not allowed here.
    let token = request.header("x-aws-ec2-metadata-token").unwrap_or_default();
    let Some(left) = world.tokens.left(token, instance, moment.now) else {
        return page(401, "Unauthorized");
    };
    let (version, path) =
        request.path.trim_start_matches('/').split_once('/').unwrap_or((&request.path, ""));
    if version != "latest" && !is_dated(version) {
        return page(404, "Not Found");
    }
    match at(&tree(world, instance, moment.wall), path) {
        Some(value) => Answer::text(200, value).header(TTL, left.as_secs().to_string()),
        None => page(404, "Not Found"),
    }
}

/// `PUT /latest/api/token`, for 1 to 21,600 seconds; not through a proxy.
fn token(world: &mut World, instance: &str, request: &Request, moment: Moment) -> Answer {
    let dated = request.path.trim_start_matches('/').split('/').next().is_some_and(is_dated);
    if request.header("x-forwarded-for").is_some() || dated {
        return page(403, "Forbidden");
    }
    if request.path != "/latest/api/token" {
        return page(405, "Not Allowed");
    }
    let ttl = request.header(TTL).and_then(|text| text.parse::<u64>().ok());
    let Some(ttl) = ttl.filter(|ttl| (1..=21_600).contains(ttl)) else {
        return page(400, "Bad Request");
    };
    let lasting = Duration::from_secs(ttl);
    let token = world.tokens.give(&mut world.chance, instance, lasting, moment.now);
    Answer::text(200, token).header(TTL, ttl.to_string())
}

/// Of a question and of an answer.
const TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";

fn is_dated(version: &str) -> bool {
    version.len() == 10 && version.chars().all(|it| it.is_ascii_digit() || it == '-')
}

fn page(status: u16, words: &str) -> Answer {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n<html><head><title>{status} - {words}</title>\
         </head><body><h1>{status} - {words}</h1></body></html>"
    );
    let headers = vec![("content-type", "text/html".to_owned())];
    Answer { status, headers, body: body.into_bytes() }
}
