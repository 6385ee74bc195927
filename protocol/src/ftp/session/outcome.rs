//! The answers of the owner, turned into replies.

use super::data::{Prepared, Transfer};
use super::login::{Login, Ready};
use super::{Activity, FileReply, LoginGrant, LoginRefusal, Outcome, Reply, Session};
use crate::entry::{Attributes, Entry, Kind, Rights, Timestamp};
use crate::ftp::{Algorithm, Code, Facts, Failure, Phase, listing};
use crate::path::VirtualPath;
use std::net::SocketAddr;

/// What the open request was for: how its answer is told.
#[derive(Debug)]
pub(super) enum Wait {
    /// HOST.
    Host,
    /// USER with a certificate.
    Certificate,
    /// PASS.
    Login { user: String },
    /// PASV or EPSV.
    Passive { extended: bool },
    /// AUTH TLS.
    Secure,
    /// A command whose success has no details.
    Done { code: u16, text: &'static str },
    /// CWD, CDUP.
    ChangeDirectory(VirtualPath),
    /// MKD.
    MakeDirectory(VirtualPath),
    /// RNFR.
    RenameFrom(VirtualPath),
    /// SITE CPFR.
    CopyFrom(VirtualPath),
    /// SIZE, MDTM, MLST.
    Attributes { path: VirtualPath, purpose: Purpose },
    /// MFMT.
    SetModified { time: Timestamp, argument: Vec<u8> },
    /// MFF.
    SetFacts { modified: Option<Timestamp>, mode: Option<u32>, argument: Vec<u8> },
    /// HASH, or XCRC and its kin.
    Digest { algorithm: Algorithm, long: bool, argument: Vec<u8> },
    /// AVBL.
    Available,
    /// STAT with a path.
    Listing,
}

/// What attributes were asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    /// SIZE.
    Size,
    /// MDTM.
    Modified,
    /// MLST.
    Facts(Facts),
}

impl Session {
    /// Writes the reply to an answer. An answer that fits nothing under way is dropped: it comes
    /// from a request that the session has given up.
    pub(super) fn complete(&mut self, outcome: Outcome) {
        match (std::mem::replace(&mut self.activity, Activity::Idle), outcome) {
            (Activity::Waiting(Wait::Host), Outcome::Host(banner)) => match banner {
                Some(banner) => self.greet(&banner),
                None => self.reply(504, b"There is no such host here."),
            },
            (Activity::Waiting(Wait::Certificate), Outcome::Login(result)) => {
                self.certificate_judged(result);
            }
            (Activity::Waiting(Wait::Login { user }), Outcome::Login(result)) => {
                self.login_judged(user, 230, result);
            }
            (Activity::Waiting(Wait::Passive { extended }), Outcome::Passive(result)) => {
                self.passive_opened(extended, result);
            }
            (Activity::Waiting(Wait::Secure), Outcome::Secured(result)) => match result {
                Ok(certificate) => {
                    self.connection.secure = true;
                    self.connection.certificate = certificate;
                }
                Err(()) => self.close(),
            },
            // Implicit TLS: nothing waits for its handshake.
            (activity, Outcome::Secured(Ok(certificate))) if self.connection.secure => {
                self.activity = activity;
                self.connection.certificate = certificate;
            }
            (Activity::Waiting(wait), Outcome::File(Ok(reply))) => self.file_done(wait, reply),
            (Activity::Waiting(_), Outcome::File(Err(failure))) => {
                self.refuse(&failure, Phase::Command);
            }
            (Activity::Transferring(transfer), Outcome::TransferOpened { size, name }) => {
                self.transfer_opened(transfer, size, name);
            }
            (Activity::Transferring(transfer), Outcome::TransferNamed(name)) => {
                let name = Some(name);
                self.activity = Activity::Transferring(Transfer { name, ..transfer });
            }
            (Activity::Transferring(transfer), Outcome::TransferEnded(result)) => {
                self.transfer_ended(&transfer, result);
            }
            (activity, _) => self.activity = activity,
        }
    }

