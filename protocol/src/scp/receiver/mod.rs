//! The server's end of an upload: `scp -t`.

mod entry;
mod judgement;
mod upload;

use self::judgement::Judgement;
use self::upload::Upload;
use super::line::{self, Line, Times};
use super::{Invocation, LINE_BYTES_MAX, OUTPUT_BYTES_MAX, Outcome, Request};
use crate::entry::{AttributeChange, Kind};
use crate::failure::Failure;
use crate::glob::Word;
use crate::path::VirtualPath;

/// Takes files and directories from the client.
#[derive(Debug)]
pub(super) struct Receiver {
    home: VirtualPath,
    recursive: bool,
    preserve: bool,
    must_be_directory: bool,
    /// Where everything goes: the directory itself or, if there is none, the name for what comes.
    target: Target,
    /// Directories between `D` and `E`, [`DEPTH_MAX`](crate::scp::DEPTH_MAX) at the most.
    folders: Vec<Folder>,
    /// Of the last `T` line, for the next file or directory.
    times: Option<Times>,
    phase: Phase,
    /// The unfinished line.
    line: Vec<u8>,
    /// To be polled, in this order.
    abandon: Option<bool>,
    request: Option<Request>,
    output: Vec<u8>,
    /// Something failed: the exit status is 1.
    failed: bool,
    /// The client has sent all it ever will.
    ended: bool,
    /// An empty buffer for the next write.
    spare: Vec<u8>,
}

#[derive(Debug)]
struct Target {
    path: VirtualPath,
    is_directory: bool,
    /// It was written with a slash at its end.
    slash: bool,
}

#[derive(Debug)]
struct Folder {
    path: VirtualPath,
    /// What is set at its end.
    change: AttributeChange,
}

#[derive(Debug)]
enum Phase {
    /// The target's pattern is being expanded.
    Expanding(Word),
    /// The target is being looked at.
    Looking,
    /// A line comes next.
    Line,
    /// A directory is being made.
    Making(Folder),
    /// It could not be made, since something bears its name: a directory?
    Checking(Folder),
    /// A directory that ends gets its attributes.
    Leaving(VirtualPath),
    /// A file is being created.
    Creating(Upload),
    /// Bytes of a file come next.
    Data(Upload),
    /// The client's judgement of the file comes next.
    Judging(Upload),
    /// Writes are awaited.
    Settling(Upload, Judgement),
    /// The file is being published.
    Finishing(VirtualPath),
    Over,
}

impl Receiver {
    pub(super) fn new(invocation: &Invocation, target: &Word, home: VirtualPath) -> Self {
        let mut receiver = Self {
            recursive: invocation.recursive,
            preserve: invocation.preserve,
            must_be_directory: invocation.directory,
            target: Target { path: home.clone(), is_directory: false, slash: false },
            home,
            folders: Vec::new(),
            times: None,
            phase: Phase::Over,
            line: Vec::new(),
            abandon: None,
            request: None,
            output: Vec::new(),
            failed: false,
            ended: false,
            spare: Vec::new(),
        };
        match target {
            Word::Literal(text) => receiver.look(text),
            Word::Pattern(pattern) => {
                receiver.request = Some(Request::Glob { pattern: pattern.clone() });
                receiver.phase = Phase::Expanding(target.clone());
            }
        }
        receiver
    }

    // Getters.

    pub(super) fn wants_input(&self) -> bool {
        match &self.phase {
            Phase::Line => self.output.len() < OUTPUT_BYTES_MAX,
            Phase::Judging(_) => true,
            Phase::Data(upload) => upload.has_room(),
            _ => false,
        }
    }

    pub(super) fn exit_status(&self) -> Option<u8> {
        let over = matches!(self.phase, Phase::Over)
            && self.abandon.is_none()
            && self.request.is_none()
            && self.output.is_empty();
        over.then_some(u8::from(self.failed))
    }

    // Inputs.

