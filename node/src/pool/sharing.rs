//! The secrets that the nodes of a pool share, sealed by the pool secret: host keys, ticket keys, the key of
//! the relay.
//!
//! Whoever comes first puts its own there; everybody else takes what is there. A constant, sealed too,
//! tells at once whether a node has the right secret. Where the store forgot, the nodes that were there before
//! put theirs back, also over those of somebody who came in between: see [`Stance`].

mod host_keys;
mod tickets;

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

use aws_lc_rs::rand;
use flotilla_cluster::seal::{PoolSecret, SealError};
use flotilla_cluster::store::{Reply, Request, Secret, Store, StoreError};
use tracing::warn;
use zeroize::Zeroizing;

use crate::config::Config;
use crate::secret::{self, POOL};

pub(crate) use host_keys::shares_host_keys;
pub(crate) use tickets::Agreed;

/// The secrets of a pool.
pub(crate) struct Sharing {
    secret: PoolSecret,
    store: Rc<dyn Store>,
    /// The ticket keys that this node had from the pool last.
    held: RefCell<Option<tickets::Tickets>>,
}

/// What a node does where the store has something else than it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stance {
    /// It goes by the store.
    Follow,
    /// It was in accord with the pool, and the store forgot: what it has is the pool's, and is written over what
    /// is there. Once after each loss, so that two groups of nodes do not fight for ever.
    Assert,
}

/// Why a node can not be part of its pool.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SharingError {
    /// It must not: somebody has to change something first.
    #[error("{0}")]
    Refused(String),
    /// The store does not let it in.
    #[error("{0}")]
    Denied(String),
    /// Not now.
    #[error(transparent)]
    Store(StoreError),
    /// The node itself is in trouble.
    #[error("{0}")]
    Node(String),
}

/// What the store has under a name.
enum Found {
    Nothing,
    /// Sealed with another secret.
    Foreign {
        version: u64,
    },
    Ours {
        version: u64,
        plain: Zeroizing<Vec<u8>>,
    },
}

impl Sharing {
    /// The secrets of the configured pool; `None`: it has no secret, so nothing is shared.
    ///
    /// # Errors
    /// The file of the secret can not be used.
    pub(crate) fn new(
        config: &Config,
        store: &Rc<dyn Store>,
    ) -> Result<Option<Self>, secret::SecretError> {
        let Some(path) = &config.pool.secret_file else { return Ok(None) };
        let secret = secret::load(KEY, path, &POOL)?;
        let secret = Zeroizing::new(secret.expose().to_vec());
        let secret = PoolSecret::new(&config.pool.name, secret);
        Ok(Some(Self { secret, store: Rc::clone(store), held: RefCell::default() }))
    }

    /// Whether this secret is the pool's.
    ///
    /// # Errors
    /// It is not, or the store does not say.
    pub(crate) async fn check(&self, stance: Stance) -> Result<(), SharingError> {
        self.first(SEAL, stance, || Ok(Zeroizing::new(SEALED.to_vec()))).await.map(drop)
    }

