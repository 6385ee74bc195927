//! The servers of the name: they have what the nodes publish of themselves, as the leader would write it.

use std::time::Duration;

use super::fleet::{Desks, number};
use super::names::{Record, Zone};
use crate::node::Member;
use crate::worker::Gate;

/// Brings the zone up to date again and again until the gate closes. While no node answers it stays as it is.
pub(super) fn follow(desks: &Desks, zone: &Zone, every: Duration, gate: &Gate) {
    while !gate.stopped() {
        if let Some(members) = desks.all().iter().find_map(|desk| desk.members().ok()) {
            zone.publish(records(&members));
        }
        gate.sleep(every);
    }
}

/// Nodes that are ready, with the weight that they ask for.
fn records(members: &[Member]) -> Vec<Record> {
    let ready = members.iter().filter(|member| member.state == "ready");
    let record = |member: &Member| {
        let weight = member.weight.unwrap_or(0);
        number(&member.id).filter(|_| weight > 0).map(|node| Record { node, weight })
    };
    ready.filter_map(record).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nodes_that_are_ready_have_a_record() {
        let member = |id: &str, state: &str, weight| Member {
            id: id.to_owned(),
            state: state.to_owned(),
            weight,
        };
        let members = [
            member("node-1", "ready", Some(40)),
            member("node-2", "draining", Some(0)),
            member("node-3", "ready", None),
            member("stranger", "ready", Some(9)),
        ];
        assert_eq!(records(&members), [Record { node: 1, weight: 40 }]);
    }
}
