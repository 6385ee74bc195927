//! What is known of one session.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use flotilla_cluster::session::Direction;
use flotilla_protocol::path::VirtualPath;

use super::{Roster, Tally};
use crate::auth::Protocol;
use crate::data::Progress;
use crate::log::About;
use crate::metrics::TransferDirection;

/// The card of one session.
pub(crate) struct Card {
    roster: Rc<Roster>,
    who: Who,
    /// Seconds since 1970.
    pub(super) since: u64,
    /// The last command.
    pub(super) command: Cell<&'static str>,
    /// When it came.
    active: Cell<Instant>,
    /// What the client calls itself.
    pub(super) software: RefCell<Option<Box<str>>>,
    pub(super) tls: Cell<Option<Tls>>,
    pub(super) transfers: RefCell<Vec<Transfer>>,
    operation: RefCell<Option<(&'static str, Subject)>>,
    /// Operations under way; `operation` is the one that began last.
    operations: Cell<u32>,
    /// Bytes of its transfers that are over, listings included.
    moved: Cell<u64>,
    is_queued: Cell<bool>,
    is_over: Cell<bool>,
    /// Something began or ended since the last record.
    pub(super) is_changed: Cell<bool>,
    pub(super) told: Cell<Told>,
}

/// Who a session is.
pub(crate) struct Who {
    /// Its number, unique in the process.
    pub(crate) number: u64,
    pub(crate) user: Arc<str>,
    pub(crate) protocol: Protocol,
    pub(crate) client: IpAddr,
    /// Of the connection: a client can log in anew (REIN).
    pub(crate) tally: Rc<Tally>,
}

/// How the control connection is protected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tls {
    pub(crate) version: &'static str,
    pub(crate) cipher: &'static str,
}

/// The last record of a session.
#[derive(Clone, Copy)]
pub(super) struct Told {
    pub(super) what: What,
    pub(super) at: Instant,
    /// Bytes that the session had moved by then.
    pub(super) bytes: u64,
    pub(super) rate: u64,
}

/// What was told. All records of a session that does nothing are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Nothing,
    Idle,
    Busy,
}

/// The path that something under way is about, shared with whoever does it.
#[derive(Clone)]
pub(crate) enum Subject {
    /// The one of the log.
    About(Arc<About>),
    Path(Rc<VirtualPath>),
    Nothing,
}

/// A transfer under way.
pub(crate) struct Transfer {
    pub(crate) command: &'static str,
    pub(crate) direction: Direction,
    pub(crate) subject: Subject,
    pub(crate) progress: Rc<Progress>,
}

/// A transfer under way, for whoever does it. Dropped, it is over.
pub(crate) struct Moving {
    card: Rc<Card>,
    progress: Rc<Progress>,
}

/// An operation under way. Dropped, it is over.
pub(crate) struct Operation(Rc<Card>);

