//! Hints: what scripts publish, on its way to whoever waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use redis::{PushInfo, PushKind, Value};
use tokio::sync::mpsc;

use crate::id::NodeId;
use crate::store::Hint;

/// The end for connections; a clone is the same one.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    queue: mpsc::Sender<Hint>,
    lost: Arc<AtomicBool>,
}

/// The end for the node.
#[derive(Debug)]
pub(super) struct Receiver {
    queue: mpsc::Receiver<Hint>,
    lost: Arc<AtomicBool>,
}

/// A queue of [`HINTS_MAX`]. A hint that finds it full is dropped, and [`Hint::Lost`] stands for it.
pub(super) fn channel() -> (Sender, Receiver) {
    let (sender, receiver) = mpsc::channel(HINTS_MAX);
    let lost = Arc::new(AtomicBool::new(false));
    (Sender { queue: sender, lost: Arc::clone(&lost) }, Receiver { queue: receiver, lost })
}

impl Sender {
    /// Queues a hint.
    pub(super) fn send(&self, hint: Hint) {
        // A queue that is full wakes the receiver anyway, which then sees the mark.
        if self.queue.try_send(hint).is_err() {
            self.lost.store(true, Ordering::Release);
        }
    }
}

impl Receiver {
    /// The next hint.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Hint> {
        if self.lost.swap(false, Ordering::Acquire) {
            return Poll::Ready(Hint::Lost);
        }
        match self.queue.poll_recv(context) {
            Poll::Ready(Some(hint)) => Poll::Ready(hint),
            // Nobody is left to send any.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

/// The hint in a message from Redis; `None` if it is none, or one of a later version.
pub(super) fn read(push: &PushInfo) -> Option<Hint> {
    if push.kind != PushKind::Message {
        return None;
    }
    let Some(Value::BulkString(payload)) = push.data.get(1) else { return None };
    let (kind, rest) = payload.split_first()?;
    match kind {
        b'm' => Some(Hint::Members),
        b'b' => Some(Hint::Bans),
        b'p' => Some(Hint::Policy),
        b'o' => Some(Hint::Order(NodeId::new(str::from_utf8(rest).ok()?).ok()?)),
        b'a' => Some(Hint::Answer(u64::from_be_bytes(rest.try_into().ok()?))),
        _ => None,
    }
}

/// Hints that wait to be heard. A node hears them as they come; more than these say no more than
/// [`Hint::Lost`] does.
const HINTS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn message(payload: &[u8]) -> PushInfo {
        let data = [b"channel", payload].map(|bytes| Value::BulkString(bytes.to_vec()));
        PushInfo { kind: PushKind::Message, data: data.to_vec() }
    }

    fn next(receiver: &mut Receiver) -> Option<Hint> {
        match receiver.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(hint) => Some(hint),
            Poll::Pending => None,
        }
    }

    #[test]
    fn messages_are_read() {
        let node = NodeId::new("ftp-1").unwrap();
        for (payload, hint) in [
            (b"m".as_slice(), Some(Hint::Members)),
            (b"b", Some(Hint::Bans)),
            (b"p", Some(Hint::Policy)),
            (b"oftp-1", Some(Hint::Order(node))),
            (b"a\0\0\0\0\0\0\x01\x02", Some(Hint::Answer(258))),
            (b"", None),
            (b"o", None),
            (b"o\xff", None),
            (b"a123", None),
            (b"z", None),
        ] {
            assert_eq!(read(&message(payload)), hint, "{payload:?}");
        }
        assert_eq!(read(&PushInfo { kind: PushKind::Disconnection, data: Vec::new() }), None);
        assert_eq!(read(&PushInfo { kind: PushKind::Message, data: Vec::new() }), None);
    }

    #[test]
    fn an_overflow_is_told_once() {
        let (sender, mut receiver) = channel();
        assert_eq!(next(&mut receiver), None);
        (0..HINTS_MAX + 3).for_each(|_| sender.send(Hint::Bans));
        assert_eq!(next(&mut receiver), Some(Hint::Lost));
        (0..HINTS_MAX).for_each(|_| assert_eq!(next(&mut receiver), Some(Hint::Bans)));
        assert_eq!(next(&mut receiver), None);
        sender.send(Hint::Policy);
        assert_eq!(next(&mut receiver), Some(Hint::Policy));
        drop(sender);
        assert_eq!(next(&mut receiver), None);
    }
}
