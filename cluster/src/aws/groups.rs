//! Security groups in EC2: reads what there is, does what a plan of [`crate::group`] says.

mod apply;
mod convert;

use std::collections::BTreeSet;
use std::net::IpAddr;

use aws_config::SdkConfig;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::types::{Filter, ManagedPrefixList, NetworkInterface, SecurityGroup};

use super::Trouble;
use super::failure::Judged;
use super::span::Spans;
use crate::group::{Interface, Kind, POOL_TAG, Source, State, checkers_suffix};

/// The client.
#[derive(Clone, Debug)]
pub struct Groups {
    client: Client,
    region: String,
}

/// What to read.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Whose groups.
    pub pool: String,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// Groups to be adopted, by their ids.
    pub adopted: Vec<String>,
    /// Whether the prefix lists of Route 53's checkers are needed.
    pub checkers: bool,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// By what its interface is found.
    pub at: Site,
    /// What it serves.
    pub serves: BTreeSet<Kind>,
}

/// Where a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Site {
    /// At the first interface of this instance.
    Instance(String),
    /// At this interface.
    Interface(String),
    /// At the interface with this private address: all that is known of a task.
    Address(IpAddr),
}

impl Groups {
    /// Of the region and with the credentials of the session.
    pub fn new(session: &SdkConfig) -> Self {
        let region = session.region().map(ToString::to_string).unwrap_or_default();
        let config = aws_sdk_ec2::config::Builder::from(session).interceptor(Spans);
        Self { client: Client::from_conf(config.build()), region }
    }

    /// Reads interfaces, groups, rules and prefix lists: up to nine calls for a pool of a hundred nodes, none of
    /// which changes anything.
    ///
    /// # Errors
    /// One of the calls failed.
    pub async fn read(&self, query: &Query) -> Result<State, Trouble> {
        let mut state = State::default();
        self.read_nodes(query, &mut state).await?;
        self.read_groups(query, &mut state).await?;
        let own = state.groups.iter().filter(|group| group.pool() == Some(&query.pool));
        let own = own.map(|group| group.id.clone()).collect::<Vec<_>>();
        self.read_users(&own, &mut state).await?;
        self.read_names(&own, query, &mut state).await?;
        self.read_rules(&mut state).await?;
        self.read_lists(query, &mut state).await?;
        Ok(state)
    }

    async fn read_nodes(&self, query: &Query, state: &mut State) -> Result<(), Trouble> {
        let of = |site: fn(&Site) -> Option<String>| {
            query.nodes.iter().filter_map(|node| site(&node.at)).collect::<Vec<_>>()
        };
        let values = [
            ("attachment.instance-id", of(Site::instance)),
            ("network-interface-id", of(Site::interface)),
            ("addresses.private-ip-address", of(|site| site.address(false))),
            ("ipv6-addresses.ipv6-address", of(|site| site.address(true))),
        ];
        for (name, values) in values {
            for interface in self.interfaces(name, &values).await? {
                let found = query.nodes.iter().filter(|node| node.at.is(&interface));
                let serves = found.flat_map(|node| node.serves.iter().copied()).collect();
                let interface = convert::interface(&interface, serves);
                if !interface.serves.is_empty() {
                    insert(&mut state.interfaces, interface);
                }
            }
        }
        Ok(())
    }

    /// The groups of the nodes, those to be adopted, and those that have the pool's tag or the names of its groups.
    async fn read_groups(&self, query: &Query, state: &mut State) -> Result<(), Trouble> {
        let ids = state.interfaces.iter().flat_map(|own| own.groups.iter().cloned());
        let ids = ids.chain(query.adopted.iter().cloned()).collect::<BTreeSet<_>>();
        let names = Kind::ALL.map(|kind| kind.group_name(&query.pool));
        let tag = format!("tag:{POOL_TAG}");
        let asked = [
            ("group-id", ids.into_iter().collect()),
            (tag.as_str(), vec![query.pool.clone()]),
            ("group-name", names.to_vec()),
        ];
        for (name, values) in asked {
            for group in self.groups(name, &values).await? {
                let group = convert::group(&group);
                if !state.groups.iter().any(|known| known.id == group.id) {
                    state.groups.push(group);
                }
            }
        }
        Ok(())
    }

    /// Whose interfaces have the pool's groups besides.
    async fn read_users(&self, own: &[String], state: &mut State) -> Result<(), Trouble> {
        for interface in self.interfaces("group-id", own).await? {
            insert(&mut state.interfaces, convert::interface(&interface, BTreeSet::new()));
        }
        Ok(())
    }

    /// Which groups that are not the pool's name those that are.
    async fn read_names(
        &self,
        own: &[String],
        query: &Query,
        state: &mut State,
    ) -> Result<(), Trouble> {
        for group in self.groups("ip-permission.group-id", own).await? {
            let named = convert::named(&group);
            let group = convert::group(&group);
            if group.pool() == Some(&query.pool) {
                continue;
            }
            for known in state.groups.iter_mut().filter(|known| named.contains(&known.id)) {
                known.named_by.push(group.id.clone());
            }
        }
        Ok(())
    }

    async fn read_rules(&self, state: &mut State) -> Result<(), Trouble> {
        const ACTION: &str = "ec2:DescribeSecurityGroupRules";
        let ids = state.groups.iter().map(|group| group.id.clone()).collect::<Vec<_>>();
        for ids in ids.chunks(VALUES_MAX) {
            let call = self.client.describe_security_group_rules().filters(filter("group-id", ids));
            let mut pages = call.max_results(PAGE).into_paginator().send();
            for page in all(ACTION, async || pages.next().await).await? {
                state.rules.extend(page.security_group_rules().iter().filter_map(convert::rule));
            }
        }
        Ok(())
    }

