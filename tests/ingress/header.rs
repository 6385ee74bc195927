//! Behind a balancer that says in a PROXY header whose a connection is.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use flotilla_tests::fleet::Plan;
use flotilla_tests::network::{Classic, Header, Host, PASSIVE, VIP, Version, vip};
use flotilla_tests::server::Builder;
use flotilla_tests::{DEADLINE, Network, Server, Sftp, Ssh, Wire, health, wait};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::site::{Site, assert_client};
use super::user::{Security, User, offer};

/// A node that believes the router, and nobody else.
fn start(network: &Network, proxy: &str) -> Server {
    builder(network, proxy).start()
}

fn builder(network: &Network, proxy: &str) -> Builder {
    let router = network.router();
    Server::builder()
        .on(&network.nodes()[0])
        .ssh()
        .set("ingress.mode", "balanced")
        .set("ingress.proxy_protocol", proxy)
        .set(
            "ingress.balancers",
            [&*format!("{}/32", router.v4()), &*format!("{}/128", router.v6())],
        )
}

/// FTP, FTPS before and after the first byte, SFTP, of both families: the server knows the client.
fn knows_clients(proxy: &str, version: Version) {
    let Some(network) = Network::open(1) else { return };
    let server = start(&network, proxy);
    let ports = [21, 990, 22];
    let plan =
        ports.iter().fold(Classic::plan(&network), |plan, port| plan.port(*port, version, &[0]));
    let _classic = plan.start();
    let _outside = network.clients().enter();
    for (number, client) in
        [network.client(5).into(), network.client6(5).into()].into_iter().enumerate()
    {
        let client: IpAddr = client;
        let front = |port| SocketAddr::new(vip(client), port);
        let mut wire = Wire::connect_from(client, front(21));
        wire.expect(220);
        wire.auth_tls(&server.tls()).login("alice");
        assert_client(&server, client);
        wire.ask("QUIT", 221);
        let mut wire = Wire::connect_from(client, front(990));
        wire.secure(&server.tls()).unwrap();
        wire.expect(220);
        wire.login("alice");
        assert_client(&server, client);
        wire.ask("QUIT", 221);
        let ssh = Ssh::at(front(22)).set("BindAddress", client);
        let mut sftp = Sftp::open(&ssh);
        assert_eq!(sftp.size("/nothing"), None);
        assert_client(&server, client);
        wait::told(DEADLINE, "the session to be told", || {
            let told = server.who();
            told.iter().any(|session| session["client"] == client.to_string()).then_some(())
        });
        drop(sftp);
        assert_eq!(taken(&server, "ok"), 3 * (number as u64 + 1));
    }
    assert!(server.names(network.client(5)) && server.names(network.client6(5)));
    assert!(!server.names(network.router().v4()));
}

#[test]
fn clients_are_known_by_version_1() {
    knows_clients("v1", Version::V1);
}

#[test]
fn clients_are_known_by_version_2() {
    knows_clients("v2", Version::V2);
}

#[test]
fn clients_are_known_by_any_version() {
    knows_clients("any", Version::V1);
}

fn taken(server: &Server, result: &str) -> u64 {
    server.metric_where("flotilla_proxy_headers_total", &format!("result=\"{result}\""))
}

/// Connects to a port of the node from a computer of the inside.
fn dial(from: &Host, network: &Network, port: u16) -> Wire {
    from.run(|| Wire::connect(SocketAddr::from((network.nodes()[0].v4(), port))))
}

/// What a liar says of themselves.
const FORGED: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 66);

fn forged() -> Header {
    Header::new(SocketAddr::from((FORGED, 40_000)), SocketAddr::from((VIP, 21)))
}

/// From anybody but a balancer it is an error and never an address; without one, strangers are
/// served as what they are.
#[test]
fn a_header_from_a_stranger_is_an_error() {
    let Some(network) = Network::open(1) else { return };
    let server = start(&network, "any");
    let stranger = network.store();
    for header in [forged().v1(), forged().v2(), forged().checked().v2()] {
        let mut wire = dial(stranger, &network, 21);
        wire.send_raw([&header[..], b"USER alice\r\nPASS swordfish\r\n"].concat());
        let said = String::from_utf8_lossy(&wire.drain()).into_owned();
        let refused = |line: &str| ["220", "421", "500", "501", "503"].contains(&&line[..3]);
        assert!(said.lines().all(refused), "{said}");
        for port in [990, 22] {
            let mut wire = dial(stranger, &network, port);
            wire.send_raw(&header);
            let said = String::from_utf8_lossy(&wire.drain()).into_owned();
            assert!(port == 22 || said.len() < 100 && !said.contains("220"), "{said}");
        }
    }
    let mut honest = dial(stranger, &network, 21);
    honest.expect(220);
    honest.login("alice");
    assert_client(&server, stranger.v4());
    assert_eq!(taken(&server, "ok"), 0);
    assert!(!server.names(FORGED));
}

