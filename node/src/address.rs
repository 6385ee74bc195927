//! Addresses: their one form, and the one that a passive reply tells the client.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// With an IPv4-mapped IPv6 address (what a dual-stack listener reports) as IPv4.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// What 227 and 229 say: the configured address (`ftp.passive.address`) for IPv4 clients, else the
/// one that the client dialled, which it can reach. 227 carries a literal IPv4 address, never a
/// name (RFC 959, 4.2).
pub(crate) fn advertised(dialled: IpAddr, configured: Option<Ipv4Addr>, port: u16) -> SocketAddr {
    let dialled = dialled.to_canonical();
    let address = match (dialled, configured) {
        (IpAddr::V4(address), _) if address.is_loopback() => dialled,
        (IpAddr::V4(_), Some(configured)) => IpAddr::V4(configured),
        (IpAddr::V4(_), None) | (IpAddr::V6(_), _) => dialled,
    };
    SocketAddr::new(address, port)
}

#[cfg(test)]
mod tests {
    use super::advertised;

    #[test]
    fn chooses_by_what_the_client_dialled() {
        let configured = Some("198.51.100.7".parse().unwrap());
        for (dialled, configured, expected) in [
            ("192.0.2.1", None, "192.0.2.1:60000"),
            ("192.0.2.1", configured, "198.51.100.7:60000"),
            // A client on the node itself could not come back in through the public address.
            ("127.0.0.1", configured, "127.0.0.1:60000"),
            ("::ffff:192.0.2.1", None, "192.0.2.1:60000"),
            ("2001:db8::1", configured, "[2001:db8::1]:60000"),
        ] {
            let address = advertised(dialled.parse().unwrap(), configured, 60000);
            assert_eq!(address.to_string(), expected, "{dialled}");
        }
    }
}
