//! What stands in front of the pool, by its policy, and what lies in front of this node alone: on to those who serve.

use std::sync::Arc;

use actix::Addr;
#[cfg(feature = "aws")]
use actix::{Context, Handler, Message};
use flotilla_cluster::keepalive::Keepalive;

use super::Pool;
use crate::config::{BalancerSource, Config, ZoneAddress};
use crate::registry::{Fronted, Registry, Tune};

/// The leader read this of the balancers.
#[cfg(feature = "aws")]
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Front(pub(crate) flotilla_cluster::balancer::Front);

/// The network card of this node forgets silent connections, or is not known to.
#[cfg(feature = "aws")]
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Card(pub(crate) Option<flotilla_cluster::keepalive::Timer>);

impl Pool {
    /// How connections of this node are kept alive: as the policy says, and earlier where its own network card forgets
    /// them earlier.
    pub(super) fn keepalive(&self) -> Keepalive {
        let keepalive = self.agent.policy().keepalive.clone();
        match &self.card {
            Some(card) => keepalive.with_own(card.clone()),
            None => keepalive,
        }
    }

    /// Tells those who serve.
    pub(super) fn tell_front(&self, registry: &Addr<Registry>) {
        registry.do_send(Tune(Arc::new(self.keepalive())));
        let addresses = self.agent.policy().front.addresses.iter();
        let addresses =
            addresses.map(|(zone, address)| ZoneAddress { zone: zone.clone(), address: *address });
        registry.do_send(Fronted(addresses.collect()));
    }
}

/// Whether a node of this configuration asks AWS what stands in front, while it leads.
pub(crate) fn reads(config: &Config) -> bool {
    cfg!(feature = "aws") && config.aws.enabled && config.aws.balancer != BalancerSource::Off
}

#[cfg(feature = "aws")]
impl Handler<Front> for Pool {
    type Result = ();

    fn handle(&mut self, message: Front, context: &mut Context<Self>) {
        self.agent.on_front(message.0, std::time::Instant::now());
        self.drive(context);
    }
}

#[cfg(feature = "aws")]
impl Handler<Card> for Pool {
    type Result = ();

    fn handle(&mut self, message: Card, _: &mut Context<Self>) {
        if self.card != message.0 {
            self.card = message.0;
            if let Some(node) = &self.node {
                self.tell_front(&node.registry);
            }
        }
    }
}
