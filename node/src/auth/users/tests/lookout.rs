//! Files that are not on a disk of this machine.

use std::time::Instant;

use super::*;
use crate::auth::users::lookout::PATIENCE;

#[actix::test]
async fn a_change_on_a_file_server_holds_from_the_next_login_on() {
    let world = World::new(&bob(""));
    let hash = StoredHash::make(b"another").unwrap();
    for round in 0..3 {
        world.users.set_remote();
        world.login("bob", RIGHT).await.unwrap();
        world.users.set_remote();
        save::replace(&world.file(), &bob("").replace(HASH, hash.as_str())).unwrap();
        assert_eq!(world.login("bob", RIGHT).await.unwrap_err(), Refusal::Incorrect, "{round}");
        world.users.set_remote();
        save::replace(&world.file(), &bob("")).unwrap();
    }
}

#[actix::test]
async fn logins_at_once_share_a_look() {
    let world = World::new(&bob(""));
    world.login("bob", RIGHT).await.unwrap();
    world.users.set_remote();
    let logins = (0..50).map(|_| world.users.authenticate(attempt("bob", Some(RIGHT))));
    let logins: Vec<_> = logins.map(actix_rt::spawn).collect();
    for login in logins {
        login.await.unwrap().unwrap();
    }
}

/// A named pipe that nobody writes to hangs whoever opens it, as a dead file server does.
#[actix::test]
async fn a_file_that_does_not_answer_stalls_nobody() {
    let world = World::new(&bob(""));
    world.login("bob", RIGHT).await.unwrap();
    let pipe = world.folder.path().join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    fs::rename(&pipe, world.file()).unwrap();
    // The first waits its time, the next do not; the last users stay in force for all of them.
    let begin = Instant::now();
    world.login("bob", RIGHT).await.unwrap();
    let waited = begin.elapsed();
    assert!((PATIENCE..PATIENCE * 5).contains(&waited), "{waited:?}");
    let begin = Instant::now();
    for _ in 0..100 {
        world.login("bob", RIGHT).await.unwrap();
    }
    assert!(begin.elapsed() < PATIENCE, "{:?}", begin.elapsed());
    // It comes back: somebody opens the other end, and what is read there is no users file.
    drop(fs::OpenOptions::new().write(true).open(world.file()).unwrap());
    save::replace(&world.file(), "").unwrap();
    let begin = Instant::now();
    while world.login("bob", RIGHT).await.is_ok() {
        assert!(begin.elapsed() < PATIENCE * 5, "the file is not read again");
        tokio::task::yield_now().await;
    }
}
