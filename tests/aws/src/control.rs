//! `/fake/`: what tests in other processes do with a fake, in JSON.

use std::time::Instant;

use serde_json::{Value, json};

use crate::fault::Fault;
use crate::http::{Answer, Request};
use crate::shared::Shared;
use crate::world::World;

/// Answers one request.
pub(crate) fn answer(shared: &Shared, request: &Request) -> Answer {
    match perform(&mut shared.lock(), request) {
        Ok(value) => Answer::json(200, &value),
        Err(why) => Answer::json(400, &json!({ "error": why })),
    }
}

fn perform(world: &mut World, request: &Request) -> Result<Value, String> {
    let path = request.path.strip_prefix("/fake/").unwrap_or_default();
    let parts: Vec<_> = path.split('/').collect();
    match (request.method.as_str(), parts.as_slice()) {
        ("GET", ["calls"]) => Ok(calls(world, request)),
        ("POST", ["faults"]) => {
            let fault: Fault = body(request)?;
            Ok(json!({ "fault": world.faults.add(fault, Instant::now()) }))
        }
        ("DELETE", ["faults"]) => {
            world.faults.clear();
            Ok(json!({}))
        }
        ("DELETE", ["faults", number]) => {
            world.faults.remove(number.parse().map_err(|_| "no number")?);
            Ok(json!({}))
        }
        ("POST", ["zones"]) => {
            let name: Value = body(request)?;
            let name = name.get("name").and_then(Value::as_str).ok_or("name is missing")?;
            let zone = world.names.add_zone(&mut world.chance, name);
            Ok(json!({ "zone": zone.map_err(|problem| problem.message)? }))
        }
        ("GET", ["world"]) => Ok(json!({ "names": world.names.shown() })),
        ("POST", ["settings"]) => {
            world.change_settings(body(request)?)?;
            Ok(json!(world.settings))
        }
        ("POST", ["client"]) => {
            world.names.client = body(request)?;
            Ok(json!({}))
        }
        ("POST", ["reach"]) => {
            world.names.reach = body(request)?;
            Ok(json!({}))
        }
        (method, _) => Err(format!("there is no {method} {}", request.path)),
    }
}

fn body<T: serde::de::DeserializeOwned>(request: &Request) -> Result<T, String> {
    serde_json::from_slice(&request.body).map_err(|error| error.to_string())
}

fn calls(world: &World, request: &Request) -> Value {
    let since = request.queries().into_iter().find(|(name, _)| name == "since");
    let since = since.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    let calls: Vec<_> = world.log.since(since).collect();
    json!({ "calls": calls, "last": world.log.last() })
}
