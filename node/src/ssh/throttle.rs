//! The byte rates of a user, kept by one channel.

use std::time::{Duration, Instant};

use crate::login::LoggedIn;
use crate::rate::{Rate, Share};

/// Both directions of a channel. Who exceeds a rate begins nothing new until it is made up for.
pub(super) struct Throttle {
    upload: Option<Share>,
    download: Option<Share>,
    until: Option<Instant>,
}

impl Throttle {
    pub(super) fn new(login: &LoggedIn) -> Self {
        Self {
            upload: login.upload_rate.as_ref().map(Rate::join),
            download: login.download_rate.as_ref().map(Rate::join),
            until: None,
        }
    }

    /// Bytes came from the client.
    pub(super) fn received(&mut self, bytes: usize, now: Instant) {
        let delay = self.upload.as_ref().map(|share| share.charge(bytes as u64, now));
        self.hold(delay, now);
    }

    /// Bytes go to the client.
    pub(super) fn sent(&mut self, bytes: usize, now: Instant) {
        let delay = self.download.as_ref().map(|share| share.charge(bytes as u64, now));
        self.hold(delay, now);
    }

    fn hold(&mut self, delay: Option<Duration>, now: Instant) {
        // Less than the timer's resolution stays on the account.
        if let Some(delay) = delay.filter(|&delay| delay >= DELAY_MIN) {
            self.until = self.until.max(Some(now + delay));
        }
    }

    /// Whether nothing new may begin.
    pub(super) fn holds(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// Ends a hold that is over; whether there was one.
    pub(super) fn release(&mut self, now: Instant) -> bool {
        let over = self.until.is_some_and(|until| now >= until);
        if over {
            self.until = None;
        }
        over
    }

    /// When something new may begin again.
    pub(super) fn resumes_at(&self) -> Option<Instant> {
        self.until
    }
}

/// The timer's resolution.
const DELAY_MIN: Duration = Duration::from_millis(2);
