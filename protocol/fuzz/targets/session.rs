//! The session machine under lists of operations: lines of a client in any order and cut, answers
//! of an owner that are right, wrong or late, and time.
//!
//! Held: at most one request is open; output is whole, well-formed replies; a 150 comes only from a
//! transfer's opening, once, and its end is answered at once by one final reply; a reply that has
//! begun in mid-transfer on a clear connection is completed by success alone, and by nothing before
//! the end; what arrives between AUTH TLS and the end of the handshake is never executed; after Close
//! nothing follows; a deadline that was served is over.
#![no_main]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flotilla_protocol::entry::{Attributes, Kind, Rights, Timestamp};
use flotilla_protocol::ftp::{
    Connection, Failure, FileReply, FileRequest, IdleLimit, Keepalive, LoginGrant, LoginRefusal,
    Outcome, Request, Session, Settings, TlsPolicy,
};
use flotilla_protocol::path::VirtualPath;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut operations = data.iter().copied();
    let flags = operations.next().unwrap_or(0);
    let mut driver = Driver::new(flags);
    while let Some(operation) = operations.next() {
        let argument = operations.next().unwrap_or(0);
        match operation % 16 {
            0..=6 => driver.send(&line(operation, argument)),
            7 => {
                let bytes: Vec<u8> = operations.by_ref().take(usize::from(argument)).collect();
                driver.send(&bytes);
            }
            8..=11 => driver.answer(argument),
            12 => driver.session.on_progress(u64::from(argument)),
            13 => driver.pass_time(argument),
            14 if argument == 0 => driver.session.on_stop("The server stops.", driver.now),
            14 if argument == 1 => driver.session.on_stay(),
            14 if argument < 64 => driver.demand(argument),
            14 if argument < 72 => {
                let client = IpAddr::V4(Ipv4Addr::new(192, 0, 2, argument));
                driver.session.on_addresses(client, SocketAddr::from((Ipv4Addr::LOCALHOST, 21)));
            }
            15 if argument == 0 => driver.session.on_kick("Kicked.", driver.now),
            _ => driver.answer_wrongly(argument),
        }
        driver.settle(Event::Other);
    }
});

/// What the owner just did: it decides where a 150 may stand.
#[derive(Clone, Copy, PartialEq)]
enum Event {
    /// The first answer that opens this transfer.
    Opened,
    Ended {
        good: bool,
    },
    Other,
}

/// The request that waits for its answer.
enum Open {
    Host,
    Login,
    File(FileRequest),
    Passive,
    Transfer { opened: bool },
    Tls,
}

struct Driver {
    session: Session,
    now: Instant,
    open: Option<Open>,
    /// The code of a reply that has begun and has no end yet.
    within: Option<u16>,
    closed: bool,
}

impl Driver {
    fn new(flags: u8) -> Self {
        let settings = Settings {
            banner: "Hello.\nSecond line.".to_owned(),
            tls: [TlsPolicy::Optional, TlsPolicy::Off, TlsPolicy::Required, TlsPolicy::Optional]
                [usize::from(flags % 4)],
            active_mode: flags & 4 == 0,
            extended_passive: flags & 8 == 0,
            login_attempts_max: 3,
            login_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(600),
        };
        let connection = Connection {
            client: IpAddr::V4(Ipv4Addr::LOCALHOST),
            local: SocketAddr::from((Ipv4Addr::LOCALHOST, 21)),
            secure: flags & 16 != 0,
            certificate: flags & 32 != 0,
        };
        let now = Instant::now();
        let session = Session::new(Arc::new(settings), connection, now);
        let mut driver = Self { session, now, open: None, within: None, closed: false };
        driver.settle(Event::Other);
        driver
    }

    fn send(&mut self, bytes: &[u8]) {
        // An owner reads only when it is asked to.
        if self.session.wants_input() {
            self.session.on_bytes(bytes, self.now);
        }
        if matches!(self.open, Some(Open::Tls)) {
            assert!(self.session.output().is_empty(), "clear bytes answered during the handshake");
        }
    }

    fn pass_time(&mut self, seconds: u8) {
        self.now += Duration::from_secs(u64::from(seconds) * 10);
        self.session.on_timeout(self.now);
        let deadline = self.session.next_deadline();
        assert!(deadline.is_none_or(|deadline| deadline > self.now), "an owner that spins");
    }

    /// The path to the client demands something else.
    fn demand(&mut self, choice: u8) {
        let seconds = |factor: u8| Duration::from_secs(u64::from(factor) * 20);
        self.session.on_keepalive(Keepalive {
            idle_limit: (choice & 4 != 0)
                .then(|| IdleLimit { after: seconds(choice % 8), reason: "a\r\nb".into() }),
            progress: (choice & 8 != 0).then(|| seconds(choice / 16)),
        });
    }

