//! `/fake/`: what tests in other processes do with a fake, in JSON.

mod balancing;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, SystemTime};

use ipnet::Ipv4Net;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::ec2::NewInstance;
use crate::fault::Fault;
use crate::http::{Answer, Request};
use crate::metadata::Listeners;
use crate::shared::Shared;
use crate::world::World;

/// Answers one request.
pub(crate) fn answer(shared: &Shared, listeners: &Listeners, request: &Request) -> Answer {
    let result = if (request.method.as_str(), request.path.as_str()) == ("POST", "/fake/instances")
    {
        add_instance(shared, listeners, request)
    } else {
        perform(&mut shared.lock(), request)
    };
    match result {
        Ok(value) => Answer::json(200, &value),
        Err(why) => Answer::json(400, &json!({ "error": why })),
    }
}

fn perform(world: &mut World, request: &Request) -> Result<Value, String> {
    let path = request.path.strip_prefix("/fake/").unwrap_or_default();
    let parts: Vec<_> = path.split('/').collect();
    if let Some(result) = balancing::perform(world, request, &parts) {
        return result;
    }
    match (request.method.as_str(), parts.as_slice()) {
        ("GET", ["calls"] | ["calls", "metadata"]) => Ok(calls(world, request)),
        ("POST", ["faults"]) => {
            let fault: Fault = body(request)?;
            Ok(json!({ "fault": world.add_fault(fault) }))
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
            let zone = world.add_zone(name);
            Ok(json!({ "zone": zone.map_err(|problem| problem.message)? }))
        }
        ("GET", ["world"]) => Ok(world.shown()),
        ("POST", ["settings"]) => {
            world.change_settings(body(request)?)?;
            Ok(json!(world.settings))
        }
        ("POST", ["instances", instance]) => {
            let event = body(request)?;
            happen(world, instance, event)
        }
        ("POST", ["networks"]) => {
            let Network { cidr, default } = body(request)?;
            Ok(json!({ "network": world.add_network(cidr, default) }))
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

fn add_instance(
    shared: &Shared,
    listeners: &Listeners,
    request: &Request,
) -> Result<Value, String> {
    let wanted: NewInstance = body(request)?;
    let (id, bind) = {
        let mut world = shared.lock();
        (world.add_instance(wanted), world.settings.bind)
    };
    let listener = TcpListener::bind(SocketAddr::new(bind, 0));
    let url = listener.and_then(|listener| listeners.add(shared, &id, listener));
    let url = url.map_err(|error| error.to_string())?;
    Ok(json!({ "instance": id, "metadata": url }))
}

/// A network to be made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Network {
    cidr: Ipv4Net,
    #[serde(default)]
    default: bool,
}

/// What happens to an instance.
#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
enum Event {
    /// It will be taken away.
    Spot { action: String, within_ms: u64 },
    /// It is likely to be taken away.
    Rebalance {},
    /// Its group wants it to be so.
    Lifecycle { state: Option<String> },
    /// It has another public address, or none.
    Address { public: Option<Ipv4Addr> },
    /// It is gone.
    Terminate {},
    /// It has new credentials.
    Credentials {},
}

fn happen(world: &mut World, instance: &str, event: Event) -> Result<Value, String> {
    let found = world.cloud.instances.get_mut(instance).ok_or("no such instance")?;
    match event {
        Event::Spot { action, within_ms } => {
            world.take_away(instance, &action, Duration::from_millis(within_ms));
        }
        Event::Rebalance {} => found.rebalance = Some(SystemTime::now()),
        Event::Lifecycle { state } => found.target_state = state,
        Event::Address { public } => world.cloud.move_address(instance, public),
        Event::Terminate {} => world.cloud.terminate(instance),
        Event::Credentials {} => world.renew_credentials(instance),
    }
    Ok(json!({}))
}

fn calls(world: &World, request: &Request) -> Value {
    let since = request.queries().into_iter().find(|(name, _)| name == "since");
    let since = since.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    let log = if request.path.ends_with("metadata") { &world.metadata_log } else { &world.log };
    let calls: Vec<_> = log.since(since).collect();
    json!({ "calls": calls, "last": log.last() })
}
