//! How clients reach each FTP listener, and why.

use std::net::SocketAddr;

use crate::config::{Config, Mode};

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
        (Mode::Auto, _) => (Mode::Direct, "nothing says that the address is shared"),
        (mode, true) => (mode, "ingress.listeners"),
        (mode, false) => (mode, "ingress.mode"),
    };
    Reach { listener, mode, reason }
}

/// Whether the passive ports belong to the whole pool, because one listener's clients reach them at an
/// address that the nodes share.
pub(crate) fn shares_ports(config: &Config) -> bool {
    reaches(config).any(|reach| reach.mode == Mode::Shared)
}

#[cfg(test)]
mod tests {
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
}
