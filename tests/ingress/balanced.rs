//! A balancer for control connections alone: data connections go to the node's own address, so the
//! port alone (EPSV) would lead a client to the balancer, and to another node behind it.

use std::net::SocketAddr;

use flotilla_tests::network::{Classic, Nlb, VIP, VIP6, Version, public};
use flotilla_tests::{Data, Wire};

use super::site::Site;
use super::user::{Security, User, offer};

/// Two nodes with public addresses, for data.
fn open(proxy: &str) -> Option<Site> {
    Site::open(2, |plan, network| {
        network.publish();
        plan.set("ingress.mode", "balanced")
            .set("ingress.proxy_protocol", proxy)
            .set("ingress.balancers", [&*format!("{}/32", network.router().v4())])
            .set_apart("ftp.passive.address", (0..2).map(|node| public(node).to_string()))
    })
}

/// What FEAT offers works, and what does not work is refused with the code that clients know.
#[test]
fn epsv_is_neither_offered_nor_given() {
    let Some(site) = open("off") else { return };
    let _nlb = Nlb::start(&site.network, "21");
    let mut wire = site.login_from(site.network.client(1), "alice");
    let features = wire.ask("FEAT", 211).middle();
    assert!(!features.iter().any(|feature| feature.contains("EPSV")), "{features:?}");
    for command in ["EPSV", "EPSV 1", "EPSV 2"] {
        wire.ask(command, 522);
    }
    wire.ask_any("EPSV ALL", &[500, 502, 504, 522]);
    let address = wire.pasv();
    assert!([public(0), public(1)].iter().any(|public| address.ip() == *public), "{address}");
    // There is no way to say an address of IPv6.
    let mut wire = site.login_from(site.network.client6(1), "alice");
    wire.ask("EPSV", 522);
    wire.ask_any("PASV", &[425, 501, 502, 522]);
}

/// Programs fall back to PASV by themselves. Some must be told to believe the address in its reply:
/// they take that of the control connection in its place, which is the balancer's here.
fn programs_fall_back(site: &Site) {
    offer(&site.fleet, "down", 300_000);
    let user = User::new(&site.fleet, site.clients(), VIP);
    for security in [Security::Clear, Security::Tls] {
        let curl = user.curl(security).arg("--no-ftp-skip-pasv-ip");
        let said = user.succeed(curl.args([&user.url("down"), "-o", "down"])).stderr;
        assert!(said.contains("< 522") && said.contains("< 227"), "{said}");
        user.assert_got(&site.fleet, "down");
        user.write("up", 300_000);
        user.succeed(user.lftp(security, "put up"));
        user.assert_put(&site.fleet, "up");
        std::fs::remove_file(site.fleet.file("up")).unwrap();
        user.succeed(user.python(security).args(["trust", "get", "down", "put", "up"]));
        user.assert_put(&site.fleet, "up");
        user.assert_got(&site.fleet, "down");
    }
    user.succeed(user.rclone(Security::Tls).args(["copy", "there:", "."]));
}

#[test]
fn programs_fall_back_behind_a_network_balancer() {
    let Some(site) = open("off") else { return };
    let _nlb = Nlb::start(&site.network, "21");
    programs_fall_back(&site);
}

/// Data connections are known by the address in the header of the control connection.
#[test]
fn programs_fall_back_behind_a_classic_balancer() {
    let Some(site) = open("v1") else { return };
    let _classic = Classic::plan(&site.network).port(21, Version::V1, &[0, 1]).start();
    programs_fall_back(&site);
    let mut wire = site.login_from(site.network.client(1), "alice");
    let _outside = site.go_outside();
    let address = wire.pasv();
    let stranger = Data::connect_from(site.network.client(2).into(), address).unwrap();
    assert!(stranger.is_refused());
    let data = Data::connect_from(site.network.client(1).into(), address).unwrap();
    wire.send("RETR down");
    wire.expect(150);
    assert_eq!(data.read_all().unwrap().len(), 300_000);
    wire.expect(226);
}

/// A listener may be of another mode than the rest: here the one for IPv6.
#[test]
fn a_listener_has_a_mode_of_its_own() {
    let Some(site) = Site::open(1, |plan, network| {
        let other = SocketAddr::from((network.nodes()[0].v6(), 21));
        plan.set("ingress.mode", "balanced").set("ingress.listeners", [&*format!("{other}=direct")])
    }) else {
        return;
    };
    let _nlb = Nlb::start(&site.network, super::site::ALL_PORTS);
    site.login_from(site.network.client(1), "alice").ask("EPSV", 522);
    let mut wire = site.login_from(site.network.client6(1), "alice");
    offer(&site.fleet, "down", 1000);
    let _outside = site.go_outside();
    assert_eq!(wire.fetch("down").len(), 1000);
    drop(wire);
    let told = site.fleet[0].tell(&["policy"]).to_string();
    assert!(told.contains("balanced") && told.contains("direct"), "{told}");
    let mut wire = Wire::connect(SocketAddr::from((VIP6, 21)));
    wire.expect(220);
}
