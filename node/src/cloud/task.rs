//! A task of ECS or Fargate: what its metadata say, and the public address that they leave out.

use std::time::Duration;

#[cfg(feature = "aws")]
use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

use flotilla_cluster::aws::instance::Instance;

#[cfg(feature = "aws")]
use crate::config::Aws;

/// Whom to ask about a task.
#[derive(Debug)]
pub(crate) struct Task {
    url: String,
    #[cfg(feature = "aws")]
    aws: Aws,
    #[cfg(feature = "aws")]
    public: Mutex<Public>,
}

/// What is known of its public addresses, which it keeps for its life.
#[cfg(feature = "aws")]
#[derive(Debug, Default)]
struct Public {
    /// Each with the private one that it leads to; `None`: EC2 has not told.
    found: Option<Vec<(std::net::Ipv4Addr, std::net::Ipv4Addr)>>,
    /// Not to be asked before.
    next: Option<Instant>,
}

impl Task {
    /// With its metadata at this URL.
    #[cfg_attr(not(feature = "aws"), expect(unused_variables, reason = "EC2 is not asked"))]
    pub(crate) fn new(url: String, aws: &crate::config::Aws) -> Self {
        Self {
            url,
            #[cfg(feature = "aws")]
            aws: aws.clone(),
            #[cfg(feature = "aws")]
            public: Mutex::default(),
        }
    }

    /// Asks for the metadata, and EC2 for the rest. That EC2 does not answer is no failure: the task then has no
    /// public address that is known.
    ///
    /// # Errors
    /// Nobody answered; the text is for the operator.
    pub(crate) async fn ask(&self) -> Result<Instance, String> {
        let instance = metadata(self.url.clone()).await?;
        #[cfg(feature = "aws")]
        let instance = self.complete(instance).await;
        Ok(instance)
    }

    #[cfg(feature = "aws")]
    async fn complete(&self, mut instance: Instance) -> Instance {
        let Some(interface) = instance.interfaces.first() else { return instance };
        let (known, is_due) = {
            let public = self.public.lock().unwrap_or_else(PoisonError::into_inner);
            let is_due = public.next.is_none_or(|next| Instant::now() >= next);
            (public.found.clone(), is_due)
        };
        let found = match known {
            None if is_due && !interface.mac.is_empty() => {
                let mac = interface.mac.clone();
                let found = self.find(&instance, &mac).await;
                let mut public = self.public.lock().unwrap_or_else(PoisonError::into_inner);
                public.next = Some(Instant::now() + AGAIN);
                public.found.clone_from(&found);
                found
            }
            known => known,
        };
        if let Some(interface) = instance.interfaces.first_mut() {
            interface.public = found.unwrap_or_default();
        }
        instance
    }

    #[cfg(feature = "aws")]
    async fn find(
        &self,
        instance: &Instance,
        mac: &str,
    ) -> Option<Vec<(std::net::Ipv4Addr, std::net::Ipv4Addr)>> {
        use flotilla_cluster::aws::instances::Instances;

        use super::advice::advised;
        use super::identity::Identity;
        use super::session::session;
        let asked = async {
            let session = session(&self.aws, &Identity::Nobody, Some(instance)).await?;
            let found = Instances::new(&session).public_of(mac).await;
            found.map_err(|trouble| advised(&trouble))
        };
        let asked = tokio::time::timeout(EC2, asked).await;
        let asked = asked.unwrap_or_else(|_| Err(format!("no answer within {} s", EC2.as_secs())));
        match asked {
            // It is listed some seconds after it was made.
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(
                    error,
                    "EC2 does not tell the public address of the task (ftp.passive.address says it too)"
                );
                None
            }
        }
    }
}

/// Beside the runtime: the client waits for its answers.
async fn metadata(url: String) -> Result<Instance, String> {
    let asked = tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().timeout_global(Some(METADATA)).build().into();
        let answer = agent.get(format!("{url}/task")).call();
        let text = answer.and_then(|mut answer| {
            answer.body_mut().with_config().limit(BYTES_MAX).read_to_string()
        });
        let text = text.map_err(|error| error.to_string())?;
        Instance::of_task(&text).map_err(|error| error.to_string())
    });
    asked.await.map_err(|error| error.to_string())?
}

const METADATA: Duration = Duration::from_secs(3);
/// A task has ten containers at most.
const BYTES_MAX: u64 = 256 * 1024;
/// For one call: a start waits for it.
#[cfg(feature = "aws")]
const EC2: Duration = Duration::from_secs(4);
/// After an answer that was none.
#[cfg(feature = "aws")]
const AGAIN: Duration = Duration::from_secs(600);
