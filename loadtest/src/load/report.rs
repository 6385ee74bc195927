//! What came out, in figures that mean the same in every form of the report.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;
use hdrhistogram::{Counter, Histogram};
use serde::Serialize;

use super::quantity::show_time;
use super::scenario::{Arrivals, Pacing, Scenario, Spacing};
use super::shared::{Gauges, Shared};
use super::tally::{Row, Slot, Tally};
use super::watch::{Look, Seen};
use crate::client::Protocol;
use crate::report::{MEBIBYTE, ratio};
use crate::results::machine;

/// One run.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    pub(super) title: String,
    /// What was loaded, one for each protocol.
    pub(super) targets: Vec<String>,
    /// When it was begun, UTC, RFC 3339.
    pub(super) began: String,
    /// The machine that this tool ran on.
    pub(super) machine: String,
    pub(super) seed: u64,
    /// The pacing in words.
    pub(super) pacing: String,
    /// Whether latency is counted from when an operation was due, whatever the server did before.
    pub(super) open: bool,
    /// Whether it was ended before its time.
    pub(super) interrupted: bool,
    /// To when nothing new was started any more; rates are of this time.
    pub(super) elapsed_seconds: f64,
    pub(super) totals: Totals,
    pub(super) operations: Vec<Operation>,
    pub(super) errors: Vec<Failure>,
    pub(super) timeline: Vec<Point>,
    /// What the server cost; only where its process was given.
    pub(super) server: Option<Server>,
    /// Whether this tool itself was too slow.
    pub(super) client: Client,
}

/// Sums over all operations.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Totals {
    /// Operations that were finished, logins included.
    pub(super) operations: u64,
    /// Of those before the end.
    pub(super) per_second: f64,
    pub(super) down_bytes: u64,
    pub(super) up_bytes: u64,
    pub(super) down_mebibytes_per_second: f64,
    pub(super) up_mebibytes_per_second: f64,
    pub(super) errors: u64,
    /// Arrivals that were due (open pacing).
    pub(super) due: u64,
    /// Those that nobody was free for before too many waited or the time was over (open pacing).
    pub(super) missed: u64,
    /// Operations that still ran when the report was made.
    pub(super) unfinished: u64,
    /// Most sessions at once.
    pub(super) sessions_max: u64,
}

/// One operation over one protocol.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Operation {
    pub(super) name: String,
    pub(super) protocol: Protocol,
    pub(super) count: u64,
    /// Arrivals that would have begun with it and were never taken up (open pacing).
    pub(super) missed: u64,
    pub(super) per_second: f64,
    pub(super) mebibytes_per_second: f64,
    /// Payload.
    pub(super) bytes: u64,
    /// Lines of listings.
    pub(super) entries: u64,
    /// Data connections that resumed a TLS session.
    pub(super) resumed: u64,
    /// Data connections that the server ended without the TLS close alert.
    pub(super) truncated: u64,
    pub(super) errors: u64,
    /// Of those that were missed as well, which were slower than all others; `None`: it is among them.
    pub(super) p50_us: Option<f64>,
    pub(super) p90_us: Option<f64>,
    pub(super) p99_us: Option<f64>,
    pub(super) p999_us: Option<f64>,
    /// Of those that were finished.
    pub(super) max_us: f64,
    /// Of those that were finished.
    pub(super) mean_us: f64,
    /// Share that was at most so fast, from 0 to 1, and microseconds; ends where the missed ones begin.
    pub(super) curve: Vec<(f64, f64)>,
}

/// One kind of failure.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Failure {
    pub(super) operation: String,
    pub(super) protocol: Protocol,
    pub(super) kind: String,
    pub(super) count: u64,
}

/// One slot of time.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Point {
    /// Its beginning.
    pub(super) at_seconds: f64,
    pub(super) per_second: f64,
    pub(super) due_per_second: f64,
    pub(super) missed: u64,
    pub(super) errors: u64,
    pub(super) down_mebibytes_per_second: f64,
    pub(super) up_mebibytes_per_second: f64,
    /// Logged in at its end.
    pub(super) sessions: u64,
    pub(super) p50_us: Option<f64>,
    pub(super) p90_us: Option<f64>,
    pub(super) p99_us: Option<f64>,
    pub(super) max_us: Option<f64>,
    /// Processors that the server kept busy.
    pub(super) server_processors: Option<f64>,
    pub(super) server_memory_bytes: Option<u64>,
    /// Processors that this tool kept busy.
    pub(super) client_processors: Option<f64>,
}

