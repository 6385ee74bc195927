//! How the threads of a fake learn that nobody needs them any more.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Ends those who watch it when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Stop(Arc<Sign>);

/// Looks whether its [`Stop`] is still there.
#[derive(Clone, Debug)]
pub(crate) struct Watch(Arc<Sign>);

#[derive(Debug, Default)]
struct Sign {
    is_over: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    pub(crate) fn watch(&self) -> Watch {
        Watch(Arc::clone(&self.0))
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        *self.0.is_over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.changed.notify_all();
    }
}

impl Watch {
    pub(crate) fn is_over(&self) -> bool {
        *self.0.is_over.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the end, so long at the most.
    pub(crate) fn pause(&self, duration: Duration) {
        let is_over = self.0.is_over.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.changed.wait_timeout_while(is_over, duration, |is_over| !*is_over);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}
