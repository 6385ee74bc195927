//! The configuration: what the operator wrote, validated into what the node runs on.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use flotilla_cluster::ports::PortRange;

pub mod algorithm;
mod assemble;
mod aws;
pub(crate) mod bytes;
mod check;
mod common;
mod error;
mod ingress;
mod key;
mod load;
mod method;
mod networks;
mod origins;
mod otlp;
mod resolve;
pub mod show;
mod source;
mod store;
mod table;
#[cfg(test)]
mod tests;
mod value;

pub use aws::{Aws, BalancerSource, DnsAddress, DnsCheck, DnsLocation, DnsPolicy, MetadataSource};
pub use check::check_files;
pub use common::Common;
pub use error::{ConfigError, Fault, Origin, Problem};
pub use ingress::{Auto, Balancer, Ingress, Mode, Proxy, Relay, ZoneAddress};
pub use key::{Key, find, keys};
#[cfg(test)]
pub(crate) use load::load_flags;
pub use load::{LoadOptions, MAIN_FILE, load};
pub use method::{Method, Methods};
pub use networks::Networks;
pub use origins::{Origins, Setting};
pub use otlp::{Endpoint, OtlpProtocol, Signal};
pub use store::Store;
pub(crate) use value::{FILTER, is_filter};

/// The whole configuration of a node, validated: whatever holds one may trust it.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "one field per section, documented there")]
pub struct Config {
    pub node: Node,
    pub ftp: Ftp,
    pub ssh: Ssh,
    pub tls: Tls,
    pub hosts: Vec<Host>,
    pub users: Users,
    pub storage: Storage,
    pub pool: Pool,
    pub ingress: Ingress,
    pub relay: Relay,
    pub limits: Limits,
    pub timeouts: Timeouts,
    pub health: Health,
    pub admin: Admin,
    pub aws: Aws,
    pub telemetry: Telemetry,
    /// Not configured but found: what the mode `auto` stands for.
    pub auto: Auto,
    /// What should be the same on all nodes of a pool.
    pub common: Common,
}

/// `[node]`.
#[derive(Clone, Debug)]
pub struct Node {
    /// `auto`: made once and kept in the data folder.
    pub id: String,
    /// Where everything lives that the node makes by itself.
    pub data_dir: PathBuf,
    /// Where the node is, as an availability zone; `None`: not told.
    pub zone: Option<String>,
    /// Arbiters; 0: one per core.
    pub workers: usize,
}

/// `[ftp]` and `[ftp.passive]`.
#[derive(Clone, Debug)]
pub struct Ftp {
    /// Explicit FTP(S) listeners; empty: no FTP.
    pub listen: Vec<SocketAddr>,
    /// Implicit FTPS listeners.
    pub implicit_tls: Vec<SocketAddr>,
    /// Whether clients may or must use AUTH TLS.
    pub tls: TlsMode,
    /// The 220 text.
    pub banner: String,
    /// Lets `anonymous` and `ftp` in, read-only.
    pub anonymous: bool,
    /// PORT and EPRT, to the client's own address only.
    pub active_mode: bool,
    /// Passive ports.
    pub passive_ports: PortRange,
    /// Ports of one block that is leased in mode `shared`; 0: as many as suit the range.
    pub passive_block: u16,
    /// The address in 227; `None` (`auto`): the one that the client dialled.
    pub passive_address: Option<std::net::Ipv4Addr>,
    /// Who may connect to a passive port.
    pub data_peer: DataPeer,
    /// Whether data connections must resume the control connection's TLS session.
    pub data_reuse: DataReuse,
}

/// `ftp.tls`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum TlsMode {
    Off,
    Optional,
    Required,
}

/// `ftp.passive.data_peer`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataPeer {
    /// The control connection's client address.
    Same,
    /// The same /24 (v4) or /64 (v6).
    Prefix,
    /// The same address, or one of these networks.
    Networks(Networks),
    /// Anybody who resumes the control connection's TLS session; clear connections as `same`.
    Tls,
}

