//! What every test finds: a network, a store, and nodes of which clients know one address.

use std::net::{IpAddr, SocketAddr};

use flotilla_tests::fleet::Plan;
use flotilla_tests::network::{Host, Inside, VIP, vip};
use flotilla_tests::{DEADLINE, Fleet, Network, Redis, TlsClient, Wire, wait};
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

    /// Nodes in shared mode, once each of them has ports.
    #[track_caller]
    pub fn shared(nodes: usize, change: impl FnOnce(Plan) -> Plan) -> Option<Self> {
        let site = Self::open(nodes, |plan, _| change(shared(plan)))?;
        (0..nodes).for_each(|node| site.wait_for_ports(node));
        Some(site)
    }

    /// Waits until a node offers passive ports.
    #[track_caller]
    pub fn wait_for_ports(&self, node: usize) {
        let address = SocketAddr::from((self.network.nodes()[node].v4(), FTP));
        // From where no balancer is, of which a header might be expected.
        let mut wire = self.network.store().run(|| Wire::connect(address));
        wire.expect(220);
        wire.login("alice");
        wait::told(DEADLINE, "passive ports", || {
            wire.send("EPSV");
            (wire.expect_any(&[229, 425]).code == 229).then_some(())
        });
    }

    /// The sessions of the pool, once there are so many.
    #[track_caller]
    pub fn who(&self, count: usize) -> Vec<Value> {
        wait::told(DEADLINE, &format!("{count} sessions"), || {
            Some(self.fleet[0].who()).filter(|sessions| sessions.len() == count)
        })
    }

    /// The sum of a metric over all nodes that run.
    #[track_caller]
    pub fn sum(&mut self, metric: &str) -> u64 {
        (0..self.fleet.len())
            .map(
                |node| {
                    if self.fleet[node].is_running() { self.fleet[node].metric(metric) } else { 0 }
                },
            )
            .sum()
    }

    /// Where clients are.
    pub fn clients(&self) -> &Host {
        self.network.clients()
    }

    /// Makes this thread one of the clients'.
    #[track_caller]
    pub fn go_outside(&self) -> Inside {
        self.clients().enter()
    }

    /// Connects from an address outside to the balancer.
    #[track_caller]
    pub fn connect_from(&self, source: impl Into<IpAddr>) -> Wire {
        let source = source.into();
        let _outside = self.go_outside();
        let mut wire = Wire::connect_from(source, SocketAddr::new(vip(source), FTP));
        wire.expect(220);
        wire
    }

    /// As [`Site::connect_from`], and logs in.
    #[track_caller]
    pub fn login_from(&self, source: impl Into<IpAddr>, user: &str) -> Wire {
        let mut wire = self.connect_from(source);
        wire.login(user);
        wire
    }

    /// As [`Site::login_from`] under TLS, data included.
    #[track_caller]
    pub fn login_tls_from(&self, source: impl Into<IpAddr>, tls: &TlsClient) -> Wire {
        let mut wire = self.connect_from(source);
        wire.auth_tls(tls).login("alice").protect();
        wire
    }
}

/// The nodes are reached through one address, all of them at once.
pub fn shared(plan: Plan) -> Plan {
    plan.set("ingress.mode", "shared")
        .set("ingress.addresses", [&*VIP.to_string()])
        .set("ingress.balancer", "network")
}

/// Of the balancer and the nodes.
pub const FTP: u16 = 21;

/// All ports of FTP, in the words of nft.
pub const ALL_PORTS: &str = "21, 990, 61000-61047";

/// Those of data connections alone.
pub const DATA_PORTS: &str = "61000-61047";