/// A balancer that is known, of which no header is expected, is not taken for a stranger.
#[test]
fn a_header_that_is_switched_off_is_named() {
    let Some(network) = Network::open(1) else { return };
    let _server = start(&network, "off");
    for (from, key) in
        [(network.router(), "ingress.proxy_protocol"), (network.store(), "ingress.balancers")]
    {
        let mut wire = dial(from, &network, 21);
        wire.expect(220);
        wire.send_raw(forged().v1());
        let text = wire.expect(421).text();
        assert!(text.contains(key), "{text}");
    }
}

/// A balancer that sends something else, or a broken header, is not listened to.
#[test]
fn what_is_no_header_is_refused() {
    let Some(network) = Network::open(1) else { return };
    let server = start(&network, "any");
    let v1 = |text: &str| format!("PROXY {text}\r\n").into_bytes();
    let v2 = |change: fn(&mut Vec<u8>)| {
        let mut header = forged().v2();
        change(&mut header);
        header
    };
    let mut overlong = forged().value(4, *b"ab").v2();
    overlong[30] = 9;
    let mut too_long = b"PROXY UNKNOWN ".to_vec();
    too_long.resize(106, b'x');
    too_long.extend(b"\r\n");
    let wrong = [
        b"USER alice\r\n".to_vec(),
        b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
        v1("TCP4 192.0.2.1 192.0.2.2 1 65536"),
        v1("TCP4 192.0.2.1 192.0.2.2 01 2"),
        v1("TCP4 192.0.2.1  192.0.2.2 1 2"),
        v1("TCP6 192.0.2.1 192.0.2.2 1 2"),
        v1("TCP4 2001:db8::1 2001:db8::2 1 2"),
        v1("TCP4 192.0.2.1 192.0.2.2 1"),
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n".to_vec(),
        too_long,
        v2(|header| header[12] = 0x31),
        v2(|header| header[12] = 0x22),
        // No room for the addresses.
        v2(|header| header[15] = 11),
        // A value that is longer than what is left for it.
        overlong,
        forged().value(0xEA, b"vpce-0".to_vec()).corrupt().v2(),
    ];
    let count = wrong.len() as u64;
    for (number, header) in wrong.into_iter().enumerate() {
        let mut wire = dial(network.router(), &network, 21);
        wire.send_raw([&header[..], b"USER alice\r\n"].concat());
        assert_eq!(wire.drain().escape_ascii().to_string(), "", "{number}");
    }
    assert_eq!((taken(&server, "ok"), taken(&server, "refused")), (0, count));
    server.wait_for_log("ingress.proxy_protocol");
}

/// Only the version that is expected is taken.
#[test]
fn the_other_version_is_refused() {
    for (proxy, header) in [("v1", forged().v2()), ("v2", forged().v1())] {
        let Some(network) = Network::open(1) else { return };
        let server = start(&network, proxy);
        let mut wire = dial(network.router(), &network, 21);
        wire.send_raw(header);
        assert_eq!(wire.drain(), b"");
        assert_eq!(taken(&server, "refused"), 1);
    }
}

/// Values of any length are passed over, also in pieces; a line may have 107 bytes.
#[test]
fn headers_may_be_long_and_come_in_pieces() {
    let Some(network) = Network::open(1) else { return };
    let server = start(&network, "any");
    let long = forged()
        .value(0x04, vec![0; 10_000])
        .value(0x02, *b"ftp.example.org")
        .value(0x20, [1, 0, 0, 0, 0, 0x21, 0, 7, b'T', b'L', b'S', b'v', b'1', b'.', b'3'])
        .value(0xEA, [1, b'v', b'p', b'c', b'e', b'-', b'1']);
    for header in [long.clone().v2(), long.checked().v2(), forged().v1()] {
        for piece in [1, 7, 1000] {
            let mut wire = dial(network.router(), &network, 21);
            for bytes in header.chunks(piece.max(header.len() / 50)) {
                wire.stream().write_all(bytes).unwrap();
            }
            wire.expect(220);
            wire.login("alice");
            assert_client(&server, FORGED);
        }
    }
    let mut line = b"PROXY UNKNOWN ".to_vec();
    line.resize(105, b'x');
    line.extend(b"\r\n");
    let mut wire = dial(network.router(), &network, 21);
    wire.send_raw(line);
    wire.expect(220);
}

