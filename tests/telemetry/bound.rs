//! Nobody who connects can add a series: names and paths are no labels.

use std::collections::BTreeSet;
use std::thread;

use flotilla_tests::{Server, Wire};

/// Every series of `/metrics`, by its name and labels.
fn series(server: &Server) -> BTreeSet<String> {
    let (status, text) = server.get("/metrics");
    assert_eq!(status, 200, "{text}");
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples
        .filter_map(|line| Some(line.split_once("} ").or(line.rsplit_once(' '))?.0.to_owned()))
        .collect()
}

/// One of everything that the crowd does.
fn first(server: &Server) {
    let mut wire = server.connect();
    wire.ask("USER nobody", 331);
    wire.ask("PASS wrong", 530);
    let mut wire = server.login();
    wire.ask("SIZE nothing", 550);
    wire.ask("FROBNICATE", 500);
}

#[test]
fn names_and_paths_of_clients_add_no_series() {
    let server = Server::builder()
        .set("limits.ban_after", 0)
        .set("limits.login_attempts", 0)
        .set("limits.unauthenticated_per_address", 0)
        .start();
    first(&server);
    let before = series(&server);
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let server = &server;
            scope.spawn(move || guesses(server.connect(), client));
        }
        scope.spawn(|| looks(server.login()));
    });
    let refused = server.metric_where("flotilla_logins_total", "result=\"refused\"");
    assert!(refused > NAMES, "{refused} logins were refused");
    let after = series(&server);
    let new: Vec<_> = after.difference(&before).collect();
    assert!(new.is_empty(), "{} series are new, as {:?}", new.len(), new.iter().take(3));
    assert_eq!(after.len(), before.len());
}

/// Logins of this client's share of the names, all of them refused.
fn guesses(mut wire: Wire, client: u64) {
    for number in 0..NAMES / CLIENTS {
        wire.send_raw(format!("USER name-{client}-{number}\r\nPASS wrong\r\n"));
        wire.expect(331);
        wire.expect(530);
    }
}

/// Paths, and words that are no commands.
fn looks(mut wire: Wire) {
    for block in 0..PATHS / AT_ONCE {
        let lines = (0..AT_ONCE)
            .map(|number| format!("SIZE path-{block}/{number}\r\nX{block}Y{number}\r\n"));
        wire.send_raw(lines.collect::<String>());
        for _ in 0..AT_ONCE {
            wire.expect(550);
            wire.expect(500);
        }
    }
}

const NAMES: u64 = 10_000;
const PATHS: u64 = 10_000;
const CLIENTS: u64 = 8;
/// Commands without a look at the replies.
const AT_ONCE: u64 = 50;
