//! One session over two nodes: what both say of it is of one trace, and a relay is kept as the policy has it now.

use std::net::IpAddr;
use std::time::Duration;

use flotilla_tests::network::Nlb;
use flotilla_tests::{Server, wait};
use serde_json::Value;

use super::site::{DATA_PORTS, Site};
use super::user::offer;

/// Two nodes that log everything: sessions are the first one's, and data connections come to the second one.
fn open() -> Option<(Site, Nlb)> {
    let site = Site::shared(2, |plan| {
        plan.set("telemetry.log", "json").set("telemetry.level", "info,flotilla=debug")
    })?;
    let nlb = Nlb::start_with(&site.network, [("21", vec![0]), (DATA_PORTS, vec![1])]);
    Some((site, nlb))
}

/// Lines with these words, once there are so many.
#[track_caller]
fn lines(server: &Server, words: &str, count: usize) -> Vec<Value> {
    wait::told(flotilla_tests::DEADLINE, words, || {
        let log = server.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let lines: Vec<_> = lines.filter(|line| line["message"] == words).collect();
        (lines.len() == count).then_some(lines)
    })
}

/// In clear and by TLS, down and up, with bytes and without.
#[test]
fn a_relayed_transfer_is_of_the_sessions_trace() {
    let Some((site, _nlb)) = open() else { return };
    offer(&site.fleet, "down", 100_000);
    offer(&site.fleet, "nothing", 0);
    let mut traces = Vec::new();
    for (number, tls) in (0..).zip([None, Some(site.fleet.tls())]) {
        let outside = site.go_outside();
        let client: IpAddr = site.network.client(number).into();
        let mut wire = match &tls {
            None => site.login_from(client, "alice"),
            Some(tls) => site.login_tls_from(client, tls),
        };
        assert_eq!(wire.fetch("down").len(), 100_000);
        assert_eq!(wire.fetch("nothing").len(), 0);
        wire.store("up", b"up it goes");
        wire.store("empty", b"");
        wire.ask("QUIT", 221);
        drop(outside);
        let relays = lines(&site.fleet[1], "relay ended", 4 * (traces.len() + 1));
        let ours: Vec<_> = relays
            .iter()
            .filter(|line| in_words(&line["client"]).starts_with(&client.to_string()))
            .collect();
        assert_eq!(ours.len(), 4, "{relays:#?}");
        let ends = lines(&site.fleet[0], "session ended", traces.len() + 1 + PROBES);
        let end = ends.iter().find(|line| line["client"] == client.to_string()).expect("its end");
        let trace = in_words(&end["trace_id"]);
        assert_eq!(trace.len(), 32, "{end}");
        for relay in ours {
            assert_eq!(relay["trace_id"], trace, "{relay}");
        }
        let taken =
            lines(&site.fleet[0], "data connection came through another node", relays.len());
        let taken = taken.iter().filter(|line| line["trace_id"] == trace);
        assert_eq!(taken.count(), 4);
        traces.push(trace.to_owned());
    }
    assert_ne!(traces[0], traces[1]);
}

fn in_words(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Sessions of the first node that only waited for its ports.
const PROBES: usize = 1;

/// Both of its sockets, while bytes wait in it.
#[test]
fn a_relay_is_kept_as_the_policy_has_it_now() {
    let Some((mut site, _nlb)) = open() else { return };
    offer(&site.fleet, "down", 32 << 20);
    let outside = site.go_outside();
    let client: IpAddr = site.network.client(0).into();
    let mut wire = site.login_from(client, "alice");
    let mut download = wire.begin("RETR down");
    drop(download.read(1000).unwrap());
    drop(outside);
    let owner: IpAddr = site.network.nodes()[0].v4().into();
    let patience = |server: &Server| {
        let mut found = server.patience(|peer| {
            let ip = peer.ip().to_canonical();
            ip == client || (ip == owner && peer.port() == RELAY)
        });
        found.sort_unstable();
        found
    };
    let before = patience(&site.fleet[1]);
    let other = Duration::from_secs(700);
    assert!(before.len() == 2 && !before.contains(&other), "{before:?}");
    site.fleet[1].config().set("timeouts.stalled", "700s");
    site.fleet[1].reload();
    wait::until("the sockets of the relay", || {
        (patience(&site.fleet[1]) == [other; 2]).then_some(())
    });
    let _outside = site.go_outside();
    assert_eq!(download.read_all().unwrap().len(), (32 << 20) - 1000);
    wire.expect(226);
}

/// Where nodes bring each other data connections.
const RELAY: u16 = 2120;
