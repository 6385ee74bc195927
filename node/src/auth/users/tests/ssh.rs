//! SSH logins: keys, certificates, chains of methods.

use std::collections::HashSet;
use std::net::IpAddr;

use super::*;
use crate::auth::key::{AuthorizedKey, Certificate, Fingerprint, PublicKey};
use crate::auth::proof::Proofs;
use crate::auth::trust::{Revoked, Trust};
use crate::auth::{Method, Methods};
use Method::{KeyboardInteractive, Password, PublicKey as Key};

const ONE: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
const TWO: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI";
const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

fn key(line: &str) -> PublicKey {
    AuthorizedKey::parse(line).unwrap().key
}

fn methods(chains: &[&str]) -> Methods {
    Methods::parse(chains.iter().copied()).unwrap()
}

fn trusting(trust: Trust, text: &str) -> World {
    let folder = Folder::new();
    let file = folder.path().join("users.toml");
    fs::write(&file, text).unwrap();
    let workers = Workers::with(1, 8, Duration::from_secs(30)).unwrap();
    World { users: Users::load(&file, workers, trust).unwrap(), folder }
}

fn world(chains: &[&str], text: &str) -> World {
    trusting(Trust { methods: methods(chains), ..Trust::default() }, text)
}

impl World {
    async fn by_key(
        &self,
        user: &str,
        key: PublicKey,
        proved: &Proofs,
    ) -> Result<Arc<Account>, Refusal> {
        let offered = self.users.accepts_key(user.as_bytes(), key.clone(), proved, CLIENT).await;
        let answer = self.ask(Attempt::ssh_key(user.as_bytes(), key, proved.clone(), CLIENT)).await;
        // Whoever would be let in is never turned away before the signature.
        assert!(offered || matches!(answer, Err(Refusal::Incorrect)), "{answer:?}");
        answer
    }

    async fn by_password(
        &self,
        user: &str,
        password: &str,
        method: Method,
        proved: &Proofs,
    ) -> Result<Arc<Account>, Refusal> {
        let secret = Secret::new(password.as_bytes().to_vec());
        self.ask(Attempt::ssh_password(user.as_bytes(), secret, method, proved.clone(), CLIENT))
            .await
    }
}

fn more(answer: Result<Arc<Account>, Refusal>, expected: &[Method]) -> Proofs {
    match answer {
        Err(Refusal::More { next, proved }) => {
            assert_eq!(next, expected);
            proved
        }
        other => panic!("{other:?}"),
    }
}

fn incorrect(answer: Result<Arc<Account>, Refusal>) {
    assert_eq!(answer.unwrap_err(), Refusal::Incorrect);
}

fn certified(change: impl FnOnce(&mut Certificate)) -> PublicKey {
    let mut certificate = Certificate {
        key_id: "bob on a laptop".to_owned(),
        serial: 7,
        principals: vec!["bob".to_owned(), "ops".to_owned()],
        authority: key(TWO).fingerprint(),
        source: None,
        valid_before: u64::MAX,
    };
    change(&mut certificate);
    key(ONE).certified(certificate)
}

#[actix::test]
async fn each_method_suffices_by_default() {
    let world = world(
        &["publickey", "password", "keyboard-interactive"],
        &bob(&format!("keys = [\"{ONE}\"]")),
    );
    let none = Proofs::default();
    assert_eq!(world.users.ssh_methods(), Method::ALL);
    assert_eq!(&*world.by_key("bob", key(ONE), &none).await.unwrap().name, "bob");
    for method in [Password, KeyboardInteractive] {
        assert_eq!(&*world.by_password("bob", RIGHT, method, &none).await.unwrap().name, "bob");
        incorrect(world.by_password("bob", "wrong", method, &none).await);
    }
    incorrect(world.by_key("bob", key(TWO), &none).await);
    incorrect(world.by_key("eve", key(ONE), &none).await);
    assert!(!world.users.accepts_key(b"bob", key(TWO), &none, CLIENT).await);
    assert!(!world.users.accepts_key(b"eve", key(ONE), &none, CLIENT).await);
}

