//! Before the start: the node finds its pool, and the secrets that it shares with it.
//!
//! A node whose clients would see other host keys than those of its pool does not serve them: without the
//! store it waits, unless it was in the pool before and has kept the keys. In everything else it goes on
//! without the store, and joins when that answers.

use std::rc::Rc;
use std::time::{Duration, Instant};

use flotilla_cluster::id::NodeId;
use flotilla_cluster::store::Store;
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::{Control, identity};
use crate::config::{self, Config};
use crate::error::ServeError;
use crate::pool::sharing::{self, Sharing, SharingError, Stance};
use crate::pool::store;
use crate::ssh::host_key;

/// What a node begins with.
pub(super) struct Joined {
    pub(super) node: NodeId,
    pub(super) store: Rc<dyn Store>,
    /// The store is in this process.
    pub(super) alone: bool,
    pub(super) sharing: Option<Rc<Sharing>>,
    /// The last configuration that came while the node waited.
    pub(super) later: Option<Box<Config>>,
}

/// Finds the pool. `None`: the node was stopped while it waited.
///
/// # Errors
/// The pool does not want the node, or it can not be what it is told to be.
pub(super) async fn join(
    config: &mut Config,
    control: &mut mpsc::Receiver<Control>,
) -> Result<Option<Joined>, ServeError> {
    let id = identity::node_id(config)?;
    let node = NodeId::new(&id).map_err(|error| ServeError::Runtime(error.to_string()))?;
    let alone = config.pool.store == config::Store::Embedded;
    let store = store::open(&config.pool)?;
    let sharing = match alone {
        true => None,
        false => Sharing::new(config, &store)?.map(Rc::new),
    };
    let mut joined = Joined { node, store, alone, sharing, later: None };
    if alone {
        return Ok(Some(joined));
    }
    let mut later = None;
    let found = tokio::select! {
        found = joined.find(config) => found,
        () = stopped(control, &mut later) => return Ok(None),
    };
    joined.later = later;
    found?;
    take_kept_keys(config);
    Ok(Some(joined))
}

/// Lets the configuration name the host keys of the pool, where it names none.
pub(super) fn take_kept_keys(config: &mut Config) {
    let pooled = config.pool.store != config::Store::Embedded && config.pool.secret_file.is_some();
    if pooled && config.ssh.host_keys.is_empty() && !config.ssh.listen.is_empty() {
        config.ssh.host_keys = host_key::kept(&sharing::folder(config));
    }
}

impl Joined {
    /// Until the pool has answered, or the node can go on without an answer.
    async fn find(&self, config: &Config) -> Result<(), ServeError> {
        let begun = Instant::now();
        let mut told = begun;
        let kept = host_key::kept(&sharing::folder(config));
        let needs_keys = self.sharing.is_some()
            && config.ssh.host_keys.is_empty()
            && !config.ssh.listen.is_empty();
        loop {
            let error = match self.prove(config, needs_keys).await {
                Ok(()) => return Ok(()),
                Err(SharingError::Refused(reason) | SharingError::Denied(reason)) => {
                    return Err(ServeError::Pool(reason));
                }
                Err(SharingError::Node(reason)) => return Err(ServeError::Runtime(reason)),
                Err(SharingError::Store(error)) => error,
            };
            let now = Instant::now();
            if now >= begun + PATIENCE && (!needs_keys || !kept.is_empty()) {
                warn!(store = self.store.name(), %error, "the pool's store is away, the node starts without it");
                return Ok(());
            }
            if now >= told + PATIENCE {
                told = now;
                warn!(
                    store = self.store.name(),
                    %error,
                    "waiting for the pool's store: it has the host keys that clients know"
                );
            }
            tokio::time::sleep(STEP).await;
        }
    }

    async fn prove(&self, config: &Config, needs_keys: bool) -> Result<(), SharingError> {
        let Some(sharing) = &self.sharing else {
            return sharing::refuse_unsealed(&*self.store).await;
        };
        sharing.check(Stance::Follow).await?;
        if needs_keys {
            sharing.take_host_keys(config).await?;
        }
        info!(store = self.store.name(), pool = config.pool.name, "found the pool");
        Ok(())
    }
}

/// While the node waits it obeys a stop, and keeps the last configuration for later.
async fn stopped(control: &mut mpsc::Receiver<Control>, later: &mut Option<Box<Config>>) {
    loop {
        match control.recv().await {
            Some(Control::Stop) | None => return,
            Some(Control::Reload(config)) => *later = Some(config),
            Some(
                Control::Drain { .. }
                | Control::Undrain
                | Control::CloudDrain { .. }
                | Control::CloudUndrain,
            ) => {
                warn!("there is nothing to drain while the node waits for its pool");
            }
        }
    }
}

/// How long a store may take to be reached at the start.
const PATIENCE: Duration = Duration::from_secs(3);
/// Between two tries.
const STEP: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_flags;

    #[tokio::test]
    async fn a_node_that_waits_keeps_the_last_configuration_and_obeys_a_stop() {
        let (tell, mut control) = mpsc::channel(8);
        let banner = |banner| Box::new(load_flags(&[("ftp.banner", banner)]).unwrap().0);
        tell.send(Control::Reload(banner("first"))).await.unwrap();
        tell.send(Control::Drain { grace: None }).await.unwrap();
        tell.send(Control::Reload(banner("last"))).await.unwrap();
        tell.send(Control::Stop).await.unwrap();
        let mut later = None;
        stopped(&mut control, &mut later).await;
        assert_eq!(later.unwrap().ftp.banner, "last");
    }
}
