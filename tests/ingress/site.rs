//! What every test finds: a network, a store, and nodes of which clients know one address.

use std::net::{IpAddr, SocketAddr};

use flotilla_tests::fleet::Plan;
use flotilla_tests::network::{Host, Inside, vip};
use flotilla_tests::{DEADLINE, Fleet, Network, Redis, Wire, wait};
use serde_json::Value;

/// A pool in a network. Its balancer is made by the test.
#[derive(Debug)]
pub struct Site {
    /// The nodes; they end first.
    pub fleet: Fleet,
    /// Their store.
    pub redis: Redis,
    /// Where they are.
    pub network: Network,
}

impl Site {
    /// So many nodes, once they know each other; nothing where networks can not be made.
    #[track_caller]
    pub fn open(nodes: usize, change: impl FnOnce(Plan, &Network) -> Plan) -> Option<Self> {
        let network = Network::open(nodes)?;
        let redis = Redis::builder().on(network.store()).start();
        let plan = Fleet::plan(redis.url()).on(&network);
        let fleet = change(plan, &network).start(nodes);
        Some(Self { fleet, redis, network })
    }

    /// Where clients are.
    pub fn clients(&self) -> &Host {
        self.network.clients()
    }

    /// The sessions of the pool, once there are so many.
    #[track_caller]
    pub fn who(&self, count: usize) -> Vec<Value> {
        wait::told(DEADLINE, &format!("{count} sessions"), || {
            Some(self.fleet[0].who()).filter(|sessions| sessions.len() == count)
        })
    }

    /// Makes this thread one of the clients'.
    #[track_caller]
    pub fn go_outside(&self) -> Inside {
        self.clients().enter()
    }

    /// Connects from an address outside to the balancer and logs in.
    #[track_caller]
    pub fn login_from(&self, source: impl Into<IpAddr>, user: &str) -> Wire {
        let source = source.into();
        let _outside = self.go_outside();
        let mut wire = Wire::connect_from(source, SocketAddr::new(vip(source), FTP));
        wire.expect(220);
        wire.login(user);
        wire
    }
}

/// Of the balancer and the nodes.
pub const FTP: u16 = 21;