#[actix::test]
async fn a_chain_is_taken_in_order_and_step_by_step() {
    let world = world(&["publickey+password"], &bob(&format!("keys = [\"{ONE}\"]")));
    let none = Proofs::default();
    assert_eq!(world.users.ssh_methods(), [Key]);
    // Not even the right password counts before the key, nor is it remembered.
    incorrect(world.by_password("bob", RIGHT, Password, &none).await);
    assert!(!world.cached("bob", RIGHT));
    let proved = more(world.by_key("bob", key(ONE), &none).await, &[Password]);
    assert_eq!(proved.methods(), [Key]);
    incorrect(world.by_password("bob", "wrong", Password, &proved).await);
    incorrect(world.by_password("bob", RIGHT, KeyboardInteractive, &proved).await);
    incorrect(world.by_key("bob", key(ONE), &proved).await);
    assert!(!world.users.accepts_key(b"bob", key(ONE), &proved, CLIENT).await);
    // What bob proved is worth nothing to eve.
    incorrect(world.by_password("eve", RIGHT, Password, &proved).await);
    assert_eq!(&*world.by_password("bob", RIGHT, Password, &proved).await.unwrap().name, "bob");
}

#[actix::test]
async fn what_was_proved_must_still_hold() {
    let keys = |line: &str| bob(&format!("keys = [\"{line}\"]"));
    let first = world(&["publickey+password"], &keys(ONE));
    let proved = more(first.by_key("bob", key(ONE), &Proofs::default()).await, &[Password]);
    save::replace(&first.file(), &keys(TWO)).unwrap();
    incorrect(first.by_password("bob", RIGHT, Password, &proved).await);
    save::replace(&first.file(), &keys(ONE)).unwrap();
    first.by_password("bob", RIGHT, Password, &proved).await.unwrap();

    let second = world(&["password+publickey"], &keys(ONE));
    let right = second.by_password("bob", RIGHT, Password, &Proofs::default()).await;
    let proved = more(right, &[Key]);
    let hash = StoredHash::make(b"another").unwrap();
    save::replace(&second.file(), &keys(ONE).replace(HASH, hash.as_str())).unwrap();
    incorrect(second.by_key("bob", key(ONE), &proved).await);
}

#[actix::test]
async fn users_may_have_methods_of_their_own_and_nobody_sees_who() {
    let text = format!(
        "{}[[user]]\nname = \"eve\"\nkeys = [\"{TWO}\"]\n",
        bob(&format!("keys = [\"{ONE}\"]\nauthentication = [\"password+publickey\"]"))
    );
    let world = world(&["publickey"], &text);
    let none = Proofs::default();
    assert_eq!(world.users.ssh_methods(), [Key, Password]);
    incorrect(world.by_key("bob", key(ONE), &none).await);
    assert_eq!(&*world.by_key("eve", key(TWO), &none).await.unwrap().name, "eve");
    let proved = more(world.by_password("bob", RIGHT, Password, &none).await, &[Key]);
    assert_eq!(&*world.by_key("bob", key(ONE), &proved).await.unwrap().name, "bob");
    // The rule is SSH's alone.
    world.login("bob", RIGHT).await.unwrap();
}

#[actix::test]
async fn a_certificate_that_is_required_is_not_spared_by_ssh() {
    let required = format!("keys = [\"{ONE}\"]\ncertificate = \"required\"\n");
    let none = Proofs::default();
    let first = world(&["publickey", "password"], &bob(&required));
    incorrect(first.by_password("bob", RIGHT, Password, &none).await);
    assert!(!first.cached("bob", RIGHT));
    first.by_key("bob", key(ONE), &none).await.unwrap();
    let second = world(&["password"], &bob(&required));
    incorrect(second.by_password("bob", RIGHT, Password, &none).await);
    // Whoever says so of a single user means it.
    let own = format!("{required}authentication = [\"password\"]");
    let third = world(&["publickey"], &bob(&own));
    third.by_password("bob", RIGHT, Password, &none).await.unwrap();
}

