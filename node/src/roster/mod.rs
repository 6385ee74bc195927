//! The logged-in sessions of one arbiter: who they are and what they do, for those who watch the node.
//!
//! Every session has a [`Card`] and writes on it what it does: plain cells of its own thread, of which nobody is
//! told. A card that was written on waits in one queue, once, and once a second the acceptor makes records of what
//! waits there. So a command costs a few writes, and a session that does nothing costs nothing.
//!
//! | file | what |
//! | --- | --- |
//! | `card` | what is known of one session, with the guards of what it has under way |
//! | `gather` | from cards to the records that the pool is told |
//! | `describe` | all of one session, as JSON |
//! | `tally` | what a connection has moved so far |
//!
//! # What must hold
//! - A card with a transfer under way is in the queue: [`Roster::load`] and [`Roster::gather`] look nowhere else.
//! - The end of a session is told if, and only if, the session was told of before.

mod card;
mod describe;
mod gather;
mod tally;
#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::ops::Deref;
use std::rc::Rc;
use std::time::Instant;

use flotilla_cluster::order::Whom;

use crate::auth::Protocol;
use crate::metrics::{Counter, Family, TransferDirection};

pub(crate) use card::{Card, Moving, Operation, Subject, Tls, Transfer, Who};
pub(crate) use gather::{Gathered, Teller};
pub(crate) use tally::Tally;

/// The sessions.
#[derive(Default)]
pub(crate) struct Roster {
    cards: RefCell<HashMap<u64, Rc<Card>>>,
    /// Cards that the next gatherings look at, each once.
    queue: RefCell<VecDeque<Rc<Card>>>,
    /// Sessions that were told of and have ended. No more than were told of since they were told last.
    ended: RefCell<Vec<u64>>,
    /// Transfers under way.
    transfers: Cell<usize>,
    /// Bytes of the transfers that are over.
    moved: Cell<u64>,
    /// The metrics of all bytes, as they move.
    counted: Family<(Protocol, TransferDirection), Counter>,
}

impl Roster {
    /// Nobody is there yet. Bytes of transfers of SSH clients are counted there too.
    pub(crate) fn counting(counted: Family<(Protocol, TransferDirection), Counter>) -> Self {
        Self { counted, ..Self::default() }
    }
}

/// How busy an arbiter is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    /// Logged-in sessions.
    pub(crate) sessions: usize,
    /// Transfers under way.
    pub(crate) transfers: usize,
    /// Bytes moved since the start, those of transfers under way included; it never falls.
    pub(crate) bytes: u64,
    /// When the oldest of the transfers under way began.
    pub(crate) oldest: Option<Instant>,
}

impl Load {
    /// Of both.
    pub(crate) fn with(self, other: Self) -> Self {
        Self {
            sessions: self.sessions + other.sessions,
            transfers: self.transfers + other.transfers,
            bytes: self.bytes + other.bytes,
            oldest: self.oldest.into_iter().chain(other.oldest).min(),
        }
    }
}

/// The place of a session in the roster, from its login to its logout. Dropped, the session has left.
pub(crate) struct Place(Rc<Card>);

impl Deref for Place {
    type Target = Rc<Card>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl Roster {
    /// Takes in a session that logged in.
    pub(crate) fn enter(self: &Rc<Self>, who: Who, now: Instant) -> Place {
        let number = who.number;
        let card = Card::new(Rc::clone(self), who, now);
        self.cards.borrow_mut().insert(number, Rc::clone(&card));
        card.mark();
        Place(card)
    }

    /// How busy the arbiter is.
    pub(crate) fn load(&self) -> Load {
        let queue = self.queue.borrow();
        let under_way: u64 = queue.iter().map(|card| card.under_way()).sum();
        Load {
            sessions: self.cards.borrow().len(),
            transfers: self.transfers.get(),
            bytes: self.moved.get() + under_way,
            oldest: queue.iter().filter_map(|card| card.oldest()).min(),
        }
    }

    /// Takes out the sessions that are meant, and tells their numbers: they are to end, and nobody who asks
    /// needs to wait for their last words.
    pub(crate) fn dismiss(&self, whom: &Whom) -> Vec<u64> {
        let fits = |card: &Rc<Card>| {
            let who = card.who();
            whom.fits(who.number, &who.user, who.client)
        };
        let cards = self.cards.borrow();
        let meant: Vec<Rc<Card>> = match whom.number {
            Some(number) => {
                cards.get(&number).filter(|card| fits(card)).cloned().into_iter().collect()
            }
            None => cards.values().filter(|card| fits(card)).cloned().collect(),
        };
        drop(cards);
        meant.iter().for_each(|card| card.leave());
        meant.iter().map(|card| card.who().number).collect()
    }
}
