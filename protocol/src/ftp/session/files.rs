//! Commands about files that need no data connection.

use super::outcome::{Purpose, Wait};
use super::{FileRequest, ListFormat, Reply, Request, Session};
use crate::entry::Timestamp;
use crate::ftp::{Algorithm, Code, Command, ListOptions, SiteCommand};

use super::data::{Form, Restart};

impl Session {
    pub(super) fn dispatch_files(&mut self, command: Command<'_>) {
        // RNFR holds for the very next command only (RFC 959, 4.1.3).
        let from = self.ready().and_then(|ready| ready.rename_from.take());
        match command {
            Command::Cwd(b"") => self.change_home(),
            Command::Cwd(path) => self.change_directory(path),
            Command::Cdup => self.change_directory(b".."),
            Command::Pwd => self.print_directory(),
            Command::Mkd(path) => self.make_directory(path),
            Command::Rmd(path) => self.done(path, FileRequest::RemoveDirectory, 250, "Removed."),
            Command::Dele(path) => self.done(path, FileRequest::Delete, 250, "Deleted."),
            Command::Rnfr(path) => self.rename_from(path),
            Command::Rnto(path) => match from {
                None => self.reply(503, b"RNFR comes before RNTO."),
                Some(from) => {
                    self.done(path, |to| FileRequest::Rename { from, to }, 250, "Renamed.")
                }
            },
            Command::Size(path) => self.size(path),
            Command::Mdtm(path) => self.attributes(path, Purpose::Modified),
            Command::Mfmt(time, path) => self.set_modified(time, path),
            Command::Mff { modified, mode, path } => self.set_facts(modified, mode, path),
            Command::Mlst(path) => {
                let facts = self.ready().map_or_else(Default::default, |ready| ready.facts);
                self.attributes(path.unwrap_or_default(), Purpose::Facts(facts));
            }
            Command::Hash(path) => self.hash(path),
            Command::DigestOf { algorithm, path, start, end } => {
                self.digest(path, algorithm, start, end, false);
            }
            Command::OptsMlst(facts) => self.opts_mlst(facts),
            Command::OptsHash(algorithm) => self.opts_hash(algorithm),
            Command::Avbl(path) => self.available(path.unwrap_or_default()),
            Command::Stat(Some(options)) => self.stat_path(options),
            Command::Site(command) => self.site(command),
            // Everything else was dispatched before; a verb that is added must be added here too.
            _ => self.reply(502, b"Not implemented."),
        }
    }

    /// A request that answers nothing but success: `code` and `text`.
    fn done(
        &mut self,
        argument: &[u8],
        request: impl FnOnce(crate::path::VirtualPath) -> FileRequest,
        code: u16,
        text: &'static str,
    ) {
        if let Some((_, path)) = self.resolve(argument) {
            self.wait(Request::File(request(path)), Wait::Done { code, text });
        }
    }

    fn change_home(&mut self) {
        if let Some(ready) = self.ready() {
            let home = ready.home.clone();
            self.wait(
                Request::File(FileRequest::ChangeDirectory(home.clone())),
                Wait::ChangeDirectory(home),
            );
        }
    }

    fn change_directory(&mut self, argument: &[u8]) {
        if let Some((_, path)) = self.resolve(argument) {
            self.wait(
                Request::File(FileRequest::ChangeDirectory(path.clone())),
                Wait::ChangeDirectory(path),
            );
        }
    }

    fn print_directory(&mut self) {
        if let super::Login::In(ready) = &self.login {
            let path = ready.directory.as_bytes();
            Reply::quoted(&mut self.output, Code(257), path, b"is the working directory.");
        }
    }

    fn make_directory(&mut self, argument: &[u8]) {
        if let Some((_, path)) = self.resolve(argument) {
            self.wait(
                Request::File(FileRequest::MakeDirectory(path.clone())),
                Wait::MakeDirectory(path),
            );
        }
    }

    fn rename_from(&mut self, argument: &[u8]) {
        if let Some((_, path)) = self.resolve(argument) {
            self.wait(
                Request::File(FileRequest::CheckRename(path.clone())),
                Wait::RenameFrom(path),
            );
        }
    }

    /// RFC 3659, 4: the size depends on TYPE. Counting line ends would mean to read the whole file,
    /// so TYPE A is refused rather than answered wrongly.
    fn size(&mut self, argument: &[u8]) {
        if self.ready().is_some_and(|ready| ready.form == Form::Ascii) {
            return self.reply(550, b"SIZE is told for TYPE I only; send TYPE I first.");
        }
        self.attributes(argument, Purpose::Size);
    }

