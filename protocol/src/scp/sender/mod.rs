//! The server's end of a download: `scp -f`.

mod item;
mod output;

use std::collections::VecDeque;

use self::output::Output;
use super::line;
use super::{
    Invocation, LINE_BYTES_MAX, NAMES_MAX, OUTPUT_BYTES_MAX, Outcome, READ_BYTES, Request,
};
use crate::entry::Attributes;
use crate::failure::Failure;
use crate::glob::Word;
use crate::path::VirtualPath;

/// Sends files and directories to the client.
#[derive(Debug)]
pub(super) struct Sender {
    home: VirtualPath,
    recursive: bool,
    preserve: bool,
    words: std::vec::IntoIter<Word>,
    /// What the pattern before fits.
    matches: std::vec::IntoIter<Vec<u8>>,
    /// Open directories, [`DEPTH_MAX`](crate::scp::DEPTH_MAX) at the most.
    folders: Vec<Folder>,
    phase: Phase,
    /// To be polled in this order: closings, one for each of what was open, and at the end one
    /// request that has an answer.
    requests: VecDeque<Request>,
    output: Output,
    /// The unfinished line of an answer.
    line: Vec<u8>,
    read_bytes: usize,
    /// Something failed: the exit status is 1.
    failed: bool,
    /// The client has sent all it ever will.
    ended: bool,
}

/// An open directory.
#[derive(Debug)]
struct Folder {
    path: VirtualPath,
    attributes: Attributes,
    /// Names that are read and not yet sent.
    names: std::vec::IntoIter<Vec<u8>>,
    /// There are no more names to read.
    complete: bool,
}

/// An open file.
#[derive(Debug)]
struct File {
    path: VirtualPath,
    attributes: Attributes,
    /// Bytes that were announced and are not read.
    unread: u64,
    /// A read is open.
    reading: bool,
}

#[derive(Debug)]
enum Phase {
    /// The client has to answer.
    Answer(Step),
    /// The next name or word is to be taken up, once output has room.
    Next,
    /// A pattern is being expanded.
    Expanding(Word),
    /// A file is being opened.
    Opening(VirtualPath),
    /// It is a directory, which is being opened.
    OpeningDirectory(VirtualPath),
    /// Names are being read.
    Listing,
    /// A file is on its way.
    Data(File),
    Over,
}

/// What the client answers to.
#[derive(Debug)]
enum Step {
    /// Nothing yet: it starts.
    Start,
    /// The times of a file.
    FileTimes(File),
    /// Its `C` line.
    File(File),
    /// Its bytes, or the end of a directory.
    Done,
    /// The times of a directory.
    FolderTimes(Folder),
    /// Its `D` line.
    Folder(Folder),
}

/// What the client answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Good,
    /// This file or directory can not be taken.
    Skip,
    /// Everything is over.
    Fatal,
}

impl Sender {
    pub(super) fn new(invocation: &Invocation, sources: &[Word], home: VirtualPath) -> Self {
        Self {
            home,
            recursive: invocation.recursive,
            preserve: invocation.preserve,
            words: Vec::from(sources).into_iter(),
            matches: Vec::new().into_iter(),
            folders: Vec::new(),
            phase: Phase::Answer(Step::Start),
            requests: VecDeque::new(),
            output: Output::default(),
            line: Vec::new(),
            read_bytes: READ_BYTES,
            failed: false,
            ended: false,
        }
    }

    // Getters.

    pub(super) fn wants_input(&self) -> bool {
        matches!(self.phase, Phase::Answer(_))
    }

    pub(super) fn exit_status(&self) -> Option<u8> {
        let over =
            matches!(self.phase, Phase::Over) && self.requests.is_empty() && self.output.is_empty();
        over.then_some(u8::from(self.failed))
    }

    // Inputs.

