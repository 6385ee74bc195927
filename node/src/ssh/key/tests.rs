use std::time::Duration;

use russh::keys::PrivateKey;
use russh::keys::ssh_key::certificate::Builder;

use super::*;
use crate::config::load_flags;

const NOW: u64 = 1_900_000_000;

fn random(algorithm: &str) -> PrivateKey {
    let algorithm = algorithm.parse().unwrap();
    PrivateKey::random(&mut russh::keys::key::safe_rng(), algorithm).unwrap()
}

fn signatures(algorithms: &str) -> Signatures {
    Signatures::new(&load_flags(&[("ssh.public_key_algorithms", algorithms)]).unwrap().0.ssh)
}

struct World {
    authority: PrivateKey,
    user: PrivateKey,
}

impl World {
    fn new() -> Self {
        Self { authority: random("ssh-ed25519"), user: random("ecdsa-sha2-nistp256") }
    }

    fn certificate(&self, change: impl FnOnce(&mut Builder)) -> keys::Certificate {
        self.certificate_of(CertType::User, change)
    }

    fn certificate_of(
        &self,
        kind: CertType,
        change: impl FnOnce(&mut Builder),
    ) -> keys::Certificate {
        let mut builder =
            Builder::new([7; 16], self.user.public_key().clone(), NOW - 60, NOW + 60).unwrap();
        builder.serial(7).unwrap().key_id("bob on a laptop").unwrap();
        builder.cert_type(kind).unwrap();
        builder.valid_principal("bob").unwrap();
        change(&mut builder);
        builder.sign(&self.authority).unwrap()
    }
}

fn verify(certificate: &keys::Certificate, now: u64) -> Result<PublicKey, Unusable> {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now);
    verify_certificate(certificate, &signatures("[]"), now)
}

#[test]
fn plain_keys_keep_kind_and_fingerprint() {
    for algorithm in ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp521"] {
        let key = random(algorithm);
        let plain = plain(key.public_key()).unwrap();
        assert_eq!(plain.algorithm(), algorithm);
        assert_eq!(plain.fingerprint().to_string(), key.fingerprint(HashAlg::Sha256).to_string());
        let line = key.public_key().to_openssh().unwrap();
        let listed = crate::auth::key::AuthorizedKey::parse(&line).unwrap();
        assert_eq!(listed.key, plain);
    }
}

#[test]
fn a_good_certificate_says_what_it_says() {
    let world = World::new();
    let certificate = world.certificate(|builder| {
        builder.critical_option("source-address", "192.0.2.0/24,2001:db8::1").unwrap();
        builder.extension("permit-pty", "").unwrap();
    });
    let key = verify(&certificate, NOW).unwrap();
    assert_eq!(key.fingerprint(), plain(world.user.public_key()).unwrap().fingerprint());
    let claims = key.certificate().unwrap();
    assert_eq!((claims.serial, &*claims.key_id), (7, "bob on a laptop"));
    assert_eq!(claims.principals, ["bob"]);
    assert_eq!(claims.authority, plain(world.authority.public_key()).unwrap().fingerprint());
    assert!(claims.holds_from("192.0.2.9".parse().unwrap()));
    assert!(claims.holds_from("2001:db8::1".parse().unwrap()));
    assert!(!claims.holds_from("198.51.100.1".parse().unwrap()));
    assert_eq!(claims.valid_before, NOW + 60);
}

#[test]
fn certificates_have_their_time() {
    let certificate = World::new().certificate(|_| {});
    for (now, good) in [(NOW - 61, false), (NOW - 60, true), (NOW + 59, true), (NOW + 60, false)] {
        let answer = verify(&certificate, now);
        assert_eq!(answer.is_ok(), good, "{now}");
        assert!(good || answer == Err(Unusable::Time));
    }
}

#[test]
fn what_lets_nobody_in_is_refused_with_its_reason() {
    let world = World::new();
    let host = world.certificate_of(CertType::Host, |_| {});
    assert_eq!(verify(&host, NOW), Err(Unusable::NoUser));
    for (option, value) in [
        ("force-command", "ls"),
        ("verify-required", ""),
        ("source-address", "*.example.org"),
        ("new\n", ""),
    ] {
        let certificate = world.certificate(|builder| {
            builder.critical_option(option, value).unwrap();
        });
        let error = verify(&certificate, NOW).unwrap_err();
        assert_eq!(error, Unusable::Option(option.escape_debug().to_string()));
    }
    let certificate = world.certificate(|_| {});
    let only_ecdsa = signatures("ecdsa-sha2-nistp256");
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
    assert_eq!(
        verify_certificate(&certificate, &only_ecdsa, now),
        Err(Unusable::Algorithm("ssh-ed25519".to_owned()))
    );
}

#[test]
fn a_changed_certificate_is_refused() {
    let certificate = World::new().certificate(|_| {});
    let mut bytes = certificate.to_bytes().unwrap();
    let at = bytes.windows(3).position(|window| window == b"bob").unwrap();
    bytes[at] = b'r';
    let forged = keys::Certificate::from_bytes(&bytes).unwrap();
    assert_eq!(verify(&forged, NOW), Err(Unusable::Signature));
}
