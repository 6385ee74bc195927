//! The passive ports of the pool: how they are used, and where they are leased in blocks, by whom.

use std::collections::BTreeMap;
use std::time::Instant;

use actix::Context;
use flotilla_cluster::blocks::PortTable;
use flotilla_cluster::id::NodeId;
use flotilla_cluster::order::What;
use flotilla_cluster::ports::Layout;
use serde_json::{Value, json};

use super::{Answering, Pool, names};
use crate::config::Config;
use crate::ingress::reaches;
use crate::metrics::RelayCounts;
use crate::ports::PortCounts;

impl Pool {
    pub(super) fn list_ports(&mut self, context: &mut Context<Self>) -> Answering {
        let config = &self.parts.policy.config;
        let range = config.ftp.passive_ports.to_string();
        let mode = modes(config);
        let table = self.agent.port_table(Instant::now());
        let blocks = table.as_ref().map(of_table);
        let told = self.gather(self.living(), What::Ports, context);
        Box::pin(async move {
            let answers = told.await?;
            let mut nodes: Vec<_> = answers.by_node.into_iter().collect();
            nodes.sort_by(|(one, _), (other, _)| one.cmp(other));
            let nodes: Vec<Value> = nodes.into_iter().map(|(_, told)| told).collect();
            Ok(json!({
                "mode": mode, "range": range, "blocks": blocks, "nodes": nodes,
                "missing": names(&answers.missing),
            }))
        })
    }

    /// The passive ports of this node, as others are told.
    pub(in crate::pool) fn tell_ports(&self, counts: &PortCounts) -> Value {
        let table = self.agent.port_table(Instant::now());
        let (offered, withdrawn) = table.as_ref().map(own).unwrap_or_default();
        json!({
            "id": self.agent.node().as_str(),
            "range": counts.range.to_string(),
            "listening": counts.listening,
            "pending": counts.pending,
            "lingering": counts.lingering,
            "granted": counts.granted_total,
            "refused": counts.refused_total,
            "exhausted": counts.exhausted_total,
            "blocks": offered,
            "withdrawn": withdrawn,
            "relays": of_relays(&self.parts.metrics.relay),
        })
    }
}

/// The modes of the FTP listeners, each once: `shared`, `direct, shared`.
fn modes(config: &Config) -> String {
    let mut modes: Vec<_> = reaches(config).map(|reach| reach.mode.as_str()).collect();
    modes.sort_unstable();
    modes.dedup();
    modes.join(", ")
}

fn of_relays(counts: &RelayCounts) -> Value {
    json!({
        "active": counts.active.count(),
        "sent": counts.sent.count(),
        "received": counts.received.count(),
        "bytes": counts.bytes.count(),
    })
}

/// Who owns what, as this node knows it.
fn of_table(table: &PortTable) -> Value {
    let layout = table.layout;
    let mut owners = BTreeMap::<&NodeId, Vec<u16>>::new();
    for (block, owner) in &table.owners {
        owners.entry(&owner.node).or_default().push(*block);
    }
    let owners = owners.into_iter().map(|(node, blocks)| {
        let owner = table.owners.values().find(|owner| owner.node == *node);
        json!({
            "node": node.as_str(),
            "alive": owner.is_some_and(|owner| owner.alive),
            "relay": owner.and_then(|owner| owner.relay),
            "blocks": blocks.len(),
            "ports": ranges(layout, blocks),
        })
    });
    json!({
        "size": layout.size(),
        "count": layout.blocks(),
        "free": usize::from(layout.blocks()).saturating_sub(table.owners.len()),
        "owners": owners.collect::<Vec<_>>(),
    })
}

/// What this node offers, and what it owns and offers no more.
fn own(table: &PortTable) -> (Vec<String>, Vec<String>) {
    let owned = table.owners.iter().filter(|(_, owner)| owner.fence == table.own);
    let withdrawn = owned.map(|(block, _)| *block).filter(|block| !table.offered.contains(block));
    let withdrawn = ranges(table.layout, withdrawn.collect::<Vec<_>>());
    (ranges(table.layout, table.offered.clone()), withdrawn)
}

/// The ports of blocks, neighbours together: `61000-61031`.
fn ranges(layout: Layout, mut blocks: Vec<u16>) -> Vec<String> {
    blocks.sort_unstable();
    let mut ranges = Vec::<(u16, u16)>::new();
    for ports in blocks.into_iter().map(|block| layout.ports(block)) {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*ports.start()) => *last = *ports.end(),
            _ => ranges.push((*ports.start(), *ports.end())),
        }
    }
    let text = |(first, last): (u16, u16)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    ranges.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use flotilla_cluster::blocks::Owner;
    use flotilla_cluster::id::Fence;

    use super::*;
    use crate::config::load_flags;

    fn table() -> PortTable {
        let owner = |name: &str, fence: u64, alive: bool| Owner {
            node: NodeId::new(name).unwrap(),
            fence: Fence(fence),
            relay: format!("10.0.0.{fence}:2120").parse().ok(),
            alive,
        };
        let owners = [
            (0, ("n1", 1, true)),
            (1, ("n1", 1, true)),
            (3, ("n1", 1, true)),
            (6, ("n2", 2, false)),
        ];
        PortTable {
            layout: "61000-61049/8".parse().unwrap(),
            own: Fence(1),
            offered: vec![1, 0],
            owners: owners
                .map(|(block, (name, fence, alive))| (block, owner(name, fence, alive)))
                .into(),
        }
    }

    #[test]
    fn blocks_are_told_as_ports_with_their_owners() {
        assert_eq!(
            of_table(&table()),
            json!({
                "size": 8, "count": 7, "free": 3,
                "owners": [
                    {"node": "n1", "alive": true, "relay": "10.0.0.1:2120", "blocks": 3,
                     "ports": ["61000-61015", "61024-61031"]},
                    {"node": "n2", "alive": false, "relay": "10.0.0.2:2120", "blocks": 1,
                     "ports": ["61048-61049"]},
                ],
            })
        );
        let expected = (vec!["61000-61015".to_owned()], vec!["61024-61031".to_owned()]);
        assert_eq!(own(&table()), expected);
        let single = Layout::new("61000-61002".parse().unwrap(), 1);
        assert_eq!(ranges(single, vec![2, 0]), ["61000", "61002"]);
        assert_eq!(ranges(single, vec![]), [""; 0]);
    }

    #[test]
    fn each_mode_is_told_once() {
        let modes = |flags: &[(&str, &str)]| super::modes(&load_flags(flags).unwrap().0);
        assert_eq!(modes(&[]), "direct");
        let two = [
            ("ingress.mode", "shared"),
            ("ftp.listen", "127.0.0.1:21,127.0.0.1:22,127.0.0.1:23"),
            ("ingress.listeners", "127.0.0.1:22=direct"),
        ];
        assert_eq!(modes(&two), "direct, shared");
        assert_eq!(modes(&[("ftp.listen", "")]), "");
    }
}
