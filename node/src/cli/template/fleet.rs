//! The nodes: their configuration, which is the operator's but for what the template makes.

use std::net::SocketAddr;

use flotilla_cluster::balancer::{Listing, ListingWant};

use super::document::literal;
use super::{Front, TemplateArgs, balancer};
use crate::cli::ConfigArgs;
use crate::cli::listing::{control, listing_want};
use crate::config::{
    Config, ConfigError, Fault, Key, Mode, Origin, Origins, Problem, Proxy, Setting,
};

/// All that the template must know.
pub(super) struct Fleet {
    /// What a node runs on.
    pub(super) config: Config,
    /// The same as a file, for [`sub`](super::document::sub).
    pub(super) toml: String,
    /// Files that it names and the template does not make.
    pub(super) files: Vec<NamedFile>,
    /// What clients reach.
    pub(super) front: Front,
    /// The listeners of the balancer, if there is one.
    pub(super) listing: Option<Listing>,
    /// Where a node says whether it is ready.
    pub(super) health: u16,
    /// What must be known, a sentence each.
    pub(super) notes: Vec<String>,
    zones: u8,
}

/// A file that the configuration names: the nodes get it from a secret.
pub(super) struct NamedFile {
    /// The parameter with the secret's ARN.
    pub(super) parameter: String,
    /// The key that names it.
    pub(super) key: String,
    /// Where the nodes have it.
    pub(super) path: String,
}

/// A key that is the template's.
struct Own {
    key: &'static str,
    value: String,
    /// How it stands in the file, if not as the value.
    text: Option<String>,
}

impl Fleet {
    /// The fleet of these arguments.
    pub(super) fn new(args: TemplateArgs) -> Result<Self, ConfigError> {
        let TemplateArgs { config: args, front, zones } = args;
        let (given, origins) = args.load()?;
        let front = front.unwrap_or_else(|| Front::of(given.ingress.mode));
        refuse(&given, &origins, front)?;
        let mut notes = Vec::new();
        let listing = (front == Front::Nlb).then(|| listing(&given));
        let mut own = own(&given, front, zones);
        if let Some(listing) = &listing {
            if balancer::is_shared(&given) {
                notes.extend(listing.notes.iter().cloned());
                own.extend(fitting(listing));
            }
            notes.extend(given.aws.dns_name.as_ref().map(|_| DNS_OF_BALANCER.to_owned()));
        } else if given.aws.dns_name.is_none() {
            notes.push(NO_NAME.to_owned());
        }
        let (files, names) = files(&given);
        let changed = own.iter().filter(|own| *origins.of(own.key) != Origin::Default);
        let changed: Vec<&str> = changed.map(|own| own.key).collect();
        let before = values(&origins, &changed);
        let mut set = args.flags();
        set.extend(own.iter().map(|own| (own.key.to_owned(), own.value.clone())));
        set.extend(names);
        let args = ConfigArgs { config: args.config, set, ..ConfigArgs::default() };
        let (mut config, origins) = args.load()?;
        for (key, before) in before {
            let after = origins.settings().find(|(other, _)| other.name == key);
            let after = after.map(|(_, setting)| setting.value.to_string()).unwrap_or_default();
            if after != before {
                notes.push(format!("{key} is the template's: {after} in place of {before}"));
            }
        }
        for host in &mut config.hosts {
            host.root = host.root.take().map(|_| host_root(&host.name).into());
        }
        let health = config.health.tcp.map_or(HEALTH.port(), |address| address.port());
        let toml = toml(&origins, &own, &config);
        let listing = listing.map(|_| self::listing(&config));
        Ok(Self { config, toml, files, front, listing, health, notes, zones })
    }

    /// The zones, from 1.
    pub(super) fn zones(&self) -> impl Iterator<Item = u8> + use<> {
        1..=self.zones
    }

    /// Whether nodes have public addresses.
    pub(super) fn public(&self) -> bool {
        self.front == Front::Dns || !balancer::is_shared(&self.config)
    }

    /// How long a node that is told to go may take, in seconds.
    pub(super) fn drain_s(&self) -> u64 {
        self.config.timeouts.drain.as_secs()
    }
}

/// What can be the same on no two machines, and what no Network Load Balancer does.
fn refuse(config: &Config, origins: &Origins, front: Front) -> Result<(), ConfigError> {
    let mut problems = Vec::new();
    let mut wrong = |key: &str, message: String| {
        let origin = origins.of(key).clone();
        problems.push(Problem {
            origin,
            key: key.to_owned(),
            fault: Fault::Contradiction(message),
        });
    };
    for (key, address) in listeners(config) {
        let ip = address.ip().to_canonical();
        if !ip.is_unspecified() && !ip.is_loopback() {
            wrong(key, format!("{address} is an address of one machine; for a fleet: 0.0.0.0"));
        } else if address.port() == 0 {
            wrong(key, format!("{address}: port 0 is another one on each node"));
        } else if key == "health.tcp" && ip.is_loopback() {
            wrong(key, format!("nobody reaches {address} from outside"));
        }
    }
    let ingress = &config.ingress;
    if front == Front::Nlb && !matches!(ingress.proxy_protocol, Proxy::Off | Proxy::Late) {
        wrong("ingress.proxy_protocol", HEADER.to_owned());
    }
    if front == Front::Nlb && ingress.data_proxy_protocol != Proxy::Off {
        wrong("ingress.data_proxy_protocol", DATA_HEADER.to_owned());
    }
    if front == Front::Nlb && control(config).len() >= LISTENERS_MAX {
        wrong("ftp.listen", format!("a Network Load Balancer has {LISTENERS_MAX} listeners"));
    }
    if problems.is_empty() { Ok(()) } else { Err(ConfigError { problems }) }
}

