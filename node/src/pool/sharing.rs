//! The secrets that the nodes of a pool share, sealed by the pool secret: host keys, ticket keys, the key of
//! the relay.
//!
//! Whoever comes first puts its own there; everybody else takes what is there. A constant, sealed too,
//! tells at once whether a node has the right secret.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand;
use flotilla_cluster::seal::{PoolSecret, SealError};
use flotilla_cluster::store::{Reply, Request, Secret, Store, StoreError};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::config::Config;
use crate::secret::{self, POOL};
use crate::ssh::host_key;
use crate::tls::TicketKeys;

/// The secrets of a pool.
pub(crate) struct Sharing {
    secret: PoolSecret,
    store: Rc<dyn Store>,
}

/// Why a node can not be part of its pool.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SharingError {
    /// It must not: somebody has to change something first.
    #[error("{0}")]
    Refused(String),
    /// Not now.
    #[error(transparent)]
    Store(StoreError),
    /// The node itself is in trouble.
    #[error("{0}")]
    Node(String),
}

/// The ticket keys in the store.
#[derive(Debug, Serialize, Deserialize)]
struct Tickets {
    version: u16,
    /// When the first one was made, seconds since 1970.
    made: u64,
    /// The one that seals first; name and key.
    keys: Vec<(Vec<u8>, Vec<u8>)>,
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
        Ok(Some(Self { secret, store: Rc::clone(store) }))
    }

    /// Whether this secret is the pool's.
    ///
    /// # Errors
    /// It is not, or the store does not say.
    pub(crate) async fn check(&self) -> Result<(), SharingError> {
        self.first(SEAL, || Ok(Zeroizing::new(SEALED.to_vec()))).await.map(drop)
    }

    /// Puts the pool's host keys into files, from which they can be loaded also while the store is away. The
    /// first node of a pool gives its own.
    ///
    /// # Errors
    /// The store does not answer, or keys can not be made or written.
    pub(crate) async fn host_keys(&self, config: &Config) -> Result<Vec<PathBuf>, SharingError> {
        let own = || {
            let texts = host_key::texts(config).map_err(|error| error.to_string())?;
            let texts: Vec<&str> = texts.iter().map(|text| text.as_str()).collect();
            rmp_serde::to_vec(&texts).map(Zeroizing::new).map_err(|error| error.to_string())
        };
        let texts = self.first(HOST_KEYS, own).await?;
        let node = |error: String| SharingError::Node(error);
        let texts: Zeroizing<Vec<String>> =
            rmp_serde::from_slice(&texts).map(Zeroizing::new).map_err(|e| node(e.to_string()))?;
        let folder = folder(&config.node.data_dir);
        host_key::keep(&texts, &folder).map_err(|error| node(error.to_string()))
    }

    /// The relay key: 32 bytes.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) async fn relay_key(&self) -> Result<Zeroizing<Vec<u8>>, SharingError> {
        self.first(RELAY, || random(RELAY_KEY_BYTES)).await
    }

    /// The ticket keys and their version; makes the first ones.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) async fn tickets(&self) -> Result<(u64, TicketKeys), SharingError> {
        let secret = match self.read(TICKETS).await? {
            Some(secret) => secret,
            None => {
                let sealed = self.seal(TICKETS, &Tickets::first()?.encode())?;
                self.write(TICKETS, 0, sealed).await?
            }
        };
        let tickets = self.open_tickets(&secret)?;
        Ok((secret.version, tickets.keys()?))
    }

    /// Makes a new ticket key if the last one is old: a duty of the leader. Tells the version.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) async fn rotate_tickets(&self, age: Duration) -> Result<u64, SharingError> {
        let Some(secret) = self.read(TICKETS).await? else {
            return self.tickets().await.map(|(version, _)| version);
        };
        let tickets = self.open_tickets(&secret)?;
        if now_seconds().saturating_sub(tickets.made) < age.as_secs() {
            return Ok(secret.version);
        }
        let sealed = self.seal(TICKETS, &tickets.next()?.encode())?;
        Ok(self.write(TICKETS, secret.version, sealed).await?.version)
    }

    /// What bears the name, or the first of it.
    async fn first(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<Zeroizing<Vec<u8>>, String>,
    ) -> Result<Zeroizing<Vec<u8>>, SharingError> {
        let secret = match self.read(name).await? {
            Some(secret) => secret,
            None => {
                let sealed = self.seal(name, &make().map_err(SharingError::Node)?)?;
                self.write(name, 0, sealed).await?
            }
        };
        self.open(name, &secret)
    }

    async fn read(&self, name: &str) -> Result<Option<Secret>, SharingError> {
        ask(&*self.store, name, None).await
    }

    /// Writes unless somebody else was faster; tells what is there now.
    async fn write(
        &self,
        name: &str,
        expected: u64,
        sealed: Vec<u8>,
    ) -> Result<Secret, SharingError> {
        let secret = ask(&*self.store, name, Some((expected, sealed))).await?;
        secret.ok_or_else(|| SharingError::Node(format!("the store does not keep {name}")))
    }

    fn seal(&self, name: &str, plain: &[u8]) -> Result<Vec<u8>, SharingError> {
        self.secret.seal(name, plain).map_err(|error| SharingError::Node(error.to_string()))
    }

    fn open(&self, name: &str, secret: &Secret) -> Result<Zeroizing<Vec<u8>>, SharingError> {
        self.secret.open(name, &secret.sealed).map_err(|error| match error {
            SealError::Foreign => SharingError::Refused(format!(
                "{KEY}: the pool is sealed with another secret; all of its nodes must have the same"
            )),
            error => SharingError::Refused(format!("{KEY}: {name}: {error}")),
        })
    }

    fn open_tickets(&self, secret: &Secret) -> Result<Tickets, SharingError> {
        let plain = self.open(TICKETS, secret)?;
        rmp_serde::from_slice(&plain).map_err(|error| SharingError::Node(error.to_string()))
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

/// Where the pool's host keys are kept; not empty once the node was in its pool.
pub(crate) fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join("pool")
}

