//! Passwords that are guessed: bans by address (`limits.ban_*`), and equal times.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use flotilla_tests::{Server, Wire, wait};

fn fail_from(server: &Server, source: Ipv4Addr) -> bool {
    let Ok(mut wire) = Wire::try_connect(Some(source.into()), server.ftp()) else { return false };
    if !wire.try_reply().is_ok_and(|reply| reply.code == 220) {
        return false;
    }
    wire.ask("USER alice", 331);
    wire.send("PASS wrong");
    wire.try_reply().is_ok()
}

/// After `ban_after` failures the address is refused, other addresses are not, and the ban ends.
#[test]
fn an_address_that_guesses_is_banned_for_a_while() {
    let server = Server::builder()
        .set("limits.ban_after", 3)
        .set("limits.ban_window", "1m")
        .set("limits.ban_for", "2s")
        .start();
    let (bad, good) = (Ipv4Addr::new(127, 200, 3, 1), Ipv4Addr::new(127, 200, 3, 2));
    let mut failures = 0;
    wait::until("the ban", || {
        failures += usize::from(fail_from(&server, bad));
        (!server.greets(bad)).then_some(())
    });
    assert_eq!(failures, 3);
    assert!(server.greets(good));
    wait::until("the end of the ban", || server.greets(bad).then_some(()));
}

/// A good login in between is not a failure, and connections without a login are none either.
#[test]
fn probes_and_logins_do_not_count() {
    let server = Server::builder().set("limits.ban_after", 3).start();
    let source = Ipv4Addr::new(127, 200, 3, 3);
    for _ in 0..20 {
        drop(Wire::try_connect(Some(source.into()), server.ftp()).unwrap());
        let mut wire = Wire::connect_from(source, server.ftp());
        wire.expect(220);
        wire.login("alice");
    }
    assert!(server.greets(source));
}

/// Unknown names cost the time of known ones: the medians of many attempts lie close together.
#[test]
fn unknown_names_cost_the_same_time() {
    let server =
        Server::builder().set("limits.ban_after", 0).set("limits.login_attempts", 0).start();
    let mut wire = server.connect();
    let mut attempt = |name: String| {
        wire.ask(format!("USER {name}"), 331);
        let begun = Instant::now();
        wire.ask("PASS wrong", 530);
        begun.elapsed()
    };
    attempt("alice".to_owned());
    let (mut known, mut unknown): (Vec<Duration>, Vec<Duration>) = (0..30)
        .map(|round| (attempt("alice".to_owned()), attempt(format!("nobody{round}"))))
        .unzip();
    known.sort_unstable();
    unknown.sort_unstable();
    let (known, unknown) = (known[15].as_secs_f64(), unknown[15].as_secs_f64());
    let ratio = known.max(unknown) / known.min(unknown);
    assert!(ratio < 3.0, "known {known} s, unknown {unknown} s");
}
