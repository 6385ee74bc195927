//! The measurements, one after the other on one pool.

use std::time::{Duration, Instant};

use anyhow::Result;
use flotilla_cluster::admission::Limits;
use flotilla_cluster::agent::Lane;
use rustix::time::{ClockId, clock_gettime};

use crate::Arguments;
use crate::fleet::{Fleet, people};
use crate::life::Life;
use crate::login::{self, Manner};
use crate::people::Person;
use crate::progress::Bar;
use crate::report::{Report, median, quantile};
use crate::server::Server;

/// Measures everything.
pub(crate) async fn measure(arguments: &Arguments) -> Result<Report> {
    let mut server = Server::start()?;
    let report = Report::new(server.version()?, arguments.nodes, arguments.sessions);
    let fleet = Fleet::start(arguments.nodes, &server.url()).await?;
    let arguments = arguments.clone();
    let mut bench = Bench { arguments, server, report, fleet, empty: 0.0, turn: 0, next: 0 };
    bench.register().await?;
    bench.fill().await?;
    for life in [Life::Idle, Life::Moving, Life::Transferring] {
        bench.beat(life).await?;
    }
    for manner in MANNERS {
        bench.log_in(manner).await?;
    }
    bench.visit().await?;
    bench.tell().await?;
    bench.flush().await?;
    bench.move_all().await?;
    Ok(bench.report)
}

/// A pool under measurement, and what came out so far.
pub(crate) struct Bench {
    pub(crate) arguments: Arguments,
    server: Server,
    report: Report,
    pub(crate) fleet: Fleet,
    /// The memory of Redis while nobody is logged in.
    empty: f64,
    /// The second of the sessions' life.
    turn: u64,
    /// The next person who never was there.
    next: u32,
}

impl Bench {
    /// All nodes at once, into a store that knows nothing.
    async fn register(&mut self) -> Result<()> {
        for round in 0..self.arguments.rounds {
            if round > 0 {
                self.fleet = Fleet::start(self.arguments.nodes, &self.server.url()).await?;
            }
            self.server.flush()?;
            let begun = Instant::now();
            self.fleet.hold(false);
            self.fleet.until("all have joined", all_joined, |_| {}).await?;
            self.add("start: all nodes are registered", "s", None, seconds(begun));
            self.fleet.joined().await?;
            self.add("start: each node knows all others", "s", None, seconds(begun));
            self.fleet.until("somebody leads", |fleet| fleet.leader().is_ok(), |_| {}).await?;
            self.add("start: somebody leads", "s", None, seconds(begun));
            self.end("start");
        }
        Ok(())
    }

    /// Sessions on all nodes: what they take in Redis.
    async fn fill(&mut self) -> Result<()> {
        let count = self.arguments.sessions;
        tokio::time::sleep(CALM).await;
        self.empty = self.server.memory()?;
        let published = self.fleet.fill(count, &Bar::start("publish")).await?;
        self.add("all sessions are published", "s", None, published.as_secs_f64());
        self.weigh("no limits").await?;
        self.end("publish");

        let bar = Bar::start("count");
        self.fleet.forget();
        let begun = Instant::now();
        let start = self.server.reset()?;
        self.fleet.configure(LIMITS);
        self.fleet.counted(count, &bar).await?;
        self.add("limits put in force: all sessions are counted", "s", None, seconds(begun));
        let work = self.server.work(&start)?;
        let each = work.script_us / work.scripts / 1e3;
        self.add("limits put in force: Redis per script", "ms", None, each);
        self.weigh("all limits").await?;
        self.end("count");
        self.next = self.arguments.nodes * self.arguments.sessions;
        Ok(())
    }

    /// What a beat costs, with what sessions add to it.
    async fn beat(&mut self, life: Life) -> Result<()> {
        let (name, bar) = (life.name(), Bar::start("beat"));
        for round in 0..self.arguments.rounds {
            bar.show(round as usize, self.arguments.rounds as usize);
            // The first second is not that of the life before.
            self.live(life, 1).await;
            let (beats, scripts) = (self.answered(&[Lane::Beat]), self.answered(SCRIPTS));
            let (start, cpu) = (self.server.reset()?, cpu_time());
            self.live(life, ROUND_SECONDS).await;
            let cpu = cpu_time().saturating_sub(cpu);
            let work = self.server.work(&start)?;
            let beats = (self.answered(&[Lane::Beat]) - beats) as f64;
            let scripts = (self.answered(SCRIPTS) - scripts) as f64;
            let mut add = |what: &str, goal, value| {
                self.report.add(&format!("beat, {name}: {what}"), "ms", goal, value);
            };
            add("Redis, scripts", Some(BEAT_REDIS_MS), work.script_us / beats / 1e3);
            add("Redis, all its work", None, work.thread_us / beats / 1e3);
            add("node CPU", Some(BEAT_NODE_MS), cpu.as_secs_f64() / beats * 1e3);
            let each = scripts / beats;
            self.add(&format!("beat, {name}: scripts of a node"), "a beat", None, each);
        }
        self.end("beat");
        Ok(())
    }

