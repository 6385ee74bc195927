//! Who gets a session: the limits of the pool and what they count.
//!
//! [`Admission`] is a pure machine. A login that was judged good asks for a [`Slot`] and gives it
//! back when it ends; nothing else counts, so counts vanish exactly with the slots. Failed logins
//! and bans are kept beside it, in [`Bans`](crate::ban::Bans).
//!
//! Memory is bounded by the live slots: a user or an address that holds none leaves no trace.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// The limits; 0 means none. They can change while sessions live: a lower limit ends nobody, it
/// only keeps new ones out until enough have left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Sessions at once (`limits.sessions`).
    pub sessions: u32,
    /// Sessions at once of one user name (`limits.per_user`).
    pub per_user: u32,
    /// Sessions at once of one [`origin`] (`limits.per_address`).
    pub per_address: u32,
    /// Admitted logins per second (`limits.logins_per_second`): a token bucket that holds one
    /// second's worth, so that a burst of that size passes after a quiet second.
    pub logins_per_second: u32,
}

impl Limits {
    /// The part of one of so many nodes, rounded up, so that a limit never becomes 0, which is none.
    pub(crate) fn share(self, nodes: u32) -> Self {
        let of = |limit: u32| limit.div_ceil(nodes.max(1));
        Self {
            sessions: of(self.sessions),
            per_user: of(self.per_user),
            per_address: of(self.per_address),
            logins_per_second: of(self.logins_per_second),
        }
    }
}

/// A login that asks for its slot.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The name of the account.
    pub user: &'a str,
    /// The account's own limit of sessions at once; 0: none. It holds beside `per_user`, not in its
    /// place.
    pub account_sessions: u32,
    /// The client's address.
    pub address: IpAddr,
}

/// One admitted session. It must come back by [`Admission::release`], exactly once: it can not be
/// copied, and whoever owns it ties it to the session's life.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a slot that is dropped without release counts for ever"]
pub struct Slot {
    pub(crate) user: Arc<str>,
    pub(crate) origin: IpAddr,
}

/// Why there is no slot: the limit that is reached, by its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The key of the configuration, or [`ACCOUNT_SESSIONS`].
    pub key: &'static str,
    /// Its value.
    pub limit: u32,
    /// How much of it this node may use while the pool's store is away, and until all have told it what they
    /// admitted meanwhile.
    pub share: Option<u32>,
}

impl std::error::Error for Denied {}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, limit, share } = self;
        write!(f, "{key} = {limit} is reached")?;
        match share {
            Some(share) => {
                write!(f, " (this node's share while the pool's store is away: {share})")
            }
            None => Ok(()),
        }
    }
}

/// Counts the sessions and refuses those above a limit.
#[derive(Debug)]
pub struct Admission {
    limits: Limits,
    sessions: u32,
    users: HashMap<Arc<str>, u32>,
    origins: HashMap<IpAddr, u32>,
    /// When the bucket of logins is full again; the bucket lacks `full_at - now`, measured in time.
    full_at: Option<Instant>,
}

