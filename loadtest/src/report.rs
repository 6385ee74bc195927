//! What came out: figures of one measurement, in words and in JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use anyhow::Result;
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::client::Protocol;
use crate::scenario::{Plan, Scenario, Unit};
use crate::worker::Part;

/// Latencies in nanoseconds.
pub(crate) type Latency = Histogram<u64>;

/// An empty histogram with three digits.
pub(crate) fn latency() -> Result<Latency> {
    Ok(Histogram::new_with_bounds(1, LATENCY_MAX_NS, 3)?)
}

/// One measurement.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) scenario: Scenario,
    pub(crate) protocol: Protocol,
    pub(crate) clients: usize,
    pub(crate) operations: u64,
    pub(crate) bytes: u64,
    pub(crate) entries: u64,
    /// Data connections that resumed a TLS session.
    pub(crate) resumed: u64,
    /// Data connections that the server ended without the TLS close alert.
    pub(crate) truncated: u64,
    pub(crate) elapsed: Duration,
    /// The server's processor time, when its pid is known.
    pub(crate) cpu: Option<Duration>,
    /// That of the other servers of the plan.
    pub(crate) beside: Vec<Duration>,
    pub(crate) latency: Latency,
    pub(crate) errors: BTreeMap<String, u64>,
    pub(crate) idle: Option<Idle>,
}

/// What idle sessions cost.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Idle {
    /// Sessions that were open.
    pub(crate) sessions: usize,
    /// Proportional set size, bytes.
    pub(crate) memory_per_session: Option<f64>,
    /// Processor seconds per second while nothing happens.
    pub(crate) cpu_per_second: Option<f64>,
}

/// The figures of one measurement; a missing one was not measured or has no meaning there.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) scenario: Scenario,
    pub(crate) protocol: Protocol,
    pub(crate) clients: usize,
    pub(crate) operations: u64,
    pub(crate) bytes: u64,
    pub(crate) entries: u64,
    pub(crate) resumed: u64,
    pub(crate) truncated: u64,
    pub(crate) elapsed_seconds: f64,
    pub(crate) operations_per_second: f64,
    pub(crate) mebibytes_per_second: f64,
    /// What `cpu_seconds_per_unit` refers to.
    pub(crate) unit: Unit,
    pub(crate) cpu_seconds: Option<f64>,
    pub(crate) cpu_seconds_per_unit: Option<f64>,
    /// Of other servers that worked meanwhile.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) beside_cpu_seconds_per_unit: Vec<f64>,
    pub(crate) latency_p50_us: f64,
    pub(crate) latency_p99_us: f64,
    pub(crate) latency_p999_us: f64,
    pub(crate) latency_max_us: f64,
    pub(crate) errors: BTreeMap<String, u64>,
    pub(crate) idle: Option<Idle>,
}

impl Outcome {
    /// An empty outcome of a plan.
    pub(crate) fn new(plan: &Plan) -> Result<Self> {
        Ok(Self {
            scenario: plan.scenario,
            protocol: plan.target.protocol(),
            clients: plan.clients,
            operations: 0,
            bytes: 0,
            entries: 0,
            resumed: 0,
            truncated: 0,
            elapsed: Duration::ZERO,
            cpu: None,
            beside: Vec::new(),
            latency: latency()?,
            errors: BTreeMap::new(),
            idle: None,
        })
    }

    /// Adds what one client did.
    pub(crate) fn add(&mut self, part: Part) {
        self.operations += part.operations;
        self.bytes += part.moved.bytes;
        self.entries += part.moved.entries;
        self.resumed += part.resumed;
        self.truncated += part.truncated;
        // Both were made with the same bounds.
        let _ = self.latency.add(&part.latency);
        for (kind, count) in part.errors {
            *self.errors.entry(kind).or_default() += count;
        }
    }

