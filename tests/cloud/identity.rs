//! Who the instance is, and what follows from it (issue 6, "Identity").

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use flotilla_aws_fake::ec2::NewInstance;
use flotilla_aws_fake::{Fake, Settings};
use flotilla_tests::network::public;
use flotilla_tests::{Server, Wire, wait};
use serde_json::json;

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
    wait::told(MOVED, "the new address in a reply", || (wire.pasv().ip() == moved).then_some(()));
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

/// A task of ECS is told neither its public address nor by whom to ask for it: EC2 knows it by the hardware address.
#[test]
fn the_public_address_of_a_task_is_asked_of_ec2() {
    let fake = Fake::start(Settings::default()).unwrap();
    let wanted = NewInstance { public: Some(public(3)), ..NewInstance::default() };
    let (instance, _) = fake.add_instance(wanted).unwrap();
    let (mac, private) = {
        let world = fake.world();
        let interface = world.cloud.interfaces_of(&instance)[0];
        (interface.mac.clone(), interface.private[0])
    };
    let task = json!({
        "TaskARN": "arn:aws:ecs:eu-central-1:123456789012:task/fleet/0123456789abcdef",
        "AvailabilityZone": "eu-central-1a",
        "Containers": [{ "Networks": [{
            "NetworkMode": "awsvpc",
            "IPv4Addresses": [private],
            "IPv4SubnetCIDRBlock": "10.0.0.0/20",
            "MACAddress": mac,
        }]}],
    });
    let metadata = metadata_of_task(&task.to_string());
    let node = Server::builder()
        .set("aws.enabled", true)
        .set("aws.endpoint", fake.url())
        .set("aws.security_groups", false)
        .set("aws.balancer", "off")
        .env("ECS_CONTAINER_METADATA_URI_V4", &metadata)
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
        .start();
    assert!(node.log().contains(&format!("public={}", public(3))), "{}", node.log());
    let calls = fake.world().log.since(0).filter(|call| call.service == "ec2").count();
    assert_eq!(calls, 1, "one call for one task");
}

/// Answers every question with this task, for as long as the test runs.
fn metadata_of_task(task: &str) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{task}",
        task.len()
    );
    std::thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let _ = client.read(&mut [0; 4096]);
            let _ = client.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}/v4/0123456789abcdef")
}
