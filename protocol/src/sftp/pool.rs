//! Buffers for data, used again and again.

/// A few buffers of each size that transfers use. They keep their old bytes, so that making one
/// long enough again costs no zeroing.
#[derive(Debug, Default)]
pub(super) struct Pool {
    classes: [Vec<Vec<u8>>; CLASS_BYTES.len()],
    /// The capacity of all that is kept in classes.
    bytes: usize,
    /// For small replies.
    small: Vec<Vec<u8>>,
}

impl Pool {
    /// A buffer of exactly `length` bytes of any content.
    pub(super) fn filled(&mut self, length: usize) -> Vec<u8> {
        match self.pop(length) {
            Ok(mut buffer) => {
                buffer.resize(length, 0);
                buffer
            }
            Err(capacity) => {
                let mut buffer = vec![0; capacity];
                buffer.truncate(length);
                buffer
            }
        }
    }

    /// An empty buffer with room for `length` bytes.
    pub(super) fn empty(&mut self, length: usize) -> Vec<u8> {
        match self.pop(length) {
            Ok(mut buffer) => {
                buffer.clear();
                buffer
            }
            Err(capacity) => Vec::with_capacity(capacity),
        }
    }

    /// An empty buffer for small replies, which grows as they come.
    pub(super) fn small(&mut self) -> Vec<u8> {
        let mut buffer = self.small.pop().unwrap_or_else(|| Vec::with_capacity(REPLY_BYTES));
        buffer.clear();
        buffer
    }

    /// Keeps a buffer for another time, if there is room for it.
    pub(super) fn put(&mut self, buffer: Vec<u8>) {
        let capacity = buffer.capacity();
        if (REPLY_BYTES..=SMALL_BYTES_MAX).contains(&capacity) {
            if self.small.len() < SMALL_KEPT {
                self.small.push(buffer);
            }
            return;
        }
        let fits = |&class: &usize| class <= capacity && capacity < class * 2;
        if let Some(index) = CLASS_BYTES.iter().rposition(fits)
            && let Some(class) = self.classes.get_mut(index)
            && self.bytes + capacity <= POOL_BYTES_MAX
        {
            self.bytes += capacity;
            class.push(buffer);
        }
    }

    /// Gives all buffers back to the allocator.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// A kept buffer of the smallest class that is large enough, or the capacity that a new one
    /// should have. Small ones and giants are of no class and made to measure: that costs little,
    /// and a queue of small WRITEs must not hold large buffers.
    fn pop(&mut self, length: usize) -> Result<Vec<u8>, usize> {
        if length <= SMALL_BYTES_MAX {
            return Err(length);
        }
        let Some(index) = CLASS_BYTES.iter().position(|&class| class >= length) else {
            return Err(length);
        };
        match self.classes.get_mut(index).and_then(Vec::pop) {
            Some(buffer) => {
                self.bytes -= buffer.capacity();
                Ok(buffer)
            }
            None => Err(CLASS_BYTES.get(index).copied().unwrap_or(length)),
        }
    }
}

/// Capacities: for 32 KiB, which most clients ask for, and NAME replies; for 64 KiB; and for the
/// longest READ and WRITE; each with room for a head.
const CLASS_BYTES: [usize; 3] = [34 * 1024, 65 * 1024, 257 * 1024];
/// Buffers up to here are made to measure.
const SMALL_BYTES_MAX: usize = 8 * 1024;
/// What a buffer for small replies begins with: a STATUS or ATTRS fits.
const REPLY_BYTES: usize = 128;
/// Buffers for small replies that are kept.
const SMALL_KEPT: usize = 4;
/// What a pool keeps at the most, small ones aside: four of the largest.
const POOL_BYTES_MAX: usize = 4 * 257 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back() {
        let mut pool = Pool::default();
        let mut buffer = pool.filled(32_781);
        assert_eq!((buffer.len(), buffer.capacity()), (32_781, CLASS_BYTES[0]));
        buffer.fill(7);
        let address = buffer.as_ptr();
        pool.put(buffer);
        // As it was: nothing is written to make it as long as before.
        let buffer = pool.filled(32_781);
        assert!(buffer.as_ptr() == address && buffer.iter().all(|&byte| byte == 7));
        pool.put(buffer);
        let buffer = pool.empty(20_000);
        assert!(buffer.as_ptr() == address && buffer.is_empty());
        assert_eq!(pool.bytes, 0);
    }

    #[test]
    fn no_more_than_a_few_are_kept() {
        let mut pool = Pool::default();
        for length in [0, 10, 1000, 40_000, 65_000, 261_133] {
            for _ in 0..100 {
                pool.put(vec![0; length]);
                pool.put(Vec::with_capacity(length));
            }
        }
        pool.put(Vec::with_capacity(10 << 20));
        let kept: usize = pool.classes.iter().flatten().map(Vec::capacity).sum();
        assert_eq!(kept, pool.bytes);
        assert!(kept <= POOL_BYTES_MAX && pool.small.len() == SMALL_KEPT);
        assert!(pool.small().is_empty());
        pool.clear();
        assert_eq!(pool.bytes, 0);
        // Whatever was put in, what comes out is large enough.
        for length in [1, 9_000, 36_000, 200_000, 300_000] {
            assert!(pool.empty(length).capacity() >= length);
            assert_eq!(pool.filled(length).len(), length);
        }
    }
}
