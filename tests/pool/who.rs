//! `who` and `kick`, from another node than the session's.

use flotilla_tests::content::Content;
use flotilla_tests::sftp::{open, status};
use flotilla_tests::{Fleet, Redis, Server, Sftp, Ssh, User, wait};
use serde_json::Value;

use super::{BEATS, HINTED};

/// Waits until a node tells so many sessions.
#[track_caller]
fn sessions(node: &Server, count: usize) -> Vec<Value> {
    wait::told(BEATS, &format!("{count} sessions"), || {
        Some(node.who()).filter(|sessions| sessions.len() == count)
    })
}

#[track_caller]
fn of_user(sessions: &[Value], user: &str) -> Value {
    let found = sessions.iter().find(|session| session["user"] == user);
    found.unwrap_or_else(|| panic!("{user} is not in {sessions:?}")).clone()
}

fn plan(redis: &Redis) -> flotilla_tests::fleet::Plan {
    Fleet::plan(redis.url()).user(User::new("bob")).user(User::new("carol"))
}

/// Who, how, from where, on which node, since when.
#[test]
fn sessions_of_all_nodes_are_listed() {
    let redis = Redis::start();
    let fleet = plan(&redis).start(3);
    let _alice = fleet[0].login();
    let mut bob = fleet[1].connect();
    bob.auth_tls(&fleet.tls()).login("bob");
    let _carol = Sftp::open(&Ssh::new(&fleet[2]).user("carol"));
    for node in fleet.nodes() {
        let told = sessions(node, 3);
        for (user, place, protocols) in [
            ("alice", "n1", &["ftp"][..]),
            ("bob", "n2", &["ftps"]),
            ("carol", "n3", &["ssh", "sftp"]),
        ] {
            let session = of_user(&told, user);
            assert_eq!(session["node"], place);
            assert!(session["id"].as_str().unwrap().starts_with(&format!("{place}/")), "{session}");
            assert!(session["client"].as_str().unwrap().starts_with("127.0.0.1"), "{session}");
            assert!(protocols.contains(&session["protocol"].as_str().unwrap()), "{session}");
            assert!(!session["since"].is_null(), "{session}");
        }
        let table = node.verb(&["who"]).succeed().stdout;
        assert!(["alice", "bob", "carol"].iter().all(|user| table.contains(user)), "{table}");
    }
    assert_eq!(fleet[0].tell(&["who"])["missing"], Value::Array(Vec::new()));
}

/// What it does, to which path, which way, and how much of it.
#[test]
fn transfers_are_told() {
    let redis = Redis::start();
    let fleet = plan(&redis).start(2);
    Content::new(1).write_repeated(&fleet.file("down"), 32 << 20);
    let (mut alice, mut down) = fleet[0].begin_download("down");
    let mut bob = fleet[0].login_as("bob");
    let mut up = bob.begin("STOR up");
    up.write(&[1; 100_000]).unwrap();
    let mut carol = Sftp::open(&Ssh::new(&fleet[0]).user("carol"));
    let handle = carol.open_file("/put", open::WRITE | open::CREATE);
    assert_eq!(carol.write(&handle, 0, &[2; 30_000]), status::OK);
    let told = wait::told(BEATS, "bytes of all three", || {
        let told = fleet[1].who();
        let moved = |session: &Value| session["bytes"].as_u64().is_some_and(|bytes| bytes > 0);
        (told.iter().filter(|session| moved(session)).count() == 3).then_some(told)
    });
    for (user, command, path, direction) in [
        ("alice", "RETR", "/down", "download"),
        ("bob", "STOR", "/up", "upload"),
        ("carol", "", "/put", "upload"),
    ] {
        let session = of_user(&told, user);
        assert_eq!((&session["path"], &session["direction"]), (&path.into(), &direction.into()));
        let said = session["command"].as_str().unwrap();
        assert!(!said.is_empty() && (command.is_empty() || said == command), "{session}");
    }
    assert_eq!(of_user(&told, "bob")["bytes"], 100_000);
    up.write(&[3; 50_000]).unwrap();
    wait::told(BEATS, "more bytes", || {
        (of_user(&fleet[1].who(), "bob")["bytes"] == 150_000).then_some(())
    });
    up.finish(&[]).unwrap();
    bob.expect(226);
    wait::told(BEATS, "the end of the upload", || {
        of_user(&fleet[1].who(), "bob")["path"].as_str().is_none_or(str::is_empty).then_some(())
    });
    down.read(1000).unwrap();
    drop(down);
    alice.expect_any(&[426, 451]);
}

