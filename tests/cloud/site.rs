//! What every test finds: a network with a fake of AWS in it, and nodes that are its instances.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};

use flotilla_aws_fake::ec2::NewInstance;
use flotilla_aws_fake::{Fake, Settings};
use flotilla_tests::fleet::Plan;
use flotilla_tests::network::public;
use flotilla_tests::{Fleet, Network, Redis};

/// A pool on instances.
pub struct Site {
    /// The nodes; they end first.
    pub fleet: Fleet,
    /// What they find around them.
    pub fake: Fake,
    /// By node.
    pub instances: Vec<String>,
    /// Their store.
    pub _redis: Redis,
    /// Where they are.
    pub network: Network,
}

impl Site {
    /// So many nodes with public addresses, once they know each other; nothing where networks can not be made.
    #[track_caller]
    pub fn open(nodes: usize, change: impl FnOnce(Plan, &Fake) -> Plan) -> Option<Self> {
        Self::with(nodes, |node| Some(public(node)), change)
    }

    /// With these public addresses.
    #[track_caller]
    pub fn with(
        nodes: usize,
        public: impl Fn(usize) -> Option<Ipv4Addr>,
        change: impl FnOnce(Plan, &Fake) -> Plan,
    ) -> Option<Self> {
        let network = Network::open(nodes)?;
        network.publish();
        let redis = Redis::builder().on(network.store()).start();
        let router = network.router();
        // Checkers connect from where the fake was started.
        let fake = router.run(|| {
            let address = (router.v4(), 0);
            let listener = TcpListener::bind(address).unwrap();
            let socket = UdpSocket::bind(address).unwrap();
            Fake::start_on(Settings::default(), listener, socket).unwrap()
        });
        let mut instances = Vec::new();
        let mut services = Vec::new();
        for (number, host) in network.nodes().iter().enumerate() {
            let (private, public) = (Some(host.v4()), public(number));
            let wanted = NewInstance { private, public, ..NewInstance::default() };
            let instance = fake.world().add_instance(wanted);
            let listener = host.run(|| TcpListener::bind((host.v4(), 0)).unwrap());
            services.push(fake.serve_metadata(&instance, listener).unwrap());
            instances.push(instance);
        }
        let plan = Fleet::plan(redis.url())
            .on(&network)
            .set("aws.enabled", true)
            .set("aws.endpoint", fake.url())
            .set_apart("aws.metadata", services);
        let fleet = change(plan, &fake).start(nodes);
        Some(Self { fleet, fake, instances, _redis: redis, network })
    }
}
