//! What an operator asks of the pool, whichever of its nodes is asked. The answers are JSON, whose
//! shapes are written down in [the manual](crate::manual::admin).

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use actix::Message;
use flotilla_cluster::id::NodeId;
use flotilla_cluster::order::Whom;
use flotilla_cluster::session::SessionId;

/// A question on its way to the actor that answers for the pool.
#[derive(Clone, Debug, PartialEq, Eq, Message)]
#[rtype(result = "Result<serde_json::Value, Refusal>")]
pub struct Ask(pub Question);

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// The nodes and how they are.
    Nodes,
    /// The sessions that fit.
    Sessions(Filter),
    /// All that is known of one session.
    Session(SessionId),
    /// End sessions.
    Kick(Target),
    /// The addresses that are banned.
    Bans,
    /// Ban an address on all nodes.
    Ban {
        /// Which; of IPv6 its /64.
        address: IpAddr,
        /// For how long; above zero.
        period: Duration,
    },
    /// Lift a ban.
    Unban(IpAddr),
    /// Send a node's clients away, transfers last.
    Drain {
        /// Which; `None`: the one that is asked.
        node: Option<NodeId>,
        /// How long transfers may take; `None`: `timeouts.drain`.
        grace: Option<Duration>,
    },
    /// Take clients again.
    Undrain {
        /// Which; `None`: the one that is asked.
        node: Option<NodeId>,
    },
    /// The passive ports of the nodes.
    Ports,
    /// What the leader decided for all.
    Policy,
    /// What the node that is asked logs.
    LogLevel,
    /// Have the node that is asked log something else.
    SetLogLevel {
        /// The filter; `None`: the configured one again.
        filter: Option<String>,
        /// For how long; `None`: until a reload.
        period: Option<Duration>,
    },
}

/// Which sessions are listed: those that fit every condition, so all without one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those of this user.
    pub user: Option<String>,
    /// Those from this client address.
    pub address: Option<IpAddr>,
    /// Those of this node.
    pub node: Option<NodeId>,
}

/// Which sessions are ended: those that fit every condition, and none without one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// This one.
    pub session: Option<SessionId>,
    /// Those of this user.
    pub user: Option<String>,
    /// Those from this client address.
    pub address: Option<IpAddr>,
    /// Those of this node.
    pub node: Option<NodeId>,
    /// All: for the rest of the conditions to be empty.
    pub everybody: bool,
}

/// Why there is no answer. Each has its own status over HTTP.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It can not be asked so: 400.
    #[error("{0}")]
    Invalid(String),
    /// There is no such node or session: 404.
    #[error("{0}")]
    NotFound(String),
    /// The store of the pool is away: 503.
    #[error("{0}")]
    Unavailable(String),
    /// Too much is asked at once, or it took too long: 503.
    #[error("{0}")]
    Busy(String),
}

impl Target {
    /// Whether it names nobody.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The node that alone is concerned, if it is one: that of `session` or `node`; the inner `None`
    /// where both are named and differ, so that nobody is meant.
    pub fn only_node(&self) -> Option<Option<&NodeId>> {
        match (self.session.as_ref().map(|session| &session.node), self.node.as_ref()) {
            (Some(session), Some(node)) => Some(Some(node).filter(|node| *node == session)),
            (one, other) => one.or(other).map(Some),
        }
    }

    /// What a node that is concerned is told.
    pub fn whom(&self) -> Whom {
        let number = self.session.as_ref().map(|session| session.number);
        let unnamed = number.is_none() && self.user.is_none() && self.address.is_none();
        Whom {
            number,
            user: self.user.clone(),
            address: self.address,
            everybody: self.everybody || (unnamed && self.node.is_some()),
        }
    }
}

impl Question {
    /// Whether it changes something.
    pub fn is_change(&self) -> bool {
        match self {
            Self::Nodes
            | Self::Sessions(_)
            | Self::Session(_)
            | Self::Bans
            | Self::Ports
            | Self::Policy
            | Self::LogLevel => false,
            Self::Kick(_)
            | Self::Ban { .. }
            | Self::Unban(_)
            | Self::Drain { .. }
            | Self::Undrain { .. }
            | Self::SetLogLevel { .. } => true,
        }
    }
}

