//! Load balancers of Elastic Load Balancing, version 2 (network, application, gateway) and 1 (classic): finds those in
//! front of a node, reads all of them that [`crate::balancer`] asks for, and does what it says.
//!
//! A balancer with 50 listeners takes some 160 calls to read, which are spread over a quarter of a minute, for the
//! limits of the API are the account's. It is read seldom.

mod apply;
mod classic;
mod convert;
mod network;
mod tags;

use std::collections::BTreeSet;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_ec2::types::Filter;

use super::Trouble;
use super::failure::Judged;
use super::instances::Instances;
use super::span::Spans;
use crate::balancer::{Kind, State};

/// The clients.
#[derive(Clone, Debug)]
pub struct Balancers {
    network: aws_sdk_elasticloadbalancingv2::Client,
    classic: aws_sdk_elasticloadbalancing::Client,
    ec2: aws_sdk_ec2::Client,
    instances: Instances,
}

/// Which balancers to read.
#[derive(Clone, Debug)]
pub enum Query {
    /// Those that have one of these among their targets: an instance, addresses.
    Targets {
        /// Instance and addresses.
        ids: Vec<String>,
        /// Only groups of this VPC are looked at; empty: all.
        vpc: String,
    },
    /// The one with this ARN, or this name.
    Named(String),
}

/// Calls of one reading.
struct Reading {
    state: State,
    calls: u32,
}

impl Balancers {
    /// Of the region and with the credentials of the session.
    pub fn new(session: &SdkConfig) -> Self {
        use {aws_sdk_elasticloadbalancing as classic, aws_sdk_elasticloadbalancingv2 as network};
        let of_network = network::config::Builder::from(session).interceptor(Spans);
        let of_classic = classic::config::Builder::from(session).interceptor(Spans);
        let of_ec2 = aws_sdk_ec2::config::Builder::from(session).interceptor(Spans);
        Self {
            network: network::Client::from_conf(of_network.build()),
            classic: classic::Client::from_conf(of_classic.build()),
            ec2: aws_sdk_ec2::Client::from_conf(of_ec2.build()),
            instances: Instances::new(session),
        }
    }

    /// Reads what there is; none is an answer. Nothing is changed.
    ///
    /// # Errors
    /// One of the calls failed; a balancer that is named and is not there is [`Trouble::Missing`]. What is useful and
    /// not necessary, and refused, is in [`State::unread`] instead.
    pub async fn read(&self, query: &Query) -> Result<State, Trouble> {
        let mut reading = Reading { state: State::default(), calls: 0 };
        self.read_network(&mut reading, query).await?;
        self.read_classic(&mut reading, query).await?;
        match query {
            Query::Named(name) if reading.state.is_empty() => {
                Err(Trouble::Missing(format!("load balancer {name}")))
            }
            _ => Ok(reading.state),
        }
    }

    /// Reads again who is a target, of what was read before: the cheap part.
    ///
    /// # Errors
    /// One of the calls failed; what was read until then is kept.
    pub async fn read_targets(&self, state: &mut State) -> Result<(), Trouble> {
        let mut reading = Reading { state: State::default(), calls: 0 };
        for balancer in &mut state.balancers {
            match balancer.kind {
                Kind::Network => {
                    for group in &mut balancer.groups {
                        group.targets = self.targets(&mut reading, &group.arn).await?;
                    }
                }
                // It is told all at once.
                Kind::Classic => self.read_classic_again(&mut reading, balancer).await?,
                Kind::Application | Kind::Gateway => {}
            }
        }
        Ok(())
    }

    /// Those of these instances that will never run again: ended, or not there.
    ///
    /// # Errors
    /// The call failed.
    pub async fn ended(&self, ids: &BTreeSet<String>) -> Result<Vec<String>, Trouble> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let present = self.instances.present(ids, &BTreeSet::new()).await?;
        Ok(ids.difference(&present.ids).cloned().collect())
    }

    /// `TcpEstablishedTimeout` of a network interface, if somebody has set it.
    ///
    /// # Errors
    /// The call failed.
    pub async fn network_card(&self, interface: &str) -> Result<Option<Duration>, Trouble> {
        let call = self.ec2.describe_network_interfaces().network_interface_ids(interface);
        let answer = call.send().await.judged(INTERFACES)?;
        let interface = answer.network_interfaces().first();
        let tracking = interface.and_then(|of| of.connection_tracking_configuration());
        Ok(tracking.and_then(|of| of.tcp_established_timeout()).and_then(convert::seconds))
    }

    /// The interfaces of a Network Load Balancer, which know its addresses where nobody has given it any.
    async fn read_interfaces(
        &self,
        reading: &mut Reading,
        balancer: &mut crate::balancer::Balancer,
    ) -> Result<(), Trouble> {
        let Some((_, id)) = balancer.arn.split_once(":loadbalancer/") else { return Ok(()) };
        let filter = Filter::builder().name("description").values(format!("ELB {id}")).build();
        reading.pace().await;
        let answer = self.ec2.describe_network_interfaces().filters(filter).send().await;
        let answer = answer.judged(INTERFACES);
        if let Some(answer) = reading.unless_refused(answer)? {
            for interface in answer.network_interfaces() {
                convert::add_interface(balancer, interface);
            }
        }
        Ok(())
    }
}

impl Reading {
    /// Spreads calls.
    async fn pace(&mut self) {
        self.calls += 1;
        if self.calls > CALLS_AT_ONCE {
            tokio::time::sleep(APART).await;
        }
    }

    /// What is refused, or gone in the meantime, is left out; the first is told, once.
    fn unless_refused<T>(&mut self, answer: Result<T, Trouble>) -> Result<Option<T>, Trouble> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(Trouble::Missing(_)) => Ok(None),
            Err(Trouble::Refused { action, .. }) => {
                let sentence = format!("{action} is refused, so that something is not known");
                if !self.state.unread.contains(&sentence) {
                    self.state.unread.push(sentence);
                }
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }

    fn unread(&mut self, sentence: String) {
        if !self.state.unread.contains(&sentence) {
            self.state.unread.push(sentence);
        }
    }
}

const INTERFACES: &str = "ec2:DescribeNetworkInterfaces";
/// Before they are spread.
const CALLS_AT_ONCE: u32 = 20;
const APART: Duration = Duration::from_millis(100);
/// Balancers in front of one node.
const BALANCERS_MAX: usize = 8;
/// Groups that are looked through for a node.
const GROUPS_MAX: usize = 100;
/// Entries of one page of version 2 and of version 1: the most there may be.
const PAGE: i32 = 400;
/// Pages of an answer. More balancers than an account may have.
const PAGES_MAX: usize = 10;
