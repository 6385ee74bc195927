//! GetHealthCheck, GetHealthCheckStatus and DeleteHealthCheck.

use super::change::reply;
use super::check::Check;
use super::names::Names;
use crate::api::Moment;
use crate::clock;
use crate::http::Answer;
use crate::problem::Problem;
use crate::world::World;
use crate::xml::Element;

/// The check of an id.
pub(super) fn find<'a>(names: &'a Names, id: &str) -> Result<&'a Check, Problem> {
    names.checks.get(id).ok_or_else(|| {
        let message = format!("A health check with id {id} does not exist.");
        Problem::with(404, "NoSuchHealthCheck", message)
    })
}

/// GetHealthCheck.
pub(super) fn read(world: &World, id: &str) -> Result<Answer, Problem> {
    let check = find(&world.names, id)?;
    Ok(reply(Element::new("GetHealthCheckResponse").child(check.element())))
}

/// GetHealthCheckStatus: what each checker saw last.
pub(super) fn status(world: &World, id: &str, moment: Moment) -> Result<Answer, Problem> {
    let check = find(&world.names, id)?;
    let at = clock::stamp(moment.wall);
    let seen = check.checkers.iter().zip(1..).filter_map(|(checker, number)| {
        let text = match checker.last.as_ref()? {
            Ok(()) => "Success: TCP connection was established.".to_owned(),
            Err(why) => format!("Failure: {why}"),
        };
        let report = Element::new("StatusReport").text("Status", text).text("CheckedTime", &at);
        let observation = Element::new("HealthCheckObservation")
            .text("Region", "us-east-1")
            .text("IPAddress", format_args!("54.228.16.{number}"));
        Some(observation.child(report))
    });
    let document = Element::new("GetHealthCheckStatusResponse");
    Ok(reply(document.list("HealthCheckObservations", seen)))
}

/// DeleteHealthCheck; that a record still names it is no reason to refuse it. Its reference stays used.
pub(super) fn delete(world: &mut World, id: &str) -> Result<Answer, Problem> {
    find(&world.names, id)?;
    world.names.checks.remove(id);
    world.names.tags.remove(&("healthcheck".to_owned(), id.to_owned()));
    Ok(reply(Element::new("DeleteHealthCheckResponse")))
}
