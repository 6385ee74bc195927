//! How connections are kept alive, and when they are not: a pure function of what lies between client and
//! node.
//!
//! Boxes on the path (balancers, NATs, the network of an instance) forget a connection that is silent for too
//! long, most of them without telling anybody. T is the smallest of their timers. What has to happen before depends
//! on what resets a timer:
//!
//! - **Packets**: a TCP keepalive is one, from either side (a Network Load Balancer: 350 s, or 60 to 6000 s as set;
//!   NATs). Probes on control, data and relay connections keep such a path, whatever the client does.
//! - **Payload**: only bytes of the application count (a Classic Load Balancer: 60 s, 1 to 3600 s as set). Nobody
//!   can make payload in every protocol: SSH has requests that a client answers, TLS 1.3 has a
//!   KeyUpdate of which a client takes a few at once (RFC 8446, 4.6.3), clear FTP has at most the lines of an unfinished reply (RFC 959,
//!   4.2), TLS 1.2 has nothing. What is left is told by [`cuts`].
//!
//! # FTP sessions that do nothing
//! Behind a timer that counts payload a session between two commands can not be kept, so the node ends it
//! a little earlier, with a 421 that gives the reason; the client would only see a reset otherwise. Behind
//! timers that count packets the idle limit stays what is configured, since probes keep the path. The design
//! has FTP idle limits below T throughout; that would end sessions which nothing else ends.
//!
//! Times of AWS: "Edit attributes for your Network Load Balancer" and "Configure the idle connection timeout for
//! your Classic Load Balancer" in the guides of Elastic Load Balancing.

mod decide;
mod millis;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use decide::{cuts, decide};

/// What lies between the clients and a node, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// What stands in front.
    pub balancer: Balancer,
    /// Its timer, or that of whatever is on the path, as configured (`ingress.idle_timeout`); `None`: what is usual
    /// for the kind of balancer, and none without one.
    pub idle_timeout: Option<Duration>,
    /// The node's own limits.
    pub own: Own,
    /// Further timers that somebody found out about: of a NAT gateway, of the network card of the instance.
    pub others: Vec<Timer>,
}

impl Path {
    /// The same with timers of balancers that were read. What is configured goes before them, and they go before what
    /// is usual for the kind of balancer that is configured.
    #[must_use]
    pub fn with_read(mut self, timers: &[Timer]) -> Self {
        if self.idle_timeout.is_some() {
            return self;
        }
        let reads = |resets| timers.iter().any(|timer| timer.resets == resets);
        let is_known = match self.balancer {
            Balancer::None => false,
            Balancer::Network => reads(Resets::Packets),
            Balancer::Classic => reads(Resets::Payload),
        };
        if is_known {
            self.balancer = Balancer::None;
        }
        self.others.extend_from_slice(timers);
        self
    }
}

/// What kind of balancer stands in front (`ingress.balancer`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Balancer {
    /// None that is known of.
    #[default]
    None,
    /// One whose timer is reset by packets.
    Network,
    /// One whose timer is reset by payload.
    Classic,
}

/// A node's own limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// `timeouts.idle`; zero: none.
    pub ftp_idle: Duration,
    /// `ssh.keepalive`; zero: no requests.
    pub ssh_keepalive: Duration,
}

/// How connections are kept alive: a part of the policy of the pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Keepalive {
    /// All that is known of the path, the smallest first: the reasons of the rest.
    pub timers: Vec<Timer>,
    /// For control, data and relay connections.
    pub probes: Probes,
    /// Between two keepalive requests on a silent SSH connection; `None`: there are none.
    #[serde(with = "millis::option")]
    pub ssh: Option<Duration>,
    /// No FTP session may be idle for longer, whatever is configured.
    pub ftp_idle: Option<IdleLimit>,
    /// Within this time a control connection needs payload in mid-transfer; `None`: it needs none. Four fifths of T,
    /// for clients bear few KeyUpdates: one that reads the control connection only when the data are through finds
    /// them all at once, and GnuTLS takes eight within a second (`KEY_UPDATES_PER_WINDOW` in `lib/tls13/key_update.c`),
    /// rustls and BoringSSL 32 without a byte of the application in between.
    #[serde(with = "millis::option")]
    pub payload: Option<Duration>,
}

