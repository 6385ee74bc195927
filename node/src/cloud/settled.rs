//! What the start makes of who the instance is, and a reload keeps.

use std::net::Ipv4Addr;

use flotilla_cluster::aws::instance::Instance;
use tracing::info;

use super::identity::{Identity, TASK_URL};
use crate::address::Found;
use crate::config::{Auto, Config};
use crate::error::ServeError;
use crate::ingress;

/// Found once, at the start: the passive ports of the node depend on it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settled {
    /// Whom to ask again.
    pub(crate) identity: Identity,
    auto: Auto,
    zone: Option<String>,
    /// The instance, as it was then.
    pub(crate) instance: Option<Instance>,
}

impl Settled {
    /// Asks who this machine is.
    ///
    /// # Errors
    /// `aws.metadata` can not be used. That nobody answers is none: the node goes by its configuration.
    pub(crate) async fn find(config: &Config) -> Result<Self, ServeError> {
        let identity = Identity::new(&config.aws, std::env::var(TASK_URL).ok())?;
        let instance = identity.ask_first(config).await;
        let auto = ingress::auto(config, instance.as_ref());
        let zone = instance.as_ref().map(|instance| instance.zone.clone());
        let zone = zone.filter(|zone| !zone.is_empty());
        let settled = Self { identity, auto, zone, instance };
        settled.tell();
        Ok(settled)
    }

    fn tell(&self) {
        let Some(instance) = &self.instance else { return };
        let public: Vec<_> = instance.public().map(|(public, _)| public.to_string()).collect();
        let (region, zone) = (&instance.region, &instance.zone);
        match public.is_empty() {
            false => info!(
                instance = instance.id,
                region,
                zone,
                public = public.join(" "),
                "instance found"
            ),
            true => info!(
                instance = instance.id,
                region,
                zone,
                "instance found, without a public address: clients reach it from its VPC, or through what \
                 stands in front"
            ),
        }
    }

    /// Fills in what a configuration leaves open.
    pub(crate) fn apply(&self, config: &mut Config) {
        config.auto = self.auto;
        if config.node.zone.is_none() {
            config.node.zone.clone_from(&self.zone);
        }
    }

    /// Its name in AWS; empty: it has none.
    pub(crate) fn id(&self) -> String {
        self.instance.as_ref().map(|instance| instance.id.clone()).unwrap_or_default()
    }

    /// Its private addresses, the primary one first.
    pub(crate) fn private(&self) -> Vec<Ipv4Addr> {
        let interfaces = self.instance.iter().flat_map(|instance| &instance.interfaces);
        interfaces.flat_map(|interface| interface.private.clone()).collect()
    }

    /// Its addresses.
    pub(crate) fn found(&self) -> Found {
        self.instance.as_ref().map(Found::of).unwrap_or_default()
    }
}
