use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::OnceLock;

use super::*;
use crate::auth::users::tests::Folder;
use crate::config::load_flags;

/// Host keys for these algorithms, made for the test.
pub(in crate::ssh) fn of(algorithms: &[&str]) -> HostKeys {
    let algorithms: Vec<Algorithm> =
        algorithms.iter().map(|algorithm| algorithm.parse().unwrap()).collect();
    let make = |algorithm: &Algorithm| match algorithm {
        Algorithm::Rsa { .. } => rsa(),
        other => random(other.clone()).unwrap(),
    };
    HostKeys::new(algorithms.iter().map(make).collect(), algorithms).unwrap()
}

/// One RSA key for all tests.
fn rsa() -> PrivateKey {
    static KEY: OnceLock<PrivateKey> = OnceLock::new();
    KEY.get_or_init(|| random_rsa().unwrap()).clone()
}

fn config(folder: &Folder, flags: &[(&str, &str)]) -> Config {
    let data = folder.path().join("data");
    let mut flags = flags.to_vec();
    flags.push(("node.data_dir", data.to_str().unwrap()));
    load_flags(&flags).unwrap().0
}

fn names(keys: &HostKeys) -> Vec<String> {
    keys.fingerprints().map(|(algorithm, _)| algorithm).collect()
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

fn write(path: &Path, key: &PrivateKey, mode: u32) {
    fs::write(path, key.to_openssh(LineEnding::LF).unwrap()).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn keys_are_made_once() {
    let folder = Folder::new();
    let config = config(&folder, &[]);
    check(&config.ssh).unwrap();
    let first = load(&config).unwrap();
    assert_eq!(names(&first), ["ssh-ed25519", "ssh-rsa"]);
    let algorithms: Vec<_> = first.algorithms().iter().map(Algorithm::as_str).collect();
    assert_eq!(algorithms, ["ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256"]);
    let data = folder.path().join("data");
    assert_eq!(mode(&data.join("ssh_host_ed25519_key")), 0o600);
    let public = fs::read_to_string(data.join("ssh_host_ed25519_key.pub")).unwrap();
    assert_eq!(public, first.keys()[0].public_key().to_openssh().unwrap() + "\n");
    let second = load(&config).unwrap();
    assert_eq!(first.fingerprints().collect::<Vec<_>>(), second.fingerprints().collect::<Vec<_>>());
    assert_eq!(first.keys()[1].key_data().rsa().unwrap().public().key_size(), 3072);
}

#[test]
fn ecdsa_is_made_where_it_is_listed() {
    let folder = Folder::new();
    let config = config(&folder, &[("ssh.host_key_algorithms", "ecdsa-sha2-nistp256")]);
    assert_eq!(names(&load(&config).unwrap()), ["ecdsa-sha2-nistp256"]);
    assert!(!folder.path().join("data/ssh_host_ed25519_key").exists());
    let none = super::tests::config(&folder, &[("ssh.host_key_algorithms", "ecdsa-sha2-nistp521")]);
    let error = load(&none).unwrap_err().to_string();
    assert_eq!(
        error,
        "ssh.host_key_algorithms: none of the host keys fits any of ecdsa-sha2-nistp521"
    );
}

#[test]
fn starts_at_once_agree_on_one_key() {
    let folder = Folder::new();
    let config = config(&folder, &[("ssh.host_key_algorithms", "ssh-ed25519")]);
    let prints: Vec<_> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| load(&config).unwrap())).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    let prints: Vec<Vec<_>> = prints.iter().map(|keys| keys.fingerprints().collect()).collect();
    assert!(prints.iter().all(|print| *print == prints[0]));
    let mut left: Vec<_> = fs::read_dir(folder.path().join("data"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["ssh_host_ed25519_key", "ssh_host_ed25519_key.pub"]);
}

#[test]
fn files_that_are_named_are_used_and_judged() {
    let folder = Folder::new();
    let path = |name: &str| folder.path().join(name);
    let list = |names: &[&str]| {
        let paths: Vec<_> = names.iter().map(|name| path(name).display().to_string()).collect();
        config(&folder, &[("ssh.host_keys", &paths.join(","))])
    };
    let ed25519 = random(Algorithm::Ed25519).unwrap();
    let ecdsa = random(P256).unwrap();
    write(&path("ed25519"), &ed25519, 0o600);
    write(&path("ecdsa"), &ecdsa, 0o400);
    write(&path("rsa"), &rsa(), 0o600);
    write(&path("open"), &ecdsa, 0o640);
    write(&path("again"), &random(Algorithm::Ed25519).unwrap(), 0o600);
    let locked = ed25519.encrypt(&mut russh::keys::key::safe_rng(), "secret").unwrap();
    write(&path("locked"), &locked, 0o600);
    fs::write(path("public"), ed25519.public_key().to_openssh().unwrap()).unwrap();
    fs::set_permissions(path("public"), fs::Permissions::from_mode(0o600)).unwrap();

    let keys = load(&list(&["ecdsa", "ed25519", "rsa"])).unwrap();
    assert_eq!(names(&keys), ["ecdsa-sha2-nistp256", "ssh-ed25519", "ssh-rsa"]);
    let algorithms: Vec<_> = keys.algorithms().iter().map(Algorithm::as_str).collect();
    assert_eq!(algorithms, ["ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256", "ecdsa-sha2-nistp256"]);
    assert!(!folder.path().join("data").exists());
    for (names, why) in [
        (&["open"][..], "/open: others can use it (mode 640); `chmod 600` it"),
        (&["locked"], "/locked: is encrypted; a server can not ask"),
        (&["public"], "/public: is no private key in OpenSSH's form"),
        (&["missing"], "/missing: No such file"),
        (&["ed25519", "again"], "/again: is a second ssh-ed25519 key"),
    ] {
        let error = check(&list(names).ssh).unwrap_err().to_string();
        let error = error.replace(&*folder.path().to_string_lossy(), "");
        assert!(error.starts_with(&format!("ssh.host_keys: {why}")), "{error}");
    }
}

#[test]
fn a_broken_file_in_the_data_folder_is_not_replaced() {
    let folder = Folder::new();
    let config = config(&folder, &[]);
    let path = folder.path().join("data/ssh_host_ed25519_key");
    fs::create_dir(path.parent().unwrap()).unwrap();
    fs::write(&path, "no key").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let error = load(&config).unwrap_err().to_string();
    assert!(error.starts_with("node.data_dir: ") && error.contains("no private key"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "no key");
}
