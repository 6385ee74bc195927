//! The host keys of a pool: the same on all of its nodes, whatever the store forgets.
//!
//! What a node offers as the pool's are the keys that it keeps from before; only one that keeps none offers its
//! own. Two that come to an empty store at once agree, as the second finds the keys of the first. Nobody waits
//! before offering: where the store forgot and a new node was faster than the others, these write the keys
//! that clients know over its keys a beat later, and it has to be started again.

use tracing::warn;

use super::{Found, Sharing, SharingError, Stance, folder, replaceable};
use crate::config::Config;
use crate::ssh::host_key::SharedKeys;

impl Sharing {
    /// Before the node serves: puts the pool's host keys into files, from which they can be loaded also while
    /// the store is away. The first node of a pool gives its own.
    ///
    /// # Errors
    /// The store does not answer, or keys can not be made or written.
    pub(crate) async fn take_host_keys(&self, config: &Config) -> Result<(), SharingError> {
        let folder = folder(config);
        let place = folder.clone();
        let kept = blocking(move || SharedKeys::kept(&place).map_err(|e| e.to_string())).await?;
        let plain = match self.find(HOST_KEYS).await? {
            Found::Ours { plain, .. } => plain,
            Found::Foreign { .. } => return Err(super::foreign()),
            Found::Nothing => {
                let offered = match &kept {
                    Some(kept) => kept.encode().map_err(SharingError::Node)?,
                    None => {
                        let config = config.clone();
                        let own = move || SharedKeys::own(&config).map_err(|e| e.to_string());
                        blocking(move || own()?.encode()).await?
                    }
                };
                self.put(HOST_KEYS, 0, &offered).await?.1
            }
        };
        blocking(move || {
            let found = SharedKeys::decode(&plain)?;
            if let Some(kept) = kept.filter(|kept| !kept.is_same(&found)) {
                warn!(
                    old = kept.fingerprints(),
                    new = found.fingerprints(),
                    folder = %folder.display(),
                    "the pool has other SSH host keys than this node kept: clients will see the new ones"
                );
            }
            found.keep(&folder).map_err(|error| error.to_string())
        })
        .await
    }

    /// While the node serves: why the pool's host keys are not those of this node, if they are not. What it
    /// serves with stays as it is.
    ///
    /// # Errors
    /// The store does not answer, or its keys can not be read.
    pub(crate) async fn compare_host_keys(
        &self,
        config: &Config,
        stance: Stance,
    ) -> Result<Option<String>, SharingError> {
        let folder = folder(config);
        let kept = blocking(move || SharedKeys::kept(&folder).map_err(|e| e.to_string())).await?;
        // Nothing to compare with: the files were taken away under the running node.
        let Some(kept) = kept else { return Ok(None) };
        let offered = kept.encode().map_err(SharingError::Node)?;
        let version = match self.find(HOST_KEYS).await? {
            Found::Nothing => 0,
            Found::Foreign { version } => replaceable(HOST_KEYS, version, stance)?,
            Found::Ours { version, plain } => {
                let found = blocking(move || SharedKeys::decode(&plain)).await?;
                if found.is_same(&kept) {
                    return Ok(None);
                }
                if stance == Stance::Follow {
                    return Ok(Some(discord(&kept, &found)));
                }
                replaceable(HOST_KEYS, version, stance)?
            }
        };
        let (_, plain) = self.put(HOST_KEYS, version, &offered).await?;
        let found = blocking(move || SharedKeys::decode(&plain)).await?;
        Ok((!found.is_same(&kept)).then(|| discord(&kept, &found)))
    }
}

fn discord(kept: &SharedKeys, found: &SharedKeys) -> String {
    format!(
        "this node greets SSH clients with other host keys ({}) than its pool ({}): a restart takes them over",
        kept.fingerprints(),
        found.fingerprints()
    )
}

/// Whether the node greets SSH clients with the keys of its pool.
pub(crate) fn shares_host_keys(config: &Config) -> bool {
    let folder = folder(config);
    let keys = &config.ssh.host_keys;
    !keys.is_empty() && keys.iter().all(|key| key.starts_with(&folder))
}

/// Off the arbiter: files, and arithmetic with large numbers.
async fn blocking<T: Send + 'static>(
    task: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, SharingError> {
    let done = tokio::task::spawn_blocking(task).await;
    done.map_err(|error| error.to_string()).flatten().map_err(SharingError::Node)
}

/// The name in the store, and the purpose of the seal.
const HOST_KEYS: &str = "host-keys";
