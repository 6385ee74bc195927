//! How many messages wait for an actor. Its library does not tell, so the messages count themselves: those that can come in
//! numbers hold a [`Queued`]. They are counted for the process, as it has one node.

use std::sync::atomic::{AtomicI64, Ordering};

use super::book::Book;
use super::definition::Kind;
use super::label::{Label, label};

label! {
    /// The actor.
    Mailbox = "actor" {
        /// Logins, slots, failed logins, records of sessions.
        Pool = "pool",
        /// Ends of sessions; those of all arbiters together.
        Acceptor = "acceptor",
    }
}

/// A message on its way, from when it is made until its handler is through with it.
#[derive(Debug)]
pub(crate) struct Queued(Mailbox);

impl Queued {
    /// To this actor.
    pub(crate) fn to(mailbox: Mailbox) -> Self {
        if let Some(depth) = DEPTHS.get(mailbox.place()) {
            depth.fetch_add(1, Ordering::Relaxed);
        }
        Self(mailbox)
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        if let Some(depth) = DEPTHS.get(self.0.place()) {
            depth.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Enters it.
pub(super) fn enter(book: &mut Book) {
    book.watch_family::<Mailbox>(
        Kind::Gauge,
        "flotilla_mailbox_depth",
        "Messages on their way to an actor: of the kinds that come in numbers",
        |place| DEPTHS.get(place).map_or(0.0, |depth| depth.load(Ordering::Relaxed) as f64),
    );
}

static DEPTHS: [AtomicI64; Mailbox::COUNT] = [const { AtomicI64::new(0) }; Mailbox::COUNT];
