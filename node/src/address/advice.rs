//! What an operator should know of the addresses before a client finds out.

use tracing::warn;

use crate::config::{Config, Ingress, Mode, Proxy};
use crate::ingress;

/// Says at the start which clients would be told an address that they can not reach.
pub(crate) fn warn(config: &Config) {
    for advice in advice(config) {
        warn!(advice, "passive replies may name an address that clients can not reach");
    }
}

/// What is missing for 227 in the modes that FTP listeners have, a sentence for each.
pub(crate) fn advice(config: &Config) -> Vec<String> {
    let Config { ftp, ingress, .. } = config;
    let has = |mode| {
        let mut listeners = ftp.listen.iter().chain(&ftp.implicit_tls);
        listeners.any(|address| ingress::reach(config, *address).mode == mode)
    };
    let known = ftp.passive_address.is_some();
    let balanced = (has(Mode::Balanced) && !known).then(|| {
        "in mode \"balanced\" 227 names this node's own address, which behind a balancer may be \
         private: set ftp.passive.address to the address at which clients reach this node"
            .to_owned()
    });
    let shared = if has(Mode::Shared) && !known {
        shared(ingress, config.node.zone.as_deref())
    } else {
        None
    };
    balanced.into_iter().chain(shared).collect()
}

/// What is missing in mode `shared`.
fn shared(ingress: &Ingress, zone: Option<&str>) -> Option<String> {
    let fits = |of: Option<&str>| of.is_none() || of == zone;
    let mut addresses = ingress.addresses.iter();
    if addresses.any(|of| fits(of.zone.as_deref())) || ingress.proxy_protocol != Proxy::Off {
        return None;
    }
    Some(match zone {
        _ if ingress.addresses.is_empty() => {
            "in mode \"shared\" 227 names this node's own address: set ingress.addresses to the \
             addresses at which clients reach the balancer"
                .to_owned()
        }
        None => "ingress.addresses are all of zones, and node.zone is not set: 227 may name an \
                 address that does not lead to this node"
            .to_owned(),
        Some(zone) => format!(
            "ingress.addresses has none for node.zone, \"{zone}\", nor one for all zones: 227 may \
             name an address that does not lead to this node"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::advice;
    use crate::config::load_flags;

    #[test]
    fn only_what_is_missing_is_named() {
        let shared = ("ingress.mode", "shared");
        let balanced = ("ingress.mode", "balanced");
        let proxied = [("ingress.proxy_protocol", "v1"), ("ingress.balancers", "10.0.0.0/24")];
        for (flags, expected) in [
            (vec![], vec![]),
            (vec![("ingress.mode", "direct")], vec![]),
            (vec![balanced], vec!["ftp.passive.address"]),
            (vec![balanced, ("ftp.passive.address", "203.0.113.7")], vec![]),
            (vec![balanced, ("ftp.listen", "")], vec![]),
            (vec![shared], vec!["set ingress.addresses"]),
            (vec![shared, proxied[0], proxied[1]], vec![]),
            (vec![shared, ("ftp.passive.address", "203.0.113.7")], vec![]),
            (vec![shared, ("ingress.addresses", "203.0.113.7")], vec![]),
            (vec![shared, ("ingress.addresses", "a=203.0.113.7")], vec!["node.zone is not set"]),
            (
                vec![shared, ("ingress.addresses", "a=203.0.113.7"), ("node.zone", "b")],
                vec!["none for node.zone, \"b\""],
            ),
            (vec![shared, ("ingress.addresses", "b=203.0.113.7"), ("node.zone", "b")], vec![]),
            (
                vec![
                    shared,
                    ("ftp.listen", "127.0.0.1:21,127.0.0.1:22"),
                    ("ssh.listen", ""),
                    ("ingress.listeners", "127.0.0.1:22=balanced"),
                ],
                vec!["ftp.passive.address", "set ingress.addresses"],
            ),
        ] {
            let told = advice(&load_flags(&flags).unwrap().0);
            assert_eq!(told.len(), expected.len(), "{flags:?}: {told:?}");
            for (told, expected) in told.iter().zip(expected) {
                assert!(told.contains(expected), "{flags:?}: {told}");
            }
        }
    }
}
