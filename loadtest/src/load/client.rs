//! One client: a thread, at most one session, and what it does in it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;

use super::clock::Clock;
use super::mix::Action;
use super::shared::Shared;
use super::tally::Sample;
use crate::client::dialer::Dialer;
use crate::client::payload::Payload;
use crate::client::{Error, Moved, Session};

/// A client.
pub(super) struct Client {
    shared: Arc<Shared>,
    /// Its number; its files bear it.
    index: usize,
    /// By the places of the protocols; made when they are needed.
    dialers: Vec<Option<Dialer>>,
    session: Option<Open>,
}

/// A session and what it knows of the client's files.
struct Open {
    session: Session,
    /// The place of its protocol.
    protocol: usize,
    /// Whether the file to be renamed has its second name; `None`: there is none.
    named: Option<bool>,
}

impl Client {
    /// A client without a session.
    pub(super) fn new(shared: Arc<Shared>, index: usize) -> Self {
        let dialers = shared.targets.iter().map(|_| None).collect();
        Self { shared, index, dialers, session: None }
    }

    /// Whether there is a session.
    pub(super) fn is_open(&self) -> bool {
        self.session.is_some()
    }

    /// Connects, logs in and prepares for transfers without counting anything. The `turn` decides on
    /// the address.
    pub(super) fn connect(&mut self, protocol: usize, turn: u64) -> Result<(), Error> {
        let none = || Error::Unsupported("protocol");
        let target = self.shared.targets.get(protocol).ok_or_else(none)?;
        let place = self.dialers.get_mut(protocol).ok_or_else(none)?;
        let dialer =
            match place {
                Some(dialer) => dialer,
                None => place.insert(Dialer::new(target).map_err(|error| {
                    Error::Io("client", std::io::Error::other(error.to_string()))
                })?),
            };
        dialer.set_source(self.shared.scenario.sources.at(turn));
        let mut session = dialer.open()?;
        session.prepare()?;
        self.shared.gauges.enter();
        self.session = Some(Open { session, protocol, named: None });
        Ok(())
    }

    /// Logs in; counts it from when it was due.
    pub(super) fn login(&mut self, protocol: usize, turn: u64, due: Option<Duration>) -> bool {
        let begun = self.begin();
        let result = self.connect(protocol, turn).map(|()| Some(Moved::default()));
        self.end(self.shared.row(None, protocol), begun, due, false, result)
    }

    /// Does one task; counts it from when it was due, or else from when it was begun.
    pub(super) fn perform(&mut self, task: usize, turn: u64, due: Option<Duration>) {
        let shared = Arc::clone(&self.shared);
        let Some(task_of) = shared.scenario.mix.tasks().get(task) else { return };
        let Some(protocol) = self.session.as_ref().map(|open| open.protocol) else { return };
        if task_of.action == Action::Login {
            self.quit();
            self.login(protocol, turn, due);
            return;
        }
        let begun = self.begin();
        let result = self.act(&task_of.action);
        if result.as_ref().is_err_and(is_fatal) {
            self.close();
        }
        let up = matches!(task_of.action, Action::Upload(_));
        self.end(shared.row(Some(task), protocol), begun, due, up, result);
    }

    /// Says goodbye; not counted unless it fails.
    pub(super) fn quit(&mut self) {
        let Some(open) = self.session.take() else { return };
        self.shared.gauges.leave();
        if let Err(error) = open.session.quit() {
            self.shared.fail(self.index, self.shared.row(None, open.protocol), &error);
        }
    }

    fn close(&mut self) {
        if self.session.take().is_some() {
            self.shared.gauges.leave();
        }
    }

    fn begin(&self) -> Duration {
        self.shared.gauges.running.fetch_add(1, Ordering::Relaxed);
        self.shared.clock.now()
    }

    /// Writes down what came of an operation: nothing if the end of the run cut it short.
    fn end(
        &self,
        row: usize,
        begun: Duration,
        due: Option<Duration>,
        up: bool,
        result: Result<Option<Moved>, Error>,
    ) -> bool {
        let ended = self.shared.clock.now();
        self.shared.gauges.running.fetch_sub(1, Ordering::Relaxed);
        match result {
            Ok(None) => true,
            Ok(Some(moved)) => {
                let late = due.map_or(Duration::ZERO, |due| begun.saturating_sub(due));
                let took = moved.timed.unwrap_or_else(|| ended.saturating_sub(begun));
                let in_time = self.shared.clock.stopped().is_none();
                let latency = late + took;
                let sample = Sample { row, begun, ended, latency, in_time, up, moved };
                self.shared.gauges.done.fetch_add(1, Ordering::Relaxed);
                if let Some(mut book) = self.shared.book(self.index) {
                    book.record(&sample);
                }
                true
            }
            Err(error) => {
                self.shared.fail(self.index, row, &error);
                false
            }
        }
    }

