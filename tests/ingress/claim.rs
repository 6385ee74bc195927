//! Nodes that claim each other's ports, because the store forgot who has them: whatever they do
//! about it, no client gets what is another's.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use flotilla_tests::fleet::name;
use flotilla_tests::network::{Host, Nlb, VIP};
use flotilla_tests::{Content, DEADLINE, Data, Fleet, Network, PASSWORD, Redis, Wire, wait, wire};
use rustix::process::Signal;

use super::site::{ALL_PORTS, FTP, Site, shared};

/// Sessions that transfer all the time, several of them from each address: what port a connection
/// comes to is all that tells them apart.
#[derive(Debug)]
struct Crowd {
    outside: Host,
    /// Where the pool keeps what is uploaded.
    root: PathBuf,
    addresses: Vec<Ipv4Addr>,
    ended: AtomicBool,
    right: AtomicU64,
    failed: AtomicU64,
    wrong: AtomicBool,
}

impl Crowd {
    /// All of them begin.
    fn start(site: &Site) -> (Arc<Self>, Vec<JoinHandle<()>>) {
        let crowd = Arc::new(Self {
            outside: site.clients().clone(),
            root: site.fleet.file(""),
            addresses: (0..ADDRESSES).map(|number| site.network.client(number)).collect(),
            ended: AtomicBool::new(false),
            right: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            wrong: AtomicBool::new(false),
        });
        let members = (0..MEMBERS).map(|number| {
            std::fs::write(site.fleet.file(format!("down-{number}")), down(number)).unwrap();
            let crowd = Arc::clone(&crowd);
            std::thread::spawn(move || crowd.member(number))
        });
        let members = members.collect();
        (crowd, members)
    }

    /// Waits until so many more transfers were right.
    #[track_caller]
    fn moves(&self, count: u64) {
        let end = self.right.load(Ordering::Relaxed) + count;
        wait::told(Duration::from_secs(120), "transfers to succeed", || {
            assert!(!self.wrong.load(Ordering::Relaxed), "see above");
            (self.right.load(Ordering::Relaxed) >= end).then_some(())
        });
    }

    /// One session after another, until the end.
    fn member(&self, number: u64) {
        let _outside = self.outside.enter();
        let source = self.addresses[number as usize % self.addresses.len()];
        while !self.ended.load(Ordering::Relaxed) {
            if self.session(source, number).is_none() {
                self.failed.fetch_add(1, Ordering::Relaxed);
            }
            // Whatever failed: what was cut off may be short, too.
            let stored = std::fs::read(self.stored(number)).unwrap_or_default();
            self.judge(up(number).starts_with(&stored), number, &stored);
        }
    }

    /// Where its uploads go.
    fn stored(&self, number: u64) -> PathBuf {
        self.root.join(format!("up-{number}"))
    }

    fn judge(&self, right: bool, number: u64, got: &[u8]) {
        self.wrong.fetch_or(!right, Ordering::Relaxed);
        assert!(right, "{number} moved {}", shown(got));
    }

    /// Transfers until something fails; nothing that is wrong is ever moved.
    fn session(&self, source: Ipv4Addr, number: u64) -> Option<()> {
        let mut wire = login(source)?;
        let (download, upload) = (down(number), up(number));
        while !self.ended.load(Ordering::Relaxed) {
            let data = open(&mut wire, source, &format!("RETR down-{number}"))?;
            let got = data.read_all();
            // What was cut off may be short, and may not be anybody else's.
            let got = match (wire.try_reply().ok()?.code, got) {
                (226, Ok(got)) => {
                    self.judge(got == download, number, &got);
                    got
                }
                (_, got) => got.unwrap_or_default(),
            };
            self.judge(download.starts_with(&got), number, &got);
            let data = open(&mut wire, source, &format!("STOR up-{number}"))?;
            data.finish(&upload).ok()?;
            if wire.try_reply().ok()?.code == 226 {
                // Before the next round puts another one in its place.
                let stored = std::fs::read(self.stored(number)).unwrap();
                self.judge(stored == upload, number, &stored);
                if got == download {
                    self.right.fetch_add(2, Ordering::Relaxed);
                }
            }
        }
        Some(())
    }
}

