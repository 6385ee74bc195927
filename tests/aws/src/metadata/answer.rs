//! The answers of instance metadata.

use std::thread;
use std::time::Duration;

use super::tree::{at, tree};
use crate::api::{Moment, Service};
use crate::fault::{Kind, Met};
use crate::http::{Answer, Outcome, Request};
use crate::log::Entry;
use crate::shared::Shared;
use crate::world::World;

/// Answers a request that came to the listener of an instance.
pub(super) fn answer(shared: &Shared, instance: &str, request: &Request) -> Outcome {
    let mut world = shared.lock();
    let now = Moment::now().now;
    let faults = world.faults.of(Service::Metadata, &request.path, instance, now);
    if !faults.delay().is_zero() {
        drop(world);
        thread::sleep(faults.delay());
        world = shared.lock();
    }
    let outcome = meet(&mut world, instance, request, &faults);
    note(&mut world, instance, request, &outcome);
    drop(world);
    thread::sleep(faults.slowness());
    outcome
}

/// The answer, or what comes in its place.
fn meet(world: &mut World, instance: &str, request: &Request, faults: &Met) -> Outcome {
    if faults.has(&Kind::Down) || !world.cloud.is_there(instance) {
        return Outcome::Close;
    }
    let answer = if faults.has(&Kind::Throttle) {
        page(503, "Service Unavailable")
    } else if faults.has(&Kind::Refuse) {
        page(403, "Forbidden")
    } else if let Some((status, _, message)) = faults.error(false) {
        page(status, message)
    } else {
        judge(world, instance, request)
    };
    if faults.closes() {
        return Outcome::Close;
    }
    faults.error(true).map_or(answer, |(status, _, message)| page(status, message)).into()
}

fn note(world: &mut World, instance: &str, request: &Request, outcome: &Outcome) {
    let word = match outcome {
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

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::ec2::NewInstance;
    use crate::fault::Fault;
    use crate::metadata::Tokens;
    use crate::settings::Settings;

    fn shared() -> (Shared, String) {
        let mut world = World::new(Settings::default(), Instant::now());
        let instance = world.add_instance(NewInstance::default());
        (Shared::new(world), instance)
    }

    /// Asks for a token while these faults are there.
    fn put(shared: &Shared, instance: &str, kinds: &[Kind]) -> Outcome {
        let mut world = shared.lock();
        world.faults.clear();
        for kind in kinds {
            world.add_fault(Fault::new(kind.clone()).service(Service::Metadata));
        }
        drop(world);
        let request = Request {
            method: "PUT".to_owned(),
            path: "/latest/api/token".to_owned(),
            query: String::new(),
            headers: vec![(TTL.to_owned(), "60".to_owned())],
            body: Vec::new(),
        };
        answer(shared, instance, &request)
    }

    /// The next token, whether it will be given or not.
    fn next_token(world: &World, instance: &str) -> String {
        let mut chance = world.chance.clone();
        Tokens::default().give(&mut chance, instance, Duration::from_secs(60), Instant::now())
    }

    fn status(outcome: &Outcome) -> Option<u16> {
        match outcome {
            Outcome::Answer(answer) => Some(answer.status),
            Outcome::Close => None,
        }
    }

    #[test]
    fn all_faults_are_met_and_not_the_first_one_only() {
        let (shared, instance) = shared();
        let slow = [Kind::Delay { delay_ms: 1 }, Kind::Slow { delay_ms: 1 }];
        assert_eq!(status(&put(&shared, &instance, &slow)), Some(200));
        for (last, expected) in
            [(Kind::Down, None), (Kind::Refuse, Some(403)), (Kind::Throttle, Some(503))]
        {
            let [delay, slowness] = slow.clone();
            let outcome = put(&shared, &instance, &[delay, slowness, last.clone()]);
            assert_eq!(status(&outcome), expected, "{last:?}");
        }
    }

    #[test]
    fn a_lost_answer_was_carried_out() {
        let (shared, instance) = shared();
        let error = |done| {
            let (code, message) = (String::new(), "odd".to_owned());
            Kind::Error { status: 500, code, message, done }
        };
        for (kind, done, expected) in [
            (Kind::Down, false, None),
            (Kind::Lose, true, None),
            (error(false), false, Some(500)),
            (error(true), true, Some(500)),
        ] {
            let token = next_token(&shared.lock(), &instance);
            assert_eq!(
                status(&put(&shared, &instance, std::slice::from_ref(&kind))),
                expected,
                "{kind:?}"
            );
            let left = shared.lock().tokens.left(&token, &instance, Instant::now());
            assert_eq!(left.is_some(), done, "{kind:?}");
        }
        let last = shared.lock().metadata_log.since(0).last().map(|entry| entry.outcome.clone());
        assert_eq!(last.as_deref(), Some("500"));
    }
}
