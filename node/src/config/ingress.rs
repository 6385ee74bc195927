//! `[ingress]` and `[relay]`: how clients reach the nodes, and nodes each other.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;

/// `[ingress]`.
#[derive(Clone, Debug)]
pub struct Ingress {
    /// How clients reach the FTP listeners.
    pub mode: Mode,
    /// FTP listeners of which that is not true.
    pub listeners: Vec<(SocketAddr, Mode)>,
    /// Networks of the balancers: only from there a PROXY header is believed.
    pub balancers: Vec<IpNet>,
    /// The header on control connections.
    pub proxy_protocol: Proxy,
    /// The header on data connections; never [`Proxy::Late`].
    pub data_proxy_protocol: Proxy,
    /// What kind of balancer stands in front.
    pub balancer: Balancer,
    /// After how long it forgets a silent connection; `None`: what is usual for its kind.
    pub idle_timeout: Option<Duration>,
    /// Where clients reach it.
    pub addresses: Vec<ZoneAddress>,
    /// Networks of clients that reach the nodes' own addresses.
    pub internal: Vec<IpNet>,
    /// Lines on clear control connections in mid-transfer, where nothing else keeps them.
    pub progress_lines: bool,
}

/// How clients reach a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As the node finds out by itself.
    Auto,
    /// At the node's own address.
    Direct,
    /// Control connections through a balancer, data connections at the node's own address.
    Balanced,
    /// Everything through one address for the whole pool.
    Shared,
}

/// What [`Mode::Auto`] stands for on this machine: found out when the node starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auto {
    /// Never [`Mode::Auto`].
    pub mode: Mode,
    /// What was found.
    pub reason: &'static str,
}

impl Default for Auto {
    fn default() -> Self {
        Self { mode: Mode::Direct, reason: "nothing says that the address is shared" }
    }
}

/// Where a PROXY header is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proxy {
    /// Nowhere.
    Off,
    /// In front of everything, in text.
    V1,
    /// In front of everything, in binary.
    V2,
    /// In front of everything, in either form.
    Any,
    /// In binary with the first bytes of the client, which may wait for the server's greeting.
    Late,
}

/// What kind of balancer stands in front of the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balancer {
    /// None that is known of.
    None,
    /// One that counts packets (a Network Load Balancer, a NAT).
    Network,
    /// One that counts payload (a Classic Load Balancer, most proxies).
    Classic,
}

/// An address of the balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneAddress {
    /// The zone whose nodes it leads to; `None`: all.
    pub zone: Option<String>,
    /// The address.
    pub address: Ipv4Addr,
}

/// `[relay]`.
#[derive(Clone, Debug)]
pub struct Relay {
    /// Where nodes of the pool bring data connections; `None`: nowhere.
    pub listen: Option<SocketAddr>,
    /// What other nodes dial; `None`: found out.
    pub address: Option<SocketAddr>,
    /// Relayed connections at once, each way.
    pub connections: u32,
}

impl Ingress {
    /// The mode of the listener at this configured address.
    pub fn mode_of(&self, listener: SocketAddr) -> Mode {
        let own = self.listeners.iter().find(|(address, _)| *address == listener);
        own.map_or(self.mode, |(_, mode)| *mode)
    }

    /// Whether the address is a balancer's.
    pub fn is_balancer(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.balancers.iter().any(|network| network.contains(&address))
    }

    /// Whether a connection of this address was made by a balancer, which has another one to the client and passes
    /// bytes on between them, and not by the client: what is passed on can be late, and either connection can end
    /// without the client's will. Without `ingress.balancers` nobody can tell, and all are taken for such where
    /// balancers of this kind are said to stand in front.
    pub fn is_spliced(&self, peer: IpAddr) -> bool {
        match self.balancer {
            Balancer::Network => false,
            Balancer::Classic if self.balancers.is_empty() => true,
            Balancer::Classic | Balancer::None => self.is_balancer(peer),
        }
    }

    /// Whether clients of this address reach the node's own.
    pub fn is_internal(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.internal.iter().any(|network| network.contains(&address))
    }
}

impl Mode {
    /// The word of the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Direct => "direct",
            Self::Balanced => "balanced",
            Self::Shared => "shared",
        }
    }
}

/// The modes by name.
pub(super) const MODES: &[(&str, Mode)] = &[
    ("auto", Mode::Auto),
    ("direct", Mode::Direct),
    ("balanced", Mode::Balanced),
    ("shared", Mode::Shared),
];

/// Where the header may be expected on control connections.
pub(super) const PROXIES: &[(&str, Proxy)] = &[
    ("off", Proxy::Off),
    ("v1", Proxy::V1),
    ("v2", Proxy::V2),
    ("any", Proxy::Any),
    ("late", Proxy::Late),
];

