//! The metadata service of EC2 (version 2, with session tokens), which tells an instance who it is and what is going
//! to happen to it.
//!
//! The client of `aws-config` gets and renews the tokens and repeats what was throttled. Not to be there (404) is an
//! answer like any other; only silence is a failure, for it says nothing.

use std::time::Duration;

use aws_config::imds::Client;
use aws_config::imds::client::error::ImdsError;
use serde::Deserialize;

use super::instance::{ASSOCIATIONS, INTERFACES, Instance, InstanceError, Metadata, ROOT, TAGS};

/// The service.
#[derive(Clone, Debug)]
pub struct MetadataService(Client);

/// Why it did not tell.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// It was not reached, or did not answer in time.
    #[error("the metadata service does not answer: {0}")]
    Silent(String),
    /// It refused: metadata is switched off for the instance, or out of reach for its containers (hop limit).
    #[error("the metadata service refuses ({status}): {advice}")]
    Refused {
        /// Of HTTP.
        status: u16,
        /// What to look at.
        advice: &'static str,
    },
    /// What it said makes no instance.
    #[error(transparent)]
    Odd(#[from] InstanceError),
    /// `aws.metadata` is no address.
    #[error("aws.metadata = \"{0}\" is no URL")]
    Address(String),
}

/// What may be about to happen to an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notices {
    /// AWS takes a spot instance back: what it does, and when.
    pub spot: Option<SpotAction>,
    /// It may come to that: when the notice was written.
    pub rebalance: Option<String>,
    /// Where its Auto Scaling group wants it: `InService`, `Terminated`, `Standby`.
    pub target_state: Option<String>,
}

/// `spot/instance-action`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SpotAction {
    /// `terminate`, `stop` or `hibernate`.
    pub action: String,
    /// When: `2017-09-18T08:22:00Z`.
    pub time: String,
}

impl MetadataService {
    /// The service at this URL; `None`: where it is on every instance, or the environment
    /// (`AWS_EC2_METADATA_SERVICE_ENDPOINT`) says.
    ///
    /// # Errors
    /// It is no URL.
    pub fn new(url: Option<&str>) -> Result<Self, MetadataError> {
        let builder = Client::builder()
            .connect_timeout(CONNECT)
            .read_timeout(READ)
            .operation_timeout(PATIENCE)
            .max_attempts(ATTEMPTS);
        let builder = match url {
            Some(url) => {
                builder.endpoint(url).map_err(|_| MetadataError::Address(url.to_owned()))?
            }
            None => builder,
        };
        Ok(Self(builder.build()))
    }

    /// The client, for credentials.
    pub fn client(&self) -> Client {
        self.0.clone()
    }

    /// Who this instance is.
    ///
    /// # Errors
    /// It was not told.
    pub async fn instance(&self) -> Result<Instance, MetadataError> {
        let mut texts = Metadata::new();
        for path in ONCE {
            self.add(&mut texts, path.to_owned()).await?;
        }
        for mac in self.list(INTERFACES).await? {
            let folder = format!("{INTERFACES}{}/", mac.trim_end_matches('/'));
            for name in OF_INTERFACE {
                self.add(&mut texts, format!("{folder}{name}")).await?;
            }
            for public in self.list(&format!("{folder}{ASSOCIATIONS}")).await? {
                self.add(&mut texts, format!("{folder}{ASSOCIATIONS}{public}")).await?;
            }
        }
        for key in self.list(TAGS).await? {
            self.add(&mut texts, format!("{TAGS}{key}")).await?;
        }
        Ok(Instance::of_metadata(&texts)?)
    }

    /// What is announced for it, where `last` was before: what is not told stays as it was, for one answer that fails
    /// takes nothing away from the others. With the first failure, if there is one.
    pub async fn notices(&self, last: Notices) -> (Notices, Option<MetadataError>) {
        let spot = self.get("spot/instance-action").await;
        let rebalance = self.get("events/recommendations/rebalance").await;
        let target_state = self.get("autoscaling/target-lifecycle-state").await;
        last.with(spot, rebalance, target_state)
    }

    async fn add(&self, texts: &mut Metadata, path: String) -> Result<(), MetadataError> {
        if let Some(text) = self.get(&path).await? {
            texts.insert(path, text);
        }
        Ok(())
    }

    /// The names in a folder; none if there is no such folder.
    async fn list(&self, folder: &str) -> Result<Vec<String>, MetadataError> {
        let text = self.get(folder).await?.unwrap_or_default();
        Ok(text.lines().take(NAMES_MAX).map(|name| name.trim().to_owned()).collect())
    }

