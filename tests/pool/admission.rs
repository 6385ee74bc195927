//! Limits that hold for all nodes together.

use std::net::Ipv4Addr;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use flotilla_tests::{Fleet, PASSWORD, Redis, User, Wire, wait};

use super::{BEATS, DEAD, RECOVERY};

/// A client of its own address.
fn client(number: u16) -> Ipv4Addr {
    let [high, low] = number.to_be_bytes();
    Ipv4Addr::new(127, 201, high, low)
}

#[track_caller]
fn assert_limited(attempt: Result<Wire, String>, key: &str) {
    let text = attempt.expect_err("the limit holds");
    assert!(text.contains(key), "{key} is not in {text}");
}

/// 200 clients at once, and a limit of 50: exactly 50 are in.
#[test]
fn sessions_are_counted_exactly() {
    const CLIENTS: u16 = 200;
    let redis = Redis::start();
    let fleet = Fleet::plan(redis.url()).set("limits.sessions", 50).start(3);
    let all_ready = Barrier::new(usize::from(CLIENTS));
    let replies: Vec<(Wire, u16, String)> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (fleet, all_ready) = (&fleet, &all_ready);
                scope.spawn(move || {
                    let node = &fleet[usize::from(number % 3)];
                    let mut wire = Wire::connect_from(client(number), node.ftp());
                    wire.expect(220);
                    wire.ask("USER alice", 331);
                    all_ready.wait();
                    let reply = wire.ask_any(format!("PASS {PASSWORD}"), &[230, 421, 530]);
                    (wire, reply.code, reply.text())
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    let (admitted, refused): (Vec<_>, Vec<_>) =
        replies.into_iter().partition(|(_, code, _)| *code == 230);
    assert_eq!(admitted.len(), 50);
    assert!(refused.iter().all(|(.., text)| text.contains("limits.sessions")), "{refused:?}");
    wait::told(BEATS, "50 sessions in who", || (fleet[2].who().len() == 50).then_some(()));
    drop(admitted);
    let mut again = Vec::new();
    wait::until("50 free places", || {
        again.extend(fleet[again.len() % 3].attempt("alice"));
        (again.len() == 50).then_some(())
    });
    assert_limited(fleet[0].attempt("alice"), "limits.sessions");
}

/// `limits.per_user` and a user's own `limits.sessions`.
#[test]
fn sessions_of_a_user_are_counted() {
    let redis = Redis::start();
    let fleet = Fleet::plan(redis.url())
        .set("limits.per_user", 2)
        .user(User::new("bob"))
        .user(User::new("carol").set("limits.sessions", 1))
        .start(3);
    let held = [0, 1].map(|node: usize| fleet[node].login_as("alice"));
    assert_limited(fleet[2].attempt("alice"), "limits.per_user");
    let _others = [fleet[2].login_as("bob"), fleet[0].login_as("carol")];
    assert_limited(fleet[1].attempt("carol"), "user.limits.sessions");
    drop(held);
    wait::until("a free place", || fleet[2].attempt("alice").ok());
}

/// `limits.per_address`.
#[test]
fn sessions_of_an_address_are_counted() {
    let redis = Redis::start();
    let fleet = Fleet::plan(redis.url()).set("limits.per_address", 2).start(3);
    let held = [0, 1].map(|node: usize| fleet[node].login());
    assert_limited(fleet[2].attempt("alice"), "limits.per_address");
    fleet[2].attempt_from(Some(client(1)), "alice").unwrap();
    drop(held);
    wait::until("a free place", || fleet[2].attempt("alice").ok());
}

/// `limits.logins_per_second`: a second's worth at once, then as many per second as there may be.
#[test]
fn logins_per_second_are_counted() {
    const RATE: u32 = 10;
    let redis = Redis::start();
    let fleet = Fleet::plan(redis.url()).set("limits.logins_per_second", i64::from(RATE)).start(3);
    let begun = Instant::now();
    let (mut admitted, mut refused) = (0, 0);
    let mut nodes = fleet.nodes().iter().cycle();
    while begun.elapsed() < Duration::from_secs(3) {
        match nodes.next().unwrap().attempt("alice") {
            Ok(_) => admitted += 1,
            Err(text) => {
                assert!(text.contains("limits.logins_per_second"), "{text}");
                refused += 1;
            }
        }
    }
    let most = begun.elapsed().as_secs_f64() * f64::from(RATE) + f64::from(RATE);
    assert!(f64::from(admitted) <= most, "{admitted} in {:?}", begun.elapsed());
    assert!(admitted >= 2 * RATE && refused > 0, "{admitted} admitted, {refused} refused");
}

/// The places of a killed node come back when it is dead.
#[test]
fn places_of_a_killed_node_come_back() {
    let redis = Redis::start();
    let mut fleet = Fleet::plan(redis.url()).set("limits.sessions", 2).start(2);
    let _lost = [fleet[1].login(), fleet[1].login()];
    assert_limited(fleet[0].attempt("alice"), "limits.sessions");
    fleet[1].kill();
    wait::told(DEAD, "a free place", || fleet[0].attempt("alice").ok());
}

/// While Redis is away each node lets its share in, rounded up; when it is back, all are counted.
#[test]
fn shares_hold_without_redis() {
    let mut redis = Redis::start();
    let fleet = Fleet::plan(redis.url()).set("limits.sessions", 7).start(3);
    redis.kill();
    fleet.wait_for_store(BEATS, "degraded");
    let mut held = Vec::new();
    for node in fleet.nodes() {
        held.extend((0..3).map(|_| node.attempt("alice").expect("a share of three")));
        assert_limited(node.attempt("alice"), "limits.sessions");
    }
    redis.start_empty();
    fleet.wait_for_store(RECOVERY, "fine");
    wait::told(BEATS, "nine sessions in who", || (fleet[0].who().len() == 9).then_some(()));
    // Two above the limit: the third that goes makes place for one.
    drop(held.split_off(7));
    wait::told(BEATS, "seven sessions in who", || (fleet[0].who().len() == 7).then_some(()));
    assert_limited(fleet[0].attempt("alice"), "limits.sessions");
    held.pop();
    wait::until("a free place", || fleet[0].attempt("alice").ok());
}
