//! What a server has set of its sockets, asked of the sockets themselves.

use std::net::SocketAddr;
use std::time::Duration;

use rustix::net::{getpeername, sockopt};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use super::Server;

impl Server {
    /// How long the peers of its sockets may leave bytes without an answer (TCP_USER_TIMEOUT): of those whose peer is
    /// one of these.
    ///
    /// # Panics
    /// If the process is gone.
    #[track_caller]
    pub fn patience(&self, is_peer: impl Fn(SocketAddr) -> bool) -> Vec<Duration> {
        let number = self.pid();
        let pid = i32::try_from(number).ok().and_then(Pid::from_raw).expect("a process number");
        let process = pidfd_open(pid, PidfdFlags::empty()).expect("the server runs");
        let folder = std::fs::read_dir(format!("/proc/{number}/fd")).expect("the server runs");
        let numbers = folder.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let sockets = numbers
            .filter_map(|number| pidfd_getfd(&process, number, PidfdGetfdFlags::empty()).ok())
            .filter(|socket| {
                let peer = getpeername(socket).ok().flatten();
                peer.and_then(|peer| SocketAddr::try_from(peer).ok()).is_some_and(&is_peer)
            });
        let timeouts = sockets.filter_map(|socket| sockopt::tcp_user_timeout(socket).ok());
        timeouts.map(|timeout| Duration::from_millis(timeout.into())).collect()
    }
}
