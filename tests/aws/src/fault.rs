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
    /// As `ChangeResourceRecordSets`, and for `imds` the path, as `/latest/api/token`. A final `*` stands for any end.
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
    pub(crate) fn add(&mut self, fault: Fault, now: Instant) -> u64 {
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
    pub(crate) fn clear(&mut self) {
        self.active.clear();
    }

    /// Those of one call, the oldest first; their counts go down.
    pub(crate) fn of(
        &mut self,
        service: Service,
        action: &str,
        identity: &str,
        now: Instant,
    ) -> Met {
        self.active.retain(|(_, fault, until)| {
            until.is_none_or(|until| now < until) && fault.times != Some(0)
        });
        let matching = self.active.iter_mut().filter(|(_, fault, _)| {
            matches(&fault.service, service.prefix())
                && matches(&fault.action, action)
                && matches(&fault.identity, identity)
        });
        let kinds = matching.map(|(_, fault, _)| {
            fault.times = fault.times.map(|times| times.saturating_sub(1));
            fault.kind.clone()
        });
        Met(kinds.collect())
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

/// What one call meets.
#[derive(Debug)]
pub(crate) struct Met(Vec<Kind>);

impl Met {
    pub(crate) fn has(&self, kind: &Kind) -> bool {
        self.0.contains(kind)
    }

    /// How much later it is carried out.
    pub(crate) fn delay(&self) -> Duration {
        self.total(|kind| if let Kind::Delay { delay_ms } = kind { *delay_ms } else { 0 })
    }

    /// How much later than carried out it is answered.
    pub(crate) fn slowness(&self) -> Duration {
        self.total(|kind| if let Kind::Slow { delay_ms } = kind { *delay_ms } else { 0 })
    }

    fn total(&self, of: impl Fn(&Kind) -> u64) -> Duration {
        Duration::from_millis(self.0.iter().map(of).sum())
    }

    /// Whether nobody answers.
    pub(crate) fn closes(&self) -> bool {
        self.has(&Kind::Down) || self.has(&Kind::Lose)
    }

    /// Status, code and message of a refusal: one in place of the call, or one that tells nothing of a call that was
    /// carried out.
    pub(crate) fn error(&self, after: bool) -> Option<(u16, &str, &str)> {
        self.0.iter().find_map(|kind| match kind {
            Kind::Error { status, code, message, done } if *done == after => {
                Some((*status, code.as_str(), message.as_str()))
            }
            _ => None,
        })
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
        let mut of = |service, action, now| faults.of(service, action, "x", now).0;
        assert_eq!(of(Service::Ec2, "GetThis", now), [Kind::Throttle, Kind::Down]);
        assert_eq!(of(Service::Route53, "GetThis", now), [Kind::Down]);
        assert_eq!(of(Service::Ec2, "SetThis", now), [Kind::Throttle]);
        assert_eq!(of(Service::Ec2, "SetThis", now), []);
        assert_eq!(of(Service::Ec2, "GetThis", now + Duration::from_secs(5)), []);
    }

    #[test]
    fn a_call_meets_all_faults_at_once() {
        let error = |done| {
            let (code, message) = ("Odd".to_owned(), String::new());
            Kind::Error { status: 500, code, message, done }
        };
        let met = Met(vec![
            Kind::Delay { delay_ms: 1 },
            Kind::Slow { delay_ms: 10 },
            Kind::Delay { delay_ms: 2 },
            error(true),
        ]);
        assert_eq!(
            (met.delay(), met.slowness()),
            (Duration::from_millis(3), Duration::from_millis(10))
        );
        assert_eq!((met.error(false), met.error(true)), (None, Some((500, "Odd", ""))));
        assert!(!met.closes());
        assert!(Met(vec![error(false), Kind::Lose]).closes());
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
