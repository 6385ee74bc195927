//! Two nodes of a pool, at two addresses of this machine, with the same range of ports.

use std::collections::BTreeMap;
use std::sync::Arc;

use flotilla_cluster::blocks::{Owner, PortTable};
use flotilla_cluster::id::{Fence, NodeId};
use flotilla_cluster::ports::Layout;
use flotilla_cluster::relay::{Preamble, RelayKey};
use socket2::SockRef;
use tokio::io::AsyncReadExt;

use super::*;
use crate::metrics::RelayCounts;
use crate::relay::{Inlet, Outgoing, Routes, preambles_max};

/// A node with its relay. The listeners stay with the shards.
struct Node {
    shards: Vec<Rc<PortShard>>,
    counts: RelayCounts,
    relay: SocketAddr,
    fence: Fence,
    _ports: Ports,
}

fn node(at: IpAddr, range: PortRange, fence: u64) -> Node {
    node_with(at, range, fence, 8, 2)
}

/// One that carries so many relays at once, and has so many arbiters.
fn node_with(at: IpAddr, range: PortRange, fence: u64, relays: u32, arbiters: usize) -> Node {
    let hosts = Hosts::covering([SocketAddr::new(at, 21)].into_iter());
    let settings = PortSettings { shared: Some(hosts), ..PortSettings::new(range, LONG) };
    let listener = TcpListener::bind((at, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    // Room for a burst.
    SockRef::from(&listener).listen(1024).unwrap();
    let relay = listener.local_addr().unwrap();
    let counts = RelayCounts::default();
    let bound = (range.first()..=range.last()).map(|port| {
        let address = SocketAddr::new(at, port);
        (address, socket(address).unwrap())
    });
    let parts = PortParts {
        bound: bound.collect(),
        inlets: vec![Inlet(listener)],
        outgoing: Outgoing::new(counts.clone(), relays, 1),
        ..PortParts::default()
    };
    let (ports, seeds) = Ports::with(parts, settings, arbiters);
    let shards = seeds.into_iter().map(ShardSeed::start).collect();
    Node { shards, counts, relay, fence: Fence(fence), _ports: ports }
}

/// All blocks belong to the first of these nodes.
fn introduce(nodes: [&Node; 2], range: PortRange, keys: [u8; 2]) {
    let layout = Layout::new(range, 1);
    let first = nodes[0];
    let owner = Owner {
        node: NodeId::new("first").unwrap(),
        fence: first.fence,
        relay: Some(first.relay),
        alive: true,
    };
    let all = 0..layout.blocks();
    let owners: BTreeMap<_, _> = all.clone().map(|block| (block, owner.clone())).collect();
    for (node, key) in nodes.into_iter().zip(keys) {
        let offered = if node.fence == first.fence { all.clone().collect() } else { Vec::new() };
        let table = PortTable { layout, own: node.fence, offered, owners: owners.clone() };
        let key = Some(RelayKey::new(&[key; 32]));
        let routes = Arc::new(Routes { table, key, stalled: LONG });
        for shard in &node.shards {
            shard.set_routes(&routes);
        }
    }
}

fn pair(keys: [u8; 2]) -> (Node, Node) {
    let range = free_range_at_all(4);
    let (first, second) = (node(client(1), range, 7), node(client(9), range, 8));
    introduce([&first, &second], range, keys);
    (first, second)
}

/// Free at both addresses.
fn free_range_at_all(count: u16) -> PortRange {
    loop {
        let range = free_range(count);
        let mut ports = range.first()..=range.last();
        if ports.all(|port| TcpListener::bind((client(9), port)).is_ok()) {
            return range;
        }
    }
}

fn connect_at(at: IpAddr, from: IpAddr, port: u16) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(from, 0).into()).unwrap();
    socket.connect(&SocketAddr::new(at, port).into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

/// As [`closes`], and not as if it were the end of a file.
async fn resets(stream: TcpStream) {
    assert_eq!(closed(stream).await, Some(std::io::ErrorKind::ConnectionReset));
}

/// Lets everything on this arbiter go on until the peer has closed.
async fn closes(stream: TcpStream) {
    closed(stream).await;
}

/// How it was closed, if it did not end.
async fn closed(stream: TcpStream) -> Option<std::io::ErrorKind> {
    stream.set_nonblocking(true).unwrap();
    let mut stream = tokio::net::TcpStream::from_std(stream).unwrap();
    let mut bytes = [0; 16];
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut bytes)).await;
    match read.expect("it stays open") {
        Ok(0) => None,
        Err(error) => Some(error.kind()),
        Ok(_) => panic!("bytes for a stranger"),
    }
}

