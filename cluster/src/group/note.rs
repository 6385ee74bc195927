//! What is odd about the rules that there are.

use super::open::{closed, everybody};
use super::reach::{Protocol, Reach, Source, Span};
use super::state::{Interface, Rule, State};

/// Of a rule that has to wait.
pub(super) fn deferred(rule: &str, title: &str) -> String {
    format!(
        "{rule} in {title} stays as it is while transfers run: without it they could end at once"
    )
}

/// Looks at the inbound rules of all groups of the nodes' interfaces, whoever made them.
pub(super) fn inbound(state: &State, notes: &mut Vec<String>) {
    let attached = |rule: &&Rule| state.own().any(|own| own.groups.contains(&rule.group));
    for rule in state.rules.iter().filter(|rule| !rule.outbound).filter(attached) {
        let reach = &rule.reach;
        let (place, id) = (state.title(&rule.group), &rule.id);
        if reach.protocol == Protocol::Tcp && is_active_port(reach.ports) {
            notes.push(format!(
                "{id} in {place} opens port 20, for nothing: active data connections come from it, \
                 and none ever goes there"
            ));
        }
        if reach.source.is_everybody() && reach.protocol.has_tcp() && reach.tcp() == Span::ALL {
            notes.push(format!("{id} in {place} opens {reach}: that is every port of the node"));
        }
    }
}

/// Port 20 alone or with 21: a wider rule is not for it.
fn is_active_port(ports: Span) -> bool {
    ports.contains(Span::new(20, 20)) && Span::new(20, 21).contains(ports)
}

/// Looks at what an interface may send: answers need no rule, but active data connections, the pool's store and AWS
/// itself do.
pub(super) fn outbound(state: &State, interface: &Interface, notes: &mut Vec<String>) {
    let rules = state.outbound(&interface.groups).map(|rule| &rule.reach).collect::<Vec<_>>();
    let ask =
        |ports| Reach { protocol: Protocol::Tcp, ports, source: Source::Network(everybody(false)) };
    if !closed(&ask(HTTPS), &rules, state).is_empty() {
        notes.push(format!(
            "{} may not reach tcp 443 everywhere: AWS answers only by endpoints in the VPC",
            interface.id
        ));
    }
    if !closed(&ask(UNPRIVILEGED), &rules, state).is_empty() {
        notes.push(format!(
            "{} may not reach all of tcp {UNPRIVILEGED}: active data connections (PORT, EPRT) fail",
            interface.id
        ));
    }
}

const HTTPS: Span = Span::new(443, 443);
/// What clients listen at for active data connections.
const UNPRIVILEGED: Span = Span::new(1024, u16::MAX);
