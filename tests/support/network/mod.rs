//! Networks as operators have them, in namespaces of the kernel: private nodes behind a router that
//! has the public address, and clients with any number of addresses outside.
//!
//! ```text
//!              outside                      router                       inside
//!  clients 198.51.100.2  --- 198.51.100.1 [ 203.0.113.10 ] 10.0.0.1 --+-- 10.0.0.2  store
//!     and all 198.18.0.0/15            2001:db8:f::10                 +-- 10.0.0.11 node 0
//!     2001:db8:1::2                                                   +-- 10.0.0.12 node 1
//!     and all 2001:db8:2::/64                                         +-- ...
//! ```
//!
//! Where the test wants it, node 0 also has the public address 203.0.113.11, and so on.
//!
//! The router lets clients reach the inside only by a balancer ([`Nlb`], [`Classic`],
//! [`LateProxy`]), or by a node's public address. Nodes and store reach each other without it.

mod classic;
mod header;
mod host;
mod late;
mod namespace;
mod nlb;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use self::classic::{Classic, Version};
pub use self::header::Header;
pub use self::host::Host;
pub use self::late::LateProxy;
pub use self::namespace::{Inside, Namespace};
pub use self::nlb::{Forgets, Nlb};
use crate::Program;

/// A router, a store, nodes and clients.
#[derive(Debug)]
pub struct Network {
    router: Host,
    store: Host,
    nodes: Vec<Host>,
    clients: Host,
}

impl Network {
    /// One with so many nodes; nothing, said loudly, where namespaces are not permitted.
    ///
    /// # Panics
    /// If they are not permitted and `FLOTILLA_REQUIRE_NAMESPACES` is set, and if a network can not
    /// be made where they are.
    #[track_caller]
    pub fn open(nodes: usize) -> Option<Self> {
        permitted().then(|| Self::make(nodes))
    }

    #[track_caller]
    fn make(nodes: usize) -> Self {
        let router = computer(inside(1));
        router.ip(&[
            "link set lo up".to_owned(),
            // A name that `ip` does not take for one of its words.
            "link add name inside0 type bridge".to_owned(),
            "link set inside0 up".to_owned(),
            "addr add 10.0.0.1/24 dev inside0".to_owned(),
            "addr add fd00:10::1/64 dev inside0 nodad".to_owned(),
            format!("addr add {VIP}/32 dev lo"),
            format!("addr add {VIP6}/128 dev lo nodad"),
        ]);
        router.sysctl("ipv4.ip_forward", 1);
        router.sysctl("ipv6.conf.all.forwarding", 1);
        let store = plug(&router, "store", 2);
        let nodes = (0..nodes).map(|number| plug(&router, &format!("n{number}"), 11 + number));
        let (nodes, clients) = (nodes.collect(), connect_clients(&router));
        nft(&router, GUARD);
        Self { router, store, nodes, clients }
    }

    /// Gives every node a public address of its own ([`public`]), which leads to all its ports, as
    /// an elastic address does.
    #[track_caller]
    pub fn publish(&self) {
        let rules = self
            .nodes
            .iter()
            .enumerate()
            .map(|(number, node)| format!("ip daddr {} dnat to {}", public(number), node.v4()));
        let rules: Vec<String> = rules.collect();
        nft(
            &self.router,
            &format!(
                "table ip elastic {{
                    chain translated {{
                        type nat hook prerouting priority dstnat
                        {}
                    }}
                }}",
                rules.join("\n")
            ),
        );
    }

    /// Where balancers run; everything is reached from here.
    pub fn router(&self) -> &Host {
        &self.router
    }

    /// Where Redis runs.
    pub fn store(&self) -> &Host {
        &self.store
    }

    /// Where nodes run.
    pub fn nodes(&self) -> &[Host] {
        &self.nodes
    }

    /// Where clients run.
    pub fn clients(&self) -> &Host {
        &self.clients
    }

    /// An address of the clients' beside their first: there are 131,071.
    pub fn client(&self, number: u32) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(MANY) + number + 1)
    }

    /// The same in IPv6.
    pub fn client6(&self, number: u32) -> Ipv6Addr {
        Ipv6Addr::from(u128::from(MANY6) + u128::from(number) + 1)
    }
}

/// A computer without a cable.
#[track_caller]
fn computer((v4, v6): (Ipv4Addr, Ipv6Addr)) -> Host {
    let host = Host::new(Namespace::new().expect("namespaces are permitted"), v4, v6);
    // Nobody has these addresses but those to whom they are given: no second is spent on asking.
    host.sysctl("ipv6.conf.default.accept_dad", 0);
    host.sysctl("ipv6.conf.default.router_solicitations", 0);
    host
}

