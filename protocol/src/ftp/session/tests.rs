//! The machine, driven by hand: lines in, replies and requests out.

mod answered;
mod keepalive;
mod passive;

use std::time::{Duration, Instant};

use super::*;
use crate::entry::{Attributes, Kind, Rights, Timestamp};
use crate::ftp::Failure;
use crate::path::VirtualPath;

/// A session with virtual time, and what it said.
struct Bench {
    session: Session,
    now: Instant,
}

impl Bench {
    fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings {
            banner: "hello".to_owned(),
            tls: TlsPolicy::Optional,
            active_mode: true,
            extended_passive: true,
            login_attempts_max: 3,
            login_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(600),
        };
        change(&mut settings);
        let connection = Connection {
            client: "192.0.2.9".parse().unwrap(),
            local: "192.0.2.1:21".parse().unwrap(),
            secure: false,
            certificate: false,
        };
        #[expect(clippy::disallowed_methods, reason = "the one way to a first instant")]
        let now = Instant::now();
        let mut bench = Self { session: Session::new(settings.into(), connection, now), now };
        assert!(bench.said().starts_with("220 hello\r\n"));
        bench
    }

    fn new() -> Self {
        Self::with(|_| ())
    }

    fn logged_in() -> Self {
        let mut bench = Self::new();
        bench.log_in();
        bench
    }

    fn log_in(&mut self) {
        assert!(self.say("USER joe").starts_with("331"));
        self.line("PASS secret");
        assert!(matches!(self.session.poll(), Some(Request::Authenticate(_))));
        let grant = LoginGrant {
            message: Vec::new(),
            directory: VirtualPath::root(),
            idle_seconds_max: 3600,
        };
        self.answer(Outcome::Login(Ok(grant)));
        assert!(self.said().starts_with("230"));
    }

    fn line(&mut self, line: &str) {
        self.session.on_bytes(format!("{line}\r\n").as_bytes(), self.now);
    }

    fn say(&mut self, line: &str) -> String {
        self.line(line);
        self.said()
    }

    fn said(&mut self) -> String {
        String::from_utf8(std::mem::take(self.session.output())).unwrap()
    }

    fn answer(&mut self, outcome: Outcome) {
        self.session.on_outcome(outcome, self.now);
    }

    fn passive(&mut self) {
        self.line("PASV");
        assert!(matches!(self.session.poll(), Some(Request::OpenPassive { extended: false })));
        self.answer(Outcome::Passive(Ok("192.0.2.1:60001".parse().unwrap())));
        assert_eq!(self.said(), "227 Entering Passive Mode (192,0,2,1,234,97).\r\n");
    }

    /// PASV and a command that begins a transfer, up to the request.
    fn begin(&mut self, line: &str) -> TransferRequest {
        self.passive();
        self.line(line);
        match self.session.poll() {
            Some(Request::Transfer(request)) => request,
            other => panic!("{line} asked {other:?}, said {}", self.said()),
        }
    }

    fn open(&mut self) {
        self.answer(Outcome::TransferOpened { size: None, name: None });
        assert!(self.said().starts_with("150 "));
    }
}

fn path(text: &str) -> VirtualPath {
    VirtualPath::root().resolve(text.as_bytes()).unwrap()
}

fn file(size: u64) -> Attributes {
    Attributes {
        kind: Kind::File,
        size,
        modified: Timestamp { seconds: 1_000_000_000, nanoseconds: 0 },
        accessed: Timestamp::default(),
        mode: 0o644,
        uid: 1,
        gid: 1,
        links: 1,
        identity: (1, 2),
    }
}

#[test]
fn nothing_but_the_door_is_open_before_the_login() {
    let mut bench = Bench::new();
    for line in ["PWD", "RETR a", "PASV", "SIZE a", "SITE CHMOD 777 a", "STAT a", "RETR"] {
        assert!(bench.say(line).starts_with("530"), "{line}");
        assert!(bench.session.poll().is_none(), "{line}");
    }
    for line in ["NOOP", "SYST", "FEAT", "HELP", "STAT", "CLNT x", "OPTS UTF8 ON"] {
        assert!(bench.say(line).starts_with('2'), "{line}");
    }
}