    /// The right kind of answer, a success or a failure.
    fn answer(&mut self, choice: u8) {
        let good = choice % 4 != 0;
        let mut event = Event::Other;
        let outcome = match self.open.take() {
            None => return,
            Some(Open::Host) => Outcome::Host(good.then(|| "Another host.".to_owned())),
            Some(Open::Login) => Outcome::Login(login(choice)),
            Some(Open::File(_)) if !good => Outcome::File(Err(failure(choice))),
            Some(Open::File(request)) => Outcome::File(Ok(file_reply(&request))),
            Some(Open::Passive) if good => {
                Outcome::Passive(Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, 61_000))))
            }
            Some(Open::Passive) => Outcome::Passive(Err(failure(choice))),
            Some(Open::Tls) => Outcome::Secured(if good { Ok(choice & 8 != 0) } else { Err(()) }),
            Some(Open::Transfer { opened: false }) if good => {
                self.open = Some(Open::Transfer { opened: true });
                event = Event::Opened;
                Outcome::TransferOpened { size: None, name: None }
            }
            Some(Open::Transfer { .. }) => {
                event = Event::Ended { good };
                Outcome::TransferEnded(if good { Ok(7) } else { Err(failure(choice)) })
            }
        };
        let handshake = matches!(outcome, Outcome::Secured(Ok(_)));
        self.session.on_outcome(outcome, self.now);
        if handshake && !self.closed {
            // Nothing from before the handshake may be left to execute.
            assert!(self.session.is_secure());
        }
        self.settle(event);
    }

    /// An answer to something that was not asked.
    fn answer_wrongly(&mut self, choice: u8) {
        let outcome = match (&self.open, choice % 3) {
            (Some(Open::Transfer { .. }), _) => Outcome::Host(None),
            (_, 0) => Outcome::TransferOpened { size: Some(1), name: None },
            (_, 1) => Outcome::TransferEnded(Ok(1)),
            (Some(Open::Passive), _) => Outcome::Host(None),
            _ => Outcome::Passive(Err(Failure::PortsExhausted)),
        };
        self.session.on_outcome(outcome, self.now);
    }

    /// Polls until nothing is asked, and judges what was written.
    fn settle(&mut self, event: Event) {
        let mut output = std::mem::take(self.session.output());
        // Everything is read by this client, so lines that wait for that go on.
        while self.session.on_sent(self.now) {
            output.append(self.session.output());
        }
        assert!(!self.closed || output.is_empty(), "words after the last ones");
        let begun = self.within;
        let codes = self.reply_codes(&output);
        if self.within.is_some() {
            let open = matches!(self.open, Some(Open::Transfer { opened: true }));
            let failed = event == Event::Ended { good: false };
            assert!(self.within == Some(226) && !self.session.is_secure());
            assert!(open || failed || self.closed, "a reply without an end");
            assert!(codes.is_empty() || begun.is_none(), "a reply within another");
        }
        let marks = codes.iter().filter(|&&code| code == 150).count();
        match event {
            Event::Opened => assert!(codes.first() == Some(&150) && marks == 1),
            Event::Ended { good: false } if begun.is_some() => assert!(self.within.is_some()),
            Event::Ended { good } => {
                assert!(codes.first().is_some_and(|&code| good == (code == 226)) && marks == 0);
            }
            Event::Other => {
                assert!(marks == 0 && (begun.is_none() || codes.is_empty()));
            }
        }
        let abandoned = self.within.is_some() && event == (Event::Ended { good: false });
        while let Some(request) = self.session.poll() {
            assert!(!self.closed, "a request after Close");
            let open = match request {
                Request::Close => {
                    self.closed = true;
                    continue;
                }
                Request::NoteClient(_)
                | Request::Logout
                | Request::ClosePassive
                | Request::Abort => continue,
                Request::SelectHost(_) => Open::Host,
                Request::Authenticate(_) => Open::Login,
                Request::File(request) => Open::File(request),
                Request::OpenPassive { .. } => Open::Passive,
                Request::Transfer(_) => Open::Transfer { opened: false },
                Request::StartTls => Open::Tls,
            };
            assert!(self.open.is_none(), "two requests at once");
            self.open = Some(open);
        }
        assert!(!abandoned || self.closed, "a reply that will have no end, and no Close");
    }

    /// The codes of replies that ended; panics if the bytes are no lines of replies.
    fn reply_codes(&mut self, output: &[u8]) -> Vec<u16> {
        let mut codes = Vec::new();
        let Some(output) = output.strip_suffix(b"\r\n") else {
            assert!(output.is_empty(), "an unfinished line");
            return codes;
        };
        for line in output.split(|&byte| byte == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            assert!(!line.contains(&b'\r'));
            let (code, rest) = line.split_at(line.len().min(3));
            let is_code = code.len() == 3 && code.iter().all(u8::is_ascii_digit);
            let code = is_code.then(|| std::str::from_utf8(code).unwrap().parse().unwrap());
            match (self.within, rest.first()) {
                (Some(_), Some(b' ')) if self.within == code => self.within = None,
                (Some(_), _) => continue,
                (None, Some(b'-')) if is_code => {
                    self.within = code;
                    continue;
                }
                (None, Some(b' ')) => assert!(is_code),
                (None, _) => panic!("no reply: {line:?}"),
            }
            codes.extend(code);
        }
        codes
    }
}

