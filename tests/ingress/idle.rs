//! Transfers that last longer than a balancer remembers a silent connection: the control connection
//! says nothing all the time, and must be there at the end.
//!
//! What each client makes of it is a table of the manual (`node/src/manual/ingress.md`).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use flotilla_tests::fleet::Plan;
use flotilla_tests::network::{Classic, Forgets, Nlb, PASSIVE, VIP, Version};
use flotilla_tests::{Network, Program, Server, Sftp, Ssh, wait};

use super::site::{ALL_PORTS, Site};
use super::user::{Security, User, offer};

/// A program that moves one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Client {
    Curl,
    Lftp,
    Ncftp,
    Python,
    BasicFtp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Get,
    Put,
}

/// One transfer.
#[derive(Clone, Copy, Debug)]
struct Case {
    client: Client,
    security: Security,
    way: Way,
}

const CLIENTS: [Client; 5] =
    [Client::Curl, Client::Lftp, Client::Ncftp, Client::Python, Client::BasicFtp];

/// Every client both ways; ncftp has no TLS.
fn cases(securities: &[Security]) -> Vec<Case> {
    let mut cases = Vec::new();
    for client in CLIENTS {
        for security in securities {
            if (client, *security) == (Client::Ncftp, Security::Tls) {
                continue;
            }
            let both = [Way::Get, Way::Put];
            cases.extend(both.map(|way| Case { client, security: *security, way }));
        }
    }
    cases
}

impl Case {
    /// The program, to be run; nothing if it is not installed.
    fn program(&self, user: &User, file: &str) -> Option<Program> {
        let Self { client, security, way } = *self;
        let order = if way == Way::Get { "get" } else { "put" };
        let program = match (client, way) {
            (Client::Curl, Way::Get) => user.curl(security).args([&user.url(file), "-o", file]),
            (Client::Curl, Way::Put) => user.curl(security).args(["-T", file, &user.url(file)]),
            (Client::Lftp, _) => user.lftp(security, &format!("{order} {file}\nquote NOOP")),
            (Client::Ncftp, Way::Get) => {
                user.ncftp("ncftpget").args(["-Z", &user.server(), ".", file])
            }
            (Client::Ncftp, Way::Put) => user.ncftp("ncftpput").args([&user.server(), ".", file]),
            (Client::Python, _) => user.python(security).args([order, file]),
            (Client::BasicFtp, _) => user.basic_ftp(security)?.args([order, file]),
        };
        Some(program)
    }

    /// Runs it as a user with rates of their own; all that was said, if it failed.
    fn run(&self, site: &Site, name: &str) -> Result<Duration, String> {
        let user = User::new(&site.fleet, site.clients(), VIP).named(name);
        let up = format!("up-{name}");
        user.write(&up, long_transfer().1);
        let file = if self.way == Way::Get { "down" } else { &up };
        let Some(program) = self.program(&user, file) else {
            flotilla_tests::skipped("basic-ftp, which npm would install");
            return Ok(long_transfer().0);
        };
        let begun = Instant::now();
        let said = user.run(program);
        let took = begun.elapsed();
        if said.code != Some(0) {
            return Err(format!("after {took:?}: {said}"));
        }
        let there = std::fs::read(site.fleet.file(file)).unwrap_or_default();
        let here = std::fs::read(user.here(file)).unwrap_or_default();
        if here == there && here.len() == long_transfer().1 {
            Ok(took)
        } else {
            Err(format!("{} bytes here, {} there: {said}", here.len(), there.len()))
        }
    }
}

/// How long the balancer remembers a silent connection.
const TIMER: Duration = Duration::from_secs(5);

/// How long a transfer takes, and its bytes.
fn long_transfer() -> (Duration, usize) {
    let seconds = if flotilla_tests::long() { 30 } else { 15 };
    (Duration::from_secs(seconds), RATE * seconds as usize)
}

/// Bytes per second: much against what the nodes and the kernels in between hold, which the balancer
/// takes for silence when the client has sent all.
const RATE: usize = 300_000;

/// Two nodes; every case is a user.
fn open(cases: &[Case], change: impl FnOnce(Plan) -> Plan) -> Option<Site> {
    let site = Site::shared(2, |plan| {
        let users = (0..cases.len()).map(|number| {
            flotilla_tests::User::new(&format!("u{number}"))
                .set("limits.upload", RATE.to_string())
                .set("limits.download", RATE.to_string())
        });
        let plan = users.fold(plan, Plan::user);
        let seconds = format!("{}s", TIMER.as_secs());
        change(plan.set("ingress.idle_timeout", seconds))
    })?;
    offer(&site.fleet, "down", long_transfer().1);
    Some(site)
}

/// All cases at once; the failures.
fn run(site: &Site, cases: &[Case]) -> Vec<(Case, String)> {
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..)
            .zip(cases)
            .map(|(number, case)| scope.spawn(move || case.run(site, &format!("u{number}"))))
            .collect();
        let mut failures = Vec::new();
        for (case, result) in cases.iter().zip(running) {
            match result.join().unwrap() {
                Ok(took) => {
                    assert!(took >= long_transfer().0.mul_f64(0.8), "{case:?} took {took:?} only");
                }
                Err(error) => failures.push((*case, error)),
            }
        }
        failures
    })
}