    async fn get(&self, path: &str) -> Result<Option<String>, MetadataError> {
        match self.0.get(format!("{ROOT}{path}")).await {
            Ok(text) => Ok(Some(text.into())),
            Err(ImdsError::ErrorResponse(error)) => match error.response().status().as_u16() {
                404 => Ok(None),
                status => Err(MetadataError::Refused { status, advice: advice(status) }),
            },
            Err(ImdsError::FailedToLoadToken(error)) if !error.is_dispatch_failure() => {
                Err(MetadataError::Refused { status: 403, advice: advice(403) })
            }
            Err(error) => Err(MetadataError::Silent(error.to_string())),
        }
    }
}

impl Notices {
    /// With what was told of each.
    fn with<E>(
        mut self,
        spot: Result<Option<String>, E>,
        rebalance: Result<Option<String>, E>,
        target_state: Result<Option<String>, E>,
    ) -> (Self, Option<E>) {
        let mut failure = None;
        let mut keep =
            |told: Result<Option<String>, E>, to: &mut dyn FnMut(Option<String>)| match told {
                Ok(text) => to(text),
                Err(error) => failure = failure.take().or(Some(error)),
            };
        keep(spot, &mut |text| self.spot = text.map(SpotAction::of));
        keep(rebalance, &mut |text| self.rebalance = text);
        keep(target_state, &mut |text| {
            self.target_state = text.map(|state| state.trim().to_owned());
        });
        (self, failure)
    }
}

impl SpotAction {
    /// An answer that can not be read still says that something will be done.
    fn of(text: String) -> Self {
        serde_json::from_str(&text).unwrap_or_else(|_| Self { action: text, time: String::new() })
    }
}

fn advice(status: u16) -> &'static str {
    match status {
        401 => "the token is not taken; a proxy on the way?",
        403 => {
            "metadata may be switched off (HttpEndpoint), or out of reach for containers (hop limit 2 is needed)"
        }
        _ => "it is throttled or broken",
    }
}

/// What there is one of.
const ONCE: [&str; 5] = [
    "instance-id",
    "instance-type",
    "instance-life-cycle",
    "placement/region",
    "placement/availability-zone",
];
/// What each network card has.
const OF_INTERFACE: [&str; 10] = [
    "device-number",
    "interface-id",
    "local-ipv4s",
    "public-ipv4s",
    "ipv6s",
    "security-group-ids",
    "subnet-id",
    "vpc-id",
    "vpc-ipv4-cidr-blocks",
    "vpc-ipv6-cidr-blocks",
];
/// In one folder: an instance has at most 50 tags and 15 network cards, and a card 50 addresses.
const NAMES_MAX: usize = 64;
/// The service is on the machine's own host.
const CONNECT: Duration = Duration::from_secs(1);
/// One answer.
const READ: Duration = Duration::from_secs(1);
/// One question with its repetitions.
const PATIENCE: Duration = Duration::from_secs(3);
const ATTEMPTS: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of an answer, or nothing; and a failure.
    type Told = Result<Option<String>, &'static str>;

    fn text(text: &str) -> Told {
        Ok(Some(text.to_owned()))
    }

    #[test]
    fn a_notice_that_was_read_is_kept_though_others_fail() {
        let spot = r#"{"action":"terminate","time":"2026-11-29T08:22:00Z"}"#;
        let (told, failure) = Notices::default().with(text(spot), Err("first"), Err("second"));
        assert_eq!(failure, Some("first"));
        assert_eq!(told.spot.as_ref().unwrap().action, "terminate");
        assert_eq!((&told.rebalance, &told.target_state), (&None, &None));
        // What was told before stays until it is withdrawn.
        let (told, failure) = told.with(Err("away"), text("soon"), text(" Standby\n"));
        assert_eq!(failure, Some("away"));
        let (told, _) = told.with(Err("away"), Err("away"), Err("away"));
        assert!(told.spot.is_some() && told.rebalance.is_some());
        assert_eq!(told.target_state.as_deref(), Some("Standby"));
        let (told, failure) = told.with::<&str>(Ok(None), Ok(None), Ok(None));
        assert_eq!((told, failure), (Notices::default(), None));
        let (odd, _) = Notices::default().with::<&str>(text("soon"), Ok(None), Ok(None));
        assert_eq!(odd.spot.unwrap().action, "soon");
    }
}