    /// The figures.
    pub(crate) fn summary(&self) -> Summary {
        let seconds = self.elapsed.as_secs_f64();
        let unit = self.scenario.unit();
        let units = match unit {
            Unit::Operation => self.operations as f64,
            Unit::Gibibyte => self.bytes as f64 / GIBIBYTE,
            Unit::Entry => self.entries as f64,
        };
        let cpu = self.cpu.map(|cpu| cpu.as_secs_f64());
        let quantile = |quantile| self.latency.value_at_quantile(quantile) as f64 / 1000.0;
        Summary {
            scenario: self.scenario,
            protocol: self.protocol,
            clients: self.clients,
            operations: self.operations,
            bytes: self.bytes,
            entries: self.entries,
            resumed: self.resumed,
            truncated: self.truncated,
            elapsed_seconds: seconds,
            operations_per_second: ratio(self.operations as f64, seconds).unwrap_or(0.0),
            mebibytes_per_second: ratio(self.bytes as f64 / MEBIBYTE, seconds).unwrap_or(0.0),
            unit,
            cpu_seconds: cpu,
            cpu_seconds_per_unit: cpu.and_then(|cpu| ratio(cpu, units)),
            beside_cpu_seconds_per_unit: self
                .beside
                .iter()
                .filter_map(|cpu| ratio(cpu.as_secs_f64(), units))
                .collect(),
            latency_p50_us: quantile(0.5),
            latency_p99_us: quantile(0.99),
            latency_p999_us: quantile(0.999),
            latency_max_us: self.latency.max() as f64 / 1000.0,
            errors: self.errors.clone(),
            idle: self.idle,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scenario, protocol) = (self.scenario.name(), self.protocol.name());
        writeln!(out, "{scenario} over {protocol}, {} clients", self.clients)?;
        writeln!(
            out,
            "  {} operations in {:.2} s: {} /s, {:.0} MiB/s",
            self.operations,
            self.elapsed_seconds,
            figure(self.operations_per_second),
            self.mebibytes_per_second,
        )?;
        if self.entries > 0 {
            writeln!(out, "  {} entries", self.entries)?;
        }
        if let (Some(cpu), Some(each)) = (self.cpu_seconds, self.cpu_seconds_per_unit) {
            let (scale, unit) = match self.unit {
                Unit::Operation => (1e3, "ms per operation"),
                Unit::Gibibyte => (1.0, "s per GiB"),
                Unit::Entry => (1e6, "us per entry"),
            };
            writeln!(out, "  server CPU {cpu:.3} s: {} {unit}", figure(each * scale))?;
        }
        writeln!(
            out,
            "  latency us: p50 {:.1}, p99 {:.1}, p99.9 {:.1}, max {:.1}",
            self.latency_p50_us, self.latency_p99_us, self.latency_p999_us, self.latency_max_us
        )?;
        if self.protocol == Protocol::Ftps && self.bytes > 0 {
            let all = self.operations;
            writeln!(out, "  TLS resumed on {} of {all} data connections", self.resumed)?;
            if self.truncated > 0 {
                writeln!(out, "  no TLS close alert on {}", self.truncated)?;
            }
        }
        if let Some(idle) = &self.idle {
            writeln!(out, "  {} idle sessions", idle.sessions)?;
            if let (Some(memory), Some(cpu)) = (idle.memory_per_session, idle.cpu_per_second) {
                let (memory, cpu) = (memory / 1024.0, cpu * 1e3);
                writeln!(out, "  {} KiB each, CPU {cpu:.3} ms/s", figure(memory))?;
            }
        }
        for (kind, count) in &self.errors {
            writeln!(out, "  error, {count} times: {kind}")?;
        }
        Ok(())
    }
}

/// A figure with three significant digits.
pub(crate) fn figure(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 1.0 => 2,
        v if v >= 0.1 || v == 0.0 => 3,
        _ => 4,
    };
    format!("{value:.digits$}")
}

/// The middle of the values: of an even number the mean of the two in the middle.
pub(crate) fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = values.get(middle).copied()?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = values.get(middle.checked_sub(1)?).copied()?;
    Some(f64::midpoint(lower, upper))
}

/// A quotient that exists.
pub(crate) fn ratio(numerator: f64, denominator: f64) -> Option<f64> {
    (denominator > 0.0).then(|| numerator / denominator)
}

/// Takes their meaning from the letters that have one in a table in Markdown. What comes from a server may
/// hold anything.
pub(crate) fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '|' | '\\' | '`' | '*' | '_' | '<' | '>' | '[' | ']' => escaped.extend(['\\', letter]),
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// Bytes of a MiB.
pub(crate) const MEBIBYTE: f64 = 1024.0 * 1024.0;
const GIBIBYTE: f64 = 1024.0 * MEBIBYTE;

/// The longest latency that is told apart: ten minutes; the socket deadline is far below.
pub(crate) const LATENCY_MAX_NS: u64 = 600 * 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&mut []), None);
        assert_eq!(median(&mut [3.0]), Some(3.0));
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn figures_keep_three_digits() {
        let shown: Vec<_> =
            [1234.5, 12.345, 1.2345, 0.12345, 0.012345, 0.0].map(figure).into_iter().collect();
        assert_eq!(shown, ["1234", "12.3", "1.23", "0.123", "0.0123", "0.000"]);
    }

    #[test]
    fn quotients_by_nothing_do_not_exist() {
        assert_eq!(ratio(1.0, 0.0), None);
        assert_eq!(ratio(3.0, 2.0), Some(1.5));
    }
}
