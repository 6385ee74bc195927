//! What every transfer owes to the others: it notices a stall, keeps its user's rate, and yields.

use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use flotilla_protocol::ftp::Failure;
use tokio::time::Sleep;

use super::progress::Progress;
use crate::rate::{Rate, Share};

/// Under what conditions a transfer runs.
#[derive(Clone, Debug)]
pub struct Terms {
    /// How long nothing may move before the transfer fails with [`Failure::DataStalled`].
    pub stalled: Duration,
    /// The user's limit, if there is one.
    pub rate: Option<Arc<Rate>>,
    /// What the session sees of it.
    pub progress: Rc<Progress>,
}

/// [`Terms`] at work.
pub(super) struct Pace {
    stalled: Duration,
    progress: Rc<Progress>,
    share: Option<Share>,
    /// Bytes moved since other tasks could run.
    run_bytes: usize,
    /// Made by the first wait and seldom moved after that: when it rings, the wait under way tells
    /// whether it is long enough, so that a wait costs no timer.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    pub(super) fn new(terms: &Terms) -> Self {
        Self {
            stalled: terms.stalled,
            progress: Rc::clone(&terms.progress),
            share: terms.rate.as_ref().map(Rate::join),
            run_bytes: 0,
            alarm: None,
        }
    }

    /// The most bytes to move before the next [`moved`](Self::moved).
    pub(super) fn piece(&self) -> usize {
        match &self.share {
            Some(share) => share.piece(),
            None => RUN_BYTES_MAX,
        }
    }

    /// Waits for the storage.
    pub(super) async fn stored<F: Future>(&self, work: F) -> F::Output {
        self.progress.stored(work).await
    }

    /// Accounts for bytes that moved; waits for the rate, and lets others run when it is time.
    pub(super) async fn moved(&mut self, bytes: usize) {
        let now = Instant::now();
        let count = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.progress.add(count, now);
        if let Some(share) = &self.share {
            let delay = share.charge(count, now);
            if delay >= DELAY_MIN {
                self.run_bytes = 0;
                tokio::time::sleep(delay).await;
                return;
            }
        }
        self.run_bytes = self.run_bytes.saturating_add(bytes);
        if self.run_bytes >= RUN_BYTES_MAX {
            self.run_bytes = 0;
            tokio::task::yield_now().await;
        }
    }

    /// Waits for the peer, but no longer than the `stalled` time.
    pub(super) async fn watch<F: Future>(&mut self, wait: F) -> Result<F::Output, Failure> {
        let mut wait = pin!(wait);
        let mut since = None;
        std::future::poll_fn(|context| {
            if let Poll::Ready(output) = wait.as_mut().poll(context) {
                return Poll::Ready(Ok(output));
            }
            let since = *since.get_or_insert_with(tokio::time::Instant::now);
            let deadline = since + self.stalled;
            self.run_bytes = 0;
            let alarm =
                self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
            while alarm.as_mut().poll(context).is_ready() {
                if tokio::time::Instant::now() >= deadline {
                    return Poll::Ready(Err(Failure::DataStalled));
                }
                alarm.as_mut().reset(deadline);
            }
            Poll::Pending
        })
        .await
    }
}

/// Bytes that one transfer moves before others run: about a quarter of a millisecond by sendfile,
/// half of one with TLS.
pub(super) const RUN_BYTES_MAX: usize = 1024 * 1024;
/// The timer's resolution: shorter delays would be rounded up; they stay on the account instead.
const DELAY_MIN: Duration = Duration::from_millis(2);
