//! The names of SSH's algorithms: which are on by default, and which only where they are listed.
//!
//! Defaults draw no failure and no warning from ssh-audit. `none` is no choice of either.

/// One kind of algorithm.
#[derive(Clone, Copy, Debug)]
pub struct Algorithms {
    /// What they are, in the plural.
    pub what: &'static str,
    /// On by default, the best first.
    pub default: &'static [&'static str],
    /// On only where they are listed.
    pub listed: &'static [&'static str],
}

impl Algorithms {
    /// All names.
    pub fn all(&self) -> impl Iterator<Item = &'static str> {
        self.default.iter().chain(self.listed).copied()
    }
}

/// `ssh.ciphers`. On a processor without instructions for AES chacha20 comes first.
pub const CIPHERS: Algorithms = Algorithms {
    what: "ciphers",
    default: &[
        "aes128-gcm@openssh.com",
        "aes256-gcm@openssh.com",
        CHACHA20,
        "aes256-ctr",
        "aes192-ctr",
        "aes128-ctr",
    ],
    listed: &["aes256-cbc", "aes192-cbc", "aes128-cbc"],
};

/// `ssh.kex`.
pub const KEX: Algorithms = Algorithms {
    what: "key exchanges",
    default: &["mlkem768x25519-sha256", "curve25519-sha256", "curve25519-sha256@libssh.org"],
    listed: &[
        "diffie-hellman-group18-sha512",
        "diffie-hellman-group17-sha512",
        "diffie-hellman-group16-sha512",
        "diffie-hellman-group15-sha512",
        "diffie-hellman-group14-sha256",
        "diffie-hellman-group-exchange-sha256",
        "ecdh-sha2-nistp521",
        "ecdh-sha2-nistp384",
        "ecdh-sha2-nistp256",
        "diffie-hellman-group14-sha1",
        "diffie-hellman-group-exchange-sha1",
        "diffie-hellman-group1-sha1",
    ],
};

/// `ssh.macs`.
pub const MACS: Algorithms = Algorithms {
    what: "MACs",
    default: &["hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com"],
    listed: &["hmac-sha2-256", "hmac-sha2-512", "hmac-sha1-etm@openssh.com", "hmac-sha1"],
};

/// `ssh.host_key_algorithms`. ssh-audit calls keys on NIST's curves a failure.
pub const HOST_KEYS: Algorithms = Algorithms {
    what: "host key algorithms",
    default: &["ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256"],
    listed: &["ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"],
};

/// `ssh.public_key_algorithms`. What users have is used; only SHA-1 is not on by default.
pub const PUBLIC_KEYS: Algorithms = Algorithms {
    what: "public key algorithms",
    default: &[
        "ssh-ed25519",
        "sk-ssh-ed25519@openssh.com",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ecdsa-sha2-nistp256@openssh.com",
        "rsa-sha2-512",
        "rsa-sha2-256",
    ],
    listed: &["ssh-rsa"],
};

/// Fast without instructions for AES, slower than AES-GCM with them.
pub const CHACHA20: &str = "chacha20-poly1305@openssh.com";
