//! The `Ports` actor: makes the shards, tells them what is known of the pool's ports, and tells the pool what
//! they need. Grants and connections do not pass through it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix::{
    Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, MessageResult, Recipient,
    WrapFuture,
};
use aws_lc_rs::rand;
use flotilla_cluster::blocks::PortUse;
use flotilla_cluster::ports::PortRange;
use futures_util::future::join_all;
use socket2::Socket;
use tokio::sync::oneshot;

use super::PortSettings;
use super::counts::{self, Counters, PortCounts};
use super::gate::PortRules;
use super::remote::{self, Neighbours};
use super::shard::ShardSeed;
use crate::metrics::ProxyHeaders;
use crate::relay::{Inlet, Outgoing, Routes};

/// The node's passive ports.
#[derive(Debug)]
pub struct Ports {
    range: PortRange,
    counters: Vec<Arc<Counters>>,
    shards: Neighbours,
    routes: Option<Arc<Routes>>,
    rules: Option<Arc<PortRules>>,
    /// Shards that must hear of the routes yet: their inbox was full.
    untold: Vec<usize>,
    /// And of the rules.
    unruled: Vec<usize>,
    pool: Option<Recipient<PortsUsed>>,
    /// A round of questions is under way.
    asking: bool,
}

/// What the shards are made of, beside their settings.
#[derive(Debug, Default)]
pub(crate) struct PortParts {
    /// Listening sockets for all ports, where they are the pool's.
    pub(crate) bound: Vec<(SocketAddr, Socket)>,
    /// One relay listener for each shard, or none at all.
    pub(crate) inlets: Vec<Inlet>,
    pub(crate) outgoing: Outgoing,
    pub(crate) headers: ProxyHeaders,
    /// None: there are no headers.
    pub(crate) rules: Option<Arc<PortRules>>,
}

impl Ports {
    /// Divides the range over `shards` arbiters (at least one); each seed is started on its own.
    pub fn new(settings: PortSettings, shards: usize) -> (Self, Vec<ShardSeed>) {
        Self::with(PortParts::default(), settings, shards)
    }

    /// As [`new`](Self::new), with more than ports of the node's own.
    pub(crate) fn with(
        parts: PortParts,
        settings: PortSettings,
        shards: usize,
    ) -> (Self, Vec<ShardSeed>) {
        let shards = shards.max(1);
        let (neighbours, inboxes) = Neighbours::new(shards);
        let rules = parts.rules.unwrap_or_else(|| Arc::new(PortRules::plain(settings.linger)));
        let counters: Vec<_> = (0..shards).map(|_| Arc::new(Counters::default())).collect();
        let mut bound: Vec<Vec<_>> = (0..shards).map(|_| Vec::new()).collect();
        for (address, socket) in parts.bound {
            let offset = usize::from(address.port().saturating_sub(settings.range.first()));
            if let Some(own) = bound.get_mut(offset % shards) {
                own.push((address, socket));
            }
        }
        let mut inlets = parts.inlets.into_iter();
        let mut seeds = Vec::new();
        for (index, (((inbox, brought), bound), counters)) in
            inboxes.into_iter().zip(bound).zip(&counters).enumerate()
        {
            seeds.push(ShardSeed {
                index,
                order: shuffled(settings.range.share(index, shards).collect()),
                settings,
                counters: Arc::clone(counters),
                neighbours: neighbours.clone(),
                inbox,
                brought,
                bound,
                inlet: inlets.next(),
                outgoing: parts.outgoing.clone(),
                headers: parts.headers.clone(),
                rules: Arc::clone(&rules),
                living: Arc::default(),
            });
        }
        let ports = Self {
            range: settings.range,
            counters,
            shards: neighbours,
            routes: None,
            rules: None,
            untold: Vec::new(),
            unruled: Vec::new(),
            pool: None,
            asking: false,
        };
        (ports, seeds)
    }

    /// The counts of all shards.
    pub fn counts(&self) -> PortCounts {
        counts::sum(self.range, self.counters.iter().map(AsRef::as_ref))
    }

    /// Tells routes and rules to shards that have not heard of them. Whether all have heard of the routes.
    fn spread(&mut self) -> bool {
        let shards = &self.shards;
        if let Some(routes) = &self.routes {
            let tell = |index| shards.tell(index, remote::Message::Routes(Arc::clone(routes)));
            self.untold.retain(|index| !tell(*index));
        }
        if let Some(rules) = &self.rules {
            let tell = |index| shards.tell(index, remote::Message::Rules(Arc::clone(rules)));
            self.unruled.retain(|index| !tell(*index));
        }
        self.untold.is_empty()
    }

