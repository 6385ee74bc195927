//! What the doctor wants to know of AWS.

use std::time::Duration;

use flotilla_cluster::aws::acls::Acls;
use flotilla_cluster::group::{AclRule, Span, barred};
use ipnet::{IpNet, Ipv4Net};

use super::{Section, Site, balancers, groups, names};
use crate::cli::remote::RemoteArgs;
use crate::config::Config;
use crate::doctor::{Pending, Surroundings};

/// Looks at all of it; what one look can not see hides nothing of the others.
///
/// # Errors
/// Nothing can be asked.
pub(in crate::cli) fn look(args: &RemoteArgs) -> Result<Surroundings, String> {
    let runtime = super::runtime().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let site = Site::open(args).await.map_err(|error| error.to_string())?;
        let config = &site.config;
        let groups = async {
            let (_, plan) = groups::look(&site).await.map_err(|error| error.to_string())?;
            Ok(pending(groups::section(&plan)))
        };
        let names = async {
            let names = names::look(&site).await?;
            Ok(names.map(|names| pending(names.section())))
        };
        let groups = match config.aws.security_groups {
            true => Some(within(groups).await),
            false => None,
        };
        let balancers = match crate::pool::front::reads(config) {
            true => Some(within(balancers::findings(&site)).await),
            false => None,
        };
        let names = within(names).await.transpose();
        let barred = within(barred_ports(&site)).await;
        Ok(Surroundings { groups, names, barred, balancers })
    })
}

async fn within<T>(look: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let looked = tokio::time::timeout(PATIENCE, look).await;
    looked.unwrap_or_else(|_| Err(format!("not read within {} s", PATIENCE.as_secs())))
}

fn pending(section: Section) -> Pending {
    let changes = section.steps.into_iter().map(|step| step.what).collect();
    Pending { changes, notes: section.notes }
}

/// What the network ACL of the node's subnet keeps from clients, one sentence each; `None`: its subnet is not known.
async fn barred_ports(site: &Site) -> Result<Option<Vec<String>>, String> {
    let interface = site.settled.instance.as_ref().and_then(|of| of.interfaces.first());
    let Some(subnet) = interface.map(|of| &of.subnet).filter(|subnet| !subnet.is_empty()) else {
        return Ok(None);
    };
    let rules = Acls::new(&site.session).of_subnet(subnet).await;
    let rules = rules.map_err(|trouble| trouble.to_string())?;
    Ok(Some(sentences(&rules, &site.config, subnet)))
}

fn sentences(rules: &[AclRule], config: &Config, subnet: &str) -> Vec<String> {
    let everybody = IpNet::V4(Ipv4Net::default());
    let mut found = Vec::new();
    for (service, ports) in doors(config) {
        if let Some((ports, rule)) = barred(rules, false, ports, everybody) {
            found.push(format!("{service}: {} by {} of {subnet}", text(ports), by(rule)));
        }
    }
    if let Some((ports, rule)) = barred(rules, true, EPHEMERAL, everybody) {
        let ports = text(ports);
        found.push(format!("answers to clients at ports {ports}: by {} of {subnet}", by(rule)));
    }
    found
}

/// What clients connect to.
fn doors(config: &Config) -> Vec<(&'static str, Span)> {
    let of = |service: &'static str, listeners: &[std::net::SocketAddr]| {
        let ports = listeners.iter().map(|listener| listener.port()).filter(|port| *port != 0);
        ports.map(move |port| (service, Span::new(port, port))).collect::<Vec<_>>()
    };
    let passive = config.ftp.passive_ports;
    let passive = ("passive ports", Span::new(passive.first(), passive.last()));
    let has_ftp = !config.ftp.listen.is_empty() || !config.ftp.implicit_tls.is_empty();
    let mut doors = of("ftp", &config.ftp.listen);
    doors.extend(of("ftps", &config.ftp.implicit_tls));
    doors.extend(of("ssh", &config.ssh.listen));
    doors.extend(has_ftp.then_some(passive));
    doors
}

fn by(rule: Option<u32>) -> String {
    rule.map_or_else(
        || "the last rule of the network ACL".to_owned(),
        |number| format!("rule {number} of the network ACL"),
    )
}

fn text(ports: Span) -> String {
    match ports.first() == ports.last() {
        true => ports.first().to_string(),
        false => format!("{}-{}", ports.first(), ports.last()),
    }
}

/// As long as two balancers with all listeners that there may be take to be read.
const PATIENCE: Duration = Duration::from_secs(60);
/// From which clients connect: all that any system gives to outgoing connections ("Ephemeral ports" in the guide of
/// VPC).
const EPHEMERAL: Span = Span::new(1_024, 65_535);
