use std::sync::Arc;

use super::*;
use crate::chance::Chance;
use crate::client::account::Account;
use crate::client::sftp::ssh::{Cipher, Settings};
use crate::client::{Moved, Target, Wire};
use crate::load::arrival::Arrival;
use crate::load::clock::Clock;
use crate::load::tally::Sample;

const SCENARIO: &str = "title = \"A <script>alert(1)</script> title\"\nduration = \"4s\"\n\
    [protocols]\nftp = 1\nsftp = 1\n[pacing]\nmode = \"open\"\nrate = 10\nconcurrency = 4\n\
    [[mix]]\ndo = \"upload\"\nname = \"upload <b>\"\n[[mix]]\ndo = \"login\"\n[[mix]]\ndo = \"noop\"";

fn target(wire: Wire) -> Target {
    let account = Account::new("user".to_owned(), "secret".to_owned(), 1);
    let address = ([127, 0, 0, 1], 21).into();
    Target { address, data: None, account: Arc::new(account), wire }
}

fn shared() -> Shared {
    let scenario = Scenario::parse(SCENARIO, "test").unwrap();
    let settings = Settings::new(Cipher::Aes128Gcm, None);
    let targets = vec![target(Wire::Clear), target(Wire::Ssh(Arc::new(settings)))];
    Shared::new(scenario, targets, Clock::new()).unwrap()
}

fn sample(row: usize, begun_ms: u64, took_ms: u64) -> Sample {
    let (begun, latency) = (Duration::from_millis(begun_ms), Duration::from_millis(took_ms));
    let moved = Moved { bytes: 1 << 20, ..Moved::default() };
    let ended = begun + latency;
    Sample { row, begun, ended, latency, in_time: true, up: true, moved }
}

/// A report of four seconds with a bit of everything.
pub(in crate::load) fn report() -> Report {
    let shared = shared();
    let upload = [shared.row(Some(0), 0), shared.row(Some(0), 1)];
    for (client, row) in upload.into_iter().enumerate() {
        let mut book = shared.book(client).unwrap();
        book.record(&sample(row, 500, 200));
        for number in 0..10 {
            book.record(&sample(shared.row(Some(2), client), 1000 + number * 100, number));
        }
    }
    shared.book(2).unwrap().record(&sample(shared.row(Some(1), 0), 3000, 40));
    for _ in 0..2 {
        let mut book = shared.book(0).unwrap();
        book.fail(upload[0], "STOR: 550 no & never".to_owned(), Duration::from_secs(1));
        book.arrive(Duration::from_secs(2));
    }
    let (due, chance) = (Duration::from_secs(2), Chance::new(1, 7));
    let missed = Arrival { number: 7, due, protocol: 1, task: Some(2), chance };
    shared.arrive(&missed);
    shared.miss(&missed);
    let look = |second: u64| Look {
        at: Duration::from_secs(second),
        sessions: second,
        cpu: Some(Duration::from_millis(second * 500)),
        memory: Some(second << 20),
        own: Duration::from_millis(second * 100),
    };
    let looks: Vec<_> = (0..=4).map(look).collect();
    let seen = Seen { memory_before: Some(1000), looks, last: look(6), interrupted: false };
    let mut report = Report::new(&shared, &seen, "2026-01-02T03:04:05Z".to_owned()).unwrap();
    // The clock was not waited for.
    report.elapsed_seconds = 4.0;
    report.timeline = timeline(&shared.total().unwrap(), &seen.looks, shared.slot, FOUR_SECONDS);
    report
}

const FOUR_SECONDS: Duration = Duration::from_secs(4);

#[test]
fn rows_are_by_operation_and_protocol() {
    let report = report();
    let rows = report.operations.iter().map(|row| report.label(&row.name, row.protocol));
    assert_eq!(
        rows.collect::<Vec<_>>(),
        ["login (FTP)", "upload <b> (FTP)", "upload <b> (SFTP)", "noop (FTP)", "noop (SFTP)"]
    );
    let uploads = &report.operations[1];
    assert_eq!((uploads.count, uploads.errors), (1, 2));
    assert!((uploads.p50_us.unwrap() - 200_000.0).abs() < 200.0, "{uploads:?}");
    assert_eq!(report.errors[0].count, 2);
    assert_eq!((report.totals.due, report.totals.missed), (3, 1));
}

