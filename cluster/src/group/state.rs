//! What there is, as read.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use super::reach::{Place, Reach, Source};
use super::want::Kind;

/// Interfaces, groups and rules of one region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Those of the pool's nodes, and all others that have one of the groups that bear the pool's mark.
    pub interfaces: Vec<Interface>,
    /// All groups of the nodes' interfaces, and those that bear the pool's mark or are to be adopted.
    pub groups: Vec<Group>,
    /// All rules of these groups.
    pub rules: Vec<Rule>,
    /// The prefix lists of Route 53's checkers, and those that rules name.
    pub lists: Vec<List>,
}

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// `eni-0123`
    pub id: String,
    /// `vpc-0123`
    pub vpc: String,
    /// What a node of the pool serves at it; empty: it is not a node's, or not to be judged.
    pub serves: BTreeSet<Kind>,
    /// A service of AWS made it and alone may change it (`RequesterManaged`): that of a Fargate task is one.
    pub managed: bool,
    /// The ids of its groups.
    pub groups: Vec<String>,
}

/// A security group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// `sg-0123`
    pub id: String,
    /// Once in a VPC.
    pub name: String,
    /// Where.
    pub vpc: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The groups whose inbound rules name it, but for itself.
    pub named_by: Vec<String>,
}

/// A rule of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `sgr-0123`
    pub id: String,
    /// `sg-0123`
    pub group: String,
    /// Whether it is about connections that the group's interfaces open themselves.
    pub outbound: bool,
    /// What it lets through.
    pub reach: Reach,
    /// For people.
    pub description: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A prefix list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// `pl-0123`
    pub id: String,
    /// `com.amazonaws.eu-west-1.route53-healthchecks`
    pub name: String,
    /// Whether its networks are of IPv6.
    pub v6: bool,
    /// As how many rules a rule that names it counts.
    pub weight: u32,
    /// Its networks; `None`: not read.
    pub networks: Option<Vec<IpNet>>,
}

impl State {
    /// The interfaces that are nodes' of the pool.
    pub fn own(&self) -> impl Iterator<Item = &Interface> {
        self.interfaces.iter().filter(|interface| !interface.serves.is_empty())
    }

    /// A group by its id.
    pub fn group(&self, id: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.id == id)
    }

    /// A prefix list by its id.
    pub fn list(&self, id: &str) -> Option<&List> {
        self.lists.iter().find(|list| list.id == id)
    }

    /// `sg-0123 (flotilla-main-ftp)`
    pub fn title(&self, id: &str) -> String {
        match self.group(id) {
            Some(group) if !group.name.is_empty() => format!("{id} ({})", group.name),
            _ => id.to_owned(),
        }
    }

    /// The inbound rules of these groups.
    pub fn inbound<'a>(&'a self, groups: &'a [String]) -> impl Iterator<Item = &'a Rule> {
        self.rules.iter().filter(|rule| !rule.outbound && groups.contains(&rule.group))
    }

    /// The outbound rules of these groups.
    pub fn outbound<'a>(&'a self, groups: &'a [String]) -> impl Iterator<Item = &'a Rule> {
        self.rules.iter().filter(|rule| rule.outbound && groups.contains(&rule.group))
    }

    /// As how many rules of IPv4 and of IPv6 a rule with this source counts ("Amazon VPC quotas": one that names a
    /// group counts for both, one that names a prefix list as many times as that has, or may have, networks).
    pub fn weight(&self, source: &Source) -> (u32, u32) {
        match source {
            Source::Network(network) if network.addr().is_ipv4() => (1, 0),
            Source::Network(_) => (0, 1),
            Source::Group(_) => (1, 1),
            Source::List(id) => match self.list(id) {
                Some(list) if list.v6 => (0, list.weight),
                Some(list) => (list.weight, 0),
                None => (1, 1),
            },
        }
    }
}

impl Group {
    /// The pool that it is of, by its tag.
    pub fn pool(&self) -> Option<&str> {
        self.tags.get(POOL_TAG).map(String::as_str)
    }
}

impl Rule {
    /// The pool that made it, by its tag. A rule without that is never changed.
    pub fn pool(&self) -> Option<&str> {
        self.tags.get(POOL_TAG).map(String::as_str)
    }
}

impl List {
    /// As how many rules a list counts: as AWS says, where it does (a customer's own), or by its name ("AWS-managed
    /// prefix lists", the heaviest). With a wrong one AWS still refuses what is too much.
    pub fn weight_of(name: &str, entries_max: Option<u32>) -> u32 {
        let weights = [("route53-healthchecks", 25), ("cloudfront.origin-facing", 55)];
        let known = weights.iter().find(|(end, _)| name.ends_with(end)).map(|(_, weight)| *weight);
        known.or(entries_max).unwrap_or(1).max(1)
    }
}

impl Place {
    /// The id, where there is one.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Id(id) => Some(id),
            Self::New { .. } => None,
        }
    }
}

/// The tag of all that Flotilla makes; its value is the pool's name.
pub const POOL_TAG: &str = "flotilla:pool";
/// The tag of a group that says which of the pool's it is: `ftp`, `ssh` or `pool`.
pub const KIND_TAG: &str = "flotilla:group";
