//! From the names in `[ssh]` to what russh negotiates.
//!
//! Of two lists the client's order counts (RFC 4253, 7.1): of its names, in its order, the first
//! that the server has at all. The order here reaches only clients that follow it, so OpenSSH's
//! clients, which name chacha20 first, take chacha20 wherever it is offered: see
//! `ssh.prefer_hw_aes`.

use russh::keys::{Algorithm, PrivateKey};
use russh::{Limits, MethodKind, MethodSet, Preferred, cipher, compression, kex, mac};

use crate::auth::Method;
use crate::config::Ssh;
use crate::config::algorithm::{Algorithms, CHACHA20, CIPHERS, HOST_KEYS, KEX, MACS, PUBLIC_KEYS};

use super::host_key::HostKeys;

/// By which algorithms keys of users and authorities may sign.
#[derive(Clone, Debug)]
pub(crate) struct Signatures(Vec<Algorithm>);

impl Signatures {
    /// Those of `ssh.public_key_algorithms`.
    pub(crate) fn new(ssh: &Ssh) -> Self {
        Self(keys(&chosen(&ssh.public_key_algorithms, PUBLIC_KEYS)))
    }

    /// Whether a signature may be of this algorithm. For every offered key and, as russh then asks
    /// with the algorithm of the certified key, every certificate.
    pub(crate) fn accept(&self, algorithm: &Algorithm) -> bool {
        self.0.contains(algorithm)
    }
}

/// What is negotiated, for a host with these keys.
pub(crate) fn preferred(ssh: &Ssh, host: &HostKeys) -> Preferred {
    let mut exchanges: Vec<_> =
        names(&chosen(&ssh.kex, KEX), |name| kex::Name::try_from(name).ok());
    // Of RFC 8308 and of the strict key exchange of OpenSSH (against Terrapin, CVE-2023-48795).
    exchanges
        .extend([kex::EXTENSION_SUPPORT_AS_SERVER, kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER]);
    Preferred {
        kex: exchanges.into(),
        key: key_algorithms(ssh, host).into(),
        host_key_certificates: (&[]).into(),
        cipher: names(&ciphers(ssh, has_aes()), |name| cipher::Name::try_from(name).ok()).into(),
        mac: names(&chosen(&ssh.macs, MACS), |name| mac::Name::try_from(name).ok()).into(),
        compression: (&[compression::NONE]).into(),
    }
}

/// When keys are exchanged again.
pub(crate) fn limits(ssh: &Ssh) -> Limits {
    let bytes = usize::try_from(ssh.rekey_bytes).unwrap_or(usize::MAX).min(1 << 30);
    Limits::new(bytes, bytes, ssh.rekey_interval)
}

/// Methods in russh's words.
pub(crate) fn method_set(methods: &[Method]) -> MethodSet {
    let kinds: Vec<_> = methods.iter().map(|&method| kind(method)).collect();
    MethodSet::from(kinds.as_slice())
}

/// The algorithms of host keys that are on: those that are listed, otherwise the defaults and those
/// of key files that are.
pub(super) fn host_key_algorithms(ssh: &Ssh, configured: &[PrivateKey]) -> Vec<Algorithm> {
    let mut algorithms = keys(&chosen(&ssh.host_key_algorithms, HOST_KEYS));
    if ssh.host_key_algorithms.is_empty() {
        let own = configured.iter().map(PrivateKey::algorithm).filter(|own| !is_rsa(own));
        for own in own {
            if !algorithms.contains(&own) {
                algorithms.push(own);
            }
        }
    }
    algorithms
}

/// Whether a host key can sign by an algorithm.
pub(super) fn fits(key: &PrivateKey, algorithm: &Algorithm) -> bool {
    key.algorithm() == *algorithm || (is_rsa(&key.algorithm()) && is_rsa(algorithm))
}

/// russh takes one list for two purposes: what the host signs by, as far as it has keys, and what
/// it tells clients that their keys may sign by (`server-sig-algs`). The latter are added where they
/// do not bring in a host key algorithm that was not asked for.
fn key_algorithms(ssh: &Ssh, host: &HostKeys) -> Vec<Algorithm> {
    let mut algorithms = host.algorithms().to_vec();
    for algorithm in Signatures::new(ssh).0 {
        let of_host = host.keys().iter().any(|key| fits(key, &algorithm));
        if !of_host && !algorithms.contains(&algorithm) {
            algorithms.push(algorithm);
        }
    }
    algorithms
}

fn ciphers(ssh: &Ssh, has_aes: bool) -> Vec<&str> {
    let mut ciphers = chosen(&ssh.ciphers, CIPHERS);
    if ssh.ciphers.is_empty() {
        match (has_aes, ssh.prefer_hw_aes) {
            (true, true) => ciphers.retain(|&name| name != CHACHA20),
            (true, false) => {}
            // The sort is stable.
            (false, _) => ciphers.sort_by_key(|&name| name != CHACHA20),
        }
    }
    ciphers
}

/// Whether the processor has instructions for AES and for the multiplication of GCM.
fn has_aes() -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    return std::arch::is_x86_feature_detected!("aes")
        && std::arch::is_x86_feature_detected!("pclmulqdq");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}