    /// The relay key: 32 bytes.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) async fn relay_key(
        &self,
        stance: Stance,
    ) -> Result<Zeroizing<Vec<u8>>, SharingError> {
        self.first(RELAY, stance, || random(RELAY_KEY_BYTES)).await
    }

    /// What bears the name, or the first of it.
    async fn first(
        &self,
        name: &str,
        stance: Stance,
        make: impl FnOnce() -> Result<Zeroizing<Vec<u8>>, String>,
    ) -> Result<Zeroizing<Vec<u8>>, SharingError> {
        let version = match self.find(name).await? {
            Found::Ours { plain, .. } => return Ok(plain),
            Found::Foreign { version } => replaceable(name, version, stance)?,
            Found::Nothing => 0,
        };
        let plain = make().map_err(SharingError::Node)?;
        self.put(name, version, &plain).await.map(|(_, plain)| plain)
    }

    async fn find(&self, name: &str) -> Result<Found, SharingError> {
        let Some(secret) = ask(&*self.store, name, None).await? else { return Ok(Found::Nothing) };
        let version = secret.version;
        match self.secret.open(name, &secret.sealed) {
            Ok(plain) => Ok(Found::Ours { version, plain }),
            Err(SealError::Foreign) => Ok(Found::Foreign { version }),
            Err(error) => Err(SharingError::Refused(format!("{KEY}: {name}: {error}"))),
        }
    }

    /// Writes in the place of that version, unless somebody else was faster; tells what is there now.
    async fn put(
        &self,
        name: &str,
        version: u64,
        plain: &[u8],
    ) -> Result<(u64, Zeroizing<Vec<u8>>), SharingError> {
        let node = |reason: String| SharingError::Node(reason);
        let sealed = self.secret.seal(name, plain).map_err(|error| node(error.to_string()))?;
        let secret: Option<Secret> = ask(&*self.store, name, Some((version, sealed))).await?;
        let secret = secret.ok_or_else(|| node(format!("the store does not keep {name}")))?;
        let plain = self.secret.open(name, &secret.sealed).map_err(|error| match error {
            SealError::Foreign => foreign(),
            error => SharingError::Refused(format!("{KEY}: {name}: {error}")),
        })?;
        Ok((secret.version, plain))
    }
}

/// Refuses a node without a secret where the pool has one: it would greet clients with other keys.
///
/// # Errors
/// The pool is sealed, or the store does not say.
pub(crate) async fn refuse_unsealed(store: &dyn Store) -> Result<(), SharingError> {
    match ask(store, SEAL, None).await? {
        None => Ok(()),
        Some(_) => Err(SharingError::Refused(format!(
            "{KEY}: the pool is sealed, and this node has no secret"
        ))),
    }
}

/// Where the pool's host keys are kept; not empty once the node was in its pool. A node that changes its pool
/// has other ones there.
pub(crate) fn folder(config: &Config) -> PathBuf {
    let name = config.pool.name.as_str();
    // The two names of pools that are not names of folders.
    let name = if matches!(name, "." | "..") { format!("_{name}") } else { name.to_owned() };
    config.node.data_dir.join("pool").join(name)
}

/// The version that may be written over.
fn replaceable(name: &str, version: u64, stance: Stance) -> Result<u64, SharingError> {
    match stance {
        Stance::Follow => Err(foreign()),
        Stance::Assert => {
            warn!(name, "the store forgot the pool's secrets and got others: they are replaced");
            Ok(version)
        }
    }
}

fn foreign() -> SharingError {
    SharingError::Refused(format!(
        "{KEY}: the pool is sealed with another secret; all of its nodes must have the same"
    ))
}

async fn ask(
    store: &dyn Store,
    name: &str,
    write: Option<(u64, Vec<u8>)>,
) -> Result<Option<Secret>, SharingError> {
    let request = Request::Secret { name: name.to_owned(), write };
    match store.call(request).await {
        Ok(Reply::Secret(secret)) => Ok(secret),
        Ok(_) => Err(SharingError::Node("the store answered something else".to_owned())),
        Err(StoreError::Denied(reason)) => Err(SharingError::Denied(format!(
            "pool.store: it denies this node ({reason}): see the user in pool.store, \
                 pool.store_password_file and pool.store_ca"
        ))),
        Err(error) => Err(SharingError::Store(error)),
    }
}

fn random(bytes: usize) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut random = Zeroizing::new(vec![0; bytes]);
    rand::fill(&mut random).map_err(|_| "no random numbers".to_owned())?;
    Ok(random)
}

const KEY: &str = "pool.secret_file";
/// Names in the store, and purposes of the seals.
const SEAL: &str = "seal";
const RELAY: &str = "relay";
/// What is sealed to tell whether a secret is the right one.
const SEALED: &[u8] = b"flotilla";
const RELAY_KEY_BYTES: usize = 32;

#[cfg(test)]
mod tests;
