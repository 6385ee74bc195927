//! The session of one control connection, as a pure machine.
//!
//! # Use
//! Make it with [`Session::new`], then loop: give it what came in (`on_bytes`, `on_outcome`,
//! `on_timeout`), send what [`Session::output`] holds, and carry out what [`Session::poll`] asks
//! until it asks nothing more. Before [`Request::StartTls`] and [`Request::Close`] all output must
//! be on its way. [`Session::next_deadline`] says when to call `on_timeout`; early calls do no
//! harm.
//!
//! # Order
//! Commands are answered in the order in which they came. While a request is open ([`Activity`] is
//! not idle) or replies are not taken by the client, further lines wait in a bounded backlog; NOOP
//! and STAT are answered at once when nothing waits before them, and ABOR ends what is under way at
//! once but is answered in its turn. When the backlog is full, [`Session::wants_input`] is false
//! and the owner stops reading. When all output is sent, the owner says so by [`Session::on_sent`].
//!
//! Every 150 is followed by exactly one final reply: the 150 is written only by
//! [`Outcome::TransferOpened`] in [`Activity::Transferring`], which is left only by
//! [`Outcome::TransferEnded`], and that writes the final reply. Where a balancer counts payload
//! alone ([`Keepalive::progress`]), that reply may have begun in mid-transfer: then no other reply
//! comes before its end, and a transfer that fails ends the connection in place of it.

mod answered;
mod clock;
mod control;
mod data;
mod features;
mod files;
mod keepalive;
mod login;
mod outcome;
mod request;
mod settings;
mod status;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Instant;

pub use answered::Answered;
pub use keepalive::{IdleLimit, Keepalive, PROGRESS_INTERVAL_MIN};
pub use request::{
    Connection, Credentials, FileReply, FileRequest, ListFormat, ListRequest, LoginGrant,
    LoginRefusal, Outcome, Request, Route, StoreMode, TransferKind, TransferRequest,
};
pub use settings::{Settings, TlsPolicy};

use self::answered::Answers;
use self::clock::Clock;
use self::data::Transfer;
use self::login::{Login, Ready};
use self::outcome::Wait;
use super::{Access, Code, Command, Line, LineReader, ParseError, Reply};

/// The machine. See the module documentation for its contract.
#[derive(Debug)]
pub struct Session {
    settings: Arc<Settings>,
    connection: Connection,
    reader: LineReader,
    /// Whole lines that wait for their turn, each ended by LF.
    backlog: Vec<u8>,
    /// Where the next line of the backlog begins.
    backlog_start: usize,
    output: Vec<u8>,
    protection: Protection,
    login: Login,
    activity: Activity,
    /// The verb of the last command.
    verb: &'static str,
    /// The commands whose final reply is written, until the owner takes note.
    answered: Answers,
    /// The request that [`Session::poll`] hands out next.
    request: Option<Request>,
    signals: Signals,
    clock: Clock,
}

/// What is under way.
#[derive(Debug)]
enum Activity {
    /// Nothing: the next line is executed.
    Idle,
    /// A request without a data connection is open.
    Waiting(Wait),
    /// A transfer is open.
    Transferring(Transfer),
    /// The last words are written; nothing is read any more.
    Closing,
}

/// What was agreed on the protection of the data connection (RFC 4217, 8 and 9).
#[derive(Clone, Copy, Debug, Default)]
struct Protection {
    /// PBSZ came.
    negotiated: bool,
    /// PROT P holds.
    private: bool,
}

/// Requests without an answer that wait to be polled, in this order.
#[derive(Debug, Default)]
struct Signals {
    /// What the client said that it is.
    client: Option<String>,
    logout: bool,
    close_passive: bool,
    abort: bool,
    close: bool,
}

impl Session {
    /// A session on a new connection; the greeting is in the output already.
    pub fn new(settings: Arc<Settings>, connection: Connection, now: Instant) -> Self {
        let clock = Clock::new(settings.idle_timeout, now);
        let mut session = Self {
            settings,
            connection,
            reader: LineReader::default(),
            backlog: Vec::new(),
            backlog_start: 0,
            output: Vec::new(),
            // Implicit TLS protects the data connections too until the client says otherwise.
            protection: Protection { negotiated: connection.secure, private: connection.secure },
            login: Login::Nobody { attempts: 0 },
            activity: Activity::Idle,
            verb: "",
            answered: Answers::new(now),
            request: None,
            signals: Signals::default(),
            clock,
        };
        let settings = Arc::clone(&session.settings);
        session.greet(&settings.banner);
        session
    }

