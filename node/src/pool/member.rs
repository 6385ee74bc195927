//! What this node says of itself: its standing, its load, its settings.

use std::time::{Duration, Instant};

use actix::Context;
use flotilla_cluster::member::{Load, MEMBER_VERSION, Member, Standing};
use flotilla_cluster::store::{Request, Store};
use rustix::time::ClockId;

use super::Pool;
use crate::config::Aws;
use crate::health::DRAINING;
use crate::registry::ReadLoads;
use crate::roster;

/// Measures how busy the node is, from one tick to the next.
pub(super) struct Meter {
    at: Instant,
    cpu: Duration,
    cores: usize,
    /// When all arbiters last told what they moved, and how much that was.
    moved: (Instant, u64),
    load: Load,
}

impl Meter {
    pub(super) fn new(now: Instant) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { at: now, cpu: cpu_time(), cores, moved: (now, 0), load: Load::default() }
    }

    /// The last figures.
    pub(super) fn load(&self) -> Load {
        self.load
    }

    /// Its share of clients when it has nothing to do.
    pub(super) fn capacity(&self, config: &Aws) -> u8 {
        let by_cores = u8::try_from(self.cores.saturating_mul(WEIGHT_OF_CORE));
        config.dns_weight.unwrap_or_else(|| by_cores.unwrap_or(WEIGHT_MAX))
    }

    /// A second has passed, or somewhat more: that is how late timers are.
    fn on_tick(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at);
        let cpu = cpu_time();
        let used = cpu.saturating_sub(self.cpu).as_secs_f64() / passed.as_secs_f64().max(0.001);
        // At most 1000, so nothing is cut.
        self.load.cpu_permille = (used / self.cores as f64 * 1000.0).clamp(0.0, 1000.0) as u16;
        let late = passed.saturating_sub(super::actor::TICK);
        self.load.lag_ms = u32::try_from(late.as_millis()).unwrap_or(u32::MAX);
        (self.at, self.cpu) = (now, cpu);
    }

    fn on_loads(&mut self, loads: roster::Load, now: Instant) {
        let (since, before) = self.moved;
        let passed = now.saturating_duration_since(since);
        // What each arbiter has moved never falls, so one did not answer: the figures before stand, and the
        // next ones are of all the time since. Answers that come at once tell nothing of a rate.
        if loads.bytes < before || passed < PASSED_MIN {
            return;
        }
        self.load.transfers = u32::try_from(loads.transfers).unwrap_or(u32::MAX);
        let moved = u128::from(loads.bytes - before) * 1_000 / passed.as_millis().max(1);
        self.load.bytes_per_second = u64::try_from(moved).unwrap_or(u64::MAX);
        self.moved = (now, loads.bytes);
    }
}

/// What the process has used so far.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

impl Pool {
    /// Once a second, and when something changed.
    pub(super) fn tick(&mut self, context: &mut Context<Self>) {
        let now = Instant::now();
        self.meter.on_tick(now);
        self.look_at_mark(context);
        self.send_unsent();
        let member = self.member();
        self.agent.on_member(member, now);
        self.agent.on_tick(now);
        self.count(now);
        if let Some(node) = &self.node {
            let loads = node.registry.send(ReadLoads);
            self.wait(context, loads, |pool, loads, _| {
                if let Ok(loads) = loads {
                    pool.parts.metrics.transfers.active.set(loads.transfers);
                    pool.meter.on_loads(loads, Instant::now());
                }
            });
        }
        self.drive(context);
    }

    fn count(&self, now: Instant) {
        let gauges = &self.parts.metrics.pool;
        let own = self.agent.node();
        let others = self.agent.view().alive().filter(|(node, _)| *node != own);
        gauges.see(
            others
                .map(|(_, seen)| {
                    seen.member.as_ref().map_or(Standing::Unknown, |member| member.standing)
                })
                .chain([self.standing()]),
        );
        gauges.leader.set(i64::from(self.agent.term(now).is_some()));
        gauges.link(self.agent.link());
        gauges.lease_lag.set(now.saturating_duration_since(self.beaten).as_secs_f64());
        gauges.bans.set(self.agent.bans().count());
        gauges.sessions_limit.set(self.parts.policy.config.limits.sessions);
    }

    fn standing(&self) -> Standing {
        let reasons = self.parts.readiness.reasons();
        match reasons.is_empty() {
            true => Standing::Ready,
            false if reasons.contains_key(DRAINING) => Standing::Draining,
            false => Standing::Unready,
        }
    }

    /// The record of this node.
    pub(super) fn member(&self) -> Member {
        let parts = &self.parts;
        let reasons = parts.readiness.reasons();
        let standing = self.standing();
        let config = &parts.policy.config;
        Member {
            version: MEMBER_VERSION,
            build: env!("CARGO_PKG_VERSION").to_owned(),
            zone: config.node.zone.clone().unwrap_or_default(),
            addresses: parts.places.clients.clone(),
            config: super::settings::digest(&parts.policy),
            standing,
            reasons: reasons.into_iter().map(|(latch, text)| (latch.to_owned(), text)).collect(),
            load: Load { sessions: self.agent.session_count(), ..self.meter.load() },
            weight: match standing {
                Standing::Ready if self.is_light => {
                    self.meter.capacity(&config.aws).div_ceil(LIGHT)
                }
                Standing::Ready => self.meter.capacity(&config.aws),
                _ => 0,
            },
            storage: self.mark.seen().to_owned(),
            host_keys: parts.policy.ssh.as_ref().map_or(0, |ssh| ssh.host_keys()),
            relay: parts.places.relay.map_or_else(String::new, |relay| relay.to_string()),
            place: self.place.clone(),
            instance: parts.places.instance.clone(),
            private: parts.places.private.clone(),
            ..Member::default()
        }
    }

    /// Tells the pool the settings that should be the same everywhere.
    pub(super) fn tell_settings(&mut self, context: &mut Context<Self>) {
        let node = self.agent.node().clone();
        let settings = super::settings::encode(&self.parts.policy);
        let call = self.parts.store.call(Request::Configure { node, settings });
        // Told again with the next start or reload; until then it is missing in comparisons.
        self.wait(context, call, |_, _, _| {});
    }
}

/// What a processor is worth. A node of twelve takes the most that there is.
const WEIGHT_OF_CORE: usize = 20;
/// The largest weight of Route 53.
const WEIGHT_MAX: u8 = 255;
/// A node that may have to go soon weighs so many times less: fewer clients lose their connection with it.
const LIGHT: u8 = 4;
/// The shortest time that a rate is told of.
const PASSED_MIN: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_per_second_and_survive_an_arbiter_that_is_silent() {
        let start = Instant::now();
        let mut meter = Meter::new(start);
        let mut told = |ms: u64, bytes: u64| {
            let loads = roster::Load { transfers: 1, bytes, ..roster::Load::default() };
            meter.on_loads(loads, start + Duration::from_millis(ms));
            meter.load().bytes_per_second
        };
        assert_eq!(told(1_000, 5_000), 5_000);
        assert_eq!(told(3_000, 25_000), 10_000);
        // Ticks that come at once.
        assert_eq!(told(3_001, 26_000), 10_000);
        // Half of it is missing, and back two seconds later.
        assert_eq!(told(4_000, 12_000), 10_000);
        assert_eq!(told(5_000, 45_000), 10_000);
        assert_eq!(told(6_000, u64::MAX), u64::MAX - 45_000);
        assert_eq!(told(6_500, u64::MAX), 0);
    }
}
