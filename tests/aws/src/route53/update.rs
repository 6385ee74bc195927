//! UpdateHealthCheck.

use super::change::reply;
use super::create::{address, interval, regions, threshold};
use super::input::{Input, document};
use super::status::find;
use crate::api::Call;
use crate::http::Answer;
use crate::problem::Problem;
use crate::world::World;
use crate::xml::Element;

/// Changes what can be changed, if nobody else did in between.
pub(super) fn update(world: &mut World, call: &Call, id: &str) -> Result<Answer, Problem> {
    let document = document(&call.request.body)?;
    let root = Input::root(&document, "UpdateHealthCheckRequest")?;
    // Not the kind, not the interval, not the latency.
    let root = root.only(&[
        "HealthCheckVersion",
        "IPAddress",
        "Port",
        "FailureThreshold",
        "Inverted",
        "Disabled",
        "Regions",
    ])?;
    find(&world.names, id)?;
    let settings = world.settings.clone();
    let Some(check) = world.names.checks.get_mut(id) else { return Err(Problem::new("", "")) };
    let version = root.number("HealthCheckVersion", 1, i64::MAX)?;
    if version.is_some_and(|version| u64::try_from(version) != Ok(check.version)) {
        let message = "The value of HealthCheckVersion in the request doesn't match the value of \
                       HealthCheckVersion in the health check.";
        return Err(Problem::with(409, "HealthCheckVersionMismatch", message));
    }
    let mut wanted = check.settings.clone();
    if let Some(text) = root.text("IPAddress") {
        wanted.address = address(&text, &settings)?;
    }
    if let Some(port) = root.number("Port", 1, 65535)? {
        wanted.port = u16::try_from(port).unwrap_or(0);
    }
    wanted.threshold = threshold(root)?.unwrap_or(wanted.threshold);
    wanted.inverted = root.value("Inverted")?.unwrap_or(wanted.inverted);
    wanted.disabled = root.value("Disabled")?.unwrap_or(wanted.disabled);
    wanted.regions = regions(root)?.unwrap_or(wanted.regions);
    let moved = (wanted.address, wanted.port) != (check.settings.address, check.settings.port);
    check.settings = wanted;
    check.version += 1;
    if moved {
        let interval = interval(&check.settings, &settings);
        check.restart(settings.checkers, interval, call.moment.now);
    }
    Ok(reply(Element::new("UpdateHealthCheckResponse").child(check.element())))
}