    /// Asks the shards what they need, for the pool.
    fn look(&mut self, context: &mut Context<Self>) {
        if !self.spread() {
            // One may go on granting ports of blocks that were withdrawn: what it said of their use would be believed.
            return;
        }
        let (Some(routes), Some(_), false) = (&self.routes, &self.pool, self.asking) else {
            return;
        };
        let layout = routes.layout();
        let asked = (0..self.shards.count()).filter_map(|index| {
            let (answer, answered) = oneshot::channel();
            self.shards.tell(index, remote::Message::Usage(layout, answer)).then_some(answered)
        });
        let answers = tokio::time::timeout(ANSWER, join_all(asked.collect::<Vec<_>>()));
        self.asking = true;
        context.spawn(answers.into_actor(self).map(|answers, ports, _| {
            ports.asking = false;
            let answers: Vec<_> = answers.into_iter().flatten().flatten().collect();
            // One that does not answer may have anything in use.
            if answers.len() < ports.shards.count() {
                return;
            }
            let demand =
                answers.iter().map(|shard| shard.demand.max(1)).fold(0, u32::saturating_add);
            let busy = answers.into_iter().flat_map(|shard| shard.busy).collect();
            if let Some(pool) = &ports.pool {
                // If it has no room, the next look tells it.
                let _ = pool.try_send(PortsUsed(PortUse { needed: demand, busy }));
            }
        }));
    }
}

/// What the node needs of the pool's ports; told a few times a second.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct PortsUsed(pub(crate) PortUse);

/// Wants to hear of [`PortsUsed`].
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Report(pub(crate) Recipient<PortsUsed>);

/// Something else is known of the pool's ports.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct SetRoutes(pub(crate) Arc<Routes>);

/// The configuration was read again.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct SetRules(pub(crate) Arc<PortRules>);

/// Asks for the [`PortCounts`].
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "PortCounts")]
pub struct ReadCounts;

impl Actor for Ports {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.run_interval(LOOK, Self::look);
    }
}

impl Handler<Report> for Ports {
    type Result = ();

    fn handle(&mut self, message: Report, _: &mut Self::Context) {
        self.pool = Some(message.0);
    }
}

impl Handler<SetRoutes> for Ports {
    type Result = ();

    fn handle(&mut self, message: SetRoutes, _: &mut Self::Context) {
        self.routes = Some(message.0);
        self.untold = (0..self.shards.count()).collect();
        self.spread();
    }
}

impl Handler<SetRules> for Ports {
    type Result = ();

    fn handle(&mut self, message: SetRules, _: &mut Self::Context) {
        self.rules = Some(message.0);
        self.unruled = (0..self.shards.count()).collect();
        self.spread();
    }
}

impl Handler<ReadCounts> for Ports {
    type Result = MessageResult<ReadCounts>;

    fn handle(&mut self, _: ReadCounts, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.counts())
    }
}

/// Fisher and Yates. Without randomness the order stays as it is: it hides ports from guessing,
/// which the peer rules make unnecessary.
fn shuffled(mut ports: Vec<u16>) -> Vec<u16> {
    let mut random = vec![0; ports.len() * size_of::<u32>()];
    if rand::fill(&mut random).is_ok() {
        let (numbers, _) = random.as_chunks();
        for (last, number) in (1..ports.len()).rev().zip(numbers) {
            let other = u64::from(u32::from_ne_bytes(*number)) % (last as u64 + 1);
            ports.swap(last, usize::try_from(other).unwrap_or(last));
        }
    }
    ports
}

/// Between two looks at what the shards need: the next block is there before the last port of this one is
/// taken, and it costs nothing.
const LOOK: Duration = Duration::from_millis(250);
/// How long a shard may take to say it.
const ANSWER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use flotilla_cluster::blocks::PortTable;
    use flotilla_cluster::id::Fence;
    use flotilla_cluster::ports::Layout;

    use super::*;

    /// A shard whose inbox is full hears of everything later, and until then nobody believes what it says.
    #[test]
    fn what_finds_no_room_is_told_again() {
        actix_rt::System::new().block_on(async {
            let range: PortRange = "40000-40007".parse().unwrap();
            let settings = PortSettings::new(range, Duration::from_secs(1));
            let (mut ports, seeds) = Ports::new(settings, 2);
            let layout = Layout::new(range, 4);
            while ports.shards.tell(1, remote::Message::Usage(layout, oneshot::channel().0)) {}
            let table = PortTable { layout, own: Fence(1), offered: Vec::new(), owners: [].into() };
            ports.routes = Some(Arc::new(Routes { table, key: None, stalled: Duration::ZERO }));
            ports.rules = Some(Arc::new(PortRules::plain(Duration::from_secs(99))));
            (ports.untold, ports.unruled) = (vec![0, 1], vec![0, 1]);
            assert!(!ports.spread());
            assert_eq!((&*ports.untold, &*ports.unruled), (&[1][..], &[1][..]));
            let shards: Vec<_> = seeds.into_iter().map(ShardSeed::start).collect();
            while !ports.spread() || !ports.unruled.is_empty() {
                actix_rt::task::yield_now().await;
            }
            for shard in shards {
                while shard.gate.linger() != Duration::from_secs(99) {
                    actix_rt::task::yield_now().await;
                }
                assert!(shard.relays().routes().is_some());
            }
        });
    }
}
