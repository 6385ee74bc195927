//! DescribeTargetHealth.

use std::time::{Duration, Instant};

use super::targets::wanted;
use super::{Health, Target};
use crate::api::Call;
use crate::problem::Problem;
use crate::world::World;
use crate::xml::Element;

/// State, reason and words of each target.
pub(super) fn describe(world: &mut World, call: &Call) -> Result<Vec<Element>, Problem> {
    let given = &call.parameters;
    let group = world.balancers.target_group(given.need("TargetGroupArn")?)?;
    let used = !world.balancers.users(&group.arn).is_empty();
    let asked = if given.has("Targets") { Some(wanted(given, group)?) } else { None };
    let port = |port: u16| match group.check.port.as_str() {
        "traffic-port" => port.to_string(),
        other => other.to_owned(),
    };
    let shown = |id: &str, number: u16, (state, reason, words): (&str, &str, &str)| {
        let target = Element::new("Target").text("Id", id).text("Port", number);
        let mut health = Element::new("TargetHealth").text("State", state);
        if !reason.is_empty() {
            health = health.text("Reason", reason).text("Description", words);
        }
        Element::new("member").child(target).text("HealthCheckPort", port(number)).child(health)
    };
    let find = |id: &str, port: u16| group.targets.iter().find(|it| it.id == id && it.port == port);
    let now = call.moment.now;
    let members: Vec<_> = match &asked {
        None => {
            let all = group.targets.iter();
            all.map(|it| shown(&it.id, it.port, judge(it, used, now))).collect()
        }
        Some(asked) => asked
            .iter()
            .map(|(id, port)| match find(id, *port) {
                Some(target) => shown(id, *port, judge(target, used, now)),
                None => shown(id, *port, NOT_REGISTERED),
            })
            .collect(),
    };
    Ok(vec![Element::new("TargetHealthDescriptions").children(members)])
}

type Judgement = (&'static str, &'static str, &'static str);

const NOT_REGISTERED: Judgement =
    ("unused", "Target.NotRegistered", "Target is not registered to the target group");

fn judge(target: &Target, used: bool, now: Instant) -> Judgement {
    if target.draining_until.is_some() {
        let words = "Target deregistration is in progress";
        return ("draining", "Target.DeregistrationInProgress", words);
    }
    if !used {
        let words = "Target group is not configured to receive traffic from the load balancer";
        return ("unused", "Target.NotInUse", words);
    }
    let words = "Health checks failed";
    match target.health {
        _ if now < target.since + INITIAL => {
            ("initial", "Elb.RegistrationInProgress", "Target registration is in progress")
        }
        Health::Healthy => ("healthy", "", ""),
        Health::Unhealthy => ("unhealthy", "Target.FailedHealthChecks", words),
        Health::UnhealthyDraining => ("unhealthy.draining", "Target.FailedHealthChecks", words),
    }
}

/// Until the first check is done.
const INITIAL: Duration = Duration::from_millis(500);
