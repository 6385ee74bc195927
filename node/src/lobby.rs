//! Where connections wait for the first words of somebody who is not known yet.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::task::AbortHandle;

use crate::waiting::Waiting;

/// The waits of one arbiter, each a task that holds its connection.
#[derive(Debug)]
pub(crate) struct Lobby(Rc<RefCell<Waiting<AbortHandle>>>);

impl Lobby {
    /// With places for so many.
    pub(crate) fn new(max: usize) -> Self {
        Self(Rc::new(RefCell::new(Waiting::new(max))))
    }

    /// Lets one wait, on this arbiter. `true`: the one that has waited for the longest has to go for it, and is dropped
    /// when its task would run next.
    pub(crate) fn enter(&self, wait: impl Future<Output = ()> + 'static) -> bool {
        let number = self.0.borrow_mut().next();
        let place = Place { lobby: Rc::clone(&self.0), number };
        let task = tokio::task::spawn_local(async move {
            let _place = place;
            wait.await;
        });
        let oldest = self.0.borrow_mut().enter(number, task.abort_handle());
        oldest.inspect(AbortHandle::abort).is_some()
    }
}

/// A place in a [`Lobby`], until the wait ends in whichever way.
#[derive(Debug)]
struct Place {
    lobby: Rc<RefCell<Waiting<AbortHandle>>>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.lobby.borrow_mut().leave(self.number);
    }
}

#[cfg(test)]
mod tests {
    use actix_rt::System;
    use tokio::sync::oneshot;

    use super::*;

    #[test]
    fn the_oldest_is_dropped_and_who_is_done_frees_a_place() {
        System::new().block_on(async {
            let lobby = Lobby::new(2);
            let enter = || {
                let (speak, spoken) = oneshot::channel::<()>();
                let (done, is_done) = oneshot::channel();
                let is_full = lobby.enter(async move {
                    let _ = spoken.await;
                    let _ = done.send(());
                });
                (is_full, speak, is_done)
            };
            let (first, second) = (enter(), enter());
            assert_eq!((first.0, second.0), (false, false));
            let third = enter();
            assert!(third.0);
            assert!(first.2.await.is_err(), "it was dropped");
            second.1.send(()).unwrap();
            second.2.await.unwrap();
            actix_rt::task::yield_now().await;
            assert!(!enter().0, "there is a place");
            third.1.send(()).unwrap();
            third.2.await.unwrap();
        });
    }
}
