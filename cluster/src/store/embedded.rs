//! The store of a node that is alone: in its own process.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;

use super::{Call, Hint, Request, State, Store};

/// A store in memory. It answers at once and forgets all with the process, as a pool of one may.
pub struct Embedded {
    state: RefCell<State>,
    /// Microseconds since 1970.
    clock: Box<dyn Fn() -> u64>,
}

impl Embedded {
    /// An empty store that goes by this clock.
    pub fn new(clock: impl Fn() -> u64 + 'static) -> Self {
        Self { state: RefCell::default(), clock: Box::new(clock) }
    }
}

impl Store for Embedded {
    fn call(&self, request: Request) -> Call {
        let reply = self.state.borrow_mut().apply(request, (self.clock)());
        Box::pin(std::future::ready(Ok(reply)))
    }

    /// Never: whoever changes something is the only one to hear of it.
    fn hint(&self) -> Pin<Box<dyn Future<Output = Hint> + '_>> {
        Box::pin(std::future::pending())
    }

    fn name(&self) -> String {
        "embedded".to_owned()
    }
}
