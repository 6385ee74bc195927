//! The keys that this version acts on: name, default, meaning, example.

mod aws;
mod ingress;
mod telemetry;

use super::key::Key;

pub(super) use aws::AWS;
pub(super) use ingress::INGRESS;
pub(super) use telemetry::TELEMETRY;

/// Section by section, in the order of the reference.
pub(super) const TABLE: &[Key] = &[
    key(
        "node.id",
        r#""auto""#,
        "Name of the node in logs and in the pool: letters, digits, `.`, `-`, `_`; `auto`: made once and kept in the data folder.",
        r#""ftp-1""#,
    ),
    key(
        "node.data_dir",
        r#""./flotilla-data""#,
        "Folder of everything that the node makes by itself; in a file, relative to that file's folder, else to the working directory.",
        r#""/var/lib/flotilla""#,
    ),
    key(
        "node.zone",
        r#""""#,
        "Where the node is, an availability zone for instance; shown by `flotilla nodes`.",
        r#""eu-west-1a""#,
    ),
    key("node.workers", "0", "Threads that serve sessions, 1024 at most; 0: one per core.", "4"),
    key(
        "ftp.listen",
        r#"["0.0.0.0:2121"]"#,
        "Addresses for FTP and explicit FTPS; port 0: any free one.",
        r#"["0.0.0.0:21", "[::]:21"]"#,
    ),
    key(
        "ftp.implicit_tls",
        "[]",
        "Addresses for implicit FTPS, where TLS begins with the first byte.",
        r#"["0.0.0.0:990"]"#,
    ),
    key(
        "ftp.tls",
        r#""optional""#,
        "AUTH TLS on the addresses of `ftp.listen`: `off`, `optional` or `required` (before a login).",
        r#""required""#,
    ),
    key(
        "ftp.banner",
        r#""Flotilla ready""#,
        "Text of the 220 greeting, one line.",
        r#""files.example.org""#,
    ),
    key(
        "ftp.anonymous",
        "false",
        "Lets `anonymous` and `ftp` in with any password, for reading only.",
        "true",
    ),
    key(
        "ftp.active_mode",
        "true",
        "PORT and EPRT, to the client's own address and to ports from 1024 only.",
        "false",
    ),
    key(
        "ftp.passive.ports",
        r#""61000-61999""#,
        "Ports of passive data connections, `first-last` or one port; many clients can share a port.",
        r#""50000-50099""#,
    ),
    key(
        "ftp.passive.block",
        "0",
        "Ports of one block, as nodes lease them in mode `shared`, the same on all; 0: a 64th of the range, 32 at most.",
        "16",
    ),
    key(
        "ftp.passive.address",
        r#""auto""#,
        "IPv4 address that 227 tells clients; `auto`: the one that the client dialled.",
        r#""203.0.113.7""#,
    ),
    key(
        "ftp.passive.data_peer",
        r#""same""#,
        "Who may connect to a passive port: `same` address as the control connection, `prefix` (its /24 or /64), a list of networks, or `tls` (whoever resumes its TLS session).",
        r#"["10.0.0.0/8"]"#,
    ),
    key(
        "ftp.passive.data_reuse",
        r#""match""#,
        "TLS sessions of data connections: `off` (not looked at), `match` (one that is resumed must be this control connection's), `require` (each must resume it).",
        r#""require""#,
    ),
    key(
        "ssh.listen",
        r#"["0.0.0.0:2222"]"#,
        "Addresses for SFTP and SCP; empty: neither; port 0: any free one.",
        r#"["0.0.0.0:22", "[::]:22"]"#,
    ),
    key(
        "ssh.host_keys",
        "[]",
        "Private host keys in OpenSSH's form without a passphrase, readable by nobody else, relative to the file that names them; empty: those of the pool if it has a secret, else made once in the data folder.",
        r#"["/etc/ssh/ssh_host_ed25519_key"]"#,
    ),
    key(
        "ssh.authentication",
        r#"["publickey", "password", "keyboard-interactive"]"#,
        "How users prove who they are: methods or chains of them, any of which suffices; `publickey+password` asks for both in this order. Users can have their own.",
        r#"["publickey+password"]"#,
    ),
    key(
        "ssh.ciphers",
        "[]",
        "Ciphers, the best first, although a client's order counts; empty: AES-GCM, chacha20-poly1305 (first without AES instructions) and AES-CTR. Weak ones are used only where they are listed.",
        r#"["aes256-gcm@openssh.com"]"#,
    ),
    key(
        "ssh.kex",
        "[]",
        "Key exchanges; empty: mlkem768x25519-sha256 and curve25519-sha256 (also @libssh.org). Strict key exchange is always on.",
        r#"["curve25519-sha256", "diffie-hellman-group16-sha512"]"#,
    ),
    key(
        "ssh.macs",
        "[]",
        "MACs for ciphers without one of their own; empty: hmac-sha2-256-etm and hmac-sha2-512-etm.",
        r#"["hmac-sha2-512-etm@openssh.com"]"#,
    ),
    key(
        "ssh.host_key_algorithms",
        "[]",
        "How the host proves who it is, as far as it has such keys; empty: ssh-ed25519, rsa-sha2-512 and rsa-sha2-256. Keys that are made are made for these.",
        r#"["ssh-ed25519", "ecdsa-sha2-nistp256"]"#,
    ),
    key(
        "ssh.public_key_algorithms",
        "[]",
        "How keys of users and their authorities may sign; empty: ssh-ed25519, ECDSA, rsa-sha2-512, rsa-sha2-256 and both sk- kinds. A certificate's algorithm is that of its key.",
        r#"["ssh-ed25519", "sk-ssh-ed25519@openssh.com"]"#,
    ),
    key(
        "ssh.prefer_hw_aes",
        "false",
        "Leaves chacha20-poly1305 out of the default ciphers where the processor has AES instructions; OpenSSH's clients take it otherwise, and AES-GCM is faster.",
        "true",
    ),
    key(
        "ssh.user_ca_keys",
        "[]",
        "Files with the public keys, one per line, of authorities whose OpenSSH user certificates let in; relative as host keys.",
        r#"["/etc/flotilla/user_ca.pub"]"#,
    ),
    key(
        "ssh.revoked_keys",
        r#""""#,
        "File of what lets nobody in any more, one per line: a public key, `SHA256:...`, `serial: 7` or `serial: 7-9`, `id: text`; not a binary KRL; empty: none.",
        r#""/etc/flotilla/revoked_keys""#,
    ),
    key("ssh.channels", "10", "Channels of one connection at once.", "4"),
    key(
        "ssh.rekey_bytes",
        r#""1GiB""#,
        "Bytes in one direction after which keys are exchanged again, 64KiB to 1GiB.",
        r#""256MiB""#,
    ),
    key("ssh.rekey_interval", r#""1h""#, "Time after which keys are exchanged again.", r#""20m""#),
    key(
        "ssh.keepalive",
        r#""60s""#,
        "Silence after which a client is asked whether it is still there; three unanswered questions end the connection; 0s: never.",
        r#""30s""#,
    ),
    key(
        "ssh.startups",
        "100",
        "Connections of the node at once that have not logged in; more are closed at once.",
        "500",
    ),
    key(
        "ssh.banner",
        r#""""#,
        "Text shown before the login, one line; empty: none.",
        r#""Authorized use only""#,
    ),
    key(
        "tls.certificate",
        r#""""#,
        "PEM file with the certificate chain, relative to the file that names it; empty: self-signed in the data folder.",
        r#""/etc/flotilla/tls/chain.pem""#,
    ),
    key(
        "tls.key",
        r#""""#,
        "PEM file with the private key of the certificate.",
        r#""/etc/flotilla/tls/key.pem""#,
    ),
    key(
        "tls.client_ca",
        r#""""#,
        "PEM file with the authorities of client certificates; empty: clients are not asked for one.",
        r#""/etc/flotilla/tls/clients.pem""#,
    ),
    key(
        "tls.client_crl",
        "[]",
        "PEM files with revocation lists for client certificates; not empty: each certificate below the authority needs a list of its issuer that is not expired. Read again at HUP.",
        r#"["/etc/flotilla/tls/clients.crl"]"#,
    ),
    key(
        "tls.min_version",
        r#""1.2""#,
        "Oldest TLS version that is spoken: `1.2` or `1.3`.",
        r#""1.3""#,
    ),
    key(
        "host.name",
        r#""""#,
        "Name by which HOST and SNI choose this `[[host]]`; `*.example.org` for all names one level below.",
        r#""ftp.example.org""#,
    ),
    key(
        "host.certificate",
        r#""""#,
        "PEM certificate chain of this name; empty: the server's.",
        r#""/etc/flotilla/tls/ftp.example.org.pem""#,
    ),
    key(
        "host.key",
        r#""""#,
        "PEM private key of this name.",
        r#""/etc/flotilla/tls/ftp.example.org.key""#,
    ),
    key(
        "host.root",
        r#""""#,
        "Storage root of this name, relative to the data folder; empty: `storage.root`.",
        r#""/srv/ftp.example.org""#,
    ),
    key(
        "host.banner",
        r#""""#,
        "Text of the 220 reply to HOST; empty: `ftp.banner`.",
        r#""ftp.example.org""#,
    ),
    key(
        "users.file",
        r#""users.toml""#,
        "The users file, relative to the data folder.",
        r#""/etc/flotilla/users.toml""#,
    ),
    key(
        "storage.root",
        r#""files""#,
        "Folder that holds all homes, relative to the data folder.",
        r#""/srv/ftp""#,
    ),
    key(
        "storage.atomic_uploads",
        "true",
        "Uploads appear under their name when they are complete, by a rename.",
        "false",
    ),
    key(
        "storage.on_abort",
        r#""keep""#,
        "What becomes of an upload that breaks off: `keep` (its owner sees it and may resume), `publish`, `delete`.",
        r#""delete""#,
    ),
    key(
        "storage.umask",
        r#""022""#,
        "Permission bits, in octal, taken from new files (666) and directories (777).",
        r#""027""#,
    ),
    key(
        "storage.reserve",
        r#""64MiB""#,
        "Space that stays free on the file system: uploads are refused with 452 below it.",
        r#""10GiB""#,
    ),
    key(
        "storage.timeout",
        r#""30s""#,
        "How long one operation of the storage may take before it fails with 451.",
        r#""2m""#,
    ),
    key(
        "storage.partial_max_age",
        r#""7d""#,
        "Age at which an upload that broke off is removed.",
        r#""1d""#,
    ),
    key(
        "pool.name",
        r#""main""#,
        "Name of the pool: letters, digits, `.`, `-`, `_`; nodes with the same store and name are one pool.",
        r#""europe""#,
    ),
    key(
        "pool.store",
        r#""embedded""#,
        "Where the pool's state lives: `embedded` for a node alone, or a Redis: `redis://`, `redis+sentinel://` or `redis+cluster://` and hosts, `rediss` for TLS; no password.",
        r#""rediss://flotilla@redis.example.org:6379""#,
    ),
    key(
        "pool.store_password_file",
        r#""""#,
        "File with the password for the store, readable by nobody else, relative to the file that names it; empty: none.",
        r#""/etc/flotilla/redis.password""#,
    ),
    key(
        "pool.store_ca",
        r#""""#,
        "PEM file with the authorities of the store's certificate; empty: the system's.",
        r#""/etc/flotilla/redis-ca.pem""#,
    ),
    key(
        "pool.secret_file",
        r#""""#,
        "File with the secret that seals what the nodes share, the same on all, 32 bytes at least, readable by nobody else; empty: host keys and tickets are not shared.",
        r#""/etc/flotilla/pool.secret""#,
    ),
    key(
        "pool.shared_storage",
        "true",
        "The nodes of a pool share their storage, which is proved: one that does not see the mark of the others in `storage.root` is not ready. Roots of hosts are not looked at.",
        "false",
    ),
    key("limits.sessions", "0", "Logged-in sessions of the pool at once; 0: no limit.", "500"),
    key(
        "limits.per_user",
        "0",
        "Sessions of one user at once, in the whole pool; 0: no limit.",
        "10",
    ),
    key(
        "limits.per_address",
        "0",
        "Sessions from one client address or IPv6 /64 at once, in the whole pool; 0: no limit.",
        "20",
    ),
    key(
        "limits.logins_per_second",
        "0",
        "Logins that are let in per second, in the whole pool; 0: no limit.",
        "50",
    ),
    key(
        "limits.connections",
        "0",
        "Control connections, logged in or not; 0: what the descriptor limit allows.",
        "10000",
    ),
    key(
        "limits.unauthenticated",
        "0",
        "Control connections without a login on this node; 0: a quarter of `limits.connections`, 64 at least.",
        "500",
    ),
    key(
        "limits.unauthenticated_per_address",
        "256",
        "Control connections without a login from one client address or IPv6 /64 on this node; 0: no limit.",
        "8",
    ),
    key(
        "limits.login_attempts",
        "5",
        "Failed logins after which a connection is closed; 0: no limit.",
        "3",
    ),
    key(
        "limits.ban_after",
        "10",
        "Failed logins of one address within `limits.ban_window`, on all nodes together, that ban it on all; 0: never.",
        "5",
    ),
    key(
        "limits.ban_window",
        r#""10m""#,
        "How long a failed login counts towards a ban.",
        r#""1h""#,
    ),
    key("limits.ban_for", r#""30m""#, "How long an address stays banned.", r#""1d""#),
    key(
        "timeouts.login",
        r#""60s""#,
        "From the connection to a completed login; 421 and close afterwards.",
        r#""20s""#,
    ),
    key(
        "timeouts.idle",
        r#""10m""#,
        "Without a command or a byte of data in a logged-in session; 421 and close afterwards.",
        r#""5m""#,
    ),
    key(
        "timeouts.data_connect",
        r#""30s""#,
        "Until a data connection stands, and before that until a transfer uses the passive port that the client was told; 425 afterwards.",
        r#""10s""#,
    ),
    key(
        "timeouts.stalled",
        r#""5m""#,
        "Without a byte moving on a data connection; 426 afterwards.",
        r#""1m""#,
    ),
    key(
        "timeouts.drain",
        r#""10m""#,
        "Until a node that was told to stop ends what is still going on.",
        r#""1h""#,
    ),
    key(
        "timeouts.drain_notice",
        r#""0s""#,
        "Between the fall of readiness and the first client that is turned away, so that balancers and DNS can hear of it; 0s: none, or `aws.dns_ttl` and ten seconds where the node has a name in Route 53.",
        r#""30s""#,
    ),
    key(
        "health.listen",
        r#""127.0.0.1:8081""#,
        "Address of `/livez`, `/readyz`, `/metrics` and the admin API over HTTP; empty: none.",
        r#""0.0.0.0:8081""#,
    ),
    key(
        "health.tcp",
        r#""""#,
        "Address that accepts connections only while the node is ready; empty: none.",
        r#""0.0.0.0:8082""#,
    ),
    key(
        "admin.token_file",
        r#""""#,
        "File with the operator's token for the admin API, which listens at `health.listen`; 16 to 512 letters, digits and `-._~+/=`, readable by its group at the most, read again at HUP; empty: made at every start as `run/admin.token` in the data folder.",
        r#""/etc/flotilla/admin.token""#,
    ),
    key(
        "admin.read_token_file",
        r#""""#,
        "The same of a token that may only look; empty: made as `run/admin-read.token`.",
        r#""/etc/flotilla/admin-read.token""#,
    ),
];

const fn key(
    name: &'static str,
    default: &'static str,
    doc: &'static str,
    example: &'static str,
) -> Key {
    Key { name, default, doc, example }
}