#[actix::test]
async fn policy_speaks_after_the_last_step() {
    let more_keys = format!("keys = [\"{ONE}\"]\nprotocols = [\"ftp\"]");
    let world = world(&["publickey+password"], &bob(&more_keys));
    let proved = more(world.by_key("bob", key(ONE), &Proofs::default()).await, &[Password]);
    let refusal = world.by_password("bob", RIGHT, Password, &proved).await.unwrap_err();
    assert_eq!(refusal, Refusal::Policy("this account may not log in by ssh".to_owned()));
}

#[actix::test]
async fn keys_have_conditions() {
    for (options, good) in [
        ("", true),
        ("from=\\\"192.0.2.0/24\\\" ", true),
        ("from=\\\"198.51.100.0/24\\\" ", false),
        ("expiry-time=\\\"20200101\\\" ", false),
        ("expiry-time=\\\"29990101\\\",restrict ", true),
        ("cert-authority ", false),
    ] {
        let world = world(&["publickey"], &bob(&format!("keys = [\"{options}{ONE}\"]")));
        let answer = world.by_key("bob", key(ONE), &Proofs::default()).await;
        assert_eq!(answer.is_ok(), good, "{options}");
    }
}

#[actix::test]
async fn revoked_keys_and_certificates_let_nobody_in() {
    let folder = Folder::new();
    let list = folder.path().join("revoked");
    let certificate = || certified(|_| {});
    for (line, key_goes, certificate_goes) in [
        (ONE.to_owned(), true, true),
        (key(ONE).fingerprint().to_string(), true, true),
        (TWO.to_owned(), false, true),
        ("serial: 7".to_owned(), false, true),
        ("id: bob on a laptop".to_owned(), false, true),
        ("serial: 8".to_owned(), false, false),
    ] {
        fs::write(&list, &line).unwrap();
        let mut ssh = crate::config::load_flags(&[]).unwrap().0.ssh;
        ssh.revoked_keys = Some(list.clone());
        let mut trust = Trust::load(&ssh).unwrap();
        trust.authorities = HashSet::from([key(TWO).fingerprint()]);
        let world = trusting(trust, &bob(&format!("keys = [\"{ONE}\"]")));
        let none = Proofs::default();
        assert_eq!(world.by_key("bob", key(ONE), &none).await.is_err(), key_goes, "{line}");
        let answer = world.by_key("bob", certificate(), &none).await;
        assert_eq!(answer.is_err(), certificate_goes, "{line}");
    }
}

#[actix::test]
async fn certificates_need_a_trusted_authority_and_a_principal() {
    let authorities = HashSet::from([key(TWO).fingerprint()]);
    let trust = || Trust { authorities: authorities.clone(), ..Trust::default() };
    let none = Proofs::default();
    let world = trusting(trust(), &format!("{}[[user]]\nname = \"eve\"\n", bob("")));
    assert_eq!(&*world.by_key("bob", certified(|_| {}), &none).await.unwrap().name, "bob");
    incorrect(world.by_key("eve", certified(|_| {}), &none).await);
    incorrect(world.by_key("ops", certified(|_| {}), &none).await);
    // The transport asks with the bare key: whoever may hold a certificate must come that far.
    for user in [&b"bob"[..], b"eve", b"nobody"] {
        assert!(world.users.accepts_key(user, key(ONE), &none, CLIENT).await);
    }
    incorrect(world.by_key("bob", key(ONE), &none).await);
    let changes: [fn(&mut Certificate); 4] = [
        |certificate| certificate.principals.clear(),
        |certificate| certificate.authority = Fingerprint([0; 32]),
        |certificate| certificate.valid_before = 1_577_836_800,
        |certificate| certificate.source = Some(vec!["198.51.100.0/24".parse().unwrap()]),
    ];
    for change in changes {
        incorrect(world.by_key("bob", certified(change), &none).await);
    }
    let near = certified(|it| it.source = Some(vec!["192.0.2.0/24".parse().unwrap()]));
    world.by_key("bob", near, &none).await.unwrap();

    let world = trusting(trust(), &bob("principals = [\"ops\"]"));
    world.by_key("bob", certified(|_| {}), &none).await.unwrap();
    incorrect(world.by_key("bob", certified(|it| it.principals = vec!["bob".into()]), &none).await);
    let world = trusting(Trust { revoked: Revoked::default(), ..trust() }, &bob("disabled = true"));
    let refusal = world.by_key("bob", certified(|_| {}), &none).await.unwrap_err();
    assert_eq!(refusal, Refusal::Policy("this account is disabled".to_owned()));
}