/// What the server cost.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Server {
    /// Until the last operation was finished.
    pub(super) cpu_seconds: f64,
    /// Processors that were busy on average, to when nothing new was started any more.
    pub(super) processors: f64,
    pub(super) cpu_seconds_per_operation: Option<f64>,
    /// Before the first session.
    pub(super) memory_before_bytes: u64,
    pub(super) memory_max_bytes: u64,
}

/// This tool.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Client {
    pub(super) cpu_seconds: f64,
    pub(super) processors: f64,
    /// From when arrivals were due to when a client had taken them up (open pacing).
    pub(super) late_p50_us: Option<f64>,
    pub(super) late_p99_us: Option<f64>,
}

impl Report {
    /// Makes the report of what was done so far. `began` is when, as text.
    pub(super) fn new(shared: &Shared, seen: &Seen, began: String) -> Result<Self> {
        let looks = seen.looks.as_slice();
        let tally = shared.total()?;
        let elapsed = shared.clock.stopped().unwrap_or_else(|| shared.clock.now());
        let scenario = &shared.scenario;
        let operations = operations(shared, &tally, elapsed);
        let timeline = timeline(&tally, looks, shared.slot, elapsed);
        let totals = totals(&tally, &operations, &timeline, elapsed, &shared.gauges);
        let rows = shared.rows();
        let failure = |((row, kind), count): (&(usize, String), &u64)| {
            let (name, protocol) = rows.get(*row).copied()?;
            let operation = name.to_owned();
            Some(Failure { operation, protocol, kind: kind.clone(), count: *count })
        };
        let mut errors: Vec<_> = tally.errors.iter().filter_map(failure).collect();
        errors.sort_by_key(|failure| std::cmp::Reverse(failure.count));
        Ok(Self {
            title: scenario.title.clone(),
            targets: shared.targets.iter().map(target_name).collect(),
            began,
            machine: machine(),
            seed: scenario.seed,
            pacing: pacing(scenario),
            open: matches!(scenario.pacing, Pacing::Open { .. }),
            interrupted: seen.interrupted,
            elapsed_seconds: elapsed.as_secs_f64(),
            server: server(seen, &totals),
            client: client(&tally, looks),
            totals,
            operations,
            errors,
            timeline,
        })
    }

    /// Whether more than one protocol was spoken, so that rows have to name theirs.
    pub(super) fn is_mixed(&self) -> bool {
        self.targets.len() > 1
    }

    /// An operation's name in tables.
    pub(super) fn label(&self, name: &str, protocol: Protocol) -> String {
        if self.is_mixed() { format!("{name} ({})", protocol.name()) } else { name.to_owned() }
    }
}

impl Report {
    /// How data connections used TLS; `None` where none did.
    pub(super) fn tls(&self) -> Option<String> {
        let carries = |row: &&Operation| row.protocol == Protocol::Ftps && row.bytes > 0;
        let rows: Vec<_> = self.operations.iter().filter(carries).collect();
        let sum = |value: fn(&Operation) -> u64| rows.iter().map(|row| value(row)).sum::<u64>();
        let (all, resumed) = (sum(|row| row.count), sum(|row| row.resumed));
        let truncated = sum(|row| row.truncated);
        let lost = match truncated {
            0 => String::new(),
            _ => format!(", no TLS close alert on {truncated}"),
        };
        (all > 0).then(|| format!("TLS resumed on {resumed} of {all} data connections{lost}"))
    }
}

fn target_name(target: &crate::client::Target) -> String {
    format!("{} {}", target.protocol().name(), target.address)
}

fn pacing(scenario: &Scenario) -> String {
    match scenario.pacing {
        Pacing::Closed { clients } => {
            let think = scenario.visit.think;
            let shape = if scenario.visit.random { " on average" } else { "" };
            let pause = match think {
                Duration::ZERO => "no think time".to_owned(),
                think => format!("{}{shape} between tasks", show_time(think)),
            };
            format!("closed loop: {clients} clients, {pause}")
        }
        Pacing::Open { rate, concurrency, backlog, arrivals, spacing } => {
            let what = match arrivals {
                Arrivals::Tasks => "tasks",
                Arrivals::Sessions => "sessions",
            };
            let how = match spacing {
                Spacing::Even => "evenly spaced",
                Spacing::Poisson => "at random",
            };
            format!(
                "open loop: {rate} {what} per second, {how}, at most {concurrency} at once and \
                 {backlog} waiting"
            )
        }
    }
}

