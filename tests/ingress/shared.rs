//! Private nodes behind one address: every connection comes to any of them, and whoever gets a data
//! connection that is another's brings it there.

use std::net::IpAddr;

use flotilla_tests::content::{Content, assert_same};
use flotilla_tests::network::{Nlb, VIP, VIP6};
use flotilla_tests::{Data, Wire};

use super::site::{ALL_PORTS, Site};
use super::user::{Security, User, offer};

fn open() -> Option<(Site, Nlb)> {
    let site = Site::shared(3, |plan| plan)?;
    let nlb = Nlb::start(&site.network, ALL_PORTS);
    Some((site, nlb))
}

/// Of three nodes, two are not the right one.
#[track_caller]
fn assert_two_thirds_relayed(site: &mut Site) {
    let all = site.sum("flotilla_transfers_total");
    let relayed = site.sum("flotilla_relay_sent_total");
    assert_eq!(site.sum("flotilla_relay_received_total"), relayed);
    assert_eq!(site.sum("flotilla_relay_refused_total"), 0);
    let share = relayed as f64 / all as f64;
    // Five deviations of a fair coin's.
    let deviation = (2.0 / 9.0 / all as f64).sqrt();
    println!("{relayed} of {all} data connections were relayed");
    assert!((share - 2.0 / 3.0).abs() < 5.0 * deviation, "{relayed} of {all} were relayed");
}

/// Trees of 500 files, there and back.
fn mirrors(security: Security, settings: &str) {
    let Some((mut site, _nlb)) = open() else { return };
    let user = User::new(&site.fleet, site.clients(), VIP);
    let names: Vec<String> = (0..500).map(|number| format!("{}/{number}", number % 10)).collect();
    for (number, name) in names.iter().enumerate() {
        user.write(&format!("tree/{name}"), number * 97 % 40_000);
    }
    let script = format!(
        "{settings}\nmirror --reverse --parallel=4 tree copy\nmirror --parallel=4 copy back"
    );
    user.succeed(user.lftp(security, &script));
    for name in &names {
        let ours = std::fs::read(user.here(&format!("tree/{name}"))).unwrap();
        let back = std::fs::read(user.here(&format!("back/{name}"))).unwrap();
        assert_same(name, &back, &ours);
        assert_same(name, &std::fs::read(site.fleet.file(format!("copy/{name}"))).unwrap(), &ours);
    }
    assert_two_thirds_relayed(&mut site);
}

#[test]
fn lftp_mirrors_trees_by_pasv() {
    mirrors(Security::Clear, "set ftp:prefer-epsv no");
}

#[test]
fn lftp_mirrors_trees_by_epsv() {
    mirrors(Security::Clear, "set ftp:prefer-epsv yes");
}

#[test]
fn lftp_mirrors_trees_under_tls() {
    mirrors(Security::Tls, "set ftp:prefer-epsv no");
}

#[test]
fn lftp_mirrors_trees_under_tls_by_epsv() {
    mirrors(Security::Tls, "set ftp:prefer-epsv yes");
}

/// What programs do with this address of the pool.
fn serves_programs(server: IpAddr) {
    let Some((mut site, _nlb)) = open() else { return };
    let user = User::new(&site.fleet, site.clients(), server);
    let v4 = server.is_ipv4();
    offer(&site.fleet, "there/down", 3 << 20);
    user.write("here/up", 3 << 20);
    for security in [Security::Clear, Security::Tls] {
        for way in ["--ftp-pasv", "--disable-epsv"] {
            if way == "--disable-epsv" && !v4 {
                continue;
            }
            std::fs::create_dir_all(user.here("there")).unwrap();
            let curl = || user.curl(security).arg(way);
            let url = |path: &str| user.url(path);
            // One run, several transfers.
            let said = user.succeed(curl().args([
                "--ftp-create-dirs",
                &url("there/down"),
                "-o",
                "there/down",
                &url("there/down"),
                "-o",
                "there/again",
            ]));
            let expected = if way == "--disable-epsv" { "< 227" } else { "< 229" };
            assert!(said.stderr.contains(expected), "{said}");
            user.assert_got(&site.fleet, "there/down");
            user.succeed(curl().args(["--ftp-create-dirs", "-T", "here/up", &url("here/up")]));
            user.assert_put(&site.fleet, "here/up");
        }
        forget(&site, &user);
        user.succeed(user.rclone(security).args(["copy", "there:there", "there"]));
        user.succeed(user.rclone(security).args(["copy", "here", "there:here"]));
        user.assert_got(&site.fleet, "there/down");
        user.assert_put(&site.fleet, "here/up");
        forget(&site, &user);
        user.succeed(user.python(security).args([
            "get",
            "there/down",
            "put",
            "here/up",
            "get",
            "there/down",
        ]));
        user.assert_got(&site.fleet, "there/down");
        user.assert_put(&site.fleet, "here/up");
        forget(&site, &user);
        user.succeed(user.lftp(security, "get there/down -o there/down\nput here/up -o here/up"));
        user.assert_got(&site.fleet, "there/down");
        user.assert_put(&site.fleet, "here/up");
    }
    assert!(site.sum("flotilla_relay_sent_total") > 0);
}

/// What the last program moved is not there any more.
fn forget(site: &Site, user: &User) {
    let _ = std::fs::remove_file(user.here("there/down"));
    let _ = std::fs::remove_file(site.fleet.file("here/up"));
}

#[test]
fn programs_are_served() {
    serves_programs(VIP.into());
}

