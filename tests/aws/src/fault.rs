//! What goes wrong on purpose.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::api::Service;

/// Which calls go wrong, and how. An empty text stands for all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// As in a policy: `route53`, `ec2`, `elasticloadbalancing`, `autoscaling`, `sts`; `imds` for instance
    /// metadata.
    #[serde(default)]
    pub service: String,
    /// As `ChangeResourceRecordSets`; a final `*` stands for any end.
    #[serde(default)]
    pub action: String,
    /// Name of the identity: the id of an instance.
    #[serde(default)]
    pub identity: String,
    /// What happens.
    #[serde(flatten)]
    pub kind: Kind,
    /// It ends after so many milliseconds.
    #[serde(default)]
    pub for_ms: Option<u64>,
    /// It ends after so many calls.
    #[serde(default)]
    pub times: Option<u32>,
}

/// How a call goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// Too many calls.
    Throttle,
    /// The permission is missing.
    Refuse,
    /// The connection is closed and nothing is done: the service is down.
    Down,
    /// It is carried out, and the connection is closed without an answer.
    Lose,
    /// It is answered later, and carried out only then.
    Delay {
        /// By so many milliseconds.
        delay_ms: u64,
    },
    /// It is carried out at once and answered later.
    Slow {
        /// By so many milliseconds.
        delay_ms: u64,
    },
    /// It is refused so.
    Error {
        /// Of HTTP.
        status: u16,
        /// As `InternalError`.
        code: String,
        /// Any text.
        #[serde(default)]
        message: String,
        /// It is carried out nevertheless.
        #[serde(default)]
        done: bool,
    },
}

/// Those in force.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    active: Vec<(u64, Fault, Option<Instant>)>,
    last: u64,
}

impl Faults {
    /// One more, and its number.
    pub fn add(&mut self, fault: Fault, now: Instant) -> u64 {
        self.last += 1;
        let until = fault.for_ms.map(|duration| now + Duration::from_millis(duration));
        self.active.push((self.last, fault, until));
        self.last
    }

    /// One less.
    pub fn remove(&mut self, number: u64) {
        self.active.retain(|(known, _, _)| *known != number);
    }

    /// None at all.
    pub fn clear(&mut self) {
        self.active.clear();
    }

    /// Those of one call, the oldest first; their counts go down.
    pub fn of(&mut self, service: &str, action: &str, identity: &str, now: Instant) -> Vec<Kind> {
        self.active.retain(|(_, fault, until)| {
            until.is_none_or(|until| now < until) && fault.times != Some(0)
        });
        let matching = self.active.iter_mut().filter(|(_, fault, _)| {
            matches(&fault.service, service)
                && matches(&fault.action, action)
                && matches(&fault.identity, identity)
        });
        let kinds = matching.map(|(_, fault, _)| {
            fault.times = fault.times.map(|times| times.saturating_sub(1));
            fault.kind.clone()
        });
        kinds.collect()
    }
}

impl Fault {
    /// Of that kind, for all calls and for ever.
    pub fn new(kind: Kind) -> Self {
        let all = String::new;
        Self { service: all(), action: all(), identity: all(), kind, for_ms: None, times: None }
    }

    /// Only of that service.
    #[must_use]
    pub fn service(mut self, service: Service) -> Self {
        service.prefix().clone_into(&mut self.service);
        self
    }

    /// Only of that action.
    #[must_use]
    pub fn action(mut self, action: &str) -> Self {
        action.clone_into(&mut self.action);
        self
    }

    /// Only of that identity.
    #[must_use]
    pub fn identity(mut self, name: &str) -> Self {
        name.clone_into(&mut self.identity);
        self
    }

    /// Only so often.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Only so long.
    #[must_use]
    pub fn lasting(mut self, duration: Duration) -> Self {
        self.for_ms = u64::try_from(duration.as_millis()).ok();
        self
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => text.starts_with(start),
        None => pattern.is_empty() || pattern == text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_ends_by_count_or_by_time() {
        let (mut faults, now) = (Faults::default(), Instant::now());
        faults.add(Fault::new(Kind::Throttle).service(Service::Ec2).times(2), now);
        faults.add(Fault::new(Kind::Down).action("Get*").lasting(Duration::from_secs(5)), now);
        assert_eq!(faults.of("ec2", "GetThis", "x", now), [Kind::Throttle, Kind::Down]);
        assert_eq!(faults.of("route53", "GetThis", "x", now), [Kind::Down]);
        assert_eq!(faults.of("ec2", "SetThis", "x", now), [Kind::Throttle]);
        assert_eq!(faults.of("ec2", "SetThis", "x", now), []);
        assert_eq!(faults.of("ec2", "GetThis", "x", now + Duration::from_secs(5)), []);
    }

    #[test]
    fn a_fault_has_a_form_in_json() {
        let text =
            r#"{"service":"ec2","kind":"error","status":500,"code":"InternalError","times":1}"#;
        let fault: Fault = serde_json::from_str(text).unwrap();
        assert!(matches!(fault.kind, Kind::Error { status: 500, done: false, .. }));
        assert_eq!(fault.times, Some(1));
    }
}