    fn attributes(&mut self, argument: &[u8], purpose: Purpose) {
        if let Some((_, path)) = self.resolve(argument) {
            self.wait(
                Request::File(FileRequest::Attributes(path.clone())),
                Wait::Attributes { path, purpose },
            );
        }
    }

    fn set_modified(&mut self, time: Timestamp, argument: &[u8]) {
        if let Some((_, path)) = self.resolve(argument) {
            let request = FileRequest::SetAttributes { path, modified: Some(time), mode: None };
            let argument = argument.to_vec();
            self.wait(Request::File(request), Wait::SetModified { time, argument });
        }
    }

    fn set_facts(&mut self, modified: Option<Timestamp>, mode: Option<u32>, argument: &[u8]) {
        if let Some((_, path)) = self.resolve(argument) {
            let request = FileRequest::SetAttributes { path, modified, mode };
            let argument = argument.to_vec();
            self.wait(Request::File(request), Wait::SetFacts { modified, mode, argument });
        }
    }

    fn hash(&mut self, argument: &[u8]) {
        let Some(ready) = self.ready() else { return };
        let algorithm = ready.hash;
        let (start, end) = match std::mem::take(&mut ready.restart) {
            Restart::Nothing => (0, None),
            Restart::Offset(offset) => (offset, None),
            Restart::Range { offset, length } => (offset, Some(offset.saturating_add(length))),
        };
        self.digest(argument, algorithm, start, end, true);
    }

    /// `long`: in the form of HASH, else in that of the X commands.
    fn digest(
        &mut self,
        argument: &[u8],
        algorithm: Algorithm,
        start: u64,
        end: Option<u64>,
        long: bool,
    ) {
        if let Some((_, path)) = self.resolve(argument) {
            let request = FileRequest::Digest { path, algorithm, start, end };
            let argument = argument.to_vec();
            self.wait(Request::File(request), Wait::Digest { algorithm, long, argument });
        }
    }

    fn opts_mlst(&mut self, facts: crate::ftp::Facts) {
        let Some(ready) = self.ready() else {
            return self.reply(530, b"Log in with USER and PASS first.");
        };
        ready.facts = facts;
        let mut text = b"MLST OPTS ".to_vec();
        facts.write(&mut text);
        self.reply(200, text.trim_ascii_end());
    }

    fn opts_hash(&mut self, algorithm: Option<Algorithm>) {
        let Some(ready) = self.ready() else {
            return self.reply(530, b"Log in with USER and PASS first.");
        };
        if let Some(algorithm) = algorithm {
            ready.hash = algorithm;
        }
        let name = ready.hash.name();
        self.reply(200, name.as_bytes());
    }

    fn available(&mut self, argument: &[u8]) {
        if let Some((_, path)) = self.resolve(argument) {
            self.wait(Request::File(FileRequest::Available(path)), Wait::Available);
        }
    }

    fn stat_path(&mut self, options: ListOptions<'_>) {
        if let Some(request) = self.list_request(ListFormat::Long, options) {
            self.wait(Request::File(FileRequest::List(request)), Wait::Listing);
        }
    }

    fn site(&mut self, command: SiteCommand<'_>) {
        match command {
            SiteCommand::Help => self.site_help(),
            SiteCommand::Idle(seconds) => self.site_idle(seconds),
            SiteCommand::Umask(_) => self.reply(504, b"The umask is set by the operator."),
            SiteCommand::Chmod(mode, path) => self.done(
                path,
                |path| FileRequest::SetAttributes { path, modified: None, mode: Some(mode) },
                200,
                "Mode changed.",
            ),
            SiteCommand::Utime(time, path) => self.done(
                path,
                |path| FileRequest::SetAttributes { path, modified: Some(time), mode: None },
                200,
                "Time changed.",
            ),
            SiteCommand::Cpfr(path) => {
                if let Some((_, path)) = self.resolve(path) {
                    self.wait(
                        Request::File(FileRequest::Attributes(path.clone())),
                        Wait::CopyFrom(path),
                    );
                }
            }
            SiteCommand::Cpto(path) => {
                match self.ready().and_then(|ready| ready.copy_from.take()) {
                    None => self.reply(503, b"SITE CPFR comes before SITE CPTO."),
                    Some(from) => {
                        self.done(path, |to| FileRequest::Copy { from, to }, 250, "Copied.");
                    }
                }
            }
        }
    }
}