#[test]
fn a_connection_at_another_node_reaches_its_session() {
    System::new().block_on(async {
        let (first, second) = pair([1, 1]);
        for shard in &first.shards {
            // Both arbiters of the owner: one relay listener serves them.
            let mut grant = shard.grant(request(client(3))).await.unwrap();
            let mut stranger = connect_at(client(9), client(4), grant.port());
            let mut right = connect_at(client(9), client(3), grant.port());
            let accepted = grant.accept().await;
            assert_eq!(accepted.peer, right.local_addr().unwrap());
            assert_eq!(accepted.via.unwrap().sender, second.fence);
            crate::relay::welcome::say(&accepted.stream, crate::telemetry::Context::root());
            (&accepted.stream).write_all(b"for it").unwrap();
            drop(accepted);
            let read = tokio::task::spawn_blocking(move || {
                let mut bytes = Vec::new();
                right.read_to_end(&mut bytes).unwrap();
                bytes
            });
            assert_eq!(read.await.unwrap(), b"for it");
            // It may be closed already.
            let _ = stranger.write_all(b"?");
            closes(stranger).await;
        }
        assert_eq!((second.counts.sent.count(), first.counts.received.count()), (4, 2));
    });
}

/// What a client gets is the session's, and the session says first for which trace it is.
#[test]
fn an_owner_that_speaks_something_else_is_not_passed_on() {
    System::new().block_on(async {
        let (first, second) = pair([1, 1]);
        let mut grant = first.shards.first().unwrap().grant(request(client(3))).await.unwrap();
        let right = connect_at(client(9), client(3), grant.port());
        let accepted = grant.accept().await;
        (&accepted.stream).write_all(&[b'x'; Preamble::BYTES]).unwrap();
        resets(right).await;
        assert_eq!(second.counts.bytes.count(), 0);
    });
}

#[test]
fn who_owns_nothing_grants_nothing() {
    System::new().block_on(async {
        let (_first, second) = pair([1, 1]);
        for shard in &second.shards {
            let refused = shard.grant(request_at(client(9), client(3))).await;
            assert_eq!(refused.unwrap_err(), Failure::PortsExhausted);
        }
    });
}

#[test]
fn relays_above_the_limit_are_reset() {
    System::new().block_on(async {
        let range = free_range_at_all(4);
        let (first, second) = (node(client(1), range, 7), node_with(client(9), range, 8, 0, 2));
        introduce([&first, &second], range, [1, 1]);
        let grant = first.shards.first().unwrap().grant(request(client(3))).await.unwrap();
        resets(connect_at(client(9), client(3), grant.port())).await;
        assert!(grant.is_untouched());
    });
}

#[test]
fn an_owner_that_is_not_reached_is_left_alone() {
    System::new().block_on(async {
        let range = free_range_at_all(4);
        let second = node(client(9), range, 8);
        // Nobody listens there any more, and the system says so at once.
        let first = {
            let first = node(client(1), range, 7);
            let gone = TcpListener::bind((client(1), 0)).unwrap().local_addr().unwrap();
            Node { relay: gone, ..first }
        };
        introduce([&first, &second], range, [1, 1]);
        for _ in 0..2 {
            resets(connect_at(client(9), client(3), range.first())).await;
        }
        assert_eq!((second.counts.sent.count(), second.counts.active.count()), (0, 0));
    });
}

