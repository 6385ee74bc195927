//! What becomes of a call that failed.

use std::time::{Duration, Instant};

use super::{BATCH_INTERVAL, Desk};
use crate::aws::Trouble;
use crate::dns::check::Owner;
use crate::dns::request::Request;

impl Desk {
    pub(super) fn on_trouble(
        &mut self,
        request: &Request,
        key: Option<&str>,
        trouble: Trouble,
        now: Instant,
        chance: u8,
    ) {
        let action = request.action();
        self.faults.insert(action, trouble.clone());
        match &trouble {
            Trouble::Throttled(_) if matches!(request, Request::CreateCheck { .. }) => {
                // It has a bucket of its own; everything else goes on.
                self.closed.insert(action, now + CREATE_PAUSE);
                return;
            }
            Trouble::Throttled(_) => return self.budget.on_trouble(now, chance),
            Trouble::Unknown(_) => self.budget.on_trouble(now, chance),
            Trouble::Credentials(_) => {
                self.budget.on_trouble(now, chance);
                return self.reading.start_over();
            }
            Trouble::Refused { .. } => {
                self.budget.on_answer();
                return self.on_refused(request, now);
            }
            _ => self.budget.on_answer(),
        }
        match request {
            Request::List { .. } => {
                self.closed.insert(action, now + READ_PAUSE);
                self.reading.start_over();
            }
            Request::ListChecks { .. } if trouble.is_unknown() => self.reading.start_over(),
            Request::ListChecks { .. } => self.reading.give_up_checks(&mut self.state, now),
            Request::Change(_) => {
                // It may have been made, or what was read is old.
                self.reading.forget_records();
                if !trouble.is_unknown() {
                    self.solo = Some(self.solo.map_or(0, |turn| turn.wrapping_add(1)));
                    self.rejections = self.rejections.saturating_add(1);
                    let pause = BATCH_INTERVAL * (1 << self.rejections.min(DOUBLINGS_MAX));
                    self.batch_next = Some(now + pause.min(REJECTION_PAUSE_MAX));
                }
            }
            Request::GetChange(_) if !trouble.is_unknown() => self.flight = None,
            Request::GetChange(_) => {}
            Request::ListTags(_) if trouble.is_unknown() => {}
            Request::ListTags(_) if matches!(trouble, Trouble::Missing(_)) => {
                self.reading.forget_checks();
            }
            Request::ListTags(_) => self.give_up_tags(),
            Request::CreateCheck { .. } => {
                match (&trouble, key) {
                    (Trouble::Duplicate(_), Some(key)) => {
                        *self.tries.entry(key.to_owned()).or_default() += 1;
                    }
                    (Trouble::Unknown(_), _) => {}
                    // There are too many of them, mostly.
                    _ => drop(self.closed.insert(request.action(), now + LIMIT_PAUSE)),
                }
                self.reading.forget_checks();
            }
            Request::UpdateCheck { .. } | Request::DeleteCheck(_) | Request::Tag { .. } => {
                if !matches!(trouble, Trouble::Unknown(_) | Trouble::Missing(_)) {
                    self.closed.insert(request.action(), now + CREATE_PAUSE);
                }
                self.reading.forget_checks();
            }
        }
    }

    /// It stays so until somebody grants it; what can be done without goes on.
    fn on_refused(&mut self, request: &Request, now: Instant) {
        self.closed.insert(request.action(), now + REFUSED_PAUSE);
        match request {
            Request::List { .. } => self.reading.start_over(),
            Request::ListChecks { .. } => self.reading.give_up_checks(&mut self.state, now),
            Request::ListTags(_) => self.give_up_tags(),
            // In place of the answer, the time that it usually takes.
            Request::GetChange(_) => {
                if let Some(flight) = &mut self.flight {
                    flight.until = flight.until.min(now + REFUSED_PAUSE);
                }
            }
            _ => {}
        }
    }

    /// What bears our reference is used, and never deleted.
    fn give_up_tags(&mut self) {
        for check in &mut self.state.checks {
            if check.owner == Owner::Unread {
                check.owner = Owner::Nobody;
            }
        }
    }
}

/// After a list that was not given.
const READ_PAUSE: Duration = Duration::from_secs(10);
/// After a refusal. Somebody may grant it meanwhile.
const REFUSED_PAUSE: Duration = Duration::from_secs(60);
/// After a throttled creation, or a change of a check that was not taken.
const CREATE_PAUSE: Duration = Duration::from_secs(10);
/// After a limit of the account.
const LIMIT_PAUSE: Duration = Duration::from_secs(600);
/// After a batch that was refused, twice as long each time.
const REJECTION_PAUSE_MAX: Duration = Duration::from_secs(300);
const DOUBLINGS_MAX: u32 = 6;
