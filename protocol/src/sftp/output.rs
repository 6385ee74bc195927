//! Replies on their way to the client.

use std::collections::VecDeque;

use super::pool::Pool;

/// Bytes to send, in the order in which they were written. Small replies share buffers, a large
/// reply keeps its own and is handed out as it is.
#[derive(Debug, Default)]
pub(super) struct Output {
    buffers: VecDeque<Vec<u8>>,
    /// Bytes of the first buffer that are sent.
    sent: usize,
    /// Bytes that wait, in all.
    bytes: usize,
    /// Whether the last buffer takes further small replies.
    open: bool,
}

impl Output {
    /// Bytes that wait.
    pub(super) fn len(&self) -> usize {
        self.bytes
    }

    /// Adds small replies, as `write` appends them.
    pub(super) fn write(&mut self, pool: &mut Pool, write: impl FnOnce(&mut Vec<u8>)) {
        let open = self.open && self.buffers.back().is_some_and(|last| last.len() < SHARED_BYTES);
        if !open {
            self.buffers.push_back(pool.small());
            self.open = true;
        }
        if let Some(last) = self.buffers.back_mut() {
            let before = last.len();
            write(last);
            self.bytes += last.len() - before;
        }
    }

    /// Adds a reply that has a buffer of its own.
    pub(super) fn push(&mut self, reply: Vec<u8>) {
        self.bytes += reply.len();
        self.buffers.push_back(reply);
        self.open = false;
    }

    /// The next bytes, `max` at the most; `None` if there are none. A buffer that is too long goes
    /// out in copied pieces.
    pub(super) fn take(&mut self, max: usize, pool: &mut Pool) -> Option<Vec<u8>> {
        let first = self.buffers.front()?;
        let rest = first.get(self.sent..).unwrap_or_default();
        if rest.len() > max {
            let piece = rest.get(..max).filter(|piece| !piece.is_empty())?;
            let mut copy = pool.empty(max);
            copy.extend_from_slice(piece);
            self.sent += max;
            self.bytes -= max;
            return Some(copy);
        }
        let mut first = self.buffers.pop_front()?;
        first.drain(..std::mem::take(&mut self.sent));
        self.bytes -= first.len();
        Some(first)
    }
}

/// A buffer of small replies is closed when it is longer than this.
const SHARED_BYTES: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_whole_in_order() {
        for max in 1..40 {
            let (mut output, mut pool) = (Output::default(), Pool::default());
            output.write(&mut pool, |out| out.extend(0..10));
            output.write(&mut pool, |out| out.extend(10..15));
            output.push((15..50).collect());
            output.write(&mut pool, |out| out.extend(50..60));
            assert_eq!((output.len(), output.buffers.len()), (60, 3));
            let mut all = Vec::new();
            while let Some(piece) = output.take(max, &mut pool) {
                assert!((1..=max).contains(&piece.len()));
                all.extend(piece);
                assert_eq!(output.len(), 60 - all.len());
            }
            assert!(all.into_iter().eq(0..60));
        }
    }

    #[test]
    fn a_reply_that_fits_is_not_copied() {
        let (mut output, mut pool) = (Output::default(), Pool::default());
        let reply = vec![1; 1000];
        let address = reply.as_ptr();
        output.push(reply);
        assert_eq!(output.take(0, &mut pool), None);
        let reply = output.take(1000, &mut pool).unwrap();
        assert_eq!(reply.as_ptr(), address);
        assert_eq!(output.take(1000, &mut pool), None);
    }

    #[test]
    fn buffers_of_small_replies_are_bounded() {
        let (mut output, mut pool) = (Output::default(), Pool::default());
        for _ in 0..10_000 {
            output.write(&mut pool, |out| out.extend([0; 30]));
        }
        assert!(output.buffers.iter().all(|buffer| buffer.len() < SHARED_BYTES + 30));
    }
}
