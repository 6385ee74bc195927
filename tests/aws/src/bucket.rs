//! Token buckets: how AWS limits calls.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::api::Service;

/// The buckets of an account.
#[derive(Clone, Debug, Default)]
pub struct Buckets {
    levels: BTreeMap<(Service, String), Level>,
}

/// How many calls at once, and how many a second after that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    /// Tokens of a full bucket.
    pub most: f64,
    /// Tokens a second.
    pub refill: f64,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    tokens: f64,
    filled: Instant,
}

impl Buckets {
    /// Takes a token from each bucket that the call needs; false where one of them is empty. A refused call
    /// costs nothing.
    pub fn take(&mut self, service: Service, action: &str, now: Instant) -> bool {
        let needed = needed(service, action);
        for (name, size) in &needed {
            if self.level(service, name, *size, now).tokens < 1.0 {
                return false;
            }
        }
        for (name, size) in &needed {
            self.level(service, name, *size, now).tokens -= 1.0;
        }
        true
    }

    fn level(&mut self, service: Service, name: &str, size: Size, now: Instant) -> &mut Level {
        let full = Level { tokens: size.most, filled: now };
        let level = self.levels.entry((service, name.to_owned())).or_insert(full);
        let since = now.saturating_duration_since(level.filled).as_secs_f64();
        level.tokens = (level.tokens + since * size.refill).min(size.most);
        level.filled = now;
        level
    }
}

/// Route 53 has a bucket per account and one per action ("Throttling of API requests" in its guide, 2026-07-30).
/// EC2 has one per action; the sizes are those of its guide for calls that read and for calls that change, and
/// the other services are taken to be like it.
fn needed(service: Service, action: &str) -> Vec<(String, Size)> {
    let own = |most, refill| (action.to_owned(), Size { most, refill });
    if service == Service::Route53 {
        let action = match action {
            "CreateHealthCheck" => own(50.0, 0.5),
            "DeleteHealthCheck" => own(15.0, 3.0),
            "GetHealthCheckStatus" => own(4.0, 1.0),
            _ => own(50.0, 10.0),
        };
        return vec![("account".to_owned(), Size { most: 50.0, refill: 10.0 }), action];
    }
    if action.starts_with("Describe") || action.starts_with("Get") {
        vec![own(100.0, 20.0)]
    } else {
        vec![own(50.0, 5.0)]
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bucket_is_empty_after_its_burst_and_fills_again() {
        let (mut buckets, now) = (Buckets::default(), Instant::now());
        let mut take = |action: &str, now| buckets.take(Service::Route53, action, now);
        assert_eq!((0..60).filter(|_| take("GetChange", now)).count(), 50);
        // The account is out of tokens, whatever the action.
        assert!(!take("GetHostedZone", now));
        let later = now + Duration::from_secs(1);
        assert_eq!((0..60).filter(|_| take("GetChange", later)).count(), 10);
    }

    #[test]
    fn some_actions_are_dearer() {
        let (mut buckets, now) = (Buckets::default(), Instant::now());
        let mut count = |action: &str, after| {
            let now = now + Duration::from_secs(after);
            (0..60).filter(|_| buckets.take(Service::Route53, action, now)).count()
        };
        assert_eq!(count("DeleteHealthCheck", 0), 15);
        assert_eq!(count("GetHealthCheckStatus", 0), 4);
        assert_eq!(count("CreateHealthCheck", 10), 50);
        assert_eq!(count("CreateHealthCheck", 20), 5);
    }
}