/// For the log; names that clients chose are quoted and escaped.
impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let here = |node: &Option<NodeId>| {
            node.as_ref().map_or_else(|| "this node".to_owned(), ToString::to_string)
        };
        match self {
            Self::Nodes => f.write_str("nodes"),
            Self::Sessions(_) => f.write_str("sessions"),
            Self::Session(id) => write!(f, "session {id}"),
            Self::Kick(target) => write!(f, "kick {target}"),
            Self::Bans => f.write_str("bans"),
            Self::Ban { address, period } => {
                write!(f, "ban {address} for {}", humantime::format_duration(*period))
            }
            Self::Unban(address) => write!(f, "unban {address}"),
            Self::Drain { node, grace: None } => write!(f, "drain {}", here(node)),
            Self::Drain { node, grace: Some(grace) } => {
                write!(f, "drain {} within {}", here(node), humantime::format_duration(*grace))
            }
            Self::Undrain { node } => write!(f, "undrain {}", here(node)),
            Self::Ports => f.write_str("ports"),
            Self::Policy => f.write_str("policy"),
            Self::LogLevel => f.write_str("log level"),
            Self::SetLogLevel { filter: None, .. } => f.write_str("log level as configured"),
            Self::SetLogLevel { filter: Some(filter), period } => {
                write!(f, "log level {filter:?}")?;
                match period {
                    Some(period) => write!(f, " for {}", humantime::format_duration(*period)),
                    None => Ok(()),
                }
            }
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            self.session.as_ref().map(|id| format!("session {id}")),
            self.user.as_ref().map(|user| format!("user {user:?}")),
            self.address.map(|address| format!("address {address}")),
            self.node.as_ref().map(|node| format!("node {node}")),
            self.everybody.then(|| "everybody".to_owned()),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        match parts.is_empty() {
            true => f.write_str("nobody"),
            false => f.write_str(&parts.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str) -> Option<NodeId> {
        Some(NodeId::new(name).unwrap())
    }

    #[test]
    fn a_node_alone_means_everybody_there() {
        let client = IpAddr::from([192, 0, 2, 1]);
        let fits = |target: &Target| target.whom().fits(7, "ann", client);
        let whole = Target { node: node("n1"), ..Target::default() };
        assert!(fits(&whole));
        let other = Some("bob".to_owned());
        assert!(!fits(&Target { user: other.clone(), ..whole.clone() }));
        assert!(!fits(&Target { user: other, everybody: true, ..whole }));
        assert!(!fits(&Target::default()) && Target::default().is_empty());
        assert!(fits(&Target { everybody: true, ..Target::default() }));
        assert!(fits(&Target { session: SessionId::parse("n1/7"), ..Target::default() }));
        assert!(!fits(&Target { session: SessionId::parse("n1/8"), ..Target::default() }));
    }

    #[test]
    fn a_session_leads_to_its_node() {
        let (n1, n2) = (node("n1"), node("n2"));
        let session = Target { session: SessionId::parse("n1/7"), ..Target::default() };
        assert_eq!(Target::default().only_node(), None);
        assert_eq!(session.only_node(), Some(n1.as_ref()));
        assert_eq!(Target { node: n1.clone(), ..session.clone() }.only_node(), Some(n1.as_ref()));
        assert_eq!(Target { node: n2.clone(), ..session }.only_node(), Some(None));
        assert_eq!(Target { node: n2.clone(), ..Target::default() }.only_node(), Some(n2.as_ref()));
    }

    #[test]
    fn changes_are_logged_in_words() {
        let target =
            Target { user: Some("a\n\"".to_owned()), node: node("n1"), ..Target::default() };
        let grace = Some(Duration::from_secs(600));
        for (question, text) in [
            (Question::Kick(target), "kick user \"a\\n\\\"\", node n1"),
            (
                Question::Ban {
                    address: IpAddr::from([192, 0, 2, 1]),
                    period: Duration::from_secs(1800),
                },
                "ban 192.0.2.1 for 30m",
            ),
            (Question::Drain { node: None, grace }, "drain this node within 10m"),
            (Question::Undrain { node: node("n2") }, "undrain n2"),
            (Question::SetLogLevel { filter: None, period: None }, "log level as configured"),
            (
                Question::SetLogLevel { filter: Some("in\nfo".to_owned()), period: grace },
                "log level \"in\\nfo\" for 10m",
            ),
        ] {
            assert!(question.is_change());
            assert_eq!(question.to_string(), text);
        }
    }
}
