use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;
use crate::config::load_flags;

const POOL: [(&str, &str); 2] =
    [("pool.store", "redis://127.0.0.1:6379"), ("health.listen", "127.0.0.1:0")];

fn examined(flags: &[(&str, &str)], nodes: Value, policy: Value) -> Vec<Finding> {
    let (config, _) = load_flags(flags).unwrap();
    let patient = Patient {
        config: &config,
        nodes: Ok(read(nodes)),
        policy: Ok(read(policy)),
        aws: None,
        visitor: None,
    };
    examine(&patient)
}

fn read<T: DeserializeOwned>(answer: Value) -> T {
    serde_json::from_value(answer).unwrap()
}

fn of<'a>(findings: &'a [Finding], check: &str) -> Vec<(State, &'a str)> {
    let of = findings.iter().filter(|finding| finding.check == check);
    of.map(|finding| (finding.state, finding.saw.as_str())).collect()
}

#[test]
fn what_is_wrong_in_the_pool_is_named_with_a_fix() {
    let nodes = json!({
        "store": { "name": "redis", "state": "degraded", "reason": "timed out" },
        "leader": null,
        "self": "n1",
        "nodes": [
            { "id": "n1", "state": "unready", "reasons": { "storage": "hangs" }, "version": "1" },
            { "id": "n2", "state": "dead", "reasons": {}, "version": "2",
              "config": "differs", "differs": ["ftp.tls"] },
        ],
    });
    let cuts = [
        "clear FTP behind this classic balancer: a transfer longer than 60 s loses its control connection",
    ];
    let findings = examined(&POOL, nodes, json!({ "keepalive": { "cuts": cuts } }));
    assert_eq!(of(&findings, "node"), [(State::Bad, "n1 is not ready: storage: hangs")]);
    assert_eq!(of(&findings, "pool").first().map(|(state, _)| *state), Some(State::Bad));
    assert_eq!(of(&findings, "nodes"), [(State::Warning, "n2 is dead")]);
    assert_eq!(of(&findings, "idle timers"), [(State::Warning, cuts[0])]);
    let alike: Vec<_> = of(&findings, "alike").iter().map(|(_, saw)| saw.to_string()).collect();
    assert_eq!(alike.len(), 3, "{alike:?}");
    for finding in &findings {
        let wants = matches!(finding.state, State::Warning | State::Bad);
        assert_eq!(
            !finding.fix.is_empty(),
            wants || finding.state == State::Skipped,
            "{finding:?}"
        );
    }
}

#[test]
fn a_node_that_does_not_answer_is_bad_and_the_rest_is_looked_at() {
    let (config, _) = load_flags(&[("health.listen", "127.0.0.1:0")]).unwrap();
    let away = "nobody answers".to_owned();
    let (nodes, policy) = (Err(away.clone()), Err(away));
    let patient = Patient { config: &config, nodes, policy, aws: None, visitor: None };
    let findings = examine(&patient);
    assert_eq!(of(&findings, "node"), [(State::Bad, "nobody answers")]);
    assert_eq!(of(&findings, "certificate").len(), 1);
    assert_eq!(of(&findings, "visit").first().map(|(state, _)| *state), Some(State::Skipped));
}

