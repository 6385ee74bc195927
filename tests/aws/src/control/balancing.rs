//! Balancers and groups of instances, made and changed by tests.

use serde::Deserialize;
use serde_json::{Value, json};

use super::body;
use crate::balancing::{Health, NewBalancer, NewTargetGroup};
use crate::classic::Classic;
use crate::http::Request;
use crate::scaling::Hook;
use crate::world::World;

/// What one of these paths does; nothing where it is another one.
pub(super) fn perform(
    world: &mut World,
    request: &Request,
    parts: &[&str],
) -> Option<Result<Value, String>> {
    if request.method != "POST" {
        return None;
    }
    Some(match parts {
        ["balancers"] => body::<NewBalancer>(request)
            .map(|wanted| json!({ "balancer": world.add_balancer(wanted) })),
        ["target-groups"] => body::<NewTargetGroup>(request)
            .map(|wanted| json!({ "target_group": world.add_target_group(wanted) })),
        ["listeners"] => body(request).and_then(|wanted| listener(world, &wanted)),
        ["target-health"] => body(request).and_then(|wanted| health(world, &wanted)),
        ["classics"] => body::<Classic>(request).map(|wanted| {
            world.add_classic(wanted);
            json!({})
        }),
        ["scaling-groups"] => body::<NewScalingGroup>(request).map(|wanted| {
            world.add_scaling_group(&wanted.name, wanted.hooks);
            json!({})
        }),
        ["scaling-groups", name, "join", instance] => {
            world.join_scaling_group(name, instance);
            Ok(json!({}))
        }
        ["scaling-groups", name, "scale-in", instance] => {
            Ok(json!({ "done": world.scale_in(name, instance) }))
        }
        _ => return None,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewListener {
    balancer: String,
    port: u16,
    #[serde(default = "tcp")]
    protocol: String,
    target_group: String,
}

fn tcp() -> String {
    "TCP".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewHealth {
    target_group: String,
    target: String,
    health: Health,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewScalingGroup {
    name: String,
    #[serde(default)]
    hooks: Vec<Hook>,
}

fn listener(world: &mut World, wanted: &NewListener) -> Result<Value, String> {
    let NewListener { balancer, port, protocol, target_group } = wanted;
    let made = world.new_listener(balancer, *port, protocol, target_group);
    Ok(json!({ "listener": made.map_err(|problem| problem.to_string())? }))
}

fn health(world: &mut World, wanted: &NewHealth) -> Result<Value, String> {
    let group = world.balancers.target_groups.get_mut(&wanted.target_group);
    let group = group.ok_or("no such target group")?;
    for target in group.targets.iter_mut().filter(|target| target.id == wanted.target) {
        target.health = wanted.health;
    }
    Ok(json!({}))
}
