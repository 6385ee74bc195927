//! Hooks: what holds a member back until somebody says that it may go on, or nobody says anything.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::api::Call;
use crate::problem::Problem;
use crate::world::World;
use crate::xml::Element;

/// One hook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hook {
    /// Unique in its group.
    pub name: String,
    /// When it begins, in place of when it ends.
    #[serde(default)]
    pub launching: bool,
    /// Seconds; in the world at least 30 and at most 7,200, which a test may not want to wait for.
    pub heartbeat: u64,
    /// `CONTINUE`, or `ABANDON` where nothing is said.
    #[serde(default = "abandon")]
    pub result: String,
}

fn abandon() -> String {
    "ABANDON".to_owned()
}

impl Hook {
    /// As the API names the moment.
    pub(super) fn transition(&self) -> &'static str {
        if self.launching {
            "autoscaling:EC2_INSTANCE_LAUNCHING"
        } else {
            "autoscaling:EC2_INSTANCE_TERMINATING"
        }
    }
}

/// RecordLifecycleActionHeartbeat: as long again, but not longer than all in all allowed.
pub(super) fn heartbeat(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let (group, instance, hook) = held(world, call)?;
    let Some(group) = world.scaling.get_mut(&group) else { return Ok(Vec::new()) };
    let heartbeat = group.hooks.get(&hook).map_or(3600, |hook| hook.heartbeat);
    let member = group.members.get_mut(&instance);
    if let Some(wait) = member.and_then(|member| member.waits.get_mut(&hook)) {
        wait.deadline = (call.moment.now + Duration::from_secs(heartbeat)).min(wait.last);
        wait.beats += 1;
    }
    Ok(Vec::new())
}

/// CompleteLifecycleAction.
pub(super) fn complete(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let result = call.parameters.need("LifecycleActionResult")?;
    if !["CONTINUE", "ABANDON"].contains(&result) {
        let message = format!("Invalid Lifecycle Action Result: {result}");
        return Err(Problem::new("ValidationError", message));
    }
    let (group, instance, hook) = held(world, call)?;
    world.go_on(&group, &instance, &hook, result);
    Ok(Vec::new())
}

/// Group, instance and hook of a call, if the hook holds the instance back.
fn held(world: &World, call: &Call) -> Result<(String, String, String), Problem> {
    let given = &call.parameters;
    let (hook, name) = (given.need("LifecycleHookName")?, given.need("AutoScalingGroupName")?);
    let (instance, token) = (given.text("InstanceId"), given.text("LifecycleActionToken"));
    if instance.is_none() == token.is_none() {
        let message = "Either an instance or a token must be given";
        return Err(Problem::new("ValidationError", message));
    }
    let group = super::describe::find(&world.scaling, name)?;
    let found = group.members.iter().find(|(id, member)| {
        let wait = member.waits.get(hook);
        wait.is_some_and(|wait| {
            instance.is_none_or(|instance| instance == *id)
                && token.is_none_or(|it| it == wait.token)
        })
    });
    let (id, _) = found.ok_or_else(|| {
        let what = instance.or(token).unwrap_or_default();
        let message = format!("No active Lifecycle Action found with instance ID {what}");
        Problem::new("ValidationError", message)
    })?;
    Ok((name.to_owned(), id.clone(), hook.to_owned()))
}
