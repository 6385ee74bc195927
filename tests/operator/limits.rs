//! `[limits]`: each names its key in the reply, and places are given back.

use flotilla_tests::{Server, User, Wire, wait};

#[track_caller]
fn assert_limited(server: &Server, user: &str, key: &str) {
    let text = server.attempt(user).expect_err("the limit holds");
    assert!(text.contains(key), "{key} is not in {text}");
}

/// A place that was given back is there for the next.
#[track_caller]
fn assert_freed(server: &Server, user: &str) {
    wait::until("a free place", || server.attempt(user).ok());
}

/// `limits.sessions`.
#[test]
fn sessions_are_limited() {
    let server = Server::builder().set("limits.sessions", 2).user(User::new("bob")).start();
    let held = [server.attempt("alice").unwrap(), server.attempt("bob").unwrap()];
    assert_limited(&server, "alice", "limits.sessions");
    drop(held);
    assert_freed(&server, "alice");
}

/// `limits.per_user`.
#[test]
fn sessions_of_a_user_are_limited() {
    let server = Server::builder().set("limits.per_user", 1).user(User::new("bob")).start();
    let held = server.attempt("alice").unwrap();
    assert_limited(&server, "alice", "limits.per_user");
    assert!(server.attempt("bob").is_ok());
    drop(held);
    assert_freed(&server, "alice");
}

/// `limits.per_address`.
#[test]
fn sessions_of_an_address_are_limited() {
    let server = Server::builder().set("limits.per_address", 1).start();
    let held = server.attempt("alice").unwrap();
    assert_limited(&server, "alice", "limits.per_address");
    let mut elsewhere = Wire::connect_from([127, 200, 6, 1], server.ftp());
    elsewhere.expect(220);
    elsewhere.login("alice");
    drop(held);
    assert_freed(&server, "alice");
}

/// The user's own `limits.sessions`.
#[test]
fn a_user_has_a_limit_of_their_own() {
    let server = Server::builder().user(User::new("bob").set("limits.sessions", 1)).start();
    let held = server.attempt("bob").unwrap();
    assert!(server.attempt("bob").is_err());
    assert!(server.attempt("alice").is_ok());
    drop(held);
    assert_freed(&server, "bob");
}

/// REIN and QUIT give the place back at once.
#[test]
fn the_end_of_a_login_gives_the_place_back() {
    let server = Server::builder().set("limits.per_user", 1).start();
    let mut first = server.attempt("alice").unwrap();
    first.ask("REIN", 220);
    let mut second = server.attempt("alice").unwrap();
    second.ask("QUIT", 221);
    assert_freed(&server, "alice");
}

/// `limits.logins_per_second`.
#[test]
fn logins_per_second_are_limited() {
    let server = Server::builder().set("limits.logins_per_second", 2).start();
    let mut refused = None;
    for _ in 0..50 {
        if let Err(text) = server.attempt("alice") {
            refused = Some(text);
            break;
        }
    }
    let text = refused.expect("fifty logins at once were let in");
    assert!(text.contains("limits.logins_per_second"), "{text}");
    assert_freed(&server, "alice");
}

/// An upload rate holds for all sessions of the user together.
#[test]
fn rates_are_shared_by_the_sessions_of_a_user() {
    let user = User::new("slow").set("limits.upload", "1MiB");
    let server = Server::builder().user(user).start();
    let begun = std::time::Instant::now();
    std::thread::scope(|scope| {
        for name in ["one", "two"] {
            let server = &server;
            scope.spawn(move || server.login_as("slow").store(name, &vec![1; 2 << 20]));
        }
    });
    // Each on its own would take 2 s; the first pieces cost nothing yet.
    assert!(begun.elapsed().as_millis() >= 3000, "4 MiB at 1 MiB/s took {:?}", begun.elapsed());
}

/// Fewer open files than `limits.connections` needs: said at the start, with both numbers.
#[test]
fn too_few_descriptors_are_told() {
    let server = Server::builder()
        .set("limits.connections", 5000)
        .wrap(["prlimit", "--nofile=1024:1024"])
        .start();
    server.wait_for_log("limit of open files");
    let log = server.log();
    let line = log.lines().find(|line| line.contains("limit of open files")).unwrap_or_default();
    assert!(line.contains("WARN"), "{log}");
    assert!(
        line.contains("limits.connections=5000") && line.contains("descriptors=1024"),
        "{line}"
    );
}
