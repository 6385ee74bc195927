//! Nodes with public addresses of their own.

use flotilla_tests::network::{Nlb, public};

use super::site::Site;
use super::user::{Security, User, offer};

fn open(nodes: usize) -> Option<Site> {
    Site::open(nodes, |plan, network| {
        network.publish();
        plan.set_apart("ftp.passive.address", (0..nodes).map(|node| public(node).to_string()))
    })
}

/// Each node is reached at its own address, data connections too.
#[test]
fn nodes_are_reached_at_their_own_addresses() {
    let Some(site) = open(2) else { return };
    offer(&site.fleet, "down", 300_000);
    for node in 0..2 {
        let user = User::new(&site.fleet, site.clients(), public(node));
        user.succeed(user.curl(Security::Tls).args([&user.url("down"), "-o", "down"]));
        user.assert_got(&site.fleet, "down");
        user.write("up", 300_000);
        user.succeed(user.lftp(Security::Clear, "put up"));
        user.assert_put(&site.fleet, "up");
        user.succeed(user.python(Security::Tls).args(["get", "down", "put", "up"]));
        user.assert_got(&site.fleet, "down");
        user.succeed(user.rclone(Security::Tls).args(["copy", "there:", "."]));
        user.assert_got(&site.fleet, "up");
    }
}

/// A balancer that keeps the clients' addresses leads to a node; the node's reply to PASV leads to
/// the node itself.
#[test]
fn control_connections_go_through_a_balancer() {
    let Some(site) = open(2) else { return };
    let _nlb = Nlb::start(&site.network, "21");
    offer(&site.fleet, "down", 300_000);
    let client = site.network.client(77);
    let mut wire = site.login_from(client, "alice");
    let address = wire.pasv();
    assert!([public(0), public(1)].iter().any(|public| address.ip() == *public), "{address}");
    let who = site.who(1);
    assert!(who[0]["client"].as_str().unwrap().starts_with(&client.to_string()), "{who:?}");
}
