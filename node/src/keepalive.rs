//! How dead connections are noticed: the same probes on control and data connections.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

/// Switches probes on. Connections inherit them from their listener, at no cost of their own.
pub(crate) fn enable(socket: &SockRef<'_>) -> io::Result<()> {
    let keepalive =
        TcpKeepalive::new().with_time(IDLE).with_interval(INTERVAL).with_retries(PROBES);
    socket.set_tcp_keepalive(&keepalive)
}

/// Silence before a probe: with room for loss below 350 s, the least idle time-out in common use on the path
/// that counts probes.
const IDLE: Duration = Duration::from_secs(75);
/// Between probes.
const INTERVAL: Duration = Duration::from_secs(15);
/// Probes without an answer before the connection is given up: dead after 135 s.
const PROBES: u32 = 4;
