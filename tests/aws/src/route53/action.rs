//! Which action a path stands for.

use super::{change, create, list, status, tags, update, zones};
use crate::api::Call;
use crate::http::Answer;
use crate::problem::Problem;
use crate::world::World;

/// The name of the action of a request.
pub(crate) fn action(method: &str, path: &str) -> Option<&'static str> {
    let parts = parts(path)?;
    Some(match (method, parts.as_slice()) {
        ("GET", ["hostedzone"]) => "ListHostedZones",
        ("GET", ["hostedzonesbyname"]) => "ListHostedZonesByName",
        ("GET", ["hostedzone", _]) => "GetHostedZone",
        ("GET", ["hostedzone", _, "rrset"]) => "ListResourceRecordSets",
        ("POST", ["hostedzone", _, "rrset"]) => "ChangeResourceRecordSets",
        ("GET", ["change", _]) => "GetChange",
        ("GET", ["healthcheck"]) => "ListHealthChecks",
        ("POST", ["healthcheck"]) => "CreateHealthCheck",
        ("GET", ["healthcheck", _]) => "GetHealthCheck",
        ("POST", ["healthcheck", _]) => "UpdateHealthCheck",
        ("DELETE", ["healthcheck", _]) => "DeleteHealthCheck",
        ("GET", ["healthcheck", _, "status"]) => "GetHealthCheckStatus",
        ("POST", ["tags", _]) => "ListTagsForResources",
        ("GET", ["tags", _, _]) => "ListTagsForResource",
        ("POST", ["tags", _, _]) => "ChangeTagsForResource",
        _ => return None,
    })
}

/// Carries out the action of a call.
pub(crate) fn perform(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    let parts = parts(&call.request.path).unwrap_or_default();
    let id = parts.get(1).copied().unwrap_or_default();
    let last = parts.get(2).copied().unwrap_or_default();
    match call.action.as_str() {
        "ListHostedZones" => zones::list(world, call),
        "ListHostedZonesByName" => zones::list_by_name(world, call),
        "GetHostedZone" => zones::read(world, id),
        "ListResourceRecordSets" => list::records(world, call, id),
        "ChangeResourceRecordSets" => change::change(world, call, id),
        "GetChange" => change::read(world, id),
        "ListHealthChecks" => list::checks(world, call),
        "CreateHealthCheck" => create::create(world, call),
        "GetHealthCheck" => status::read(world, id),
        "UpdateHealthCheck" => update::update(world, call, id),
        "DeleteHealthCheck" => status::delete(world, id),
        "GetHealthCheckStatus" => status::status(world, id, call.moment),
        "ListTagsForResources" => tags::list_many(world, call, id),
        "ListTagsForResource" => tags::list(world, id, last),
        "ChangeTagsForResource" => tags::change(world, call, id, last),
        other => Err(Problem::unknown_action(call.service, other)),
    }
}

fn parts(path: &str) -> Option<Vec<&str>> {
    let path = path.strip_prefix("/2013-04-01/")?;
    Some(path.trim_end_matches('/').split('/').collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_actions() {
        let zone = "/2013-04-01/hostedzone/Z1/rrset/";
        assert_eq!(action("POST", zone), Some("ChangeResourceRecordSets"));
        assert_eq!(
            action("GET", "/2013-04-01/hostedzone/Z1/rrset"),
            Some("ListResourceRecordSets")
        );
        assert_eq!(action("DELETE", zone), None);
        assert_eq!(action("GET", "/2012-12-12/hostedzone"), None);
    }
}
