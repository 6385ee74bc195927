//! Network ACLs: what the subnet of a node keeps out, whatever its groups let in. They are only looked at.
//!
//! Rules are tried in the order of their numbers, and the first that fits decides; there is no state, so that answers
//! need a rule of their own ("Control subnet traffic with network access control lists" in the guide of VPC).

use ipnet::IpNet;

use super::reach::Span;

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclRule {
    /// The lowest is tried first.
    pub number: u32,
    /// Of what leaves the subnet.
    pub outbound: bool,
    /// Whether it lets through.
    pub allows: bool,
    /// Of TCP; a rule that knows no ports is about all of them.
    pub ports: Span,
    /// The other side.
    pub network: IpNet,
}

/// The ports of `wanted` that some of `clients` can not use, with the number of the rule that keeps them out; `None`:
/// the last one, which denies what none before has let through.
pub fn barred(
    rules: &[AclRule],
    outbound: bool,
    wanted: Span,
    clients: IpNet,
) -> Option<(Span, Option<u32>)> {
    let mut rules: Vec<&AclRule> = rules.iter().filter(|rule| rule.outbound == outbound).collect();
    rules.sort_by_key(|rule| rule.number);
    let mut left = vec![wanted];
    for rule in rules {
        let concerns = rule.network.contains(&clients) || clients.contains(&rule.network);
        if !rule.allows && concerns {
            let hit = left.iter().find_map(|ports| ports.overlap(rule.ports));
            if let Some(hit) = hit {
                return Some((hit, (rule.number < LAST).then_some(rule.number)));
            }
        }
        if rule.allows && rule.network.contains(&clients) {
            left = left.into_iter().flat_map(|ports| without(ports, rule.ports)).collect();
        }
    }
    left.first().map(|ports| (*ports, None))
}

/// What is left of ports without others.
fn without(ports: Span, taken: Span) -> Vec<Span> {
    let Some(taken) = ports.overlap(taken) else { return vec![ports] };
    let below = taken.first().checked_sub(1).filter(|last| *last >= ports.first());
    let above = taken.last().checked_add(1).filter(|first| *first <= ports.last());
    let below = below.map(|last| Span::new(ports.first(), last));
    below.into_iter().chain(above.map(|first| Span::new(first, ports.last()))).collect()
}

/// The number of the rule that every ACL ends with (`*` in the console).
const LAST: u32 = 32_767;

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(number: u32, allows: bool, ports: (u16, u16), network: &str) -> AclRule {
        let ports = Span::new(ports.0, ports.1);
        AclRule { number, outbound: false, allows, ports, network: network.parse().unwrap() }
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let everybody: IpNet = "0.0.0.0/0".parse().unwrap();
        let wanted = Span::new(61_000, 61_999);
        let barred = |rules: &[AclRule]| barred(rules, false, wanted, everybody);
        let all = || rule(100, true, (0, 65_535), "0.0.0.0/0");
        let last = || rule(LAST, false, (0, 65_535), "0.0.0.0/0");
        assert_eq!(barred(&[last(), all()]), None);
        assert_eq!(barred(&[last()]), Some((wanted, None)));
        // Some clients are kept out by number.
        let some = rule(90, false, (61_500, 61_500), "198.51.100.0/24");
        assert_eq!(barred(&[all(), some, last()]), Some((Span::new(61_500, 61_500), Some(90))));
        // One that comes too late does nothing.
        let late = rule(110, false, (61_500, 61_500), "198.51.100.0/24");
        assert_eq!(barred(&[all(), late, last()]), None);
        // Ephemeral ports of old guides end before the range.
        let short = rule(100, true, (1_024, 61_000), "0.0.0.0/0");
        assert_eq!(barred(&[short, last()]), Some((Span::new(61_001, 61_999), None)));
        let inside = rule(100, true, (0, 65_535), "10.0.0.0/8");
        assert_eq!(barred(&[inside, last()]), Some((wanted, None)));
        let halves = [
            rule(1, true, (61_000, 61_499), "0.0.0.0/0"),
            rule(2, true, (61_500, 61_999), "0.0.0.0/0"),
        ];
        assert_eq!(barred(&halves), None);
    }
}