/// Nobody waits longer than five seconds for it, however it is spun out.
#[test]
fn a_header_must_come_within_five_seconds() {
    let Some(network) = Network::open(1) else { return };
    let server = start(&network, "v2");
    let begun = Instant::now();
    let mut silent = dial(network.router(), &network, 21);
    let mut slow = dial(network.router(), &network, 990);
    let mut dribble = slow.stream().tcp().try_clone().unwrap();
    let dribbling = std::thread::spawn(move || {
        let header = forged().v2();
        for byte in header {
            // Slowness is what is tested here: half a second for each byte, or until the server has enough.
            let mut events = [PollFd::new(&dribble, PollFlags::RDHUP)];
            let half = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };
            if poll(&mut events, Some(&half)) != Ok(0) || dribble.write_all(&[byte]).is_err() {
                break;
            }
        }
    });
    assert_eq!((silent.drain(), slow.drain()), (Vec::new(), Vec::new()));
    let waited = begun.elapsed();
    let expected = Duration::from_millis(4500)..Duration::from_secs(9);
    assert!(expected.contains(&waited), "{waited:?}");
    assert_eq!(taken(&server, "late"), 2);
    dribbling.join().unwrap();
}

/// What follows the header is the client's, whatever it looks like.
#[test]
fn a_second_header_is_data() {
    let Some(network) = Network::open(1) else { return };
    let server = start(&network, "any");
    let client = Ipv4Addr::new(192, 0, 2, 7);
    let first = Header::new(SocketAddr::from((client, 5)), SocketAddr::from((VIP, 21)));
    for (first, second) in [(first.v1(), forged().v1()), (first.v2(), forged().v1())] {
        let mut wire = dial(network.router(), &network, 21);
        wire.send_raw([first, second].concat());
        wire.expect(220);
        wire.expect_any(&[500, 502]);
        wire.login("alice");
        assert_client(&server, client);
    }
    assert!(!server.names(FORGED));
}

/// A balancer's own connections are in nobody's way: not in the log, not in limits, not in bans.
#[test]
fn probes_leave_no_trace() {
    let Some(network) = Network::open(1) else { return };
    let server = builder(&network, "any")
        .set("limits.unauthenticated_per_address", 2)
        .set("limits.ban_after", 2)
        .start();
    server.wait_for_log("health listens");
    let log = server.log();
    let mut held = Vec::new();
    for _ in 0..5 {
        for probe in
            [forged().local().v2(), forged().unspecified().v2(), b"PROXY UNKNOWN\r\n".to_vec()]
        {
            for port in [21, 990, 22] {
                let mut wire = dial(network.router(), &network, port);
                wire.send_raw(&probe);
                held.push(wire);
            }
        }
        // This one only connects.
        held.push(dial(network.router(), &network, 21));
    }
    wait::until("the probes to be counted", || (taken(&server, "local") == 45).then_some(()));
    drop(held);
    wait::until("their ends", || (server.metric("flotilla_sessions") == 0).then_some(()));
    assert_eq!(server.log(), log);
    assert_eq!((taken(&server, "ok"), taken(&server, "refused")), (0, 0));
    // A client is served after all that.
    let mut wire = dial(network.router(), &network, 21);
    wire.send_raw(forged().v1());
    wire.expect(220);
    wire.login("alice");
}

/// Bans and limits are of the client in the header.
#[test]
fn clients_are_banned_and_the_balancer_is_not() {
    let Some(network) = Network::open(1) else { return };
    let server =
        builder(&network, "v2").set("limits.login_attempts", 1).set("limits.ban_after", 1).start();
    let ports = [21, 990, 22];
    let plan = ports
        .iter()
        .fold(Classic::plan(&network), |plan, port| plan.port(*port, Version::V2, &[0]));
    let _classic = plan.start();
    let _outside = network.clients().enter();
    let (guesser, other) = (network.client(1), network.client(2));
    let front = |port| SocketAddr::from((VIP, port));
    let mut wire = Wire::connect_from(guesser, front(21));
    wire.expect(220);
    wire.ask("USER alice", 331);
    wire.send("PASS guessed");
    wire.expect_any(&[530, 421]);
    wait::until("the ban", || {
        let mut wire = Wire::connect_from(guesser, front(21));
        (wire.reply().code == 421).then_some(())
    });
    for port in [990, 22] {
        let mut wire = Wire::connect_from(guesser, front(port));
        wire.send_raw(b"SSH-2.0-x\r\n");
        assert!(!wire.drain().starts_with(b"SSH-2.0"), "{port}");
    }
    let mut wire = Wire::connect_from(other, front(21));
    wire.expect(220);
    wire.login("alice");
    assert_client(&server, other);
}