/// Every address at which nodes listen, with its key.
fn listeners(config: &Config) -> impl Iterator<Item = (&'static str, SocketAddr)> {
    let Config { ftp, ssh, health, relay, .. } = config;
    let lists = [
        ("ftp.listen", &ftp.listen),
        ("ftp.implicit_tls", &ftp.implicit_tls),
        ("ssh.listen", &ssh.listen),
    ];
    let lists = lists.into_iter().flat_map(|(key, list)| list.iter().map(move |of| (key, *of)));
    let single = [
        ("health.listen", health.listen),
        ("health.tcp", health.tcp),
        ("relay.listen", relay.listen),
    ];
    lists.chain(single.into_iter().filter_map(|(key, address)| Some((key, address?))))
}

/// The listeners of a balancer in front of nodes with this configuration.
fn listing(config: &Config) -> Listing {
    Listing::new(&ListingWant { cross_zone: true, ..listing_want(config) })
}

/// Passive ports that nobody could dial are not offered.
fn fitting(listing: &Listing) -> Option<Own> {
    let mut passive = listing.rows.iter().filter(|row| row.passive).map(|row| row.port);
    let first = passive.next()?;
    let last = passive.next_back().unwrap_or(first);
    (listing.capacity.wanted > listing.capacity.ports)
        .then(|| own_key("ftp.passive.ports", &format!("{first}-{last}")))
}

/// The keys that are the template's.
fn own(config: &Config, front: Front, zones: u8) -> Vec<Own> {
    let mode = match (front, config.ingress.mode) {
        (Front::Dns, _) => Mode::Direct,
        (Front::Nlb, Mode::Balanced) => Mode::Balanced,
        (Front::Nlb, _) => Mode::Shared,
    };
    let mut own: Vec<Own> = [
        ("node.id", "auto"),
        ("node.data_dir", STATE),
        ("node.zone", ""),
        ("ftp.passive.address", "auto"),
        ("users.file", USERS),
        ("storage.root", FILES),
        ("pool.store_password_file", STORE_PASSWORD),
        ("pool.store_ca", ""),
        ("pool.secret_file", POOL_SECRET),
        ("pool.shared_storage", "true"),
        ("ingress.mode", mode.as_str()),
        ("ingress.listeners", "[]"),
        ("ingress.balancer", if front == Front::Nlb { "network" } else { "none" }),
        ("relay.address", "auto"),
        ("aws.enabled", "true"),
        ("aws.metadata", "auto"),
        ("aws.instance", ""),
    ]
    .into_iter()
    .map(|(key, value)| own_key(key, value))
    .collect();
    own.push(Own {
        key: "pool.store",
        value: "rediss://store.invalid:6379".to_owned(),
        text: Some("\"rediss://${Store.PrimaryEndPoint.Address}:6379\"".to_owned()),
    });
    let is_shared = mode == Mode::Shared;
    let addresses = (1..=zones).filter(|_| is_shared);
    let example: Vec<_> = addresses.clone().map(|zone| format!("\"192.0.2.{zone}\"")).collect();
    let texts: Vec<_> =
        addresses.map(|zone| format!("\"${{{}}}\"", balancer::address(zone))).collect();
    own.push(Own {
        key: "ingress.addresses",
        value: format!("[{}]", example.join(", ")),
        text: Some(format!("[{}]", texts.join(", "))).filter(|_| is_shared),
    });
    if config.health.tcp.is_none() {
        own.push(own_key("health.tcp", &HEALTH.to_string()));
    }
    if let Some(name) = config.telemetry.xferlog.as_ref().and_then(|path| path.file_name()) {
        own.push(own_key("telemetry.xferlog", &format!("{LOGS}/{}", name.to_string_lossy())));
    }
    own
}

fn own_key(key: &'static str, value: &str) -> Own {
    Own { key, value: value.to_owned(), text: None }
}