#[test]
fn failed_logins_are_counted_until_the_connection_ends() {
    let mut bench = Bench::new();
    for attempt in 1..=3 {
        bench.line("USER joe");
        bench.line("PASS wrong");
        assert!(matches!(bench.session.poll(), Some(Request::Authenticate(_))));
        bench.said();
        bench.answer(Outcome::Login(Err(LoginRefusal::Incorrect)));
        let code = if attempt < 3 { "530" } else { "421" };
        assert!(bench.said().starts_with(code));
    }
    assert!(matches!(bench.session.poll(), Some(Request::Close)));
    assert_eq!(bench.say("NOOP"), "");
}

#[test]
fn pipelined_commands_are_answered_in_order() {
    let mut bench = Bench::new();
    let input = b"USER joe\r\nPASS secret\r\nPWD\r\nTYPE I\r\nSIZE a\r\nNOOP\r\n";
    bench.session.on_bytes(input, bench.now);
    assert!(bench.said().starts_with("331"));
    assert!(matches!(bench.session.poll(), Some(Request::Authenticate(_))));
    let grant =
        LoginGrant { message: Vec::new(), directory: path("/home"), idle_seconds_max: 3600 };
    bench.answer(Outcome::Login(Ok(grant)));
    let said = bench.said();
    let codes: Vec<_> = said.lines().map(|line| &line[..3]).collect();
    assert_eq!(codes, ["230", "257", "200"], "{said}");
    match bench.session.poll() {
        Some(Request::File(FileRequest::Attributes(asked))) => assert_eq!(asked, path("/home/a")),
        other => panic!("{other:?}"),
    }
    bench.answer(Outcome::File(Ok(FileReply::Attributes(file(7), Rights::default()))));
    assert_eq!(bench.said(), "213 7\r\n200 OK\r\n");
}

#[test]
fn clear_text_behind_auth_tls_is_dropped() {
    let mut bench = Bench::new();
    bench.session.on_bytes(b"AUTH TLS\r\nUSER mallory\r\nPASS x\r\nNO", bench.now);
    assert!(bench.said().starts_with("234"));
    assert!(matches!(bench.session.poll(), Some(Request::StartTls)));
    bench.answer(Outcome::Secured(Ok(false)));
    assert!(bench.session.is_secure());
    assert_eq!(bench.say("OP"), "500 unknown command\r\n");
    assert!(bench.say("PASS x").starts_with("503"));
    // The same from the backlog: the lines came while a request was open.
    let mut bench = Bench::new();
    bench.session.on_bytes(b"HOST a\r\nAUTH TLS\r\nUSER mallory\r\n", bench.now);
    assert!(matches!(bench.session.poll(), Some(Request::SelectHost(_))));
    bench.answer(Outcome::Host(Some("a".to_owned())));
    assert!(bench.said().contains("234"));
    assert!(matches!(bench.session.poll(), Some(Request::StartTls)));
    bench.answer(Outcome::Secured(Ok(false)));
    assert!(bench.say("PASS x").starts_with("503"));
    // And from bytes that come while the handshake is awaited.
    let mut bench = Bench::new();
    bench.line("AUTH TLS");
    bench.line("USER mallory");
    bench.answer(Outcome::Secured(Ok(false)));
    assert_eq!(bench.said().lines().count(), 1);
    assert!(bench.say("PASS x").starts_with("503"));
}

#[test]
fn a_backlog_that_is_never_empty_does_not_grow() {
    let mut bench = Bench::new();
    bench.line("HOST a");
    for _ in 0..10_000 {
        bench.line("HOST a");
        assert!(matches!(bench.session.poll(), Some(Request::SelectHost(_))));
        bench.answer(Outcome::Host(None));
        bench.said();
        assert!(bench.session.wants_input());
        assert!(bench.session.backlog.len() < 100);
    }
}

#[test]
fn a_client_that_does_not_read_is_not_answered_for_ever() {
    let mut bench = Bench::logged_in();
    let input = b"HELP\r\n".repeat(2000);
    bench.session.on_bytes(&input, bench.now);
    assert!(bench.session.output().len() < 32 * 1024);
    let mut replies = 0;
    while !bench.session.output().is_empty() {
        replies += bench.said().matches("214 End").count();
        bench.session.on_sent(bench.now);
    }
    assert_eq!(replies, 2000);
    assert!(bench.session.wants_input());
}

