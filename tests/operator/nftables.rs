//! `flotilla gen nftables`: nft takes what is written, as often as it is loaded.

use flotilla_tests::{Program, Server, skipped};

/// Loads the rules in a network of its own, does what the script says, and tells what nft then has; nothing
/// where that is not permitted.
fn ruleset(rules: &str, script: &str) -> Option<String> {
    let mut unshare = vec!["--net"];
    if !rustix::process::geteuid().is_root() {
        unshare.extend(["--user", "--map-root-user"]);
    }
    if Program::new("unshare").args(&unshare).args(["nft", "list", "ruleset"]).run().code != Some(0)
    {
        skipped("rules of nft: this user may make no network namespace, or there is no nft");
        return None;
    }
    let folder = flotilla_tests::Folder::new();
    let file = folder.write("rules.nft", rules);
    let script =
        format!("set -e; nft --check --file \"$0\"; nft --file \"$0\"; {script}; nft list ruleset");
    let loaded = Program::new("unshare").args(&unshare).args(["sh", "-c", &script]).arg(file);
    Some(loaded.succeed().stdout)
}

/// In each mode the rules are sound; loading them again changes nothing, and what an operator has put into a
/// set stays.
#[test]
fn rules_can_be_loaded_again() {
    let headers = |builder: flotilla_tests::server::Builder, mode: &str| {
        builder
            .set("ingress.mode", mode)
            .set("ingress.balancers", vec!["10.0.1.7/24".to_owned(), "2001:db8::/64".to_owned()])
            .set("ingress.internal", vec!["192.168.0.0/16".to_owned(), "fd00::/8".to_owned()])
            .set("ingress.proxy_protocol", "any")
            .set("ingress.data_proxy_protocol", "any")
            .set("ftp.listen", vec!["[::]:21".to_owned(), "192.0.2.5:2121".to_owned()])
            .set("ftp.implicit_tls", vec!["[2001:db8::5]:990".to_owned()])
            .set("health.tcp", "0.0.0.0:8082")
    };
    for mode in ["direct", "balanced", "shared"] {
        let builder = headers(Server::builder(), mode);
        let rules = builder.verb(&["gen", "nftables", "--nodes", "10.0.0.0/24"]).succeed().stdout;
        let Some(once) = ruleset(&rules, "true") else { return };
        assert!(once.contains("10.0.1.0/24") && once.contains("dport 8082"), "{once}");
        assert_eq!(ruleset(&rules, "nft --file \"$0\"").as_deref(), Some(once.as_str()));
        let watched = "nft add element inet flotilla monitors_v4 '{ 198.51.100.7 }'";
        let again = ruleset(&rules, &format!("{watched}; nft --file \"$0\"")).unwrap();
        assert!(again.contains("198.51.100.7"), "{again}");
        let replaced = "nft add rule inet flotilla input tcp dport 1 drop";
        let again = ruleset(&rules, &format!("{replaced}; nft --file \"$0\"")).unwrap();
        assert_eq!(again, once, "rules are replaced as a whole");
        let gone = ruleset(&rules, "nft delete table inet flotilla").unwrap();
        assert_eq!(gone, "");
    }
}

/// What is not a network is refused.
#[test]
fn networks_are_checked() {
    let builder = Server::builder();
    let said = builder.verb(&["gen", "nftables", "--nodes", "everybody"]).exit(2);
    assert!(said.stderr.contains("everybody"), "{said}");
}
