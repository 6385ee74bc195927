//! Who tells this machine who it is.

use std::sync::Arc;
use std::time::Duration;

use flotilla_cluster::aws::instance::Instance;
#[cfg(feature = "aws")]
use flotilla_cluster::aws::metadata::MetadataService;
use tracing::warn;

use super::task::Task;
use crate::config::{Aws, Config, MetadataSource};
use crate::error::ServeError;

/// Whom to ask.
#[derive(Clone, Debug, Default)]
pub(crate) enum Identity {
    /// Nobody: AWS is not looked after, or `aws.metadata` is `off`.
    #[default]
    Nobody,
    /// The metadata service of EC2.
    #[cfg(feature = "aws")]
    Instance(MetadataService),
    /// The metadata of a task.
    Task(Arc<Task>),
}

impl Identity {
    /// As configured. A task of ECS is told by its environment where to ask.
    ///
    /// # Errors
    /// `aws.metadata` can not be used.
    pub(crate) fn new(config: &Aws, task: Option<String>) -> Result<Self, ServeError> {
        if !config.enabled {
            return Ok(Self::Nobody);
        }
        match (&config.metadata, task) {
            (MetadataSource::Off, _) => Ok(Self::Nobody),
            (MetadataSource::Auto, Some(url)) => Ok(Self::Task(Arc::new(Task::new(url, config)))),
            (MetadataSource::Auto, None) => service(None),
            (MetadataSource::At(url), _) => service(Some(url)),
        }
    }

    /// The service that an instance has its credentials from.
    #[cfg(feature = "aws")]
    pub(crate) fn service(&self) -> Option<&MetadataService> {
        match self {
            Self::Instance(service) => Some(service),
            Self::Nobody | Self::Task(_) => None,
        }
    }

    /// Who this machine is. `Ok(None)`: there is nobody to ask.
    ///
    /// # Errors
    /// Nobody answered; the text is for the operator.
    pub(crate) async fn ask(&self) -> Result<Option<Instance>, String> {
        let asked = async {
            match self {
                Self::Nobody => Ok(None),
                #[cfg(feature = "aws")]
                Self::Instance(service) => {
                    service.instance().await.map(Some).map_err(|error| error.to_string())
                }
                Self::Task(task) => task.ask().await.map(Some),
            }
        };
        let asked = tokio::time::timeout(PATIENCE, asked).await;
        asked.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())))
    }

    /// At the start: whatever happens, the node goes on.
    pub(crate) async fn ask_first(&self, config: &Config) -> Option<Instance> {
        let told = match self.ask().await {
            Ok(told) => told,
            Err(error) => {
                warn!(
                    error,
                    "this machine is not told who it is (aws.metadata): it goes by its configuration alone"
                );
                None
            }
        };
        overridden(told, &config.aws)
    }
}

/// What the configuration says goes before what the machine is told.
pub(crate) fn overridden(told: Option<Instance>, config: &Aws) -> Option<Instance> {
    let mut instance = match (told, &config.instance) {
        (None, None) => return None,
        (told, _) => told.unwrap_or_default(),
    };
    if let Some(id) = &config.instance {
        instance.id.clone_from(id);
    }
    if let Some(region) = &config.region {
        instance.region.clone_from(region);
    }
    Some(instance)
}

#[cfg(feature = "aws")]
fn service(url: Option<&str>) -> Result<Identity, ServeError> {
    let service = MetadataService::new(url);
    service.map(Identity::Instance).map_err(|error| ServeError::Runtime(error.to_string()))
}

#[cfg(not(feature = "aws"))]
fn service(_: Option<&str>) -> Result<Identity, ServeError> {
    Ok(Identity::Nobody)
}

/// Where a task finds its metadata ("Task metadata endpoint version 4" in the guide of ECS).
pub(crate) const TASK_URL: &str = "ECS_CONTAINER_METADATA_URI_V4";
/// For all questions about one machine: a node that is not told starts without.
const PATIENCE: Duration = Duration::from_secs(8);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_flags;

    fn aws(flags: &[(&str, &str)]) -> Aws {
        load_flags(flags).unwrap().0.aws
    }

    #[test]
    fn nobody_is_asked_unless_it_is_wanted() {
        let task = || Some("http://169.254.170.2/v4/1".to_owned());
        let of = |flags: &[_], task| Identity::new(&aws(flags), task).unwrap();
        let enabled = ("aws.enabled", "true");
        assert!(matches!(of(&[], task()), Identity::Nobody));
        assert!(matches!(of(&[enabled, ("aws.metadata", "off")], task()), Identity::Nobody));
        assert!(matches!(of(&[enabled], task()), Identity::Task(_)));
    }

    #[test]
    fn what_is_configured_goes_first() {
        let told = Instance { id: "i-1".to_owned(), region: "a".to_owned(), ..Instance::default() };
        let flags = [("aws.instance", "i-2"), ("aws.region", "b")];
        let both = overridden(Some(told.clone()), &aws(&flags)).unwrap();
        assert_eq!((both.id.as_str(), both.region.as_str()), ("i-2", "b"));
        assert_eq!(overridden(Some(told.clone()), &aws(&[])), Some(told));
        assert_eq!(overridden(None, &aws(&[])), None);
        assert_eq!(overridden(None, &aws(&flags)).unwrap().id, "i-2");
    }
}
