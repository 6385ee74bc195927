//! Who the instance is, and what follows from it (issue 6, "Identity").

use std::net::SocketAddr;
use std::time::Duration;

use flotilla_tests::network::public;
use flotilla_tests::{Server, Wire, wait};

use super::site::Site;

/// Metadata are asked every half minute.
const MOVED: Duration = Duration::from_secs(45);

fn modes(node: &Server) -> Vec<(String, String)> {
    let told = node.tell(&["policy"]);
    let listeners = told["listeners"].as_array().unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    listeners.iter().map(|of| (text(&of["mode"]), text(&of["reason"]))).collect()
}

/// A public address: clients outside are told it, clients in the VPC the private one; and when it moves, the next
/// reply of a session that lasts has the new one.
#[test]
fn a_moved_address_is_in_the_next_reply() {
    let Some(site) = Site::open(1, |plan, _| plan.set("aws.security_groups", false)) else {
        return;
    };
    let node = &site.fleet[0];
    assert!(modes(node).iter().all(|(mode, _)| mode == "direct"), "{:?}", modes(node));
    let host = &site.network.nodes()[0];
    let listener = SocketAddr::from((host.v4(), 21));
    let mut inside = site.network.store().run(|| Wire::connect(listener));
    inside.expect(220);
    inside.login("alice");
    assert_eq!(inside.pasv().ip(), host.v4());
    let from = site.network.client(1);
    let outside = SocketAddr::from((public(0), 21));
    let mut wire = site.network.clients().run(|| Wire::connect_from(from, outside));
    wire.expect(220);
    wire.login("alice");
    assert_eq!(wire.pasv().ip(), public(0));
    let moved = public(7);
    site.fake.world().cloud.move_address(&site.instances[0], Some(moved));
    wait::told(MOVED, "the new address in a reply", || {
        std::thread::sleep(Duration::from_millis(200));
        (wire.pasv().ip() == moved).then_some(())
    });
    assert!(node.log().contains("the public address moved"));
}

/// Without a public address the pool shares one: passive ports are leased.
#[test]
fn private_instances_share() {
    let private = Site::with(2, |_| None, |plan, _| plan.set("aws.security_groups", false));
    let Some(site) = private else { return };
    for (mode, reason) in modes(&site.fleet[0]) {
        assert_eq!(mode, "shared");
        assert_eq!(reason, "the instance has no public address");
    }
    let nodes = site.fleet[0].tell(&["nodes"]);
    let told: Vec<_> =
        nodes["nodes"].as_array().unwrap().iter().map(|of| of["instance"].clone()).collect();
    for instance in &site.instances {
        assert!(told.iter().any(|of| of == instance), "{nodes:#}");
    }
}
