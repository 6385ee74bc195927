//! Strangers at every passive port of the pool, all the time.

use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use flotilla_tests::Wire;
use flotilla_tests::content::{Content, assert_same};
use flotilla_tests::data::dial;
use flotilla_tests::network::{Nlb, PASSIVE, vip};

use super::site::{ALL_PORTS, Site};

/// People who take what they can get.
#[derive(Debug, Default)]
struct Thieves {
    ended: AtomicBool,
    /// Connections that were made, and closed by the server.
    closed: AtomicU64,
}

impl Thieves {
    /// One who goes from port to port; what is stolen.
    fn start<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        site: &'scope Site,
        source: IpAddr,
    ) -> ScopedJoinHandle<'scope, Vec<u8>> {
        scope.spawn(move || {
            let _outside = site.go_outside();
            let mut stolen = Vec::new();
            for port in (PASSIVE.0..=PASSIVE.1).cycle() {
                if self.ended.load(Ordering::Relaxed) {
                    break;
                }
                // A balancer may refuse, and so may the kernel of a node that is busy.
                let Ok(mut tcp) = dial(Some(source), SocketAddr::new(vip(source), port)) else {
                    continue;
                };
                let _ = tcp.read_to_end(&mut stolen);
                self.closed.fetch_add(1, Ordering::Relaxed);
            }
            stolen
        })
    }

    fn end(&self) -> u64 {
        self.ended.store(true, Ordering::Relaxed);
        self.closed.load(Ordering::Relaxed)
    }
}

/// Transfers of somebody who is robbed all the time, and none of the files is.
fn moves_files(site: &Site, mut wire: Wire, name: &str, rounds: u64) {
    for round in 0..rounds {
        let bytes = Content::new(round).bytes(20_000 + round as usize);
        wire.store(name, &bytes);
        assert_same(name, &std::fs::read(site.fleet.file(name)).unwrap(), &bytes);
        assert_same(name, &wire.fetch(name), &bytes);
    }
}

/// Strangers of other addresses get nothing and stop nobody.
#[test]
fn strangers_get_nothing() {
    let Some(site) = Site::shared(3, |plan| plan) else { return };
    let _nlb = Nlb::start(&site.network, ALL_PORTS);
    let thieves = Thieves::default();
    std::thread::scope(|scope| {
        let hands = [site.network.client(666).into(), site.network.client6(666).into()]
            .map(|source| thieves.start(scope, &site, source));
        let users = [site.network.client(1).into(), site.network.client6(1).into()];
        let users = users.map(|source: IpAddr| {
            let site = &site;
            scope.spawn(move || {
                let _outside = site.go_outside();
                moves_files(site, site.login_from(source, "alice"), &format!("of-{source}"), 60);
            })
        });
        let users = users.map(std::thread::ScopedJoinHandle::join);
        let closed = thieves.end();
        for hand in hands {
            assert_eq!(hand.join().unwrap().len(), 0);
        }
        assert!(users.iter().all(Result::is_ok));
        assert!(closed > 100, "only {closed} attempts");
    });
}

/// Neither do those behind the same address, where TLS alone tells who is who.
#[test]
fn neighbours_get_nothing_under_tls() {
    let change = |plan: flotilla_tests::fleet::Plan| {
        plan.set("ftp.passive.data_reuse", "require").set("ftp.passive.data_peer", "tls")
    };
    let Some(site) = Site::shared(3, change) else { return };
    let _nlb = Nlb::start(&site.network, ALL_PORTS);
    let thieves = Thieves::default();
    let home = site.network.client(1).into();
    std::thread::scope(|scope| {
        let hand = thieves.start(scope, &site, home);
        let user = scope.spawn(|| {
            let _outside = site.go_outside();
            let tls = site.fleet.tls();
            moves_files(&site, site.login_tls_from(home, &tls), "of-alice", 15);
        });
        let user = user.join();
        let closed = thieves.end();
        // What was said before they had to show who they are is no file.
        let stolen = hand.join().unwrap();
        assert!(stolen.len() < 100, "{}", stolen.escape_ascii());
        assert!(user.is_ok());
        assert!(closed > 20, "only {closed} attempts");
    });
}

/// Whoever comes to a port where nobody is expected is told so at once: no connection hangs.
#[test]
fn strangers_are_turned_away_within_100_ms() {
    let Some(site) = Site::shared(3, |plan| plan) else { return };
    let _nlb = Nlb::start(&site.network, ALL_PORTS);
    let _outside = site.go_outside();
    let mut times = Vec::new();
    for port in PASSIVE.0..=PASSIVE.1 {
        for source in [site.network.client(666).into(), site.network.client6(666).into()] {
            let begun = Instant::now();
            if let Ok(mut tcp) = dial(Some(source), SocketAddr::new(vip(source), port)) {
                assert!(!matches!(tcp.read(&mut [0; 1]), Ok(1..)));
            }
            times.push(begun.elapsed());
        }
    }
    times.sort();
    let (median, last) = (times[times.len() / 2], times[times.len() - 1]);
    // On a machine full of tests: the most of them at once, and all without a time-out of somebody.
    assert!(median < Duration::from_millis(100), "{times:?}");
    assert!(last < Duration::from_secs(1), "{times:?}");
}
