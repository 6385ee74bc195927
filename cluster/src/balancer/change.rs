//! Changes that may be made at balancers.

use std::time::Duration;

/// What would be changed, and what is odd.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In this order; none depends on another.
    pub changes: Vec<Change>,
    /// A sentence each.
    pub notes: Vec<String>,
}

/// One call. Each can be made again without harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Sets attributes of a target group.
    Attributes {
        /// Its ARN.
        group: String,
        /// For people.
        name: String,
        /// Key and value, as AWS has them.
        set: Vec<(&'static str, String)>,
    },
    /// Sets `tcp.idle_timeout.seconds` of a listener.
    ListenerIdle {
        /// Its ARN.
        listener: String,
        /// For people: `network load balancer ftp, listener 21`.
        place: String,
        /// 60 to 6000 s.
        to: Duration,
    },
    /// Sets `ConnectionSettings.IdleTimeout` of a classic balancer.
    ClassicIdle {
        /// Which.
        balancer: String,
        /// 1 to 3600 s.
        to: Duration,
    },
    /// Sets `ConnectionDraining` of a classic balancer.
    ClassicDraining {
        /// Which.
        balancer: String,
        /// 1 to 3600 s.
        to: Duration,
    },
    /// Makes somebody a target.
    Register(Registration),
    /// Makes it none. Connections that it has go on for as long as the group lets them.
    Deregister(Registration),
}

/// A target, and of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The ARN of the group, or the name of a classic balancer.
    pub group: String,
    /// Whether it is a classic balancer.
    pub classic: bool,
    /// For people.
    pub name: String,
    /// The instance, or an address.
    pub id: String,
    /// `None`: that of the group.
    pub port: Option<u16>,
    /// Why.
    pub why: &'static str,
}