fn login(source: Ipv4Addr) -> Option<Wire> {
    let mut wire = Wire::try_connect(Some(source.into()), (VIP, FTP).into()).ok()?;
    let password = format!("PASS {PASSWORD}\r\n");
    for (line, code) in [("", 220), ("USER alice\r\n", 331), (&*password, 230), ("TYPE I\r\n", 200)]
    {
        wire.try_send_raw(line.as_bytes()).ok()?;
        (wire.try_reply().ok()?.code == code).then_some(())?;
    }
    Some(wire)
}

/// A transfer that began.
fn open(session: &mut Wire, source: Ipv4Addr, command: &str) -> Option<Data> {
    session.try_send_raw(b"EPSV\r\n").ok()?;
    let port = wire::parse_229(&session.try_reply().ok()?.text())?;
    let address = (VIP, port).into();
    let data = Data::connect_from(source.into(), address).ok()?;
    session.try_send_raw(format!("{command}\r\n").as_bytes()).ok()?;
    matches!(session.try_reply().ok()?.code, 125 | 150).then_some(data)
}

/// Nobody else's bytes look like these: the number of the session, and what follows from it.
fn down(number: u64) -> Vec<u8> {
    [format!("down {number} ").into_bytes(), Content::new(number).bytes(3000)].concat()
}

fn up(number: u64) -> Vec<u8> {
    [format!("up {number} ").into_bytes(), Content::new(!number).bytes(3000)].concat()
}

fn shown(bytes: &[u8]) -> String {
    format!("{} bytes: {}", bytes.len(), bytes[..bytes.len().min(40)].escape_ascii())
}

/// What a node says that has no ports: at its start, and when it lost them.
const LOST: &str = "no block of passive ports is held";

const MEMBERS: u64 = 12;
const ADDRESSES: u32 = 3;

/// How many transfers must be right.
const WANTED: u64 = 10_000;

/// A store that is thrown back to when it knew two nodes. The third one can not say at once which
/// ports are its own, for it is asleep; a fourth one comes, which knows nothing, and takes what
/// looks free.
#[test]
fn nothing_is_delivered_to_others_after_a_rollback() {
    let Some(network) = Network::open(4) else { return };
    let redis = Redis::builder().on(network.store()).start();
    // Whose data connection went astray is told so soon, and comes again.
    let plan = Fleet::plan(redis.url()).on(&network).set("timeouts.data_connect", "2s");
    let fleet = shared(plan).start(2);
    fleet.wait_for_store(DEADLINE, "fine");
    let mut site = Site { fleet, redis, network };
    (0..2).for_each(|node| site.wait_for_ports(node));
    let before = site.redis.snapshot();
    let third = site.fleet.another(&name(3));
    site.fleet.join(third);
    site.fleet.wait_until_ready();
    site.wait_for_ports(2);

    let mut nlb = Nlb::start_with(&site.network, [(ALL_PORTS, vec![0, 1, 2])]);
    let (crowd, members) = Crowd::start(&site);
    let part = WANTED / 4;
    crowd.moves(part);
    // All are awake, and the third one tells at once what it has.
    site.redis.restore(&before);
    crowd.moves(part);
    site.fleet.wait_for_store(DEADLINE, "fine");
    // It sleeps through the time in which it could tell.
    site.fleet[2].signal(Signal::STOP);
    site.redis.restore(&before);
    let fourth = site.fleet.another(&name(4));
    site.fleet.join(fourth);
    nlb.route([(ALL_PORTS, vec![0, 1, 3])]);
    site.wait_for_ports(3);
    site.fleet[2].signal(Signal::CONT);
    nlb.route([(ALL_PORTS, vec![0, 1, 2, 3])]);
    crowd.moves(part);
    // This is what it was all for: it had lost its ports to the fourth one, and has others now.
    let lost = || site.fleet[2].log().matches(LOST).count();
    wait::until("the third node to lose its ports", || (lost() >= 2).then_some(()));
    site.wait_for_ports(2);
    crowd.moves(part);

    crowd.ended.store(true, Ordering::Relaxed);
    let members = members.into_iter().map(JoinHandle::join).filter(Result::is_err).count();
    assert_eq!(members, 0, "see above");
    let (right, failed) =
        (crowd.right.load(Ordering::Relaxed), crowd.failed.load(Ordering::Relaxed));
    println!("{right} transfers were right, {failed} sessions failed");
    for number in 0..MEMBERS {
        let stored = std::fs::read(site.fleet.file(format!("up-{number}"))).unwrap();
        assert!(stored == up(number), "up-{number} is {}", shown(&stored));
    }
}
