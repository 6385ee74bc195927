//! The `sftp` subsystem: carries out what [`sftp::Session`] asks on the user's files.
//!
//! The machine decides the order; here a request is begun, and what is not answered at once waits in
//! [`Server::work`] without holding up the others.
//!
//! | file | what |
//! | --- | --- |
//! | `open` | what is kept under a handle |
//! | `doing` | what those who watch the node see of a request |
//! | `asked` | what is remembered of a request until it is answered |
//! | `begin` | from a request to work on the storage |
//! | `finish` | from the storage's answer to the machine, the log and the handles |
//! | `listing` | entries of a directory into a reply |
//! | `copy` | `copy-data` between two open files |
//! | `names` | names of users and groups |

mod asked;
mod begin;
mod copy;
mod doing;
mod finish;
mod listing;
mod names;
mod open;

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use flotilla_protocol::sftp::{self, HandleId, Settings};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use self::asked::Asked;
use self::doing::Doing;
use self::finish::Finished;
use self::open::Open;
use super::channel::{Broken, Exit, Program};
use super::record::Record;
use super::throttle::Throttle;
use crate::files::Files;
use crate::login::LoggedIn;
use crate::roster::Card;

/// One SFTP channel.
pub(super) struct Server {
    machine: sftp::Session,
    files: Files,
    /// Bits that new directories do not get.
    umask: u32,
    open: HashMap<HandleId, Open>,
    work: FuturesUnordered<Pin<Box<dyn Future<Output = Finished>>>>,
    throttle: Throttle,
    card: Rc<Card>,
    /// What is being begun, for those who watch the node.
    doing: Doing,
    /// Requests under way.
    asked: Vec<Asked>,
    record: Rc<Record>,
    /// The client sends no more.
    ended: bool,
}

impl Server {
    pub(super) fn new(
        login: &LoggedIn,
        card: Rc<Card>,
        umask: u32,
        symlink_by_draft: bool,
        record: Rc<Record>,
    ) -> Self {
        let user = login.account.name.as_bytes().to_vec();
        Self {
            machine: sftp::Session::new(Settings { user, symlink_by_draft, ..Settings::default() }),
            files: login.files.clone(),
            umask,
            open: HashMap::new(),
            work: FuturesUnordered::new(),
            throttle: Throttle::new(login),
            card,
            doing: None,
            asked: Vec::new(),
            record,
            ended: false,
        }
    }
}

impl Program for Server {
    fn on_bytes(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        self.machine.on_bytes(bytes).map_err(|violation| Broken(violation.to_string()))
    }

    fn on_end(&mut self) {
        self.ended = true;
    }

    fn advance(&mut self, now: Instant) {
        while !self.throttle.holds(now) {
            let Some((ticket, request)) = self.machine.poll() else { return };
            self.begin(ticket, request, now);
        }
    }

    fn poll(&mut self, task: &mut Context<'_>, now: Instant) -> bool {
        let mut moved = self.throttle.release(now);
        while let Poll::Ready(Some(finished)) = self.work.poll_next_unpin(task) {
            self.finish(finished, now);
            moved = true;
        }
        moved
    }

    fn output(&mut self, max: usize) -> Option<Vec<u8>> {
        self.machine.output(max)
    }

    fn recycle(&mut self, buffer: Vec<u8>) {
        self.machine.recycle(buffer);
    }

    fn is_waiting(&self) -> bool {
        !self.work.is_empty()
    }

    fn exit(&self) -> Option<Exit> {
        match self.machine.violation() {
            Some(_) => Some(Exit::silent(1)),
            None => (self.ended && self.machine.is_idle()).then(|| Exit::silent(0)),
        }
    }

    fn wants_input(&self) -> bool {
        // A rate holds the WRITEs back until a time that comes by itself.
        let held_back = self.throttle.resumes_at().is_some() && self.machine.holds_enough();
        self.machine.wants_input() && !held_back
    }

    fn drains(&self) -> bool {
        let usage = self.machine.usage();
        usage.payload > 0 && (usage.in_flight > 0 || self.throttle.resumes_at().is_some())
    }

    fn is_busy(&self) -> bool {
        !self.work.is_empty() || self.open.values().any(Open::is_file)
    }

    fn held(&self) -> usize {
        let usage = self.machine.usage();
        usage.payload + usage.output
    }

    fn resumes_at(&self) -> Option<Instant> {
        self.throttle.resumes_at()
    }

    fn close(&mut self, now: Instant) {
        self.work.clear();
        self.asked.clear();
        for (_, open) in self.open.drain() {
            open.log_broken(&self.record, &self.files, now);
        }
    }
}
