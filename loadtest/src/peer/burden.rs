//! What sessions take of the machine, roughly, so that a row which would bring it down is not begun.

use std::fs;
use std::path::Path;

use rustix::process::{Resource, getrlimit};

use super::Peer;
use crate::client::Protocol;

/// Of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Burden {
    /// Processes of its own.
    pub(super) processes: u64,
    /// Descriptors in the one process that has all sessions; 0 where each has processes of its own.
    pub(super) descriptors: u64,
    /// Memory.
    pub(super) kibibytes: u64,
}

/// What the machine has for all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Of which a comparison may take a quarter.
    processes: u64,
    /// What one process may open; the client needs as many as a server.
    descriptors: u64,
    /// Of which a comparison may take a quarter.
    kibibytes: u64,
}

impl Burden {
    /// Measured with 2000 sessions on Debian 12; what a server's processes share is not counted.
    pub(super) fn of(peer: Peer, protocol: Protocol) -> Self {
        let clear = protocol == Protocol::Ftp;
        let alone = |descriptors, kibibytes| Self { processes: 0, descriptors, kibibytes };
        let forking = |processes, kibibytes| Self { processes, descriptors: 0, kibibytes };
        match peer {
            Peer::Flotilla => alone(1, 64),
            Peer::Pyftpdlib => alone(1, if clear { 8 } else { 64 }),
            Peer::Unftp => alone(2, 32),
            Peer::Vsftpd => forking(if clear { 2 } else { 3 }, if clear { 460 } else { 800 }),
            Peer::PureFtpd => forking(2, if clear { 440 } else { 630 }),
            Peer::Proftpd => forking(1, if clear { 730 } else { 1100 }),
            Peer::Openssh => forking(3, 2030),
        }
    }
}

impl Room {
    /// Of this machine, now.
    pub(super) fn here() -> Self {
        let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
        let processes = PROCESSES.into_iter().filter_map(number).min();
        let facts = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let available = facts.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
        let kibibytes = available.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok());
        let limit = memory_limit().map_or(u64::MAX, |bytes| bytes / 1024);
        Self {
            processes: processes.unwrap_or(u64::MAX),
            descriptors: getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX),
            kibibytes: kibibytes.unwrap_or(u64::MAX).min(limit),
        }
    }

    /// Why so many sessions are too many.
    pub(super) fn refusal(self, burden: Burden, sessions: u64) -> Option<String> {
        let processes = burden.processes * sessions;
        if processes > self.processes / PART {
            return Some(format!(
                "{processes} processes, more than a quarter of {}",
                self.processes
            ));
        }
        let descriptors = burden.descriptors.max(1) * sessions + SOME;
        if descriptors > self.descriptors {
            let have = self.descriptors;
            return Some(format!(
                "{descriptors} descriptors of one process, which may have {have}"
            ));
        }
        let kibibytes = burden.kibibytes * sessions;
        (kibibytes > self.kibibytes / PART).then(|| {
            format!(
                "{} MiB of memory, more than a quarter of {}",
                kibibytes / 1024,
                self.kibibytes / 1024
            )
        })
    }
}

/// What this machine's group may have, version 2 or 1.
fn memory_limit() -> Option<u64> {
    let read = |path: &str| fs::read_to_string(Path::new("/sys/fs/cgroup").join(path)).ok();
    let text = read("memory.max").or_else(|| read("memory/memory.limit_in_bytes"))?;
    text.trim().parse().ok()
}

const PROCESSES: [&str; 3] =
    ["/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max", "/sys/fs/cgroup/pids.max"];

/// A comparison leaves three quarters of the machine to others.
const PART: u64 = 4;

/// Descriptors beside those of sessions.
const SOME: u64 = 500;

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Room = Room { processes: 32_768, descriptors: 20_000, kibibytes: 20 << 20 };

    #[test]
    fn two_thousand_sessions_of_any_server_fit() {
        for peer in [Peer::Flotilla, Peer::Unftp, Peer::Vsftpd, Peer::PureFtpd, Peer::Openssh] {
            let burden = Burden::of(peer, Protocol::Sftp);
            assert_eq!(ROOM.refusal(burden, 2000), None, "{}", peer.name());
        }
    }

    #[test]
    fn what_is_too_much_is_said() {
        let of = |peer| ROOM.refusal(Burden::of(peer, Protocol::Ftp), 15_000).unwrap_or_default();
        assert_eq!(of(Peer::Flotilla), "");
        assert_eq!(of(Peer::Pyftpdlib), "");
        assert_eq!(of(Peer::Unftp), "30500 descriptors of one process, which may have 20000");
        assert_eq!(of(Peer::Vsftpd), "30000 processes, more than a quarter of 32768");
        let small = Room { processes: 1 << 20, ..ROOM };
        let burden = Burden::of(Peer::PureFtpd, Protocol::Ftp);
        let text = small.refusal(burden, 15_000).unwrap();
        assert_eq!(text, "6445 MiB of memory, more than a quarter of 20480");
    }

    #[test]
    fn this_machine_has_room_for_something() {
        assert_eq!(Room::here().refusal(Burden::of(Peer::Flotilla, Protocol::Ftp), 1), None);
    }
}