fn operations(shared: &Shared, tally: &Tally, elapsed: Duration) -> Vec<Operation> {
    let errors = |row: usize| -> u64 {
        tally.errors.iter().filter(|((of, _), _)| *of == row).map(|(_, count)| count).sum()
    };
    let rows = shared.rows().into_iter().zip(&tally.rows).enumerate();
    rows.filter_map(|(index, ((name, protocol), row))| {
        let errors = errors(index);
        (row.count + row.missed + errors > 0)
            .then(|| operation(name, protocol, row, errors, elapsed))
    })
    .collect()
}

fn operation(
    name: &str,
    protocol: Protocol,
    row: &Row,
    errors: u64,
    elapsed: Duration,
) -> Operation {
    let seconds = elapsed.as_secs_f64();
    let quantile = |quantile| quantile_us(&row.latency, row.missed, quantile);
    let in_time = ratio(row.in_time as f64, row.count as f64).unwrap_or(0.0);
    let mebibytes = row.bytes as f64 * in_time / MEBIBYTE;
    Operation {
        name: name.to_owned(),
        protocol,
        count: row.count,
        missed: row.missed,
        per_second: ratio(row.in_time as f64, seconds).unwrap_or(0.0),
        mebibytes_per_second: ratio(mebibytes, seconds).unwrap_or(0.0),
        bytes: row.bytes,
        entries: row.entries,
        resumed: row.resumed,
        truncated: row.truncated,
        errors,
        p50_us: quantile(0.5),
        p90_us: quantile(0.9),
        p99_us: quantile(0.99),
        p999_us: quantile(0.999),
        max_us: row.latency.max() as f64 / 1000.0,
        mean_us: row.latency.mean() / 1000.0,
        curve: curve(&row.latency, row.missed),
    }
}

/// A quantile of operations of which some were never begun: those count as slower than all others.
/// `None` if it is among them, or if there is nothing.
fn quantile_us<T: Counter>(latency: &Histogram<T>, missed: u64, quantile: f64) -> Option<f64> {
    let (finished, all) = (latency.len(), latency.len() + missed);
    let rank = (quantile * all as f64).ceil().max(1.0);
    // Without missed ones the share is not computed anew: rounding would change its rank.
    let share = if missed == 0 { quantile } else { rank / finished as f64 };
    (rank <= finished as f64).then(|| latency.value_at_quantile(share) as f64 / 1000.0)
}

/// The distribution in steps of a tenth of a nine, as far as there are operations for it.
fn curve<T: Counter>(latency: &Histogram<T>, missed: u64) -> Vec<(f64, f64)> {
    let all = latency.len() + missed;
    let beyond = |tenths: u32| 10_f64.powf(-f64::from(tenths) / 10.0);
    let steps = (0..=NINES * 10).map(beyond).take_while(|beyond| all as f64 * beyond >= 1.0);
    let point = |beyond| Some((1.0 - beyond, quantile_us(latency, missed, 1.0 - beyond)?));
    steps.map_while(point).collect()
}

fn totals(
    tally: &Tally,
    operations: &[Operation],
    timeline: &[Point],
    elapsed: Duration,
    gauges: &Gauges,
) -> Totals {
    let sum = |value: fn(&Slot) -> u64| tally.slots.iter().map(value).sum::<u64>();
    let rate = |value: fn(&Point) -> f64| {
        let mean = |point: &Point| value(point) * width(timeline, point, elapsed);
        let total: f64 = timeline.iter().map(mean).sum();
        ratio(total, elapsed.as_secs_f64()).unwrap_or(0.0)
    };
    Totals {
        operations: operations.iter().map(|operation| operation.count).sum(),
        per_second: operations.iter().map(|operation| operation.per_second).sum(),
        down_bytes: sum(|slot| slot.down),
        up_bytes: sum(|slot| slot.up),
        down_mebibytes_per_second: rate(|point| point.down_mebibytes_per_second),
        up_mebibytes_per_second: rate(|point| point.up_mebibytes_per_second),
        errors: tally.errors.values().sum(),
        due: sum(|slot| slot.due),
        missed: tally.rows.iter().map(|row| row.missed).sum(),
        unfinished: gauges.running.load(Ordering::Relaxed),
        sessions_max: gauges.sessions_max.load(Ordering::Relaxed),
    }
}

