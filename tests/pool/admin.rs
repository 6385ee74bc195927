//! The admin API: who may look, and who may change something.

use flotilla_tests::{Fleet, Redis, Server, health, wait};

use super::{BEATS, HINTED};

const OPERATOR: &str = "operator-0123456789abcdef";
const READER: &str = "reader-0123456789abcdef";

/// What the API answers to a holder of a token.
fn status(node: &Server, method: &str, path: &str, token: Option<&str>) -> u16 {
    health::ask(node.health(), method, path, token).unwrap().0
}

fn start(redis: &Redis) -> Fleet {
    let plan = Fleet::plan(redis.url());
    let operator = plan.secret("operator.token", OPERATOR);
    let reader = plan.secret("reader.token", READER);
    plan.set("admin.token_file", operator.as_path())
        .set("admin.read_token_file", reader.as_path())
        .start(2)
}

/// Nobody without a token; a reader looks; an operator does everything.
#[test]
fn tokens_decide() {
    let redis = Redis::start();
    let fleet = start(&redis);
    let node = &fleet[1];
    let mut session = fleet[0].login();
    for path in ["/v1", "/v1/nodes", "/v1/sessions", "/v1/bans", "/v1/ports", "/v1/policy"] {
        assert_eq!(status(node, "GET", path, None), 401, "{path}");
        assert_eq!(status(node, "GET", path, Some("operator-0123456789abcdeg")), 401, "{path}");
        assert_eq!(status(node, "GET", path, Some(READER)), 200, "{path}");
        assert_eq!(status(node, "GET", path, Some(OPERATOR)), 200, "{path}");
    }
    for (method, path) in [
        ("POST", "/v1/kick"),
        ("POST", "/v1/bans"),
        ("DELETE", "/v1/bans/192.0.2.1"),
        ("POST", "/v1/drain"),
        ("POST", "/v1/undrain"),
    ] {
        assert_eq!(status(node, method, path, None), 401, "{path}");
        assert_eq!(status(node, method, path, Some(READER)), 403, "{path}");
    }
    session.ask("NOOP", 200);
    assert_eq!(status(node, "POST", "/v1/drain", Some(OPERATOR)), 200);
    wait::told(HINTED, "the drain", || (!node.greets([127, 0, 0, 1].into())).then_some(()));
    assert_eq!(status(node, "POST", "/v1/undrain", Some(OPERATOR)), 200);
    // Probes need none.
    for path in ["/livez", "/readyz", "/metrics"] {
        wait::told(BEATS, path, || (status(node, "GET", path, None) == 200).then_some(()));
    }
    assert_eq!(status(node, "GET", "/v1/nothing", Some(OPERATOR)), 404);
}

/// The command line finds the token by the configuration, also one that the node made itself.
#[test]
fn the_command_line_shows_its_token() {
    let redis = Redis::start();
    let fleet = start(&redis);
    fleet[0].tell(&["nodes"]);
    let mut own = Fleet::plan(redis.url()).start(1);
    own[0].tell(&["nodes"]);
    let log = own[0].log() + &fleet[0].log();
    assert!(!log.contains(OPERATOR) && !log.contains(READER), "a token is in the log");
    own[0].config().set("health.listen", "");
    own[0].restart();
    let said = own[0].verb(&["nodes"]).exit(1);
    assert!(said.stderr.contains("health.listen"), "{said}");
}
