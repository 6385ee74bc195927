//! A second opinion: security groups, a name and a stack on moto (PyPI), a fake of AWS that others wrote.
//!
//! What it confirms is that the calls have the form that botocore's models give them, and that what the nodes read back
//! is what they wrote. Where it is known to differ from AWS (5.2.5), nothing is asked of it, and the strict fake
//! (`tests/aws`) is the judge:
//!
//! - EC2: it takes a rule from a higher to a lower port, port 70000 and `100.68.0.18/18` as they are, and every prefix
//!   list for one rule; it has no `route53-healthchecks` list; a dry run looks at no permission; an instance tells the
//!   groups that it began with, whatever its interfaces have.
//! - Metadata: it needs no token and answers 500 in place of 404, so nodes are told who they are (`aws.instance`).
//! - Route 53: no throttling, no `PriorRequestNotComplete`, `INSYNC` at once, nothing is ever checked, and a
//!   `CallerReference` may come again.
//! - Load balancers: targets are always healthy and never drain; the delay of deregistration has other limits.
//! - Auto Scaling: hooks hold nothing, and can be neither prolonged nor completed (500).
//! - CloudFormation: no ElastiCache, secrets, scaling policies, nor hooks that stand in their group, and listeners speak
//!   HTTP only, so that a fleet behind a balancer is for cfn-lint (suite `operator`). It keeps policies as Python.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, TcpListener};
use std::process::Child;
use std::time::Duration;

use flotilla_aws_fake::ec2::NewInstance;
use flotilla_aws_fake::{Fake, Settings};
use flotilla_tests::{Folder, Program, Server, wait};
use serde_json::Value;