impl Card {
    pub(super) fn new(roster: Rc<Roster>, who: Who, now: Instant) -> Rc<Self> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Rc::new(Self {
            roster,
            who,
            since: since.map_or(0, |since| since.as_secs()),
            command: Cell::new(""),
            active: Cell::new(now),
            software: RefCell::default(),
            tls: Cell::default(),
            transfers: RefCell::default(),
            operation: RefCell::default(),
            operations: Cell::default(),
            moved: Cell::default(),
            is_queued: Cell::default(),
            is_over: Cell::default(),
            is_changed: Cell::default(),
            told: Cell::new(Told { what: What::Nothing, at: now, bytes: 0, rate: 0 }),
        })
    }

    pub(super) fn who(&self) -> &Who {
        &self.who
    }

    /// A command came.
    pub(crate) fn note(&self, command: &'static str, now: Instant) {
        self.command.set(command);
        self.active.set(now);
    }

    /// The client gave a sign of life.
    pub(crate) fn touch(&self, now: Instant) {
        self.active.set(now);
    }

    /// What the client calls itself.
    pub(crate) fn set_software(&self, name: &str) {
        *self.software.borrow_mut() = Some(name.into());
    }

    /// How the control connection is protected.
    pub(crate) fn set_tls(&self, tls: Tls) {
        self.tls.set(Some(tls));
    }

    /// A transfer begins, whose bytes are told by [`Moving::add`].
    pub(crate) fn begin(
        self: &Rc<Self>,
        command: &'static str,
        direction: Direction,
        path: &Rc<VirtualPath>,
        now: Instant,
    ) -> Moving {
        let subject = Subject::Path(Rc::clone(path));
        let counted = match direction {
            Direction::Upload => TransferDirection::Upload,
            Direction::Download | Direction::None => TransferDirection::Download,
        };
        let counted = self.roster.counted.of((self.who.protocol, counted)).clone();
        let progress = Rc::new(Progress::counted(now, counted));
        self.follow(Transfer { command, direction, subject, progress })
    }

    /// A transfer begins, whose bytes are counted by whoever does it.
    pub(crate) fn follow(self: &Rc<Self>, transfer: Transfer) -> Moving {
        let Transfer { command, ref progress, .. } = transfer;
        let progress = Rc::clone(progress);
        if self.told.get().what != What::Busy {
            // Rates are of the time since the last record, but not of one in which nothing was to move.
            let told = Told { at: progress.started(), bytes: self.bytes(), ..self.told.get() };
            self.told.set(told);
        }
        self.command.set(command);
        self.transfers.borrow_mut().push(transfer);
        self.roster.transfers.set(self.roster.transfers.get() + 1);
        self.mark();
        Moving { card: Rc::clone(self), progress }
    }

    /// An operation begins that is not done at once.
    pub(crate) fn operate(self: &Rc<Self>, command: &'static str, subject: Subject) -> Operation {
        *self.operation.borrow_mut() = Some((command, subject));
        self.operations.set(self.operations.get() + 1);
        self.mark();
        Operation(Rc::clone(self))
    }

    /// The operation under way.
    pub(super) fn operation(&self) -> Option<(&'static str, Subject)> {
        self.operation.borrow().clone()
    }

    /// Something changed: the next gathering looks at it.
    pub(super) fn mark(self: &Rc<Self>) {
        self.is_changed.set(true);
        self.queue();
    }

    fn queue(self: &Rc<Self>) {
        if !self.is_over.get() && !self.is_queued.replace(true) {
            self.roster.queue.borrow_mut().push_back(Rc::clone(self));
        }
    }

    /// It was taken off the queue; whether it is to be looked at.
    pub(super) fn is_due(&self) -> bool {
        self.is_queued.set(false);
        !self.is_over.get()
    }

    /// It was looked at. As long as something moves it is so at every gathering.
    pub(super) fn put_back(self: &Rc<Self>) {
        if !self.transfers.borrow().is_empty() {
            self.queue();
        }
    }

    /// Bytes of the transfers under way.
    pub(super) fn under_way(&self) -> u64 {
        self.transfers.borrow().iter().map(|transfer| transfer.progress.bytes()).sum()
    }

    /// When the oldest of them began.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.transfers.borrow().iter().map(|transfer| transfer.progress.started()).min()
    }

    /// Bytes that the session has moved.
    pub(super) fn bytes(&self) -> u64 {
        self.moved.get() + self.under_way()
    }

    /// When the client did something last, or bytes moved for it.
    pub(super) fn active(&self) -> Instant {
        let transfers = self.transfers.borrow();
        let moved = transfers.iter().map(|transfer| transfer.progress.moved()).max();
        moved.map_or(self.active.get(), |moved| moved.max(self.active.get()))
    }

    /// The session is over for those who watch.
    pub(super) fn leave(self: &Rc<Self>) {
        if self.is_over.replace(true) {
            return;
        }
        let mut cards = self.roster.cards.borrow_mut();
        // A client that logged in anew on its connection may stand there already.
        if cards.get(&self.who.number).is_some_and(|card| Rc::ptr_eq(card, self)) {
            cards.remove(&self.who.number);
        }
        if self.told.get().what != What::Nothing {
            self.roster.ended.borrow_mut().push(self.who.number);
        }
    }
}

impl Subject {
    /// The path, if there is one.
    pub(super) fn path(&self) -> Option<&VirtualPath> {
        match self {
            Self::About(about) => about.path.as_ref(),
            Self::Path(path) => Some(path),
            Self::Nothing => None,
        }
    }
}

impl Moving {
    /// Bytes moved.
    pub(crate) fn add(&self, bytes: usize, now: Instant) {
        self.progress.add(u64::try_from(bytes).unwrap_or(u64::MAX), now);
    }

    /// Bytes so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.progress.bytes()
    }

    /// When it began.
    pub(crate) fn started(&self) -> Instant {
        self.progress.started()
    }

    /// When the first bytes moved.
    pub(crate) fn first(&self) -> Option<Instant> {
        self.progress.first()
    }

    /// It turns out to be about another path.
    pub(crate) fn is_about(&self, subject: Subject) {
        let mut transfers = self.card.transfers.borrow_mut();
        if let Some(transfer) = transfers.iter_mut().find(|transfer| transfer.is(&self.progress)) {
            transfer.subject = subject;
        }
    }
}

impl Transfer {
    fn is(&self, progress: &Rc<Progress>) -> bool {
        Rc::ptr_eq(&self.progress, progress)
    }
}

impl Drop for Moving {
    fn drop(&mut self) {
        let card = &self.card;
        let mut transfers = card.transfers.borrow_mut();
        if let Some(place) = transfers.iter().position(|transfer| transfer.is(&self.progress)) {
            transfers.swap_remove(place);
        }
        drop(transfers);
        let bytes = self.progress.bytes();
        card.moved.set(card.moved.get() + bytes);
        card.active.set(card.active.get().max(self.progress.moved()));
        let roster = &card.roster;
        roster.transfers.set(roster.transfers.get().saturating_sub(1));
        roster.moved.set(roster.moved.get() + bytes);
        card.mark();
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        let left = self.0.operations.get().saturating_sub(1);
        self.0.operations.set(left);
        if left == 0 {
            *self.0.operation.borrow_mut() = None;
            self.0.mark();
        }
    }
}
