//! Whole runs against a server of one page that does nothing and takes its time for it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex};

use super::*;
use crate::client::Wire;
use crate::client::account::Account;

#[test]
fn closed_pacing_does_the_same_again_with_the_same_seed() {
    let scenario = "duration = \"1h\"\nseed = 5\nsources = [\"127.0.0.0/29\"]\n[pacing]\n\
                    clients = 3\n[session]\ntasks = [2, 6]\nthink = \"1ms\"\n[[mix]]\n\
                    do = \"noop\"\nweight = 3\n[[mix]]\ndo = \"pwd\"";
    let runs = [0, 1].map(|_| {
        let double = Double::start(Manner::default());
        let gate = Gate::default();
        let enough = |said: &Said| said.len() == 3 && said.values().all(|said| said.len() >= 100);
        let report = double.load_until(scenario, &gate, enough);
        assert_eq!(report.totals.errors, 0, "{report}");
        assert!((1..=3).contains(&report.totals.sessions_max), "{report}");
        double.said()
    });
    let [one, other] = runs;
    let addresses: Vec<_> = one.keys().map(ToString::to_string).collect();
    assert_eq!(addresses, ["127.0.0.1", "127.0.0.2", "127.0.0.3"]);
    assert!(one.keys().eq(other.keys()));
    for (said, again) in one.values().zip(other.values()) {
        let length = said.len().min(again.len());
        // How far each came differs, and the last session was cut short.
        assert_eq!(said[..length - 10], again[..length - 10]);
    }
    // The order differs from client to client.
    let texts: Vec<_> = one.values().map(|said| said.concat()).collect();
    assert_ne!(texts[0][..200], texts[1][..200]);
}

#[test]
fn arrivals_that_wait_count_from_when_they_were_due() {
    let double =
        Double::start(Manner { noop: Noop::Takes(Duration::from_millis(50)), ..Manner::default() });
    let scenario = "duration = \"500ms\"\ndrain = \"1m\"\n[pacing]\nmode = \"open\"\nrate = 100\n\
                    concurrency = 2\n[[mix]]\ndo = \"noop\"";
    let report = double.load(scenario, &Gate::default());
    let totals = &report.totals;
    assert_eq!((totals.due, totals.missed, totals.unfinished), (50, 0, 0), "{report}");
    assert_eq!((totals.operations, totals.errors), (50, 0), "{report}");
    // The last pair can not be done before 25 times the pause, and was due within half a second.
    assert!(report.operations[0].max_us >= 700_000.0, "{report}");
    assert!(report.operations[0].p99_us.unwrap() >= 700_000.0, "{report}");
    assert!(report.client.late_p99_us.unwrap() >= 650_000.0, "{report}");
}

#[test]
fn what_waits_when_the_time_is_over_is_missed() {
    let double = Double::start(Manner { noop: Noop::Never, ..Manner::default() });
    let scenario = "duration = \"500ms\"\ndrain = \"200ms\"\n[pacing]\nmode = \"open\"\nrate = 100\n\
                    concurrency = 2\nbacklog = 10\n[[mix]]\ndo = \"noop\"";
    let report = double.load(scenario, &Gate::default());
    let totals = &report.totals;
    assert_eq!((totals.due, totals.operations), (50, 0), "{report}");
    assert_eq!(totals.missed + totals.unfinished, totals.due, "{report}");
    assert!(totals.missed >= 48, "{report}");
    assert!(report.to_string().contains("missed    missed    missed"), "{report}");
}

