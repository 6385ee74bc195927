//! Byte-rate limits of a user, shared fairly and without a lock by all of the user's transfers.
//!
//! The limit is one line of time: every byte moved by anybody reserves `1 / rate` seconds on it,
//! and who moved waits for the end of what was reserved. So the sum never exceeds the rate, what a
//! slow transfer leaves is there for the others, and since every transfer moves pieces of the same
//! length (a quarter of a second of its share) in turn, each gets the same.
//!
//! A user without a limit has no [`Rate`], and the transfer touches nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The limit of one user on this node.
#[derive(Debug)]
pub struct Rate {
    bytes_per_second: AtomicU64,
    transfers: AtomicU32,
    /// Where the reserved time ends, nanoseconds after `origin`.
    reserved_ns: AtomicU64,
    origin: Instant,
}

impl Rate {
    /// A limit; `bytes_per_second` is at least 1.
    pub fn new(bytes_per_second: u64) -> Arc<Self> {
        Arc::new(Self {
            bytes_per_second: AtomicU64::new(bytes_per_second.max(1)),
            transfers: AtomicU32::new(0),
            reserved_ns: AtomicU64::new(0),
            origin: Instant::now(),
        })
    }

    /// Changes the limit; transfers under way follow with their next piece.
    pub fn set(&self, bytes_per_second: u64) {
        self.bytes_per_second.store(bytes_per_second.max(1), Ordering::Relaxed);
    }

    /// The limit.
    pub fn bytes_per_second(&self) -> u64 {
        self.bytes_per_second.load(Ordering::Relaxed)
    }

    /// The transfers that share it now.
    pub fn transfers(&self) -> u32 {
        self.transfers.load(Ordering::Relaxed)
    }

    /// Takes part until the share is dropped.
    pub fn join(self: &Arc<Self>) -> Share {
        self.transfers.fetch_add(1, Ordering::Relaxed);
        Share { rate: Arc::clone(self) }
    }
}

/// One transfer's part in a [`Rate`].
#[derive(Debug)]
pub struct Share {
    rate: Arc<Rate>,
}

impl Share {
    /// The most bytes to move before the next [`charge`](Self::charge): a quarter of a second of
    /// this share.
    pub fn piece(&self) -> usize {
        let transfers = u64::from(self.rate.transfers().max(1));
        let share = self.rate.bytes_per_second() / transfers / PIECES_PER_SECOND;
        usize::try_from(share).unwrap_or(usize::MAX).clamp(PIECE_BYTES_MIN, PIECE_BYTES_MAX)
    }

    /// Accounts for bytes that moved, and tells how long to wait before more may move.
    pub fn charge(&self, bytes: u64, now: Instant) -> Duration {
        let now_ns = nanoseconds(now.saturating_duration_since(self.rate.origin));
        let cost_ns = u128::from(bytes) * NANOSECONDS_PER_SECOND
            / u128::from(self.rate.bytes_per_second().max(1));
        let cost_ns = u64::try_from(cost_ns).unwrap_or(u64::MAX);
        let end = |reserved: u64| reserved.max(now_ns).saturating_add(cost_ns);
        let before =
            self.rate
                .reserved_ns
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |reserved| Some(end(reserved)));
        let (Ok(reserved) | Err(reserved)) = before;
        Duration::from_nanos(end(reserved).saturating_sub(now_ns))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.rate.transfers.fetch_sub(1, Ordering::Relaxed);
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Pieces in a second at the least: the wait between two pieces of one transfer stays under a
/// quarter of a second, which no client takes for a stall.
const PIECES_PER_SECOND: u64 = 4;
/// The smallest piece in bytes: below one segment every byte would cost a wake-up.
const PIECE_BYTES_MIN: usize = 1024;
/// The largest piece in bytes: what a transfer moves at once anyway.
const PIECE_BYTES_MAX: usize = 1024 * 1024;
const NANOSECONDS_PER_SECOND: u128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Moves pieces of all shares in the order of their waits until `until`, and tells the bytes of
    /// each.
    fn simulate(shares: &[Share], start: Instant, until: Duration) -> Vec<u64> {
        let mut next = vec![Duration::ZERO; shares.len()];
        let mut bytes = vec![0; shares.len()];
        loop {
            let (index, at) =
                next.iter().copied().enumerate().min_by_key(|(_, at)| *at).expect("a share");
            if at >= until {
                return bytes;
            }
            let piece = shares[index].piece() as u64;
            bytes[index] += piece;
            next[index] = at + shares[index].charge(piece, start + at);
        }
    }

    #[test]
    fn one_transfer_gets_the_whole_rate() {
        let rate = Rate::new(1_000_000);
        let moved = simulate(&[rate.join()], rate.origin, Duration::from_secs(60))[0];
        assert!((60_000_000..=60_250_000).contains(&moved), "{moved}");
    }

    #[test]
    fn transfers_share_alike() {
        let rate = Rate::new(10_000_000);
        let shares: Vec<_> = (0..5).map(|_| rate.join()).collect();
        let moved = simulate(&shares, rate.origin, Duration::from_secs(20));
        let sum: u64 = moved.iter().sum();
        assert!((200_000_000..=202_500_000).contains(&sum), "{sum}");
        for bytes in moved {
            assert!((39_000_000..=41_000_000).contains(&bytes), "{bytes}");
        }
    }

    #[test]
    fn time_unused_is_not_saved_up() {
        let rate = Rate::new(1000);
        let share = rate.join();
        share.charge(1000, rate.origin);
        let later = rate.origin + Duration::from_secs(3600);
        assert_eq!(share.charge(1000, later), Duration::from_secs(1));
    }

    #[test]
    fn a_change_holds_from_the_next_piece() {
        let rate = Rate::new(1000);
        let share = rate.join();
        assert_eq!(share.charge(1000, rate.origin), Duration::from_secs(1));
        rate.set(2000);
        assert_eq!(
            share.charge(1000, rate.origin + Duration::from_secs(1)),
            Duration::from_millis(500)
        );
    }

    #[test]
    fn a_dropped_share_leaves() {
        let rate = Rate::new(1000);
        let first = rate.join();
        let second = rate.join();
        assert_eq!(rate.transfers(), 2);
        drop(first);
        assert_eq!(rate.transfers(), 1);
        drop(second);
        assert_eq!(rate.transfers(), 0);
    }

    proptest! {
        #[test]
        fn the_sum_never_exceeds_the_rate(
            bytes_per_second in 1u64..u64::MAX,
            pieces in proptest::collection::vec((0u64..10_000_000, 0u64..2_000), 1..50),
        ) {
            let rate = Rate::new(bytes_per_second);
            let shares = [rate.join(), rate.join()];
            let mut at = Duration::ZERO;
            let mut total = 0u128;
            for (index, (bytes, gap_ms)) in pieces.into_iter().enumerate() {
                at += Duration::from_millis(gap_ms);
                let delay = shares[index % 2].charge(bytes, rate.origin + at);
                total += u128::from(bytes);
                let end_ns = (at + delay).as_nanos();
                // One nanosecond of rounding per piece.
                let allowed = (end_ns + 1 + index as u128) * u128::from(bytes_per_second) / 1_000_000_000 + 1;
                prop_assert!(total <= allowed, "{total} > {allowed}");
            }
        }
    }
}
