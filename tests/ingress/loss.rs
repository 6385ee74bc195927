//! Something dies in mid-transfer: the owner of a session, the node in between, the store.

use std::time::{Duration, Instant};

use flotilla_tests::content::assert_same;
use flotilla_tests::network::Nlb;
use flotilla_tests::{Content, Data, Wire, wait};
use rustix::process::Signal;

use super::site::{ALL_PORTS, DATA_PORTS, Site};

const BIG: usize = 32 << 20;

/// Three nodes: sessions are the first one's, and data connections come to the second one.
fn open() -> Option<(Site, Nlb)> {
    let site = Site::shared(3, |plan| plan)?;
    Content::new(1).write_repeated(&site.fleet.file("down"), BIG as u64);
    let nlb = Nlb::start_with(&site.network, [("21", vec![0]), (DATA_PORTS, vec![1])]);
    Some((site, nlb))
}

/// Begins a download and an upload of a client.
fn begin(site: &Site, client: u32) -> [(Wire, Data); 2] {
    ["RETR down".to_owned(), format!("STOR up-{client}")].map(|command| {
        let mut wire = site.login_from(site.network.client(client), "alice");
        let mut data = wire.begin(&command);
        match command.starts_with("RETR") {
            true => drop(data.read(1000).unwrap()),
            false => data.write(&[7; 100_000]).unwrap(),
        }
        (wire, data)
    })
}

/// The session's node: all that is left of the session is gone, and no file looks whole.
#[test]
fn the_owner_is_killed() {
    let Some((mut site, mut nlb)) = open() else { return };
    let _outside = site.go_outside();
    let [(mut wire, download), (_upload_wire, mut upload)] = begin(&site, 1);
    site.fleet[0].kill();
    // What the kernel ends looks like an end of the file: that 226 does not come says that it is none.
    assert!(download.read_all().map_or(0, |bytes| bytes.len()) < BIG - 1000);
    wire.expect_end();
    wait::until("the upload to break", || upload.write(&[7; 100_000]).is_err().then_some(()));
    assert!(!site.fleet.file("up-1").exists());
    wait::until("the relays to end", || {
        (site.fleet[1].metric("flotilla_relay_active") == 0).then_some(())
    });
    // The others go on, and take new clients.
    nlb.route([(ALL_PORTS, vec![1, 2])]);
    let mut wire = site.login_from(site.network.client(2), "alice");
    for _ in 0..10 {
        assert_eq!(wire.fetch("down").len(), BIG);
    }
}

/// The node in between: its relayed connections are gone, their sessions are not, and what went
/// another way goes on.
#[test]
fn the_relaying_node_is_killed() {
    let Some((mut site, mut nlb)) = open() else { return };
    let _outside = site.go_outside();
    let [(mut wire, download), (mut upload_wire, mut upload)] = begin(&site, 1);
    // These go by the third node, and straight to the first one.
    nlb.route([("21", vec![0]), (DATA_PORTS, vec![2])]);
    let [(mut third_wire, third), (mut third_upload_wire, third_upload)] = begin(&site, 2);
    nlb.route([("21", vec![0]), (DATA_PORTS, vec![0])]);
    let [(mut own_wire, own), (mut own_upload_wire, own_upload)] = begin(&site, 3);
    site.fleet[1].kill();
    assert!(download.read_all().map_or(0, |bytes| bytes.len()) < BIG - 1000);
    wire.expect_any(&[426, 451]);
    wait::until("the upload to break", || upload.write(&[7; 100_000]).is_err().then_some(()));
    upload_wire.expect_any(&[426, 451]);
    assert!(!site.fleet.file("up-1").exists());
    // The same sessions go on, another way.
    assert_eq!(wire.fetch("down").len(), BIG);
    upload_wire.store("up-1", b"again");
    for (wire, data) in [(&mut third_wire, third), (&mut own_wire, own)] {
        assert_eq!(data.read_all().unwrap().len(), BIG - 1000);
        wire.expect(226);
    }
    for (wire, data) in [(&mut third_upload_wire, third_upload), (&mut own_upload_wire, own_upload)]
    {
        data.finish(b"the end").unwrap();
        wire.expect(226);
    }
    for client in [2, 3] {
        let bytes = std::fs::read(site.fleet.file(format!("up-{client}"))).unwrap();
        assert_eq!((bytes.len(), bytes.ends_with(b"the end")), (100_007, true));
    }
}

/// A node in between that is told to stop waits for what it carries as for sessions of its own.
#[test]
fn the_relaying_node_is_stopped() {
    let Some((mut site, nlb)) = open() else { return };
    let outside = site.go_outside();
    let [(mut wire, download), (mut upload_wire, upload)] = begin(&site, 1);
    drop(outside);
    site.fleet[1].signal(Signal::TERM);
    wait::until("the drain", || site.fleet[1].log().contains("draining").then_some(()));
    let outside = site.go_outside();
    assert_eq!(download.read_all().unwrap().len(), BIG - 1000);
    wire.expect(226);
    upload.finish(b"the end").unwrap();
    upload_wire.expect(226);
    drop((outside, nlb));
    assert_eq!(site.fleet[1].wait(Duration::from_secs(20)), Some(0));
}

/// The store: nobody notices.
#[test]
fn redis_is_killed() {
    let Some(mut site) = Site::shared(3, |plan| plan) else { return };
    let _nlb = Nlb::start(&site.network, ALL_PORTS);
    let _outside = site.go_outside();
    let mut before: Vec<Wire> =
        (0..6).map(|client| site.login_from(site.network.client(client), "alice")).collect();
    site.redis.kill();
    let begun = Instant::now();
    let mut rounds = 0;
    // Longer than a lease of the store.
    let away = Duration::from_secs(if flotilla_tests::long() { 60 } else { 12 });
    while begun.elapsed() < away {
        rounds += 1;
        let mut after = site.login_from(site.network.client(100 + rounds), "alice");
        for (number, wire) in (0..).zip(before.iter_mut().chain([&mut after])) {
            let bytes = Content::new(number).bytes(5000);
            wire.store(&format!("of-{number}"), &bytes);
            assert_same("a file", &wire.fetch(&format!("of-{number}")), &bytes);
        }
    }
    site.redis.start_empty();
    site.fleet.wait_for_store(Duration::from_secs(20), "fine");
    for wire in &mut before {
        wire.store("after", b"bytes");
        assert_eq!(wire.fetch("after"), b"bytes");
    }
    assert!(site.sum("flotilla_relay_sent_total") > 0);
    assert_eq!(site.sum("flotilla_relay_refused_total"), 0);
}
