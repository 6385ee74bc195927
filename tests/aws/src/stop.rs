//! How the threads of a fake learn that nobody needs them any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Ends those who watch it when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

/// Looks whether its [`Stop`] is still there.
#[derive(Clone, Debug)]
pub(crate) struct Watch(Arc<AtomicBool>);

impl Stop {
    pub(crate) fn watch(&self) -> Watch {
        Watch(Arc::clone(&self.0))
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Watch {
    pub(crate) fn is_over(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
