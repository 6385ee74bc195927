//! Who is logged in on a simulated node, and what they do. No two have a name or an address in common.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use flotilla_cluster::ledger::Applicant;
use flotilla_cluster::session::{Direction, Protocol, SESSION_VERSION, SessionRecord};

/// The person of this number among all of the pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Person(pub(crate) u32);

impl Person {
    /// As a login asks for a slot.
    pub(crate) fn applicant(self) -> Applicant {
        let user: Arc<str> = self.user().into();
        Applicant { user, account_sessions: 0, address: self.address() }
    }

    /// Logged in, and nothing more.
    pub(crate) fn idle(self) -> SessionRecord {
        SessionRecord {
            version: SESSION_VERSION,
            user: self.user(),
            protocol: Protocol::Ftps,
            client: Some(self.address()),
            since: SINCE + u64::from(self.0),
            ..SessionRecord::default()
        }
    }

    /// After a command that moves nothing.
    pub(crate) fn looking(self, turn: u64) -> SessionRecord {
        SessionRecord { command: "CWD".to_owned(), path: self.path(turn), ..self.idle() }
    }

    /// In a transfer that goes on.
    pub(crate) fn transferring(self, turn: u64) -> SessionRecord {
        SessionRecord {
            command: "RETR".to_owned(),
            path: self.path(0),
            direction: Direction::Download,
            bytes: (turn + 1) * RATE,
            rate: RATE + turn,
            ..self.idle()
        }
    }

    /// 11 letters.
    fn user(self) -> String {
        format!("user-{:06}", self.0)
    }

    fn address(self) -> IpAddr {
        Ipv4Addr::from_bits(NETWORK | self.0).into()
    }

    /// 33 letters.
    fn path(self, turn: u64) -> String {
        format!("/incoming/2026/{:06}/{:07}.csv", self.0, turn % 10_000_000)
    }
}

/// 10.0.0.0.
const NETWORK: u32 = 0x0a00_0000;
/// Seconds since 1970.
const SINCE: u64 = 1_795_000_000;
/// 100 MiB/s.
const RATE: u64 = 104_857_600;
