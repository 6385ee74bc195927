//! A session that two nodes have to do with is one trace.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use flotilla_tests::content::{Content, assert_same};
use flotilla_tests::fleet::Plan;
use flotilla_tests::{DEADLINE, Data, Fleet, Redis, Wire, wait};

use crate::arrived::Span;
use crate::receiver::Receiver;

/// Nodes `here` and `there` of one pool in shared mode, each at an address of its own.
fn nodes(plan: Plan) -> Fleet {
    let mut fleet = plan
        .set("ingress.mode", "shared")
        .set("ingress.addresses", ["203.0.113.10"])
        .set("telemetry.sample", 1)
        .prepare();
    for id in ["here", "there"] {
        let node = fleet.another(id);
        let relay = format!("{}:2120", node.address());
        fleet.join(node.set("relay.listen", relay.as_str()).set("relay.address", relay));
    }
    for (seer, id) in [(0, "there"), (1, "here")] {
        fleet.wait_for_state(DEADLINE, seer, id, "ready");
    }
    fleet
}

/// Connects to a node once it offers passive ports, from an address of a client's own.
fn login(address: SocketAddr) -> Wire {
    let mut wire = Wire::connect_from(CLIENT, address);
    wire.expect(220);
    wire.login("alice");
    wait::told(DEADLINE, "passive ports", || {
        wire.send("EPSV");
        (wire.expect_any(&[229, 425]).code == 229).then_some(())
    });
    wire
}

/// A data connection that reaches the wrong node is brought to the right one, and both tell of it in one trace: the
/// session and its transfer on the one, the relay below the transfer on the other.
#[test]
fn a_relayed_transfer_is_in_the_trace_of_its_session() {
    let (redis, receiver) = (Redis::start(), Receiver::start());
    let endpoint = format!("http://{}", receiver.grpc());
    let plan = Fleet::plan(redis.url())
        .set("telemetry.otlp_endpoint", endpoint)
        .set("telemetry.otlp_protocol", "grpc");
    let bytes = Content::new(5).bytes(300_000);
    let fleet = nodes(plan.file("down", &bytes));
    let mut wire = login(fleet[1].ftp());
    // The port is one of the node `there`; the client comes to `here`.
    let wrong = SocketAddr::new(fleet[0].address().into(), wire.epsv().port());
    let data = Data::connect_from(CLIENT, wrong).expect("every node listens on every port");
    wire.send("RETR down");
    wire.expect(150);
    assert_same("the download", &data.read_all().unwrap(), &bytes);
    wire.expect(226);
    wire.ask("QUIT", 221);
    assert_eq!(fleet[0].metric("flotilla_relay_sent_total"), 1);

    let root = receiver.wait_for("the session", |span| {
        span.name == "ftp session"
            && span.node == "there"
            && span.attributes["flotilla.downloads"] == 1
    });
    let relay =
        receiver.wait_for("the relay", |span| span.name == "relay" && span.trace == root.trace);
    let spans = receiver.spans();
    let trace: BTreeMap<&str, &Span> = spans
        .iter()
        .filter(|span| span.trace == root.trace)
        .map(|span| (span.id.as_str(), span))
        .collect();
    let names: Vec<_> = trace.values().map(|span| (&span.node, &span.name)).collect();
    assert_eq!(root.parent, "", "{names:?}");
    let transfer = trace
        .get(&*relay.parent)
        .unwrap_or_else(|| panic!("the relay hangs in the air: {names:?}"));
    assert_eq!((relay.node.as_str(), transfer.node.as_str()), ("here", "there"), "{names:?}");
    assert_eq!(transfer.parent, root.id, "{transfer:#?}");
    assert_eq!(transfer.attributes["flotilla.bytes"], 300_000, "{transfer:#?}");
    let path = transfer.attributes["file.path"].as_str().unwrap();
    assert!(path.ends_with("/down"), "{transfer:#?}");
    for span in trace.values() {
        let is_root = span.id == root.id;
        assert!(is_root || trace.contains_key(&*span.parent), "it hangs in the air: {span:#?}");
        assert_eq!(span.parent.is_empty(), is_root, "there is one root: {span:#?}");
        assert_eq!(span.node == "here", span.id == relay.id, "{span:#?}");
    }
}

/// Clear of what servers and other tests have.
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 200, 71, 1));
