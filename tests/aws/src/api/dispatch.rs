//! The way of a call: who asks for what, what goes wrong on purpose, the limits, the action, the log.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use super::authorization::Authorization;
use super::{Call, Moment, Service, sts};
use crate::balancing;
use crate::classic;
use crate::ec2;
use crate::fault::Kind;
use crate::http::{Answer, Outcome, Request};
use crate::identity::Identity;
use crate::log::Entry;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::route53;
use crate::scaling;
use crate::shared::Shared;
use crate::world::World;
use crate::xml::Element;

/// An action of the Query protocol: what stands in its answer.
pub(crate) type Action = fn(&mut World, &Call) -> Result<Vec<Element>, Problem>;

/// Answers a request to the API.
pub(crate) fn answer(shared: &Shared, request: &Request) -> Outcome {
    let target = Target::of(request);
    let mut world = shared.lock();
    let id = world.chance.uuid();
    let identity = match identify(&world, &target, request) {
        Ok(identity) => identity,
        Err(problem) => {
            let answer = problem.answer(target.service, &id);
            note(&mut world, &target, "", &problem.code);
            return answer.into();
        }
    };
    let now = Moment::now().now;
    let prefix = target.service.prefix();
    let faults = world.faults.of(prefix, &target.action, &identity.name, now);
    for fault in &faults {
        if let Kind::Delay { delay_ms } = fault {
            drop(world);
            thread::sleep(Duration::from_millis(*delay_ms));
            world = shared.lock();
        }
    }
    let moment = Moment::now();
    let user = identity.name.clone();
    let call = Call {
        service: target.service,
        action: target.action.clone(),
        parameters: target.parameters.clone(),
        request: request.clone(),
        identity,
        moment,
    };
    let result = judge(&mut world, &call, &faults).and_then(|()| perform(&mut world, &call, &id));
    let outcome = after(&faults, &target, result, &id);
    note(&mut world, &target, &user, &outcome.1);
    drop(world);
    for fault in &faults {
        if let Kind::Slow { delay_ms } = fault {
            thread::sleep(Duration::from_millis(*delay_ms));
        }
    }
    outcome.0
}

/// What is called.
struct Target {
    service: Service,
    scope: Option<Authorization>,
    action: String,
    parameters: Parameters,
    shown: BTreeMap<String, String>,
}

impl Target {
    fn of(request: &Request) -> Self {
        let scope = Authorization::of(request);
        let form = request.header("content-type").unwrap_or_default();
        let mut values = BTreeMap::new();
        if request.method == "POST" && form.starts_with("application/x-www-form-urlencoded") {
            values.extend(form_urlencoded::parse(&request.body).into_owned());
        }
        let action = values.remove("Action");
        let version = values.remove("Version").unwrap_or_default();
        let named = scope.as_ref().map_or("", |scope| scope.scope.as_str());
        let service = Service::of(named, &version).unwrap_or(Service::Tokens);
        let mut shown = values.clone();
        let action = if service == Service::Route53 {
            shown.insert("path".to_owned(), request.path.clone());
            shown.insert("query".to_owned(), request.query.clone());
            shown.insert("body".to_owned(), String::from_utf8_lossy(&request.body).into_owned());
            route53::action(&request.method, &request.path).map(str::to_owned)
        } else {
            action
        };
        let action = action.unwrap_or_default();
        Self { service, scope, action, parameters: Parameters::new(service, values), shown }
    }
}

/// Whose key it is.
fn identify(world: &World, target: &Target, request: &Request) -> Result<Identity, Problem> {
    let Some(scope) = &target.scope else {
        let code = "MissingAuthenticationToken";
        return Err(Problem::with(403, code, "Request is missing Authentication Token"));
    };
    let expected = match target.service {
        Service::Route53 => "us-east-1",
        _ => &world.settings.region,
    };
    if scope.region != expected {
        let message =
            format!("Credential should be scoped to a valid region, not '{}'.", scope.region);
        return Err(Problem::with(403, "SignatureDoesNotMatch", message));
    }
    let unknown = || match target.service {
        Service::Ec2 => Problem::with(
            401,
            "AuthFailure",
            "AWS was not able to validate the provided access credentials",
        ),
        _ => Problem::with(
            403,
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
        ),
    };
    let identity = world.identities.get(&scope.access_key).ok_or_else(unknown)?;
    if request.header("x-amz-security-token") != identity.session_token.as_deref() {
        return Err(unknown());
    }
    if identity.expired {
        return Err(match target.service {
            Service::Ec2 => Problem::new("RequestExpired", "Request has expired."),
            _ => Problem::with(
                403,
                "ExpiredToken",
                "The security token included in the request is expired",
            ),
        });
    }
    Ok(identity.clone())
}