#[test]
fn http_requests_end_the_connection() {
    let mut bench = Bench::new();
    let request = b"POST / HTTP/1.1\r\nHost: a\r\n\r\nUSER joe\r\n";
    bench.session.on_bytes(request, bench.now);
    assert_eq!(bench.said(), "421 This is no HTTP server.\r\n");
    assert!(matches!(bench.session.poll(), Some(Request::Close)));
}

#[test]
fn tls_where_it_is_required() {
    let mut bench = Bench::with(|settings| settings.tls = TlsPolicy::Required);
    assert!(bench.say("USER joe").starts_with("530"));
    assert!(bench.say("PROT P").starts_with("503"));
    bench.line("AUTH TLS");
    assert!(matches!(bench.session.poll(), Some(Request::StartTls)));
    bench.said();
    bench.answer(Outcome::Secured(Ok(false)));
    bench.log_in();
    bench.passive();
    assert!(bench.say("LIST").starts_with("521"));
    assert!(bench.say("PBSZ 0").starts_with("200"));
    assert!(bench.say("PROT C").starts_with("534"));
    assert!(bench.say("PROT E").starts_with("536"));
    assert!(bench.say("PROT P").starts_with("200"));
    assert!(matches!(bench.session.poll(), Some(Request::ClosePassive) | None));
    let request = bench.begin("LIST");
    assert!(request.protected && request.ascii);
    assert!(bench.say("REIN").is_empty());
}

#[test]
fn every_mark_has_one_final_reply() {
    let mut bench = Bench::logged_in();
    for (result, code) in [
        (Ok(3), "226"),
        (Err(Failure::DataBroken), "426"),
        (Err(Failure::NoSpace), "552"),
        (Err(Failure::Aborted), "426"),
    ] {
        bench.begin("STOR a");
        bench.open();
        bench.answer(Outcome::TransferEnded(result));
        let said = bench.said();
        assert!(said.starts_with(code), "{said}");
        assert_eq!(said.lines().count(), 1);
        // Late answers of the same transfer are nobody's.
        bench.answer(Outcome::TransferEnded(Ok(1)));
        assert_eq!(bench.said(), "");
    }
    bench.begin("RETR a");
    bench.answer(Outcome::TransferEnded(Err(Failure::NotFound)));
    assert!(bench.said().starts_with("550"));
    assert!(bench.say("RETR a").starts_with("425"));
}

#[test]
fn a_unique_name_that_was_taken_is_told_anew() {
    let path = |text: &str| VirtualPath::root().resolve(text.as_bytes()).unwrap();
    let mut bench = Bench::logged_in();
    bench.begin("STOU a");
    bench.answer(Outcome::TransferOpened { size: None, name: Some(path("a.1")) });
    assert_eq!(bench.said(), "150 FILE: /a.1\r\n");
    bench.answer(Outcome::TransferNamed(path("a.2")));
    bench.answer(Outcome::TransferEnded(Ok(1)));
    assert_eq!(bench.said(), "226 Transfer complete. FILE: /a.2\r\n");
}

#[test]
fn noop_stat_and_abor_in_mid_transfer() {
    let mut bench = Bench::logged_in();
    bench.begin("RETR a");
    bench.open();
    bench.session.on_progress(12345);
    assert!(bench.say("NOOP").starts_with("200"));
    assert_eq!(bench.say("STAT"), "213 12345 bytes moved: RETR a\r\n");
    assert_eq!(bench.say("PWD"), "");
    // What comes behind a waiting line waits too, except that ABOR acts at once.
    assert_eq!(bench.say("NOOP"), "");
    assert_eq!(bench.say("ABOR"), "");
    assert!(matches!(bench.session.poll(), Some(Request::Abort)));
    bench.answer(Outcome::TransferEnded(Err(Failure::Aborted)));
    let said = bench.said();
    let codes: Vec<_> = said.lines().map(|line| &line[..3]).collect();
    assert_eq!(codes, ["426", "257", "200", "226"]);
}

#[test]
fn quit_in_mid_transfer_waits_for_it() {
    let mut bench = Bench::logged_in();
    bench.begin("RETR a");
    bench.open();
    assert_eq!(bench.say("QUIT"), "");
    bench.answer(Outcome::TransferEnded(Ok(1)));
    assert_eq!(bench.said(), "226 Transfer complete.\r\n221 Goodbye.\r\n");
    assert!(matches!(bench.session.poll(), Some(Request::Close)));
}

