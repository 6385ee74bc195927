//! Behind balancers: who the client is, where EPSV would lead, and what is said instead.

use std::net::IpAddr;

use super::*;

fn behind_a_balancer() -> Bench {
    let mut bench = Bench::with(|settings| settings.extended_passive = false);
    bench.log_in();
    bench
}

#[test]
fn epsv_is_refused_where_it_leads_elsewhere() {
    let mut bench = behind_a_balancer();
    assert!(!bench.say("FEAT").contains("EPSV"));
    for line in ["EPSV", "EPSV 1", "EPSV 2", "EPSV ALL"] {
        assert_eq!(
            bench.say(line),
            "522 A balancer stands in front of this server, and EPSV would lead to it; use PASV.\r\n",
            "{line}"
        );
        assert!(bench.session.poll().is_none(), "{line}");
    }
    // ALL did not hold: the other commands are taken.
    assert!(bench.say("PORT 192,0,2,9,200,1").starts_with("200"));
    bench.passive();
    // A refused EPSV leaves what is prepared.
    assert!(bench.say("EPSV").starts_with("522"));
    bench.line("LIST");
    assert!(matches!(bench.session.poll(), Some(Request::Transfer(_))));
}

#[test]
fn epsv_is_a_feature_where_it_works() {
    let mut bench = Bench::logged_in();
    assert!(bench.say("FEAT").contains("\r\n EPSV\r\n"));
    assert_eq!(bench.say("EPSV 2"), "522 Network protocol not supported, use (1)\r\n");
    bench.line("EPSV 1");
    assert!(matches!(bench.session.poll(), Some(Request::OpenPassive { extended: true })));
}

#[test]
fn passive_mode_over_ipv6_names_what_works() {
    let v6 = |bench: &mut Bench| {
        let local = "[2001:db8::1]:21".parse().unwrap();
        bench.session.on_addresses("2001:db8::9".parse().unwrap(), local);
        bench.log_in();
    };
    let mut bench = Bench::new();
    v6(&mut bench);
    assert_eq!(bench.say("PASV"), "425 PASV can not name an IPv6 address; use EPSV.\r\n");
    bench.line("EPSV 2");
    assert!(matches!(bench.session.poll(), Some(Request::OpenPassive { extended: true })));
    let mut bench = Bench::with(|settings| settings.extended_passive = false);
    v6(&mut bench);
    assert_eq!(bench.say("PASV"), "425 PASV can not name an IPv6 address; dial IPv4.\r\n");
    assert!(bench.say("EPSV").ends_with("; dial IPv4 and use PASV.\r\n"));
}

#[test]
fn a_late_header_says_who_the_client_is() {
    let (client, local) = ("203.0.113.9".parse().unwrap(), "198.51.100.1:21".parse().unwrap());
    let mut bench = Bench::new();
    bench.session.on_addresses(client, local);
    assert!(bench.say("STAT").contains(" Connected from 203.0.113.9\r\n"));
    bench.log_in();
    assert!(bench.say("PORT 203,0,113,9,200,1").starts_with("200"));
    assert!(bench.say("PORT 192,0,2,9,200,1").starts_with("504"));
    // Too late: the user is judged by where it comes from.
    bench.session.on_addresses("192.0.2.9".parse().unwrap(), local);
    assert!(bench.say("PORT 192,0,2,9,200,1").starts_with("504"));
    for before in [&["USER joe"][..], &["USER joe", "PASS secret"]] {
        let mut bench = Bench::new();
        before.iter().for_each(|line| bench.line(line));
        bench.session.on_addresses(client, local);
        assert_eq!(bench.session.connection.client, IpAddr::from([192, 0, 2, 9]), "{before:?}");
    }
}