#[test]
fn what_is_wrong_with_balancers_is_told_with_its_fix() {
    use flotilla_cluster::balancer::{Finding as Seen, Severity};
    let (config, _) = load_flags(&[]).unwrap();
    let looked = |balancers: Option<Result<Vec<Seen>, String>>| {
        let (nodes, policy) = (Ok(read(json!({}))), Ok(read(json!({}))));
        let surroundings = |balancers| {
            Ok(Surroundings {
                groups: None,
                names: None,
                barred: Ok(None),
                balancers: Some(balancers),
            })
        };
        let aws = balancers.map(surroundings);
        let patient = Patient { config: &config, nodes, policy, aws, visitor: None };
        let all = examine(&patient).into_iter();
        all.filter(|finding| finding.check == "load balancer").collect::<Vec<_>>()
    };
    let seen = |severity, code| Seen {
        severity,
        code,
        place: "network load balancer ftp".to_owned(),
        seen: "it speaks HTTP".to_owned(),
        fix: "use another".to_owned(),
    };
    assert_eq!(looked(None), []);
    let states = |findings: &[Finding]| findings.iter().map(|of| of.state).collect::<Vec<_>>();
    let wrong = looked(Some(Ok(vec![
        seen(Severity::Error, "kind"),
        seen(Severity::Warning, "zone-empty"),
        seen(Severity::Note, "hairpin"),
    ])));
    assert_eq!(states(&wrong), [State::Bad, State::Warning]);
    assert_eq!(wrong[0].saw, "network load balancer ftp: it speaks HTTP");
    assert_eq!(wrong[0].fix, "use another");
    assert_eq!(states(&looked(Some(Ok(vec![seen(Severity::Note, "hairpin")])))), [State::Fine]);
    assert_eq!(states(&looked(Some(Err("throttled".to_owned())))), [State::Skipped]);
}

#[test]
fn what_aws_says_is_a_finding() {
    let (config, _) = load_flags(&POOL).unwrap();
    let pending = |changes: &[&str]| Pending {
        changes: changes.iter().map(|text| (*text).to_owned()).collect(),
        notes: Vec::new(),
    };
    let surroundings = Surroundings {
        groups: Some(Ok(pending(&["rule a", "rule b"]))),
        names: Some(Err("it is away".to_owned())),
        barred: Ok(Some(vec!["ftp: 21 by rule 90 of the network ACL".to_owned()])),
        balancers: Some(Ok(Vec::new())),
    };
    let (nodes, policy) = (Err(String::new()), Err(String::new()));
    let aws = Some(Ok(surroundings));
    let findings = examine(&Patient { config: &config, nodes, policy, aws, visitor: None });
    let changes = "not as they should be: rule a, and 1 more";
    assert_eq!(of(&findings, "security groups"), [(State::Warning, changes)]);
    assert_eq!(of(&findings, "records"), [(State::Skipped, "it is away")]);
    let acl = "kept out, ftp: 21 by rule 90 of the network ACL";
    assert_eq!(of(&findings, "network ACL"), [(State::Warning, acl)]);
    assert_eq!(of(&findings, "load balancer"), [(State::Fine, "nothing is wrong")]);
}

#[test]
fn what_clients_would_see_differ_is_named() {
    let node = |id: &str, keys: &str, mark: &str| json!({ "id": id, "state": "ready", "host_keys": keys, "storage": mark });
    let flags = [POOL[0], POOL[1], ("pool.shared_storage", "true")];
    let seen = |nodes: Value, latency: u64, clock: i64| {
        let store =
            json!({ "name": "redis", "state": "fine", "latency_ms": latency, "clock_ms": clock });
        let nodes = json!({ "store": store, "leader": "n1", "self": "n1", "nodes": nodes });
        examined(&flags, nodes, json!({}))
    };
    let state = |findings: &[Finding], check| of(findings, check).first().map(|(state, _)| *state);
    let all = ["host keys", "shared storage", "store latency", "clock"];
    let well = seen(json!([node("n1", "0a", "m"), node("n2", "0a", "m")]), 2, -900);
    assert_eq!(all.map(|check| state(&well, check)), [Some(State::Fine); 4], "{well:?}");
    let ill = seen(json!([node("n1", "0a", "m"), node("n2", "0b", "o")]), 800, 60_000);
    let (bad, warning) = (Some(State::Bad), Some(State::Warning));
    assert_eq!(all.map(|check| state(&ill, check)), [bad, bad, warning, warning], "{ill:?}");
    let blind = seen(json!([node("n1", "0a", "m"), node("n2", "0a", "")]), 2, 0);
    assert_eq!(
        of(&blind, "shared storage"),
        [(State::Bad, "n2 do not see the mark that the others see")]
    );
}
