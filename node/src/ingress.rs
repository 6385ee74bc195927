//! How clients reach each FTP listener, and why.

use std::net::SocketAddr;
use std::time::Duration;

use flotilla_cluster::aws::instance::Instance;

use crate::config::{Auto, Config, Mode, Store};

/// A listener with its mode; never [`Mode::Auto`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    /// As configured.
    pub(crate) listener: SocketAddr,
    /// What was found.
    pub(crate) mode: Mode,
    /// Where that comes from.
    pub(crate) reason: &'static str,
}

/// All FTP listeners, explicit and implicit, in the order of the configuration.
pub(crate) fn reaches(config: &Config) -> impl Iterator<Item = Reach> {
    let listeners = config.ftp.listen.iter().chain(&config.ftp.implicit_tls);
    listeners.map(|&listener| reach(config, listener))
}

/// One listener.
pub(crate) fn reach(config: &Config, listener: SocketAddr) -> Reach {
    let ingress = &config.ingress;
    let is_own = ingress.listeners.iter().any(|(address, _)| *address == listener);
    let (mode, reason) = match (ingress.mode_of(listener), is_own) {
        (Mode::Auto, _) => (config.auto.mode, config.auto.reason),
        (mode, true) => (mode, "ingress.listeners"),
        (mode, false) => (mode, "ingress.mode"),
    };
    Reach { listener, mode, reason }
}

/// How clients reach the node, where no listener has a mode of its own; never [`Mode::Auto`].
pub(crate) fn mode(config: &Config) -> Mode {
    match config.ingress.mode {
        Mode::Auto => config.auto.mode,
        mode => mode,
    }
}

/// What `auto` stands for: an instance with a public address is reached there; one without can only be reached through
/// something that it shares with the other nodes of its pool.
pub(crate) fn auto(config: &Config, instance: Option<&Instance>) -> Auto {
    let Some(instance) = instance else { return Auto::default() };
    let is_alone = config.pool.store == Store::Embedded;
    let (mode, reason) = match (instance.public().next(), is_alone, config.relay.listen) {
        (Some(_), ..) => (Mode::Direct, "the instance has a public address"),
        (None, true, _) => (Mode::Direct, "there is no pool to share an address with"),
        (None, false, None) => (Mode::Direct, "relay.listen is empty, so nothing can be shared"),
        (None, false, Some(_)) => (Mode::Shared, "the instance has no public address"),
    };
    Auto { mode, reason }
}

/// Whether the passive ports belong to the whole pool, because one listener's clients reach them at an
/// address that the nodes share.
pub(crate) fn shares_ports(config: &Config) -> bool {
    reaches(config).any(|reach| reach.mode == Mode::Shared)
}

/// Whether the pool has a name in DNS that leads to its nodes, and not to what stands in front of them.
pub(crate) fn is_named(config: &Config) -> bool {
    config.aws.enabled && config.aws.dns_name.is_some() && mode(config) == Mode::Direct
}

/// Between the fall of readiness and the first client that is turned away. Where DNS sends clients to the node, they
/// come until the leader has taken it out and the last answer is forgotten: at least that long, unless
/// `timeouts.drain_notice` says something.
pub(crate) fn drain_notice(config: &Config) -> Duration {
    match config.timeouts.drain_notice {
        Duration::ZERO if is_named(config) => config.aws.dns_ttl.saturating_add(TAKEN_OUT),
        notice => notice,
    }
}

/// The leader hears of a drain within two seconds, and sends a batch each five.
const TAKEN_OUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use flotilla_cluster::aws::instance::Interface;

    use super::*;
    use crate::config::load_flags;

    #[test]
    fn each_listener_has_its_mode() {
        let (config, _) = load_flags(&[
            ("ftp.listen", "127.0.0.1:0,[::1]:0"),
            ("ingress.mode", "balanced"),
            ("ingress.listeners", "[::1]:0=auto"),
        ])
        .unwrap();
        let modes: Vec<_> = reaches(&config).map(|reach| (reach.mode, reach.reason)).collect();
        assert_eq!(modes.first(), Some(&(Mode::Balanced, "ingress.mode")));
        assert_eq!(modes.get(1).map(|(mode, _)| *mode), Some(Mode::Direct));
        assert!(!shares_ports(&config));
    }

    #[test]
    fn auto_is_what_the_instance_is() {
        let pool = [("pool.store", "redis://127.0.0.1:6379")];
        let public = [("203.0.113.1".parse().unwrap(), "10.0.0.1".parse().unwrap())];
        let instance = |public: &[_]| {
            let interface = Interface { public: public.to_vec(), ..Interface::default() };
            Instance { interfaces: vec![interface], ..Instance::default() }
        };
        let settled = |flags: &[_], instance: Option<&Instance>| {
            let (mut config, _) = load_flags(flags).unwrap();
            config.auto = auto(&config, instance);
            let listener = *config.ftp.listen.first().unwrap();
            (reach(&config, listener).mode, mode(&config))
        };
        let direct = (Mode::Direct, Mode::Direct);
        assert_eq!(settled(&pool, None), direct);
        assert_eq!(settled(&pool, Some(&instance(&public))), direct);
        assert_eq!(settled(&pool, Some(&instance(&[]))), (Mode::Shared, Mode::Shared));
        assert_eq!(settled(&[], Some(&instance(&[]))), direct);
        let told = [pool[0], ("ingress.mode", "balanced")];
        assert_eq!(settled(&told, Some(&instance(&[]))), (Mode::Balanced, Mode::Balanced));
    }

    #[test]
    fn a_node_in_the_dns_warns_its_clients_before_it_turns_them_away() {
        let notice = |flags: &[(&str, &str)]| {
            let always = [("health.tcp", "0.0.0.0:8082")];
            let (config, _) = load_flags(&[&always, flags].concat()).unwrap();
            drain_notice(&config).as_secs()
        };
        let named = [("aws.enabled", "true"), ("aws.dns_name", "a.example.org")];
        assert_eq!(notice(&[]), 0);
        assert_eq!(notice(&named), 70);
        assert_eq!(notice(&[named[0], named[1], ("aws.dns_ttl", "20s")]), 30);
        assert_eq!(notice(&[named[0], named[1], ("timeouts.drain_notice", "1s")]), 1);
        assert_eq!(notice(&[named[0], named[1], ("ingress.mode", "balanced")]), 0);
    }
}