    pub(super) fn on_bytes(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while !rest.is_empty() {
            let taken = match self.phase {
                Phase::Over => rest.len(),
                Phase::Answer(_) => self.take_answer(rest),
                _ => 0,
            };
            rest = rest.get(taken..).unwrap_or_default();
            self.advance();
            if taken == 0 {
                break;
            }
        }
        bytes.len() - rest.len()
    }

    pub(super) fn on_end(&mut self) {
        self.ended = true;
        self.advance();
    }

    pub(super) fn on_outcome(&mut self, outcome: Outcome) {
        match (std::mem::replace(&mut self.phase, Phase::Over), outcome) {
            (Phase::Expanding(word), Outcome::Matches(result)) => self.expanded(&word, result),
            (Phase::Opening(path), Outcome::Attributes(result)) => match result {
                Ok(attributes) => self.begin_file(path, attributes),
                Err(Failure::IsDirectory) if self.recursive => {
                    self.request(Request::OpenDirectory { path: path.clone() });
                    self.phase = Phase::OpeningDirectory(path);
                }
                Err(Failure::IsDirectory) => self.skip(path.as_bytes(), "not a regular file"),
                Err(failure) => self.skip(path.as_bytes(), line::text_of(&failure)),
            },
            (Phase::OpeningDirectory(path), Outcome::Attributes(result)) => match result {
                Ok(attributes) => self.begin_folder(path, attributes),
                Err(failure) => self.skip(path.as_bytes(), line::text_of(&failure)),
            },
            (Phase::Listing, Outcome::Names(result)) => self.listed(result),
            (Phase::Data(file), Outcome::Data(result)) if file.reading => self.read(file, result),
            // An answer to something that was not asked.
            (phase, _) => self.phase = phase,
        }
        self.advance();
    }

    // Commands.

    pub(super) fn set_read_bytes(&mut self, bytes: usize) {
        self.read_bytes = bytes.clamp(1, OUTPUT_BYTES_MAX);
    }

    // Outputs.

    pub(super) fn poll(&mut self) -> Option<Request> {
        if let Some(request) = self.requests.pop_front() {
            return Some(request);
        }
        match &mut self.phase {
            Phase::Data(file) if !file.reading && self.output.held() < OUTPUT_BYTES_MAX => {
                file.reading = true;
                let unread = usize::try_from(file.unread).unwrap_or(usize::MAX);
                Some(Request::Read { length: unread.min(self.read_bytes) })
            }
            _ => None,
        }
    }

    pub(super) fn output(&mut self, max: usize) -> Option<Vec<u8>> {
        let taken = self.output.take(max);
        self.advance();
        taken
    }

    // Answers of the client.

    /// Takes one answer: a zero byte, or another one with a line.
    fn take_answer(&mut self, bytes: &[u8]) -> usize {
        if let (true, Some(0)) = (self.line.is_empty(), bytes.first()) {
            self.answered(Answer::Good);
            return 1;
        }
        let room = (LINE_BYTES_MAX + 1).saturating_sub(self.line.len());
        let bytes = bytes.get(..room).unwrap_or(bytes);
        let end = bytes.iter().position(|&byte| byte == b'\n');
        let text = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        self.line.extend_from_slice(text);
        let answer = match (self.line.first(), end) {
            (Some(1), Some(_)) => Some(Answer::Skip),
            (Some(1 | 2), None) if self.line.len() <= LINE_BYTES_MAX => None,
            // 2, or nothing that an answer begins with.
            _ => Some(Answer::Fatal),
        };
        if let Some(answer) = answer {
            self.line.clear();
            self.answered(answer);
        }
        text.len() + usize::from(end.is_some())
    }