    /// The prefix lists that rules name, for what they count, and those of the checkers.
    async fn read_lists(&self, query: &Query, state: &mut State) -> Result<(), Trouble> {
        let named = state.rules.iter().filter_map(|rule| match &rule.reach.source {
            Source::List(id) => Some(id.clone()),
            _ => None,
        });
        let named = named.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
        let mut lists = match self.lists("prefix-list-id", &named).await {
            // Without that, each counts as one rule, until AWS says that they are more.
            Err(Trouble::Refused { .. }) if !query.checkers => Vec::new(),
            lists => lists?,
        };
        if query.checkers {
            let of = |v6| format!("com.amazonaws.{}{}", self.region, checkers_suffix(v6));
            lists.extend(self.lists("prefix-list-name", &[of(false), of(true)]).await?);
        }
        for list in lists.iter().filter_map(convert::list) {
            if state.list(&list.id).is_none() {
                state.lists.push(list);
            }
        }
        Ok(())
    }

    async fn interfaces(
        &self,
        name: &str,
        values: &[String],
    ) -> Result<Vec<NetworkInterface>, Trouble> {
        const ACTION: &str = "ec2:DescribeNetworkInterfaces";
        let mut found = Vec::new();
        for values in values.chunks(VALUES_MAX) {
            let call = self.client.describe_network_interfaces().filters(filter(name, values));
            let mut pages = call.max_results(PAGE).into_paginator().send();
            for page in all(ACTION, async || pages.next().await).await? {
                found.extend(page.network_interfaces.unwrap_or_default());
            }
        }
        Ok(found)
    }

    async fn groups(&self, name: &str, values: &[String]) -> Result<Vec<SecurityGroup>, Trouble> {
        const ACTION: &str = "ec2:DescribeSecurityGroups";
        let mut found = Vec::new();
        for values in values.chunks(VALUES_MAX) {
            let call = self.client.describe_security_groups().filters(filter(name, values));
            let mut pages = call.max_results(PAGE).into_paginator().send();
            for page in all(ACTION, async || pages.next().await).await? {
                found.extend(page.security_groups.unwrap_or_default());
            }
        }
        Ok(found)
    }

    async fn lists(
        &self,
        name: &str,
        values: &[String],
    ) -> Result<Vec<ManagedPrefixList>, Trouble> {
        const ACTION: &str = "ec2:DescribeManagedPrefixLists";
        let mut found = Vec::new();
        for values in values.chunks(VALUES_MAX) {
            let call = self.client.describe_managed_prefix_lists().filters(filter(name, values));
            let mut pages = call.max_results(LISTS_PAGE).into_paginator().send();
            for page in all(ACTION, async || pages.next().await).await? {
                found.extend(page.prefix_lists.unwrap_or_default());
            }
        }
        Ok(found)
    }
}

impl Site {
    fn instance(&self) -> Option<String> {
        match self {
            Self::Instance(id) => Some(id.clone()),
            _ => None,
        }
    }

    fn interface(&self) -> Option<String> {
        match self {
            Self::Interface(id) => Some(id.clone()),
            _ => None,
        }
    }

    fn address(&self, v6: bool) -> Option<String> {
        match self {
            Self::Address(address) if address.is_ipv6() == v6 => Some(address.to_string()),
            _ => None,
        }
    }

    /// Whether it is at this interface. An instance may have more of them, which are not the node's.
    fn is(&self, interface: &NetworkInterface) -> bool {
        match self {
            Self::Instance(id) => interface.attachment().is_some_and(|attachment| {
                let first = [attachment.device_index(), attachment.network_card_index()];
                attachment.instance_id() == Some(id)
                    && first.iter().all(|index| index.unwrap_or(0) == 0)
            }),
            Self::Interface(id) => interface.network_interface_id() == Some(id),
            Self::Address(address) => convert::addresses(interface).contains(address),
        }
    }
}

/// What is known of an interface, once; what a node serves there stays.
fn insert(interfaces: &mut Vec<Interface>, interface: Interface) {
    match interfaces.iter_mut().find(|known| known.id == interface.id) {
        Some(known) => known.serves.extend(interface.serves),
        None => interfaces.push(interface),
    }
}

fn filter(name: &str, values: &[String]) -> Filter {
    Filter::builder().name(name).set_values(Some(values.to_vec())).build()
}

/// All pages of an answer.
async fn all<T, E, R>(
    action: &'static str,
    mut next: impl AsyncFnMut() -> Option<Result<T, SdkError<E, R>>>,
) -> Result<Vec<T>, Trouble>
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
    R: std::fmt::Debug + 'static,
{
    let mut pages = Vec::new();
    while let Some(page) = next().await {
        pages.push(page.judged(action)?);
        if pages.len() > PAGES_MAX {
            let message = format!("{action} answers with more than {PAGES_MAX} pages");
            return Err(Trouble::Rejected { code: "TooManyPages".to_owned(), message });
        }
    }
    Ok(pages)
}

/// Values of one filter (200 are permitted).
const VALUES_MAX: usize = 200;
/// Entries of one page: the most there may be.
const PAGE: i32 = 1000;
/// The same of prefix lists.
const LISTS_PAGE: i32 = 100;
/// Ten thousand rules are more than any interface may have.
const PAGES_MAX: usize = 20;
