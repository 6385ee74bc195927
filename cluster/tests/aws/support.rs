//! A fake with two instances, and a session of the first.

use anyhow::{Context, Result};
use flotilla_aws_fake::ec2::NewInstance;
use flotilla_aws_fake::{Fake, Settings};
use flotilla_cluster::aws::metadata::MetadataService;
use flotilla_cluster::aws::session::{SessionSettings, open};

pub(crate) struct Place {
    pub(crate) fake: Fake,
    pub(crate) instances: [String; 2],
    metadata: String,
}

impl Place {
    pub(crate) fn new() -> Result<Self> {
        Self::with(Settings { throttle: false, ..Settings::default() })
    }

    /// Whose changes are everywhere at once.
    pub(crate) fn quick() -> Result<Self> {
        Self::with(Settings { throttle: false, pending_ms: 20, ..Settings::default() })
    }

    fn with(settings: Settings) -> Result<Self> {
        let fake = Fake::start(settings)?;
        let (first, metadata) = fake.add_instance(NewInstance::default())?;
        let (second, _) =
            fake.add_instance(NewInstance { zone: "b".to_owned(), ..NewInstance::default() })?;
        Ok(Self { fake, instances: [first, second], metadata })
    }

    /// Makes clients of the first instance, and asks them.
    pub(crate) fn run<T>(
        &self,
        ask: impl AsyncFnOnce(&aws_config::SdkConfig) -> Result<T>,
    ) -> Result<T> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("runtime")?;
        runtime.block_on(async {
            let session = open(SessionSettings {
                region: "eu-central-1".to_owned(),
                endpoint: Some(self.fake.url()),
                metadata: Some(MetadataService::new(Some(&self.metadata))?),
            })
            .await;
            ask(&session).await
        })
    }
}