#[test]
fn without_a_backlog_open_pacing_misses_what_nobody_is_free_for() {
    let double =
        Double::start(Manner { noop: Noop::Takes(Duration::from_millis(50)), ..Manner::default() });
    let scenario = "duration = \"1s\"\n[pacing]\nmode = \"open\"\nrate = 100\n\
                    concurrency = 2\nbacklog = 0\n[[mix]]\ndo = \"noop\"";
    let report = double.load(scenario, &Gate::default());
    let totals = &report.totals;
    assert_eq!((totals.due, totals.errors, totals.unfinished), (100, 0, 0), "{report}");
    assert_eq!(totals.operations + totals.missed, totals.due, "{report}");
    // Two sessions do at most twenty each, and one each that was taken up at the end.
    assert!((1..=42).contains(&totals.operations), "{report}");
    let noop = &report.operations[0];
    assert!(noop.max_us >= 50_000.0, "{report}");
    // More than half were missed, and the median is among those.
    assert_eq!((noop.missed, noop.p50_us), (totals.missed, None), "{report}");
}

#[test]
fn sessions_arrive_do_their_tasks_and_leave() {
    let double = Double::start(Manner::default());
    let scenario = "duration = \"1s\"\n[pacing]\nmode = \"open\"\nrate = 40\n\
                    concurrency = 20\narrivals = \"sessions\"\n[session]\ntasks = 2\n[[mix]]\n\
                    do = \"noop\"";
    let report = double.load(scenario, &Gate::default());
    let count = |name: &str| report.operations.iter().find(|row| row.name == name).unwrap().count;
    assert_eq!(report.totals.due, 40, "{report}");
    assert_eq!((count("login"), report.totals.missed), (40, 0), "{report}");
    // The end may have cut those short that were there, and those that came late.
    assert!((1..=80).contains(&count("noop")), "{report}");
}

#[test]
fn whoever_is_free_opens_a_session_of_any_protocol() {
    let double = Double::start(Manner::default());
    let scenario = "duration = \"500ms\"\n[protocols]\nftp = 1\nftps = 1\n[pacing]\n\
                    mode = \"open\"\nrate = 40\nconcurrency = 1\narrivals = \"sessions\"\n[session]\n\
                    tasks = 0";
    let scenario = Scenario::parse(scenario, "test").unwrap();
    // Both are in clear here; what matters is that they are two.
    let targets = vec![double.target(), double.target()];
    let report = measure(scenario, targets, 1, None, &Gate::default()).unwrap();
    let logins: Vec<_> = report.operations.iter().map(|row| row.count).collect();
    assert!(logins.len() == 2 && logins.iter().sum::<u64>() == 20, "{report}");
    assert_eq!((report.totals.missed, report.totals.sessions_max), (0, 1), "{report}");
}

#[test]
fn an_interruption_gives_what_there_is() {
    let double = Double::start(Manner::default());
    let gate = Gate::default();
    let scenario = "duration = \"1h\"\n[pacing]\nclients = 2\n[session]\nthink = \"1ms\"\n\
                    [[mix]]\ndo = \"noop\"";
    let report = double.load_until(scenario, &gate, |said| lines(said, "NOOP") >= 25);
    assert!(report.interrupted && report.elapsed_seconds < 3000.0, "{report}");
    assert!(report.operations.iter().any(|row| row.name == "noop" && row.count >= 20), "{report}");
}

#[test]
fn what_is_refused_is_counted_and_the_session_goes_on() {
    let double = Double::start(Manner { refuses: true, ..Manner::default() });
    let scenario = "duration = \"1h\"\n[session]\nthink = \"1ms\"\n[[mix]]\ndo = \"pwd\"";
    let report = double.load_until(scenario, &Gate::default(), |said| lines(said, "PWD") >= 5);
    assert_eq!(report.errors.len(), 1, "{report}");
    assert_eq!(report.errors[0].kind, "PWD: 550 no", "{report}");
    assert_eq!(report.errors[0].count, report.totals.errors);
    let logins: Vec<_> = report.operations.iter().filter(|row| row.name == "login").collect();
    assert_eq!((logins[0].count, logins[0].errors), (1, 0), "{report}");
}

#[test]
fn what_does_not_end_is_reported_and_not_waited_for() {
    let double = Double::start(Manner { noop: Noop::Never, ..Manner::default() });
    let scenario = "duration = \"2s\"\ndrain = \"50ms\"\n[[mix]]\ndo = \"noop\"";
    let report = double.load(scenario, &Gate::default());
    assert_eq!((report.totals.unfinished, report.totals.operations), (1, 1), "{report}");
    assert!(report.to_string().contains("  1 not finished"), "{report}");
}

