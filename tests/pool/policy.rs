//! What the leader decided is known to all, and told by all.

use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;

use flotilla_tests::fleet::name;
use flotilla_tests::{Fleet, Redis, wait};
use serde_json::Value;

use super::{BEATS, HINTED};

/// One revision everywhere, by the leader, with the limits that hold.
#[test]
fn all_nodes_tell_the_same() {
    let redis = Redis::start();
    let fleet = Fleet::plan(redis.url()).set("limits.sessions", 77).start(3);
    let leader = fleet[0].tell(&["nodes"])["leader"].clone();
    let told = wait::told(BEATS, "one policy", || {
        let mut told = fleet.nodes().iter().map(|node| {
            let mut told = node.tell(&["policy"]);
            // They listen at different addresses.
            let listeners = told.as_object_mut().unwrap().remove("listeners").unwrap();
            let address = listeners[0]["address"].as_str().unwrap();
            assert!(address.starts_with(&node.address().to_string()), "{listeners}");
            told
        });
        let first = told.next().filter(|first| first["limits"]["sessions"] == 77)?;
        told.all(|other| other == first).then_some(first)
    });
    assert_eq!(told["by"], leader);
    assert!(told["revision"].as_u64().is_some_and(|revision| revision > 0), "{told}");
}

/// A limit that the leader learns by a reload holds on all within a second.
#[test]
fn a_change_reaches_all_nodes() {
    let redis = Redis::start();
    let mut fleet = Fleet::start(&redis, 3);
    let leader = fleet[0].tell(&["nodes"])["leader"].clone();
    let leads = (0..3).find(|index| leader == name(index + 1)).unwrap();
    let before: Value = fleet[leads].tell(&["policy"])["revision"].clone();
    fleet[leads].config().set("limits.sessions", 1);
    fleet[leads].reload();
    wait::told(BEATS, "another policy", || {
        (fleet[leads].tell(&["policy"])["revision"] != before).then_some(())
    });
    for node in fleet.nodes() {
        wait::told(HINTED, "the change", || {
            (node.tell(&["policy"])["limits"]["sessions"] == 1).then_some(())
        });
    }
    let _held = fleet[0].login();
    assert!(fleet[1].attempt("alice").unwrap_err().contains("limits.sessions"));
}

/// How connections are kept alive is told by the leader, and connections that live take it over: control,
/// data and SSH, on every node.
#[test]
fn probes_of_live_connections_follow_the_policy() {
    let redis = Redis::start();
    let mut fleet = Fleet::start(&redis, 2);
    let leader = fleet[0].tell(&["nodes"])["leader"].clone();
    let leads = usize::from(leader == name(2));
    let other = &fleet[1 - leads];
    let mut control = other.login();
    // An upload of which no byte comes.
    let mut data = control.begin("STOR silent");
    let mut ssh = TcpStream::connect(other.ssh()).unwrap();
    ssh.write_all(b"SSH-2.0-test\r\n").unwrap();
    let ports = [
        peer_port(control.stream().tcp()),
        peer_port(data.stream().tcp()),
        ssh.peer_addr().unwrap().port(),
    ];
    let address = other.address();
    for port in ports {
        wait::until("the probes of a path that nothing is known of", || {
            (probe_s(address, port)? > 30).then_some(())
        });
    }
    fleet[leads].config().set("ingress.balancer", "network");
    fleet[leads].config().set("ingress.idle_timeout", "30s");
    fleet[leads].reload();
    for port in ports {
        wait::told(BEATS, "the probes of the policy", || {
            (probe_s(address, port)? <= 10).then_some(())
        });
    }
}

fn peer_port(socket: &TcpStream) -> u16 {
    socket.peer_addr().unwrap().port()
}

/// Until the first probe on the connection to this port of a node, as the kernel has it.
fn probe_s(node: Ipv4Addr, port: u16) -> Option<u64> {
    let filter = format!("src {node} and sport = :{port}");
    let told = Command::new("ss").args(["-Htno", "state", "established"]).arg(&filter).output();
    let told = String::from_utf8(told.expect("ss of iproute2 runs").stdout).unwrap();
    let (_, timer) = told.split_once("timer:(keepalive,")?;
    let (left, _) = timer.split_once(',')?;
    // `1min14sec`, `9.8sec`, `640ms`.
    let (minutes, rest) = left.split_once("min").unwrap_or(("0", left));
    let seconds = rest.split_once("sec").map_or(0.0, |(seconds, _)| seconds.parse().unwrap_or(0.0));
    Some(minutes.parse::<u64>().unwrap() * 60 + seconds as u64)
}

/// The passive ports of all nodes, from any of them.
#[test]
fn ports_are_told() {
    let redis = Redis::start();
    let fleet = Fleet::start(&redis, 2);
    let told = fleet[1].tell(&["ports"]).to_string();
    assert!(told.contains("n1") && told.contains("n2"), "{told}");
    let table = fleet[0].verb(&["ports"]).succeed().stdout;
    assert!(table.contains("n1") && table.contains("n2"), "{table}");
}