/// The files that are named, and the keys that name them as the nodes have them.
fn files(config: &Config) -> (Vec<NamedFile>, Vec<(String, String)>) {
    let Config { tls, ssh, admin, .. } = config;
    let mut files = Vec::new();
    let mut names = Vec::new();
    let mut file = |key: &str, number: Option<usize>| {
        let file = NamedFile::new(key, number);
        let path = file.path.clone();
        files.push(file);
        path
    };
    for (key, path) in [
        ("tls.certificate", &tls.certificate),
        ("tls.key", &tls.key),
        ("tls.client_ca", &tls.client_ca),
        ("ssh.revoked_keys", &ssh.revoked_keys),
        ("admin.token_file", &admin.token_file),
        ("admin.read_token_file", &admin.read_token_file),
    ] {
        if path.is_some() {
            names.push((key.to_owned(), file(key, None)));
        }
    }
    for (key, paths) in [
        ("tls.client_crl", &tls.client_crl),
        ("ssh.host_keys", &ssh.host_keys),
        ("ssh.user_ca_keys", &ssh.user_ca_keys),
    ] {
        let paths = (1..=paths.len()).map(|number| format!("\"{}\"", file(key, Some(number))));
        let paths: Vec<_> = paths.collect();
        if !paths.is_empty() {
            names.push((key.to_owned(), format!("[{}]", paths.join(", "))));
        }
    }
    for (index, host) in config.hosts.iter().enumerate() {
        for (key, path) in [("host.certificate", &host.certificate), ("host.key", &host.key)] {
            if path.is_some() {
                file(key, Some(index + 1));
            }
        }
    }
    (files, names)
}

impl NamedFile {
    fn new(key: &str, number: Option<usize>) -> Self {
        let words = key.split(['.', '_']);
        let words = words.map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            first.to_ascii_uppercase() + rest
        });
        let number = number.map(|number| number.to_string()).unwrap_or_default();
        Self {
            parameter: format!("{}{number}", words.collect::<String>()),
            key: key.to_owned(),
            path: format!("{FOLDER}/{key}{number}"),
        }
    }
}

/// The values of these keys, as they stand in a file.
fn values(origins: &Origins, keys: &[&'static str]) -> Vec<(&'static str, String)> {
    let known = origins.settings().filter(|(key, _)| keys.contains(&key.name));
    known.map(|(key, setting)| (key.name, setting.value.to_string())).collect()
}

/// The file: what is not the default.
fn toml(origins: &Origins, own: &[Own], config: &Config) -> String {
    let mut lines = Lines::default();
    for (key, setting) in origins.settings().filter(|(key, setting)| differs(key, setting)) {
        let own = own.iter().find(|own| own.key == key.name);
        let text = own.and_then(|own| own.text.clone());
        lines.add("[", key, "]", text.unwrap_or_else(|| literal(&setting.value.to_string())));
    }
    for (index, (host, settings)) in config.hosts.iter().zip(origins.hosts()).enumerate() {
        lines.section = "";
        for (key, setting) in settings.filter(|(key, setting)| differs(key, setting)) {
            let text = match key.name {
                "host.root" => format!("\"{}\"", host_root(&host.name)),
                "host.certificate" | "host.key" => {
                    format!("\"{}\"", NamedFile::new(key.name, Some(index + 1)).path)
                }
                _ => setting.value.to_string(),
            };
            lines.add("[[", key, "]]", literal(&text));
        }
    }
    lines.text
}

fn differs(key: &Key, setting: &Setting) -> bool {
    setting.value.to_string() != key.default
}

#[derive(Default)]
struct Lines {
    section: &'static str,
    text: String,
}

impl Lines {
    fn add(&mut self, open: &str, key: &'static Key, close: &str, value: String) {
        if key.section() != self.section {
            self.section = key.section();
            let gap = if self.text.is_empty() { "" } else { "\n" };
            self.text.push_str(&format!("{gap}{open}{}{close}\n", self.section));
        }
        self.text.push_str(&format!("{} = {value}\n", key.field()));
    }
}

/// Where the files of a `[[host]]` are that has its own.
fn host_root(name: &str) -> String {
    format!("{MOUNT}/hosts/{}", name.replace('*', "_"))
}

/// Where the file system is mounted.
pub(super) const MOUNT: &str = "/srv/flotilla";
/// The configuration and all that is secret.
pub(super) const FOLDER: &str = "/etc/flotilla";
/// Of the pool.
pub(super) const POOL_SECRET: &str = "/etc/flotilla/pool.secret";
/// Of its store.
pub(super) const STORE_PASSWORD: &str = "/etc/flotilla/store.password";
/// Where logs are that are files.
pub(super) const LOGS: &str = "/var/log/flotilla";
const STATE: &str = "/var/lib/flotilla";
const USERS: &str = "/srv/flotilla/users.toml";
const FILES: &str = "/srv/flotilla/files";
/// Where nobody said where nodes tell whether they are ready.
const HEALTH: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 8082);
/// "Quotas for your Network Load Balancers".
const LISTENERS_MAX: usize = flotilla_cluster::balancer::LISTENERS_MAX;
const HEADER: &str = "a Network Load Balancer sends its header with the first bytes of the client, for which FTP's \
     greeting would wait: \"off\" (it keeps the addresses of clients), or \"late\"";
const DATA_HEADER: &str = "a Network Load Balancer sends its header with the first bytes of the client, and in a \
     download there are none: \"off\" (it keeps the addresses of clients)";
const DNS_OF_BALANCER: &str = "aws.dns_name has the nodes' addresses, while clients are to reach the balancer: let another name lead there";
const NO_NAME: &str = "aws.dns_name is empty: no name leads to the nodes";
