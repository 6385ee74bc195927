//! Timers on the path, for [`keepalive::Path::others`](crate::keepalive::Path::others).

use std::time::Duration;

use super::facts::{Balancer, Kind, Listener, Protocol, State};
use super::want::{Role, Want};
use crate::keepalive::{Resets, Timer};

/// Of each balancer that clients of this node come through, the one that fires first.
pub fn timers(state: &State, want: &Want) -> Vec<Timer> {
    state.balancers.iter().filter_map(|balancer| timer(balancer, want)).collect()
}

/// Of one balancer.
pub(super) fn timer(balancer: &Balancer, want: &Want) -> Option<Timer> {
    match balancer.kind {
        Kind::Network => {
            let ours = balancer
                .listeners
                .iter()
                .filter(|listener| want.role(balancer, listener) != Role::Other);
            let (after, port) = ours.map(|listener| (network(listener), listener.port)).min()?;
            let source =
                format!("tcp.idle_timeout.seconds of listener {port}, DescribeListenerAttributes");
            Some(Timer { name: balancer.to_string(), after, source, resets: Resets::Packets })
        }
        Kind::Classic => Some(Timer {
            name: balancer.to_string(),
            after: balancer.idle_timeout.unwrap_or(CLASSIC),
            source: "ConnectionSettings.IdleTimeout, DescribeLoadBalancerAttributes".to_owned(),
            resets: Resets::Payload,
        }),
        Kind::Application | Kind::Gateway => None,
    }
}

/// The silence after which a listener of a Network Load Balancer forgets a connection. That of TLS can not be
/// changed.
fn network(listener: &Listener) -> Duration {
    match listener.protocol {
        Protocol::Tcp => listener.idle_timeout.unwrap_or(NETWORK),
        _ => NETWORK,
    }
}

/// Of the network card of the instance, which forgets what its security groups let in: as set there
/// (`TcpEstablishedTimeout`), else by the generation of its hardware. One of five days is none.
pub fn network_card(instance_kind: &str, set: Option<Duration>) -> Option<Timer> {
    let (after, source) = match set {
        Some(set) => (set, "TcpEstablishedTimeout of the network interface".to_owned()),
        None if is_nitro_6(instance_kind) => (NITRO_6, format!("usual for {instance_kind}")),
        None => return None,
    };
    let name = "network card of the instance".to_owned();
    (after < DAYS).then_some(Timer { name, after, source, resets: Resets::Packets })
}

/// Whether an instance is built on the sixth generation of the Nitro System: the families of the eighth generation and
/// later, but those with a Graviton4 that came first; and some of the seventh ("Instances built on the AWS Nitro
/// System"). A family that is not known is taken for one: too many probes harm nobody.
fn is_nitro_6(instance_kind: &str) -> bool {
    let family = instance_kind.split('.').next().unwrap_or_default();
    if EARLIER.contains(&family) {
        return false;
    }
    let digits = family.trim_start_matches(|c: char| !c.is_ascii_digit());
    let digits: String = digits.chars().take_while(char::is_ascii_digit).collect();
    LATER.contains(&family) || digits.parse::<u32>().is_ok_and(|generation| generation >= 8)
}

/// Of the eighth generation, on Nitro v5: Graviton4, without a network of its own; and machines of another build.
const EARLIER: [&str; 9] = ["m8g", "m8gd", "c8g", "c8gd", "r8g", "r8gd", "x8g", "i8g", "p6e-gb200"];
/// Of earlier generations, on Nitro v6.
const LATER: [&str; 4] = ["p6-b200", "p6-b300", "g7e", "trn3"];
/// A listener whose `tcp.idle_timeout.seconds` nobody changed.
pub(super) const NETWORK: Duration = Duration::from_secs(350);
/// A classic balancer whose `ConnectionSettings.IdleTimeout` nobody changed.
const CLASSIC: Duration = Duration::from_secs(60);
/// `TcpEstablishedTimeout` where nobody set it ("Connection tracking timeouts" in the guide of EC2).
const NITRO_6: Duration = Duration::from_secs(350);
/// The same on all other hardware is 432 000 s.
const DAYS: Duration = Duration::from_secs(432_000);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_cards_of_some_instances_forget_early() {
        let after = |kind: &str, set: Option<u64>| {
            network_card(kind, set.map(Duration::from_secs)).map(|timer| timer.after.as_secs())
        };
        for kind in [
            "m8i.large",
            "c8gn.xlarge",
            "r8a.4xlarge",
            "i8ge.large",
            "m8i-flex.large",
            "m9g.large",
            "p6-b200.48xlarge",
        ] {
            assert_eq!(after(kind, None), Some(350), "{kind}");
        }
        for kind in [
            "m7g.large",
            "c8g.large",
            "r8gd.large",
            "t4g.nano",
            "p6e-gb200.36xlarge",
            "",
            "u7i-12tb.224xlarge",
        ] {
            assert_eq!(after(kind, None), None, "{kind}");
        }
        assert_eq!(after("m7g.large", Some(120)), Some(120));
        assert_eq!(after("m8i.large", Some(900)), Some(900));
        assert_eq!(after("m8i.large", Some(432_000)), None);
    }
}
