//! Logins by public keys and certificates, and chains of methods.

use std::path::{Path, PathBuf};

use flotilla_tests::server::Builder;
use flotilla_tests::ssh::public;
use flotilla_tests::{Folder, Program, Server, Ssh, User, wait};

/// Keys are made before the server, whose files name them.
#[derive(Debug)]
struct Ring(Folder);

impl Ring {
    fn new() -> Self {
        Self(Folder::new())
    }

    /// A key without a passphrase.
    #[track_caller]
    fn key(&self, name: &str, kind: &str) -> PathBuf {
        let path = self.0.join(name);
        let arguments = ["-q", "-N", "", "-C", name, "-t", kind, "-f"];
        Program::new("ssh-keygen").args(arguments).arg(&path).succeed();
        path
    }

    /// Certifies a key with these arguments of ssh-keygen.
    #[track_caller]
    fn certify(&self, authority: &Path, key: &Path, arguments: &[&str]) -> PathBuf {
        let public = key.with_extension("pub");
        let sign = Program::new("ssh-keygen").args(["-q", "-s"]).arg(authority);
        sign.args(arguments).arg(public).succeed();
        let certificate = format!("{}-cert.pub", key.display());
        PathBuf::from(certificate)
    }
}

/// A server that knows alice's keys, and nothing of a password of hers.
fn server_with(keys: &[&Path]) -> Builder {
    let keys: Vec<String> = keys.iter().map(|key| public(key)).collect();
    Server::builder()
        .ssh()
        .set("limits.ban_after", 0)
        .user(User::new("alice").unset("password").set("keys", keys))
        .user(User::new("bob"))
}

#[track_caller]
fn assert_in(ssh: Ssh) {
    let said = ssh.sftp("pwd\n").succeed();
    assert!(said.stdout.contains("Remote working directory: /"), "{said}");
}

#[track_caller]
fn assert_out(ssh: Ssh) {
    let said = ssh.sftp("pwd\n").exit(255);
    assert!(said.stderr.contains("Permission denied"), "{said}");
}

/// Every kind that can be made without hardware.
#[test]
fn keys_of_all_kinds_let_in() {
    let ring = Ring::new();
    let keys = ["ed25519", "ecdsa", "rsa"].map(|kind| ring.key(kind, kind));
    let larger = ring.0.join("ecdsa521");
    Program::new("ssh-keygen")
        .args(["-q", "-N", "", "-t", "ecdsa", "-b", "521", "-f"])
        .arg(&larger)
        .succeed();
    let all: Vec<&Path> = keys.iter().map(PathBuf::as_path).chain([larger.as_path()]).collect();
    let server = server_with(&all).start();
    for key in &all {
        assert_in(Ssh::new(&server).identity(key));
    }
    for algorithm in ["rsa-sha2-256", "rsa-sha2-512"] {
        let ssh = Ssh::new(&server).identity(&keys[2]);
        assert_in(ssh.set("PubkeyAcceptedAlgorithms", algorithm));
    }
    // SHA-1 is over.
    assert_out(Ssh::new(&server).identity(&keys[2]).set("PubkeyAcceptedAlgorithms", "ssh-rsa"));
    // A key is its owner's, and alice has no password any more.
    assert_out(Ssh::new(&server).identity(&keys[0]).user("bob"));
    assert_out(Ssh::new(&server).identity(&ring.key("stranger", "ed25519")));
    assert_out(Ssh::new(&server));
}

/// Options of a line of `keys`.
#[test]
fn keys_have_conditions() {
    let ring = Ring::new();
    let (old, far, near) =
        (ring.key("old", "ed25519"), ring.key("far", "ed25519"), ring.key("near", "ed25519"));
    let lines = vec![
        format!("expiry-time=\"20200101\" {}", public(&old)),
        format!("from=\"192.0.2.0/24\" {}", public(&far)),
        format!("from=\"127.0.0.0/8\",restrict {}", public(&near)),
    ];
    let user = User::new("alice").set("keys", lines);
    let server = Server::builder().ssh().set("limits.ban_after", 0).user(user).start();
    assert_out(Ssh::new(&server).identity(&old));
    assert_out(Ssh::new(&server).identity(&far));
    assert_in(Ssh::new(&server).identity(&near));
}

/// A key that is taken away lets in no more, after a HUP or by `flotilla user`.
#[test]
fn keys_come_and_go() {
    let ring = Ring::new();
    let (first, second) = (ring.key("first", "ed25519"), ring.key("second", "ed25519"));
    let mut server = server_with(&[&first]).start();
    assert_out(Ssh::new(&server).identity(&second));
    Program::flotilla()
        .args(["user", "--config"])
        .arg(server.config_file())
        .args(["key", "add", "alice"])
        .arg(second.with_extension("pub"))
        .succeed();
    wait::until("the second key", || {
        (Ssh::new(&server).identity(&second).sftp("pwd\n").run().code == Some(0)).then_some(())
    });
    server.users().retain(|user| user.name() != "alice");
    server.users().push(User::new("alice").unset("password").set("keys", vec![public(&second)]));
    server.reload();
    wait::until("the end of the first key", || {
        (Ssh::new(&server).identity(&first).sftp("pwd\n").run().code == Some(255)).then_some(())
    });
    assert_in(Ssh::new(&server).identity(&second));
}

