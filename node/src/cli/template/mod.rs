//! `flotilla gen cloudformation`: a stack of CloudFormation with a fleet in it that grows and shrinks by itself.
//!
//! What the nodes are is told by the configuration: the ports in groups and listeners, the role, how long one that
//! drains is waited for. What is around them is the template's, and goes before what the configuration has in its
//! place: the store of the pool, its secrets, the storage, the balancer. Types and properties are those of the
//! "Template reference" of CloudFormation; what they mean is told where they are.

use std::io::{self, Write as _};

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::{ConfigArgs, print};
use crate::config::Mode;
use crate::error::ServeError;

mod balancer;
mod document;
mod fleet;
mod group;
mod machine;
mod role;
mod scaling;
mod secret;
mod start;
mod storage;
mod store;
#[cfg(test)]
mod tests;

use document::{Document, reference};
use fleet::Fleet;

/// `flotilla gen cloudformation`.
#[derive(Debug, Args)]
pub struct TemplateArgs {
    /// Whose fleet it is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// What clients reach [default: nlb for ingress.mode balanced and shared, else dns].
    #[arg(long, value_enum)]
    pub front: Option<Front>,
    /// In how many availability zones there is a subnet.
    #[arg(long, value_name = "NUMBER", default_value_t = 2, value_parser = clap::value_parser!(u8).range(2..=6))]
    pub zones: u8,
}

/// What clients reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Front {
    /// A Network Load Balancer.
    Nlb,
    /// The public addresses of the nodes, by a name in Route 53.
    Dns,
}

impl Front {
    /// That suits how clients reach the nodes.
    fn of(mode: Mode) -> Self {
        match mode {
            Mode::Balanced | Mode::Shared => Self::Nlb,
            Mode::Auto | Mode::Direct => Self::Dns,
        }
    }
}

/// Prints it, and on standard error what must be known of it.
pub(super) fn run(args: TemplateArgs) -> Result<(), ServeError> {
    let (template, notes) = template(args)?;
    for note in notes {
        let _ = writeln!(io::stderr(), "flotilla: note: {note}");
    }
    print(&format!("{template:#}\n"))
}

/// The template, and what must be known of it, a sentence each.
fn template(args: TemplateArgs) -> Result<(Value, Vec<String>), ServeError> {
    let fleet = Fleet::new(args)?;
    let document = document(&fleet);
    let mut notes = fleet.notes;
    if document.to_string().len() > BODY_MAX {
        notes.push(format!(
            "the template is larger than {BODY_MAX} bytes: deploy it from a bucket (aws cloudformation deploy --s3-bucket)"
        ));
    }
    Ok((document, notes))
}

fn document(fleet: &Fleet) -> Value {
    let mut document = Document::new(fleet);
    network(&mut document, fleet);
    group::add(&mut document, fleet);
    secret::add(&mut document, fleet);
    store::add(&mut document, fleet);
    storage::add(&mut document, fleet);
    role::add(&mut document, fleet);
    balancer::add(&mut document, fleet);
    machine::add(&mut document, fleet);
    scaling::add(&mut document, fleet);
    document.finish()
}

/// What is there already: a network with subnets in several zones.
fn network(document: &mut Document, fleet: &Fleet) {
    document.parameter(
        "Vpc",
        "AWS::EC2::VPC::Id",
        None,
        "Network of the fleet, with DNS hostnames and DNS resolution.",
    );
    let (balancer, nodes) = match (fleet.front, fleet.public()) {
        (Front::Dns, _) => ("", "whose nodes have public addresses"),
        (Front::Nlb, true) => ("of the balancer", "whose nodes have public addresses"),
        (Front::Nlb, false) => ("of the balancer", "with a way out (NAT)"),
    };
    for zone in fleet.zones() {
        let text =
            format!("Subnet {nodes}, in a zone that no other has; in the order of the zones.");
        document.parameter(&subnet(zone), "AWS::EC2::Subnet::Id", None, &text);
        if !balancer.is_empty() {
            let text = format!("Public subnet {balancer}, in the zone of Subnet{zone}.");
            document.parameter(&balancer::subnet(zone), "AWS::EC2::Subnet::Id", None, &text);
        }
    }
}

/// The parameter for the subnet of the nodes in this zone, from 1.
fn subnet(zone: u8) -> String {
    format!("Subnet{zone}")
}

/// All of them.
fn subnets(fleet: &Fleet) -> Vec<Value> {
    fleet.zones().map(|zone| reference(&subnet(zone))).collect()
}

/// Of a template that is passed on the command line ("CloudFormation quotas"); from S3 it may have 1 MB.
const BODY_MAX: usize = 51_200;
