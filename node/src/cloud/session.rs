//! With what AWS is called: the region and credentials of this machine, unless it is told others.

use flotilla_cluster::aws::instance::Instance;
use flotilla_cluster::aws::session::{SdkConfig, SessionSettings, open};

use super::identity::Identity;
use crate::config::Aws;

/// Opens a session.
///
/// # Errors
/// Nobody knows the region; the text is for the operator.
pub(crate) async fn session(
    config: &Aws,
    identity: &Identity,
    instance: Option<&Instance>,
) -> Result<SdkConfig, String> {
    let told = instance.map(|instance| instance.region.clone()).filter(|region| !region.is_empty());
    let environment =
        || std::env::var("AWS_REGION").or_else(|_| std::env::var("AWS_DEFAULT_REGION"));
    let region = config.region.clone().or(told).or_else(|| environment().ok());
    let region = region.ok_or("no region is known: set aws.region")?;
    let settings = SessionSettings {
        region,
        endpoint: config.endpoint.clone(),
        metadata: identity.service().cloned(),
    };
    Ok(open(settings).await)
}
