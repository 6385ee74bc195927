//! A real Prometheus scrapes a node, and its tools judge what the node says.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::Child;

use flotilla_tests::data::dial;
use flotilla_tests::loopback::Lease;
use flotilla_tests::{DEADLINE, Folder, Program, Server, wait};
use serde_json::Value;

use crate::receiver::Receiver;

/// Debian's, which asks a node twice a second.
#[derive(Debug)]
struct Prometheus {
    child: Child,
    address: SocketAddr,
    folder: Folder,
    _lease: Lease,
}

impl Prometheus {
    #[track_caller]
    fn start(server: &Server, rules: &str) -> Self {
        let (lease, folder) = (Lease::take(), Folder::new());
        let address = SocketAddr::from((lease.address(), PORT));
        let rules = folder.write("rules.yml", rules);
        let config = format!(
            "global: {{scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}}\n\
             rule_files: [{:?}]\n\
             scrape_configs:\n  - job_name: pool\n    static_configs: [{{targets: [\"{}\"]}}]\n",
            rules,
            server.health(),
        );
        let file = folder.write("prometheus.yml", config);
        let child = Program::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--enable-feature=exemplar-storage")
            .start(&folder.join("log"))
            .expect("tests/run installs prometheus");
        let prometheus = Self { child, address, folder, _lease: lease };
        wait::told(DEADLINE, "prometheus to be ready", || {
            let ready = get(address, "/-/ready").ok()?;
            ready.starts_with("HTTP/1.0 200").then_some(())
        });
        prometheus
    }

    /// What its API says to this.
    #[track_caller]
    fn ask(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let pairs: Vec<_> =
            query.iter().map(|(key, value)| format!("{key}={}", escaped(value))).collect();
        let path = format!("/api/v1/{path}?{}", pairs.join("&"));
        let answer = get(self.address, &path).expect("it answers");
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let mut answer: Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(answer["status"], "success", "{query:?}: {answer}");
        answer["data"].take()
    }

    /// The series that an expression gives, with their values.
    #[track_caller]
    fn query(&self, expression: &str) -> Vec<(Value, f64)> {
        let answer = self.ask("query", &[("query", expression)]);
        let series = answer["result"].as_array().cloned().unwrap_or_default();
        let value = |one: &Value| one["value"][1].as_str().and_then(|text| text.parse().ok());
        series.iter().filter_map(|one| Some((one["metric"].clone(), value(one)?))).collect()
    }

    /// Waits until an expression gives one series of this value.
    #[track_caller]
    fn wait_for(&self, expression: &str, expected: f64) {
        let mut last = Vec::new();
        let found = wait::within(DEADLINE, || {
            last = self.query(expression);
            matches!(last.as_slice(), [(_, value)] if *value == expected).then_some(())
        });
        assert!(found.is_some(), "{expression} is {last:?}, not {expected}");
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            eprintln!("--- log of prometheus\n{log}--- end of the log");
        }
    }
}

/// What it answers to a client of HTTP/1.0, to which nothing is sent in pieces.
fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut tcp = dial(None, address)?;
    write!(tcp, "GET {path} HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    tcp.read_to_string(&mut answer)?;
    Ok(answer)
}

/// For a query.
fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

fn generated(what: &str) -> String {
    Program::flotilla().args(["gen", what]).succeed().stdout
}

/// Three uploads, two downloads and a failed login.
fn works(server: &Server) {
    let mut wire = server.connect();
    wire.ask("USER alice", 331);
    wire.ask("PASS wrong", 530);
    let mut wire = server.login();
    ["a", "b", "c"].iter().for_each(|name| wire.store(name, b"content"));
    ["a", "b"].iter().for_each(|name| drop(wire.fetch(name)));
    wire.ask("QUIT", 221);
}

/// The format is that of Prometheus, and names, units and help are as its people want them.
#[test]
fn promtool_finds_no_fault_with_the_metrics() {
    let server = Server::start();
    works(&server);
    let (status, text) = server.get("/metrics");
    assert_eq!(status, 200);
    let said = Program::new("promtool").args(["check", "metrics"]).stdin(text).succeed();
    assert_eq!(said.stderr, "", "{said}");
}

#[test]
fn promtool_finds_no_fault_with_the_alerts() {
    let folder = Folder::new();
    let rules = folder.write("rules.yml", generated("alerts"));
    let said =
        Program::new("promtool").args(["check", "rules", "--lint=all", "--lint-fatal"]).arg(rules);
    let said = said.succeed();
    assert!(said.stdout.contains("SUCCESS"), "{said}");
}

