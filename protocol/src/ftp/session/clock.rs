//! Deadlines: of the login, of idleness, and of the next progress line.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::keepalive::Keepalive;
use super::login::Login;
use super::{Activity, Session};

/// What the deadlines are made of.
#[derive(Debug)]
pub(super) struct Clock {
    /// When the session began.
    pub(super) connected: Instant,
    /// When a command or an answer of the owner came last. The end of a transfer is such an answer,
    /// and while one is under way nobody is idle: its bytes keep the session alive.
    pub(super) active: Instant,
    /// What the operator or SITE IDLE set.
    pub(super) idle_timeout: Duration,
    /// What the path to the client demands.
    pub(super) keepalive: Keepalive,
    /// The text of the 421 that ends the session as soon as nothing is under way.
    pub(super) stopping: Option<&'static str>,
}

impl Clock {
    /// At the start of a session.
    pub(super) fn new(idle_timeout: Duration, now: Instant) -> Self {
        Self {
            connected: now,
            active: now,
            idle_timeout,
            keepalive: Keepalive::default(),
            stopping: None,
        }
    }

    /// How long a user may be idle, and why, in words.
    pub(super) fn idle_text(&self) -> String {
        match &self.keepalive.idle_limit {
            Some(limit) if limit.after < self.idle_timeout => {
                format!("{} seconds ({})", limit.after.as_secs(), limit.reason)
            }
            _ => format!("{} seconds", self.idle_timeout.as_secs()),
        }
    }
}

/// What happens when a deadline is over.
enum Due {
    /// Nobody logged in.
    Login,
    /// No command came.
    Idle,
    /// No command came, and something on the path would not bear it for longer.
    Limit { after: Duration, reason: Arc<str> },
    /// The client hears how far its transfer is.
    Progress,
}

impl Session {
    /// When [`Session::on_timeout`] must be called, if nothing happens before. Requests and
    /// transfers have deadlines of their own, which their owner keeps.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.due().map(|(deadline, _)| deadline)
    }

    /// Time passed: ends the session if a deadline is over, or writes a progress line. In a
    /// transfer the owner calls [`Session::on_progress`] first.
    pub fn on_timeout(&mut self, now: Instant) {
        let Some((_, due)) = self.due().filter(|&(deadline, _)| now >= deadline) else { return };
        let text = match due {
            Due::Progress => return self.tell_progress(now),
            Due::Login => format!(
                "Closing: no login within {} seconds (timeouts.login).",
                self.settings.login_timeout.as_secs()
            ),
            Due::Idle => format!(
                "Closing: no command for {} seconds (timeouts.idle).",
                self.clock.idle_timeout.as_secs()
            ),
            Due::Limit { after, reason } => {
                format!("Closing: no command for {} seconds ({reason}).", after.as_secs())
            }
        };
        self.reply(421, text.as_bytes());
        self.close();
    }

    fn due(&self) -> Option<(Instant, Due)> {
        let clock = &self.clock;
        let own = match (&self.activity, &self.login) {
            (Activity::Idle, Login::In(_)) => (clock.active + clock.idle_timeout, Due::Idle),
            (Activity::Idle, _) => (clock.connected + self.settings.login_timeout, Due::Login),
            (Activity::Transferring(transfer), _) => {
                return Some((self.progress_deadline(transfer)?, Due::Progress));
            }
            (Activity::Waiting(_) | Activity::Closing, _) => return None,
        };
        let limit = clock.keepalive.idle_limit.as_ref().map(|limit| {
            let due = Due::Limit { after: limit.after, reason: Arc::clone(&limit.reason) };
            (clock.active + limit.after, due)
        });
        Some(limit.filter(|limit| limit.0 < own.0).unwrap_or(own))
    }
}
