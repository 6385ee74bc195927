//! `md5sum` and its kin: digests of files, or of what the client sends.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use flotilla_protocol::digest::Algorithm;
use flotilla_protocol::exec::{Word, hash_line};
use flotilla_protocol::failure::Failure;
use flotilla_protocol::path::VirtualPath;

use super::channel::{Broken, Exit, Program};
use super::expand::expand;
use crate::digest::Digest;
use crate::files::Files;
use crate::login::LoggedIn;
use crate::roster::{Card, Operation, Subject};
use crate::storage::Storage;

/// Lines on their way to the client.
#[derive(Default)]
struct Lines(VecDeque<u8>);

impl Lines {
    fn take(&mut self, max: usize) -> Option<Vec<u8>> {
        let count = self.0.len().min(max);
        (count > 0).then(|| self.0.drain(..count).collect())
    }
}

/// The digest of what the client sends.
pub(super) struct Input {
    digest: Option<Digest>,
    lines: Lines,
    _operation: Operation,
}

impl Input {
    pub(super) fn new(algorithm: Algorithm, card: &Rc<Card>) -> Self {
        Self {
            digest: Some(Digest::new(algorithm)),
            lines: Lines::default(),
            _operation: card.operate(COMMAND, Subject::Nothing),
        }
    }

    /// Of a text that came with the command.
    pub(super) fn of_text(algorithm: Algorithm, text: &[u8], card: &Rc<Card>) -> Self {
        let mut input = Self::new(algorithm, card);
        if let Some(digest) = &mut input.digest {
            digest.update(text);
        }
        input.on_end();
        input
    }
}

impl Program for Input {
    fn on_bytes(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
        }
        Ok(())
    }

    fn on_end(&mut self) {
        if let Some(digest) = self.digest.take() {
            self.lines.0.extend(hash_line(&digest.finish(), b"-"));
        }
    }

    fn output(&mut self, max: usize) -> Option<Vec<u8>> {
        self.lines.take(max)
    }

    fn exit(&self) -> Option<Exit> {
        (self.digest.is_none() && self.lines.0.is_empty()).then(|| Exit::silent(0))
    }

    fn is_busy(&self) -> bool {
        self.exit().is_none()
    }
}

/// The digests of files, one after the other.
pub(super) struct OfFiles {
    /// `None` once all are done.
    work: Option<Pin<Box<dyn Future<Output = Outcome>>>>,
    lines: Lines,
    exit: Exit,
}

/// Lines for the client, and complaints.
struct Outcome {
    lines: Vec<u8>,
    complaints: String,
}

impl OfFiles {
    pub(super) fn new(
        algorithm: Algorithm,
        paths: Vec<Word>,
        login: &LoggedIn,
        card: &Rc<Card>,
    ) -> Self {
        let operation = card.operate(COMMAND, Subject::Nothing);
        let files = login.files.clone();
        let work = Box::pin(async move {
            let _operation = operation;
            digests(files, algorithm, paths).await
        });
        Self { work: Some(work), lines: Lines::default(), exit: Exit::silent(0) }
    }
}

impl Program for OfFiles {
    fn on_bytes(&mut self, _: &[u8]) -> Result<(), Broken> {
        Ok(())
    }

    fn on_end(&mut self) {}

    fn poll(&mut self, task: &mut Context<'_>, _: Instant) -> bool {
        let Some(work) = &mut self.work else { return false };
        let Poll::Ready(Outcome { lines, complaints }) = work.as_mut().poll(task) else {
            return false;
        };
        self.work = None;
        self.lines.0.extend(lines);
        self.exit = Exit { status: u32::from(!complaints.is_empty()), message: complaints };
        true
    }

    fn output(&mut self, max: usize) -> Option<Vec<u8>> {
        self.lines.take(max)
    }

    fn is_waiting(&self) -> bool {
        self.work.is_some()
    }

    fn exit(&self) -> Option<Exit> {
        (self.work.is_none() && self.lines.0.is_empty()).then(|| self.exit.clone())
    }

    fn is_busy(&self) -> bool {
        self.exit().is_none()
    }

    fn close(&mut self, _: Instant) {
        self.work = None;
    }
}

async fn digests(files: Files, algorithm: Algorithm, words: Vec<Word>) -> Outcome {
    let mut outcome = Outcome { lines: Vec::new(), complaints: String::new() };
    for word in words {
        let paths = match &word {
            Word::Literal(path) => Ok(vec![path.clone()]),
            Word::Pattern(pattern) => expand(&files, pattern).await,
        };
        let paths = match paths {
            // As a shell has it: a pattern that fits nothing stands for itself.
            Ok(paths) if paths.is_empty() => vec![word.text()],
            Ok(paths) => paths,
            Err(failure) => {
                outcome.complain(&word.text(), &failure);
                continue;
            }
        };
        for path in paths {
            if outcome.lines.len() + outcome.complaints.len() > OUTCOME_BYTES_MAX {
                outcome.complaints.push_str("too many files at once\n");
                return outcome;
            }
            match digest(&files, algorithm, &path).await {
                Ok(hex) => outcome.lines.extend(hash_line(&hex, &path)),
                Err(failure) => outcome.complain(&path, &failure),
            }
        }
    }
    outcome
}

/// What those who watch the node see.
const COMMAND: &str = "hash";
/// Complaints of one command: some hundred files.
const COMPLAINT_BYTES_MAX: usize = 32 * 1024;
/// Lines and complaints of one command: some ten thousand files.
const OUTCOME_BYTES_MAX: usize = 1024 * 1024;

async fn digest(files: &Files, algorithm: Algorithm, path: &[u8]) -> Result<String, Failure> {
    let path = VirtualPath::root().resolve(path).map_err(|_| Failure::BadName)?;
    files.digest(&path, algorithm, 0, None).await.map(|(hex, _)| hex)
}

impl Outcome {
    fn complain(&mut self, path: &[u8], failure: &Failure) {
        let path = String::from_utf8_lossy(path);
        // Standard error goes out at once, whatever the client takes.
        if self.complaints.len() < COMPLAINT_BYTES_MAX {
            self.complaints.push_str(&format!("{}: {}\n", path.escape_debug(), failure.text()));
        }
    }
}
