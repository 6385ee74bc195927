//! The rules of `flotilla gen nftables` on a node of a network: they let through what must be, and nobody
//! else, and leave alone what is not Flotilla's.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use flotilla_tests::network::Host;
use flotilla_tests::server::Builder;
use flotilla_tests::{Network, Program, Server, data::dial};

/// What the node of the test listens at, beside what is not Flotilla's.
const FTP: u16 = 21;
const SSH: u16 = 22;
const RELAY: u16 = 2120;
const READINESS: u16 = 8082;
const PASSIVE: u16 = 61_007;
const FOREIGN: u16 = 8022;

/// Node 0 with the rules of a configuration, and listeners without Flotilla behind them.
struct Guarded {
    network: Network,
    listeners: Vec<TcpListener>,
}

impl Guarded {
    fn open(change: impl FnOnce(Builder) -> Builder, arguments: &[&str]) -> Option<Self> {
        let network = Network::open(3)?;
        let listeners = network.nodes()[0].run(|| {
            let bind = |port| TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).unwrap();
            [FTP, SSH, RELAY, READINESS, PASSIVE, FOREIGN].map(bind).into()
        });
        let guarded = Self { network, listeners };
        guarded.load(change, arguments);
        Some(guarded)
    }

    fn load(&self, change: impl FnOnce(Builder) -> Builder, arguments: &[&str]) {
        let builder = Server::builder()
            .set("ftp.listen", vec![format!("[::]:{FTP}")])
            .set("ftp.implicit_tls", Vec::<String>::new())
            .set("ssh.listen", vec![format!("[::]:{SSH}")])
            .set("relay.listen", format!("[::]:{RELAY}"))
            .set("health.tcp", format!("[::]:{READINESS}"))
            .set("ftp.passive.ports", "61000-61047")
            .set("ingress.balancers", vec!["10.0.0.1/32".to_owned(), "fd00:10::1/128".to_owned()]);
        let rules = change(builder).verb(&["gen", "nftables"]).args(arguments).succeed().stdout;
        Program::new("nft").args(["-f", "-"]).stdin(rules).on(self.node()).succeed();
    }

    fn node(&self) -> &Host {
        &self.network.nodes()[0]
    }

    /// Whether a connection from there to the node comes about, to both of its addresses alike.
    #[track_caller]
    fn reaches(&self, from: &Host, port: u16) -> bool {
        let to = [IpAddr::from(self.node().v4()), self.node().v6().into()];
        let [v4, v6] = to.map(|address| self.connects(from, SocketAddr::new(address, port)));
        assert_eq!(v4, v6, "port {port} by IPv4 and by IPv6");
        v4
    }

    /// Connected, or dropped by a rule that counted it.
    #[track_caller]
    fn connects(&self, from: &Host, to: SocketAddr) -> bool {
        let before = self.dropped();
        // A packet that is let through takes a millisecond; one that is dropped would be sent again in a second.
        let patience = Duration::from_millis(500);
        let connected = from.run(|| TcpStream::connect_timeout(&to, patience)).is_ok();
        assert_eq!(self.dropped() > before, !connected, "{to}");
        connected
    }

    /// How many packets the rules have dropped.
    fn dropped(&self) -> u64 {
        let told = Program::new("nft").args(["list", "ruleset"]).on(self.node()).succeed().stdout;
        let counts = told.split("counter packets ").skip(1);
        counts.filter_map(|rest| rest.split(' ').next()?.parse::<u64>().ok()).sum()
    }

    #[track_caller]
    fn assert_reached(&self, from: &Host, ports: &[u16]) {
        for port in [FTP, SSH, RELAY, READINESS, PASSIVE, FOREIGN] {
            assert_eq!(self.reaches(from, port), ports.contains(&port), "port {port}");
        }
    }
}

fn shared(builder: Builder) -> Builder {
    builder
        .set("ingress.mode", "shared")
        .set("ingress.proxy_protocol", "v2")
        .set("ingress.data_proxy_protocol", "v2")
        .set("pool.store", "redis://10.0.0.2:6379")
        .configure(|config, folder, _| {
            let secret = folder.write("pool.secret", "the secret of the pool of this test");
            config.set("pool.secret_file", secret.as_path());
        })
}

/// Behind a balancer that says who the clients are, each port has those who need it.
#[test]
fn each_source_reaches_what_it_needs() {
    let arguments = ["--nodes", "10.0.0.12,fd00:10::12", "--monitors", "10.0.0.2,fd00:10::2"];
    // The addresses in IPv6 end as those in IPv4 do, in hexadecimal.
    let arguments = arguments.map(|text| text.replace("fd00:10::12", "fd00:10::c"));
    let arguments = arguments.each_ref().map(String::as_str);
    let Some(guarded) = Guarded::open(shared, &arguments) else { return };
    let network = &guarded.network;
    guarded.assert_reached(network.router(), &[FTP, SSH, PASSIVE, READINESS, FOREIGN]);
    guarded.assert_reached(&network.nodes()[1], &[RELAY, FOREIGN]);
    guarded.assert_reached(network.store(), &[READINESS, FOREIGN]);
    guarded.assert_reached(&network.nodes()[2], &[FOREIGN]);
    // The machine itself.
    guarded.assert_reached(guarded.node(), &[FTP, SSH, RELAY, READINESS, PASSIVE, FOREIGN]);
}

/// Where a balancer keeps the clients' addresses nobody can be told from them; relay and readiness stay closed
/// to all whom nobody named.
#[test]
fn kept_addresses_are_anybodys() {
    let kept = |builder| {
        shared(builder)
            .set("ingress.proxy_protocol", "off")
            .set("ingress.data_proxy_protocol", "off")
    };
    let Some(guarded) = Guarded::open(kept, &[]) else { return };
    guarded.assert_reached(&guarded.network.nodes()[2], &[FTP, SSH, PASSIVE, FOREIGN]);
    guarded.assert_reached(guarded.network.router(), &[FTP, SSH, PASSIVE, READINESS, FOREIGN]);
    // Who is put into a set by hand.
    let element = ["add", "element", "inet", "flotilla", "nodes_v4", "{ 10.0.0.13 }"];
    Program::new("nft").args(element).on(guarded.node()).succeed();
    let relay = SocketAddr::new(guarded.node().v4().into(), RELAY);
    assert!(guarded.connects(&guarded.network.nodes()[2], relay));
    assert!(!guarded.connects(&guarded.network.nodes()[1], relay));
    guarded.load(kept, &[]);
    assert!(
        guarded.connects(&guarded.network.nodes()[2], relay),
        "it stays when rules are loaded again"
    );
}

/// Connections that stand when rules are loaded go on, also where new ones are not let in.
#[test]
fn connections_survive_new_rules() {
    let Some(guarded) = Guarded::open(|builder| builder, &[]) else { return };
    let from = &guarded.network.nodes()[2];
    let to = SocketAddr::new(guarded.node().v4().into(), PASSIVE);
    let mut client = from.run(|| dial(None, to)).unwrap();
    let passive = guarded.listeners.iter().find(|of| of.local_addr().unwrap().port() == PASSIVE);
    let (mut server, _) = passive.unwrap().accept().unwrap();
    guarded.load(shared, &[]);
    assert!(!guarded.connects(from, to));
    for _ in 0..2 {
        client.write_all(b"there").unwrap();
        let mut said = [0; 5];
        server.read_exact(&mut said).unwrap();
        server.write_all(b"again").unwrap();
        client.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"again");
    }
}