    fn act(&mut self, action: &Action) -> Result<Option<Moved>, Error> {
        let shared = &self.shared;
        let directory = &shared.scenario.directory;
        let Some(open) = &mut self.session else { return Err(Error::Closed("session")) };
        let session = &mut open.session;
        let own = |name: &str| path(directory, self.index, name);
        let none = |()| Moved::default();
        let moved = match action {
            Action::Login => Moved::default(),
            Action::List(folder) => session.list(folder)?,
            Action::Mlsd(folder) => session.mlsd(folder)?,
            Action::Download(size) => session.download(&source(directory, *size), *size)?,
            Action::Upload(size) => {
                session.upload(&own(&size.to_string()), &shared.payload, *size)?
            }
            Action::Noop => session.noop().map(none)?,
            Action::Pwd => session.pwd().map(none)?,
            Action::Rename => {
                let names = [own("name-a"), own("name-b")];
                let second = match open.named.take() {
                    Some(second) => second,
                    None => make(session, &names, &shared.payload).map(|()| false)?,
                };
                let [a, b] = &names;
                let (from, to) = if second { (b, a) } else { (a, b) };
                let moved = timed(&shared.clock, || session.rename(from, to))?;
                open.named = Some(!second);
                moved
            }
            Action::Delete => {
                let name = own("deleted");
                session.upload(&name, &shared.payload, OWN_BYTES)?;
                timed(&shared.clock, || session.remove(&name))?
            }
            Action::Idle(time) => {
                if !shared.clock.wait(*time) {
                    return Ok(None);
                }
                timed(&shared.clock, || session.noop())?
            }
        };
        Ok(Some(moved))
    }
}

/// Makes the file that is renamed, under the first of its names. An earlier session may have left it
/// under the second, over which SFTP renames nothing.
fn make(session: &mut Session, names: &[String; 2], payload: &Payload) -> Result<(), Error> {
    let [first, second] = names;
    match session.remove(second) {
        Ok(()) | Err(Error::Reply { .. }) => {}
        Err(error) => return Err(error),
    }
    session.upload(first, payload, OWN_BYTES).map(drop)
}

/// Times what counts of an operation; what had to be made ready for it does not.
fn timed(clock: &Clock, operate: impl FnOnce() -> Result<(), Error>) -> Result<Moved, Error> {
    let begun = clock.now();
    operate()?;
    let timed = Some(clock.now().saturating_sub(begun));
    Ok(Moved { timed, ..Moved::default() })
}

/// Whether a session is of no use after an error. One that was refused something is, unless replies
/// to other requests are still on their way or the server said that it closes (RFC 959, 421).
fn is_fatal(error: &Error) -> bool {
    match error {
        Error::Reply { step, code, .. } => {
            *code == 421 || matches!(*step, "READ" | "WRITE" | "READDIR")
        }
        Error::Unsupported(_) => false,
        _ => true,
    }
}

/// Opens a session as each user and stores what will be downloaded, unless it is there in that size.
pub(super) fn prepare(shared: &Arc<Shared>, users: usize) -> Result<(), Error> {
    let sizes: Vec<_> = shared
        .scenario
        .mix
        .tasks()
        .iter()
        .filter_map(|task| match task.action {
            Action::Download(size) => Some(size),
            _ => None,
        })
        .collect();
    let mut client = Client::new(Arc::clone(shared), 0);
    for protocol in 0..shared.targets.len() {
        // Users take turns, so that many sessions are one of each.
        for turn in 0..users.max(1) {
            client.connect(protocol, turn as u64)?;
            for size in &sizes {
                let path = source(&shared.scenario.directory, *size);
                let Some(open) = &mut client.session else { continue };
                if open.session.size(&path)? != Some(*size) {
                    open.session.upload(&path, &shared.payload, *size)?;
                }
            }
            client.quit();
        }
    }
    Ok(())
}

/// What all clients download.
fn source(directory: &str, size: u64) -> String {
    below(directory, &format!("loadtest-{size}.bin"))
}

/// A file of a client's own.
fn path(directory: &str, index: usize, name: &str) -> String {
    below(directory, &format!("loadtest-client-{index}-{name}.bin"))
}

fn below(directory: &str, name: &str) -> String {
    match directory.trim_end_matches('/') {
        "" if directory.is_empty() => name.to_owned(),
        directory => format!("{directory}/{name}"),
    }
}

/// The files that are renamed and deleted.
const OWN_BYTES: u64 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_lie_in_the_folder() {
        assert_eq!(source("", 5), "loadtest-5.bin");
        assert_eq!(source("/", 5), "/loadtest-5.bin");
        assert_eq!(path("load/", 3, "x"), "load/loadtest-client-3-x.bin");
    }

    #[test]
    fn a_session_that_was_refused_something_goes_on() {
        let reply = |step, code| Error::Reply { step, code, text: String::new() };
        assert!(!is_fatal(&reply("RETR", 550)));
        assert!(is_fatal(&reply("RETR", 421)));
        assert!(is_fatal(&reply("READ", 4)));
        assert!(is_fatal(&Error::Closed("RETR")));
    }
}
