//! The text. That nft takes it and what it does to connections is tested by the suites.

use super::*;
use crate::config::load_flags;

#[test]
fn rules_follow_the_plan() {
    let flags = [
        ("ingress.mode", "shared"),
        ("ingress.balancers", "10.0.1.7/24,2001:db8::/64"),
        ("ingress.proxy_protocol", "v2"),
        ("ingress.data_proxy_protocol", "v2"),
        ("ftp.listen", "[::]:21"),
        ("ssh.listen", "10.0.0.5:22"),
        ("ftp.passive.ports", "61000-61099"),
        ("health.tcp", "0.0.0.0:8082"),
    ];
    let mut plan = Plan::of(&load_flags(&flags).unwrap().0);
    let text = render(&plan);
    let rules = text.lines().filter_map(|line| line.strip_prefix("\t\t")).collect::<Vec<_>>();
    let header = "clients come through a balancer, which says whose connection it is";
    let checkers = "checkers, scrapers of metrics, operators from afar";
    assert_eq!(
        rules,
        [
            "iif \"lo\" accept comment \"this machine itself\"",
            "tcp flags & (fin | syn | rst | ack) != syn accept comment \"connections that were let in\"",
            "# ftp at [::]:21",
            &format!("ip saddr @balancers_v4 tcp dport 21 accept comment \"ftp: {header}\""),
            &format!("ip6 saddr @balancers_v6 tcp dport 21 accept comment \"ftp: {header}\""),
            "tcp dport 21 counter drop comment \"ftp: nobody else\"",
            "# ssh at 10.0.0.5:22",
            &format!(
                "ip daddr 10.0.0.5 ip saddr @balancers_v4 tcp dport 22 accept comment \"ssh: {header}\""
            ),
            "ip daddr 10.0.0.5 tcp dport 22 counter drop comment \"ssh: nobody else\"",
            "# passive ports at [::]:61000-61099",
            &format!(
                "ip saddr @balancers_v4 tcp dport 61000-61099 accept comment \"passive ports: {header}\""
            ),
            &format!(
                "ip6 saddr @balancers_v6 tcp dport 61000-61099 accept comment \"passive ports: {header}\""
            ),
            "tcp dport 61000-61099 counter drop comment \"passive ports: nobody else\"",
            "# readiness at 0.0.0.0:8082",
            "ip saddr @balancers_v4 tcp dport 8082 accept comment \"readiness: health checks of the balancer\"",
            &format!(
                "ip saddr @monitors_v4 tcp dport 8082 accept comment \"readiness: {checkers}\""
            ),
            "meta nfproto ipv4 tcp dport 8082 counter drop comment \"readiness: nobody else\"",
        ]
    );
    assert!(text.contains("add element inet flotilla balancers_v4 { 10.0.1.0/24 }"), "{text}");
    assert!(text.contains("add element inet flotilla balancers_v6 { 2001:db8::/64 }"), "{text}");
    // Nobody told who watches: nobody may, and who was put in stays.
    assert!(text.contains("# Nobody, until --monitors tells"), "{text}");
    assert!(!text.contains("flush set inet flotilla monitors_v4"), "{text}");
    assert!(!text.contains("nodes_v4"), "{text}");
    plan.groups.monitors = Some(vec!["192.0.2.0/24".parse().unwrap()]);
    let text = render(&plan);
    assert!(text.contains("add element inet flotilla monitors_v4 { 192.0.2.0/24 }"), "{text}");
    assert!(text.contains("flush set inet flotilla monitors_v6"), "{text}");
}

#[test]
fn who_lets_anyone_in_drops_nobody() {
    let text = render(&Plan::of(&load_flags(&[]).unwrap().0));
    assert!(text.contains("meta nfproto ipv4 tcp dport 2121 accept"), "{text}");
    assert!(!text.contains("counter drop"), "{text}");
    assert!(!text.contains("add set"), "{text}");
}
