//! A health check and its checkers.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::xml::Element;

/// A health check by TCP.
#[derive(Clone, Debug)]
pub struct Check {
    /// As `5ab0d5c0-6f0b-4d3c-8f0a-2f1d6a1b7c3e`.
    pub id: String,
    /// As given at its creation.
    pub reference: String,
    /// What it checks.
    pub settings: Probe,
    /// Goes up by one with each update.
    pub version: u64,
    /// Those that connect.
    pub checkers: Vec<Checker>,
}

/// What a check was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Where to connect.
    pub address: IpAddr,
    /// At which port.
    pub port: u16,
    /// Seconds: 10 or 30.
    pub interval: u32,
    /// So many times must the result be the other one to change the opinion.
    pub threshold: u32,
    /// Healthy is unhealthy and the other way round.
    pub inverted: bool,
    /// Counts as healthy, and nobody connects.
    pub disabled: bool,
    /// Not changeable.
    pub measure_latency: bool,
    /// From which the checkers come; empty for all.
    pub regions: Vec<String>,
}

/// What has become of a reference; it can be used once for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The check that was created by it, which may be gone.
    pub check: String,
    /// As at the creation.
    pub settings: Probe,
}

/// One of those who connect; each has an opinion.
#[derive(Clone, Debug)]
pub struct Checker {
    /// When it connects next.
    pub next: Instant,
    /// It waits for an answer.
    pub busy: bool,
    /// Its opinion, once there is one.
    pub healthy: Option<bool>,
    /// What it saw last.
    pub last: Option<Result<(), String>>,
    /// So many times in a row did it see the same.
    pub streak: u32,
}

impl Check {
    /// More than 18 % of the checkers say so. A checker without an opinion has not seen anything bad.
    pub fn is_healthy(&self) -> bool {
        if self.settings.disabled {
            return true;
        }
        let good = self.checkers.iter().filter(|checker| checker.healthy != Some(false)).count();
        (good * 100 > self.checkers.len() * 18) != self.settings.inverted
    }

    /// New checkers without an opinion, which do not connect all at once.
    pub(super) fn restart(&mut self, count: u32, interval: Duration, now: Instant) {
        let begin = |number| Checker {
            next: now + interval * number / count.max(1),
            busy: false,
            healthy: None,
            last: None,
            streak: 0,
        };
        self.checkers = (0..count).map(begin).collect();
    }

    pub(super) fn element(&self) -> Element {
        let settings = &self.settings;
        let mut config = Element::new("HealthCheckConfig")
            .text("IPAddress", settings.address)
            .text("Port", settings.port)
            .text("Type", "TCP")
            .text("RequestInterval", settings.interval)
            .text("FailureThreshold", settings.threshold)
            .text("MeasureLatency", settings.measure_latency)
            .text("Inverted", settings.inverted)
            .text("Disabled", settings.disabled);
        if !settings.regions.is_empty() {
            config = config.texts("Regions", "Region", &settings.regions);
        }
        Element::new("HealthCheck")
            .text("Id", &self.id)
            .text("CallerReference", &self.reference)
            .child(config)
            .text("HealthCheckVersion", self.version)
    }
}

impl Checker {
    /// One more result; the opinion changes after `threshold` equal ones. The first result is an opinion.
    pub(super) fn saw(&mut self, result: Result<(), String>, threshold: u32) {
        let good = result.is_ok();
        let same = self.last.as_ref().is_some_and(|last| last.is_ok() == good);
        self.streak = if same { self.streak.saturating_add(1) } else { 1 };
        self.last = Some(result);
        if self.healthy.is_none() && good || self.streak >= threshold {
            self.healthy = Some(good);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn check(count: u32) -> Check {
        let mut check = Check {
            id: "1".to_owned(),
            reference: "r".to_owned(),
            settings: Probe {
                address: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1)),
                port: 21,
                interval: 10,
                threshold: 3,
                inverted: false,
                disabled: false,
                measure_latency: false,
                regions: Vec::new(),
            },
            version: 1,
            checkers: Vec::new(),
        };
        check.restart(count, Duration::from_secs(10), Instant::now());
        check
    }

    #[test]
    fn an_opinion_takes_as_many_results_as_the_threshold() {
        let mut check = check(1);
        assert!(check.is_healthy(), "there are no data");
        let mut see = |result: Result<(), String>| {
            check.checkers[0].saw(result, 3);
            check.is_healthy()
        };
        let bad = || Err("refused".to_owned());
        assert_eq!([see(Ok(())), see(bad()), see(bad()), see(Ok(()))], [true; 4]);
        assert_eq!([see(bad()), see(bad()), see(bad())], [true, true, false]);
        assert_eq!([see(Ok(())), see(Ok(())), see(Ok(()))], [false, false, true]);
    }

    #[test]
    fn more_than_eighteen_of_a_hundred_make_it_healthy() {
        let mut check = check(100);
        let opinions = |check: &mut Check, good: usize| {
            for (number, checker) in check.checkers.iter_mut().enumerate() {
                checker.healthy = Some(number < good);
            }
            check.is_healthy()
        };
        assert!(!opinions(&mut check, 18));
        assert!(opinions(&mut check, 19));
        check.settings.inverted = true;
        assert!(!check.is_healthy());
        check.settings.disabled = true;
        assert!(check.is_healthy());
    }
}
