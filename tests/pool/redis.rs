//! Redis is killed, stops, forgets, goes back in time, is full or slow: clients do not notice.

use std::time::{Duration, Instant};

use flotilla_tests::{DEADLINE, Fleet, Proxy, Redis, wait};
use rustix::process::Signal;

use super::storm::{Storm, while_away};
use super::{BEATS, RECOVERY};

/// `kill -9`, and nothing was saved.
#[test]
fn it_is_killed() {
    let mut redis = Redis::start();
    let storm = Storm::start(redis.url());
    redis.kill();
    storm.endure(Duration::ZERO);
    redis.start_empty();
    storm.end();
}

/// SIGSTOP: connections stand, and nothing is answered.
#[test]
fn it_stops() {
    let redis = Redis::start();
    let storm = Storm::start(redis.url());
    redis.stop();
    storm.endure(while_away());
    redis.cont();
    storm.end();
}

/// FLUSHALL: the nodes tell again what they hold, and limits hold with it.
#[test]
fn it_forgets() {
    let redis = Redis::start();
    let storm = Storm::start(redis.url());
    redis.flush_all();
    storm.serve(Duration::ZERO);
    storm.end();
}

/// Sessions that Redis forgot still count.
#[test]
fn forgotten_sessions_count() {
    let redis = Redis::start();
    let mut fleet = Fleet::plan(redis.url()).set("limits.sessions", 3).start(3);
    let mut held: Vec<_> = fleet.nodes().iter().map(|node| node.login()).collect();
    redis.flush_all();
    fleet.wait_until_ready();
    wait::told(RECOVERY, "all sessions in who", || (fleet[0].who().len() == 3).then_some(()));
    for node in fleet.nodes() {
        let text = node.attempt("alice").expect_err("the limit holds");
        assert!(text.contains("limits.sessions"), "{text}");
    }
    held.iter_mut().for_each(|wire| drop(wire.ask("NOOP", 200)));
    drop(held);
    wait::until("a free place", || fleet[1].attempt("alice").ok());
}

/// Data of before the clients came: as after a failover that lost writes.
#[test]
fn it_goes_back_in_time() {
    let mut redis = Redis::start();
    let mut storm = Storm::prepare(redis.url());
    let old = redis.snapshot();
    storm.begin();
    redis.restore(&old);
    storm.end();
}

/// Data of before in the middle of the pool's life: who has come since is known again, who has gone
/// does not come back.
#[test]
fn what_it_forgot_is_told_again() {
    let mut redis = Redis::start();
    let mut fleet = Fleet::start(&redis, 3);
    let gone = fleet[0].login();
    wait::told(BEATS, "the first session", || (fleet[1].who().len() == 1).then_some(()));
    let old = redis.snapshot();
    drop(gone);
    let mut stays = fleet[2].login();
    wait::told(BEATS, "the second session", || {
        let sessions = fleet[1].who();
        (sessions.len() == 1 && sessions[0]["node"] == "n3").then_some(())
    });
    fleet[1].kill();
    redis.restore(&old);
    fleet.wait_until_ready();
    for seer in [0, 2] {
        wait::told(RECOVERY, "the second session alone", || {
            let told = fleet[seer].try_tell(&["who"])?;
            let sessions = told["sessions"].as_array()?;
            (sessions.len() == 1 && sessions[0]["node"] == "n3").then_some(())
        });
        fleet.wait_for_state(RECOVERY, seer, "n2", "dead");
    }
    stays.ask("NOOP", 200);
}

/// `maxmemory` with `noeviction`: every write is refused.
#[test]
fn it_is_full() {
    let redis = Redis::start();
    let storm = Storm::start(redis.url());
    redis.fill();
    storm.endure(Duration::ZERO);
    redis.make_room();
    storm.end();
}

/// Slower, but within the limit of patience: nothing is degraded. Beyond it: degraded, and served.
#[test]
fn it_is_slow() {
    let redis = Redis::start();
    let proxy = Proxy::start(redis.address());
    let storm = Storm::start(redis.url_at(proxy.address()));
    proxy.delay(Duration::from_millis(50));
    storm.serve(Duration::from_secs(1));
    storm.fleet.wait_for_store(Duration::from_secs(5), "fine");
    proxy.delay(Duration::from_millis(400));
    storm.endure(Duration::ZERO);
    proxy.delay(Duration::ZERO);
    storm.end();
}

/// Connections break, again and again.
#[test]
fn its_connections_break() {
    let redis = Redis::start();
    let proxy = Proxy::start(redis.address());
    let storm = Storm::start(redis.url_at(proxy.address()));
    for _ in 0..5 {
        proxy.cut();
        storm.serve(Duration::from_millis(200));
    }
    storm.end();
}

/// A node is not kept from ending by a Redis that does not answer.
#[test]
fn nodes_end_without_it() {
    let redis = Redis::start();
    let mut fleet = Fleet::start(&redis, 2);
    redis.stop();
    fleet[0].signal(Signal::TERM);
    assert_eq!(fleet[0].wait(Duration::from_secs(10)), Some(0));
    fleet[1].signal(Signal::TERM);
    assert_eq!(fleet[1].wait(Duration::from_secs(10)), Some(0));
    redis.cont();
}

/// A password that is wrong, or missing: exit code 4 and the reason, at once.
#[test]
fn a_wrong_password_is_refused() {
    let redis = Redis::builder().password("correct").start();
    let plan = Fleet::plan(redis.url());
    let right = plan.secret("right.password", "correct\n");
    let wrong = plan.secret("wrong.password", "mistaken\n");
    let mut fleet = plan.prepare();
    let begun = Instant::now();
    for node in
        [fleet.another("n1").set("pool.store_password_file", wrong.as_path()), fleet.another("n1")]
    {
        let said = node.verb(&["serve"]).deadline(DEADLINE).exit(4);
        assert!(said.stderr.contains("password"), "{said}");
        assert!(!said.stderr.contains("mistaken"), "{said}");
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let node = fleet.another("n1").set("pool.store_password_file", right.as_path());
    fleet.join(node);
    fleet.wait_until_ready();
}

/// A user that may touch the pool's own keys and nothing dangerous, over TLS with an authority of
/// one's own.
#[test]
fn a_user_of_its_own_over_tls_suffices() {
    let redis = Redis::builder().user("pool", "correct").tls().start();
    let plan = Fleet::plan(redis.url()).set("pool.store_ca", redis.authority_file().as_path());
    let password = plan.secret("password", "correct\n");
    let fleet = plan.set("pool.store_password_file", password.as_path()).start(2);
    let _session = fleet[0].login();
    wait::told(BEATS, "the session", || (fleet[1].who().len() == 1).then_some(()));
    // Another authority is not believed.
    let other = fleet[0].authority_file();
    let node = fleet
        .another("n3")
        .set("pool.store_password_file", password.as_path())
        .set("pool.store_ca", other.as_path());
    let said = node.verb(&["serve"]).deadline(DEADLINE).exit(4);
    assert!(said.stderr.contains("certificate"), "{said}");
}
