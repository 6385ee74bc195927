//! What there is, page by page.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::dns::check::{Check, Owner};
use crate::dns::record::{RecordKey, RecordSet};
use crate::dns::request::{Reply, Request, TAGS_MAX};
use crate::dns::settings::Settings;
use crate::dns::state::State;

/// What was read and when, and what is being read.
#[derive(Debug, Default)]
pub(super) struct Reading {
    records: Option<Instant>,
    checks: Option<Instant>,
    now: Now,
}

/// What is being read.
#[derive(Debug, Default)]
enum Now {
    #[default]
    Nothing,
    Records {
        names: VecDeque<String>,
        from: Option<RecordKey>,
        sets: Vec<RecordSet>,
        pages: usize,
    },
    Checks {
        marker: Option<String>,
        checks: Vec<Check>,
        pages: usize,
    },
}

impl Reading {
    /// Whether there is something to go by.
    pub(super) fn is_complete(&self) -> bool {
        self.records.is_some() && self.checks.is_some() && matches!(self.now, Now::Nothing)
    }

    /// Whether it waits for the answer to this.
    pub(super) fn is_asking(&self, request: &Request) -> bool {
        match (&self.now, request) {
            (Now::Records { names, from, .. }, Request::List { name, from: asked }) => {
                names.front() == Some(name) && from == asked
            }
            (Now::Checks { marker, .. }, Request::ListChecks { marker: asked }) => marker == asked,
            _ => false,
        }
    }

    /// The records must be read again.
    pub(super) fn forget_records(&mut self) {
        self.records = None;
        self.now = Now::Nothing;
    }

    /// The checks must be read again.
    pub(super) fn forget_checks(&mut self) {
        self.checks = None;
        self.now = Now::Nothing;
    }

    /// What to ask for now. `is_quiet`: nothing is under way that would make it old at once.
    pub(super) fn poll(
        &mut self,
        settings: &Settings,
        state: &State,
        is_quiet: bool,
        now: Instant,
    ) -> Option<Request> {
        let is_due = |at: Option<Instant>, interval| match at {
            None => true,
            Some(at) => is_quiet && now >= at + interval,
        };
        if matches!(self.now, Now::Nothing) {
            if is_due(self.records, RECORDS_INTERVAL) {
                let names = settings.listed().into_iter().map(str::to_owned).collect();
                self.now = Now::Records { names, from: None, sets: Vec::new(), pages: 0 };
            } else if is_due(self.checks, CHECKS_INTERVAL) {
                self.now = Now::Checks { marker: None, checks: Vec::new(), pages: 0 };
            }
        }
        match &self.now {
            Now::Nothing => tags(state),
            Now::Records { names, from, .. } => {
                names.front().map(|name| Request::List { name: name.clone(), from: from.clone() })
            }
            Now::Checks { marker, .. } => Some(Request::ListChecks { marker: marker.clone() }),
        }
    }

    /// A page. Says what is odd about it.
    pub(super) fn on_reply(
        &mut self,
        reply: Reply,
        state: &mut State,
        now: Instant,
    ) -> Option<String> {
        match (reply, std::mem::take(&mut self.now)) {
            (
                Reply::Records { sets: page, next },
                Now::Records { mut names, mut sets, pages, .. },
            ) => {
                sets.extend(page);
                let next = next.filter(|_| pages + 1 < PAGES_MAX);
                let is_cut = pages + 1 >= PAGES_MAX;
                if next.is_none() {
                    names.pop_front();
                }
                match names.is_empty() {
                    false => self.now = Now::Records { names, from: next, sets, pages: pages + 1 },
                    true => {
                        state.records = sets.into_iter().map(|set| (set.key(), set)).collect();
                        self.records = Some(now);
                    }
                }
                is_cut.then(|| "the zone has more records under this name than are read".to_owned())
            }
            (Reply::Checks { checks: page, next }, Now::Checks { mut checks, pages, .. }) => {
                checks.extend(page);
                match next.filter(|_| pages + 1 < PAGES_MAX) {
                    Some(marker) => {
                        self.now = Now::Checks { marker: Some(marker), checks, pages: pages + 1 };
                    }
                    None => self.take_checks(checks, state, now),
                }
                (pages + 1 >= PAGES_MAX)
                    .then(|| "the account has more health checks than are read".to_owned())
            }
            (Reply::Tags(tags), other) => {
                for check in &mut state.checks {
                    let owner = tags.iter().find(|(id, _)| *id == check.id);
                    if let Some((_, owner)) = owner {
                        check.owner = owner.clone();
                    }
                }
                self.now = other;
                None
            }
            _ => None,
        }
    }

    /// The tags that are known hold, for nobody changes them.
    fn take_checks(&mut self, checks: Vec<Check>, state: &mut State, now: Instant) {
        let known = std::mem::take(&mut state.checks);
        let with_owner = |check: Check| {
            let before = known.iter().find(|of| of.id == check.id);
            let owner = before.map_or(check.owner.clone(), |before| before.owner.clone());
            Check { owner, ..check }
        };
        state.checks = checks.into_iter().map(with_owner).collect();
        state.has_checks = true;
        self.checks = Some(now);
    }

    /// Nobody lets us read the checks: it goes without.
    pub(super) fn give_up_checks(&mut self, state: &mut State, now: Instant) {
        self.now = Now::Nothing;
        state.has_checks = false;
        self.checks = Some(now);
    }

    /// A call did not succeed: from the beginning.
    pub(super) fn start_over(&mut self) {
        self.now = Now::Nothing;
    }
}

/// Whose the checks are that may be ours.
fn tags(state: &State) -> Option<Request> {
    let unread = state.checks.iter().filter(|check| check.owner == Owner::Unread);
    let ids: Vec<_> = unread.take(TAGS_MAX).map(|check| check.id.clone()).collect();
    (!ids.is_empty()).then_some(Request::ListTags(ids))
}

/// Others may change records by hand.
const RECORDS_INTERVAL: Duration = Duration::from_secs(60);
/// All of the account are listed, a page per hundred.
const CHECKS_INTERVAL: Duration = Duration::from_secs(600);
/// A zone has 10,000 records.
const PAGES_MAX: usize = 100;