/// The health port takes connections with a header, which some balancers send to it as well, or
/// without.
#[test]
fn the_health_port_takes_both() {
    let Some(network) = Network::open(1) else { return };
    let server = start(&network, "v2");
    let ask = |from: &Host, header: &[u8]| {
        let mut tcp = from.run(|| TcpStream::connect(server.health()).unwrap());
        tcp.set_read_timeout(Some(DEADLINE)).unwrap();
        tcp.write_all(
            &[header, b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"].concat(),
        )
        .unwrap();
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).unwrap();
        answer
    };
    let chunky = forged().value(4, vec![0; 3000]).checked();
    for header in [vec![], forged().v1(), forged().v2(), forged().local().v2(), chunky.v2()] {
        let answer = ask(network.router(), &header);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert_eq!(network.router().run(|| health::get(server.health(), "/livez")).unwrap().0, 200);
}

/// Data connections have a header of their own, and are told apart by it.
#[test]
fn data_connections_have_headers_too() {
    let Some(network) = Network::open(1) else { return };
    let server = builder(&network, "v2")
        .set("ingress.mode", "direct")
        .set("ingress.data_proxy_protocol", "v2")
        .set("ftp.passive.address", VIP.to_string())
        .file("a", "the content")
        .start();
    let _classic = Classic::plan(&network)
        .port(21, Version::V2, &[0])
        .ports(PASSIVE, Version::V2, &[0])
        .start();
    let _outside = network.clients().enter();
    let mut wire = Wire::connect_from(network.client(1), SocketAddr::from((VIP, 21)));
    wire.expect(220);
    wire.login("alice");
    assert_eq!(wire.fetch("a"), b"the content");
    let address = wire.pasv();
    let stranger = flotilla_tests::Data::connect_from(network.client(2).into(), address).unwrap();
    assert!(stranger.is_refused());
    let data = flotilla_tests::Data::connect_from(network.client(1).into(), address).unwrap();
    wire.send("STOR b");
    wire.expect(150);
    data.finish(b"genuine").unwrap();
    wire.expect(226);
    assert_eq!(std::fs::read(server.file("b")).unwrap(), b"genuine");
    // Without a header it is nobody's, from wherever it comes.
    let address = SocketAddr::from((network.nodes()[0].v4(), wire.epsv().port()));
    for host in [network.router(), network.store()] {
        let mut data = host.run(|| flotilla_tests::Data::connect(address).unwrap());
        let _ = data.write(b"forged");
        assert!(data.is_refused());
    }
}

/// Programs through a balancer that says a header for every connection, control and data.
#[test]
fn programs_are_served() {
    let proxied = |plan: Plan| {
        plan.set("ftp.passive.address", VIP.to_string())
            .set("ingress.proxy_protocol", "v2")
            .set("ingress.data_proxy_protocol", "v2")
            .set("ingress.balancers", ["10.0.0.1/32"])
    };
    let Some(site) = Site::open(1, |plan, _| proxied(plan)) else { return };
    let _classic = Classic::plan(&site.network)
        .port(21, Version::V2, &[0])
        .ports(PASSIVE, Version::V2, &[0])
        .start();
    offer(&site.fleet, "down", 100_000);
    let user = User::new(&site.fleet, site.clients(), VIP);
    for security in [Security::Clear, Security::Tls] {
        let downloads =
            (0..10).flat_map(|_| [user.url("down"), "-o".to_owned(), "down".to_owned()]);
        user.succeed(user.curl(security).args(downloads));
        user.assert_got(&site.fleet, "down");
        user.succeed(user.lftp(security, "get down\nput down -o up"));
        user.assert_got(&site.fleet, "down");
    }
}

/// A header on a data connection where none is expected is no file's beginning; a file that only looks like one is.
#[test]
fn a_header_that_is_not_expected_becomes_no_file() {
    let server = Server::builder().set("ingress.balancers", ["127.0.0.0/8"]).start();
    let mut wire = server.login();
    let second: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    let headers = [second, b"PROXY TCP4 192.0.2.1 192.0.2.9 4000 20001\r\n"];
    for header in headers {
        let data = wire.begin("STOR up");
        // It may be closed before all is sent.
        let _ = data.finish(&[header, b"content"].concat());
        wire.expect(426);
        assert!(!server.file("up").exists());
    }
    server.wait_for_log("ingress.data_proxy_protocol");
    for text in [&b"PROXY settings of a browser\r\n"[..], b"PROXY ", b""] {
        wire.store("up", text);
        assert_eq!(std::fs::read(server.file("up")).unwrap(), text);
    }
}
