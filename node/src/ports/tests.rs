//! The data ports against real sockets; 127.0.0.2 and onward play other clients.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use actix_rt::{Arbiter, System};
use flotilla_protocol::ftp::Failure;
use futures_waker::pending_once;
use proptest::prelude::*;
use socket2::{Domain, Socket, Type};

use super::*;

mod pooled;

const LONG: Duration = Duration::from_secs(3600);

/// Polls a grant exactly once.
mod futures_waker {
    use std::task::{Context, Waker};

    use super::super::{Accepted, Grant};

    pub(super) fn pending_once(grant: &mut Grant) -> Option<Accepted> {
        match grant.poll_accept(&mut Context::from_waker(Waker::noop())) {
            std::task::Poll::Ready(accepted) => Some(accepted),
            std::task::Poll::Pending => None,
        }
    }
}

fn client(last: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, 0, last).into()
}

fn request(from: IpAddr) -> GrantRequest {
    GrantRequest { client: from, local: client(1), rule: PeerRule::Same(from), proves: false }
}

/// So many ports in a row that were free a moment ago.
fn free_range(count: u16) -> PortRange {
    loop {
        let probe = TcpListener::bind((client(1), 0)).unwrap();
        let first = probe.local_addr().unwrap().port();
        let Some(last) = first.checked_add(count - 1) else { continue };
        let rest: Result<Vec<_>, _> =
            (first + 1..=last).map(|port| TcpListener::bind((client(1), port))).collect();
        if rest.is_ok() {
            return format!("{first}-{last}").parse().unwrap();
        }
    }
}

fn single(range: PortRange, linger: Duration) -> (Ports, Rc<PortShard>) {
    let (ports, seeds) = Ports::new(PortSettings { range, linger, shared: None }, 1);
    let shard = seeds.into_iter().next().unwrap().start();
    (ports, shard)
}