    fn certificate_judged(&mut self, result: Result<LoginGrant, LoginRefusal>) {
        let user = match &self.login {
            Login::Named { user, .. } => String::from_utf8_lossy(user).into_owned(),
            Login::Nobody { .. } | Login::In(_) => return,
        };
        match result {
            // A certificate that fits another user is no reason to tell this one apart.
            Err(LoginRefusal::NeedPassword | LoginRefusal::Incorrect) => self.ask_password(),
            result => self.login_judged(user, 232, result),
        }
    }

    fn login_judged(&mut self, user: String, code: u16, result: Result<LoginGrant, LoginRefusal>) {
        let attempts = self.login.attempts();
        match result {
            Ok(grant) => {
                self.login =
                    Login::In(Box::new(Ready::new(user, grant.directory, grant.idle_seconds_max)));
                let mut lines = grant.message.iter().map(String::as_bytes);
                match lines.next() {
                    None => self.reply(code, b"Logged in."),
                    Some(first) => {
                        Reply::lines(&mut self.output, Code(code), first, lines, b"Logged in.");
                    }
                }
            }
            Err(LoginRefusal::Policy(text)) => {
                self.login = Login::Nobody { attempts };
                self.reply(530, text.as_bytes());
            }
            Err(LoginRefusal::Incorrect | LoginRefusal::NeedPassword) => {
                let attempts = attempts.saturating_add(1);
                self.login = Login::Nobody { attempts };
                if attempts >= self.settings.login_attempts_max {
                    self.reply(421, b"Too many failed logins; goodbye.");
                    return self.close();
                }
                self.reply(530, b"Login incorrect.");
            }
            Err(LoginRefusal::Limit(text)) => {
                self.reply(421, text.as_bytes());
                self.close();
            }
            Err(LoginRefusal::Unavailable) => {
                self.reply(421, b"Logins can not be judged right now; try again later.");
                self.close();
            }
        }
    }

    fn passive_opened(&mut self, extended: bool, result: Result<SocketAddr, Failure>) {
        match (extended, result) {
            (true, Ok(address)) => {
                self.set_prepared(Prepared::Passive);
                Reply::extended_passive(&mut self.output, address.port());
            }
            (false, Ok(SocketAddr::V4(address))) => {
                self.set_prepared(Prepared::Passive);
                Reply::passive(&mut self.output, *address.ip(), address.port());
            }
            (false, Ok(SocketAddr::V6(_))) => {
                self.signals.close_passive = true;
                self.reply(425, b"PASV can not name an IPv6 address; use EPSV.");
            }
            (_, Err(failure)) => self.refuse(&failure, Phase::Command),
        }
    }

    fn file_done(&mut self, wait: Wait, reply: FileReply) {
        match (wait, reply) {
            (Wait::Done { code, text }, _) => self.reply(code, text.as_bytes()),
            (Wait::ChangeDirectory(path), _) => {
                if let Some(ready) = self.ready() {
                    ready.directory = path;
                }
                self.reply(250, b"Directory changed.");
            }
            (Wait::MakeDirectory(path), _) => {
                Reply::quoted(&mut self.output, Code(257), path.as_bytes(), b"was made.");
            }
            (Wait::RenameFrom(path), _) => {
                if let Some(ready) = self.ready() {
                    ready.rename_from = Some(path);
                }
                self.reply(350, b"RNTO must follow.");
            }
            (Wait::CopyFrom(path), _) => {
                if let Some(ready) = self.ready() {
                    ready.copy_from = Some(path);
                }
                self.reply(350, b"SITE CPTO must follow.");
            }
            (Wait::Attributes { path, purpose }, FileReply::Attributes(attributes, rights)) => {
                self.tell_attributes(&path, purpose, attributes, rights);
            }
            (Wait::SetModified { time, argument }, _) => self.tell_modified(time, &argument),
            (Wait::SetFacts { modified, mode, argument }, _) => {
                self.tell_facts(modified, mode, &argument);
            }
            (Wait::Digest { algorithm, long, argument }, FileReply::Digest { hex, start, end }) => {
                let text = if long {
                    let last = end.saturating_sub(1).max(start);
                    format!("{} {start}-{last} {hex} ", algorithm.name()).into_bytes()
                } else {
                    hex.into_bytes()
                };
                let code = if long { 213 } else { 250 };
                let text = if long { [text, argument].concat() } else { text };
                self.reply(code, &text);
            }
            (Wait::Available, FileReply::Available(bytes)) => {
                self.reply(213, bytes.to_string().as_bytes());
            }
            (Wait::Listing, FileReply::Listing(lines)) => {
                let lines = lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
                let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
                Reply::lines(&mut self.output, Code(213), b"Status:", lines, b"End of status");
            }
            _ => self.refuse(&Failure::Internal, Phase::Command),
        }
    }