#[test]
fn a_stop_waits_for_the_transfer_and_a_kick_does_not() {
    let mut bench = Bench::logged_in();
    bench.begin("RETR a");
    bench.open();
    bench.session.on_stop("over", bench.now);
    assert_eq!(bench.said(), "");
    bench.answer(Outcome::TransferEnded(Ok(1)));
    assert_eq!(bench.said(), "226 Transfer complete.\r\n421 over\r\n");
    let mut bench = Bench::logged_in();
    bench.begin("RETR a");
    bench.open();
    bench.session.on_kick("out", bench.now);
    assert!(matches!(bench.session.poll(), Some(Request::Abort)));
    bench.answer(Outcome::TransferEnded(Err(Failure::Aborted)));
    assert!(bench.said().ends_with("421 out\r\n"));
}

#[test]
fn a_stop_can_be_taken_back() {
    let mut bench = Bench::logged_in();
    bench.begin("RETR a");
    bench.open();
    bench.session.on_stop("over", bench.now);
    bench.session.on_stay();
    bench.answer(Outcome::TransferEnded(Ok(1)));
    assert_eq!(bench.said(), "226 Transfer complete.\r\n");
    assert!(bench.say("NOOP").starts_with("200"));
    bench.session.on_stop("over", bench.now);
    bench.session.on_stay();
    assert_eq!(bench.say("NOOP"), "421 over\r\n");
}

#[test]
fn what_the_client_does_and_is_can_be_told() {
    let mut bench = Bench::logged_in();
    bench.begin("stor a");
    assert_eq!(bench.session.verb(), "STOR");
    bench.line("NOOP");
    assert_eq!(bench.session.verb(), "STOR");
    bench.answer(Outcome::TransferEnded(Ok(1)));
    bench.line(&format!("CLNT {}", "x".repeat(100)));
    assert_eq!(bench.session.verb(), "CLNT");
    let asked = bench.session.poll();
    assert!(matches!(&asked, Some(Request::NoteClient(name)) if name.len() == 64), "{asked:?}");
    bench.line("frob");
    assert_eq!(bench.session.verb(), "");
}

