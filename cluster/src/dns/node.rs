//! What the names of the pool have to know of a node, and the share of clients that it gets.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Instant;

use super::record::Location;
use super::settings::Serves;
use crate::id::NodeId;
use crate::member::{Load, Member, Standing};
use crate::view::{Seen, View};

/// A living node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub id: NodeId,
    /// The life of its process.
    pub generation: u64,
    /// Where clients find it by IPv4.
    pub v4: Option<Ipv4Addr>,
    /// And by IPv6.
    pub v6: Option<Ipv6Addr>,
    /// Of AWS: `eu-west-1`; empty: not known.
    pub region: String,
    /// Whose clients it serves.
    pub location: Location,
    /// What it may be used for.
    pub standing: Standing,
    /// Its share of clients when it has nothing to do, 0 to 255.
    pub capacity: u8,
    /// How busy it is, in thousandths.
    pub busy_permille: u16,
    /// Whether it has FTP.
    pub ftp: bool,
    /// Whether it has SSH.
    pub ssh: bool,
    /// The port that health checks connect to; 0: none.
    pub port: u16,
    /// That port was seen to answer. A check that is made before would begin as healthy, and then fail.
    pub answered: bool,
}

impl Node {
    /// A node by what it says of itself; `None`: it is dead, or nobody can read what it says.
    pub fn of(id: &NodeId, seen: &Seen, answered: bool) -> Option<Self> {
        let member = seen.member.as_ref().filter(|_| seen.alive)?;
        Some(Self::told(id, seen.generation, member, answered))
    }

    /// A living node that says this of itself.
    pub fn told(id: &NodeId, generation: u64, member: &Member, answered: bool) -> Self {
        let has = |protocols: &[&str]| {
            member.addresses.iter().any(|address| {
                protocols.iter().any(|protocol| {
                    address.strip_prefix(protocol).is_some_and(|rest| rest.starts_with("://"))
                })
            })
        };
        Self {
            id: id.clone(),
            generation,
            v4: member.place.v4,
            v6: member.place.v6,
            region: member.place.region.clone(),
            location: Location::read(&member.place.location),
            standing: member.standing,
            capacity: member.weight,
            busy_permille: busy_permille(&member.load),
            ftp: has(&["ftp", "ftps"]),
            ssh: has(&["ssh", "sftp"]),
            port: member.place.port,
            answered,
        }
    }

    /// All that live.
    pub fn all(view: &View, answered: impl Fn(&NodeId) -> bool) -> Vec<Self> {
        view.alive().filter_map(|(id, seen)| Self::of(id, seen, answered(id))).collect()
    }

    /// The share of clients that it gets now: 0 for who does not serve, and at least 1 for who does. A busy node keeps
    /// a tenth of its share: what comes of no clients at all is that it looks idle, and gets them all.
    pub fn weight(&self) -> u8 {
        if self.standing != Standing::Ready {
            return 0;
        }
        let free = u32::from(1000_u16.saturating_sub(self.busy_permille)).max(FREE_MIN);
        let share = (u32::from(self.capacity) * free + 500) / 1000;
        u8::try_from(share).unwrap_or(u8::MAX).max(1)
    }

    /// Whether it belongs under a name.
    pub fn serves(&self, what: Serves) -> bool {
        match what {
            Serves::Any => true,
            Serves::Ftp => self.ftp,
            Serves::Ssh => self.ssh,
        }
    }

    /// The address that is checked.
    pub fn checked(&self) -> Option<IpAddr> {
        self.v4.map(IpAddr::from).or(self.v6.map(IpAddr::from))
    }
}

/// How busy a node is, in thousandths: by its processors, or by how late its timers are (a second is the most), where
/// that is worse.
pub fn busy_permille(load: &Load) -> u16 {
    u16::try_from(load.lag_ms).unwrap_or(u16::MAX).max(load.cpu_permille).min(1000)
}

/// Whether a change of weight is worth a call: to or from nothing, or by a tenth.
pub fn is_step(standing: u8, wanted: u8) -> bool {
    match (standing, wanted) {
        (0, 0) => false,
        (0, _) | (_, 0) => true,
        (standing, wanted) => standing.abs_diff(wanted) > standing / STEP_PART,
    }
}

/// How busy nodes are in the mean of about a minute: answers of DNS are kept for as long, and what follows each beat
/// would swing.
#[derive(Debug, Default)]
pub(super) struct Mean {
    nodes: BTreeMap<NodeId, (f64, Instant)>,
}

impl Mean {
    /// Puts the mean in the place of the last value.
    pub(super) fn smooth(&mut self, nodes: &mut [Node], now: Instant) {
        self.nodes.retain(|id, _| nodes.iter().any(|node| node.id == *id));
        for node in nodes {
            let busy = f64::from(node.busy_permille);
            let (mean, at) = self.nodes.entry(node.id.clone()).or_insert((busy, now));
            let part = (now.saturating_duration_since(*at).as_secs_f64() / MEAN_SECONDS).min(1.0);
            *mean += (busy - *mean) * part;
            *at = now;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "between two numbers of that kind"
            )]
            let rounded = mean.round() as u16;
            node.busy_permille = rounded;
        }
    }
}

/// The part of a weight by which it must change.
const STEP_PART: u8 = 10;
/// Thousandths of its share that the busiest keep.
const FREE_MIN: u32 = 100;
const MEAN_SECONDS: f64 = 60.0;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::dns::tests::{node, start};

    #[test]
    fn weights_follow_readiness_capacity_and_load() {
        let weight = |standing, capacity, busy_permille| {
            Node { standing, capacity, busy_permille, ..node(0) }.weight()
        };
        assert_eq!(weight(Standing::Ready, 100, 0), 100);
        assert_eq!(weight(Standing::Ready, 200, 500), 100);
        assert_eq!(weight(Standing::Ready, 255, 1000), 26);
        assert_eq!(weight(Standing::Ready, 0, 0), 1);
        assert_eq!(weight(Standing::Ready, 3, 1000), 1);
        assert_eq!(weight(Standing::Draining, 100, 0), 0);
        assert_eq!(weight(Standing::Unready, 100, 0), 0);
        assert_eq!(weight(Standing::Unknown, 100, 0), 0);
    }

    #[test]
    fn a_step_is_a_tenth() {
        assert!(!is_step(100, 110) && !is_step(100, 90) && !is_step(0, 0) && !is_step(5, 5));
        assert!(is_step(100, 111) && is_step(100, 89) && is_step(0, 1) && is_step(1, 0));
        assert!(is_step(5, 6));
    }

    #[test]
    fn load_is_a_mean_of_a_minute() {
        let mut mean = Mean::default();
        let mut now = start();
        let mut seen = Vec::new();
        for busy_permille in [0, 1000, 1000, 1000, 0] {
            let mut nodes = [Node { busy_permille, ..node(0) }];
            mean.smooth(&mut nodes, now);
            seen.push(nodes[0].busy_permille);
            now += Duration::from_secs(15);
        }
        assert_eq!(seen, [0, 250, 438, 578, 434]);
        now += Duration::from_secs(90);
        let mut nodes = [node(0)];
        mean.smooth(&mut nodes, now);
        assert_eq!(nodes[0].busy_permille, 0);
        assert_eq!(busy_permille(&Load { cpu_permille: 300, lag_ms: 40, ..Load::default() }), 300);
        assert_eq!(busy_permille(&Load { lag_ms: 70_000, ..Load::default() }), 1000);
    }
}
