//! What comes while the other parts of the node are not there yet, and must not be lost for that.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use actix::{ActorFutureExt, Context, Handler, Message, ResponseActFuture, WrapFuture};
use flotilla_cluster::agent::Link;
use flotilla_cluster::ban::Ban;
use flotilla_cluster::order::Order;
use tracing::warn;

use super::{Pool, Surroundings};
use crate::registry::{self, Lifted};

/// What waits for [`Attach`].
#[derive(Debug, Default)]
pub(super) struct Early {
    orders: VecDeque<Order>,
    /// The bans that the acceptors began with.
    told: HashMap<IpAddr, Instant>,
}

/// The other parts of the node are there.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Attach(pub(crate) Surroundings);

/// Tells the bans in force, once all of the pool are known or it does not answer.
#[derive(Message)]
#[rtype(result = "Vec<Ban>")]
pub(crate) struct KnownBans;

impl Early {
    /// Keeps an order; gives it back if there are too many.
    pub(super) fn keep(&mut self, order: Order) -> Result<(), Order> {
        if self.orders.len() >= ORDERS_MAX {
            return Err(order);
        }
        self.orders.push_back(order);
        Ok(())
    }

    fn on_told(&mut self, bans: &[Ban]) {
        self.told = bans.iter().map(|ban| (ban.address, ban.until)).collect();
    }

    /// What the acceptors do not know, of the bans in force: those that came or changed, and those that ended.
    fn missed(&mut self, bans: &[Ban]) -> (Vec<Ban>, Vec<IpAddr>) {
        let mut told = std::mem::take(&mut self.told);
        let missed = bans.iter().filter(|ban| told.remove(&ban.address) != Some(ban.until));
        let missed = missed.copied().collect();
        (missed, told.into_keys().collect())
    }
}

impl Pool {
    /// Whether nothing more is to be heard of bans before the node serves.
    pub(super) fn is_contact_made(&self) -> bool {
        !matches!(self.agent.link(), Link::Fine { .. }) || self.agent.knows_bans()
    }
}

impl Handler<Attach> for Pool {
    type Result = ();

    fn handle(&mut self, message: Attach, context: &mut Context<Self>) {
        let bans = self.agent.bans().list(Instant::now());
        let (missed, lifted) = self.early.missed(&bans);
        let Attach(node) = message;
        for Ban { address, until, .. } in missed {
            node.registry.do_send(registry::Banned { address, until });
        }
        for address in lifted {
            node.registry.do_send(Lifted { address });
        }
        self.tell_front(&node.registry);
        self.node = Some(std::rc::Rc::new(node));
        self.spread_routes();
        for order in std::mem::take(&mut self.early.orders) {
            self.obey(order, context);
        }
        self.tick(context);
    }
}

impl Handler<KnownBans> for Pool {
    type Result = ResponseActFuture<Self, Vec<Ban>>;

    fn handle(&mut self, _: KnownBans, _: &mut Context<Self>) -> Self::Result {
        let mut contact = self.contact.subscribe();
        let heard = async move {
            // The actor lives as long as its sender.
            let heard = contact.wait_for(|heard| *heard);
            tokio::time::timeout(PATIENCE, heard).await.is_ok()
        };
        Box::pin(heard.into_actor(self).map(|heard, pool, _| {
            let bans = pool.agent.bans().list(Instant::now());
            if !heard {
                warn!(bans = bans.len(), "not all bans of the pool are known yet, the node serves");
            }
            pool.early.on_told(&bans);
            bans
        }))
    }
}

/// Orders that wait; who gives one more hears that it was not carried out.
const ORDERS_MAX: usize = 64;
/// As many bans as there can be are told within that time.
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use flotilla_cluster::order::{ORDER_VERSION, What};

    use super::*;

    fn ban(last: u8, until: Instant) -> Ban {
        Ban { address: [192, 0, 2, last].into(), until, manual: true }
    }

    #[test]
    fn what_the_acceptors_missed_is_told() {
        let start = Instant::now();
        let later = start + Duration::from_secs(60);
        let mut early = Early::default();
        early.on_told(&[ban(1, start), ban(2, start), ban(3, start)]);
        let (missed, lifted) = early.missed(&[ban(1, start), ban(2, later), ban(4, later)]);
        assert_eq!(missed, [ban(2, later), ban(4, later)]);
        assert_eq!(lifted, [ban(3, start).address]);
        let (missed, lifted) = early.missed(&[ban(1, start)]);
        assert_eq!((missed.len(), lifted.len()), (1, 0), "nothing is kept");
    }

    #[test]
    fn orders_wait_up_to_a_bound() {
        let order = |token| Order {
            version: ORDER_VERSION,
            what: What::Undrain,
            token,
            by: String::new(),
            generation: 0,
        };
        let mut early = Early::default();
        for token in 0..ORDERS_MAX as u64 {
            early.keep(order(token)).unwrap();
        }
        assert_eq!(early.keep(order(99)).unwrap_err().token, 99);
        assert_eq!(early.orders.front().unwrap().token, 0);
    }
}