#[test]
fn active_mode_reaches_the_client_only() {
    let mut bench = Bench::logged_in();
    for line in [
        "PORT 192,0,2,10,200,1",
        "PORT 192,0,2,9,0,80",
        "EPRT |1|192.0.2.9|1023|",
        "EPRT |2|2001:db8::1|5000|",
    ] {
        assert!(bench.say(line).starts_with('5'), "{line}");
    }
    assert!(bench.say("PORT 192,0,2,9,200,1").starts_with("200"));
    bench.line("LIST");
    match bench.session.poll() {
        Some(Request::Transfer(request)) => {
            assert_eq!(request.route, Route::Active("192.0.2.9:51201".parse().unwrap()));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn epsv_all_holds() {
    let mut bench = Bench::logged_in();
    assert!(bench.say("EPSV ALL").starts_with("200"));
    assert!(bench.say("PASV").starts_with("501"));
    assert!(bench.say("PORT 192,0,2,9,200,1").starts_with("501"));
    bench.line("EPSV");
    assert!(matches!(bench.session.poll(), Some(Request::OpenPassive { extended: true })));
}

#[test]
fn offsets_belong_to_the_next_transfer_and_to_type_i() {
    let mut bench = Bench::logged_in();
    bench.say("REST 10");
    bench.passive();
    assert!(bench.say("RETR a").starts_with("554"));
    bench.say("TYPE I");
    bench.say("REST 10");
    let request = bench.begin("RETR a");
    let expected = TransferKind::Retrieve { path: path("/a"), offset: 10, length: None };
    assert_eq!(request.kind, expected);
    bench.answer(Outcome::TransferEnded(Err(Failure::NotFound)));
    bench.said();
    let request = bench.begin("STOR a");
    let expected = TransferKind::Store { path: path("/a"), mode: StoreMode::Replace, expected: 0 };
    assert_eq!(request.kind, expected);
    bench.answer(Outcome::TransferEnded(Ok(0)));
    bench.said();
    bench.say("RANG 5 9");
    let request = bench.begin("RETR a");
    let expected = TransferKind::Retrieve { path: path("/a"), offset: 5, length: Some(5) };
    assert_eq!(request.kind, expected);
}

#[test]
fn globs_and_prefixes_of_listings() {
    let mut bench = Bench::logged_in();
    for (line, folder, pattern, prefix) in [
        ("NLST", "/", None, ""),
        ("NLST sub", "/sub", None, "sub/"),
        ("NLST *.txt", "/", Some("*.txt"), ""),
        ("NLST sub/*.txt", "/sub", Some("*.txt"), "sub/"),
    ] {
        let request = bench.begin(line);
        let TransferKind::List(list) = request.kind else { panic!("{line}") };
        assert_eq!(list.path, path(folder), "{line}");
        assert_eq!(list.pattern.as_deref(), pattern.map(str::as_bytes), "{line}");
        assert_eq!(list.prefix, prefix.as_bytes(), "{line}");
        bench.answer(Outcome::TransferEnded(Ok(0)));
        bench.said();
    }
}

#[test]
fn deadlines_of_login_and_idleness() {
    let mut bench = Bench::new();
    assert_eq!(bench.session.next_deadline(), Some(bench.now + Duration::from_secs(60)));
    bench.session.on_timeout(bench.now + Duration::from_secs(59));
    assert_eq!(bench.said(), "");
    bench.session.on_timeout(bench.now + Duration::from_secs(60));
    assert!(bench.said().starts_with("421"));
    let mut bench = Bench::logged_in();
    bench.say("SITE IDLE 60");
    bench.begin("RETR a");
    assert_eq!(bench.session.next_deadline(), None);
    bench.now += Duration::from_secs(500);
    bench.answer(Outcome::TransferEnded(Ok(1)));
    assert_eq!(bench.session.next_deadline(), Some(bench.now + Duration::from_secs(60)));
}

#[test]
fn a_full_backlog_stops_the_reading() {
    let mut bench = Bench::logged_in();
    bench.begin("RETR a");
    let line = format!("SIZE {}", "x".repeat(1000));
    for _ in 0..17 {
        assert!(bench.session.wants_input());
        bench.line(&line);
    }
    assert!(!bench.session.wants_input());
}

#[test]
fn rename_needs_its_two_halves_together() {
    let mut bench = Bench::logged_in();
    assert!(bench.say("RNTO b").starts_with("503"));
    bench.line("RNFR a");
    assert!(matches!(bench.session.poll(), Some(Request::File(FileRequest::CheckRename(_)))));
    bench.answer(Outcome::File(Ok(FileReply::Done)));
    assert!(bench.said().starts_with("350"));
    bench.line("RNTO b");
    let asked = bench.session.poll();
    assert!(matches!(asked, Some(Request::File(FileRequest::Rename { .. }))), "{asked:?}");
    bench.answer(Outcome::File(Ok(FileReply::Done)));
    assert!(bench.said().starts_with("250"));
    assert!(bench.say("RNTO c").starts_with("503"));
}

#[test]
fn status_that_nobody_reads_waits() {
    let mut bench = Bench::logged_in();
    bench.begin("RETR a");
    bench.open();
    for _ in 0..10_000 {
        bench.line("STAT");
        if !bench.session.wants_input() {
            break;
        }
    }
    assert!(bench.session.output().len() < 32 * 1024);
    assert!(!bench.session.wants_input());
}

#[test]
fn an_abort_behind_its_command_aborts_it() {
    let mut bench = Bench::logged_in();
    bench.passive();
    bench.session.on_bytes(b"RETR a\r\nABOR\r\n", bench.now);
    assert!(matches!(bench.session.poll(), Some(Request::Transfer(_))));
    assert!(matches!(bench.session.poll(), Some(Request::Abort)));
}

#[test]
fn another_protection_gives_the_port_up() {
    let mut bench = Bench::new();
    bench.line("AUTH TLS");
    assert!(matches!(bench.session.poll(), Some(Request::StartTls)));
    bench.answer(Outcome::Secured(Ok(false)));
    bench.said();
    bench.log_in();
    bench.say("PBSZ 0");
    bench.say("PROT P");
    bench.passive();
    bench.say("PROT C");
    assert!(matches!(bench.session.poll(), Some(Request::ClosePassive)));
    assert!(bench.say("LIST").starts_with("425"));
}
