//! The server's end of an upload: `scp -t`.

use super::line::{self, BadName, Line, MODE_BITS, Times};
use super::upload::Upload;
use super::{DEPTH_MAX, Invocation, LINE_BYTES_MAX, OUTPUT_BYTES_MAX, Outcome, Request};
use crate::entry::{AttributeChange, Kind};
use crate::exec::Word;
use crate::failure::Failure;
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
    /// Directories between `D` and `E`, [`DEPTH_MAX`] at the most.
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

/// What the client says of a file that it has sent.
#[derive(Clone, Copy, Debug)]
enum Judgement {
    Good,
    /// The client could not read it all, and filled it up.
    Bad,
    /// As above, and the client ends.
    Fatal,
    /// Neither of these: the protocol is broken.
    Garbage,
    /// The client ended before the file did.
    BrokenOff,
}

impl Judgement {
    /// What came is the true beginning of the file, or all of it.
    fn trusts_bytes(self) -> bool {
        matches!(self, Self::Good | Self::BrokenOff)
    }
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

    fn begin_file(&mut self, mode: u32, size: u64, name: &[u8]) {
        let change = self.change(mode);
        let Some(path) = self.destination(name) else { return };
        if self.folders.is_empty() && !self.target.is_directory && self.target.slash {
            return self.refuse(path.as_bytes(), &Failure::NotDirectory);
        }
        self.request = Some(Request::Create { path: path.clone(), size, mode: mode & 0o777 });
        self.phase = Phase::Creating(Upload::new(path, change, size));
    }

    fn begin_directory(&mut self, mode: u32, name: &[u8]) {
        let change = self.change(mode);
        if !self.recursive {
            return self.fatal(None, "protocol error: received directory without -r");
        }
        let Some(path) = self.destination(name) else { return };
        if self.folders.len() >= DEPTH_MAX {
            return self.warn(path.as_bytes(), "directories are nested too deep");
        }
        // Its owner must be able to fill it, whatever its mode shall be in the end.
        let mode = mode & 0o777 | 0o700;
        self.request = Some(Request::MakeDirectory { path: path.clone(), mode });
        self.phase = Phase::Making(Folder { path, change });
    }

    /// What `T`, and `-p`, want to be set.
    fn change(&mut self, mode: u32) -> AttributeChange {
        let times = self.times.take();
        AttributeChange {
            mode: self.preserve.then_some(mode & MODE_BITS),
            accessed: times.map(|times| times.accessed),
            modified: times.map(|times| times.modified),
            ..AttributeChange::default()
        }
    }

    /// The path of what comes; `None` if its name was refused.
    fn destination(&mut self, name: &[u8]) -> Option<VirtualPath> {
        match line::check_name(name) {
            Ok(()) => {}
            Err(BadName::Forged) => {
                self.fatal(Some(name), "unexpected filename");
                return None;
            }
            Err(BadName::Control) => {
                self.refuse(name, &Failure::BadName);
                return None;
            }
        }
        let directory = match self.folders.last() {
            Some(folder) => &folder.path,
            None if self.target.is_directory => &self.target.path,
            None => return Some(self.target.path.clone()),
        };
        match directory.child(name) {
            Ok(path) => Some(path),
            Err(error) => {
                self.warn(name, &error.to_string());
                None
            }
        }
    }

    // Directories.

    fn made(&mut self, folder: Folder, result: Result<(), Failure>) {
        match result {
            Ok(()) => self.enter(folder),
            Err(Failure::Exists) => {
                self.request = Some(Request::Stat { path: folder.path.clone() });
                self.phase = Phase::Checking(folder);
            }
            Err(failure) => self.refuse(folder.path.as_bytes(), &failure),
        }
    }

    fn enter(&mut self, folder: Folder) {
        self.folders.push(folder);
        self.accept();
    }

    fn leave(&mut self) {
        self.times = None;
        match self.folders.pop() {
            None => self.fatal(None, "protocol error: end of a directory that did not begin"),
            Some(Folder { change, .. }) if change == AttributeChange::default() => self.accept(),
            Some(Folder { path, change }) => {
                self.request = Some(Request::SetAttributes { path: path.clone(), change });
                self.phase = Phase::Leaving(path);
            }
        }
    }

    // Files.

    fn written(&mut self, mut upload: Upload, result: Result<(), Failure>, keep: bool) -> Upload {
        if upload.on_written(result) {
            self.abandon = Some(keep);
        }
        upload
    }

    /// Takes the byte behind a file, and the line that comes with it if it is not 0.
    fn take_judgement(&mut self, bytes: &[u8]) -> usize {
        let (taken, judgement) = match (self.line.first(), bytes.first()) {
            (None, Some(0)) => (1, Some(Judgement::Good)),
            (Some(&first), _) | (None, Some(&first)) => {
                let (taken, whole) = self.gather(bytes);
                let judgement = match first {
                    1 if whole => Some(Judgement::Bad),
                    2 if whole => Some(Judgement::Fatal),
                    1 | 2 if self.line.len() <= LINE_BYTES_MAX => None,
                    _ => Some(Judgement::Garbage),
                };
                (taken, judgement)
            }
            (None, None) => (0, None),
        };
        if let Some(judgement) = judgement {
            self.line.clear();
            self.judge(judgement);
        }
        taken
    }

    fn judge(&mut self, judgement: Judgement) {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Data(mut upload) | Phase::Judging(mut upload) => {
                if !judgement.trusts_bytes() {
                    upload.drop_pending();
                }
                self.phase = Phase::Settling(upload, judgement);
            }
            phase => self.phase = phase,
        }
    }

    /// Everything is written that is to be.
    fn conclude(&mut self, upload: Upload, judgement: Judgement) {
        let Upload { path, change, failure, .. } = upload;
        if failure.is_none() && !matches!(judgement, Judgement::Good) {
            self.abandon = Some(judgement.trusts_bytes());
        }
        match (judgement, failure) {
            (Judgement::Good, None) => {
                self.request = Some(Request::Finish { change });
                self.phase = Phase::Finishing(path);
            }
            (Judgement::Good, Some(failure)) => self.refuse(path.as_bytes(), &failure),
            (Judgement::Bad, _) => {
                self.warn(path.as_bytes(), "not kept, since it could not be read whole");
            }
            (Judgement::Garbage, _) => {
                self.fatal(None, "protocol error: expected the end of a file")
            }
            (Judgement::Fatal | Judgement::BrokenOff, _) => {
                self.failed = true;
                self.phase = Phase::Over;
            }
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
        if self.ended {
            match &self.phase {
                Phase::Line => {
                    self.failed |= !self.line.is_empty() || !self.folders.is_empty();
                    self.phase = Phase::Over;
                }
                Phase::Data(_) | Phase::Judging(_) => self.judge(Judgement::BrokenOff),
                _ => {}
            }
        }
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
