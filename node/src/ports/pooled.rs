//! The ports of an arbiter where they are the pool's: open all the time, granted as far as the pool says, and
//! reached through other nodes as well.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flotilla_cluster::ports::Layout;
use socket2::{SockRef, Socket};
use tracing::{debug, error};

use super::gate::PortRules;
use super::grant::{Grant, GrantRequest};
use super::listener::Listener;
use super::shard::PortShard;
use super::slot::Slot;
use crate::metrics::RelayRefusal;
use crate::relay::{Forwarder, Incoming, Routes};

/// Where a node listens for the data connections of its pool: one address of each family, whichever address a
/// balancer brings them to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hosts {
    pub(crate) v4: Option<IpAddr>,
    pub(crate) v6: Option<IpAddr>,
}

impl Hosts {
    /// Those that cover all of these listeners: the address itself where there is one of its family, else all
    /// addresses. A listener on `[::]` takes IPv4 as well.
    pub(crate) fn covering(listeners: impl Iterator<Item = SocketAddr>) -> Self {
        let mut hosts = Self::default();
        for listener in listeners {
            let ip = listener.ip().to_canonical();
            let any_v4 = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
            let any_v6 = IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED);
            if ip == any_v6 {
                hosts.v4 = Some(any_v4);
            }
            let (host, any) = match ip {
                IpAddr::V4(_) => (&mut hosts.v4, any_v4),
                IpAddr::V6(_) => (&mut hosts.v6, any_v6),
            };
            *host = Some(if host.is_none_or(|known| known == ip) { ip } else { any });
        }
        hosts
    }

    /// All of them.
    pub(crate) fn iter(self) -> impl Iterator<Item = IpAddr> {
        self.v4.into_iter().chain(self.v6)
    }

    fn of(self, local: IpAddr) -> Option<IpAddr> {
        if local.is_ipv4() { self.v4 } else { self.v6 }
    }
}

/// What a shard needs of its ports.
#[derive(Clone, Debug, Default)]
pub(super) struct ShardUse {
    /// Ports that one address needed at once, as of late.
    pub(super) demand: u32,
    /// Blocks with a grant that is pending or lingers.
    pub(super) busy: BTreeSet<u16>,
}

impl PortShard {
    /// What is known of the pool's ports on this arbiter.
    pub(crate) fn relays(&self) -> &Rc<Forwarder> {
        &self.gate.relays
    }

    /// Listens on all ports from the start: what comes to one may be for another node.
    pub(super) fn adopt(&self, bound: Vec<(SocketAddr, Socket)>) {
        for (address, socket) in bound {
            let Some(place) = self.place_of(address.port()) else { continue };
            let listener = match self.listen(socket, address) {
                Ok(listener) => Rc::new(listener),
                Err(error) => {
                    error!(%address, %error, "passive port can not be listened on");
                    continue;
                }
            };
            let driver = tokio::task::spawn_local(Rc::clone(&listener).drive());
            let mut state = self.state.borrow_mut();
            let slots = state.slots.entry(address.ip()).or_default();
            while slots.len() <= place {
                slots.push(Slot::Closed);
            }
            if let Some(slot) = slots.get_mut(place) {
                *slot = Slot::Open { listener, driver };
            }
        }
    }

    /// The request as at the host whose listeners are open.
    pub(super) fn at_host(&self, request: GrantRequest) -> GrantRequest {
        let host = self.settings.shared.and_then(|hosts| hosts.of(request.local));
        GrantRequest { local: host.unwrap_or(request.local), ..request }
    }

    /// Something else is known of the pool's ports.
    pub(super) fn set_routes(&self, routes: &Arc<Routes>) {
        let offered = self.order.iter().enumerate().filter(|(_, port)| routes.offers(**port));
        self.state.borrow_mut().allowed = offered.map(|(place, _)| place).collect();
        self.gate.relays.set_routes(Arc::clone(routes));
    }

    /// Whether a port that was granted, here or on another arbiter, may be announced once more: nobody came, and its
    /// block is still this node's.
    pub(crate) fn may_announce(&self, grant: &Grant) -> bool {
        grant.is_untouched() && self.offers(grant.port())
    }

    /// Whether the port may be given to clients now.
    fn offers(&self, port: u16) -> bool {
        !self.gate.is_shared || self.relays().routes().is_some_and(|routes| routes.offers(port))
    }

    /// The configuration was read again.
    pub(super) fn set_rules(&self, rules: Arc<PortRules>) {
        self.gate.set_rules(rules);
    }

    /// What is needed now.
    pub(super) fn usage(&self, layout: Layout, now: Instant) -> ShardUse {
        let state = self.state.borrow();
        let open = state.slots.values().flatten().filter_map(|slot| match slot {
            Slot::Open { listener, .. } => Some(listener),
            Slot::Closed | Slot::Blocked(_) => None,
        });
        let taken = open.filter(|listener| listener.is_taken(now));
        let busy = taken.filter_map(|listener| layout.block_of(listener.address().port()));
        ShardUse { demand: state.demand(), busy: busy.collect() }
    }

    /// A connection that another node brought: here, or on the arbiter that has the port.
    pub(crate) fn pass_on(self: &Rc<Self>, incoming: Incoming) {
        let range = self.settings.range;
        let shards = self.neighbours.count();
        let place = usize::from(incoming.port.saturating_sub(range.first()));
        match place % shards {
            index if index == self.index => self.bring(incoming),
            index => {
                if !self.neighbours.bring(index, incoming) {
                    self.relays().counts().refused(RelayRefusal::Busy);
                }
            }
        }
    }

    /// Hands it to the grant that waits for its client, or resets it.
    pub(super) fn bring(&self, incoming: Incoming) {
        let Incoming { connection, port, sender, counter } = incoming;
        let counts = self.relays().counts();
        if !self.replay.borrow_mut().accept(sender, counter) {
            counts.refused(RelayRefusal::Replay);
            return debug!(%sender, counter, "relay refused: its preamble was taken before");
        }
        let client = connection.peer;
        // From here on it is like any other: its end is an end.
        let ends = SockRef::from(&connection.stream).set_linger(None);
        let mut left = Some(connection).filter(|_| ends.is_ok());
        for listener in self.listeners(port) {
            let Some(connection) = left.take() else { break };
            left = listener.deliver(connection).err();
        }
        match left {
            None => counts.received.inc(),
            Some(connection) => {
                counts.refused(RelayRefusal::Unknown);
                debug!(%client, port, "relay refused: nobody waits for its client");
                let _ = SockRef::from(&connection.stream).set_linger(Some(Duration::ZERO));
            }
        }
    }

    /// The listeners of a port, at one address of each family.
    fn listeners(&self, port: u16) -> Vec<Rc<Listener>> {
        let state = self.state.borrow();
        let place = self.place_of(port);
        let slots = state.slots.values().filter_map(|slots| slots.get(place?));
        let open = slots.filter_map(|slot| match slot {
            Slot::Open { listener, .. } => Some(Rc::clone(listener)),
            Slot::Closed | Slot::Blocked(_) => None,
        });
        open.collect()
    }
}