/// Series that should alarm somebody do, and those of a pool in order do not.
#[test]
fn alerts_are_raised_when_they_should_be() {
    let folder = Folder::new();
    folder.write("rules.yml", generated("alerts"));
    let tests = include_str!("alerts.yml");
    let file = folder.write("alerts.yml", tests);
    Program::new("promtool").args(["test", "rules"]).arg(file).succeed();
    let rules = generated("alerts");
    let names = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    for name in names {
        assert!(tests.contains(&format!("alertname=\"{name}\"")), "{name} is not tested");
    }
}

/// It scrapes a node and counts what was done; rules and panels are such as it can evaluate, and find what they want.
#[test]
fn prometheus_understands_a_node() {
    let server = Server::start();
    let prometheus = Prometheus::start(&server, &generated("alerts"));
    works(&server);
    prometheus.wait_for("up", 1.0);
    prometheus.wait_for(
        r#"flotilla_transfers_total{protocol="ftp",direction="upload",result="ok"}"#,
        3.0,
    );
    prometheus.wait_for(
        r#"sum(flotilla_transfer_bytes_total{protocol="ftp",direction="download"})"#,
        14.0,
    );
    prometheus.wait_for(r#"sum(flotilla_logins_total{method="password",result="refused"})"#, 1.0);
    prometheus.wait_for("sum(flotilla_transfer_seconds_count)", 5.0);
    prometheus.wait_for(r#"sum(flotilla_ftp_commands_total{verb="STOR",class="2xx"})"#, 3.0);
    rules_are_evaluated(&prometheus);
    panels_are_filled(&prometheus);
}

fn rules_are_evaluated(prometheus: &Prometheus) {
    let told = wait::told(DEADLINE, "the rules to be evaluated", || {
        let told = prometheus.ask("rules", &[]);
        let rules = told["groups"].as_array()?.iter().flat_map(|group| group["rules"].as_array());
        let rules: Vec<Value> = rules.flatten().cloned().collect();
        (!rules.is_empty() && rules.iter().all(|rule| rule["health"] != "unknown")).then_some(rules)
    });
    for rule in told {
        assert_eq!(rule["health"], "ok", "{rule}");
        assert_eq!(rule["state"], "inactive", "a node in order alarms nobody: {rule}");
    }
}

/// Every panel of the dashboard has something to show, but for what the node has not: other nodes and AWS.
fn panels_are_filled(prometheus: &Prometheus) {
    let dashboard: Value = serde_json::from_str(&generated("grafana")).expect("JSON");
    let mut empty: Vec<_> = crate::generated::expressions(&dashboard)
        .into_iter()
        .map(|(title, expression)| (title, crate::generated::filled(&expression)))
        .filter(|(_, expression)| !expression.contains("flotilla_aws_calls_total"))
        .collect();
    assert!(empty.len() > 30, "{} expressions", empty.len());
    // A rate needs two scrapes.
    let filled = wait::within(DEADLINE, || {
        empty.retain(|(_, expression)| prometheus.query(expression).is_empty());
        empty.is_empty().then_some(())
    });
    assert!(filled.is_some(), "nothing to show: {empty:#?}");
}

/// A point of a histogram leads to the trace of a transfer.
#[test]
fn exemplars_name_traces() {
    let receiver = Receiver::start();
    let server = Server::builder()
        .set("telemetry.otlp_endpoint", format!("http://{}", receiver.grpc()))
        .set("telemetry.otlp_protocol", "grpc")
        .set("telemetry.sample", 1)
        .start();
    let prometheus = Prometheus::start(&server, &generated("alerts"));
    works(&server);
    let root = receiver.wait_for("the session", |span| {
        span.name == "ftp session" && span.attributes["flotilla.uploads"] == 3
    });
    wait::told(DEADLINE, "an exemplar of that session", || {
        let now =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?.as_secs();
        let (start, end) = ((now - 300).to_string(), (now + 60).to_string());
        let asked =
            [("query", "flotilla_transfer_seconds_bucket"), ("start", &*start), ("end", &*end)];
        let told = prometheus.ask("query_exemplars", &asked);
        let all = told.as_array()?.iter().flat_map(|series| series["exemplars"].as_array());
        all.flatten().any(|exemplar| exemplar["labels"]["trace_id"] == *root.trace).then_some(())
    });
}

/// Not the usual one, which a Prometheus of this machine may have on all addresses.
const PORT: u16 = 19_090;