#[test]
fn a_halt_ends_relays_and_no_later_ones() {
    System::new().block_on(async {
        let (first, second) = pair([1, 1]);
        let shard = first.shards.first().unwrap();
        for is_later in [false, true] {
            let mut grant = shard.grant(request(client(3))).await.unwrap();
            let right = connect_at(client(9), client(3), grant.port());
            let accepted = grant.accept().await;
            assert_eq!(second.counts.active.count(), 1);
            if !is_later {
                second.shards.iter().for_each(|shard| shard.relays().halt());
            } else {
                drop(accepted);
                assert_eq!(closed(right).await, None);
                break;
            }
            resets(right).await;
            resets(accepted.stream).await;
            while second.counts.active.count() > 0 {
                actix_rt::task::yield_now().await;
            }
        }
    });
}

/// What was granted before is not to be announced again then.
#[test]
fn a_port_of_a_lost_block_is_not_offered() {
    System::new().block_on(async {
        let range = free_range_at_all(4);
        let (first, second) = (node(client(1), range, 7), node(client(9), range, 8));
        introduce([&first, &second], range, [1, 1]);
        let grants: Vec<_> = futures_util::future::join_all(
            first.shards.iter().map(|shard| shard.grant(request(client(3)))),
        )
        .await;
        let grants: Vec<_> = grants.into_iter().map(Result::unwrap).collect();
        // Whoever asks: the session may live on another arbiter than the port.
        let announced = || {
            let asked =
                first.shards.iter().flat_map(|shard| grants.iter().map(move |of| (shard, of)));
            asked.filter(|(shard, grant)| shard.may_announce(grant)).count()
        };
        assert_eq!((grants.len(), announced()), (2, 4));
        introduce([&second, &first], range, [1, 1]);
        assert_eq!(announced(), 0);
        introduce([&first, &second], range, [1, 1]);
        assert_eq!(announced(), 4, "they are back");
        let (_ports, own) = single(free_range(1), LONG);
        let grant = own.grant(request(client(4))).await.unwrap();
        assert!(own.may_announce(&grant), "its own are its own");
    });
}

/// So many that each has the least of places for relays.
const ARBITERS: usize = 4 * 64;