    pub(super) fn on_bytes(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while !rest.is_empty() {
            let taken = match &mut self.phase {
                Phase::Over => rest.len(),
                Phase::Data(upload) => upload.accept(rest, &mut self.spare),
                Phase::Line if self.output.len() < OUTPUT_BYTES_MAX => self.take_line(rest),
                Phase::Judging(_) => self.take_judgement(rest),
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
            (Phase::Looking, Outcome::Attributes(result)) => self.looked(result.map(|a| a.kind)),
            (Phase::Making(folder), Outcome::Done(result)) => self.made(folder, result),
            (Phase::Checking(folder), Outcome::Attributes(result)) => match result {
                Ok(attributes) if attributes.kind == Kind::Directory => self.enter(folder),
                Ok(_) => self.refuse(folder.path.as_bytes(), &Failure::NotDirectory),
                Err(failure) => self.refuse(folder.path.as_bytes(), &failure),
            },
            (Phase::Leaving(path) | Phase::Finishing(path), Outcome::Done(result)) => {
                match result {
                    Ok(()) => self.accept(),
                    Err(failure) => self.refuse(path.as_bytes(), &failure),
                }
            }
            (Phase::Creating(upload), Outcome::Done(Ok(()))) => {
                self.accept();
                self.phase = Phase::Data(upload);
            }
            (Phase::Creating(upload), Outcome::Done(Err(failure))) => {
                self.refuse(upload.path.as_bytes(), &failure);
            }
            (Phase::Data(upload), Outcome::Done(result)) => {
                self.phase = Phase::Data(self.written(upload, result, true));
            }
            (Phase::Judging(upload), Outcome::Done(result)) => {
                self.phase = Phase::Judging(self.written(upload, result, true));
            }
            (Phase::Settling(upload, judgement), Outcome::Done(result)) => {
                let upload = self.written(upload, result, judgement.trusts_bytes());
                self.phase = Phase::Settling(upload, judgement);
            }
            // An answer to something that was not asked.
            (phase, _) => self.phase = phase,
        }
        self.advance();
    }

    // Commands.

    pub(super) fn recycle(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() > self.spare.capacity() {
            buffer.clear();
            self.spare = buffer;
        }
    }

    // Outputs.

    pub(super) fn poll(&mut self) -> Option<Request> {
        if let Some(keep) = self.abandon.take() {
            return Some(Request::Abandon { keep });
        }
        if let Some(request) = self.request.take() {
            return Some(request);
        }
        match &mut self.phase {
            Phase::Data(upload) | Phase::Judging(upload) | Phase::Settling(upload, _) => {
                upload.poll_write()
            }
            _ => None,
        }
    }

    pub(super) fn output(&mut self, max: usize) -> Option<Vec<u8>> {
        if self.output.is_empty() || max == 0 {
            return None;
        }
        let rest = self.output.split_off(self.output.len().min(max));
        Some(std::mem::replace(&mut self.output, rest))
    }

    // The target.

    fn expanded(&mut self, word: &Word, result: Result<Vec<Vec<u8>>, Failure>) {
        match result.as_deref() {
            Ok([]) => self.look(&word.text()),
            Ok([only]) => self.look(only),
            Ok(_) => self.fatal(None, "ambiguous target"),
            Err(failure) => self.fatal(Some(&word.text()), line::text_of(failure)),
        }
    }

    fn look(&mut self, text: &[u8]) {
        match self.home.resolve(text) {
            Ok(path) => {
                self.request = Some(Request::Stat { path: path.clone() });
                self.target = Target { path, is_directory: false, slash: text.ends_with(b"/") };
                self.phase = Phase::Looking;
            }
            Err(error) => self.fatal(Some(text), &error.to_string()),
        }
    }

    fn looked(&mut self, result: Result<Kind, Failure>) {
        let refusal = match result {
            Ok(Kind::Directory) => {
                self.target.is_directory = true;
                None
            }
            Ok(_) => Some(Failure::NotDirectory),
            Err(failure) => Some(failure),
        };
        match refusal.filter(|_| self.must_be_directory) {
            None => self.accept(),
            Some(failure) => {
                let path = self.target.path.clone();
                self.fatal(Some(path.as_bytes()), line::text_of(&failure));
            }
        }
    }

    // Lines.

    /// Takes bytes up to the end of the line, and carries the line out if that is among them.
    fn take_line(&mut self, bytes: &[u8]) -> usize {
        let (taken, whole) = self.gather(bytes);
        if whole {
            // Lent to what reads it, so that one buffer serves all lines.
            let mut line = std::mem::take(&mut self.line);
            self.execute(&line);
            line.clear();
            self.line = line;
        } else if self.line.len() > LINE_BYTES_MAX {
            self.fatal(None, "protocol error: line too long");
        }
        taken
    }

    /// Appends to the line what comes before its LF, as far as lines may be long; says how many
    /// bytes went there, LF included, and whether the line is whole.
    fn gather(&mut self, bytes: &[u8]) -> (usize, bool) {
        // One byte too many shows that the limit is passed.
        let room = (LINE_BYTES_MAX + 1).saturating_sub(self.line.len());
        let bytes = bytes.get(..room).unwrap_or(bytes);
        let end = bytes.iter().position(|&byte| byte == b'\n');
        let text = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        self.line.extend_from_slice(text);
        (text.len() + usize::from(end.is_some()), end.is_some())
    }

    fn execute(&mut self, line: &[u8]) {
        match Line::parse(line) {
            Ok(Line::Warning) => self.failed = true,
            Ok(Line::Fatal) => {
                self.failed = true;
                self.phase = Phase::Over;
            }
            Ok(Line::Times(times)) => {
                self.times = times;
                self.accept();
            }
            Ok(Line::File { mode, size, name }) => self.begin_file(mode, size, name),
            Ok(Line::Directory { mode, name }) => self.begin_directory(mode, name),
            Ok(Line::End) => self.leave(),
            Err(why) => self.fatal(None, &format!("protocol error: {why}")),
        }
    }

    // What moves by itself.

    fn advance(&mut self) {
        if matches!(&self.phase, Phase::Data(upload) if upload.remaining == 0) {
            match std::mem::replace(&mut self.phase, Phase::Over) {
                Phase::Data(upload) => self.phase = Phase::Judging(upload),
                phase => self.phase = phase,
            }
        }
        self.settle();
        if self.ended {
            match &self.phase {
                Phase::Line => {
                    self.failed |= !self.line.is_empty() || !self.folders.is_empty();
                    self.phase = Phase::Over;
                }
                Phase::Data(_) | Phase::Judging(_) => {
                    self.judge(Judgement::BrokenOff);
                    self.settle();
                }
                _ => {}
            }
        }
    }

    /// Goes on behind a file once its writes are done.
    fn settle(&mut self) {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Settling(upload, judgement) if upload.is_idle() => {
                self.conclude(upload, judgement);
            }
            phase => self.phase = phase,
        }
    }

    // Replies.

    fn accept(&mut self) {
        self.output.push(0);
        self.phase = Phase::Line;
    }

    fn refuse(&mut self, path: &[u8], failure: &Failure) {
        self.warn(path, line::text_of(failure));
    }

    fn warn(&mut self, path: &[u8], text: &str) {
        self.failed = true;
        line::write_warning(&mut self.output, path, text);
        self.phase = Phase::Line;
    }

    fn fatal(&mut self, path: Option<&[u8]>, text: &str) {
        self.failed = true;
        line::write_fatal(&mut self.output, path, text);
        self.phase = Phase::Over;
    }
}
