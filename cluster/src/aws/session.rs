//! What all clients of AWS are made of: region, credentials, time limits.

use std::time::Duration;

pub use aws_config::SdkConfig;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};

use super::metadata::MetadataService;

/// Where to call, and as whom.
#[derive(Clone, Debug)]
pub struct SessionSettings {
    /// `eu-west-1`.
    pub region: String,
    /// One URL for all services, instead of those of the region (`aws.endpoint`).
    pub endpoint: Option<String>,
    /// Where an instance gets its credentials, after environment, profile, web identity and container; `None`:
    /// nowhere.
    pub metadata: Option<MetadataService>,
}

/// Makes it. Credentials are looked for when the first call needs them, and renewed before they end.
///
/// Nothing is repeated by the clients: a [`Budget`](super::Budget) says when something is called again, and what may
/// have been carried out is read first.
pub async fn open(settings: SessionSettings) -> SdkConfig {
    let region = Region::new(settings.region);
    let mut credentials = DefaultCredentialsChain::builder().region(region.clone());
    if let Some(metadata) = &settings.metadata {
        credentials = credentials.imds_client(metadata.client());
    }
    let time = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(ATTEMPT)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(region)
        .credentials_provider(credentials.build().await)
        .retry_config(RetryConfig::disabled())
        .timeout_config(time);
    if let Some(endpoint) = settings.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    loader.load().await
}

/// The ends of AWS are near, and one that takes longer is not well.
const CONNECT: Duration = Duration::from_secs(3);
/// From the call to the last byte of its answer, credentials included.
const ATTEMPT: Duration = Duration::from_secs(10);