/// What the server is like.
#[derive(Clone, Copy, Debug, Default)]
struct Manner {
    noop: Noop,
    /// PWD is refused.
    refuses: bool,
}

/// When NOOP is answered.
#[derive(Clone, Copy, Debug, Default)]
enum Noop {
    #[default]
    AtOnce,
    /// After this work, during which the session does nothing else.
    Takes(Duration),
    Never,
}

/// The server. A session ends with its client; who listens waits for more until the process of the test ends.
struct Double {
    address: SocketAddr,
    books: Arc<Books>,
}

/// What was said, and a bell for whoever waits for more of it.
#[derive(Default)]
struct Books {
    said: Mutex<Said>,
    more: Condvar,
}

/// What was said from each address.
type Said = BTreeMap<IpAddr, Vec<String>>;

/// How many lines begin so.
fn lines(said: &Said, command: &str) -> usize {
    said.values().flatten().filter(|line| line.starts_with(command)).count()
}

impl Double {
    fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let books = Arc::<Books>::default();
        let kept = Arc::clone(&books);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let books = Arc::clone(&kept);
                std::thread::spawn(move || serve(&stream.unwrap(), manner, &books));
            }
        });
        Self { address, books }
    }

    fn load(&self, scenario: &str, gate: &Gate) -> Report {
        let scenario = Scenario::parse(scenario, "test").unwrap();
        measure(scenario, vec![self.target()], 1, None, gate).unwrap()
    }

    fn target(&self) -> Target {
        let account = Arc::new(Account::new("user".to_owned(), "secret".to_owned(), 1));
        Target { address: self.address, data: None, account, wire: Wire::Clear }
    }

    /// Loads until enough was said.
    fn load_until(&self, scenario: &str, gate: &Gate, enough: impl Fn(&Said) -> bool) -> Report {
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let run = scope.spawn(|| {
                let report = self.load(scenario, gate);
                let _said = self.books.said.lock().unwrap();
                over.store(true, Ordering::Relaxed);
                self.books.more.notify_all();
                report
            });
            let said = self.books.said.lock().unwrap();
            let waits = |said: &mut Said| !enough(said) && !over.load(Ordering::Relaxed);
            let (said, _) = self.books.more.wait_timeout_while(said, PATIENCE, waits).unwrap();
            let reached = enough(&said);
            drop(said);
            gate.stop.store(true, Ordering::Relaxed);
            let report = run.join().unwrap();
            assert!(reached, "{report}");
            report
        })
    }

    /// What was said, the preparation's part included.
    fn said(&self) -> Said {
        std::mem::take(&mut self.books.said.lock().unwrap())
    }
}

fn serve(stream: &TcpStream, manner: Manner, books: &Books) {
    let peer = stream.peer_addr().unwrap().ip();
    let answer = |text: &str| (&*stream).write_all(format!("{text}\r\n").as_bytes()).is_ok();
    if !answer("220 hello") {
        return;
    }
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        books.said.lock().unwrap().entry(peer).or_default().push(line.clone());
        books.more.notify_all();
        let reply = match line.get(..4).unwrap_or(&line).trim() {
            "USER" => "331 who",
            "PASS" => "230 in",
            "PWD" if manner.refuses => "550 no",
            "PWD" => "257 \"/\"",
            "QUIT" => "221 bye",
            "NOOP" => match manner.noop {
                Noop::Never => continue,
                Noop::Takes(time) => {
                    std::thread::sleep(time);
                    "200 so"
                }
                Noop::AtOnce => "200 so",
            },
            _ => "200 so",
        };
        if !answer(reply) || reply.starts_with("221") {
            return;
        }
    }
}

/// For what takes a moment.
const PATIENCE: Duration = Duration::from_secs(60);