/// User certificates: of a known authority, for this user, now, and of a kind that is understood.
#[test]
fn certificates_let_in() {
    let ring = Ring::new();
    let (authority, stranger) = (ring.key("ca", "ed25519"), ring.key("other_ca", "ed25519"));
    let server = server_with(&[])
        .set("ssh.user_ca_keys", vec![format!("{}.pub", authority.display())])
        .start();
    let key = ring.key("id", "ed25519");
    let show = |arguments: &[&str], by: &Path| {
        let certificate = ring.certify(by, &key, arguments);
        Ssh::new(&server).identity(&key).set("CertificateFile", certificate.display())
    };
    let good = ["-I", "good", "-n", "alice", "-V", "-1m:+1h"];
    assert_in(show(&good, &authority));
    assert_in(show(&["-I", "x", "-n", "ops,alice", "-V", "-1m:+1h"], &authority));
    assert_in(show(&["-I", "x", "-n", "alice", "-O", "source-address=127.0.0.0/8"], &authority));
    assert_out(show(&good, &stranger));
    for (what, arguments) in [
        ("another's", &["-I", "x", "-n", "bob"][..]),
        ("nobody's", &["-I", "x"]),
        ("expired", &["-I", "x", "-n", "alice", "-V", "20200101:20200102"]),
        ("of the future", &["-I", "x", "-n", "alice", "-V", "20400101:20400102"]),
        ("a host's", &["-I", "x", "-n", "alice", "-h"]),
        ("from elsewhere", &["-I", "x", "-n", "alice", "-O", "source-address=192.0.2.0/24"]),
        ("with a command", &["-I", "x", "-n", "alice", "-O", "force-command=true"]),
        ("strange", &["-I", "x", "-n", "alice", "-O", "critical:never@example.org"]),
    ] {
        eprintln!("{what}");
        assert_out(show(arguments, &authority));
    }
    // bob's is bob's.
    assert_in(show(&["-I", "x", "-n", "bob"], &authority).user("bob"));
}

/// Certificates of the other kinds of keys, and one by an authority of one user only.
#[test]
fn certificates_of_other_kinds() {
    let ring = Ring::new();
    let authorities = ["ecdsa", "rsa", "ed25519"].map(|kind| ring.key(&format!("ca_{kind}"), kind));
    let files: Vec<String> =
        authorities[..2].iter().map(|key| format!("{}.pub", key.display())).collect();
    let own = format!("cert-authority,principals=\"ops\" {}", public(&authorities[2]));
    let server = Server::builder()
        .ssh()
        .set("limits.ban_after", 0)
        .set("ssh.user_ca_keys", files)
        .user(User::new("alice").set("keys", vec![own]))
        .user(User::new("bob"))
        .start();
    let id = ["-I", "x", "-n", "alice,bob,ops"];
    for (authority, kind) in [(0, "rsa"), (1, "ecdsa"), (2, "ed25519"), (2, "rsa")] {
        let key = ring.key(&format!("{kind}_{authority}"), kind);
        let certificate = ring.certify(&authorities[authority], &key, &id);
        let ssh = || Ssh::new(&server).identity(&key).set("CertificateFile", certificate.display());
        assert_in(ssh());
        if authority == 2 {
            assert_out(ssh().user("bob"));
        }
    }
}

/// `ssh.revoked_keys`: by key, serial number, id and authority; a reload reads it again.
#[test]
fn what_is_revoked_lets_nobody_in() {
    let ring = Ring::new();
    let (authority, key, plain) =
        (ring.key("ca", "ed25519"), ring.key("id", "ed25519"), ring.key("plain", "ed25519"));
    let certificate = ring.certify(&authority, &key, &["-I", "of alice", "-n", "alice", "-z", "7"]);
    let revoked = ring.0.write("revoked", "");
    let server = server_with(&[&plain])
        .set("ssh.user_ca_keys", vec![format!("{}.pub", authority.display())])
        .set("ssh.revoked_keys", revoked.as_path())
        .start();
    let certified =
        || Ssh::new(&server).identity(&key).set("CertificateFile", certificate.display());
    let is_in = |ssh: Ssh| ssh.sftp("pwd\n").run().code == Some(0);
    assert!(is_in(certified()) && is_in(Ssh::new(&server).identity(&plain)));
    for line in ["serial: 5-9", "id: of alice", &public(&key), &public(&authority), &public(&plain)]
    {
        ring.0.write("revoked", format!("# a comment\n{line}\n"));
        server.reload();
        let of_plain = line == public(&plain);
        wait::until("the revocation", || {
            let ssh = if of_plain { Ssh::new(&server).identity(&plain) } else { certified() };
            (!is_in(ssh)).then_some(())
        });
        assert_eq!(is_in(certified()), of_plain, "{line}");
        assert_eq!(is_in(Ssh::new(&server).identity(&plain)), !of_plain, "{line}");
    }
    ring.0.write("revoked", "");
    server.reload();
    wait::until("the end of revocations", || is_in(certified()).then_some(()));
}

/// `publickey+password`: both, in this order.
#[test]
fn chains_ask_for_all_of_it() {
    let ring = Ring::new();
    let (key, other) = (ring.key("id", "ed25519"), ring.key("other", "ed25519"));
    let server = Server::builder()
        .ssh()
        .set("limits.ban_after", 0)
        .set("ssh.authentication", ["publickey+password"])
        .user(User::new("alice").set("keys", vec![public(&key)]))
        .user(User::new("bob").set("keys", vec![public(&other)]))
        .user(User::new("carol").set("authentication", ["password"]))
        .start();
    let with = |methods: &str, key: &Path| {
        Ssh::new(&server).identity(key).set("PreferredAuthentications", methods)
    };
    assert_in(with("publickey,password", &key));
    assert_in(with("publickey,password", &other).user("bob"));
    let refused = [
        with("publickey", &key),
        with("password", &key),
        with("publickey,password", &other),
        with("publickey,password", &key).password("wrong"),
        with("publickey,keyboard-interactive", &key),
    ];
    refused.into_iter().for_each(assert_out);
    // A user's own chains count in place of all others'.
    assert_in(Ssh::new(&server).user("carol"));
}