    // Getters.

    /// Bytes for the client; the owner takes them off the front as it sends them.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Whether the owner should read on: the backlog has room and the session is not closing.
    pub fn wants_input(&self) -> bool {
        self.backlog.len() - self.backlog_start < BACKLOG_BYTES_MAX
            && !matches!(self.activity, Activity::Closing)
    }

    /// Whether data connections are protected: PROT P holds.
    pub fn is_private(&self) -> bool {
        self.protection.private
    }

    /// Whether the control connection is protected.
    pub fn is_secure(&self) -> bool {
        self.connection.secure
    }

    /// The name of the user who is logged in.
    pub fn user(&self) -> Option<&str> {
        match &self.login {
            Login::In(ready) => Some(&ready.user),
            Login::Nobody { .. } | Login::Named { .. } => None,
        }
    }

    /// The verb of the command that was executed last; empty if it is none that we know.
    pub fn verb(&self) -> &'static str {
        self.verb
    }

    // Inputs.

    /// Bytes of the control connection came in.
    pub fn on_bytes(&mut self, mut input: &[u8], now: Instant) {
        if matches!(self.activity, Activity::Waiting(Wait::Secure)) {
            // What was pipelined in clear behind AUTH TLS may come from anyone on the path.
            return;
        }
        let mut reader = std::mem::take(&mut self.reader);
        while !matches!(self.activity, Activity::Closing) {
            match reader.next_line(&mut input) {
                None => break,
                Some(Line::Complete(line)) => self.on_line(line, now),
                Some(Line::TooLong) => self.on_line(TOO_LONG, now),
            }
            if matches!(self.activity, Activity::Waiting(Wait::Secure)) {
                // The rest of the input was in clear too.
                reader.clear();
                break;
            }
        }
        self.reader = reader;
    }

    /// All output was sent. Lines that waited for that are executed; whether there were any.
    pub fn on_sent(&mut self, now: Instant) -> bool {
        let waiting = matches!(self.activity, Activity::Idle) && !self.backlog.is_empty();
        if waiting {
            self.advance(now);
        }
        waiting
    }

    /// The open request is answered.
    pub fn on_outcome(&mut self, outcome: Outcome, now: Instant) {
        self.clock.active = now;
        let (written, is_open) = (self.output.len(), self.is_under_way());
        self.complete(outcome);
        if is_open {
            self.note_answer(written);
        }
        self.advance(now);
    }

    /// How many bytes the open transfer has moved: STAT and progress lines tell them.
    pub fn on_progress(&mut self, bytes: u64) {
        if let Activity::Transferring(transfer) = &mut self.activity {
            transfer.bytes = bytes;
        }
    }

    /// The node wants the session to end: at once if nothing is under way, else after it, with this
    /// text in the 421.
    pub fn on_stop(&mut self, text: &'static str, now: Instant) {
        self.clock.stopping = Some(text);
        self.advance(now);
    }

    /// The node takes back what it wanted by [`Session::on_stop`]. Last words that are written stay
    /// the last.
    pub fn on_stay(&mut self) {
        self.clock.stopping = None;
    }

    /// An operator wants the session to end now; a transfer is aborted.
    pub fn on_kick(&mut self, text: &'static str, now: Instant) {
        self.clock.stopping = Some(text);
        self.backlog = Vec::new();
        self.backlog_start = 0;
        match self.activity {
            Activity::Waiting(_) | Activity::Transferring(_) => self.abort(),
            Activity::Idle | Activity::Closing => self.advance(now),
        }
    }

    // Outputs.

    /// What the owner must do next; `None` when it should wait for input.
    #[must_use]
    pub fn poll(&mut self) -> Option<Request> {
        if let Some(name) = self.signals.client.take() {
            return Some(Request::NoteClient(name));
        }
        if std::mem::take(&mut self.signals.close_passive) {
            return Some(Request::ClosePassive);
        }
        if std::mem::take(&mut self.signals.logout) {
            return Some(Request::Logout);
        }
        // What is to be aborted must have begun.
        if let Some(request) = self.request.take() {
            return Some(request);
        }
        if std::mem::take(&mut self.signals.abort) {
            return Some(Request::Abort);
        }
        std::mem::take(&mut self.signals.close).then_some(Request::Close)
    }

    /// The next command whose final reply was written, in order; for whoever counts them. One that was never
    /// taken note of gives way when there are too many.
    #[must_use]
    pub fn poll_answered(&mut self) -> Option<Answered> {
        self.answered.take()
    }

    // Lines and their order.

    fn on_line(&mut self, line: &[u8], now: Instant) {
        let queued = self.backlog_start < self.backlog.len();
        if !queued && self.may_execute() {
            self.clock.active = now;
            self.execute(line);
            self.advance(now);
            return;
        }
        let (verb, command) = Command::parse(line);
        let at_once = !queued && !self.is_unread() && !self.is_telling();
        if verb.is_some_and(|verb| verb.info().during_transfer) {
            match command {
                Ok(Command::Abor) => self.abort(),
                Ok(Command::Noop) if at_once => {
                    let written = self.output.len();
                    self.noop();
                    self.answered.push(verb, now, self.output.get(written..));
                    return self.told(now);
                }
                Ok(Command::Stat(None)) if at_once => {
                    let written = self.output.len();
                    self.transfer_status();
                    self.answered.push(verb, now, self.output.get(written..));
                    return self.told(now);
                }
                _ => {}
            }
        }
        // Executed lines go first, or a client that always keeps one waiting would make it grow for
        // ever.
        self.backlog.drain(..self.backlog_start);
        self.backlog_start = 0;
        self.backlog.extend_from_slice(line);
        self.backlog.push(b'\n');
    }

    /// Executes what waits until something is under way again, then ends the session if it should
    /// end.
    fn advance(&mut self, now: Instant) {
        while self.may_execute() {
            if let Some(text) = self.clock.stopping {
                self.reply(421, text.as_bytes());
                self.close();
                return;
            }
            let Some(rest) = self.backlog.get(self.backlog_start..).filter(|rest| !rest.is_empty())
            else {
                self.backlog = Vec::new();
                self.backlog_start = 0;
                return;
            };
            let length = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
            let line = rest.get(..length).unwrap_or_default().to_vec();
            self.backlog_start += length + 1;
            self.clock.active = now;
            self.execute(&line);
        }
    }

    /// Whether the next line may be executed: nothing is under way, and the client reads what it is
    /// told.
    fn may_execute(&self) -> bool {
        matches!(self.activity, Activity::Idle) && !self.is_unread()
    }

    /// Whether the client leaves replies unread.
    fn is_unread(&self) -> bool {
        self.output.len() >= OUTPUT_BYTES_MAX
    }

    /// Executes one line; the session is idle.
    fn execute(&mut self, line: &[u8]) {
        let written = self.output.len();
        self.begin(line);
        self.note_answer(written);
    }

    fn begin(&mut self, line: &[u8]) {
        (self.answered.verb, self.answered.since) = (None, self.clock.active);
        if line == TOO_LONG {
            return self.reply(500, b"Command line too long.");
        }
        let (verb, command) = Command::parse(line);
        self.verb = verb.map_or("", |verb| verb.info().name);
        self.answered.verb = verb;
        if let (Some(verb), Login::Nobody { .. } | Login::Named { .. }) = (verb, &self.login)
            && verb.info().access == Access::LoggedIn
        {
            return self.reply(530, b"Log in with USER and PASS first.");
        }
        if verb.is_none() && is_http(line) {
            self.reply(421, b"This is no HTTP server.");
            return self.close();
        }
        match command {
            Ok(command) => self.dispatch(command),
            Err(error) => {
                let code = match error {
                    ParseError::UnknownVerb => 500,
                    ParseError::Syntax(_) => 501,
                    ParseError::Parameter(_) => 504,
                    ParseError::NetworkProtocol => 522,
                };
                if error == ParseError::NetworkProtocol {
                    let family = self.own_family();
                    let text = format!("Network protocol not supported, use ({family})");
                    return self.reply(code, text.as_bytes());
                }
                self.reply(code, error.to_string().as_bytes());
            }
        }
    }

    fn dispatch(&mut self, command: Command<'_>) {
        if let Some(command) = self.dispatch_always(command)
            && let Some(command) = self.dispatch_data(command)
        {
            self.dispatch_files(command);
        }
    }

    /// Commands that need no login; gives the others back.
    fn dispatch_always<'a>(&mut self, command: Command<'a>) -> Option<Command<'a>> {
        match command {
            Command::User(name) => self.user_command(name),
            Command::Pass(password) => self.pass(password),
            Command::Acct(_) => self.reply(202, b"No account is needed."),
            Command::Rein => self.rein(),
            Command::Quit => self.quit(),
            Command::Host(name) => self.host(name),
            Command::Auth(mechanism) => self.auth(mechanism),
            Command::Pbsz(_) => self.pbsz(),
            Command::Prot(level) => self.prot(level),
            Command::Ccc => self.reply(534, b"The control connection stays protected."),
            Command::Noop => self.noop(),
            Command::Syst => self.reply(215, b"UNIX Type: L8"),
            Command::Feat => self.feat(),
            Command::Help(topic) => self.help(topic),
            Command::Clnt(name) => self.client(name),
            Command::Lang(tag) => self.lang(tag),
            Command::OptsUtf8(on) => self.opts_utf8(on),
            Command::OptsUnknown(_) => self.reply(501, b"That feature has no options."),
            Command::Abor => self.abor(),
            Command::Stat(None) => self.session_status(),
            other => return Some(other),
        }
        None
    }

    /// Whether the last command still has no final reply. AUTH has its own before the handshake.
    fn is_under_way(&self) -> bool {
        match self.activity {
            Activity::Waiting(Wait::Secure) | Activity::Idle | Activity::Closing => false,
            Activity::Waiting(_) | Activity::Transferring(_) => true,
        }
    }

    /// Notes the last command, unless it is still under way. What was written since is its final reply.
    fn note_answer(&mut self, written: usize) {
        if !self.is_under_way() {
            let Answers { verb, since, .. } = self.answered;
            self.answered.push(verb, since, self.output.get(written..));
        }
    }

    // Small tools of the command handlers.

    fn reply(&mut self, code: u16, text: &[u8]) {
        Reply::line(&mut self.output, Code(code), text);
    }

    fn wait(&mut self, request: Request, wait: Wait) {
        self.request = Some(request);
        self.activity = Activity::Waiting(wait);
    }

    /// Ends what is under way.
    fn abort(&mut self) {
        self.signals.abort = true;
        if let Activity::Transferring(transfer) = &mut self.activity {
            transfer.aborting = true;
        }
    }

    fn close(&mut self) {
        self.activity = Activity::Closing;
        self.signals.close = true;
        self.backlog = Vec::new();
        self.backlog_start = 0;
    }

    fn ready(&mut self) -> Option<&mut Ready> {
        match &mut self.login {
            Login::In(ready) => Some(ready),
            Login::Nobody { .. } | Login::Named { .. } => None,
        }
    }
}

/// Whether the line begins an HTTP request: a browser that was tricked into talking to this port
/// would send FTP commands in its body next.
fn is_http(line: &[u8]) -> bool {
    let method = line.split(|&byte| byte == b' ').next().unwrap_or_default();
    matches!(method, b"GET" | b"POST" | b"PUT" | b"HEAD" | b"OPTIONS" | b"CONNECT")
}

/// Stands in the backlog for a line that was too long: no real line holds a NUL in front.
const TOO_LONG: &[u8] = b"\0too long";

/// Replies that wait to be sent before commands wait too: a client that asks and never reads costs
/// no more than this and one reply.
const OUTPUT_BYTES_MAX: usize = 16 * 1024;

/// Bytes of lines that wait for their turn before the owner stops reading: four lines of the
/// longest kind, or about a thousand ordinary ones. One read of the owner may come on top.
const BACKLOG_BYTES_MAX: usize = 4 * super::LINE_BYTES_MAX;