/// A timer that ends silent connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer {
    /// Of what: `classic balancer`.
    pub name: String,
    /// The silence after which it fires.
    #[serde(with = "millis")]
    pub after: Duration,
    /// How that is known: a key of the configuration, a call of an API.
    pub source: String,
    /// What counts as no silence.
    pub resets: Resets,
}

/// What resets a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resets {
    /// Any packet.
    Packets,
    /// Bytes of the application.
    Payload,
    /// A command, or bytes of a transfer: the node's own limit, which nothing has to be kept from.
    Commands,
    /// A word of a later version.
    #[serde(other)]
    Unknown,
}

/// TCP keepalive (RFC 1122, 4.2.3.6): `TCP_KEEPIDLE`, `TCP_KEEPINTVL`, `TCP_KEEPCNT`, `TCP_USER_TIMEOUT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Probes {
    /// Silence before the first probe: whole seconds, at least 1.
    #[serde(with = "millis")]
    pub idle: Duration,
    /// Between probes: whole seconds, at least 1.
    #[serde(with = "millis")]
    pub interval: Duration,
    /// Probes without an answer before the connection is given up.
    pub count: u32,
    /// For bytes that are not acknowledged the same patience as for probes. Linux applies it also to a receiver that
    /// takes nothing for so long (a window of zero), although it answers: who waits longer for slow clients
    /// must not set it lower than that.
    #[serde(with = "millis")]
    pub user_timeout: Duration,
}

/// The longest time without a command that an FTP session may have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IdleLimit {
    /// So long.
    #[serde(with = "millis")]
    pub after: Duration,
    /// For the client: `the balancer closes after 60 s without payload, ingress.idle_timeout`.
    pub reason: String,
}

impl Default for Probes {
    /// Where no timer is known: with room for lost probes below 350 s, the least time in common use on the path.
    fn default() -> Self {
        Self::of(IDLE_MAX, INTERVAL_MAX)
    }
}

impl Probes {
    fn of(idle: Duration, interval: Duration) -> Self {
        Self { idle, interval, count: PROBES, user_timeout: idle + interval * PROBES }
    }
}

impl Keepalive {
    /// T, if a timer is known: the least silence that something on the path does not stand.
    pub fn smallest(&self) -> Option<Duration> {
        self.smallest_of(|resets| resets != Resets::Commands).map(|timer| timer.after)
    }

    /// The same on a node that has one more timer on its way, which is reset by packets: that of its network card.
    #[must_use]
    pub fn with_own(mut self, timer: Timer) -> Self {
        self.timers.push(timer);
        self.timers.sort_by_key(|timer| timer.after);
        if let Some(smallest) = self.smallest() {
            self.probes = decide::probes(smallest);
            self.ssh = self.ssh.map(|own| own.min(decide::whole(smallest / 2)));
        }
        self
    }

    /// Whether a connection that ended after so long a silence may have been ended by one of the timers, and not by
    /// whoever was at its other end. Only those that count payload are asked: from the others the probes keep it.
    pub fn explains(&self, silence: Duration) -> bool {
        let mut timers = self.timers.iter().filter(|timer| timer.resets == Resets::Payload);
        timers.any(|Timer { after, .. }| {
            let early = EARLY_MAX.min(*after / 10);
            (after.saturating_sub(early)..=*after + LATE_MAX).contains(&silence)
        })
    }

    fn smallest_of(&self, counts: impl Fn(Resets) -> bool) -> Option<&Timer> {
        self.timers.iter().filter(|timer| counts(timer.resets)).min_by_key(|timer| timer.after)
    }
}

/// By how much a silence may look shorter to the node than to the box whose timer fired, since both hear of the last
/// byte at different times; a tenth of the timer where that is less.
const EARLY_MAX: Duration = Duration::from_secs(1);
/// And by how much longer: the box looks at its timers now and then, and its end has a way to go.
const LATE_MAX: Duration = Duration::from_secs(3);
const IDLE_MAX: Duration = Duration::from_secs(75);
const INTERVAL_MAX: Duration = Duration::from_secs(15);
const PROBES: u32 = 4;

#[cfg(test)]
mod tests;