fn connect(from: IpAddr, port: u16) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(from, 0).into()).unwrap();
    socket.connect(&SocketAddr::new(client(1), port).into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

fn is_closed(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

/// Both ends belong together.
fn assert_joined(accepted: &Accepted, stream: &mut TcpStream) {
    assert_eq!(accepted.peer, stream.local_addr().unwrap());
    (&accepted.stream).write_all(b"x").unwrap();
    let mut byte = [0];
    stream.read_exact(&mut byte).unwrap();
    assert_eq!(&byte, b"x");
}

#[test]
fn a_stranger_is_closed_and_the_wait_goes_on() {
    System::new().block_on(async {
        let (ports, shard) = single(free_range(4), LONG);
        let mut grant = shard.grant(request(client(1))).await.unwrap();
        let mut stranger = connect(client(2), grant.port());
        let mut right = connect(client(1), grant.port());
        let accepted = grant.accept().await;
        assert_joined(&accepted, &mut right);
        assert!(is_closed(&mut stranger));
        // A second one of the right address belongs to nobody any more.
        let mut late = connect(client(1), grant.port());
        while ports.counts().refused_total < 2 {
            actix_rt::task::yield_now().await;
        }
        assert!(is_closed(&mut late));
        assert!(pending_once(&mut grant).is_none());
        let flags = rustix::io::fcntl_getfd(&accepted.stream).unwrap();
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
        let status = rustix::fs::fcntl_getfl(&accepted.stream).unwrap();
        assert!(status.contains(rustix::fs::OFlags::NONBLOCK));
        assert!(accepted.stream.nodelay().unwrap());
    });
}

#[test]
fn many_clients_share_one_port() {
    System::new().block_on(async {
        let (ports, shard) = single(free_range(1), LONG);
        let mut pairs = Vec::new();
        for last in 1..=40 {
            let grant = shard.grant(request(client(last))).await.unwrap();
            let stream = connect(client(last), grant.port());
            pairs.push((grant, stream));
        }
        assert_eq!(ports.counts().pending, 40);
        // Backwards: what is accepted for others on the way must reach them.
        for (grant, stream) in pairs.iter_mut().rev() {
            assert_joined(&grant.accept().await, stream);
        }
        let counts = ports.counts();
        assert_eq!((counts.pending, counts.listening, counts.granted_total), (0, 1, 40));
        assert_eq!((counts.refused_total, counts.lingering), (0, 0));
    });
}

#[test]
fn a_port_used_up_for_one_client_is_free_for_another() {
    System::new().block_on(async {
        let (ports, shard) = single(free_range(2), LONG);
        let first = shard.grant(request(client(1))).await.unwrap();
        let second = shard.grant(request(client(1))).await.unwrap();
        assert_ne!(first.port(), second.port());
        let third = shard.grant(request(client(1))).await;
        assert_eq!(third.unwrap_err(), Failure::PortsExhausted);
        assert!(shard.grant(request(client(2))).await.is_ok());
        assert_eq!(ports.counts().exhausted_total, 1);
    });
}

#[test]
fn an_unused_grant_lingers_and_a_used_one_does_not() {
    System::new().block_on(async {
        let range = free_range(1);
        let (ports, shard) = single(range, LONG);
        let mut grant = shard.grant(request(client(1))).await.unwrap();
        let _stream = connect(client(1), grant.port());
        grant.accept().await;
        drop(grant);
        drop(shard.grant(request(client(1))).await.unwrap());
        assert_eq!(ports.counts().lingering, 1);
        assert!(shard.grant(request(client(1))).await.is_err());
        // Somebody late finds the port closed to everybody.
        let mut late = connect(client(1), range.first());
        while ports.counts().refused_total < 1 {
            actix_rt::task::yield_now().await;
        }
        assert!(is_closed(&mut late));

        let (ports, shard) = single(free_range(1), Duration::ZERO);
        drop(shard.grant(request(client(1))).await.unwrap());
        assert_eq!(ports.counts().lingering, 1);
        let grant = shard.grant(request(client(1))).await.unwrap();
        assert_eq!((ports.counts().lingering, ports.counts().pending), (0, 1));
        drop(grant);
    });
}

#[test]
fn broad_rules_have_a_port_for_themselves() {
    System::new().block_on(async {
        let (ports, shard) = single(free_range(1), LONG);
        let prefix = |from| GrantRequest { rule: PeerRule::Prefix(from), ..request(from) };
        let mut grant = shard.grant(prefix(client(1))).await.unwrap();
        assert!(shard.grant(prefix(client(9))).await.is_err());
        assert!(shard.grant(request(client(9))).await.is_err());
        let mut stream = connect(client(200), grant.port());
        assert_joined(&grant.accept().await, &mut stream);
        drop(grant);
        let networks = PeerPolicy::new(&crate::config::DataPeer::Networks(
            ["::ffff:127.0.0.64/122".parse().unwrap()].into_iter().collect(),
        ));
        let rule = networks.rule(client(1), true);
        let mut grant = shard.grant(GrantRequest { rule, ..request(client(1)) }).await.unwrap();
        let mut outside = connect(client(63), grant.port());
        let mut inside = connect(client(127), grant.port());
        assert_joined(&grant.accept().await, &mut inside);
        assert!(is_closed(&mut outside));
        assert_eq!(ports.counts().pending, 0);
    });
}

#[test]
fn anybody_may_come_until_the_right_one_is_found() {
    System::new().block_on(async {
        let (ports, shard) = single(free_range(1), LONG);
        let any = GrantRequest { rule: PeerRule::Any, ..request(client(1)) };
        let mut grant = shard.grant(any.clone()).await.unwrap();
        assert!(shard.grant(request(client(2))).await.is_err());
        let mut stranger = connect(client(2), grant.port());
        assert_joined(&grant.accept().await, &mut stranger);
        // Far too many strangers; the right client still gets through.
        let strangers: Vec<_> = (0..30).map(|_| connect(client(2), grant.port())).collect();
        let mut right = connect(client(1), grant.port());
        let mut seen = 0;
        let accepted = loop {
            let accepted = grant.accept().await;
            if accepted.peer.ip() == client(1) {
                break accepted;
            }
            seen += 1;
        };
        assert_joined(&accepted, &mut right);
        assert!(seen <= 15, "{seen}");
        assert!(ports.counts().refused_total >= 15);
        drop((grant, strangers));
        assert_eq!((ports.counts().pending, ports.counts().lingering), (0, 0));
        assert!(shard.grant(any).await.is_ok());
    });
}

#[test]
fn mapped_addresses_are_the_same_client() {
    System::new().block_on(async {
        let (_ports, shard) = single(free_range(1), LONG);
        let mapped = IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped());
        let request = GrantRequest {
            client: mapped,
            local: mapped,
            rule: PeerRule::Same(mapped),
            proves: false,
        };
        let mut grant = shard.grant(request).await.unwrap();
        let mut stream = connect(client(1), grant.port());
        assert_joined(&grant.accept().await, &mut stream);
    });
}

#[test]
fn foreign_listeners_are_skipped() {
    System::new().block_on(async {
        let range = free_range(2);
        let _foreign = TcpListener::bind((client(1), range.first())).unwrap();
        let (ports, shard) = single(range, LONG);
        let grant = shard.grant(request(client(1))).await.unwrap();
        assert_eq!(grant.port(), range.last());
        assert!(shard.grant(request(client(1))).await.is_err());
        assert_eq!(ports.counts().listening, 1);
    });
}

#[test]
fn an_address_that_is_not_ours_is_no_port() {
    System::new().block_on(async {
        let (_ports, shard) = single(free_range(200), LONG);
        let local = "192.0.2.1".parse().unwrap();
        let refused = shard.grant(GrantRequest { local, ..request(client(1)) }).await;
        assert_eq!(refused.unwrap_err(), Failure::PortsExhausted);
    });
}

async fn use_others_port(seed: ShardSeed, done: tokio::sync::oneshot::Sender<()>) {
    let range = seed.settings.range;

    let shard = seed.start();
    for _ in 0..3 {
        let mut grant = shard.grant(request(client(2))).await.unwrap();
        assert_eq!(grant.port(), range.first());
        let refused = shard.grant(request(client(2))).await;
        assert_eq!(refused.unwrap_err(), Failure::PortsExhausted);
        let mut stream = connect(client(2), grant.port());
        assert_joined(&grant.accept().await, &mut stream);
    }
    // One that is never used.
    drop(shard.grant(request(client(2))).await.unwrap());
    done.send(()).unwrap();
}

#[test]
fn one_port_serves_two_arbiters() {
    System::new().block_on(async {
        let range = free_range(1);
        let (ports, seeds) =
            Ports::new(PortSettings { range, linger: Duration::ZERO, shared: None }, 2);
        let mut seeds = seeds.into_iter();
        let owner = seeds.next().unwrap().start();
        let other = seeds.next().unwrap();
        let arbiter = Arbiter::new();
        let (done, finished) = tokio::sync::oneshot::channel();
        arbiter.spawn_fn(move || drop(actix_rt::spawn(use_others_port(other, done))));
        let mut grant = owner.grant(request(client(1))).await.unwrap();
        let mut stream = connect(client(1), grant.port());
        assert_joined(&grant.accept().await, &mut stream);
        finished.await.unwrap();
        while ports.counts().pending > 0 {
            actix_rt::task::yield_now().await;
        }
        assert_eq!(ports.counts().granted_total, 5);
        assert_eq!(ports.counts().exhausted_total, 3);
        assert!(owner.grant(request(client(2))).await.is_ok());
        arbiter.stop();
        arbiter.join().unwrap();
    });
}

/// Strangers fill the inbox of a lent port before the client comes; these of them go for it.
async fn outlast(
    seed: ShardSeed,
    (wanted, strangers): (GrantRequest, IpAddr),
    turned_away: std::ops::Range<usize>,
) {
    let shard = seed.start();
    let mut grant = shard.grant(wanted).await.unwrap();
    let count = turned_away.len() + 3;
    let mut strangers: Vec<_> = (0..count).map(|_| connect(strangers, grant.port())).collect();
    let mut right = connect(client(2), grant.port());
    for stranger in &mut strangers[turned_away] {
        assert!(is_closed(stranger), "all have come");
    }
    assert_joined(&grant.accept().await, &mut right);
}

#[test]
fn strangers_do_not_turn_the_client_away_on_a_lent_port() {
    let any = GrantRequest { rule: PeerRule::Any, ..request(client(2)) };
    let proven = GrantRequest { proves: true, ..request(client(2)) };
    // From anywhere the last one goes, and from the client's own address the first ones.
    for (case, turned_away) in [((any, client(3)), 3..4), ((proven, client(2)), 0..2)] {
        System::new().block_on(async {
            let range = free_range(1);
            let (_ports, seeds) = Ports::new(PortSettings::new(range, LONG), 2);
            let mut seeds = seeds.into_iter();
            let _owner = seeds.next().unwrap().start();
            let other = seeds.next().unwrap();
            let arbiter = Arbiter::new();
            let (done, finished) = tokio::sync::oneshot::channel();
            arbiter.spawn_fn(move || {
                let outlasted = outlast(other, case, turned_away);
                drop(actix_rt::spawn(async {
                    outlasted.await;
                    done.send(()).unwrap();
                }));
            });
            finished.await.unwrap();
            arbiter.stop();
            arbiter.join().unwrap();
        });
    }
}

#[test]
fn the_actor_tells_the_counts() {
    System::new().block_on(async {
        use actix::Actor;
        let (ports, seeds) = Ports::new(PortSettings::new(free_range(3), LONG), 1);
        let shard = seeds.into_iter().next().unwrap().start();
        let ports = ports.start();
        let grant = shard.grant(request(client(1))).await.unwrap();
        let counts = ports.send(ReadCounts).await.unwrap();
        assert_eq!((counts.pending, counts.range.count()), (1, 3));
        drop(grant);
    });
}

fn any_rule() -> impl Strategy<Value = PeerRule> {
    let address = prop_oneof![
        (0u8..4, 0u8..4).prop_map(|(c, d)| IpAddr::from([10, 0, c, d])),
        (0u16..3, 0u16..3).prop_map(|(d, h)| IpAddr::from([1, 0, 0, d, 0, 0, 0, h])),
    ];
    let networks: std::sync::Arc<[_]> =
        vec!["10.0.2.0/23".parse().unwrap(), "1:0:0:1::/64".parse().unwrap()].into();
    (address, 0..4).prop_map(move |(address, kind)| match kind {
        0 => PeerRule::Same(address),
        1 => PeerRule::Prefix(address),
        2 => PeerRule::Networks(address, networks.clone()),
        _ => PeerRule::Any,
    })
}

proptest! {
    /// No address is admitted by two rules that may share a port.
    #[test]
    fn rules_that_do_not_overlap_admit_nobody_in_common(
        one in any_rule(), two in any_rule(), c in 0u8..4, d in 0u8..4, net in 0u16..3,
    ) {
        prop_assert_eq!(one.overlaps(&two), two.overlaps(&one));
        for peer in [IpAddr::from([10, 0, c, d]), IpAddr::from([1, 0, 0, net, 0, 0, 0, 1])] {
            prop_assert!(one.overlaps(&two) || !(one.admits(peer) && two.admits(peer)));
        }
    }
}
