//! What is open: the union of rules over protocol, ports and sources.

use std::net::IpAddr;

use ipnet::IpNet;

use super::reach::{Reach, Source, Span};
use super::state::State;

/// The ports of `wanted` that the rules leave closed to some of its source, in rising order, as few spans as
/// possible. Rules add up: half of the ports by one and half by another is all of them, and so are two halves of a
/// network. Only TCP is asked for.
///
/// What is not known counts as closed: who is behind a prefix list whose networks were not read, or in another
/// group. At worst there is then a rule too many.
pub fn closed(wanted: &Reach, rules: &[&Reach], state: &State) -> Vec<Span> {
    let rules = rules.iter().filter(|rule| rule.protocol.has_tcp());
    let rules = rules.filter_map(|rule| Some((rule.tcp().overlap(wanted.ports)?, &rule.source)));
    let rules = rules.collect::<Vec<_>>();
    // Between these nothing changes.
    let mut edges = vec![u32::from(wanted.ports.first()), u32::from(wanted.ports.last()) + 1];
    for (ports, _) in &rules {
        edges.extend([u32::from(ports.first()), u32::from(ports.last()) + 1]);
    }
    edges.sort_unstable();
    edges.dedup();
    let mut spans = Vec::<Span>::new();
    for (from, next) in edges.iter().zip(edges.iter().skip(1)) {
        let (Ok(first), Ok(last)) = (u16::try_from(*from), u16::try_from(next - 1)) else {
            continue;
        };
        let part = Span::new(first, last);
        let open = rules.iter().filter(|(ports, _)| ports.contains(part));
        if covers(&open.map(|(_, source)| *source).collect::<Vec<_>>(), &wanted.source, state) {
            continue;
        }
        match spans.last_mut().filter(|span| u32::from(span.last()) + 1 == *from) {
            Some(span) => *span = Span::new(span.first(), last),
            None => spans.push(part),
        }
    }
    spans
}

/// Whether what comes from `wanted` comes from one of `sources`.
fn covers(sources: &[&Source], wanted: &Source, state: &State) -> bool {
    if sources.contains(&wanted) {
        return true;
    }
    let networks = sources.iter().flat_map(|source| networks(source, state));
    let ranges = merged(networks.map(range).collect());
    let within = |wanted: &IpNet| {
        let (v6, first, last) = range(*wanted);
        ranges.iter().any(|(of, from, to)| (*of, *from <= first, last <= *to) == (v6, true, true))
    };
    match wanted {
        Source::Network(network) => within(network),
        Source::List(id) => match state.list(id) {
            Some(list) => {
                let all = list.networks.as_ref().is_some_and(|own| own.iter().all(within));
                all || within(&everybody(list.v6))
            }
            None => EVERYBODY.iter().all(within),
        },
        Source::Group(_) => EVERYBODY.iter().all(within),
    }
}

/// Whether nothing can come from both, as far as is known.
pub(super) fn apart(one: &Source, other: &Source) -> bool {
    match (one, other) {
        (Source::Network(one), Source::Network(other)) => {
            !one.contains(other) && !other.contains(one)
        }
        _ => false,
    }
}

/// The networks of a source, as far as they are known.
fn networks<'a>(source: &'a Source, state: &'a State) -> Vec<IpNet> {
    match source {
        Source::Network(network) => vec![*network],
        Source::List(id) => {
            state.list(id).and_then(|list| list.networks.clone()).unwrap_or_default()
        }
        Source::Group(_) => Vec::new(),
    }
}

/// Addresses as numbers: whether of IPv6, the first, the last.
type Range = (bool, u128, u128);

fn range(network: IpNet) -> Range {
    let number = |address| match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    };
    (network.addr().is_ipv6(), number(network.network()), number(network.broadcast()))
}

/// The same addresses, by as few ranges as possible.
fn merged(mut ranges: Vec<Range>) -> Vec<Range> {
    ranges.sort_unstable();
    let mut merged = Vec::<Range>::new();
    for (v6, first, last) in ranges {
        match merged.last_mut() {
            Some((of, _, end)) if *of == v6 && first <= end.saturating_add(1) => {
                *end = last.max(*end);
            }
            _ => merged.push((v6, first, last)),
        }
    }
    merged
}

impl Reach {
    /// The ports of TCP that it is about: those of a rule for all protocols are all.
    pub(super) fn tcp(&self) -> Span {
        if self.protocol == super::Protocol::All { Span::ALL } else { self.ports }
    }
}

/// Everybody of a family.
pub(super) fn everybody(v6: bool) -> IpNet {
    let [v4, other] = EVERYBODY;
    if v6 { other } else { v4 }
}

const EVERYBODY: [IpNet; 2] = [
    IpNet::V4(ipnet::Ipv4Net::new_assert(std::net::Ipv4Addr::UNSPECIFIED, 0)),
    IpNet::V6(ipnet::Ipv6Net::new_assert(std::net::Ipv6Addr::UNSPECIFIED, 0)),
];

#[cfg(test)]
mod tests;
