//! What the operator wants of the pool's names, and the mark by which our records are told from others'.

use std::time::Duration;

use super::name::{hash, is_within};
use super::record::RecordSet;
use crate::id::NodeId;

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The name of the pool.
    pub pool: String,
    /// The zone, by id, without `/hostedzone/`.
    pub zone: String,
    /// The name of the pool in DNS; small letters, no final dot.
    pub name: String,
    /// Another name for SFTP.
    pub sftp_name: Option<String>,
    /// How answers are chosen.
    pub policy: Policy,
    /// How long resolvers keep an answer, in seconds. Route 53 advises 60 or less where there are health checks.
    pub ttl: u32,
    /// How health checks are made; `None`: there are none.
    pub check: Option<CheckInterval>,
}

/// How Route 53 chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// By weight.
    Weighted,
    /// Up to eight healthy ones at once, whatever their weight.
    Multivalue,
    /// The region that is nearest in time, and there by weight.
    Latency,
    /// By where the client is, and there by weight.
    Geolocation,
}

/// Seconds between two looks of one checker (`RequestInterval`). It can not be changed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckInterval {
    /// For an extra charge.
    Ten,
    /// The usual.
    Thirty,
}

/// A name of the pool, and which nodes are under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root<'a> {
    /// The name.
    pub name: &'a str,
    /// Which services a node must have to be there.
    pub serves: Serves,
}

/// Which nodes are under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serves {
    /// All.
    Any,
    /// Those with FTP.
    Ftp,
    /// Those with SSH.
    Ssh,
}

impl Settings {
    /// The names of the pool.
    pub fn roots(&self) -> Vec<Root<'_>> {
        match &self.sftp_name {
            Some(sftp) if *sftp != self.name => vec![
                Root { name: &self.name, serves: Serves::Ftp },
                Root { name: sftp, serves: Serves::Ssh },
            ],
            _ => vec![Root { name: &self.name, serves: Serves::Any }],
        }
    }

    /// The names whose records are listed, each with all below it.
    pub fn listed(&self) -> Vec<&str> {
        let roots = self.roots();
        let names: Vec<_> = roots.iter().map(|root| root.name).collect();
        let inner = |name: &str| names.iter().any(|of| *of != name && is_within(name, of));
        names.iter().copied().filter(|name| !inner(name)).collect()
    }

    /// Until the last client has forgotten an old answer: the change has to reach all servers of Route 53, and then
    /// the resolvers keep it.
    pub fn forgotten_after(&self) -> Duration {
        Duration::from_secs(u64::from(self.ttl)).max(PROPAGATION)
    }

    /// What the health checks of these names are told by: an account may have several pools of one name.
    pub fn owner(&self) -> String {
        format!("{}/{}", self.pool, self.name)
    }

    /// How a node is called in our records.
    pub fn key_of(&self, node: &NodeId) -> String {
        let name = node.as_str();
        match self.mark().len() + name.len() <= IDENTIFIER_MAX {
            true => name.to_owned(),
            // No node has this sign in its name.
            false => {
                let short: String = name.chars().take(SHORT).collect();
                format!("{short}~{:016x}", hash(name))
            }
        }
    }

    /// The identifier of a record for a node or group.
    pub fn identifier(&self, key: &str) -> String {
        format!("{}{key}", self.mark())
    }

    /// Of which node or group a record is; `None`: it is not ours.
    pub fn key<'a>(&self, set: &'a RecordSet) -> Option<&'a str> {
        set.id.strip_prefix(&self.mark()).filter(|key| !key.is_empty())
    }

    /// Of which node; `None`: it is not ours, or an alias.
    pub fn node_key<'a>(&self, set: &'a RecordSet) -> Option<&'a str> {
        self.key(set).filter(|key| !key.starts_with(GROUP))
    }

    fn mark(&self) -> String {
        let pool = match self.pool.len() <= POOL_MAX {
            true => self.pool.clone(),
            false => format!("~{:016x}", hash(&self.pool)),
        };
        format!("flotilla/{pool}/")
    }
}

impl CheckInterval {
    /// In seconds.
    pub fn seconds(self) -> u8 {
        match self {
            Self::Ten => 10,
            Self::Thirty => 30,
        }
    }
}

/// What the key of an alias begins with. No node has a slash in its name.
pub(super) const GROUP: &str = "group/";

/// Route 53: usually all servers have a change within this time.
pub const PROPAGATION: Duration = Duration::from_secs(60);
/// Characters of a set identifier.
const IDENTIFIER_MAX: usize = 128;
/// Pools with longer names are called by a number.
const POOL_MAX: usize = 64;
/// What is left of a name that is too long, before a number.
const SHORT: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::tests::settings;

    #[test]
    fn identifiers_are_short_enough() {
        let long = NodeId::new(&"x".repeat(64)).unwrap();
        for pool in ["main".to_owned(), "p".repeat(64), "p".repeat(200)] {
            let settings = Settings { pool, ..settings() };
            let id = settings.identifier(&settings.key_of(&long));
            assert!(id.len() <= IDENTIFIER_MAX, "{id}");
        }
        assert_eq!(settings().identifier("n1"), "flotilla/main/n1");
    }

    #[test]
    fn a_name_below_the_other_is_listed_with_it() {
        let mut settings = settings();
        assert_eq!(settings.listed(), ["ftp.example.org"]);
        settings.sftp_name = Some("sftp.example.org".to_owned());
        assert_eq!(settings.listed(), ["ftp.example.org", "sftp.example.org"]);
        settings.sftp_name = Some("s.ftp.example.org".to_owned());
        assert_eq!(settings.listed(), ["ftp.example.org"]);
        assert_eq!(settings.roots().len(), 2);
    }
}