    fn tell_attributes(
        &mut self,
        path: &VirtualPath,
        purpose: Purpose,
        attributes: Attributes,
        rights: Rights,
    ) {
        match purpose {
            Purpose::Size if attributes.kind == Kind::File => {
                self.reply(213, attributes.size.to_string().as_bytes());
            }
            Purpose::Size => self.reply(550, b"Not a plain file."),
            Purpose::Modified => {
                let mut text = Vec::with_capacity(TIME_BYTES);
                listing::write_time(&mut text, attributes.modified.seconds);
                self.reply(213, &text);
            }
            Purpose::Facts(facts) => {
                let mut line = Vec::new();
                let entry = Entry { name: path.as_bytes(), attributes, target: None };
                if !listing::write_mlsx(&mut line, &entry, facts, rights, None) {
                    return self.reply(550, b"The name can not be told in this form.");
                }
                let line = line.strip_suffix(b"\r\n").unwrap_or(&line);
                Reply::lines(&mut self.output, Code(250), b"Facts:", [line], b"End");
            }
        }
    }

    fn tell_modified(&mut self, time: Timestamp, argument: &[u8]) {
        let mut text = b"Modify=".to_vec();
        listing::write_time(&mut text, time.seconds);
        text.extend_from_slice(b"; ");
        text.extend_from_slice(argument);
        self.reply(213, &text);
    }

    fn tell_facts(&mut self, modified: Option<Timestamp>, mode: Option<u32>, argument: &[u8]) {
        let mut text = Vec::new();
        if let Some(time) = modified {
            text.extend_from_slice(b"Modify=");
            listing::write_time(&mut text, time.seconds);
            text.push(b';');
        }
        if let Some(mode) = mode {
            text.extend_from_slice(format!("UNIX.mode={mode:04o};").as_bytes());
        }
        text.push(b' ');
        text.extend_from_slice(argument);
        self.reply(213, &text);
    }

    fn transfer_opened(
        &mut self,
        mut transfer: Transfer,
        size: Option<u64>,
        name: Option<VirtualPath>,
    ) {
        if !transfer.opened {
            match (&name, size) {
                // RFC 1123, 4.1.2.9: the form that clients read the name from.
                (Some(name), _) => {
                    let text = [b"FILE: ", name.as_bytes()].concat();
                    self.reply(150, &text);
                }
                (None, Some(size)) => {
                    let text =
                        format!("Opening data connection for {} ({size} bytes).", transfer.what);
                    self.reply(150, text.as_bytes());
                }
                (None, None) => {
                    let text = format!("Opening data connection for {}.", transfer.what);
                    self.reply(150, text.as_bytes());
                }
            }
            transfer.opened = true;
            transfer.told = self.clock.active;
            transfer.name = name;
        }
        self.activity = Activity::Transferring(transfer);
    }

    fn transfer_ended(&mut self, transfer: &Transfer, result: Result<u64, Failure>) {
        match result {
            Ok(_) => match &transfer.name {
                None => self.reply(226, b"Transfer complete."),
                // Again, for the name of the 150 was a promise that somebody may have broken.
                Some(name) => {
                    let text = [b"Transfer complete. FILE: ", name.as_bytes()].concat();
                    self.reply(226, &text);
                }
            },
            Err(failure) if transfer.telling => self.break_off(&failure),
            Err(failure) => {
                let phase = if transfer.opened { Phase::Transfer } else { Phase::Command };
                self.refuse(&failure, phase);
            }
        }
    }

    fn refuse(&mut self, failure: &Failure, phase: Phase) {
        let code = failure.code(phase);
        Reply::line(&mut self.output, code, failure.text().as_bytes());
    }
}

/// `YYYYMMDDHHMMSS`.
const TIME_BYTES: usize = 14;