/// Whether the node greets SSH clients with the keys of its pool.
pub(crate) fn shares_host_keys(config: &Config) -> bool {
    let folder = folder(&config.node.data_dir);
    let keys = &config.ssh.host_keys;
    !keys.is_empty() && keys.iter().all(|key| key.starts_with(&folder))
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
        Err(StoreError::Denied(reason)) => Err(SharingError::Refused(format!(
            "pool.store: it denies this node ({reason}): see the user in pool.store, \
                 pool.store_password_file and pool.store_ca"
        ))),
        Err(error) => Err(SharingError::Store(error)),
    }
}

impl Tickets {
    fn first() -> Result<Self, SharingError> {
        Self { version: TICKETS_VERSION, made: 0, keys: Vec::new() }.next()
    }

    /// A new key in front of the last ones.
    fn next(mut self) -> Result<Self, SharingError> {
        let name = random(TicketKeys::NAME_BYTES).map_err(SharingError::Node)?;
        let key = random(TicketKeys::KEY_BYTES).map_err(SharingError::Node)?;
        self.keys.insert(0, (name.to_vec(), key.to_vec()));
        self.keys.truncate(TICKETS_KEPT);
        self.made = now_seconds();
        Ok(self)
    }

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(rmp_serde::to_vec_named(self).unwrap_or_default())
    }

    fn keys(&self) -> Result<TicketKeys, SharingError> {
        TicketKeys::new(&self.keys)
            .ok_or_else(|| SharingError::Node("the pool's ticket keys can not be used".to_owned()))
    }
}

impl Drop for Tickets {
    fn drop(&mut self) {
        use zeroize::Zeroize;
        for (_, key) in &mut self.keys {
            key.zeroize();
        }
    }
}

fn random(bytes: usize) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut random = Zeroizing::new(vec![0; bytes]);
    rand::fill(&mut random).map_err(|_| "no random numbers".to_owned())?;
    Ok(random)
}

fn now_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

const KEY: &str = "pool.secret_file";
/// Names in the store, and purposes of the seals.
const SEAL: &str = "seal";
const HOST_KEYS: &str = "host-keys";
const TICKETS: &str = "tickets";
const RELAY: &str = "relay";
/// What is sealed to tell whether a secret is the right one.
const SEALED: &[u8] = b"flotilla";
const RELAY_KEY_BYTES: usize = 32;
/// Of the record.
const TICKETS_VERSION: u16 = 1;
/// The one that seals and two that open: 12 to 18 hours of tickets.
const TICKETS_KEPT: usize = 3;

#[cfg(test)]
mod tests;
