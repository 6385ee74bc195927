use serde_json::json;

use super::*;
use crate::config::load_flags;

const POOL: [(&str, &str); 2] =
    [("pool.store", "redis://127.0.0.1:6379"), ("health.listen", "127.0.0.1:0")];

fn examined(flags: &[(&str, &str)], nodes: Value, policy: Value) -> Vec<Finding> {
    let (config, _) = load_flags(flags).unwrap();
    let patient = Patient { config: &config, nodes: Ok(nodes), policy: Ok(policy), visitor: None };
    examine(&patient)
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
        "nodes": [
            { "id": "n1", "self": true, "state": "unready", "reasons": { "storage": "hangs" }, "version": "1" },
            { "id": "n2", "self": false, "state": "dead", "reasons": {}, "version": "2",
              "config": "differs", "differs": ["ftp.tls"] },
        ],
    });
    let cuts = [
        "clear FTP behind this classic balancer: a transfer longer than 60 s loses its control connection",
    ];
    let findings = examined(&POOL, nodes, json!({ "keepalive": { "cuts": cuts } }));
    assert_eq!(of(&findings, "node"), [(State::Bad, "n1 is not ready: storage: hangs")]);
    assert_eq!(of(&findings, "pool").first().map(|(state, _)| *state), Some(State::Bad));
    assert_eq!(of(&findings, "nodes"), [(State::Warning, "n2 is dead ")]);
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
    let away = || Err("nobody answers".to_owned());
    let patient = Patient { config: &config, nodes: away(), policy: away(), visitor: None };
    let findings = examine(&patient);
    assert_eq!(of(&findings, "node"), [(State::Bad, "nobody answers")]);
    assert_eq!(of(&findings, "certificate").len(), 1);
    assert_eq!(of(&findings, "visit").first().map(|(state, _)| *state), Some(State::Skipped));
}
