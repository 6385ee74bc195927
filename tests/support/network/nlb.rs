//! A balancer of the network, as AWS's NLB is one: it passes packets on, keeps the clients'
//! addresses, and forgets connections that are silent.

use std::fmt::Write;
use std::time::Duration;

use super::{Host, Network, VIP, VIP6, nft};

/// A balancer on the router, by the kernel's own translation of addresses. Every connection goes to
/// a node at random, whatever other connections its client has.
#[derive(Debug)]
pub struct Nlb {
    router: Host,
    nodes: Vec<Host>,
    routes: Vec<(String, Vec<usize>)>,
}

/// What it answers to packets of connections that it has forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgets {
    /// With a reset, as an NLB.
    WithReset,
    /// Not at all, as NAT and the connection tracking of newer instances.
    Silently,
}

impl Nlb {
    /// Spreads connections to these ports (nft's way: `21, 990, 61000-61047`) over all nodes.
    #[track_caller]
    pub fn start(network: &Network, ports: &str) -> Self {
        let all = (0..network.nodes().len()).collect();
        Self::start_with(network, [(ports, all)])
    }

    /// Spreads connections to ports over the nodes with these numbers.
    #[track_caller]
    pub fn start_with<'a>(
        network: &Network,
        routes: impl IntoIterator<Item = (&'a str, Vec<usize>)>,
    ) -> Self {
        let (router, nodes) = (network.router().clone(), network.nodes().to_vec());
        let mut nlb = Self { router, nodes, routes: Vec::new() };
        nlb.route(routes);
        nlb
    }

    /// Spreads new connections like this from now on; those that exist stay where they are.
    #[track_caller]
    pub fn route<'a>(&mut self, routes: impl IntoIterator<Item = (&'a str, Vec<usize>)>) {
        self.routes = routes.into_iter().map(|(ports, nodes)| (ports.to_owned(), nodes)).collect();
        self.load();
    }

    /// Takes a node away from all new connections, as one whose health check fails.
    #[track_caller]
    pub fn without(&mut self, node: usize) {
        for (_, nodes) in &mut self.routes {
            nodes.retain(|number| *number != node);
        }
        self.load();
    }

    /// Forgets connections that have no packet, either way, for so long: whole seconds.
    #[track_caller]
    pub fn forget(&self, after: Duration, how: Forgets) {
        self.router.sysctl("netfilter.nf_conntrack_tcp_timeout_established", after.as_secs());
        self.router.sysctl("netfilter.nf_conntrack_tcp_loose", 0);
        let verdict = match how {
            Forgets::WithReset => "reject with tcp reset",
            Forgets::Silently => "drop",
        };
        let rule = format!("meta l4proto tcp ct state invalid counter {verdict}");
        nft(
            &self.router,
            &format!(
                "table inet memory {{
                    chain forwarded {{ type filter hook forward priority -10; {rule}; }}
                    chain received {{ type filter hook input priority -10; {rule}; }}
                }}"
            ),
        );
    }

    #[track_caller]
    fn load(&self) {
        let mut rules = String::new();
        for (family, address) in [("ip", VIP.to_string()), ("ip6", VIP6.to_string())] {
            // Both lines, so that there is one to be deleted the first time as well.
            let _ = writeln!(rules, "table {family} balancer");
            let _ = writeln!(rules, "delete table {family} balancer");
            let _ = writeln!(rules, "table {family} balancer {{\nchain spread {{");
            let _ = writeln!(rules, "type nat hook prerouting priority dstnat;");
            for (ports, nodes) in self.routes.iter().filter(|(_, nodes)| !nodes.is_empty()) {
                let targets = nodes.iter().enumerate().map(|(index, node)| {
                    let node = &self.nodes[*node];
                    let target =
                        if family == "ip" { node.v4().to_string() } else { node.v6().to_string() };
                    format!("{index} : {target}")
                });
                let (count, targets) = (nodes.len(), targets.collect::<Vec<_>>().join(", "));
                let _ = writeln!(
                    rules,
                    "{family} daddr {address} tcp dport {{ {ports} }} \
                     dnat to numgen random mod {count} map {{ {targets} }}"
                );
            }
            let _ = writeln!(rules, "}}\n}}");
        }
        nft(&self.router, &rules);
    }
}
