//! How silent connections are kept, and dead ones noticed: what the policy of the pool says
//! ([`flotilla_cluster::keepalive`]), carried to sockets.
//!
//! Each arbiter has its copy. New connections inherit the options from their listener, at no cost of their
//! own; those that live take them over when they are next looked at, which the change itself brings about.

use std::cell::Cell;
use std::io;
use std::time::Duration;

use flotilla_cluster::keepalive::{Balancer, Keepalive, Own, Path, Probes, decide};
use socket2::{SockRef, TcpKeepalive};

use crate::config::{self, Config};

/// The options of sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tuning {
    probes: Probes,
    /// Bytes that are not taken for so long end the connection.
    user_timeout: Duration,
    /// Rises with every change on this arbiter.
    number: u32,
}

impl Default for Tuning {
    fn default() -> Self {
        let probes = Probes::default();
        Self { probes, user_timeout: probes.user_timeout.max(STALLED_DEFAULT), number: 0 }
    }
}

/// Which options a socket has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tuned(u32);

impl Tuned {
    /// Those that a socket has which was accepted or opened now.
    pub(crate) fn now() -> Self {
        Self(CURRENT.get().number)
    }

    /// Takes over what changed since; nothing, as a rule.
    pub(crate) fn refresh<'a>(&mut self, socket: impl Into<SockRef<'a>>) {
        let current = CURRENT.get();
        if self.0 != current.number {
            self.0 = current.number;
            // A socket that takes no options is dead already.
            let _ = current.set(&socket.into());
        }
    }
}

impl Tuning {
    fn set(&self, socket: &SockRef<'_>) -> io::Result<()> {
        let Probes { idle, interval, count, .. } = self.probes;
        let keepalive =
            TcpKeepalive::new().with_time(idle).with_interval(interval).with_retries(count);
        socket.set_tcp_keepalive(&keepalive)?;
        socket.set_tcp_user_timeout(Some(self.user_timeout))
    }
}

/// Switches probes on, as this arbiter has them now.
pub(crate) fn enable(socket: &SockRef<'_>) -> io::Result<()> {
    CURRENT.get().set(socket)
}

/// From now on this arbiter goes by these probes. Linux ends by the same timer who leaves bytes
/// unacknowledged and who takes none for so long although it answers; the second may take `stalled`.
pub(crate) fn adopt(probes: Probes, stalled: Duration) {
    let before = CURRENT.get();
    let user_timeout = probes.user_timeout.max(stalled);
    if (before.probes, before.user_timeout) != (probes, user_timeout) {
        let number = before.number.wrapping_add(1);
        CURRENT.set(Tuning { probes, user_timeout, number });
    }
}

/// What the configuration of this node makes of the path.
pub(crate) fn decided(config: &Config) -> Keepalive {
    decide(&path(config))
}

/// The path, as far as the configuration of this node tells.
pub(crate) fn path(config: &Config) -> Path {
    let ingress = &config.ingress;
    Path {
        balancer: match ingress.balancer {
            config::Balancer::None => Balancer::None,
            config::Balancer::Network => Balancer::Network,
            config::Balancer::Classic => Balancer::Classic,
        },
        idle_timeout: ingress.idle_timeout,
        own: Own { ftp_idle: config.timeouts.idle, ssh_keepalive: config.ssh.keepalive },
        others: Vec::new(),
    }
}

thread_local! {
    static CURRENT: Cell<Tuning> = Cell::new(Tuning::default());
}

/// The default of `timeouts.stalled`, for sockets from before the configuration is known.
const STALLED_DEFAULT: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use rustix::net::sockopt;

    use super::*;

    #[test]
    fn sockets_take_over_what_changed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        enable(&SockRef::from(&listener)).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (inherited, _) = listener.accept().unwrap();
        let mut tuned = Tuned::now();
        let of = |socket: &TcpStream| {
            (
                sockopt::tcp_keepidle(socket).unwrap().as_secs(),
                sockopt::tcp_keepintvl(socket).unwrap().as_secs(),
                sockopt::tcp_keepcnt(socket).unwrap(),
                sockopt::tcp_user_timeout(socket).unwrap(),
            )
        };
        assert_eq!(of(&inherited), (75, 15, 4, 300_000));
        tuned.refresh(&inherited);
        let path = Path { idle_timeout: Some(Duration::from_secs(60)), ..Path::default() };
        adopt(decide(&path).probes, Duration::from_secs(30));
        tuned.refresh(&inherited);
        assert_eq!(of(&inherited), (20, 8, 4, 52_000));
        assert_eq!(tuned, Tuned::now());
    }
}