#[track_caller]
fn assert_all_succeed(site: &Site, cases: &[Case]) {
    let failures = run(site, cases);
    let shown: Vec<String> =
        failures.iter().map(|(case, error)| format!("{case:?}: {error}")).collect();
    assert!(failures.is_empty(), "{} of {}:\n{}", shown.len(), cases.len(), shown.join("\n\n"));
}

fn survives_a_network_balancer(how: Forgets) {
    let cases = cases(&[Security::Clear, Security::Tls]);
    let Some(site) = open(&cases, |plan| plan) else { return };
    let nlb = Nlb::start(&site.network, ALL_PORTS);
    nlb.forget(TIMER, how);
    assert_all_succeed(&site, &cases);
}

/// Probes of TCP are packets.
#[test]
fn transfers_survive_a_network_balancer() {
    survives_a_network_balancer(Forgets::WithReset);
}

#[test]
fn transfers_survive_a_silent_network_balancer() {
    survives_a_network_balancer(Forgets::Silently);
}

/// haproxy for control and data, as a classic balancer.
fn classic(site: &Site) -> Classic {
    Classic::plan(&site.network)
        .port(21, Version::V2, &[0, 1])
        .ports(PASSIVE, Version::V2, &[0, 1])
        .idle(TIMER)
        .start()
}

fn behind_classic(site: Plan) -> Plan {
    site.set("ingress.balancer", "classic")
        .set("ingress.proxy_protocol", "v2")
        .set("ingress.data_proxy_protocol", "v2")
        .set("ingress.balancers", ["10.0.0.1/32"])
}

/// Only payload counts: new keys of TLS 1.3, which no client sees.
#[test]
fn tls_transfers_survive_a_classic_balancer() {
    let cases = cases(&[Security::Tls]);
    let Some(site) = open(&cases, behind_classic) else { return };
    let _classic = classic(&site);
    assert_all_succeed(&site, &cases);
}

/// In clear, lines of the final reply, where they are switched on.
#[test]
fn clear_transfers_survive_a_classic_balancer() {
    let cases = cases(&[Security::Clear]);
    let change = |plan| behind_classic(plan).set("ingress.progress_lines", true);
    let Some(site) = open(&cases, change) else { return };
    let _classic = classic(&site);
    assert_all_succeed(&site, &cases);
}

/// Where nothing can be done, an upload that was complete is not lost, and the log says so.
#[test]
fn a_complete_upload_is_not_lost_with_its_control_connection() {
    let case = Case { client: Client::Python, security: Security::Clear, way: Way::Put };
    let Some(site) = open(&[case], behind_classic) else { return };
    let _classic = classic(&site);
    let failures = run(&site, &[case]);
    assert_eq!(failures.len(), 1, "the control connection was to be lost");
    let uploaded = wait::told(Duration::from_secs(20), "the upload", || {
        std::fs::read(site.fleet.file("up-u0")).ok()
    });
    assert_eq!(uploaded.len(), long_transfer().1);
    wait::until("the log to say so", || {
        let told = |node: &Server| node.log().contains("control-lost-after-complete");
        site.fleet.nodes().iter().any(told).then_some(())
    });
}

/// A session that does nothing is ended by the node before the balancer cuts it, and told why.
#[test]
fn idle_sessions_are_told_why_they_end() {
    let Some(site) = open(&[], behind_classic) else { return };
    let _classic = classic(&site);
    let mut wire = site.login_from(site.network.client(1), "alice");
    let text = wire.expect(421).text();
    assert!(text.contains("ingress.idle_timeout") && text.contains("payload"), "{text}");
    wire.expect_end();
}

/// Where packets count, probes keep it, as long as the node itself is willing.
#[test]
fn idle_sessions_are_kept_where_probes_count() {
    let Some(site) = open(&[], |plan| plan) else { return };
    let nlb = Nlb::start(&site.network, ALL_PORTS);
    nlb.forget(TIMER, Forgets::WithReset);
    let mut wire = site.login_from(site.network.client(1), "alice");
    // Longer than the balancer remembers: this is the test itself.
    std::thread::sleep(TIMER * 2);
    wire.ask("NOOP", 200);
}

/// SSH keeps itself: by requests that the client answers, in time for the balancer, whatever `ssh.keepalive` says.
#[test]
fn idle_ssh_is_kept_behind_a_classic_balancer() {
    let Some(network) = Network::open(1) else { return };
    let plan = Server::builder().on(&network.nodes()[0]).ssh();
    let _server = plan
        .set("ingress.balancer", "classic")
        .set("ingress.idle_timeout", format!("{}s", TIMER.as_secs()))
        .start();
    let _classic = Classic::plan(&network).port(22, None, &[0]).idle(TIMER).start();
    let _outside = network.clients().enter();
    let ssh = Ssh::at(SocketAddr::new(VIP.into(), 22));
    let mut sftp = Sftp::open(&ssh);
    // Longer than the balancer remembers: this is the test itself.
    std::thread::sleep(TIMER * 2);
    assert_eq!(sftp.size("/nothing"), None);
}
