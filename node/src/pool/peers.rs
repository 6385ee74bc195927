//! What the leader knows of the nodes that clients are to be sent to by DNS.

use std::collections::BTreeMap;
use std::time::Instant;

use actix::{Context, Handler, Message};
use flotilla_cluster::dns::{Led, Node};
use flotilla_cluster::member::Place;

use super::Pool;

/// Asks. `None`: another node leads, or nobody.
#[derive(Debug, Message)]
#[rtype(result = "Option<Peers>")]
pub(crate) struct AskPeers;

/// The pool, as the leader sees it.
#[derive(Clone, Debug)]
pub(crate) struct Peers {
    /// The term.
    pub(crate) led: Led,
    /// All that live.
    pub(crate) nodes: Vec<Node>,
    /// The machines of all nodes that are known, also of those that are dead.
    pub(crate) machines: BTreeMap<String, Machine>,
}

/// On what a node runs, as it said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Machine {
    /// The instance, or task; empty: it knows none.
    pub(crate) id: String,
    /// Region of AWS; empty: it knows none.
    pub(crate) region: String,
}

impl Handler<AskPeers> for Pool {
    type Result = Option<Peers>;

    fn handle(&mut self, _: AskPeers, _: &mut Context<Self>) -> Self::Result {
        let led = Led::of(self.agent.lease(), Instant::now())?;
        let view = self.agent.view();
        // A node tells its port when it has connected to it.
        let nodes = Node::all(view, |_| true);
        let machines = view.nodes().filter_map(|(id, seen)| {
            let member = seen.member.as_ref()?;
            let (instance, region) = (member.instance.clone(), member.place.region.clone());
            Some((id.as_str().to_owned(), Machine { id: instance, region }))
        });
        Some(Peers { led, nodes, machines: machines.collect() })
    }
}

/// Where clients are to be sent to by DNS from now on.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Placed(pub(crate) Place);

impl Handler<Placed> for Pool {
    type Result = ();

    fn handle(&mut self, message: Placed, _: &mut Context<Self>) {
        self.place = message.0;
    }
}
