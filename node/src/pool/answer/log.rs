//! What the node that is asked writes into its log.

use std::time::Duration;

use serde_json::{Value, json};

use crate::log::{self, LogLevel};
use crate::pool::{Pool, Refusal};

impl Pool {
    /// The level in force, and the configured one.
    pub(super) fn log_level(&self) -> Result<Value, Refusal> {
        Ok(self.shown(running()?))
    }

    /// Puts another level into force, or the configured one again.
    pub(super) fn set_log_level(
        &self,
        filter: Option<&str>,
        period: Option<Duration>,
    ) -> Result<Value, Refusal> {
        let level = running()?;
        match filter {
            Some(filter) => {
                level.choose(filter, period).map_err(|error| Refusal::Invalid(error.to_string()))?
            }
            None => level.fall_back(),
        }
        Ok(self.shown(level))
    }

    fn shown(&self, level: &LogLevel) -> Value {
        let state = level.state();
        // A part of a second is a second: none would be no time.
        let seconds = state.left.map(|left| left.as_secs() + u64::from(left.subsec_nanos() > 0));
        json!({
            "node": self.agent.node().as_str(),
            "level": state.level,
            "configured": state.configured,
            "seconds_left": seconds,
        })
    }
}

fn running() -> Result<&'static LogLevel, Refusal> {
    log::level().ok_or_else(|| Refusal::Unavailable("this process has no log".to_owned()))
}
