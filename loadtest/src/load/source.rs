//! The addresses of this machine that clients connect from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context, Result};
use ipnet::IpNet;

/// Addresses and networks, one after the other; clients take their addresses in turn.
///
/// Linux binds to every address of 127.0.0.0/8 without further ado, to others when they are its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sources(Vec<IpNet>);

impl Sources {
    /// Reads addresses and networks, such as `127.1.0.0/16`.
    pub(super) fn parse(texts: &[String]) -> Result<Self> {
        let network = |text: &String| {
            let network =
                text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            network.with_context(|| format!("{text:?} is neither an address nor a network"))
        };
        texts.iter().map(network).collect::<Result<_>>().map(Self)
    }

    /// The address of a client; `None` leaves it to the kernel.
    pub(super) fn at(&self, client: u64) -> Option<IpAddr> {
        let total = self.0.iter().map(|network| count(*network)).fold(0, u128::saturating_add);
        let mut turn = u128::from(client).checked_rem(total)?;
        for network in &self.0 {
            if turn < count(*network) {
                return Some(nth(*network, turn));
            }
            turn -= count(*network);
        }
        None
    }
}

/// Addresses of hosts: of an IPv4 network not its own and its broadcast address (RFC 3021: unless it
/// has only two).
fn count(network: IpNet) -> u128 {
    let bits = u32::from(network.max_prefix_len() - network.prefix_len());
    let all = 1_u128.checked_shl(bits).unwrap_or(u128::MAX);
    if has_broadcast(network) { all - 2 } else { all }
}

fn nth(network: IpNet, turn: u128) -> IpAddr {
    let turn = if has_broadcast(network) { turn + 1 } else { turn };
    match network.network() {
        IpAddr::V4(first) => {
            let offset = u32::try_from(turn).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from(u32::from(first).saturating_add(offset)))
        }
        IpAddr::V6(first) => IpAddr::V6(Ipv6Addr::from(u128::from(first).saturating_add(turn))),
    }
}

fn has_broadcast(network: IpNet) -> bool {
    matches!(network, IpNet::V4(_)) && network.prefix_len() < 31
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(texts: &[&str]) -> Result<Sources> {
        Sources::parse(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn clients_take_turns() {
        let two = sources(&["127.0.0.9", "127.1.0.0/30"]).unwrap();
        let taken: Vec<_> = (0..4).map(|client| two.at(client).unwrap().to_string()).collect();
        assert_eq!(taken, ["127.0.0.9", "127.1.0.1", "127.1.0.2", "127.0.0.9"]);
        let all = sources(&["127.0.0.0/8"]).unwrap();
        assert_eq!(all.at(0).unwrap().to_string(), "127.0.0.1");
        assert_eq!(all.at((1 << 24) - 3).unwrap().to_string(), "127.255.255.254");
        assert_eq!(sources(&["fd00::/64"]).unwrap().at(17).unwrap().to_string(), "fd00::11");
        assert_eq!(sources(&["::/0"]).unwrap().at(1).unwrap().to_string(), "::1");
        assert_eq!(Sources::default().at(5), None);
    }

    #[test]
    fn what_is_no_address_is_named() {
        let error = sources(&["127.0.0.1", "127.0.0"]).unwrap_err().to_string();
        assert_eq!(error, "\"127.0.0\" is neither an address nor a network");
    }
}