/// A computer on the bridge of the inside.
#[track_caller]
fn plug(router: &Host, name: &str, number: usize) -> Host {
    let (v4, v6) = inside(number);
    let host = computer((v4, v6));
    link(&host, router, name);
    host.ip(&[
        format!("addr add {v4}/24 dev eth0"),
        format!("addr add {v6}/64 dev eth0 nodad"),
        "route add default via 10.0.0.1".to_owned(),
        "route add ::/0 via fd00:10::1".to_owned(),
    ]);
    router.ip(&[format!("link set {name} master inside0"), format!("link set {name} up")]);
    host
}

/// The computer outside, with all its addresses.
#[track_caller]
fn connect_clients(router: &Host) -> Host {
    let v4 = Ipv4Addr::new(198, 51, 100, 2);
    let v6 = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 2);
    let clients = computer((v4, v6));
    link(&clients, router, "outside");
    // Each of many addresses can be bound to, although none of them is listed.
    clients.sysctl("ipv6.ip_nonlocal_bind", 1);
    clients.ip(&[
        format!("addr add {v4}/24 dev eth0"),
        format!("addr add {v6}/64 dev eth0 nodad"),
        format!("route add local {MANY}/15 dev lo"),
        format!("route add local {MANY6}/64 dev lo"),
        format!("route add default via 198.51.100.1 src {v4}"),
        format!("route add ::/0 via 2001:db8:1::1 src {v6}"),
    ]);
    router.ip(&[
        "addr add 198.51.100.1/24 dev outside".to_owned(),
        "addr add 2001:db8:1::1/64 dev outside nodad".to_owned(),
        "link set outside up".to_owned(),
        format!("route add {MANY}/15 via {v4}"),
        format!("route add {MANY6}/64 via {v6}"),
    ]);
    clients
}

/// A cable from `eth0` of a computer to the router, where it has a name.
#[track_caller]
fn link(host: &Host, router: &Host, name: &str) {
    host.ip(&[
        "link set lo up".to_owned(),
        format!("link add eth0 type veth peer name {name} netns {}", router.namespace().path()),
        "link set eth0 up".to_owned(),
    ]);
}

/// Loads rules in a namespace.
#[track_caller]
fn nft(host: &Host, rules: &str) {
    Program::new("nft").args(["-f", "-"]).stdin(rules).on(host).succeed();
}

/// The addresses of a computer of the inside.
fn inside(number: usize) -> (Ipv4Addr, Ipv6Addr) {
    let number = u8::try_from(number).expect("a network has room for 240 nodes");
    let v6 = Ipv6Addr::new(0xfd00, 0x10, 0, 0, 0, 0, 0, number.into());
    (Ipv4Addr::new(10, 0, 0, number), v6)
}

/// Whether namespaces can be made here; if not, it is said past the capture of output.
///
/// # Panics
/// If not, and `FLOTILLA_REQUIRE_NAMESPACES` is set.
#[track_caller]
pub fn permitted() -> bool {
    let Err(error) = Namespace::new() else { return true };
    let required = std::env::var_os("FLOTILLA_REQUIRE_NAMESPACES").is_some();
    assert!(!required, "network namespaces are required and not permitted: {error}");
    crate::skipped(&format!("network namespaces are not permitted here: {error}"));
    false
}

/// The address of balancers, as clients know it.
pub const VIP: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);

/// The same in IPv6.
pub const VIP6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 0x10);

/// The address of balancers of this family.
pub fn vip(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => VIP.into(),
        IpAddr::V6(_) => VIP6.into(),
    }
}

/// The public address of a node, where nodes have one.
pub fn public(node: usize) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(VIP) + 1 + u32::try_from(node).expect("a small number"))
}

/// What clients may call a server of a network: what its certificate is for.
pub fn names() -> Vec<String> {
    let public = (0..10).map(|node| public(node).to_string());
    ["localhost".to_owned(), VIP.to_string(), VIP6.to_string()].into_iter().chain(public).collect()
}

/// The first and the last passive port of nodes: above those that the kernel gives to outgoing
/// connections (32768 to 60999).
pub const PASSIVE: (u16, u16) = (61_000, 61_047);

/// The first of the clients' many addresses, a /15 (RFC 2544: for tests of networks).
const MANY: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 0);

/// The same in IPv6, a /64.
const MANY6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, 0);

/// Nothing gets inside but by a balancer.
const GUARD: &str = "
table inet guard {
    chain forwarded {
        type filter hook forward priority 0; policy accept;
        iifname \"outside\" oifname \"inside0\" ct state established accept
        iifname \"outside\" oifname \"inside0\" ct status dnat accept
        iifname \"outside\" oifname \"inside0\" drop
    }
}
";
