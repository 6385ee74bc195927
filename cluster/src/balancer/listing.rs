//! The listeners of a pool that clients reach at one balancer: which port leads to whom.
//!
//! A Network Load Balancer has 50 listeners at the most, of one port each, and a group has one port: each passive port
//! takes a listener and a group. Such a group has all nodes, so that most data connections come to another node than
//! that of their session and are relayed; or a single one, so that those of its own block are not. Either way every
//! port works for every node, as long as relays do.

mod print;

use std::fmt;

use serde::Serialize;

use super::facts::{Balancer, Kind, TARGETS_MAX};
use super::ranges;
use crate::ports::PortRange;

/// What a pool needs.
#[derive(Clone, Debug)]
pub struct ListingWant {
    /// Its name; groups are called by it.
    pub pool: String,
    /// `vpc-0123`; empty: not known, and to be filled in.
    pub vpc: String,
    /// Network or classic.
    pub kind: Kind,
    /// ARN, or the name of a classic one; empty: to be filled in.
    pub balancer: String,
    /// Control ports: what clients dial, and where nodes listen.
    pub control: Vec<(u16, u16)>,
    /// Passive ports, as configured.
    pub passive: PortRange,
    /// Nodes in the order in which they get passive ports: instances or addresses.
    pub nodes: Vec<String>,
    /// Who is in the group of a passive port.
    pub sharing: Sharing,
    /// Whether what comes to one zone goes to all.
    pub cross_zone: bool,
    /// Where nodes say whether they are ready.
    pub health: u16,
    /// `timeouts.drain`, in seconds: 0 to 3600.
    pub drain: u16,
    /// Ports on which it listens already.
    pub present: Vec<u16>,
}

/// Who is in the group of a passive port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Sharing {
    /// All nodes: for those that come and go.
    #[default]
    Shared,
    /// One node: for those that stay.
    Single,
}

/// The listeners.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listing {
    /// One for each listener, by port.
    pub rows: Vec<Row>,
    /// What that is enough for.
    pub capacity: Capacity,
    /// What does not fit, or must be known: a sentence each.
    pub notes: Vec<String>,
    #[serde(skip)]
    want: Detail,
}

/// A listener with its group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What clients dial.
    pub port: u16,
    /// Where nodes listen.
    pub target_port: u16,
    /// Whether it is a passive port.
    pub passive: bool,
    /// The name of its group: 32 characters at the most.
    pub group: String,
    /// Who is in it.
    pub targets: Vec<String>,
    /// Whether the balancer has such a listener already.
    pub present: bool,
}

/// What passive ports are enough for. A port serves many clients at once, each address once: the transfers of the
/// pool are at most ports x client addresses, and that many for one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Capacity {
    /// Passive ports that have a listener: transfers at once of one client address.
    pub ports: usize,
    /// Passive ports that are configured.
    pub wanted: usize,
    /// How many there may be, beside the control ports.
    pub room: usize,
}

/// What printing needs besides.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Detail {
    pool: String,
    vpc: String,
    kind: Kind,
    balancer: String,
    health: u16,
    drain: u16,
}

impl ListingWant {
    /// What is there already.
    pub fn with(mut self, balancer: &Balancer) -> Self {
        self.kind = balancer.kind;
        self.balancer =
            if balancer.arn.is_empty() { balancer.name.clone() } else { balancer.arn.clone() };
        self.vpc.clone_from(&balancer.vpc);
        self.cross_zone = balancer.cross_zone;
        self.present = balancer.listeners.iter().map(|listener| listener.port).collect();
        self
    }
}

impl Listing {
    /// The listeners that a pool needs, as far as there may be so many.
    pub fn new(want: &ListingWant) -> Self {
        let most = match want.kind {
            Kind::Classic => super::CLASSIC_LISTENERS_MAX,
            _ => super::LISTENERS_MAX,
        };
        let of_control = |port: &u16| want.control.iter().any(|(dialled, _)| dialled == port);
        let foreign =
            want.present.iter().filter(|port| !of_control(port) && !want.passive.contains(**port));
        let room = most.saturating_sub(want.control.len() + foreign.count());
        let wanted = want.passive.count();
        let capacity = Capacity { ports: wanted.min(room), wanted, room };
        let mut rows: Vec<Row> =
            want.control.iter().map(|ports| want.control_row(*ports)).collect();
        let passive = (want.passive.first()..=want.passive.last()).take(capacity.ports);
        rows.extend(
            passive.enumerate().map(|(index, port)| want.passive_row(index, port, &capacity)),
        );
        let notes = want.notes(&rows, &capacity);
        Self { rows, capacity, notes, want: want.detail() }
    }

    /// Ports of which the balancer has no listener yet.
    pub fn lacking(&self) -> Vec<u16> {
        self.rows.iter().filter(|row| !row.present).map(|row| row.port).collect()
    }
}