#[test]
fn the_timeline_has_what_happened_when() {
    let report = report();
    let at = |seconds: f64| report.timeline.iter().find(|point| point.at_seconds == seconds);
    assert_eq!(at(0.5).unwrap().per_second, 4.0);
    assert_eq!(at(0.5).unwrap().up_mebibytes_per_second, 4.0);
    assert_eq!(at(1.0).unwrap().errors, 2);
    assert_eq!((at(2.0).unwrap().due_per_second, at(2.0).unwrap().missed), (6.0, 1));
    assert_eq!(at(0.0).unwrap().p50_us, None);
    assert_eq!(at(1.0).unwrap().server_processors, Some(0.5));
    let server = report.server.as_ref().unwrap();
    assert_eq!((server.memory_before_bytes, server.memory_max_bytes), (1000, 6 << 20));
    // What was spent after the end belongs to the operations that were finished there.
    assert_eq!((server.cpu_seconds, server.processors), (3.0, 0.5));
    let each = server.cpu_seconds_per_operation.unwrap();
    assert_eq!(each, 3.0 / report.totals.operations as f64);
}

#[test]
fn a_curve_goes_as_far_as_there_are_operations() {
    let mut latency = crate::report::latency().unwrap();
    for micros in 1..=1000 {
        latency.record(micros * 1000).unwrap();
    }
    let all = curve(&latency, 0);
    assert_eq!(all.len(), 31);
    assert!((all[10].0 - 0.9).abs() < 1e-9 && (all[10].1 - 900.0).abs() < 1.0);
    assert!(all.is_sorted_by(|one, other| one.1 <= other.1));
    // With a tenth missed it ends short of 90 %.
    let short = curve(&latency, 112);
    assert_eq!(short.len(), 10);
    assert!(short.iter().zip(&all).all(|(short, all)| short.0 == all.0 && short.1 >= all.1));
}

#[test]
fn what_was_missed_counts_as_slower_than_all_others() {
    let mut latency = crate::report::latency().unwrap();
    assert_eq!(quantile_us(&latency, 0, 0.5), None);
    assert_eq!(quantile_us(&latency, 3, 0.5), None);
    for micros in 1..=90 {
        latency.record(micros * 1000).unwrap();
    }
    let at = |missed, quantile| quantile_us(&latency, missed, quantile).map(f64::round);
    assert_eq!([at(0, 0.5), at(0, 0.99), at(0, 1.0)], [Some(45.0), Some(90.0), Some(90.0)]);
    assert_eq!([at(10, 0.5), at(10, 0.9)], [Some(50.0), Some(90.0)]);
    assert_eq!([at(10, 0.91), at(10, 0.99), at(10, 0.999)], [None; 3]);
    assert_eq!(at(1000, 0.5), None);
}

#[test]
fn an_operation_says_how_many_were_missed() {
    let report = report();
    let noop = report.operations.last().unwrap();
    assert_eq!((noop.count, noop.missed, noop.p99_us), (10, 1, None));
    assert!((noop.p90_us.unwrap() - 9000.0).abs() < 10.0, "{noop:?}");
    assert_eq!(noop.latencies()[2..], ["> 9.00 ms", "> 9.00 ms", "9.00 ms"]);
    let login = &report.operations[0];
    assert_eq!((login.missed, login.latencies()[4].as_str()), (0, "40.0 ms"));
}

#[test]
fn json_has_the_figures() {
    let json = serde_json::to_value(report()).unwrap();
    assert_eq!(json["totals"]["missed"], 1);
    assert_eq!(json["operations"][1]["protocol"], "ftp");
    assert!(json["operations"][1]["p99_us"].is_number());
}