impl Admission {
    /// Nobody is there yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, sessions: 0, users: HashMap::new(), origins: HashMap::new(), full_at: None }
    }

    /// Sessions at the moment.
    pub fn sessions(&self) -> u32 {
        self.sessions
    }

    /// Sessions of one user at the moment.
    pub fn sessions_of(&self, user: &str) -> u32 {
        self.users.get(user).copied().unwrap_or(0)
    }

    /// Sessions from one [`origin`] at the moment.
    pub fn sessions_from(&self, address: IpAddr) -> u32 {
        self.origins.get(&origin(address)).copied().unwrap_or(0)
    }

    /// The limits in force.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Puts other limits in force, for logins from now on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Takes a slot, unless a limit is reached. A refused login takes nothing, not even a token of
    /// the login rate.
    pub fn admit(&mut self, request: Request<'_>, now: Instant) -> Result<Slot, Denied> {
        let of_user = self.sessions_of(request.user);
        check(SESSIONS, self.limits.sessions, self.sessions)?;
        check(PER_USER, self.limits.per_user, of_user)?;
        check(ACCOUNT_SESSIONS, request.account_sessions, of_user)?;
        check(PER_ADDRESS, self.limits.per_address, self.sessions_from(request.address))?;
        self.take_token(now)?;
        Ok(self.enter(request))
    }

    /// Takes a slot that somebody else has judged.
    pub fn enter(&mut self, request: Request<'_>) -> Slot {
        let origin = origin(request.address);
        let of_user = self.sessions_of(request.user);
        let from_origin = self.origins.get(&origin).copied().unwrap_or(0);
        let user = match self.users.get_key_value(request.user) {
            Some((user, _)) => Arc::clone(user),
            None => Arc::from(request.user),
        };
        self.sessions = self.sessions.saturating_add(1);
        self.users.insert(Arc::clone(&user), of_user.saturating_add(1));
        self.origins.insert(origin, from_origin.saturating_add(1));
        Slot { user, origin }
    }

    /// All users with sessions.
    pub(crate) fn users(&self) -> impl Iterator<Item = &Arc<str>> {
        self.users.keys()
    }

    /// All origins of sessions.
    pub(crate) fn origins(&self) -> impl Iterator<Item = IpAddr> {
        self.origins.keys().copied()
    }

    /// Gives a slot back.
    pub fn release(&mut self, slot: Slot) {
        self.sessions = self.sessions.saturating_sub(1);
        decrement(&mut self.users, &slot.user);
        decrement(&mut self.origins, &slot.origin);
    }

    /// The token bucket as a point in time: each login moves `full_at` by one interval, and there
    /// is a token as long as the bucket is short of a full second by no more than the rest.
    fn take_token(&mut self, now: Instant) -> Result<(), Denied> {
        let rate = self.limits.logins_per_second;
        if rate == 0 {
            return Ok(());
        }
        // Rounded up, so that the rate is never exceeded by rounding.
        let interval = Duration::from_nanos(NANOS_PER_SECOND.div_ceil(u64::from(rate)));
        let full_at = self.full_at.filter(|&at| at > now).unwrap_or(now);
        let lacking = full_at.saturating_duration_since(now);
        // A bucket that was filled under another rate may lack more than a second: it waits.
        let burst = interval.saturating_mul(rate);
        if lacking.saturating_add(interval) > burst {
            return Err(Denied { key: LOGINS_PER_SECOND, limit: rate, share: None });
        }
        self.full_at = full_at.checked_add(interval);
        Ok(())
    }
}

/// What counts as one client: an IPv4 address, or the /64 network of an IPv6 address, since a site
/// has at least that many. IPv4 addresses in IPv6 clothes are IPv4 addresses.
pub fn origin(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & V6_SITE_MASK)),
    }
}

fn check(key: &'static str, limit: u32, count: u32) -> Result<(), Denied> {
    match limit != 0 && count >= limit {
        true => Err(Denied { key, limit, share: None }),
        false => Ok(()),
    }
}

fn decrement<K: Hash + Eq>(counts: &mut HashMap<K, u32>, key: &K) {
    let Some(count) = counts.get_mut(key) else { return };
    *count = count.saturating_sub(1);
    if *count == 0 {
        counts.remove(key);
    }
}

/// The key that a denial names when [`Limits::sessions`] is reached.
pub const SESSIONS: &str = "limits.sessions";
/// The same for [`Limits::per_user`].
pub const PER_USER: &str = "limits.per_user";
/// The same for [`Limits::per_address`].
pub const PER_ADDRESS: &str = "limits.per_address";
/// The same for [`Limits::logins_per_second`].
pub const LOGINS_PER_SECOND: &str = "limits.logins_per_second";
/// The key that a denial names when the account's own limit is reached.
pub const ACCOUNT_SESSIONS: &str = "user.limits.sessions";

/// The first 64 bits of an address.
const V6_SITE_MASK: u128 = !(u64::MAX as u128);

const NANOS_PER_SECOND: u64 = 1_000_000_000;

#[cfg(test)]
mod tests;