#[test]
fn silent_ones_do_not_keep_relays_out() {
    System::new().block_on(async {
        let range = free_range_at_all(4);
        let first = node_with(client(1), range, 7, 8, ARBITERS);
        let second = node(client(9), range, 8);
        introduce([&first, &second], range, [1, 1]);
        let silent = || TcpStream::connect(first.relay).unwrap();
        let oldest = silent();
        let others: Vec<_> = (0..preambles_max(ARBITERS)).map(|_| silent()).collect();
        let mut grant = first.shards.first().unwrap().grant(request(client(3))).await.unwrap();
        let right = connect_at(client(9), client(3), grant.port());
        assert_eq!(grant.accept().await.peer, right.local_addr().unwrap());
        resets(oldest).await;
        // It was not for their patience.
        let youngest = others.last().unwrap();
        youngest.set_nonblocking(true).unwrap();
        let error = youngest.peek(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    });
}

/// All have said who they are when the arbiter comes to accept them.
#[test]
fn a_burst_of_relays_is_taken_whole() {
    System::new().block_on(async {
        let range = free_range_at_all(4);
        let first = node_with(client(1), range, 7, 8, ARBITERS);
        let second = node(client(9), range, 8);
        introduce([&first, &second], range, [1, 1]);
        let shard = first.shards.first().unwrap();
        let mut burst = Vec::new();
        for counter in 0..4 * preambles_max(ARBITERS) as u64 {
            let from = IpAddr::from(Ipv4Addr::from_bits(0x7f01_0000 + counter as u32));
            let grant = shard.grant(request(from)).await.unwrap();
            let preamble = Preamble {
                owner: first.fence,
                sender: second.fence,
                counter,
                client: SocketAddr::new(from, 4000),
                port: grant.port(),
                trace: [0; 24],
            };
            burst.push((grant, preamble));
        }
        let say = |preamble: &Preamble| {
            let mut stream = TcpStream::connect(first.relay).unwrap();
            stream.write_all(&preamble.encode(&RelayKey::new(&[1; 32]))).unwrap();
            stream
        };
        let _relays: Vec<_> = burst.iter().map(|(_, preamble)| say(preamble)).collect();
        for (grant, preamble) in &mut burst {
            let accepted = tokio::time::timeout(Duration::from_secs(10), grant.accept()).await;
            assert_eq!(accepted.expect("it was turned away").peer, preamble.client);
        }
    });
}

fn request_at(local: IpAddr, from: IpAddr) -> GrantRequest {
    GrantRequest { local, ..request(from) }
}

#[test]
fn a_node_with_another_key_is_refused() {
    System::new().block_on(async {
        let (first, _second) = pair([1, 2]);
        let grant = first.shards.first().unwrap().grant(request(client(3))).await.unwrap();
        let stream = connect_at(client(9), client(3), grant.port());
        closes(stream).await;
        assert!(grant.is_untouched());
        assert_eq!(first.counts.received.count(), 0);
    });
}

#[test]
fn a_preamble_counts_once_and_for_this_life() {
    System::new().block_on(async {
        let (first, _second) = pair([1, 1]);
        let shard = first.shards.first().unwrap();
        let mut grant = shard.grant(request(client(3))).await.unwrap();
        let preamble = Preamble {
            owner: first.fence,
            sender: Fence(99),
            counter: 5,
            client: SocketAddr::new(client(3), 4000),
            port: grant.port(),
            trace: [0; 24],
        };
        let say = |preamble: Preamble| {
            let mut stream = TcpStream::connect(first.relay).unwrap();
            stream.write_all(&preamble.encode(&RelayKey::new(&[1; 32]))).unwrap();
            stream
        };
        closes(say(Preamble { owner: Fence(6), ..preamble })).await;
        assert!(grant.is_untouched());
        // In two pieces.
        let mut taken = TcpStream::connect(first.relay).unwrap();
        let bytes = preamble.encode(&RelayKey::new(&[1; 32]));
        let (begin, rest) = bytes.split_at(20);
        taken.write_all(begin).unwrap();
        for _ in 0..20 {
            actix_rt::task::yield_now().await;
        }
        assert!(pending_once(&mut grant).is_none());
        taken.write_all(rest).unwrap();
        let accepted = grant.accept().await;
        assert_eq!(accepted.peer, preamble.client);
        drop((accepted, grant));
        let grant = loop {
            let grant = shard.grant(request(client(3))).await.unwrap();
            if grant.port() == preamble.port {
                break grant;
            }
        };
        closes(say(preamble)).await;
        assert!(grant.is_untouched());
        // Silence, and what is no preamble at all.
        let mut nonsense = TcpStream::connect(first.relay).unwrap();
        nonsense.write_all(&[b'x'; Preamble::BYTES]).unwrap();
        closes(nonsense).await;
        assert_eq!(first.counts.received.count(), 1);
    });
}

#[test]
fn hosts_cover_all_listeners() {
    let covering = |listeners: &[&str]| {
        let hosts = Hosts::covering(listeners.iter().map(|of| of.parse().unwrap()));
        hosts.iter().map(|host| host.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(covering(&["10.0.0.1:21", "10.0.0.1:990"]), ["10.0.0.1"]);
    assert_eq!(covering(&["10.0.0.1:21", "10.0.0.2:21"]), ["0.0.0.0"]);
    assert_eq!(covering(&["0.0.0.0:21", "[2001:db8::1]:21"]), ["0.0.0.0", "2001:db8::1"]);
    assert_eq!(covering(&["[::]:21"]), ["0.0.0.0", "::"]);
}