#[actix::test]
async fn a_user_may_have_an_authority_of_their_own() {
    let none = Proofs::default();
    let text = |options: &str| {
        let own = bob(&format!("keys = [\"cert-authority{options} {TWO}\"]"));
        format!("{own}[[user]]\nname = \"eve\"\nprincipals = [\"bob\"]\n")
    };
    let world = world(&["publickey"], &text(""));
    world.by_key("bob", certified(|_| {}), &none).await.unwrap();
    incorrect(world.by_key("eve", certified(|_| {}), &none).await);
    incorrect(world.by_key("bob", key(ONE), &none).await);
    for (options, good) in [
        (",principals=\\\"ops\\\"", true),
        (",principals=\\\"dev\\\"", false),
        (",from=\\\"198.51.100.1\\\"", false),
        (",expiry-time=\\\"20200101\\\"", false),
    ] {
        let world = super::ssh::world(&["publickey"], &text(options));
        let answer = world.by_key("bob", certified(|_| {}), &none).await;
        assert_eq!(answer.is_ok(), good, "{options}");
    }
}

/// With one worker that is held up: whatever needs a hash does not get by.
#[actix::test]
async fn every_password_costs_a_hash_whoever_it_is_of() {
    let folder = Folder::new();
    let file = folder.path().join("users.toml");
    let text = format!(
        "{}[[user]]\nname = \"keyed\"\nkeys = [\"{ONE}\"]\n[[user]]\nname = \"chained\"\n\
         password = \"{HASH}\"\nauthentication = [\"publickey+password\"]\n",
        bob("")
    );
    fs::write(&file, text).unwrap();
    let workers = Workers::with(1, 8, Duration::from_millis(50)).unwrap();
    let users = Users::load(&file, Arc::clone(&workers), Trust::default()).unwrap();
    let (release, gate) = std::sync::mpsc::channel::<()>();
    let held = actix_rt::spawn(async move { workers.run(move || gate.recv()).await });
    tokio::task::yield_now().await;
    for user in ["bob", "eve", "keyed", "chained"] {
        for method in [Password, KeyboardInteractive] {
            let secret = Secret::new(RIGHT.as_bytes().to_vec());
            let attempt =
                Attempt::ssh_password(user.as_bytes(), secret, method, Proofs::default(), CLIENT);
            let refusal = users.authenticate(attempt).await.unwrap_err();
            assert_eq!(refusal, Refusal::Unavailable(Failure::Internal), "{user}");
        }
        let attempt = Attempt::ssh_key(user.as_bytes(), key(TWO), Proofs::default(), CLIENT);
        incorrect(users.authenticate(attempt).await);
    }
    drop(release);
    let _ = held.await;
}

#[actix::test]
async fn without_a_method_ssh_lets_nobody_in() {
    let world = world(&["publickey+password"], &bob(""));
    let whole = Attempt { protocol: Protocol::Ssh, ..attempt("bob", Some(RIGHT)) };
    incorrect(world.ask(whole).await);
}
