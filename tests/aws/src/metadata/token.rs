//! Tokens: who has one may ask.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::chance::Chance;

/// The tokens that were given out, each with its instance and its end.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    given: BTreeMap<String, (String, Instant)>,
}

impl Tokens {
    /// A new one.
    pub fn give(
        &mut self,
        chance: &mut Chance,
        instance: &str,
        ttl: Duration,
        now: Instant,
    ) -> String {
        self.given.retain(|_, (_, end)| now < *end);
        let token = format!("AQAEA{}==", chance.capitals(48));
        self.given.insert(token.clone(), (instance.to_owned(), now + ttl));
        token
    }

    /// For how long it is still good, at this instance.
    pub fn left(&self, token: &str, instance: &str, now: Instant) -> Option<Duration> {
        let (owner, end) = self.given.get(token)?;
        if owner != instance {
            return None;
        }
        end.checked_duration_since(now).filter(|left| !left.is_zero())
    }

    /// Ends all of an instance, as if it had been started again.
    pub fn forget(&mut self, instance: &str) {
        self.given.retain(|_, (owner, _)| owner != instance);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_time_and_its_instance() {
        let (mut tokens, mut chance, now) = (Tokens::default(), Chance::new(1), Instant::now());
        let token = tokens.give(&mut chance, "i-1", Duration::from_secs(5), now);
        assert_eq!(tokens.left(&token, "i-1", now), Some(Duration::from_secs(5)));
        assert_eq!(tokens.left(&token, "i-2", now), None);
        assert_eq!(tokens.left(&token, "i-1", now + Duration::from_secs(5)), None);
        assert_eq!(tokens.left("other", "i-1", now), None);
        tokens.forget("i-1");
        assert_eq!(tokens.left(&token, "i-1", now), None);
    }
}
