//! Buffers kept per arbiter, so that a transfer has one only while bytes move and none is zeroed or
//! faulted in anew for every file.

use std::cell::RefCell;

/// An empty buffer with room for [`BULK_BYTES`].
pub(super) fn take_empty() -> Vec<u8> {
    let mut buffer = EMPTY.with_borrow_mut(Vec::pop).unwrap_or_default();
    buffer.reserve_exact(BULK_BYTES);
    buffer
}

/// Gives a buffer of [`take_empty`] back.
pub(super) fn put_empty(mut buffer: Vec<u8>) {
    buffer.clear();
    if (BULK_BYTES..=2 * BULK_BYTES).contains(&buffer.capacity()) {
        EMPTY.with_borrow_mut(|idle| keep(idle, buffer));
    }
}

/// A buffer of [`READ_BYTES`] bytes of any content, to be read into.
pub(super) fn take_filled() -> Vec<u8> {
    let mut buffer = FILLED.with_borrow_mut(Vec::pop).unwrap_or_default();
    buffer.resize(READ_BYTES, 0);
    buffer
}

/// Gives a buffer of [`take_filled`] back.
pub(super) fn put_filled(buffer: Vec<u8>) {
    if buffer.len() == READ_BYTES {
        FILLED.with_borrow_mut(|idle| keep(idle, buffer));
    }
}

fn keep(idle: &mut Vec<Vec<u8>>, buffer: Vec<u8>) {
    if idle.len() < IDLE_MAX {
        idle.push(buffer);
    }
}

thread_local! {
    static EMPTY: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    static FILLED: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Room for one upload piece in bytes: from 1 MiB on, the cost of system calls and of the pool is
/// lost in that of the copy.
pub(super) const BULK_BYTES: usize = 1024 * 1024;
/// One download piece in bytes: it and its ciphertext stay in the second-level cache.
pub(super) const READ_BYTES: usize = 256 * 1024;
/// Buffers kept per arbiter and kind when no transfer uses them: 5 MiB at the most.
const IDLE_MAX: usize = 4;