/// Whether the call comes to its action.
fn judge(world: &mut World, call: &Call, faults: &[Kind]) -> Result<(), Problem> {
    if faults.contains(&Kind::Down) {
        return Err(Problem::with(503, "ServiceUnavailable", "down"));
    }
    if action_of(call).is_none() && call.service != Service::Route53 || call.action.is_empty() {
        return Err(Problem::unknown_action(call.service, &call.action));
    }
    if faults.contains(&Kind::Throttle) {
        return Err(Problem::throttled(call.service));
    }
    let (service, action, now) = (call.service, call.action.as_str(), call.moment.now);
    if world.settings.throttle && !world.buckets.take(service, action, now) {
        return Err(Problem::throttled(service));
    }
    if faults.contains(&Kind::Refuse) {
        return Err(Problem::refused(service, &call.identity.arn, action));
    }
    for fault in faults {
        if let Kind::Error { status, code, message, done: false } = fault {
            return Err(Problem::with(*status, code, message));
        }
    }
    Ok(())
}

fn action_of(call: &Call) -> Option<Action> {
    match (call.service, call.action.as_str()) {
        (Service::Tokens, "GetCallerIdentity") => Some(sts::caller),
        (Service::Ec2, name) => ec2::action(name),
        (Service::Balancing, name) => balancing::action(name),
        (Service::Classic, name) => classic::action(name),
        (Service::Scaling, name) => scaling::action(name),
        _ => None,
    }
}

fn perform(world: &mut World, call: &Call, id: &str) -> Result<Answer, Problem> {
    let Some(action) = action_of(call) else {
        return route53::perform(world, call).map(|answer| answer.header("x-amzn-requestid", id));
    };
    let dry = call.service == Service::Ec2 && call.parameters.value("DryRun")? == Some(true);
    if dry {
        let message = "Request would have succeeded, but DryRun flag is set.";
        return Err(Problem::with(412, "DryRunOperation", message));
    }
    let content = action(world, call)?;
    if let Some(name) = call.parameters.unknown() {
        // What the fake does not know would be ignored in silence, and a test prove nothing.
        let message = format!("The parameter {name} is not recognized");
        return Err(Problem::new("UnknownParameter", message));
    }
    let name = format!("{}Response", call.action);
    let document = Element::new(name).within(call.service.namespace());
    let document = match call.service {
        Service::Ec2 => document.text("requestId", id).children(content),
        _ => document
            .child(Element::new(format!("{}Result", call.action)).children(content))
            .child(Element::new("ResponseMetadata").text("RequestId", id)),
    };
    Ok(Answer::xml(200, document.document()).header("x-amzn-requestid", id))
}

/// What goes out, and the word for the log.
fn after(
    faults: &[Kind],
    target: &Target,
    result: Result<Answer, Problem>,
    id: &str,
) -> (Outcome, String) {
    if faults.contains(&Kind::Down) || faults.contains(&Kind::Lose) {
        return (Outcome::Close, "closed".to_owned());
    }
    let late = faults.iter().find_map(|fault| match fault {
        Kind::Error { status, code, message, done: true } => {
            Some(Problem::with(*status, code, message))
        }
        _ => None,
    });
    match late.map_or(result, Err) {
        Ok(answer) => (answer.into(), "ok".to_owned()),
        Err(problem) => (problem.answer(target.service, id).into(), problem.code),
    }
}

fn note(world: &mut World, target: &Target, identity: &str, outcome: &str) {
    let entry = Entry {
        number: 0,
        at_ms: world.age_ms(),
        service: target.service.prefix().to_owned(),
        action: target.action.clone(),
        identity: identity.to_owned(),
        outcome: outcome.to_owned(),
        request: target.shown.clone(),
    };
    world.log.add(entry);
}
