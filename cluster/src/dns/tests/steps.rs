//! Changes as people read them.

use super::support::{node, nodes, settings};
use crate::aws::Sign;
use crate::dns::{
    Change, CheckChange, Location, Node, Policy, RecordChange, Settings, State, plan, preview,
};

#[test]
fn a_record_is_a_command_and_a_resource() {
    let plan = plan(&settings(), &[node(1)], &Default::default(), &State::of([], Vec::new()));
    let step = plan.changes[0].step(&settings());
    assert_eq!((step.sign, step.action), (Sign::Add, "route53:ChangeResourceRecordSets"));
    assert_eq!(
        step.what,
        "record ftp.example.org A flotilla/main/n1 weight 100 -> 198.51.0.1 (ttl 60)"
    );
    assert_eq!(
        step.command[..5],
        ["aws", "route53", "change-resource-record-sets", "--hosted-zone-id", "Z1"]
    );
    let batch: serde_json::Value = serde_json::from_str(&step.command[6]).unwrap();
    let set = &batch["Changes"][0]["ResourceRecordSet"];
    assert_eq!((set["Weight"].as_u64(), set["TTL"].as_u64()), (Some(100), Some(60)));
    let terraform = step.terraform.unwrap();
    assert!(terraform.starts_with("resource \"aws_route53_record\" \"flotilla_ftp_example_org_A_"));
    assert!(terraform.contains("weighted_routing_policy {\n    weight = 100\n  }"), "{terraform}");
}

#[test]
fn every_change_of_every_policy_can_be_shown() {
    let mut all: Vec<Node> = nodes(0..100);
    all[0].location = Location::Subdivision("US".to_owned(), "CA".to_owned());
    all[1].location = Location::Continent("EU".to_owned());
    use Policy::{Geolocation, Latency, Multivalue, Weighted};
    for policy in [Weighted, Multivalue, Latency, Geolocation] {
        let settings = Settings { policy, ..settings() };
        let whole = preview(&settings, &all, &State::of([], Vec::new()));
        let mut kinds = [0; 2];
        for change in &whole.changes {
            let step = change.step(&settings);
            assert_eq!(step.command[..2], ["aws", "route53"]);
            match change {
                Change::Record(_) => {
                    let batch: serde_json::Value = serde_json::from_str(&step.command[6]).unwrap();
                    assert_eq!(batch["Changes"].as_array().unwrap().len(), 1);
                    assert!(step.terraform.is_some());
                    kinds[0] += 1;
                }
                Change::Check(CheckChange::Create { .. }) => {
                    let config: serde_json::Value = serde_json::from_str(&step.command[6]).unwrap();
                    assert_eq!(config["Type"], "TCP");
                    kinds[1] += 1;
                }
                Change::Check(_) => {}
            }
        }
        assert!(kinds[0] >= 100 && kinds[1] == 100, "{policy:?}: {kinds:?}");
    }
}

#[test]
fn a_difference_is_named() {
    let state = |nodes: &[Node]| {
        let mut state = State::of([], Vec::new());
        state.has_checks = false;
        for change in preview(&settings(), nodes, &state.clone()).changes {
            if let Change::Record(change) = change
                && let RecordChange::Upsert { set, .. } = *change
            {
                state.records.insert(set.key(), set);
            }
        }
        state
    };
    let before = state(&nodes(0..2));
    let mut after = nodes(0..2);
    after[0].capacity = 200;
    after[1].v4 = Some([203, 0, 113, 1].into());
    let plan = plan(&settings(), &after, &Default::default(), &before);
    let whys: Vec<_> = plan.changes.iter().map(|change| change.step(&settings()).why).collect();
    assert_eq!(whys, ["weight 100 -> 200", "address 198.51.0.1 -> 203.0.113.1"]);
}
