//! Which zone the names of the pool are in.

use aws_config::SdkConfig;
use aws_sdk_route53::Client;
use aws_sdk_route53::types::HostedZone as Listed;

use crate::aws::Trouble;
use crate::aws::failure::Judged;
use crate::dns::{is_within, normal};

/// A zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostedZone {
    /// Without `/hostedzone/`.
    pub id: String,
    /// Small letters, no final dot.
    pub name: String,
    /// It answers only inside of VPCs.
    pub is_private: bool,
}

impl HostedZone {
    /// The zone of all these names: the one with this id or name, or else the longest that holds the first of them.
    /// One call per label at the most. Of a public and a private zone of one name, the one that is preferred.
    ///
    /// # Errors
    /// A call failed; [`Trouble::Missing`]: there is none, or it does not hold all; [`Trouble::Rejected`]: there are
    /// several that can not be told apart.
    pub async fn find(
        session: &SdkConfig,
        wanted: Option<&str>,
        names: &[&str],
        prefers_private: bool,
    ) -> Result<Self, Trouble> {
        let client = super::client(session);
        let first = names.first().copied().unwrap_or_default();
        let zone = match wanted {
            Some(id) if is_id(id) => Self::by_id(&client, id).await?,
            Some(name) => Self::by_name(&client, &normal(name), prefers_private).await?,
            None => {
                let mut found = None;
                // A zone that is a top-level domain is nobody's.
                for name in suffixes(first).filter(|name| name.contains('.')).take(LABELS_MAX) {
                    found = Self::by_name(&client, name, prefers_private).await?;
                    if found.is_some() {
                        break;
                    }
                }
                found
            }
        };
        let zone = zone.ok_or_else(|| {
            let wanted = wanted.unwrap_or(first);
            Trouble::Missing(format!("no zone of Route 53 for {wanted}"))
        })?;
        match names.iter().find(|name| !is_within(name, &zone.name)) {
            Some(name) => Err(Trouble::Missing(format!("{name} in the zone {}", zone.name))),
            None => Ok(zone),
        }
    }

    async fn by_id(client: &Client, id: &str) -> Result<Option<Self>, Trouble> {
        let id = id.trim_start_matches("/hostedzone/");
        let answer = client.get_hosted_zone().id(id).send().await;
        match answer.judged("route53:GetHostedZone") {
            Ok(answer) => Ok(answer.hosted_zone().map(Self::of)),
            Err(Trouble::Missing(_)) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// The one of this name.
    async fn by_name(
        client: &Client,
        name: &str,
        prefers_private: bool,
    ) -> Result<Option<Self>, Trouble> {
        const ACTION: &str = "route53:ListHostedZonesByName";
        let call = client.list_hosted_zones_by_name().dns_name(name).max_items(SAME_NAME_MAX);
        let answer = call.send().await.judged(ACTION)?;
        let same = answer.hosted_zones().iter().map(Self::of).filter(|zone| zone.name == name);
        choose(same.collect(), prefers_private)
    }

    fn of(zone: &Listed) -> Self {
        Self {
            id: zone.id().trim_start_matches("/hostedzone/").to_owned(),
            name: normal(zone.name()),
            is_private: zone.config().is_some_and(|config| config.private_zone()),
        }
    }
}

fn choose(same: Vec<HostedZone>, prefers_private: bool) -> Result<Option<HostedZone>, Trouble> {
    let (private, public): (Vec<_>, Vec<_>) = same.into_iter().partition(|zone| zone.is_private);
    let (first, second) = if prefers_private { (private, public) } else { (public, private) };
    let mut group = if first.is_empty() { second } else { first };
    if group.len() > 1 {
        let ids: Vec<_> = group.iter().map(|zone| zone.id.as_str()).collect();
        return Err(Trouble::Rejected {
            code: "several zones have this name".to_owned(),
            message: format!("choose one of {} by aws.dns_zone", ids.join(", ")),
        });
    }
    Ok(group.pop())
}

/// Ids are capital letters and digits, which no name of a zone is that has a dot.
fn is_id(text: &str) -> bool {
    let id = text.trim_start_matches("/hostedzone/");
    id.starts_with('Z') && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// The name, and those above it.
fn suffixes(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |name| name.split_once('.').map(|(_, rest)| rest))
}

/// A deeper name has its zone named.
const LABELS_MAX: usize = 10;
/// A public one, and private ones for some VPCs.
const SAME_NAME_MAX: i32 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_names_are_told_apart() {
        assert!(is_id("Z0441723226OZ66S5ZCNZ") && is_id("/hostedzone/Z1"));
        assert!(!is_id("example.org") && !is_id("Z1.example.org") && !is_id("zone"));
        let all: Vec<_> = suffixes("a.b.c").collect();
        assert_eq!(all, ["a.b.c", "b.c", "c"]);
    }

    #[test]
    fn the_zone_that_clients_see_is_chosen() {
        let zone = |id: &str, is_private| HostedZone {
            id: id.to_owned(),
            name: "example.org".to_owned(),
            is_private,
        };
        let of = |all, private| choose(all, private).map(|zone| zone.map(|zone| zone.id));
        let id = |all| of(all, false);
        assert_eq!(id(vec![zone("a", true), zone("b", false)]), Ok(Some("b".to_owned())));
        assert_eq!(of(vec![zone("a", true), zone("b", false)], true), Ok(Some("a".to_owned())));
        assert_eq!(of(vec![zone("b", false)], true), Ok(Some("b".to_owned())));
        assert_eq!(id(vec![zone("a", true)]), Ok(Some("a".to_owned())));
        assert_eq!(id(Vec::new()), Ok(None));
        assert!(id(vec![zone("a", false), zone("b", false)]).is_err());
    }
}
