//! The nodes of the pool as balancers know them, for the one that leads.

use std::net::IpAddr;
use std::time::Instant;

use actix::{Context, Handler, Message};
use flotilla_cluster::balancer::{Node, Stage};
use flotilla_cluster::id::Fence;
use flotilla_cluster::member::{Member, Standing};

use super::Pool;

/// Asks. `None`: another node leads, or nobody.
#[derive(Debug, Message)]
#[rtype(result = "Option<Led>")]
pub(crate) struct LedNodes;

/// The nodes of a leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Led {
    /// The term; another one is another leader's, or this one's after an interruption.
    pub(crate) term: Fence,
    /// All living nodes.
    pub(crate) nodes: Vec<Node>,
}

impl Handler<LedNodes> for Pool {
    type Result = Option<Led>;

    fn handle(&mut self, _: LedNodes, _: &mut Context<Self>) -> Self::Result {
        let term = self.agent.term(Instant::now())?;
        let view = self.agent.view();
        let others = view.alive().filter(|(node, _)| *node != self.agent.node());
        let others = others.filter_map(|(_, seen)| seen.member.as_ref()).map(node);
        // The pool has heard of this node at its last beat, which may be to come.
        Some(Led { term, nodes: [node(&self.member())].into_iter().chain(others).collect() })
    }
}

/// A node as it tells of itself.
pub(crate) fn node(member: &Member) -> Node {
    let stage = match member.standing {
        Standing::Ready => Stage::Ready,
        Standing::Unready | Standing::Unknown => Stage::Unready,
        Standing::Draining if member.load.sessions == 0 => Stage::Drained,
        Standing::Draining => Stage::Draining,
    };
    Node { ids: ids(member), stage }
}

/// As what a node is known to balancers: by its instance and its addresses, and where it says that clients find it.
fn ids(member: &Member) -> Vec<String> {
    let address = |text: &String| {
        let (_, place) = text.split_once("://")?;
        let place: std::net::SocketAddr = place.parse().ok()?;
        let is_own = |ip: &IpAddr| !ip.is_unspecified() && !ip.is_loopback();
        Some(place.ip().to_canonical()).filter(is_own).map(|ip| ip.to_string())
    };
    let instance = Some(member.instance.clone()).filter(|instance| !instance.is_empty());
    let private = member.private.iter().map(ToString::to_string);
    let listens = member.addresses.iter().filter_map(address);
    let mut ids: Vec<String> = instance.into_iter().chain(private).chain(listens).collect();
    let mut seen = std::collections::BTreeSet::new();
    ids.retain(|id| seen.insert(id.clone()));
    ids
}

#[cfg(test)]
mod tests {
    use flotilla_cluster::member::Load;

    use super::*;

    #[test]
    fn a_node_is_known_by_its_instance_and_its_addresses() {
        let addresses = ["ftp://10.0.0.5:21", "ssh://10.0.0.5:22", "ftp://0.0.0.0:990", "ftp://x"];
        let addresses = addresses.map(str::to_owned).to_vec();
        let instance = "i-1".to_owned();
        let mut member = Member { instance, addresses, ..Member::default() };
        assert_eq!(ids(&member), ["i-1", "10.0.0.5"]);
        // Where it listens everywhere, too, groups have its own address for a target, the primary one.
        member.private = vec![[10, 0, 1, 7].into(), [10, 0, 0, 5].into()];
        assert_eq!(ids(&member), ["i-1", "10.0.1.7", "10.0.0.5"]);
        assert_eq!(ids(&Member::default()), [] as [&str; 0]);
    }

    #[test]
    fn who_drains_is_drained_when_nobody_is_left() {
        let of = |standing, sessions| {
            let load = Load { sessions, ..Load::default() };
            node(&Member { standing, load, ..Member::default() }).stage
        };
        assert_eq!(of(Standing::Ready, 0), Stage::Ready);
        assert_eq!(of(Standing::Draining, 2), Stage::Draining);
        assert_eq!(of(Standing::Draining, 0), Stage::Drained);
        assert_eq!(of(Standing::Unready, 0), Stage::Unready);
    }
}
