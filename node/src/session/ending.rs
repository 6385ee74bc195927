//! What the end of a clear upload is worth: the end of the file, or of its client.
//!
//! FTP ends a file by ending the data connection. Under TLS that is proved (`close_notify`); in the clear the kernel of
//! a client that was killed ends its connections just as politely as a client that is done. Half a file must not be
//! published as a whole one, so the control connection is the witness:
//!
//! - It stands when the data has ended: the client lives, and the file is whole.
//! - It ended before: whoever was at its end is gone, as far as the node knows, and the upload is broken, however long ago
//!   that was. The end of the control connection comes at once, but that of the data queues behind every byte that the
//!   kernels in between hold, for as long as a rate, a slow storage or a slow line makes it.
//! - They come at once: the end of the data is looked at again after what else the kernel has was heard. Through a balancer
//!   that splices two connections the end of the control connection makes a detour that the data may not make, so there it is
//!   waited for a moment ([`DETOUR`]).
//! - One thing ends a control connection whose client lives: a balancer whose timer counts payload, which nothing resets in a
//!   long upload. That is believed only of a session that came through such a balancer, if the policy of the pool knows its
//!   timer, if the connection had been silent for just that time ([`Keepalive::explains`]), and if the data went on
//!   for longer than two ends of one client would be apart. The upload is then complete when its data ends.
//!
//! What is refused costs a client nothing but the rest: its bytes are kept, and it resumes. What can not be told apart is a
//! client that dies after a balancer took its control connection: nobody is left who could witness it. The manual says so,
//! and what to do (TLS, a longer timer, lines of progress).
//!
//! [`Keepalive::explains`]: flotilla_cluster::keepalive::Keepalive::explains

use std::time::{Duration, Instant};

use flotilla_protocol::ftp::Failure;

/// The control connection ended before the session was done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Loss {
    /// When the node first heard of it.
    pub(super) at: Instant,
    /// A balancer on the way has done it, as far as can be known.
    pub(super) by_balancer: bool,
}

/// Judges an upload whose data ended at `end`, by what is known a moment later.
///
/// # Errors
/// [`Failure::DataBroken`]: it can not be known to be whole.
pub(super) fn judge(loss: Option<Loss>, end: Instant) -> Result<(), Failure> {
    match loss {
        None => Ok(()),
        Some(loss) if loss.by_balancer && end >= loss.at + SAME_MOMENT => Ok(()),
        Some(_) => Err(Failure::DataBroken),
    }
}

/// Lets the ends be heard that came together with that of the data.
pub(super) async fn settle(is_spliced: bool) {
    if is_spliced {
        tokio::time::sleep(DETOUR).await;
    } else {
        // The reactor is asked in between.
        tokio::task::yield_now().await;
    }
}

/// How much later than at the node's own socket an end may come through a balancer near the node: it only has to pass it
/// on. Every clear upload through such a balancer takes so much longer.
const DETOUR: Duration = Duration::from_millis(100);

/// Ends of both connections within this time may be one event, without anything that holds up the data: far above the
/// jitter of a network path.
const SAME_MOMENT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_witness_or_a_timer_makes_it_whole() {
        let at = Instant::now();
        let loss = |by_balancer| Some(Loss { at, by_balancer });
        let seconds = Duration::from_secs;
        let broken = Err(Failure::DataBroken);
        assert_eq!(judge(None, at), Ok(()));
        for later in [0, 1, 3, 600] {
            assert_eq!(judge(loss(false), at + seconds(later)), broken, "{later}");
        }
        assert_eq!(judge(loss(true), at + seconds(1)), broken);
        assert_eq!(judge(loss(true), at + seconds(3)), Ok(()));
        // It was heard of while the end settled.
        let before = at - Duration::from_millis(50);
        assert_eq!(judge(loss(false), before), broken);
        assert_eq!(judge(loss(true), before), broken);
    }
}
