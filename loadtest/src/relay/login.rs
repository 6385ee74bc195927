//! What a login costs that the pool admits: counted by Redis, counted by the node alone, not counted.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};

use super::pool::{host, plan};
use crate::client::account::Account;
use crate::client::{Protocol, Target, Wire};
use crate::figures::Figures;
use crate::ground::Ground;
use crate::node::{Node, Plan, write_secret};
use crate::peer::{PASSWORD, Server, USER};
use crate::redis;
use crate::run::Progress;
use crate::scenario::{Plan as Load, Scenario};
use crate::worker::{self, Gate};

/// Three nodes, each admitting logins in its own way; ended with this value, Redis last.
pub(super) struct Admission {
    nodes: [(&'static str, Node); 3],
    redis: Server,
}

impl Admission {
    /// Starts all and waits until they are ready.
    pub(super) fn start(ground: &Ground) -> Result<Self> {
        write_secret(ground)?;
        let (store, redis) = redis::start(&ground.folder, host(5))?;
        let node = |id, last, more, pool| -> Result<Node> {
            Node::start(ground, Plan { more, pool, ..plan(id, host(last), "direct")? })
        };
        let nodes = [
            ("no limits, alone", node("free", 6, "", None)?),
            ("all limits, alone", node("limited", 7, LIMITS, None)?),
            ("all limits, pool", node("pooled", 8, LIMITS, Some(("login", store)))?),
        ];
        for (_, node) in &nodes {
            node.wait()?;
        }
        Ok(Self { nodes, redis })
    }

    /// One round: many clients for what it costs, one for how long it takes.
    pub(super) fn measure(
        &self,
        duration: Duration,
        gate: &Arc<Gate>,
        figures: &mut Figures,
    ) -> Result<()> {
        for clients in [MANY, 1] {
            for (name, node) in &self.nodes {
                if gate.stopped() {
                    return Ok(());
                }
                let account = Arc::new(Account::new(USER.to_owned(), PASSWORD.to_owned(), 1));
                let address = node.address(Protocol::Ftp);
                let target = Target { address, data: None, account, wire: Wire::Clear };
                let mut load = Load::new(Scenario::Login, target);
                load.clients = clients;
                load.duration = Some(duration);
                load.beside = vec![self.redis.probe.clone()];
                let bar = Progress::start(&load, gate);
                let outcome = worker::measure(&load, Some(node.probe()), gate);
                drop(bar);
                let summary = outcome?.summary();
                for (kind, count) in &summary.errors {
                    figures.fail(&format!("login, {name}"), kind, *count);
                }
                if clients == 1 {
                    let p50 = summary.latency_p50_us;
                    figures.add(&format!("login, {name}, 1 client: p50"), "us", None, p50);
                    continue;
                }
                let redis = summary.beside_cpu_seconds_per_unit.first().copied();
                let (Some(own), Some(redis)) = (summary.cpu_seconds_per_unit, redis) else {
                    bail!("login, {name}: nothing was done");
                };
                figures.add(&format!("login, {name}: node"), "CPU us", None, own * 1e6);
                figures.add(&format!("login, {name}: Redis"), "CPU us", None, redis * 1e6);
                let rate = summary.operations_per_second;
                figures.add(&format!("login, {name}, {clients} clients"), "/s", None, rate);
            }
        }
        Ok(())
    }
}

/// All that count logins, none of which is reached.
const LIMITS: &str = "[limits]\nsessions = 100000\nper_user = 100000\nper_address = 100000\n\
                      logins_per_second = 1000000\n";

/// As in the rows of logins.
const MANY: usize = 32;
