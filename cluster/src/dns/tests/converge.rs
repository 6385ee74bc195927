//! From any state, whatever the nodes do: records come to rest, others' stay, and the name is never empty.

use proptest::prelude::*;

use super::support::{NAME, Pool, foreign, node, settings};
use crate::dns::{CheckInterval, Kind, Location, Node, Policy, Routing, Settings, Target, Witness};
use crate::member::Standing;

/// What a node is like.
fn any_node() -> impl Strategy<Value = (u16, Node)> {
    let standing = prop_oneof![
        4 => Just(Standing::Ready),
        1 => Just(Standing::Unready),
        1 => Just(Standing::Draining),
    ];
    let families = (0..4_u8, 0..3_u8, 0..3_u8);
    (0..110_u16, standing, 1..=255_u8, 0..=1000_u16, families).prop_map(
        |(number, standing, capacity, busy_permille, (family, region, location))| {
            let mut node = Node { standing, capacity, busy_permille, ..node(number) };
            if family > 1 {
                node.v6 = Some(format!("2001:db8::{number:x}").parse().unwrap());
            }
            if family == 3 {
                node.v4 = None;
            }
            node.region = ["eu-west-1", "us-east-1", "ap-south-1"][usize::from(region)].to_owned();
            node.location = [
                Location::Default,
                Location::Country("DE".to_owned()),
                Location::Continent("EU".to_owned()),
            ][usize::from(location)]
            .clone();
            (number, node)
        },
    )
}

fn any_settings() -> impl Strategy<Value = Settings> {
    use Policy::{Geolocation, Latency, Multivalue, Weighted};
    let policy = prop::sample::select(vec![Weighted, Multivalue, Latency, Geolocation]);
    let check =
        prop::sample::select(vec![None, Some(CheckInterval::Ten), Some(CheckInterval::Thirty)]);
    (policy, check, any::<bool>(), prop::sample::select(vec![20, 60, 120])).prop_map(
        |(policy, check, has_sftp, ttl)| {
            let sftp_name = has_sftp.then(|| "sftp.example.org".to_owned());
            Settings { policy, check, sftp_name, ttl, ..settings() }
        },
    )
}

/// A phase of the pool's life: settings, nodes, what the witnesses say.
fn any_phase() -> impl Strategy<Value = (Settings, Vec<(u16, Node)>, Witness)> {
    let tell = || prop::sample::select(vec![None, Some(true), Some(false)]);
    let witness = (tell(), tell()).prop_map(|(exists, answers)| Witness { exists, answers });
    (any_settings(), prop::collection::vec(any_node(), 0..100), witness)
}

fn answers(pool: &Pool) -> usize {
    let places = [
        Routing::Latency("eu-west-1".to_owned()),
        Routing::Latency("us-east-1".to_owned()),
        Routing::Latency("ap-south-1".to_owned()),
        Routing::Geolocation(Location::Default),
        Routing::Geolocation(Location::Country("DE".to_owned())),
        Routing::Geolocation(Location::Continent("EU".to_owned())),
    ];
    let of = |kind| pool.answers_at(NAME, kind, &places).len();
    of(&Kind::A) + of(&Kind::Aaaa)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn records_come_to_rest(phases in prop::collection::vec(any_phase(), 1..4), others: bool) {
        let mut pool = Pool::new(settings(), Vec::new());
        let far = foreign("www.example.org", "", Routing::Simple);
        pool.zone.insert(far);
        if others {
            // Somebody else's, in the way of some names and beside ours at others.
            pool.zone.insert(foreign("default.ftp.example.org", "x", Routing::Weighted(9)));
            pool.zone.insert(foreign("us-east-1.ftp.example.org", "", Routing::Simple));
            let mut loose = foreign("g16-3.ftp.example.org", "flotilla/main/n3", Routing::Weighted(3));
            loose.target = Target::Values { ttl: 300, values: vec!["203.0.113.3".to_owned()] };
            pool.zone.insert(loose);
        }
        let foreign_records = pool.others();
        let mut had = false;
        for (settings, nodes, witness) in phases {
            pool.witness = witness;
            pool.desk.configure(settings);
            let mut unique = std::collections::BTreeMap::new();
            unique.extend(nodes);
            pool.nodes = unique.into_values().collect();
            for _ in 0..40 {
                pool.run(30);
                let has = answers(&pool) > 0;
                prop_assert!(has || !had, "the name is empty");
                had |= has;
            }
            prop_assert_eq!(pool.others(), foreign_records.clone());
            // At rest.
            pool.log.clear();
            pool.run(300);
            let batches = pool.asked("route53:ChangeResourceRecordSets");
            prop_assert!(batches.is_empty(), "{:#?}", batches);
        }
    }
}