/// One session, by its name.
#[test]
fn one_session_is_kicked() {
    let redis = Redis::start();
    let fleet = plan(&redis).start(2);
    let mut alice = fleet[0].login();
    let mut bob = fleet[0].login_as("bob");
    let mut carol = Sftp::open(&Ssh::new(&fleet[0]).user("carol"));
    let told = sessions(&fleet[1], 3);
    let kick = |user: &str| {
        let id = of_user(&told, user)["id"].as_str().unwrap().to_owned();
        let kicked = wait::within(HINTED, || Some(fleet[1].tell(&["kick", &id])));
        assert_eq!(kicked.unwrap()["kicked"], 1);
    };
    kick("alice");
    alice.expect(421);
    alice.expect_end();
    kick("carol");
    assert!(carol.has_ended());
    bob.ask("NOOP", 200);
    sessions(&fleet[1], 1);
    let said = fleet[1].verb(&["kick", "n1/999999"]).run();
    assert_eq!(said.code, Some(1), "{said}");
    let said = fleet[1].verb(&["kick"]).run();
    assert_eq!(said.code, Some(2), "{said}");
}

/// All of a user, of an address, of everybody, wherever they are; transfers too.
#[test]
fn many_sessions_are_kicked() {
    let redis = Redis::start();
    let fleet = plan(&redis).start(3);
    Content::new(1).write_repeated(&fleet.file("down"), 32 << 20);
    let mut alice = [0, 1].map(|node: usize| fleet[node].login());
    let (mut busy, _data) = fleet[2].begin_download("down");
    let mut bob = fleet[1].login_as("bob");
    let far = [127, 203, 0, 1].into();
    let mut afar = fleet[1].attempt_from(Some(far), "bob").unwrap();
    sessions(&fleet[1], 5);
    assert_eq!(fleet[1].tell(&["kick", "--user", "alice"])["kicked"], 3);
    alice.iter_mut().for_each(|wire| drop(wire.expect(421)));
    busy.expect_any(&[421, 426, 451]);
    bob.ask("NOOP", 200);
    assert_eq!(fleet[0].tell(&["kick", "--address", &far.to_string()])["kicked"], 1);
    afar.expect(421);
    bob.ask("NOOP", 200);
    let _carol = fleet[2].login_as("carol");
    assert_eq!(fleet[0].tell(&["kick", "--all"])["kicked"], 2);
    bob.expect(421);
    sessions(&fleet[0], 0);
}

/// Without Redis, what the asked node does is done, and the others are named.
#[test]
fn what_is_here_is_kicked_without_redis() {
    let mut redis = Redis::start();
    let fleet = plan(&redis).start(2);
    let mut alice = fleet[0].login();
    let mut bob = fleet[1].login_as("bob");
    sessions(&fleet[0], 2);
    redis.kill();
    // Exit code 1: not all were reached.
    let told = |verb: &[&str]| -> serde_json::Value {
        let said = fleet[0].verb(verb).arg("--json").run();
        serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
    };
    let kicked = told(&["kick", "--all"]);
    assert_eq!(kicked, serde_json::json!({ "kicked": 1, "missing": ["n2"] }));
    alice.expect(421);
    bob.ask("NOOP", 200);
    let ports = told(&["ports"]);
    assert_eq!((&ports["nodes"][0]["id"], &ports["missing"][0]), (&"n1".into(), &"n2".into()));
    let said = fleet[0].verb(&["kick", "n2/1"]).run();
    assert_eq!(said.code, Some(1), "{said}");
}
