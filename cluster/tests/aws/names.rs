//! The desk of the names against Route 53: a pool of 120 nodes, which no single name has room for.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use flotilla_aws_fake::Fake;
use flotilla_cluster::aws::route53::{HostedZone, Route53};
use flotilla_cluster::dns::{CheckInterval, Desk, Led, Node, Policy, Settings, preview};
use flotilla_cluster::id::{Fence, NodeId};
use flotilla_cluster::member::{Member, Place, Standing};

use crate::support;

const NAME: &str = "ftp.example.com";
const NODES: u8 = 120;

/// One that is ready, as it says itself.
fn node(number: u8) -> Node {
    let place = Place { v4: Some([198, 51, 100, number].into()), port: 8082, ..Place::default() };
    let addresses = vec!["ftp://0.0.0.0:21".to_owned()];
    let standing = Standing::Ready;
    let member = Member { standing, addresses, weight: 100, place, ..Member::default() };
    Node::told(&NodeId::new(&format!("n{number}")).unwrap(), 7, &member, true)
}

fn settings(zone: &HostedZone) -> Settings {
    Settings {
        pool: "main".to_owned(),
        zone: zone.id.clone(),
        name: NAME.to_owned(),
        sftp_name: None,
        policy: Policy::Weighted,
        ttl: 60,
        check: Some(CheckInterval::Thirty),
    }
}

#[expect(clippy::disallowed_methods, reason = "the clock of a test")]
fn now() -> Instant {
    Instant::now()
}

/// The desk's clock goes as fast as Route 53 lets it.
struct Leader {
    desk: Desk,
    route53: Route53,
    now: Instant,
    led: Instant,
}

impl Leader {
    /// Until nothing is left to do for these nodes; how many calls that took.
    async fn settle(&mut self, nodes: &[Node]) -> Result<usize> {
        for calls in 0..CALLS_MAX {
            let led = Led { term: Fence(1), age: self.now - self.led };
            let Some(request) = self.desk.poll(nodes, Some(led), self.now) else {
                let plan = preview(self.desk.settings(), nodes, self.desk.state());
                if self.desk.is_read() && plan.changes.is_empty() {
                    return Ok(calls);
                }
                self.now = self.desk.next().context("an answer is waited for")?.max(self.now);
                continue;
            };
            let result = self.route53.call(&request).await;
            ensure!(result.is_ok(), "{request:?}: {result:?}");
            self.desk.on_reply(result, self.now, 0);
        }
        anyhow::bail!("not settled after {CALLS_MAX} calls")
    }
}

fn dig(fake: &Fake, questions: usize) -> Result<BTreeSet<Ipv4Addr>> {
    let server = fake.dns();
    let mut dig = Command::new("dig");
    dig.args(["+short", &format!("@{}", server.ip()), "-p", &server.port().to_string()]);
    let told = dig.args(std::iter::repeat_n(NAME, questions)).output().context("dig")?;
    let text = String::from_utf8(told.stdout)?;
    text.lines().map(|line| line.parse().with_context(|| line.to_owned())).collect()
}

/// 120 nodes are under names of their own, each with at most a hundred records, and clients come to all of them; when
/// half of them drain, to the others alone.
#[test]
fn a_pool_of_120_nodes_is_answered_in_shards() -> Result<()> {
    let place = support::Place::quick()?;
    place.fake.world().add_zone("example.com").context("a zone")?;
    let nodes: Vec<Node> = (1..=NODES).map(node).collect();
    place.run(async |session| {
        let zone = HostedZone::find(session, None, &[NAME], false).await?;
        let (now, route53) = (now(), Route53::new(session, &zone.id));
        let desk = Desk::new(settings(&zone));
        let mut leader = Leader { desk, route53, now, led: now - Duration::from_secs(60) };
        leader.settle(&nodes).await?;
        {
            let world = place.fake.world();
            assert_eq!(world.names.checks.len(), usize::from(NODES));
            let records = &world.names.zones.values().next().context("the zone")?.records;
            let mut names = std::collections::BTreeMap::<_, usize>::new();
            for record in records.values().filter(|record| record.kind == "A") {
                *names.entry(record.name.clone()).or_default() += 1;
            }
            assert!(names.len() > 2, "{names:?}");
            assert!(names.values().all(|count| *count <= 100), "{names:?}");
        }
        answered(&place.fake, |found| found.len() > 115)?;
        let draining = nodes.iter().enumerate().map(|(index, node)| match index % 2 {
            0 => Node { standing: Standing::Draining, ..node.clone() },
            _ => node.clone(),
        });
        leader.settle(&draining.collect::<Vec<_>>()).await?;
        // The first node is n1, at .1.
        answered(&place.fake, |found| {
            found.len() > 55 && found.iter().all(|address| address.octets()[3] % 2 == 0)
        })
    })
}

/// Asks until the answers are so: a change is everywhere some time after it was taken.
fn answered(fake: &Fake, are_so: impl Fn(&BTreeSet<Ipv4Addr>) -> bool) -> Result<()> {
    let deadline = now() + PATIENCE;
    loop {
        let found = asked(fake)?;
        if are_so(&found) {
            return Ok(());
        }
        ensure!(now() < deadline, "{} are answered: {found:?}", found.len());
    }
}

/// By 3,000 questions each of 120 is missed once in 10^11.
fn asked(fake: &Fake) -> Result<BTreeSet<Ipv4Addr>> {
    let mut found = BTreeSet::new();
    for _ in 0..15 {
        found.extend(dig(fake, 200)?);
    }
    Ok(found)
}

/// For answers that take a moment.
const PATIENCE: Duration = Duration::from_secs(20);
/// 120 checks are created, tagged and put into records; batches are asked about every two seconds.
const CALLS_MAX: usize = 20_000;
