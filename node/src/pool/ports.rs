//! The passive ports of the pool: what the agent knows of them goes to those who hold and relay them, and what
//! they need comes back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Context, Handler};
use flotilla_cluster::blocks::PortTable;
use flotilla_cluster::ports::Layout;
use flotilla_cluster::relay::{RELAY_KEY_BYTES, RelayKey};
use tracing::{debug, error};
use zeroize::Zeroizing;

use super::Pool;
use crate::health::PORTS;
use crate::ports::{PortRules, PortsUsed, SetRoutes, SetRules};
use crate::relay::Routes;

/// What the ports are to be told, and had no room for.
#[derive(Debug, Default)]
pub(super) struct Unsent {
    routes: Option<Arc<Routes>>,
    pub(super) rules: Option<Arc<PortRules>>,
}

impl Pool {
    /// Tells whose ports are whose. Nothing, where each node has its own.
    pub(super) fn spread_routes(&mut self) {
        let Some(table) = self.agent.port_table(Instant::now()) else { return };
        if self.node.is_none() {
            return;
        }
        match self.obstacle(&table) {
            Some(reason) => self.parts.readiness.set(PORTS, reason),
            None => self.parts.readiness.clear(PORTS),
        }
        let stalled = self.parts.policy.config.timeouts.stalled + STALLED_MORE;
        debug!(offered = ?table.offered, owners = table.owners.len(), "passive ports of the pool");
        let key = self.secrets.relay.clone();
        self.unsent.routes = Some(Arc::new(Routes { table, key, stalled }));
        self.send_unsent();
    }

    /// Tells the ports what they have not heard of yet. What finds no room waits for the next tick.
    pub(super) fn send_unsent(&mut self) {
        let Some(node) = &self.node else { return };
        let Unsent { routes, rules } = &mut self.unsent;
        routes.take_if(|routes| node.ports.try_send(SetRoutes(Arc::clone(routes))).is_ok());
        rules.take_if(|rules| node.ports.try_send(SetRules(Arc::clone(rules))).is_ok());
    }

    /// Why the node has no port to give, if it has none.
    fn obstacle(&self, table: &PortTable) -> Option<String> {
        if !table.offered.is_empty() {
            return None;
        }
        let ftp = &self.parts.policy.config.ftp;
        let own = Layout::new(ftp.passive_ports, ftp.passive_block).to_string();
        let pool = &self.agent.policy().ports;
        if !pool.is_empty() && *pool != own {
            return Some(format!(
                "the passive ports of the pool are {pool} (range/ports of a block), those of this \
                 node {own}: ftp.passive.ports and ftp.passive.block must be the same on all nodes"
            ));
        }
        Some("no block of passive ports is held: the store did not grant one yet".to_owned())
    }

    /// The relay key of the pool is known.
    pub(super) fn use_relay_key(&mut self, bytes: &Zeroizing<Vec<u8>>) {
        let Ok(bytes) = <&[u8; RELAY_KEY_BYTES]>::try_from(bytes.as_slice()) else {
            return error!(bytes = bytes.len(), "the relay key of the pool has another length");
        };
        if self.secrets.relay_bytes.as_deref() != Some(bytes) {
            self.secrets.relay_bytes = Some(Zeroizing::new(*bytes));
            self.secrets.relay = Some(RelayKey::new(bytes));
            self.spread_routes();
        }
    }
}

impl Handler<PortsUsed> for Pool {
    type Result = ();

    fn handle(&mut self, message: PortsUsed, context: &mut Context<Self>) {
        self.agent.on_port_use(message.0, Instant::now());
        self.drive(context);
    }
}

/// A relay outlives a transfer that stalls by so much: the owner is to be the one that says why it ended.
const STALLED_MORE: Duration = Duration::from_secs(30);
