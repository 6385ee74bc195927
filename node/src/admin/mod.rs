//! The admin API: questions of operators to the pool, over HTTP under `/v1`.
//!
//! `endpoint` is one table of what can be asked and by whom, `http` the way of every request through it,
//! `token` says who asks. What is asked goes as one message to the actor that answers
//! for the pool; nothing is decided here.

mod endpoint;
mod guess;
mod http;
#[cfg(test)]
mod tests;
mod token;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::Recipient;
use tokio::sync::Semaphore;

use crate::config::Config;
use crate::pool::Ask;

pub(crate) use endpoint::banned_address;
use guess::Guesses;
pub(crate) use http::routes;
use token::Tokens;
pub(crate) use token::{Role, made_file, remove};

/// What all requests share.
pub(crate) struct Admin {
    pool: Recipient<Ask>,
    settings: Mutex<Arc<Settings>>,
    guesses: Guesses,
    places: Semaphore,
    limits: Limits,
}

/// What a reload changes.
pub(crate) struct Settings {
    tokens: Tokens,
    /// `limits.ban_for`: of a ban that does not say for how long.
    ban_for: Duration,
}

/// Bounds of what requests may cost.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// From the token to the answer.
    deadline: Duration,
    /// How long a wrong token waits for its refusal.
    wrong_token: Duration,
    /// Requests at once; more are refused.
    at_once: usize,
    /// Of a request's body.
    body_bytes: usize,
}

impl Admin {
    /// The API of a node whose pool answers at `pool`.
    pub(crate) fn new(pool: Recipient<Ask>, settings: Settings) -> Self {
        Self::limited(pool, settings, LIMITS)
    }

    fn limited(pool: Recipient<Ask>, settings: Settings, limits: Limits) -> Self {
        Self {
            pool,
            settings: Mutex::new(Arc::new(settings)),
            guesses: Guesses::default(),
            places: Semaphore::new(limits.at_once),
            limits,
        }
    }

    /// Goes by other settings from the next request on.
    pub(crate) fn adopt(&self, settings: Settings) {
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    /// The settings in force.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Settings {
    /// What a configuration says; tokens that were made stay the same.
    ///
    /// # Errors
    /// A file of a token that can not be read or made.
    pub(crate) fn load(config: &Config, old: Option<&Self>) -> Result<Self, crate::ServeError> {
        let tokens = Tokens::load(config, old.map(|old| &old.tokens))?;
        Ok(Self { tokens, ban_for: config.limits.ban_for })
    }
}

/// Operators are few. Each wrong guess holds one of the server's 256 connections for a quarter of a
/// second: a thousand guesses per second at the most, of 2^256.
const LIMITS: Limits = Limits {
    deadline: Duration::from_secs(5),
    wrong_token: Duration::from_millis(250),
    at_once: 32,
    body_bytes: 16 << 10,
};
