//! The way to Redis: a task that keeps one connection, and what there is of it at the moment.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::dial::Dialer;
use super::hint;
use super::line::Line;
use crate::store::{Hint, StoreError};

/// The way to Redis. Dropped, it is closed.
pub(super) struct Link {
    standing: watch::Receiver<Standing>,
    task: JoinHandle<()>,
}

/// Whether there is a connection.
enum Standing {
    Up(Line),
    /// Why there is none.
    Down(StoreError),
}

impl Link {
    /// Begins to connect, in a task of the runtime that this is called on.
    pub(super) fn open(dialer: Dialer, hints: hint::Sender, store: String) -> Self {
        let cause = StoreError::Refused("connecting".to_owned());
        let (sender, standing) = watch::channel(Standing::Down(cause));
        let task = tokio::spawn(keep(dialer, hints, store, sender));
        Self { standing, task }
    }

    /// The connection; without one, what requests are answered with.
    pub(super) fn line(&self) -> Result<Line, StoreError> {
        match &*self.standing.borrow() {
            // The task may not have heard of its end yet.
            Standing::Up(line) => match line.end.cause() {
                Some(cause) => Err(unconnected(cause)),
                None => Ok(line.clone()),
            },
            Standing::Down(cause) => Err(unconnected(cause)),
        }
    }

    /// Waits for a connection, or for the news that there can be none.
    pub(super) async fn connected(&self, within: Duration) -> Result<(), StoreError> {
        let mut standing = self.standing.clone();
        let settled = standing.wait_for(|standing| {
            matches!(standing, Standing::Up(_) | Standing::Down(StoreError::Denied(_)))
        });
        // Whether that or the end of the time came: what counts is what there is now.
        let _ = tokio::time::timeout(within, settled).await.map(drop);
        self.line().map(drop)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Connects, waits for the end of the connection, and connects again.
async fn keep(
    mut dialer: Dialer,
    hints: hint::Sender,
    store: String,
    standing: watch::Sender<Standing>,
) {
    let mut failures = 0;
    loop {
        let cause = match dialer.dial().await {
            Ok(line) => {
                tracing::info!(store, "connected to the store");
                let end = Arc::clone(&line.end);
                standing.send_replace(Standing::Up(line));
                // What was published meanwhile went past this node.
                hints.send(Hint::Lost);
                let cause = end.wait().await;
                tracing::warn!(store, %cause, "lost the connection to the store");
                failures = if end.is_proved() { 0 } else { failures + 1 };
                cause
            }
            Err(cause) => {
                failures += 1;
                log_failure(&store, &cause, failures);
                cause
            }
        };
        standing.send_replace(Standing::Down(cause));
        let mut random = [0];
        // Without randomness all nodes wait the same time, which is no reason to stop.
        let _ = aws_lc_rs::rand::fill(&mut random);
        tokio::time::sleep(pause(failures, random[0])).await;
    }
}

/// An outage is told once, not with each attempt.
fn log_failure(store: &str, cause: &StoreError, failures: u32) {
    if failures == 1 {
        tracing::warn!(store, %cause, "can not connect to the store");
    } else {
        tracing::debug!(store, %cause, failures, "can not connect to the store");
    }
}

fn unconnected(cause: &StoreError) -> StoreError {
    match cause {
        StoreError::Denied(cause) => StoreError::Denied(cause.clone()),
        StoreError::Refused(cause) | StoreError::Unknown(cause) => {
            StoreError::Refused(format!("not connected: {cause}"))
        }
    }
}

/// How long to wait before the next attempt: twice as long with every failure, up to a bound, less a
/// random part of up to a half, so that not all nodes come at once. A connection that had served is
/// made anew at once.
fn pause(failures: u32, random: u8) -> Duration {
    let Some(doublings) = failures.checked_sub(1) else { return Duration::ZERO };
    let longest = PAUSE_MIN.saturating_mul(1 << doublings.min(DOUBLINGS_MAX)).min(PAUSE_MAX);
    longest - longest / 2 * u32::from(random) / u32::from(u8::MAX)
}

const PAUSE_MIN: Duration = Duration::from_millis(100);
/// A beat interval: a node looks for the store as often as it needs it.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// Enough to get from one to the other.
const DOUBLINGS_MAX: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_bound() {
        let longest = |failures| pause(failures, 0).as_millis();
        let lengths: Vec<u128> = (0..8).map(longest).collect();
        assert_eq!(lengths, [0, 100, 200, 400, 800, 1600, 2000, 2000]);
        assert_eq!(longest(u32::MAX), 2000);
        assert_eq!(pause(1, u8::MAX).as_millis(), 50);
        assert_eq!(pause(9, u8::MAX).as_millis(), 1000);
        assert!((0..=u8::MAX).all(|random| pause(3, random) >= pause(3, 255)));
    }

    #[test]
    fn causes_keep_their_kind() {
        let cause = |error| unconnected(&error).to_string();
        let text = || "why".to_owned();
        assert_eq!(cause(StoreError::Denied(text())), "denied: why");
        assert_eq!(cause(StoreError::Refused(text())), "refused: not connected: why");
        assert_eq!(cause(StoreError::Unknown(text())), "refused: not connected: why");
    }
}