/// `ftp.passive.data_reuse`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataReuse {
    /// Not looked at.
    Off,
    /// A data connection that resumes a session must resume this control connection's.
    Match,
    /// Every protected data connection must resume it (522 otherwise).
    Require,
}

/// `[ssh]`.
#[derive(Clone, Debug)]
pub struct Ssh {
    /// Listeners of SFTP and SCP; empty: neither.
    pub listen: Vec<SocketAddr>,
    /// Private keys in OpenSSH's form; empty: made in the data folder.
    pub host_keys: Vec<PathBuf>,
    /// By which methods users log in, who have no rule of their own.
    pub authentication: Methods,
    /// Names of [`algorithm::CIPHERS`]; empty: the defaults, as with all lists of algorithms.
    pub ciphers: Vec<String>,
    /// Names of [`algorithm::KEX`].
    pub kex: Vec<String>,
    /// Names of [`algorithm::MACS`].
    pub macs: Vec<String>,
    /// Names of [`algorithm::HOST_KEYS`].
    pub host_key_algorithms: Vec<String>,
    /// Names of [`algorithm::PUBLIC_KEYS`], for signatures of clients and of authorities.
    pub public_key_algorithms: Vec<String>,
    /// Leave chacha20-poly1305 out where the processor has instructions for AES.
    pub prefer_hw_aes: bool,
    /// Files with the public keys of those who certify users.
    pub user_ca_keys: Vec<PathBuf>,
    /// What lets nobody in any more.
    pub revoked_keys: Option<PathBuf>,
    /// Channels of one connection at once.
    pub channels: u32,
    /// Bytes in one direction after which keys are exchanged again.
    pub rekey_bytes: u64,
    /// Time after which keys are exchanged again.
    pub rekey_interval: Duration,
    /// Silence after which a client is asked whether it is there; zero: never.
    pub keepalive: Duration,
    /// Connections of the node at once that have not logged in.
    pub startups: u32,
    /// Shown before the login; `None`: nothing.
    pub banner: Option<String>,
}

/// `[tls]`.
#[derive(Clone, Debug)]
pub struct Tls {
    /// PEM chain; `None`: self-signed in the data folder.
    pub certificate: Option<PathBuf>,
    /// PEM key.
    pub key: Option<PathBuf>,
    /// PEM authorities of client certificates; `None`: none is asked for.
    pub client_ca: Option<PathBuf>,
    /// PEM lists of client certificates that were revoked; empty: revocation is not checked.
    pub client_crl: Vec<PathBuf>,
    /// `"1.2"` or `"1.3"`.
    pub min_version: TlsVersion,
}

/// `tls.min_version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum TlsVersion {
    V12,
    V13,
}

/// `[[host]]`: a name for HOST and SNI.
#[derive(Clone, Debug)]
pub struct Host {
    /// The name, lower case; `*.example.org` for a wildcard.
    pub name: String,
    /// Its own certificate; `None`: the server's.
    pub certificate: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
    /// Its own storage root.
    pub root: Option<PathBuf>,
    /// Its own 220 text.
    pub banner: Option<String>,
}

impl Host {
    /// Whether this is the host of that name; `*.example.org` has every name with one label more.
    pub fn is_called(&self, name: &str) -> bool {
        match self.name.strip_prefix("*.") {
            Some(parent) => name.split_once('.').is_some_and(|(label, rest)| {
                !label.is_empty() && rest.eq_ignore_ascii_case(parent)
            }),
            None => self.name.eq_ignore_ascii_case(name),
        }
    }
}

/// `[users]`.
#[derive(Clone, Debug)]
pub struct Users {
    /// The users file; relative names lie in the data folder.
    pub file: PathBuf,
}

/// `[storage]`.
#[derive(Clone, Debug)]
pub struct Storage {
    /// The root of all files; relative names lie in the data folder.
    pub root: PathBuf,
    /// Publish uploads by rename when they are complete.
    pub atomic_uploads: bool,
    /// What becomes of an upload that breaks off.
    pub on_abort: OnAbort,
    /// Permission bits taken from new files (0o666) and directories (0o777).
    pub umask: u32,
    /// Bytes that stay free: uploads get 452 below that.
    pub reserve: u64,
    /// How long one storage operation may take before it fails with 451.
    pub timeout: Duration,
    /// Unfinished uploads older than this are removed.
    pub partial_max_age: Duration,
}

