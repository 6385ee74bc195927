//! The users file in use. Hashes are cheap ones, so that the tests are fast.

mod lookout;
mod ssh;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use flotilla_protocol::ftp::Failure;

use super::*;
use crate::auth::hash::StoredHash;
use crate::auth::trust::Trust;
use crate::auth::worker::Workers;
use crate::auth::{Account, Attempt, Authenticator, Protocol, Refusal, Secret};

/// A folder that is removed at the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let mut random = [0; 8];
        aws_lc_rs::rand::fill(&mut random).unwrap();
        let name = format!("flotilla-users-{:016x}", u64::from_le_bytes(random));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Of `correct horse`.
const HASH: &str = "$6$rounds=1000$B5Yno355e12J02K.$VFm6Ylo9mxcByO0l8ttShSXG2EQi3cgqTtDqY2JZhrHxGzKRLokLZ6vO/Dd8AmVgZfNlCAeHZoEc61Z9gqqUF/";

struct World {
    folder: Folder,
    users: Users,
}

impl World {
    fn new(text: &str) -> Self {
        let folder = Folder::new();
        let file = folder.path().join("users.toml");
        fs::write(&file, text).unwrap();
        let workers = Workers::with(1, 8, Duration::from_secs(30)).unwrap();
        Self { users: Users::load(&file, workers, Trust::default()).unwrap(), folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("users.toml")
    }

    async fn ask(&self, attempt: Attempt) -> Result<Arc<Account>, Refusal> {
        self.users.authenticate(attempt).await
    }

    async fn login(&self, user: &str, password: &str) -> Result<Arc<Account>, Refusal> {
        self.ask(attempt(user, Some(password))).await
    }

    fn cached(&self, user: &str, password: &str) -> bool {
        let table = self.users.table();
        table.find(user.as_bytes()).and_then(|user| user.password.clone()).is_some_and(|hash| {
            let cache = self.users.cache();
            let proof = cache.proof(user.as_bytes(), &hash, password.as_bytes());
            cache.contains(user.as_bytes(), &proof, Instant::now())
        })
    }
}

fn attempt(user: &str, password: Option<&str>) -> Attempt {
    Attempt {
        user: user.as_bytes().to_vec(),
        password: password.map(|text| Secret::new(text.as_bytes().to_vec())),
        certificate: None,
        ssh: None,
        client: [192, 0, 2, 1].into(),
        protocol: Protocol::Ftp,
    }
}

fn bob(more: &str) -> String {
    format!("[[user]]\nname = \"bob\"\npassword = \"{HASH}\"\n{more}\n")
}

const RIGHT: &str = "correct horse";

#[actix::test]
async fn right_passwords_let_in_and_nothing_else_does() {
    let world = World::new(&format!("{}[[user]]\nname = \"keyless\"\n", bob("")));
    assert_eq!(&*world.login("bob", RIGHT).await.unwrap().name, "bob");
    for (user, password) in [
        ("bob", "wrong"),
        ("bob", ""),
        ("Bob", RIGHT),
        ("eve", RIGHT),
        ("keyless", RIGHT),
        ("", ""),
    ] {
        assert_eq!(world.login(user, password).await.unwrap_err(), Refusal::Incorrect, "{user}");
        assert!(!world.cached(user, password) || (user, password) == ("bob", RIGHT));
    }
    let mut strange = attempt("bob", Some(RIGHT));
    strange.user = b"bob\xff\0".to_vec();
    assert_eq!(world.ask(strange).await.unwrap_err(), Refusal::Incorrect);
}

#[actix::test]
async fn without_a_password_everybody_is_asked_for_one() {
    let world = World::new(&bob(""));
    for user in ["bob", "eve"] {
        let answer = world.ask(attempt(user, None)).await;
        assert_eq!(answer.unwrap_err(), Refusal::NeedPassword);
    }
}

#[actix::test]
async fn policy_speaks_after_the_password_and_after_a_cache_hit() {
    let world = World::new(&bob(""));
    world.login("bob", RIGHT).await.unwrap();
    assert!(world.cached("bob", RIGHT));
    for (rule, text) in [
        ("disabled = true", "this account is disabled"),
        ("expires = 2001-01-01", "this account expired at 2001-01-01T00:00:00Z"),
        ("networks = [\"198.51.100.0/24\"]", "this account may not log in from 192.0.2.1"),
        ("protocols = [\"ftps\"]", "this account may not log in by ftp"),
    ] {
        fs::write(world.file(), bob(rule)).unwrap();
        world.users.reload().unwrap();
        assert!(world.cached("bob", RIGHT));
        let refusal = world.login("bob", RIGHT).await.unwrap_err();
        assert_eq!(refusal, Refusal::Policy(text.to_owned()));
        assert_eq!(world.login("bob", "wrong").await.unwrap_err(), Refusal::Incorrect);
    }
}

#[actix::test]
async fn a_replaced_file_holds_from_the_next_login_on() {
    let world = World::new(&bob(""));
    world.login("bob", RIGHT).await.unwrap();
    let hash = StoredHash::make(b"another").unwrap();
    save::replace(&world.file(), &bob("").replace(HASH, hash.as_str())).unwrap();
    assert_eq!(world.login("bob", RIGHT).await.unwrap_err(), Refusal::Incorrect);
    world.login("bob", "another").await.unwrap();
    save::replace(&world.file(), "").unwrap();
    assert_eq!(world.login("bob", "another").await.unwrap_err(), Refusal::Incorrect);
}

/// Two edits in a row: the second new file often gets the number that the first one gave back.
#[actix::test]
async fn a_file_under_an_inode_number_of_old_holds_at_once() {
    let world = World::new(&bob(""));
    for _ in 0..8 {
        save::replace(&world.file(), &format!("# between\n{}", bob(""))).unwrap();
        save::replace(&world.file(), "").unwrap();
        assert_eq!(world.login("bob", RIGHT).await.unwrap_err(), Refusal::Incorrect);
        save::replace(&world.file(), &bob("")).unwrap();
        world.login("bob", RIGHT).await.unwrap();
    }
}

#[actix::test]
async fn a_file_that_is_being_written_is_left_alone_until_it_is_still() {
    let world = World::new(&bob(""));
    fs::write(world.file(), "").unwrap();
    world.login("bob", RIGHT).await.unwrap();
    let file = fs::File::options().write(true).open(world.file()).unwrap();
    file.set_modified(SystemTime::now() - 2 * STILL).unwrap();
    assert_eq!(world.login("bob", RIGHT).await.unwrap_err(), Refusal::Incorrect);
}

#[actix::test]
async fn a_broken_or_missing_file_changes_nothing() {
    let world = World::new(&bob(""));
    save::replace(&world.file(), "[[user]]\nnam = 1").unwrap();
    world.login("bob", RIGHT).await.unwrap();
    assert!(world.users.reload().unwrap_err().to_string().contains("did you mean \"name\"?"));
    fs::remove_file(world.file()).unwrap();
    world.login("bob", RIGHT).await.unwrap();
    assert!(matches!(world.users.reload(), Err(UsersError::Read { .. })));
    world.login("bob", RIGHT).await.unwrap();
    save::replace(&world.file(), "").unwrap();
    assert_eq!(world.login("bob", RIGHT).await.unwrap_err(), Refusal::Incorrect);
}

#[actix::test]
async fn unknown_users_cost_a_hash_of_the_common_kind() {
    let world = World::new(&bob(""));
    let table = world.users.table();
    assert_eq!(table.decoy().unwrap().profile(), "$6$rounds=1000");
    // One worker, held up: whoever needs a hash does not get by.
    let folder = Folder::new();
    let file = folder.path().join("users.toml");
    fs::write(&file, format!("{}[[user]]\nname = \"off\"\ndisabled = true\n", bob(""))).unwrap();
    let workers = Workers::with(1, 8, Duration::from_millis(50)).unwrap();
    let users = Users::load(&file, Arc::clone(&workers), Trust::default()).unwrap();
    users.authenticate(attempt("bob", Some(RIGHT))).await.unwrap();
    let (release, gate) = std::sync::mpsc::channel::<()>();
    let held = actix_rt::spawn(async move { workers.run(move || gate.recv()).await });
    tokio::task::yield_now().await;
    for (user, password) in [("bob", "wrong"), ("eve", RIGHT), ("off", RIGHT)] {
        let refusal = users.authenticate(attempt(user, Some(password))).await.unwrap_err();
        assert_eq!(refusal, Refusal::Unavailable(Failure::Internal), "{user}");
    }
    // A remembered password needs none.
    users.authenticate(attempt("bob", Some(RIGHT))).await.unwrap();
    drop(release);
    let _ = held.await;
}

fn certified(user: &str, password: Option<&str>, der: &[u8]) -> Attempt {
    Attempt { certificate: Some(der.into()), protocol: Protocol::Ftps, ..attempt(user, password) }
}

#[actix::test]
async fn certificates_are_a_second_or_the_only_factor() {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, "bob");
    let der = params.self_signed(&key).unwrap().der().to_vec();

