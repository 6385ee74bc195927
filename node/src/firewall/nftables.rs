//! The plan as a file for nft(8).
//!
//! It has one table, which is Flotilla's alone, and one chain, which judges new connections to Flotilla's
//! ports and lets everything else pass: no rule of it can keep an operator out of a machine, unless where
//! Flotilla itself serves SSH. Loaded again, rules and known networks are replaced as a whole, in one
//! transaction; what an operator has put into sets that the configuration does not know stays.
//!
//! Only the first packet of a connection is judged, which needs no table of connections (conntrack): it would be
//! one more thing that can be full on a node with a hundred thousand of them. So connections that stand when the
//! rules are loaded go on, whoever made them.
//!
//! A chain can only forbid. What other tables drop (ufw, firewalld) must be let through there too.

use std::fmt::Write as _;
use std::net::IpAddr;

use ipnet::IpNet;

use super::{Groups, Opening, Plan, Source};

/// The text of the file.
pub(crate) fn render(plan: &Plan) -> String {
    let mut text = String::from(HEAD);
    for note in &plan.notes {
        let _ = writeln!(text, "# Left out: {note}.");
    }
    let sources = plan.openings.iter().flat_map(|opening| &opening.from);
    let used = GROUPS.iter().filter(|(source, ..)| sources.clone().any(|(of, _)| of == source));
    text.push_str(TABLE);
    for (source, name, option) in used {
        define(&mut text, name, *option, source.networks(&plan.groups));
    }
    text.push_str(CHAIN);
    for opening in &plan.openings {
        let _ = writeln!(text, "\n\t\t# {} at {}", opening.service, place(opening));
        for (source, why) in &opening.from {
            allow(&mut text, opening, *source, why);
        }
        if opening.from.iter().all(|(source, _)| *source != Source::Anyone) {
            let (place, service) = (matched(opening, None), opening.service);
            let _ = writeln!(text, "\t\t{place}counter drop comment \"{service}: nobody else\"");
        }
    }
    text.push_str("\t}\n}\n");
    text
}

/// Sets of both families. Networks that nobody has told are the operator's to put in, and stay.
fn define(text: &mut String, name: &str, option: Option<&str>, networks: Option<&[IpNet]>) {
    let _ = writeln!(text);
    if let (Some(option), None) = (option, networks) {
        let _ = writeln!(
            text,
            "# Nobody, until {option} tells, or: nft add element {TABLE_NAME} {name}_v4 '{{ 10.0.0.0/24 }}'"
        );
    }
    for (family, kind) in [("v4", "ipv4_addr"), ("v6", "ipv6_addr")] {
        let set = format!("{TABLE_NAME} {name}_{family}");
        let _ = writeln!(text, "add set {set} {{ type {kind}; flags interval; auto-merge; }}");
        let Some(networks) = networks else { continue };
        let _ = writeln!(text, "flush set {set}");
        let own = networks.iter().filter(|network| network.addr().is_ipv4() == (family == "v4"));
        let own = own.map(|network| network.trunc().to_string()).collect::<Vec<_>>();
        if !own.is_empty() {
            let _ = writeln!(text, "add element {set} {{ {} }}", own.join(", "));
        }
    }
}

/// The rules that let one source in.
fn allow(text: &mut String, opening: &Opening, source: Source, why: &str) {
    let group = GROUPS.iter().find(|(of, ..)| *of == source).map(|(_, name, _)| *name);
    let service = opening.service;
    let mut rule = |group: Option<(&str, bool)>| {
        let place = matched(opening, group);
        let _ = writeln!(text, "\t\t{place}accept comment \"{service}: {why}\"");
    };
    match (group, opening.address) {
        (None, _) => rule(None),
        (Some(name), IpAddr::V4(_)) => rule(Some((name, true))),
        (Some(name), IpAddr::V6(address)) => {
            if address.is_unspecified() {
                rule(Some((name, true)));
            }
            rule(Some((name, false)));
        }
    }
}

/// What a rule matches: where the connection goes, and from which set it comes, of IPv4 or not.
fn matched(opening: &Opening, group: Option<(&str, bool)>) -> String {
    let from = match group {
        Some((name, true)) => format!("ip saddr @{name}_v4 "),
        Some((name, false)) => format!("ip6 saddr @{name}_v6 "),
        None => String::new(),
    };
    let to = match opening.address {
        IpAddr::V4(address) if !address.is_unspecified() => format!("ip daddr {address} "),
        IpAddr::V6(address) if !address.is_unspecified() => format!("ip6 daddr {address} "),
        IpAddr::V4(_) if group.is_none() => "meta nfproto ipv4 ".to_owned(),
        _ => String::new(),
    };
    format!("{to}{from}tcp dport {} ", ports(opening))
}

fn place(opening: &Opening) -> String {
    let host = match opening.address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    format!("{host}:{}", ports(opening))
}

fn ports(opening: &Opening) -> String {
    match (opening.first, opening.last) {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    }
}

impl Source {
    /// The networks, where they are known.
    fn networks(self, groups: &Groups) -> Option<&[IpNet]> {
        match self {
            Self::Anyone => None,
            Self::Balancers => Some(&groups.balancers),
            Self::Internal => Some(&groups.internal),
            Self::Nodes => groups.nodes.as_deref(),
            Self::Monitors => groups.monitors.as_deref(),
        }
    }
}

/// The sources that have sets: their names, and the option that tells what the configuration does not.
const GROUPS: &[(Source, &str, Option<&str>)] = &[
    (Source::Balancers, "balancers", None),
    (Source::Internal, "internal", None),
    (Source::Nodes, "nodes", Some("--nodes")),
    (Source::Monitors, "monitors", Some("--monitors")),
];

const TABLE_NAME: &str = "inet flotilla";

const HEAD: &str = "#!/usr/sbin/nft -f
# Made by `flotilla gen nftables` from the configuration of a node; make it anew when that changes.
#
# Load it with `nft -f FILE`, any number of times: rules are replaced as a whole, and what you have put
# into sets that the configuration does not know stays. `nft delete table inet flotilla` takes all back.
# It forbids what Flotilla's own ports need not take, and nothing else: what it does not name passes. It can
# not permit what another table drops.
";

const TABLE: &str = "
add table inet flotilla
add chain inet flotilla input { type filter hook input priority filter; policy accept; }
flush chain inet flotilla input
";

const CHAIN: &str = "
table inet flotilla {
\tchain input {
\t\tiif \"lo\" accept comment \"this machine itself\"
\t\ttcp flags & (fin | syn | rst | ack) != syn accept comment \"connections that were let in\"
";

#[cfg(test)]
mod tests;
