//! Route 53: asks what [`crate::dns`] wants asked, one call per request.

mod convert;
mod zone;

use aws_config::{Region, SdkConfig};
use aws_sdk_route53::Client;
use aws_sdk_route53::error::SdkError;
use aws_sdk_route53::operation::change_resource_record_sets::ChangeResourceRecordSetsError;
use aws_sdk_route53::types::{
    ChangeAction, ChangeBatch, HealthCheckType, ResourceTagSet, RrType, Tag, TagResourceType,
};

pub use zone::HostedZone;

use super::Trouble;
use super::failure::{Judged, noted, trouble};
use super::span::Spans;
use crate::dns::{
    Check, CheckSpec, FAILURE_THRESHOLD, NAMES_TAG, Owner, RecordChange, RecordKey, Reply, Request,
    is_candidate, is_within,
};
use crate::group::POOL_TAG;

/// The client for one zone, and for the health checks of its account.
#[derive(Clone, Debug)]
pub struct Route53 {
    client: Client,
    zone: String,
}

impl Route53 {
    /// With the credentials of the session; `zone`: its id, as [`HostedZone::find`] tells.
    pub fn new(session: &SdkConfig, zone: &str) -> Self {
        Self { client: client(session), zone: zone.to_owned() }
    }

    /// Makes the call of a request. Nothing is repeated here.
    ///
    /// # Errors
    /// It failed, or may have.
    pub async fn call(&self, request: &Request) -> Result<Reply, Trouble> {
        let action = request.action();
        match request {
            Request::List { name, from } => self.list(action, name, from.as_ref()).await,
            Request::Change(changes) => self.change(action, changes).await,
            Request::GetChange(id) => {
                let answer = self.client.get_change().id(id).send().await;
                let answer = answer.judged(action)?;
                convert::changed(answer.change_info()).ok_or_else(|| unreadable(action))
            }
            Request::ListChecks { marker } => self.list_checks(action, marker.clone()).await,
            Request::ListTags(ids) => self.list_tags(action, ids).await,
            Request::CreateCheck { reference, spec } => self.create(action, reference, spec).await,
            Request::UpdateCheck { id, version, spec } => {
                let call = self.client.update_health_check().health_check_id(id);
                let call = call.health_check_version(*version).ip_address(spec.address.to_string());
                let answer = call.port(i32::from(spec.port)).send().await;
                let answer = answer.judged(action)?;
                let check = answer.health_check().map(convert::check);
                check.map(Reply::Check).ok_or_else(|| unreadable(action))
            }
            Request::DeleteCheck(id) => {
                let answer = self.client.delete_health_check().health_check_id(id).send().await;
                match answer.judged(action) {
                    Ok(_) | Err(Trouble::Missing(_)) => Ok(Reply::Done),
                    Err(trouble) => Err(trouble),
                }
            }
            Request::Tag { id, owner, pool, node } => {
                let call = self.client.change_tags_for_resource();
                let call = call.resource_type(TagResourceType::Healthcheck).resource_id(id);
                let call = call.add_tags(tag(NAMES_TAG, owner)).add_tags(tag(POOL_TAG, pool));
                let call = call.add_tags(tag("Name", node));
                let answer = call.send().await.judged(action);
                answer.map(|_| Reply::Done)
            }
        }
    }

    /// Route 53 sorts names by their labels from the right, so that those below a name follow it.
    async fn list(
        &self,
        action: &'static str,
        name: &str,
        from: Option<&RecordKey>,
    ) -> Result<Reply, Trouble> {
        let call = self.client.list_resource_record_sets().hosted_zone_id(&self.zone);
        let call = call.max_items(RECORDS_OF_PAGE);
        let call = match from {
            None => call.start_record_name(name),
            Some(from) => {
                let kind = RrType::from(from.kind.to_string().as_str());
                let id = Some(from.id.clone()).filter(|id| !id.is_empty());
                let call = call.start_record_name(&from.name).start_record_type(kind);
                call.set_start_record_identifier(id)
            }
        };
        let answer = call.send().await.judged(action)?;
        let next = convert::next(&answer).filter(|next| is_within(&next.name, name));
        let sets = answer.resource_record_sets().iter().map(convert::record);
        Ok(Reply::Records { sets: sets.filter(|set| is_within(&set.name, name)).collect(), next })
    }

    async fn change(
        &self,
        action: &'static str,
        changes: &[RecordChange],
    ) -> Result<Reply, Trouble> {
        let mut batch = ChangeBatch::builder();
        for change in changes {
            let (verb, set) = match change {
                RecordChange::Upsert { set, .. } => (ChangeAction::Upsert, set),
                RecordChange::Delete { set, .. } => (ChangeAction::Delete, set),
            };
            batch = batch.changes(convert::change(verb, set).ok_or_else(|| unwritable(&set.name))?);
        }
        let batch = batch.build().map_err(|error| unwritable(&error.to_string()))?;
        let call = self.client.change_resource_record_sets().hosted_zone_id(&self.zone);
        let answer = call.change_batch(batch).send().await;
        let answer = noted(action, answer.map_err(|error| refused(action, &error)))?;
        convert::changed(answer.change_info()).ok_or_else(|| unreadable(action))
    }