/// Seconds from a point to the next one, or to the end.
fn width(timeline: &[Point], point: &Point, elapsed: Duration) -> f64 {
    let next = timeline.iter().find(|other| other.at_seconds > point.at_seconds);
    let end = next.map_or(elapsed.as_secs_f64(), |next| next.at_seconds);
    (end - point.at_seconds).max(0.0)
}

/// The slots up to the end. The last one may be cut short.
fn timeline(tally: &Tally, looks: &[Look], slot: Duration, elapsed: Duration) -> Vec<Point> {
    let seconds = slot.as_secs_f64();
    let end = elapsed.as_secs_f64();
    let count = (end / seconds).ceil() as usize;
    let points = tally.slots.iter().take(count).enumerate();
    let point = |(index, slot): (usize, &Slot)| {
        let at = seconds * index as f64;
        let long = (end - at).min(seconds);
        // A sliver at the end would have rates without meaning.
        (long >= seconds * SLIVER).then(|| point(slot, at, long, looks))
    };
    points.filter_map(point).collect()
}

fn point(slot: &Slot, at: f64, long: f64, looks: &[Look]) -> Point {
    let quantile = |quantile| {
        let value = slot.latency.value_at_quantile(quantile) as f64 / 1000.0;
        (!slot.latency.is_empty()).then_some(value)
    };
    let after = |time: f64| looks.iter().find(|look| look.at.as_secs_f64() >= time - EARLY);
    let (first, last) = (after(at), after(at + long).or(looks.last()));
    let spent = |time: fn(&Look) -> Option<Duration>| {
        let (first, last) = (first?, last?);
        let between = last.at.saturating_sub(first.at).as_secs_f64();
        ratio(time(last)?.saturating_sub(time(first)?).as_secs_f64(), between)
    };
    let done: u64 = slot.counts.iter().sum();
    Point {
        at_seconds: at,
        per_second: done as f64 / long,
        due_per_second: slot.due as f64 / long,
        missed: slot.missed,
        errors: slot.errors,
        down_mebibytes_per_second: slot.down as f64 / MEBIBYTE / long,
        up_mebibytes_per_second: slot.up as f64 / MEBIBYTE / long,
        sessions: last.map_or(0, |look| look.sessions),
        p50_us: quantile(0.5),
        p90_us: quantile(0.9),
        p99_us: quantile(0.99),
        max_us: quantile(1.0),
        server_processors: spent(|look| look.cpu),
        server_memory_bytes: last.and_then(|look| look.memory),
        client_processors: spent(|look| Some(look.own)),
    }
}

fn server(seen: &Seen, totals: &Totals) -> Option<Server> {
    let looks = seen.looks.as_slice();
    let (first, end) = (looks.first()?, looks.iter().rev().find(|look| look.cpu.is_some())?);
    let until = |look: &Look| Some(look.cpu?.saturating_sub(first.cpu?).as_secs_f64());
    // Operations that were finished after the end count as well, and so does what they took.
    let all = until(&seen.last)?;
    let long = end.at.saturating_sub(first.at).as_secs_f64();
    let memories = looks.iter().chain([&seen.last]).filter_map(|look| look.memory);
    Some(Server {
        cpu_seconds: all,
        processors: ratio(until(end)?, long).unwrap_or(0.0),
        cpu_seconds_per_operation: ratio(all, totals.operations as f64),
        memory_before_bytes: seen.memory_before?,
        memory_max_bytes: memories.max()?,
    })
}

fn client(tally: &Tally, looks: &[Look]) -> Client {
    let (first, last) = (looks.first(), looks.last());
    let span = |value: fn(&Look) -> Duration| {
        let both = first.zip(last).map(|(first, last)| value(last).saturating_sub(value(first)));
        both.unwrap_or_default().as_secs_f64()
    };
    let late = |quantile| {
        let value = tally.lateness.value_at_quantile(quantile) as f64 / 1000.0;
        (!tally.lateness.is_empty()).then_some(value)
    };
    let cpu_seconds = span(|look| look.own);
    Client {
        cpu_seconds,
        processors: ratio(cpu_seconds, span(|look| look.at)).unwrap_or(0.0),
        late_p50_us: late(0.5),
        late_p99_us: late(0.99),
    }
}

/// The distribution goes to 99.999 %.
const NINES: u32 = 5;

/// The least part of a slot that counts as one.
const SLIVER: f64 = 0.4;

/// A look may come so much before its slot's end, in seconds.
const EARLY: f64 = 0.01;

#[cfg(test)]
pub(super) mod tests;
