//! What the machine is told of its addresses by its surroundings, and what can change while the node runs.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use flotilla_cluster::aws::instance::Instance;
use ipnet::IpNet;

use crate::config::ZoneAddress;

/// The same for all sessions of a node, until something moves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Public addresses, each with the own one that it leads to; the primary one first.
    public: Vec<(Ipv4Addr, Ipv4Addr)>,
    /// Networks of the node's VPC.
    pub(crate) vpc: Vec<IpNet>,
    /// Where clients reach the balancer, as the pool knows.
    pub(super) balancer: Arc<[ZoneAddress]>,
}

impl Found {
    /// Of an instance.
    pub(crate) fn of(instance: &Instance) -> Self {
        Self { public: instance.public().collect(), vpc: instance.networks(), ..Self::default() }
    }

    /// The same with other addresses of the balancer.
    pub(crate) fn with_balancer(&self, balancer: Arc<[ZoneAddress]>) -> Self {
        Self { balancer, ..self.clone() }
    }

    /// The same with those that another one has.
    pub(crate) fn with_balancer_of(&self, other: &Self) -> Self {
        self.with_balancer(Arc::clone(&other.balancer))
    }

    /// The public address that leads to this own one, or else the first that there is.
    pub(crate) fn public_of(&self, local: IpAddr) -> Option<Ipv4Addr> {
        let local = local.to_canonical();
        let own = self.public.iter().find(|(_, own)| IpAddr::V4(*own) == local);
        own.or(self.public.first()).map(|(public, _)| *public)
    }

    /// All public addresses, for people.
    pub(crate) fn public(&self) -> impl Iterator<Item = Ipv4Addr> + '_ {
        self.public.iter().map(|(public, _)| *public)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_own_address_has_its_public_one() {
        let address = |text: &str| text.parse().unwrap();
        let public = vec![
            (address("203.0.113.5"), address("10.0.0.5")),
            (address("203.0.113.6"), address("10.0.0.6")),
        ];
        let found = Found { public, ..Found::default() };
        let of = |local: &str| found.public_of(local.parse().unwrap()).unwrap().to_string();
        assert_eq!(of("10.0.0.6"), "203.0.113.6");
        assert_eq!(of("::ffff:10.0.0.6"), "203.0.113.6");
        assert_eq!(of("10.0.9.9"), "203.0.113.5");
        assert_eq!(Found::default().public_of(address("10.0.0.5").into()), None);
    }
}
