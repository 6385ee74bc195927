//! What happens to the nodes while clients work: a script in TOML.
//!
//! ```toml
//! [[event]]
//! at = "10s"       # since the clients began
//! do = "kill"      # SIGKILL
//! node = 2
//! [[event]]
//! at = "20s"
//! do = "start"     # a node that does not run
//! node = 2
//! [[event]]
//! at = "30s"
//! do = "drain"     # SIGTERM
//! node = 1
//! [[event]]
//! at = "40s"
//! do = "scale"     # starts new nodes, or drains those with the highest numbers
//! nodes = 5
//! ```

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Deserializer};

/// The events in the order of their time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Script {
    events: Vec<Event>,
}

/// Something that happens once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Event {
    /// Since the clients began.
    #[serde(deserialize_with = "period")]
    pub(super) at: Duration,
    #[serde(rename = "do")]
    act: Act,
    node: Option<u8>,
    nodes: Option<u8>,
}

/// What an event does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Act {
    Kill,
    Drain,
    Start,
    Scale,
}

/// What is done to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// SIGKILL to a node, as a machine that fails.
    Kill(u8),
    /// SIGTERM to a node, as an operator or a scale-in.
    Drain(u8),
    /// Starts a node.
    Start(u8),
    /// Starts or drains until so many run.
    Scale(u8),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    event: Vec<Event>,
}

impl Script {
    /// Reads and checks a script.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let File { mut event } = toml::from_str(text)?;
        event.sort_by_key(|event| event.at);
        for (number, event) in event.iter().enumerate() {
            event.deed().with_context(|| format!("event {}", number + 1))?;
        }
        Ok(Self { events: event })
    }

    /// The events that are due, and those that are not.
    pub(super) fn take_due(&mut self, passed: Duration) -> Vec<Event> {
        let due = self.events.partition_point(|event| event.at <= passed);
        self.events.drain(..due).collect()
    }

    /// When the last event comes.
    pub(super) fn end(&self) -> Duration {
        self.events.last().map_or(Duration::ZERO, |event| event.at)
    }
}

impl Event {
    /// What it does.
    pub(super) fn deed(&self) -> Result<Deed> {
        let of = |number: Option<u8>, key: &str, other: Option<u8>| match (number, other) {
            (Some(number @ 1..=NODES_MAX), None) => Ok(number),
            _ => bail!("{:?} takes `{key}`, from 1 to {NODES_MAX}, and nothing else", self.act),
        };
        Ok(match self.act {
            Act::Kill => Deed::Kill(of(self.node, "node", self.nodes)?),
            Act::Drain => Deed::Drain(of(self.node, "node", self.nodes)?),
            Act::Start => Deed::Start(of(self.node, "node", self.nodes)?),
            Act::Scale => Deed::Scale(of(self.nodes, "nodes", self.node)?),
        })
    }
}

fn period<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    humantime::parse_duration(&text).map_err(serde::de::Error::custom)
}

/// Each node has an address of the loopback, of which one byte tells it from the others.
pub(super) const NODES_MAX: u8 = 250;

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = r#"
        [[event]]
        at = "20s"
        do = "scale"
        nodes = 5
        [[event]]
        at = "1500ms"
        do = "kill"
        node = 2
    "#;

    #[test]
    fn events_come_in_the_order_of_their_time() {
        let mut script = Script::parse(SCRIPT).unwrap();
        assert_eq!(script.end(), Duration::from_secs(20));
        assert!(script.take_due(Duration::from_secs(1)).is_empty());
        let due = script.take_due(Duration::from_secs(2));
        assert_eq!(due.iter().map(|e| e.deed().unwrap()).collect::<Vec<_>>(), [Deed::Kill(2)]);
        let due = script.take_due(Duration::from_secs(60));
        assert_eq!(due.iter().map(|e| e.deed().unwrap()).collect::<Vec<_>>(), [Deed::Scale(5)]);
        assert!(script.take_due(Duration::from_secs(90)).is_empty());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refused = |text: &str| Script::parse(text).is_err();
        let event = |rest: &str| format!("[[event]]\nat = \"1s\"\n{rest}\n");
        assert!(!refused("") && !refused(&event("do = \"drain\"\nnode = 1")));
        assert!(refused(&event("do = \"kill\"")));
        assert!(refused(&event("do = \"kill\"\nnode = 0")));
        assert!(refused(&event("do = \"kill\"\nnode = 1\nnodes = 2")));
        assert!(refused(&event("do = \"scale\"\nnode = 1")));
        assert!(refused(&event("do = \"explode\"\nnode = 1")));
        assert!(refused(&event("do = \"kill\"\nnode = 1\nnoed = 1")));
        assert!(refused("[[event]]\nat = 1\ndo = \"kill\"\nnode = 1"));
    }
}
