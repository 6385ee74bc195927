//! From cards to the records that the pool is told, once a second.

use std::rc::Rc;
use std::time::{Duration, Instant};

use actix::prelude::SendError;
use actix::{Message, Recipient};
use flotilla_cluster::session::{Protocol, SESSION_VERSION, SessionRecord, path_tail};

use super::Roster;
use super::card::{Card, Told, Transfer, What};
use crate::auth;

/// What changed on one arbiter. No session is in both lists.
#[derive(Debug, Default, Message)]
#[rtype(result = "()")]
pub(crate) struct Gathered {
    /// Sessions as they are now, by number.
    pub(crate) changed: Vec<(u64, SessionRecord)>,
    /// Sessions that have ended.
    pub(crate) ended: Vec<u64>,
}

/// Tells one recipient of what is gathered.
#[derive(Default)]
pub(crate) struct Teller {
    recipient: Option<Recipient<Gathered>>,
    /// What the recipient had no room for. It is told before anything else is gathered.
    unsent: Option<Gathered>,
}

impl Teller {
    /// From now on this one is told, of every session first.
    pub(crate) fn watch(&mut self, roster: &Roster, recipient: Recipient<Gathered>) {
        *self = Self { recipient: Some(recipient), unsent: None };
        roster.forget_all();
    }

    /// Gathers and tells, if there is anybody to be told.
    pub(crate) fn tell(&mut self, roster: &Roster, now: Instant) {
        let Some(recipient) = &self.recipient else { return roster.forget_changes() };
        let gathered = self.unsent.take().unwrap_or_else(|| roster.gather(CHANGED_MAX, now));
        if gathered.changed.is_empty() && gathered.ended.is_empty() {
            return;
        }
        match recipient.try_send(gathered) {
            Ok(()) => {}
            Err(SendError::Full(gathered)) => self.unsent = Some(gathered),
            Err(SendError::Closed(_)) => self.recipient = None,
        }
    }
}

impl Roster {
    /// Records of what changed, `max` at the most. What waits longest goes first, and a session with a transfer
    /// under way waits again behind the others, so that all have their turn.
    pub(super) fn gather(&self, max: usize, now: Instant) -> Gathered {
        let mut changed = Vec::new();
        // No card is looked at twice.
        let waiting = self.queue.borrow().len();
        for _ in 0..waiting {
            if changed.len() >= max {
                break;
            }
            let Some(card) = self.next() else { break };
            if let Some(record) = card.news(now) {
                changed.push((card.who().number, record));
            }
            card.put_back();
        }
        let cards = self.cards.borrow();
        let mut ended = std::mem::take(&mut *self.ended.borrow_mut());
        ended.retain(|number| match cards.get(number) {
            // Logged in anew on the same connection: the new record takes the place of the old one.
            Some(card) => {
                card.is_known();
                false
            }
            None => true,
        });
        Gathered { changed, ended }
    }

    /// The next card that is to be looked at; those who left on the way there are dropped.
    fn next(&self) -> Option<Rc<Card>> {
        loop {
            let card = self.queue.borrow_mut().pop_front()?;
            if card.is_due() {
                return Some(card);
            }
        }
    }

    /// Nobody is told of changes: what waits would wait for ever.
    fn forget_changes(&self) {
        self.ended.borrow_mut().clear();
        let waiting = self.queue.borrow().len();
        for _ in 0..waiting {
            let Some(card) = self.next() else { break };
            card.put_back();
        }
    }

    /// Nobody was told of anything.
    fn forget_all(&self) {
        self.ended.borrow_mut().clear();
        for card in self.cards.borrow().values() {
            card.told.set(Told { what: What::Nothing, ..card.told.get() });
            card.mark();
        }
    }
}

impl Card {
    /// The record of the session, if it differs from the last one.
    fn news(&self, now: Instant) -> Option<SessionRecord> {
        let told = self.told.get();
        let is_changed = self.is_changed.replace(false);
        let transfers = self.transfers.borrow();
        // Of several files that are open, the one that moves.
        let transfer = transfers.iter().max_by_key(|transfer| transfer.progress.moved());
        let operation = self.operation();
        let bytes = self.bytes();
        let rate = transfer
            .map_or(0, |_| rate(bytes - told.bytes, now.saturating_duration_since(told.at)));
        let what = match (transfer, &operation) {
            (None, None) => What::Idle,
            _ => What::Busy,
        };
        let is_news = match (told.what, what) {
            (What::Idle, What::Idle) => false,
            (What::Busy, What::Busy) => is_changed || bytes != told.bytes || told.rate != rate,
            _ => true,
        };
        if !is_news {
            return None;
        }
        self.told.set(Told { what, at: now, bytes, rate });
        let mut record = self.idle_record();
        record.rate = rate;
        if let Some(transfer) = transfer {
            transfer.put_into(&mut record);
        } else if let Some((command, subject)) = operation {
            command.clone_into(&mut record.command);
            record.path = subject
                .path()
                .map(|path| path_tail(&path.to_string()).to_owned())
                .unwrap_or_default();
        }
        Some(record)
    }

    fn idle_record(&self) -> SessionRecord {
        let who = self.who();
        SessionRecord {
            version: SESSION_VERSION,
            user: who.user.as_ref().to_owned(),
            protocol: match who.protocol {
                auth::Protocol::Ftp => Protocol::Ftp,
                auth::Protocol::Ftps => Protocol::Ftps,
                auth::Protocol::Ssh => Protocol::Ssh,
            },
            client: Some(who.client),
            since: self.since,
            ..SessionRecord::default()
        }
    }

    /// Somebody has a record under this number.
    fn is_known(&self) {
        let told = self.told.get();
        if told.what == What::Nothing {
            self.told.set(Told { what: What::Busy, ..told });
        }
    }
}

impl Transfer {
    fn put_into(&self, record: &mut SessionRecord) {
        let path = self.subject.path().map(ToString::to_string).unwrap_or_default();
        self.command.clone_into(&mut record.command);
        path_tail(&path).clone_into(&mut record.path);
        record.direction = self.direction;
        record.bytes = self.progress.bytes();
    }
}

/// Bytes per second. What has just begun fills buffers, so less than a second counts as one.
fn rate(bytes: u64, elapsed: Duration) -> u64 {
    let milliseconds = elapsed.as_millis().max(1000);
    u64::try_from(u128::from(bytes) * 1000 / milliseconds).unwrap_or(u64::MAX)
}

/// Records of one gathering: about a millisecond of work, and half a mebibyte for the store.
pub(super) const CHANGED_MAX: usize = 2000;
