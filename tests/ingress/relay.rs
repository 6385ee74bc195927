//! The way between nodes: who may use it, and what of it can be used again.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use flotilla_tests::data::dial;
use flotilla_tests::network::{Host, Nlb};
use flotilla_tests::{Content, wait};

use super::site::{DATA_PORTS, Site};

/// Stands in front of a node's relay port and keeps what other nodes say first.
#[derive(Debug)]
struct Recorder {
    kept: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Recorder {
    /// One on the router, at the port of relays.
    fn start(router: &Host, node: SocketAddr) -> Self {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let listener = router.run(|| TcpListener::bind((router.v4(), RELAY)).unwrap());
        let (router, keeper) = (router.clone(), Arc::clone(&kept));
        std::thread::spawn(move || {
            let _inside = router.enter();
            for from in listener.incoming() {
                let keeper = Arc::clone(&keeper);
                std::thread::spawn(move || from.and_then(|from| pass(from, node, &keeper)));
            }
        });
        Self { kept }
    }

    fn first(&self) -> Vec<u8> {
        wait::until("a relay", || self.kept.lock().unwrap().first().cloned())
    }
}

fn pass(mut from: TcpStream, node: SocketAddr, kept: &Mutex<Vec<Vec<u8>>>) -> io::Result<()> {
    let mut to = dial(None, node)?;
    let (mut back, mut answer) = (from.try_clone()?, to.try_clone()?);
    std::thread::spawn(move || {
        let _ = io::copy(&mut answer, &mut back);
        let _ = back.shutdown(Shutdown::Write);
    });
    let mut first = vec![0; 65_536];
    let count = from.read(&mut first)?;
    kept.lock().unwrap().push(first[..count].to_vec());
    to.write_all(&first[..count])?;
    io::copy(&mut from, &mut to)?;
    to.shutdown(Shutdown::Write)
}

/// Where nodes bring each other data connections.
const RELAY: u16 = 2120;

/// Sends bytes to a node's relay port; what comes back until it is closed, and how long that took.
fn knock(from: &Host, node: SocketAddr, bytes: &[u8]) -> (Vec<u8>, Duration) {
    let mut tcp = from.run(|| dial(None, node).unwrap());
    let begun = Instant::now();
    let _ = tcp.write_all(bytes);
    let mut answer = Vec::new();
    let _ = tcp.read_to_end(&mut answer);
    (answer, begun.elapsed())
}

/// Somebody on the inside who has not the secret gets nothing, whatever they say; and what somebody
/// who has it once said is worth nothing the second time.
#[test]
fn nothing_is_taken_twice_or_from_strangers() {
    let Some(site) = Site::open(2, |plan, network| {
        let seen =
            [network.router(), &network.nodes()[1]].map(|host| format!("{}:{RELAY}", host.v4()));
        super::site::shared(plan).set_apart("relay.address", seen)
    }) else {
        return;
    };
    (0..2).for_each(|node| site.wait_for_ports(node));
    let _nlb = Nlb::start_with(&site.network, [("21", vec![0]), (DATA_PORTS, vec![1])]);
    let owner = SocketAddr::from((site.network.nodes()[0].v4(), RELAY));
    let recorder = Recorder::start(site.network.router(), owner);
    std::fs::write(site.fleet.file("down"), Content::new(1).bytes(1000)).unwrap();
    let _outside = site.go_outside();
    let mut wire = site.login_from(site.network.client(1), "alice");
    // The words are those of a download: the client itself says nothing.
    assert_eq!(wire.fetch("down").len(), 1000);
    let words = recorder.first();
    let refused = || site.fleet[0].metric("flotilla_relay_refused_total");
    assert_eq!(refused(), 0);

    // A port where somebody is expected all the time.
    let port = wire.epsv().port();
    wire.send("STOR up");
    let mut wrong = words.clone();
    let last = wrong.len() - 1;
    wrong[last] ^= 1;
    let attempts = [
        words.clone(),
        [&words[..], b"forged"].concat(),
        wrong,
        vec![0; words.len()],
        Content::new(5).bytes(words.len() + 100),
        b"GET / HTTP/1.1\r\n\r\n".repeat(20),
    ];
    for (count, attempt) in (1..).zip(&attempts) {
        for from in [site.network.store(), &site.network.nodes()[1]] {
            let (answer, took) = knock(from, owner, attempt);
            assert_eq!(answer, b"", "attempt {count}");
            assert!(took < Duration::from_secs(1), "attempt {count} took {took:?}");
        }
        assert_eq!(refused(), 2 * count);
    }
    // Half of it, and then nothing, is not waited for.
    let (answer, took) = knock(site.network.store(), owner, &words[..last]);
    assert_eq!(answer, b"");
    assert!(took < Duration::from_secs(15), "{took:?}");

    let address = (flotilla_tests::network::VIP, port).into();
    let data = flotilla_tests::Data::connect_from(site.network.client(1).into(), address).unwrap();
    wire.expect(150);
    data.finish(b"genuine").unwrap();
    wire.expect(226);
    assert_eq!(std::fs::read(site.fleet.file("up")).unwrap(), b"genuine");
}