    async fn list_checks(
        &self,
        action: &'static str,
        marker: Option<String>,
    ) -> Result<Reply, Trouble> {
        let call = self.client.list_health_checks().set_marker(marker).max_items(CHECKS_OF_PAGE);
        let answer = call.send().await.judged(action)?;
        let checks = answer.health_checks().iter().map(convert::check);
        let checks = checks.filter(|check| is_candidate(&check.reference)).collect();
        let next = answer.next_marker().filter(|_| answer.is_truncated());
        Ok(Reply::Checks { checks, next: next.map(str::to_owned) })
    }

    async fn list_tags(&self, action: &'static str, ids: &[String]) -> Result<Reply, Trouble> {
        let call = self.client.list_tags_for_resources();
        let call = call.resource_type(TagResourceType::Healthcheck);
        let answer = call.set_resource_ids(Some(ids.to_vec())).send().await;
        let answer = answer.judged(action)?;
        let of = |id: &String| {
            let sets = answer.resource_tag_sets();
            let set = sets.iter().find(|set| set.resource_id() == Some(id.as_str()));
            (id.clone(), set.map_or(Owner::Nobody, owner))
        };
        Ok(Reply::Tags(ids.iter().map(of).collect()))
    }

    async fn create(
        &self,
        action: &'static str,
        reference: &str,
        spec: &CheckSpec,
    ) -> Result<Reply, Trouble> {
        let config = aws_sdk_route53::types::HealthCheckConfig::builder()
            .r#type(HealthCheckType::Tcp)
            .ip_address(spec.address.to_string())
            .port(i32::from(spec.port))
            .request_interval(i32::from(spec.interval))
            .failure_threshold(i32::from(FAILURE_THRESHOLD))
            .build()
            .map_err(|error| unwritable(&error.to_string()))?;
        let call = self.client.create_health_check().caller_reference(reference);
        let answer = call.health_check_config(config).send().await;
        let answer = answer.judged(action)?;
        let check = answer.health_check().map(convert::check).ok_or_else(|| unreadable(action))?;
        // The same reference may be an earlier one's, whose tag is not in this answer.
        Ok(Reply::Check(Check { owner: Owner::Unread, ..check }))
    }
}

/// There is one Route 53 for all regions of a partition, and what it is asked is signed for a region of its own
/// ("Amazon Route 53 endpoints and quotas" in the AWS General Reference). The client knows that of the addresses that
/// it knows, but not of one that was given.
fn client(session: &SdkConfig) -> Client {
    let config = aws_sdk_route53::config::Builder::from(session).interceptor(Spans);
    let region = session.region().filter(|_| session.endpoint_url().is_some());
    let config = match region {
        Some(region) => config.region(Region::new(signing_region(region.as_ref()))),
        None => config,
    };
    Client::from_conf(config.build())
}

fn signing_region(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("cn-") => "cn-northwest-1",
        _ if region.starts_with("us-gov-") => "us-gov-west-1",
        _ => "us-east-1",
    }
}

/// What is wrong with a batch stands in a list of its own.
fn refused<R: std::fmt::Debug + 'static>(
    action: &'static str,
    error: &SdkError<ChangeResourceRecordSetsError, R>,
) -> Trouble {
    match error.as_service_error() {
        Some(ChangeResourceRecordSetsError::InvalidChangeBatch(batch))
            if !batch.messages().is_empty() =>
        {
            Trouble::of(action, "InvalidChangeBatch", &batch.messages().join("; "))
        }
        _ => trouble(action, error),
    }
}

fn owner(set: &ResourceTagSet) -> Owner {
    let tag = set.tags().iter().find(|tag| tag.key() == Some(NAMES_TAG));
    let owner = tag.and_then(Tag::value);
    owner.map_or(Owner::Nobody, |owner| Owner::Pool(owner.to_owned()))
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

/// An answer without what every answer has: it may have been done.
fn unreadable(action: &'static str) -> Trouble {
    Trouble::Unknown(format!("an answer to {action} that can not be read"))
}

/// Nothing was sent.
fn unwritable(what: &str) -> Trouble {
    Trouble::Rejected { code: "InvalidInput".to_owned(), message: what.to_owned() }
}

/// As many as Route 53 gives.
const RECORDS_OF_PAGE: i32 = 300;
/// Likewise.
const CHECKS_OF_PAGE: i32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_to_an_address_that_was_given_are_signed_for_the_region_of_the_service() {
        let region = |endpoint: Option<&str>| {
            let version = aws_config::BehaviorVersion::latest();
            let session = SdkConfig::builder().behavior_version(version);
            let mut session = session.region(Region::new("eu-west-1"));
            session.set_endpoint_url(endpoint.map(str::to_owned));
            let region = client(&session.build()).config().region().cloned();
            region.map(|region| region.to_string())
        };
        assert_eq!(region(None).as_deref(), Some("eu-west-1"));
        assert_eq!(region(Some("http://127.0.0.1:1")).as_deref(), Some("us-east-1"));
        assert_eq!(signing_region("cn-north-1"), "cn-northwest-1");
        assert_eq!(signing_region("us-gov-east-1"), "us-gov-west-1");
    }
}