    fn answered(&mut self, answer: Answer) {
        self.failed |= answer != Answer::Good;
        let step = match std::mem::replace(&mut self.phase, Phase::Next) {
            Phase::Answer(step) => step,
            phase => {
                self.phase = phase;
                return;
            }
        };
        match (step, answer) {
            (Step::FileTimes(file), Answer::Good) => self.announce_file(file),
            (Step::File(file), Answer::Good) => {
                self.phase = Phase::Data(file);
                self.finish_file_if_read(None);
            }
            (Step::FolderTimes(folder), Answer::Good) => self.announce_folder(folder),
            (Step::Folder(folder), Answer::Good) => self.folders.push(folder),
            (Step::FileTimes(_) | Step::File(_), Answer::Skip | Answer::Fatal) => {
                self.request(Request::Close);
            }
            (Step::FolderTimes(_) | Step::Folder(_), Answer::Skip | Answer::Fatal) => {
                self.request(Request::CloseDirectory);
            }
            (Step::Start | Step::Done, _) => {}
        }
        if answer == Answer::Fatal {
            self.end();
        }
    }

    // What comes next.

    /// Takes up the next thing to send. Leaves the phase as it is if that failed at once.
    fn next(&mut self) {
        if let Some(folder) = self.folders.last_mut() {
            match folder.names.next() {
                Some(name) => {
                    if matches!(name.as_slice(), b"" | b"." | b"..") {
                        return;
                    }
                    match folder.path.child(&name) {
                        Ok(path) => self.open(path),
                        Err(error) => self.skip(&name, &error.to_string()),
                    }
                }
                None if folder.complete => {
                    self.folders.pop();
                    self.request(Request::CloseDirectory);
                    self.output.text(|out| out.extend_from_slice(b"E\n"));
                    self.phase = Phase::Answer(Step::Done);
                }
                None => {
                    self.request(Request::ReadDirectory { names_max: NAMES_MAX });
                    self.phase = Phase::Listing;
                }
            }
        } else if let Some(text) = self.matches.next() {
            self.resolve(&text);
        } else {
            match self.words.next() {
                Some(Word::Literal(text)) => self.resolve(&text),
                Some(Word::Pattern(pattern)) => {
                    self.request(Request::Glob { pattern: pattern.clone() });
                    self.phase = Phase::Expanding(Word::Pattern(pattern));
                }
                None => self.end(),
            }
        }
    }

    fn resolve(&mut self, text: &[u8]) {
        match self.home.resolve(text) {
            Ok(path) => self.open(path),
            Err(error) => self.skip(text, &error.to_string()),
        }
    }

    fn expanded(&mut self, word: &Word, result: Result<Vec<Vec<u8>>, Failure>) {
        self.phase = Phase::Next;
        match result {
            Ok(matches) if matches.is_empty() => self.resolve(&word.text()),
            Ok(matches) => self.matches = matches.into_iter(),
            Err(failure) => self.skip(&word.text(), line::text_of(&failure)),
        }
    }

    /// Whether the last name of the path can stand in a line; says so if not.
    fn is_sendable(&mut self, path: &VirtualPath) -> bool {
        let text = match path.file_name().map(line::check_name) {
            Some(Ok(())) => return true,
            None => "has no name to be sent by; ask for /*",
            // It would be another line, or obeyed by a terminal; OpenSSH encodes some of these,
            // which stores the file under a name that is not its own.
            Some(Err(_)) => "control bytes in the name; use sftp",
        };
        self.skip(path.as_bytes(), text);
        false
    }

    /// Tells of something that can not be sent, and goes on behind it.
    fn skip(&mut self, path: &[u8], text: &str) {
        self.failed = true;
        self.output.text(|out| line::write_warning(out, path, text));
        self.phase = Phase::Next;
    }

    fn request(&mut self, request: Request) {
        self.requests.push_back(request);
    }

    /// Nothing more is sent.
    fn end(&mut self) {
        for _ in self.folders.drain(..) {
            self.requests.push_back(Request::CloseDirectory);
        }
        self.phase = Phase::Over;
    }

    // What moves by itself.

    fn advance(&mut self) {
        while matches!(self.phase, Phase::Next) && self.output.held() < OUTPUT_BYTES_MAX {
            self.next();
        }
        if self.ended && matches!(self.phase, Phase::Answer(_)) {
            self.line.clear();
            self.answered(Answer::Fatal);
        }
    }
}
