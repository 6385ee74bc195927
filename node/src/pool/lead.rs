//! Whether this node leads, for those who do the leader's duties outside the store.

use std::collections::BTreeSet;
use std::time::Instant;

use actix::{Context, Handler, Message};
use flotilla_cluster::id::Fence;

use super::Pool;

/// Asks. `None`: another node leads, or nobody.
#[derive(Debug, Message)]
#[rtype(result = "Option<Leading>")]
pub(crate) struct Lead;

/// What a leader knows of its pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leading {
    /// The term; another one is another leader's, or this one's after an interruption.
    pub(crate) term: Fence,
    /// The instances of all living nodes that told theirs.
    pub(crate) instances: BTreeSet<String>,
    /// Transfers under way on all of them.
    pub(crate) transfers: u64,
}

impl Handler<Lead> for Pool {
    type Result = Option<Leading>;

    fn handle(&mut self, _: Lead, _: &mut Context<Self>) -> Self::Result {
        let term = self.agent.term(Instant::now())?;
        let members = self.agent.view().alive().filter_map(|(_, seen)| seen.member.as_ref());
        let mut leading = Leading { term, instances: BTreeSet::new(), transfers: 0 };
        // The pool has heard of this node at its last beat, which may be to come.
        leading.instances.insert(self.parts.places.instance.clone());
        for member in members {
            leading.transfers += u64::from(member.load.transfers);
            leading.instances.insert(member.instance.clone());
        }
        leading.instances.retain(|instance| !instance.is_empty());
        Some(leading)
    }
}
