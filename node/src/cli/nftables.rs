//! `flotilla gen nftables`.

use std::net::IpAddr;

use clap::Args;
use ipnet::IpNet;

use super::ConfigArgs;
use crate::error::ServeError;
use crate::firewall::{Plan, nftables};

/// `flotilla gen nftables`.
#[derive(Debug, Args)]
pub struct NftablesArgs {
    /// Whose firewall it is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Networks or addresses of the pool's nodes, which may reach relay.listen.
    #[arg(long, value_name = "CIDR", value_delimiter = ',', value_parser = network)]
    pub nodes: Vec<IpNet>,
    /// Networks or addresses of who may reach health.listen and health.tcp besides the balancers.
    #[arg(long, value_name = "CIDR", value_delimiter = ',', value_parser = network)]
    pub monitors: Vec<IpNet>,
}

/// The rules for the node that these arguments configure.
pub(super) fn text(args: NftablesArgs) -> Result<String, ServeError> {
    let (config, _) = args.config.load()?;
    let mut plan = Plan::of(&config);
    plan.groups.nodes = Some(args.nodes).filter(|networks| !networks.is_empty());
    plan.groups.monitors = Some(args.monitors).filter(|networks| !networks.is_empty());
    Ok(nftables::render(&plan))
}

/// A network, or an address as one.
fn network(text: &str) -> Result<IpNet, String> {
    text.parse()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| "expected a network such as 10.0.0.0/24, or an address".to_owned())
}