/// `storage.on_abort`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum OnAbort {
    Keep,
    Publish,
    Delete,
}

/// `[pool]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// The name: nodes with the same store and name are one pool.
    pub name: String,
    /// Where the pool's state lives.
    pub store: Store,
    /// The password for the store, if it asks for one.
    pub store_password_file: Option<PathBuf>,
    /// PEM authorities of the store's certificate; `None`: the system's.
    pub store_ca: Option<PathBuf>,
    /// What seals the secrets that the nodes share; `None`: none are shared.
    pub secret_file: Option<PathBuf>,
    /// Whether the nodes share their storage, which is proved then.
    pub shared_storage: bool,
}

/// `[limits]`; 0: none.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub struct Limits {
    pub sessions: u32,
    pub per_user: u32,
    pub per_address: u32,
    pub logins_per_second: u32,
    /// Control connections on this node, logged in or not; 0: what the descriptor limit allows.
    pub connections: u32,
    /// Control connections on this node without a login; 0: a quarter of all.
    pub unauthenticated: u32,
    /// Those from one address, or one IPv6 /64.
    pub unauthenticated_per_address: u32,
    /// Failed logins before one connection is closed.
    pub login_attempts: u32,
    /// Failed logins of an address before it is banned; 0: never.
    pub ban_after: u32,
    pub ban_window: Duration,
    pub ban_for: Duration,
}

/// `[timeouts]`.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub struct Timeouts {
    pub login: Duration,
    pub idle: Duration,
    pub data_connect: Duration,
    pub stalled: Duration,
    pub drain: Duration,
    pub drain_notice: Duration,
}

/// `[health]`.
#[derive(Clone, Debug)]
pub struct Health {
    /// `/livez`, `/readyz`, `/metrics`; `None`: off.
    pub listen: Option<SocketAddr>,
    /// A port that is open only while the node is ready.
    pub tcp: Option<SocketAddr>,
}

/// `[admin]`: tokens for the API at `health.listen`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// The operator's token; `None`: made at every start.
    pub token_file: Option<PathBuf>,
    /// The token of those who may only look, likewise.
    pub read_token_file: Option<PathBuf>,
}

/// `[telemetry]`.
#[derive(Clone, Debug)]
pub struct Telemetry {
    /// The form of the log.
    pub log: LogFormat,
    /// The filter: a level, or levels by module as `RUST_LOG` has them.
    pub level: String,
    /// How many lines each place in the code may write in a second; 0: any number.
    pub lines_per_second: u32,
    /// How many lines below the level are kept of each session until something fails; 0: none.
    pub session_ring: usize,
    /// Where transfers are logged in xferlog(5) form; `None`: nowhere.
    pub xferlog: Option<PathBuf>,
    /// Where traces, metrics and logs are sent by OTLP; `None`: nowhere.
    pub otlp_endpoint: Option<Endpoint>,
    /// How.
    pub otlp_protocol: OtlpProtocol,
    /// What.
    pub otlp_signals: Vec<Signal>,
    /// Headers of each request, which may be secret; `None`: none.
    pub otlp_headers_file: Option<PathBuf>,
    /// Authorities that the endpoint's certificate is checked against; `None`: the system's.
    pub otlp_ca: Option<PathBuf>,
    /// For one request.
    pub otlp_timeout: Duration,
    /// How often metrics are sent.
    pub metrics_interval: Duration,
    /// The part of sessions whose traces are sent whole, 0 to 1.
    pub sample: f64,
    /// A transfer that takes longer is sent whatever was drawn; zero: none is.
    pub slow_transfer: Duration,
    /// How many users the metrics show, those who move the most bytes.
    pub top_users: usize,
}

/// `telemetry.log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum LogFormat {
    Text,
    Json,
}
