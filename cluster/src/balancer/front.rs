//! What all nodes have to know of the balancers that the leader read.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::address::addresses;
use super::facts::{Balancer, State};
use super::timer::timers;
use super::want::{Role, Want};
use crate::keepalive::Timer;

/// What stands in front of the pool: a part of its policy, so that a node which becomes the leader goes on with
/// what the one before has read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Front {
    /// After how long they forget a silent connection.
    pub timers: Vec<Timer>,
    /// What clients dial for data connections in mode `shared`: the zone whose nodes it leads to, `None` for all, and
    /// the address.
    pub addresses: Vec<(Option<String>, Ipv4Addr)>,
}

/// What is known of the front. Addresses are those of balancers that lead to passive ports; where some are on the
/// internet and some are not, those on the internet.
pub fn front(state: &State, want: &Want) -> Front {
    let leads = |of: &&Balancer| {
        of.listeners.iter().any(|listener| want.role(of, listener) == Role::Passive)
    };
    let (public, private): (Vec<&Balancer>, Vec<&Balancer>) =
        state.balancers.iter().filter(leads).partition(|of| of.public);
    let told = |balancers: Vec<&Balancer>| -> Vec<_> {
        balancers.into_iter().flat_map(addresses).collect()
    };
    let public = told(public);
    let addresses = if public.is_empty() { told(private) } else { public };
    Front { timers: timers(state, want), addresses }
}

#[cfg(test)]
mod tests {
    use super::super::Protocol;
    use super::super::fixture::{classic, network, state, want, want_classic};
    use super::*;

    #[test]
    fn all_nodes_learn_timers_and_addresses() {
        let known = front(&state(network()), &want());
        let texts: Vec<_> =
            known.addresses.iter().map(|(_, address)| address.to_string()).collect();
        assert_eq!(texts, ["203.0.113.7", "203.0.113.8"]);
        assert_eq!(known.timers.len(), 1);
        let mut two = state(network());
        two.balancers.push(Balancer { public: false, name: "inner".to_owned(), ..network() });
        assert_eq!(front(&two, &want()).addresses, known.addresses, "clients are outside");
        two.balancers.remove(0);
        let inner = front(&two, &want()).addresses;
        assert_eq!(inner.first().unwrap().1.to_string(), "10.0.1.9");
    }

    #[test]
    fn what_leads_to_no_passive_port_is_not_told_to_clients() {
        let mut control = network();
        control.listeners.truncate(2);
        assert_eq!(front(&state(control), &want()).addresses, []);
        assert_eq!(front(&state(classic()), &want_classic()).addresses, []);
        let mut tls = network();
        tls.listeners.iter_mut().for_each(|listener| listener.protocol = Protocol::Tls);
        assert_eq!(front(&state(tls), &want()).timers.len(), 1);
    }
}