/// Its server, and what the program keeps.
struct Moto {
    process: Child,
    url: String,
    folder: Folder,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Moto {
    #[track_caller]
    fn start() -> Self {
        let folder = Folder::new();
        let log = folder.join("moto.log");
        let words = ["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"];
        let process = Program::python().args(words).start(&log).unwrap();
        let url = wait::told(START, "moto", || {
            let log = std::fs::read_to_string(&log).ok()?;
            let (_, rest) = log.split_once("Running on ")?;
            let (url, _) = rest.split_once('\n')?;
            Some(url.trim().to_owned())
        });
        Self { process, url, folder }
    }

    /// Does a task of `second.py`.
    #[track_caller]
    fn ask(&self, words: &[&str]) -> Value {
        let script = format!("{}/cloud/second.py", env!("CARGO_MANIFEST_DIR"));
        let program = credentials(Program::python().arg(script)).env("MOTO_URL", &self.url);
        serde_json::from_str(&program.args(words).succeed().stdout).unwrap()
    }

    /// So many.
    fn instances(&self, count: &str) -> Vec<String> {
        texts(&self.ask(&["instances", count]))
    }

    /// The inbound rules of a group, by id.
    fn rules(&self, group: &str) -> BTreeMap<String, String> {
        let rules = self.ask(&["rules", group]);
        let rules = rules.as_object().unwrap().iter();
        rules.map(|(id, text)| (id.clone(), text.as_str().unwrap().to_owned())).collect()
    }

    /// Of `flotilla aws`, on this instance.
    #[track_caller]
    fn aws(&self, instance: &str, words: &[&str], ports: &str) -> Value {
        let mut program = credentials(Program::flotilla()).arg("aws").args(words).arg("--json");
        for (key, value) in [
            ("aws.endpoint", self.url.as_str()),
            ("aws.metadata", "off"),
            ("aws.region", "eu-central-1"),
            ("aws.instance", instance),
            ("ftp.listen", "0.0.0.0:21,[::]:21"),
            ("ssh.listen", "0.0.0.0:22"),
            ("ftp.passive.ports", ports),
        ] {
            program = program.arg("--set").arg(format!("{key}={value}"));
        }
        let said = program.arg("--data-dir").arg(self.folder.path()).succeed();
        serde_json::from_str(&said.stdout).unwrap()
    }

    /// What would be done, each by its sign.
    #[track_caller]
    fn planned(&self, instance: &str, ports: &str) -> Vec<String> {
        let plan = self.aws(instance, &["plan"], ports);
        let changes = plan["changes"].as_array().unwrap().iter();
        changes.map(|change| change["sign"].as_str().unwrap().to_owned()).collect()
    }

    /// Does it; with what outcomes.
    #[track_caller]
    fn applied(&self, instance: &str, ports: &str) -> BTreeSet<String> {
        outcomes(&self.aws(instance, &["apply"], ports))
    }
}

fn credentials(program: Program) -> Program {
    program
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
}

fn outcomes(applied: &Value) -> BTreeSet<String> {
    let changes = applied["changes"].as_array().unwrap().iter();
    changes.map(|change| change["outcome"].as_str().unwrap().to_owned()).collect()
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn only(outcome: &str) -> BTreeSet<String> {
    BTreeSet::from([outcome.to_owned()])
}

/// What was done is what is read: a second look finds nothing to do, on this instance and on the next.
#[test]
fn a_second_plan_is_empty() {
    let moto = Moto::start();
    let instances = moto.instances("2");
    let [one, two] = instances.as_slice() else { panic!("two") };
    let dry = outcomes(&moto.aws(one, &["apply", "--dry-run"], PORTS));
    assert!(dry.contains("permitted") && !dry.contains("made") && !dry.contains("failed"));
    assert_eq!(texts(&moto.ask(&["groups", one])), [""; 0]);
    assert_eq!(moto.applied(one, PORTS), only("made"));
    assert_eq!(moto.planned(one, PORTS), [""; 0]);
    let both = ["flotilla-main-ftp", "flotilla-main-ssh"];
    assert_eq!(texts(&moto.ask(&["groups", one])), both);
    let ftp: BTreeSet<_> = moto.rules(both[0]).into_values().collect();
    let wanted =
        ["in 21-21 0.0.0.0/0", "in 21-21 ::/0", "in 61000-61999 0.0.0.0/0", "in 61000-61999 ::/0"];
    assert_eq!(ftp, wanted.map(ToOwned::to_owned).into());
    let ssh: Vec<_> = moto.rules(both[1]).into_values().collect();
    assert_eq!(ssh, ["in 22-22 0.0.0.0/0"]);
    // The next one finds the groups by their tag.
    assert_eq!(moto.planned(two, PORTS), ["change"]);
    assert_eq!(moto.applied(two, PORTS), only("made"));
    assert_eq!(texts(&moto.ask(&["groups", two])), both);
    assert_eq!(moto.planned(two, PORTS), [""; 0]);
}

/// What is gone comes back, what somebody else put there stays, and a range moves in place.
#[test]
fn what_differs_is_mended() {
    let moto = Moto::start();
    let instances = moto.instances("1");
    let [one] = instances.as_slice() else { panic!("one") };
    moto.applied(one, PORTS);
    let group = "flotilla-main-ftp";
    let before = moto.rules(group);
    let taken = texts(&moto.ask(&["meddle", group]));
    assert_eq!(taken.len(), 1);
    assert_eq!(moto.planned(one, PORTS), ["add"]);
    assert_eq!(moto.applied(one, PORTS), only("made"));
    let foreign = "in 8443-8443 192.0.2.0/24";
    let values =
        |rules: &BTreeMap<String, String>| rules.values().cloned().collect::<BTreeSet<_>>();
    let mut mended = values(&moto.rules(group));
    assert!(mended.remove(foreign), "{mended:?}");
    assert_eq!(mended, values(&before));
    let moved = "62000-62099";
    assert_eq!(moto.planned(one, moved), ["change", "change"]);
    assert_eq!(moto.applied(one, moved), only("made"));
    assert_eq!(moto.planned(one, moved), [""; 0]);
    let after = moto.rules(group);
    for (id, text) in before.iter().filter(|(_, text)| text.contains("61000-61999")) {
        assert_eq!(after[id], text.replace("61000-61999", moved));
    }
    assert!(values(&after).contains(foreign), "{after:?}");
}

/// A node has its record and the check of it, and the same ones in its next life; what others put into the zone stays.
#[test]
fn a_name_is_kept() {
    let moto = Moto::start();
    moto.ask(&["zone", "example.com"]);
    // Moto's metadata do not hold; those of the strict fake do.
    let fake = Fake::start(Settings::default()).unwrap();
    let wanted = NewInstance {
        private: Some(Ipv4Addr::LOCALHOST),
        public: Some(Ipv4Addr::new(203, 0, 113, 7)),
        ..NewInstance::default()
    };
    let instance = fake.world().add_instance(wanted);
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let metadata = fake.serve_metadata(&instance, listener).unwrap();
    let builder = Server::builder();
    // Nobody else has its address.
    let health = format!("{}:8082", builder.address());
    let mut server = builder
        .set("aws.enabled", true)
        .set("aws.endpoint", moto.url.as_str())
        .set("aws.metadata", metadata.as_str())
        .set("aws.instance", moto.instances("1")[0].as_str())
        .set("aws.security_groups", false)
        .set("aws.dns_name", "ftp.example.com")
        .set("aws.dns_weight", 100)
        .set("health.tcp", health)
        .start();
    let record = |what: &str, fits: &dyn Fn(&Value) -> bool| {
        wait::told(KEPT, what, || {
            let records = moto.ask(&["records"]);
            let records = records.as_array().unwrap();
            assert!(records.iter().any(|record| record["name"] == "www.example.com"));
            records.iter().find(|of| of["name"] == "ftp.example.com" && fits(of)).cloned()
        })
    };
    let checked = "TCP 203.0.113.7:8082";
    let made = record("a record with its check", &|of| of["check"] == checked);
    assert_eq!(made["address"], "203.0.113.7", "{made}");
    assert!(made["identifier"].as_str().unwrap().starts_with("flotilla/main/"), "{made}");
    assert!(made["weight"].as_u64().unwrap() > 0, "{made}");
    server.kill();
    server.config().set("aws.dns_weight", 50);
    server.start_again();
    record("another weight", &|of| of["weight"] == 50 && of["check"] == checked);
    server.kill();
}

/// What moto can make of the template it makes: references resolve, and the role has the policy that is printed.
#[test]
fn a_stack_is_made() {
    let moto = Moto::start();
    let generated = |words: &[&str]| {
        let flags = ["--set", "pool.name=second"];
        Program::flotilla().arg("gen").args(words).args(flags).succeed().stdout
    };
    let path = moto.folder.write("template.json", generated(&["cloudformation", "--zones", "3"]));
    let stack = moto.ask(&["stack", path.to_str().unwrap()]);
    assert_eq!(stack["status"], "CREATE_COMPLETE", "{stack}");
    assert_eq!(stack["tokens"], "required", "{stack}");
    assert_eq!((&stack["nodes"], &stack["files"]), (&2.into(), &1.into()), "{stack}");
    let policy: Value = serde_json::from_str(&generated(&["iam"])).unwrap();
    assert_eq!(stack["policy"], policy);
}

/// It loads all of its services first.
const START: Duration = Duration::from_secs(60);
/// A look each second, a batch, a client of Python for every question, a busy machine.
const KEPT: Duration = Duration::from_secs(40);
const PORTS: &str = "61000-61999";