    /// What a login costs Redis.
    async fn log_in(&mut self, manner: Manner) -> Result<()> {
        let (name, bar) = (manner.name(), Bar::start("log in"));
        for round in 0..self.arguments.rounds {
            bar.show(round as usize, self.arguments.rounds as usize);
            let mut logins = login::alone(&self.fleet, &mut self.server, manner, self.next).await?;
            let count = logins.waits.len() * manner.batch;
            self.next += count as u32;
            let script = logins.work.script_us / logins.work.scripts / 1e3;
            let p99 = logins.work.script_p99_us / 1e3;
            self.add(&format!("{name}: script"), "ms", Some(LOGIN_MS), script);
            self.add(&format!("{name}: script p99"), "ms", None, p99);
            if manner.batch > 1 {
                let each = logins.work.script_us / count as f64 / 1e3;
                self.add(&format!("{name}: Redis per login"), "ms", None, each);
            }
            let wait = median(&mut logins.waits) * 1e3;
            let p99 = quantile(&logins.waits, 0.99) * 1e3;
            self.add(&format!("{name}: round trip p50"), "ms", None, wait);
            self.add(&format!("{name}: round trip p99"), "ms", None, p99);
            // What was held has a beat to catch up.
            self.live(Life::Idle, 2).await;
        }
        self.end(&name);
        Ok(())
    }

    /// How long a login waits while the pool lives.
    async fn visit(&mut self) -> Result<()> {
        let manner = Manner { batch: 1, ends: 1 };
        let bar = Bar::start("visit");
        for round in 0..self.arguments.rounds {
            bar.show(round as usize, self.arguments.rounds as usize);
            let (url, number, first) = (self.server.url(), self.arguments.nodes, self.next);
            self.next += VISITS as u32;
            let mut guest = tokio::task::spawn_blocking(move || {
                login::as_guest(&url, number, manner, first, VISITS)
            });
            let mut waits = loop {
                self.live(Life::Moving, 1).await;
                if guest.is_finished() {
                    break (&mut guest).await??;
                }
            };
            let middle = median(&mut waits) * 1e3;
            let p99 = quantile(&waits, 0.99) * 1e3;
            self.add("a login while the pool lives: round trip p50", "ms", None, middle);
            self.add("a login while the pool lives: round trip p99", "ms", None, p99);
        }
        self.end("visit");
        Ok(())
    }

    /// Redis loses everything.
    async fn flush(&mut self) -> Result<()> {
        let count = self.arguments.sessions;
        for _ in 0..self.arguments.rounds {
            self.live(Life::Idle, 3).await;
            self.fleet.forget();
            self.server.flush()?;
            let begun = Instant::now();
            self.fleet.until("all have joined", all_joined, |_| {}).await?;
            self.add("flush: all nodes are registered", "s", None, seconds(begun));
            self.fleet.published(count, &Bar::start("publish again")).await?;
            self.add("flush: all sessions are published", "s", None, seconds(begun));
            self.fleet.counted(count, &Bar::start("count again")).await?;
            self.add("flush: all sessions are counted", "s", None, seconds(begun));
            self.fleet.joined().await?;
            self.end("flush");
        }
        Ok(())
    }

    /// All sessions transfer at once: what they take in Redis then.
    async fn move_all(&mut self) -> Result<()> {
        let count = self.arguments.sessions;
        self.fleet.forget();
        for (number, node) in (0..).zip(&self.fleet.nodes) {
            let record = |person: Person| (u64::from(person.0), person.transferring(self.turn));
            let records = people(number, count).map(record).collect();
            node.tell(|agent, _| agent.on_gathered(records, &[]));
            tokio::task::yield_now().await;
        }
        self.fleet.published(count, &Bar::start("publish transfers")).await?;
        self.weigh("all limits, all in a transfer").await?;
        self.end("publish transfers");
        Ok(())
    }

    /// What a session takes in Redis.
    async fn weigh(&mut self, which: &str) -> Result<()> {
        tokio::time::sleep(CALM).await;
        let all = f64::from(self.arguments.nodes) * f64::from(self.arguments.sessions);
        let each = (self.server.memory()? - self.empty) / all;
        self.add(&format!("memory per session, {which}"), "bytes", Some(MEMORY_MAX), each);
        Ok(())
    }

    pub(crate) async fn live(&mut self, life: Life, seconds: u64) {
        let turns = self.turn..self.turn + seconds;
        self.turn = turns.end;
        life.go_on(&self.fleet.nodes, self.arguments.sessions, turns).await;
    }

    fn answered(&self, lanes: &[Lane]) -> u64 {
        self.fleet.answered(lanes)
    }

    pub(crate) fn add(&mut self, what: &str, unit: &'static str, goal: Option<f64>, value: f64) {
        self.report.add(what, unit, goal, value);
    }

    /// Ends a phase: what went wrong is told with its name.
    pub(crate) fn end(&mut self, phase: &str) {
        self.report.fail(phase, self.fleet.take_faults());
    }
}

fn all_joined(fleet: &Fleet) -> bool {
    fleet.nodes.iter().all(|node| node.seen.borrow().joined > 0)
}

fn seconds(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64()
}

/// What this thread has used.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// The goals of the issue "The pool".
const MEMORY_MAX: f64 = 200.0;
const BEAT_REDIS_MS: f64 = 2.0;
const BEAT_NODE_MS: f64 = 5.0;
const LOGIN_MS: f64 = 0.5;

/// All on, and none reached.
const LIMITS: Limits =
    Limits { sessions: 50_000_000, per_user: 100, per_address: 100, logins_per_second: 1_000_000 };

const MANNERS: [Manner; 4] = [
    Manner { batch: 1, ends: 0 },
    Manner { batch: 1, ends: 1 },
    Manner { batch: 64, ends: 0 },
    Manner { batch: 64, ends: 64 },
];

/// Those of a node that has nothing else to do.
const SCRIPTS: &[Lane] = &[Lane::Beat, Lane::Publish, Lane::Admit, Lane::Policy, Lane::Tidy];
/// Four beats of each node.
const ROUND_SECONDS: u64 = 8;
/// In which buffers shrink.
const CALM: Duration = Duration::from_secs(6);
/// Logins of the guest.
const VISITS: usize = 2_000;
