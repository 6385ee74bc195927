use proptest::prelude::*;

use super::super::fixture::network;
use super::*;

fn want(ports: &str, nodes: usize) -> ListingWant {
    ListingWant {
        pool: "main".to_owned(),
        vpc: "vpc-1".to_owned(),
        kind: Kind::Network,
        balancer: "arn:balancer/ftp".to_owned(),
        control: vec![(21, 2121), (22, 22)],
        passive: ports.parse().unwrap(),
        nodes: (1..=nodes).map(|node| format!("i-{node}")).collect(),
        sharing: Sharing::Shared,
        cross_zone: false,
        health: 8082,
        drain: 600,
        present: Vec::new(),
    }
}

#[test]
fn a_pool_that_fits() {
    let listing = Listing::new(&want("61000-61003", 2));
    assert_eq!(listing.notes, Vec::<String>::new());
    assert_eq!(
        listing.to_string(),
        "+ 21 -> 2121 of i-1, i-2\n+ 22 -> 22 of i-1, i-2\n+ 61000-61003 -> the same of i-1, i-2\n4 of 4 passive \
         ports: at most 4 transfers at once for each client address, 4 x client addresses for the pool\n"
    );
    let json = serde_json::to_value(&listing).unwrap();
    assert_eq!(json["rows"][2]["port"], 61_000);
    assert_eq!(json["capacity"]["room"], 48);
    assert!(json.get("want").is_none());
}

#[test]
fn a_range_that_is_too_wide_is_cut() {
    let listing = Listing::new(&want("61000-61999", 2));
    assert_eq!(listing.rows.len(), 50);
    assert_eq!(listing.capacity, Capacity { ports: 48, wanted: 1000, room: 48 });
    assert!(listing.notes[0].contains("\"61000-61047\""), "{:?}", listing.notes);
    let classic = ListingWant { kind: Kind::Classic, ..want("61000-61999", 2) };
    assert_eq!(Listing::new(&classic).rows.len(), 100);
    // What is there for somebody else takes its place.
    let present = ListingWant { present: vec![443, 8443, 21], ..want("61000-61999", 2) };
    assert_eq!(Listing::new(&present).capacity.room, 46);
}

#[test]
fn single_nodes_get_runs_of_ports() {
    let single =
        ListingWant { sharing: Sharing::Single, cross_zone: true, ..want("61000-61009", 3) };
    let text = Listing::new(&single).to_string();
    assert!(text.contains("+ 61000-61003 -> the same of i-1\n"), "{text}");
    assert!(text.contains("+ 61007-61009 -> the same of i-3\n"), "{text}");
    let crowd =
        ListingWant { sharing: Sharing::Single, cross_zone: true, ..want("61000-61001", 3) };
    let listing = Listing::new(&crowd);
    assert_eq!(listing.notes, ["no passive port leads to i-3: theirs are relayed"]);
    let nobody = ListingWant { nodes: Vec::new(), ..single };
    assert!(Listing::new(&nobody).to_string().contains("61000-61009 -> the same of nobody yet"));
}

#[test]
fn targets_are_counted() {
    let crossing = ListingWant { cross_zone: true, ..want("61000-61047", 11) };
    assert!(Listing::new(&crossing).notes[0].starts_with("550 targets"));
    let single = ListingWant { sharing: Sharing::Single, ..crossing };
    assert_eq!(Listing::new(&single).notes, Vec::<String>::new());
}

#[test]
fn what_is_there_is_not_made_again() {
    let listing = Listing::new(&want("61000-61005", 2).with(&network()));
    assert_eq!(listing.lacking(), [61_004, 61_005]);
    let commands = listing.commands();
    assert_eq!(commands.len(), 8, "a group, its attributes, its targets and a listener each");
    let text: Vec<_> = commands.iter().map(|words| words.join(" ")).collect();
    assert_eq!(
        text[..4],
        [
            "aws elbv2 create-target-group --protocol TCP --health-check-protocol TCP --name flotilla-main-61004 --port \
             61004 --vpc-id vpc-1 --target-type instance --health-check-port 8082 --tags Key=flotilla:pool,Value=main",
            "aws elbv2 modify-target-group-attributes --target-group-arn ARN-OF-flotilla-main-61004 --attributes \
             Key=preserve_client_ip.enabled,Value=true \
             Key=target_health_state.unhealthy.connection_termination.enabled,Value=false \
             Key=target_health_state.unhealthy.draining_interval_seconds,Value=600 \
             Key=deregistration_delay.timeout_seconds,Value=600",
            "aws elbv2 register-targets --target-group-arn ARN-OF-flotilla-main-61004 --targets Id=i-1 Id=i-2",
            "aws elbv2 create-listener --protocol TCP --load-balancer-arn arn:balancer/ftp --port 61004 \
             --default-actions Type=forward,TargetGroupArn=ARN-OF-flotilla-main-61004 --tags Key=flotilla:pool,Value=main",
        ]
    );
}

#[test]
fn terraform_has_all_of_it() {
    let text = Listing::new(&want("61000-61001", 2).with(&network())).terraform();
    assert_eq!(text.matches("resource \"aws_lb_listener\"").count(), 4);
    assert_eq!(text.matches("resource \"aws_lb_target_group\"").count(), 4);
    assert_eq!(text.matches("resource \"aws_lb_target_group_attachment\"").count(), 8);
    assert_eq!(text.matches('{').count(), text.matches('}').count());
    let classic =
        ListingWant { kind: Kind::Classic, balancer: "ftp".to_owned(), ..want("61000", 2) };
    let listing = Listing::new(&classic);
    assert!(listing.terraform().contains("lb_port           = 61000"));
    assert!(
        listing.commands()[0]
            .join(" ")
            .contains("--load-balancer-name ftp --listeners Protocol=TCP")
    );
}

proptest! {
    /// No more listeners than there may be, each port once, every node with ports if there are enough; groups have
    /// names that AWS takes.
    #[test]
    fn whatever_is_wanted_fits(first in 1024u16..60_000, more in 0u16..300, nodes in 0usize..60, single: bool, pool in "[a-z_.-]{1,30}") {
        let sharing = if single { Sharing::Single } else { Sharing::Shared };
        let want = ListingWant { pool, sharing, ..want(&format!("{first}-{}", first + more), nodes) };
        let listing = Listing::new(&want);
        prop_assert!(listing.rows.len() <= 50);
        let mut ports: Vec<_> = listing.rows.iter().map(|row| row.port).collect();
        ports.dedup();
        prop_assert_eq!(ports.len(), listing.rows.len());
        let passive: Vec<_> = listing.rows.iter().filter(|row| row.passive).collect();
        prop_assert_eq!(passive.len(), listing.capacity.ports);
        if single && passive.len() >= nodes {
            prop_assert!(want.nodes.iter().all(|node| passive.iter().any(|row| row.targets.contains(node))));
        }
        for row in &listing.rows {
            prop_assert!(row.group.len() <= 32, "{}", row.group);
            prop_assert!(row.group.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'));
            prop_assert!(!row.passive || row.port == row.target_port);
        }
    }
}