fn line(operation: u8, argument: u8) -> Vec<u8> {
    let line = LINES[(usize::from(operation) * 256 + usize::from(argument)) % LINES.len()];
    // Most lines are whole; some are cut, and the next one is their rest.
    let end: &[u8] = if argument % 16 == 15 { b"" } else { b"\r\n" };
    [line.as_bytes(), end].concat()
}

fn login(choice: u8) -> Result<LoginGrant, LoginRefusal> {
    match choice % 8 {
        0 => Err(LoginRefusal::Incorrect),
        1 => Err(LoginRefusal::NeedPassword),
        2 => Err(LoginRefusal::Limit("limits.per_user".to_owned())),
        3 => Err(LoginRefusal::Policy("expired\r\n230 no".to_owned())),
        4 => Err(LoginRefusal::Unavailable),
        _ => Ok(LoginGrant {
            message: vec!["Welcome.".to_owned(), "230 is no code here\r\n".to_owned()],
            directory: VirtualPath::root(),
            idle_seconds_max: 3600,
        }),
    }
}

fn failure(choice: u8) -> Failure {
    [Failure::NotFound, Failure::Aborted, Failure::Stopping, Failure::DataBroken, Failure::NoSpace]
        [usize::from(choice / 4) % 5]
        .clone()
}

fn file_reply(request: &FileRequest) -> FileReply {
    match request {
        FileRequest::Attributes(_) => {
            let time = Timestamp { seconds: 1, nanoseconds: 0 };
            let attributes = Attributes {
                kind: Kind::File,
                size: 1,
                modified: time,
                accessed: time,
                mode: 0o644,
                uid: 0,
                gid: 0,
                links: 1,
                identity: (1, 1),
            };
            FileReply::Attributes(attributes, Rights::default())
        }
        FileRequest::Digest { start, end, .. } => {
            FileReply::Digest { hex: "00ff".to_owned(), start: *start, end: end.unwrap_or(1) }
        }
        FileRequest::Available(_) => FileReply::Available(1),
        FileRequest::List(_) => FileReply::Listing(b"226 a name\r\n211 another\r\n".to_vec()),
        _ => FileReply::Done,
    }
}

const LINES: [&str; 67] = [
    "USER a",
    "PASS b",
    "USER a",
    "PASS b",
    "ACCT c",
    "REIN",
    "QUIT",
    "HOST a.example",
    "AUTH TLS",
    "AUTH SSL",
    "PBSZ 0",
    "PROT P",
    "PROT C",
    "CCC",
    "FEAT",
    "HELP",
    "HELP SITE",
    "SYST",
    "NOOP",
    "STAT",
    "STAT -l x*",
    "ABOR",
    "ABOR",
    "PWD",
    "CWD a",
    "CWD",
    "CDUP",
    "MKD a\"b",
    "RMD a",
    "DELE a",
    "RNFR a",
    "RNTO b",
    "PASV",
    "PASV",
    "EPSV",
    "EPSV ALL",
    "PORT 127,0,0,1,200,1",
    "PORT 1,2,3,4,5,6",
    "EPRT |1|127.0.0.1|51201|",
    "EPRT |2|::1|51201|",
    "RETR a",
    "RETR a",
    "STOR a",
    "STOU",
    "APPE a",
    "REST 5",
    "RANG 2 4",
    "RANG 1 0",
    "ALLO 9",
    "LIST",
    "NLST -a *",
    "MLSD",
    "MLST",
    "TYPE A",
    "TYPE I",
    "SIZE a",
    "MDTM a",
    "MFMT 20240229123456 a",
    "MFF UNIX.mode=0644; a",
    "HASH a",
    "XMD5 a",
    "AVBL",
    "OPTS UTF8 ON",
    "OPTS HASH MD5",
    "SITE CPFR a",
    "SITE CPTO b",
    "SITE CHMOD 644 a",
];