#[test]
fn programs_are_served_over_ipv6() {
    serves_programs(VIP6.into());
}

/// TLS is between the client and the owner, whoever brings the connection: sessions are resumed,
/// and must be.
#[test]
fn sessions_are_resumed_through_other_nodes() {
    let change = |plan: flotilla_tests::fleet::Plan| plan.set("ftp.passive.data_reuse", "require");
    let Some(mut site) = Site::shared(3, change) else { return };
    let _nlb = Nlb::start(&site.network, ALL_PORTS);
    offer(&site.fleet, "down", 100_000);
    let expected = std::fs::read(site.fleet.file("down")).unwrap();
    let _outside = site.go_outside();
    for (number, tls) in (0..).zip([site.fleet.tls().tls12(), site.fleet.tls().tls13()]) {
        let mut wire = site.login_tls_from(site.network.client(number), &tls);
        for round in 0..30 {
            assert_same("the download", &wire.fetch("down"), &expected);
            wire.store("up", &expected[round..]);
            assert_same("up", &std::fs::read(site.fleet.file("up")).unwrap(), &expected[round..]);
        }
    }
    let user = User::new(&site.fleet, site.clients(), VIP);
    for _ in 0..5 {
        let curl = |version: &str| user.curl(Security::Tls).args(["--tls-max", version]);
        user.succeed(curl("1.2").args([&user.url("down"), "-o", "down"]));
        user.succeed(curl("1.3").args([&user.url("down"), "-o", "down"]));
        user.assert_got(&site.fleet, "down");
        user.succeed(user.python(Security::Tls).args(["get", "down", "put", "down"]));
        user.succeed(user.lftp(Security::Tls, "get down"));
        user.assert_got(&site.fleet, "down");
    }
    assert_two_thirds_relayed(&mut site);
}

/// 48 ports, one address, 1,000 clients, all at once: their addresses tell them apart.
#[test]
fn a_thousand_clients_share_48_ports() {
    let Some((mut site, _nlb)) = open() else { return };
    let threads = 4;
    let began = std::sync::Barrier::new(threads);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (site, began) = (&site, &began);
            scope.spawn(move || {
                let _outside = site.go_outside();
                let mut open: Vec<(u32, Wire, Data)> = (0..1000)
                    .filter(|number| *number as usize % threads == thread)
                    .map(|number| {
                        let mut wire = site.login_from(site.network.client(number), "alice");
                        let mut data = wire.begin(format!("STOR of-{number}"));
                        data.write(&content(number)[..5000]).unwrap();
                        (number, wire, data)
                    })
                    .collect();
                // Now all of them transfer.
                began.wait();
                for (number, mut wire, data) in open.drain(..) {
                    data.finish(&content(number)[5000..]).unwrap();
                    wire.expect(226);
                }
            });
        }
    });
    for number in 0..1000 {
        let file = std::fs::read(site.fleet.file(format!("of-{number}"))).unwrap();
        assert_same(&format!("of-{number}"), &file, &content(number));
    }
    assert_two_thirds_relayed(&mut site);
}

fn content(number: u32) -> Vec<u8> {
    Content::new(number.into()).bytes(10_000)
}

/// A client that reads slowly, one that ends its side first, one that breaks off: the same as
/// without a relay.
#[test]
fn ends_and_pauses_pass_through() {
    let Some(site) = Site::shared(2, |plan| plan) else { return };
    // All that comes to the second node is the first one's.
    let _nlb =
        Nlb::start_with(&site.network, [("21", vec![0]), (super::site::DATA_PORTS, vec![1])]);
    offer(&site.fleet, "down", 20 << 20);
    let expected = std::fs::read(site.fleet.file("down")).unwrap();
    let _outside = site.go_outside();
    let mut wire = site.login_from(site.network.client(1), "alice");
    let mut data = wire.begin("RETR down");
    let mut got = data.read(100_000).unwrap();
    // Whoever waits, waits with bounded buffers: the file is not behind the relay already.
    let moved = site.fleet[1].metric("flotilla_relay_bytes_total");
    assert!(moved < 16 << 20, "{moved} bytes were relayed, of which 100,000 were read");
    got.extend(data.read_all().unwrap());
    wire.expect(226);
    assert_same("the download", &got, &expected);
    // An upload ends with the client's side.
    let data = wire.begin("STOR up");
    data.finish(&expected[..1 << 20]).unwrap();
    wire.expect(226);
    assert_same("up", &std::fs::read(site.fleet.file("up")).unwrap(), &expected[..1 << 20]);
    // A reset is a reset: never the end of a file.
    let mut data = wire.begin("STOR broken");
    data.write(&expected[..1 << 20]).unwrap();
    data.reset();
    wire.expect_any(&[426, 451]);
    let mut data = wire.begin("RETR down");
    data.read(1000).unwrap();
    data.reset();
    wire.expect_any(&[426, 451]);
    // ABOR in mid-transfer.
    let mut data = wire.begin("RETR down");
    data.read(1000).unwrap();
    wire.send("ABOR");
    wire.expect_any(&[426, 451]);
    wire.expect_any(&[225, 226]);
    drop(data);
    assert_same("the download", &wire.fetch("down"), &expected);
    assert_eq!(site.fleet[1].metric("flotilla_relay_sent_total"), 6);
    assert_eq!(site.fleet[0].metric("flotilla_relay_received_total"), 6);
    flotilla_tests::wait::until("no relay to be left", || {
        (site.fleet[1].metric("flotilla_relay_active") == 0).then_some(())
    });
}