    let world = World::new(&bob("certificate = \"required\""));
    assert_eq!(world.login("bob", RIGHT).await.unwrap_err(), Refusal::Incorrect);
    let alone = world.ask(certified("bob", None, &der)).await;
    assert_eq!(alone.unwrap_err(), Refusal::NeedPassword);
    let wrong = world.ask(certified("bob", Some("wrong"), &der)).await;
    assert_eq!(wrong.unwrap_err(), Refusal::Incorrect);
    world.ask(certified("bob", Some(RIGHT), &der)).await.unwrap();

    let both = format!(
        "{}[[user]]\nname = \"eve\"\ncertificate = \"sufficient\"\n",
        bob("certificate = \"sufficient\"")
    );
    let world = World::new(&both);
    world.ask(certified("bob", None, &der)).await.unwrap();
    world.login("bob", RIGHT).await.unwrap();
    let other = world.ask(certified("eve", None, &der)).await;
    assert_eq!(other.unwrap_err(), Refusal::NeedPassword);
    let other = world.ask(certified("eve", Some(RIGHT), &der)).await;
    assert_eq!(other.unwrap_err(), Refusal::Incorrect);

    let world = World::new(&bob("certificate = \"sufficient\"\ndisabled = true"));
    let disabled = world.ask(certified("bob", None, &der)).await;
    assert!(matches!(disabled.unwrap_err(), Refusal::Policy(_)));

    let world = World::new(&bob(""));
    let off = world.ask(certified("bob", None, &der)).await;
    assert_eq!(off.unwrap_err(), Refusal::NeedPassword);
}

#[test]
fn a_missing_file_is_named() {
    let workers = Workers::with(1, 1, Duration::from_secs(1)).unwrap();
    let error =
        Users::load(Path::new("/nonexistent/users.toml"), workers, Trust::default()).unwrap_err();
    assert!(error.to_string().starts_with("/nonexistent/users.toml: "), "{error}");
}

#[actix::test]
async fn a_password_without_its_certificate_is_not_known_by_its_speed() {
    let world = World::new(&bob("certificate = \"required\""));
    assert_eq!(world.login("bob", RIGHT).await.unwrap_err(), Refusal::Incorrect);
    assert!(!world.cached("bob", RIGHT));
}
