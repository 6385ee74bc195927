//! What lies between clients and the node.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use serde_json::Value;

use super::{Finding, Patient};
use crate::cli::ping::reachable;
use crate::config::Config;

/// Idle timers against what is done about them.
pub(super) fn timers(patient: &Patient<'_>) -> Vec<Finding> {
    const CHECK: &str = "idle timers";
    let Ok(policy) = &patient.policy else { return Vec::new() };
    let keepalive = &policy["keepalive"];
    let cuts: Vec<Finding> = keepalive["cuts"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(|cut| {
            let fix = "raise the idle timer of the balancer and ingress.idle_timeout with it";
            Finding::warning(CHECK, cut, fix)
        })
        .collect();
    if !cuts.is_empty() {
        return cuts;
    }
    let saw = match keepalive["smallest_ms"].as_u64() {
        Some(smallest) => format!("the smallest is {} s, nothing is cut", smallest / 1000),
        None => "none is known on the way".to_owned(),
    };
    vec![Finding::fine(CHECK, saw)]
}

/// Whether what listens can be connected to, from here.
pub(super) fn doors(patient: &Patient<'_>) -> Vec<Finding> {
    let config = patient.config;
    let of = |name: &'static str, addresses: &[SocketAddr]| {
        addresses.iter().map(|address| (name, *address)).collect::<Vec<_>>()
    };
    let health: Vec<SocketAddr> = config.health.listen.into_iter().collect();
    let ready: Vec<SocketAddr> = config.health.tcp.into_iter().collect();
    let doors = [
        of("ftp port", &config.ftp.listen),
        of("ftps port", &config.ftp.implicit_tls),
        of("ssh port", &config.ssh.listen),
        of("health port", &health),
        of("readiness port", &ready),
    ];
    let known = doors.into_iter().flatten().filter(|(_, address)| address.port() != 0);
    known.map(|(name, address)| door(name, reachable(address))).collect()
}

fn door(check: &'static str, address: SocketAddr) -> Finding {
    match TcpStream::connect_timeout(&address, PATIENCE) {
        Ok(_) => Finding::fine(check, format!("{address} is open")),
        Err(error) => {
            let fix = match check {
                "readiness port" => "it is open only while the node is ready",
                _ => "start the node; look at the host's firewall (flotilla gen nftables)",
            };
            Finding::bad(check, format!("{address}: {error}"), fix)
        }
    }
}

/// Whether the public names lead somewhere, and whether it answers there.
pub(super) fn names(patient: &Patient<'_>) -> Vec<Finding> {
    let Config { aws, ftp, ssh, .. } = patient.config;
    let port =
        |listeners: &[SocketAddr]| listeners.iter().map(SocketAddr::port).find(|port| *port != 0);
    let ftp = aws.dns_name.as_ref().zip(port(&ftp.listen).or_else(|| port(&ftp.implicit_tls)));
    let ssh = aws.dns_sftp_name.as_ref().zip(port(&ssh.listen));
    [ftp, ssh].into_iter().flatten().flat_map(|(name, port)| resolve(name, port)).collect()
}

fn resolve(name: &str, port: u16) -> Vec<Finding> {
    const CHECK: &str = "name";
    let found = match (name, port).to_socket_addrs() {
        Ok(found) => found.take(ADDRESSES_MAX),
        Err(error) => {
            let fix = "see flotilla aws plan; a resolver may also remember that there was nothing";
            return vec![Finding::bad(CHECK, format!("{name} is not found: {error}"), fix)];
        }
    };
    let tried = found.map(|address| match TcpStream::connect_timeout(&address, PATIENCE) {
        Ok(_) => Finding::fine(CHECK, format!("{name} leads to {address}, which is open")),
        Err(error) => Finding::bad(
            CHECK,
            format!("{name} leads to {address}: {error}"),
            "open the security group, or remove the record of a node that is gone",
        ),
    });
    tried.collect()
}

/// As many answers as Route 53 gives at once (multivalue).
const ADDRESSES_MAX: usize = 8;
const PATIENCE: Duration = Duration::from_secs(3);