impl ListingWant {
    fn control_row(&self, (port, target_port): (u16, u16)) -> Row {
        Row {
            port,
            target_port,
            passive: false,
            group: self.group(port),
            targets: self.nodes.clone(),
            present: self.present.contains(&port),
        }
    }

    /// The ports are dealt out in one run for each node, in their order, so that a run is whole blocks as nearly as
    /// can be.
    fn passive_row(&self, index: usize, port: u16, capacity: &Capacity) -> Row {
        let single = (index * self.nodes.len()).checked_div(capacity.ports);
        let targets = match self.sharing {
            Sharing::Single if self.kind != Kind::Classic => {
                single.and_then(|of| self.nodes.get(of)).cloned().into_iter().collect()
            }
            _ => self.nodes.clone(),
        };
        Row {
            port,
            target_port: port,
            passive: true,
            group: self.group(port),
            targets,
            present: self.present.contains(&port),
        }
    }

    /// Letters, digits and hyphens, 32 at the most ("CreateTargetGroup", `Name`).
    fn group(&self, port: u16) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        let pool: String = self.pool.chars().map(plain).take(POOL_MAX).collect();
        format!("flotilla-{}-{port}", pool.trim_matches('-'))
    }

    fn notes(&self, rows: &[Row], capacity: &Capacity) -> Vec<String> {
        let mut notes = Vec::new();
        let Capacity { ports, wanted, room } = *capacity;
        if wanted > ports {
            let fits = u16::try_from(ports).ok().filter(|ports| *ports > 0);
            let fits = fits.map(|ports| {
                format!(
                    ": set ftp.passive.ports = \"{}-{}\"",
                    self.passive.first(),
                    self.passive.first() + (ports - 1)
                )
            });
            notes.push(format!(
                "there is room for {room} passive ports, and {wanted} are configured; nobody could dial the others{}",
                fits.unwrap_or_default()
            ));
        }
        if self.sharing == Sharing::Single && self.kind == Kind::Classic {
            notes.push("a classic balancer sends every port to all of its instances".to_owned());
        }
        let portless: Vec<_> = match self.sharing {
            Sharing::Single if self.kind != Kind::Classic => {
                let has = |node: &&String| {
                    rows.iter().any(|row| row.passive && row.targets.contains(node))
                };
                self.nodes.iter().filter(|node| !has(node)).cloned().collect()
            }
            _ => Vec::new(),
        };
        if !portless.is_empty() {
            notes.push(format!(
                "no passive port leads to {}: theirs are relayed",
                portless.join(", ")
            ));
        }
        let targets: usize = rows.iter().map(|row| row.targets.len()).sum();
        if self.kind == Kind::Network && targets > TARGETS_MAX {
            let scope = if self.cross_zone { "in all" } else { "in a zone" };
            notes.push(format!(
                "{targets} targets, and there may be {TARGETS_MAX} {scope}: give each passive port to one node, or have fewer"
            ));
        }
        if self.sharing == Sharing::Single && !self.cross_zone && self.nodes.len() > 1 {
            notes.push(
                "without cross-zone balancing a port leads to its node from the address of that node's zone only: \
                 nodes must know their zone (node.zone)"
                    .to_owned(),
            );
        }
        notes
    }

    fn detail(&self) -> Detail {
        Detail {
            pool: self.pool.clone(),
            vpc: self.vpc.clone(),
            kind: self.kind,
            balancer: self.balancer.clone(),
            health: self.health,
            drain: self.drain.min(3600),
        }
    }
}

impl fmt::Display for Listing {
    /// As a table of runs that are alike.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.rows.as_slice();
        while let Some(first) = rest.first() {
            let alike = |row: &&Row| {
                row.passive == first.passive
                    && (row.passive || row.port == first.port)
                    && row.targets == first.targets
                    && row.present == first.present
            };
            let run = rest.iter().take_while(alike).count();
            let (now, later) = rest.split_at(run);
            rest = later;
            let ports: Vec<u16> = now.iter().map(|row| row.port).collect();
            let target =
                if first.passive { "the same".to_owned() } else { first.target_port.to_string() };
            let mark = if first.present { ' ' } else { '+' };
            let nodes = if first.targets.is_empty() {
                "nobody yet".to_owned()
            } else {
                first.targets.join(", ")
            };
            writeln!(f, "{mark} {} -> {target} of {nodes}", ranges(&ports))?;
        }
        let Capacity { ports, wanted, .. } = self.capacity;
        writeln!(
            f,
            "{ports} of {wanted} passive ports: at most {ports} transfers at once for each client address, {ports} x \
             client addresses for the pool"
        )?;
        for note in &self.notes {
            writeln!(f, "! {note}")?;
        }
        Ok(())
    }
}

/// With `flotilla-`, a hyphen and five digits that makes 32.
const POOL_MAX: usize = 17;

#[cfg(test)]
mod tests;