/// And on data connections: in a clear download the client never says a byte, with which a late header
/// could come.
pub(super) const DATA_PROXIES: &[(&str, Proxy)] =
    &[("off", Proxy::Off), ("v1", Proxy::V1), ("v2", Proxy::V2), ("any", Proxy::Any)];

/// Kinds of balancers.
pub(super) const BALANCERS: &[(&str, Balancer)] =
    &[("none", Balancer::None), ("network", Balancer::Network), ("classic", Balancer::Classic)];

#[cfg(test)]
mod tests {
    use super::super::load_flags;
    use super::{Balancer, Mode, Proxy};

    #[test]
    fn sections_are_read() {
        let (config, _) = load_flags(&[
            ("ingress.mode", "balanced"),
            ("ftp.listen", "127.0.0.1:0,[::1]:0"),
            ("ingress.listeners", "[::1]:0=direct"),
            ("ingress.balancers", "10.0.0.0/24,2001:db8::/32"),
            ("ingress.proxy_protocol", "late"),
            ("ingress.data_proxy_protocol", "v1"),
            ("ingress.balancer", "classic"),
            ("ingress.idle_timeout", "50s"),
            ("ingress.addresses", "203.0.113.7,eu-west-1a=203.0.113.8"),
            ("ingress.internal", "192.168.0.0/16"),
            ("relay.address", "10.0.0.5:2120"),
        ])
        .unwrap();
        let ingress = &config.ingress;
        assert_eq!(ingress.mode_of("127.0.0.1:0".parse().unwrap()), Mode::Balanced);
        assert_eq!(ingress.mode_of("[::1]:0".parse().unwrap()), Mode::Direct);
        assert!(ingress.is_balancer("::ffff:10.0.0.9".parse().unwrap()));
        assert!(!ingress.is_balancer("10.0.1.9".parse().unwrap()));
        assert!(ingress.is_internal("192.168.7.7".parse().unwrap()));
        assert_eq!(ingress.proxy_protocol, Proxy::Late);
        assert_eq!(ingress.data_proxy_protocol, Proxy::V1);
        assert_eq!(ingress.balancer, Balancer::Classic);
        assert_eq!(ingress.idle_timeout.unwrap().as_secs(), 50);
        let zones: Vec<_> = ingress.addresses.iter().map(|of| of.zone.as_deref()).collect();
        assert_eq!(zones, [None, Some("eu-west-1a")]);
        assert_eq!(config.relay.address.unwrap().port(), 2120);
        assert_eq!(config.relay.listen.unwrap().port(), 2120);
    }

    #[test]
    fn who_comes_through_two_connections() {
        let is_spliced = |flags: &[(&str, &str)]| {
            let (config, _) = load_flags(flags).unwrap();
            config.ingress.is_spliced("10.0.0.9".parse().unwrap())
        };
        let listed = ("ingress.balancers", "10.0.0.0/24");
        let others = ("ingress.balancers", "10.0.1.0/24");
        assert!(!is_spliced(&[]));
        assert!(is_spliced(&[listed]));
        assert!(!is_spliced(&[listed, ("ingress.balancer", "network")]));
        assert!(is_spliced(&[("ingress.balancer", "classic")]));
        assert!(is_spliced(&[listed, ("ingress.balancer", "classic")]));
        assert!(!is_spliced(&[others, ("ingress.balancer", "classic")]));
    }

    #[test]
    fn contradictions_are_named() {
        let refused = |flags: &[(&str, &str)], key: &str| {
            let error = load_flags(flags).unwrap_err().to_string();
            assert!(error.contains(key), "{error}");
        };
        refused(&[("ingress.data_proxy_protocol", "late")], "ingress.data_proxy_protocol");
        refused(&[("ingress.proxy_protocol", "v2")], "ingress.balancers");
        refused(&[("ingress.listeners", "127.0.0.1:9=direct")], "ingress.listeners");
        refused(&[("ingress.listeners", "127.0.0.1:9=sideways")], "ingress.listeners");
        refused(&[("ingress.balancer", "classic"), ("ingress.idle_timeout", "2s")], "idle_timeout");
        refused(
            &[("ingress.mode", "shared"), ("pool.store", "redis://127.0.0.1:6379")],
            "pool.secret_file",
        );
        refused(&[("relay.listen", "0.0.0.0:61000")], "relay.listen");
        refused(&[("relay.address", "0.0.0.0:2120")], "relay.address");
        refused(&[("ftp.passive.block", "70000")], "ftp.passive.block");
    }
}