fn chosen(listed: &[String], all: Algorithms) -> Vec<&str> {
    match listed.is_empty() {
        true => all.default.to_vec(),
        false => listed.iter().map(String::as_str).collect(),
    }
}

/// That russh knows all names that the configuration knows, a test sees to.
fn names<T>(names: &[&str], find: impl Fn(&str) -> Option<T>) -> Vec<T> {
    names.iter().filter_map(|name| find(name)).collect()
}

fn keys(all: &[&str]) -> Vec<Algorithm> {
    names(all, |name| name.parse().ok())
}

fn is_rsa(algorithm: &Algorithm) -> bool {
    matches!(algorithm, Algorithm::Rsa { .. })
}

fn kind(method: Method) -> MethodKind {
    match method {
        Method::PublicKey => MethodKind::PublicKey,
        Method::Password => MethodKind::Password,
        Method::KeyboardInteractive => MethodKind::KeyboardInteractive,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_flags;
    use crate::ssh::host_key;

    fn ssh(flags: &[(&str, &str)]) -> Ssh {
        load_flags(flags).unwrap().0.ssh
    }

    fn strings<T: AsRef<str>>(names: &[T]) -> Vec<&str> {
        names.iter().map(AsRef::as_ref).collect()
    }

    #[test]
    fn russh_knows_every_name() {
        assert!(KEX.all().all(|name| kex::Name::try_from(name).is_ok()));
        assert!(CIPHERS.all().all(|name| cipher::Name::try_from(name).is_ok()));
        assert!(MACS.all().all(|name| mac::Name::try_from(name).is_ok()));
        for name in HOST_KEYS.all().chain(PUBLIC_KEYS.all()) {
            let algorithm: Algorithm = name.parse().unwrap();
            assert_eq!(algorithm.as_str(), name);
            assert!(!matches!(algorithm, Algorithm::Other(_)), "{name}");
        }
    }

    #[test]
    fn the_defaults_are_modern() {
        let ssh = ssh(&[]);
        let host = host_key::of(&["ssh-ed25519"]);
        let preferred = preferred(&ssh, &host);
        assert_eq!(
            strings(&preferred.kex),
            [
                "mlkem768x25519-sha256",
                "curve25519-sha256",
                "curve25519-sha256@libssh.org",
                "ext-info-s",
                "kex-strict-s-v00@openssh.com"
            ]
        );
        assert_eq!(strings(&preferred.mac), MACS.default);
        assert_eq!(strings(&preferred.compression), ["none"]);
        assert_eq!(
            preferred.key.iter().map(Algorithm::as_str).collect::<Vec<_>>(),
            [
                "ssh-ed25519",
                "sk-ssh-ed25519@openssh.com",
                "ecdsa-sha2-nistp256",
                "ecdsa-sha2-nistp384",
                "ecdsa-sha2-nistp521",
                "sk-ecdsa-sha2-nistp256@openssh.com",
                "rsa-sha2-512",
                "rsa-sha2-256"
            ]
        );
    }

    #[test]
    fn the_processor_decides_where_chacha20_stands() {
        let default = ssh(&[]);
        assert_eq!(ciphers(&default, true), CIPHERS.default);
        let slow = ciphers(&default, false);
        assert_eq!(slow[..2], [CHACHA20, "aes128-gcm@openssh.com"]);
        assert_eq!(slow.len(), CIPHERS.default.len());
        let fast = ssh(&[("ssh.prefer_hw_aes", "true")]);
        assert!(!ciphers(&fast, true).contains(&CHACHA20));
        assert_eq!(ciphers(&fast, false)[0], CHACHA20);
        let listed = ssh(&[("ssh.ciphers", "aes256-ctr,chacha20-poly1305@openssh.com")]);
        assert_eq!(ciphers(&listed, false), ["aes256-ctr", CHACHA20]);
    }

    #[test]
    fn a_users_algorithm_does_not_become_the_hosts() {
        let ssh = ssh(&[
            ("ssh.public_key_algorithms", "ssh-rsa,ssh-ed25519,rsa-sha2-512"),
            ("ssh.host_key_algorithms", "rsa-sha2-256"),
        ]);
        let host = host_key::of(&["rsa-sha2-256"]);
        let names = key_algorithms(&ssh, &host);
        let names: Vec<_> = names.iter().map(Algorithm::as_str).collect();
        assert_eq!(names, ["rsa-sha2-256", "ssh-ed25519"]);
        let signatures = Signatures::new(&ssh);
        assert!(signatures.accept(&Algorithm::Rsa { hash: None }));
        assert!(!signatures.accept(&"rsa-sha2-256".parse().unwrap()));
        assert!(
            !Signatures::new(&load_flags(&[]).unwrap().0.ssh)
                .accept(&Algorithm::Rsa { hash: None })
        );
    }

    #[test]
    fn limits_and_methods_are_taken_over() {
        let ssh = ssh(&[("ssh.rekey_bytes", "64KiB"), ("ssh.rekey_interval", "2s")]);
        let limits = limits(&ssh);
        assert_eq!((limits.rekey_write_limit, limits.rekey_read_limit), (64 << 10, 64 << 10));
        assert_eq!(limits.rekey_time_limit, ssh.rekey_interval);
        assert_eq!(
            *method_set(&[Method::Password, Method::PublicKey]),
            [MethodKind::Password, MethodKind::PublicKey]
        );
    }
}
