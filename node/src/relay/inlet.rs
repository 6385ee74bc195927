//! Data connections that other nodes bring.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use flotilla_cluster::id::Fence;
use flotilla_cluster::relay::{Preamble, RelayError};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tracing::{debug, warn};

use super::abort_at_close;
use crate::lobby::Lobby;
use crate::log::Seldom;
use crate::ports::{Accepted, PortShard, Trouble, Via};

/// A connection that another node brought, on its way to the arbiter that has the port.
#[derive(Debug)]
pub(crate) struct Incoming {
    /// As if the client had connected here.
    pub(crate) connection: Accepted,
    /// The passive port.
    pub(crate) port: u16,
    /// Of the preamble, which counts once.
    pub(crate) sender: Fence,
    pub(crate) counter: u64,
}

/// The relay listener of one arbiter.
#[derive(Debug)]
pub(crate) struct Inlet(pub(crate) StdListener);

impl Inlet {
    /// Takes connections of other nodes until the shard or the node is gone.
    pub(crate) async fn serve(self, shard: Weak<PortShard>, shards: usize) {
        let listener = match TcpListener::from_std(self.0) {
            Ok(listener) => listener,
            Err(error) => return warn!(%error, "relay listener can not be used"),
        };
        let lobby = Lobby::new((PREAMBLES_MAX / shards.max(1)).max(PREAMBLES_MIN));
        let (starved, told) = (Seldom::default(), Rc::new(Seldom::default()));
        loop {
            let (stream, from) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) if Trouble::of(&error) == Trouble::Connection => continue,
                Err(error) => {
                    if let Some(held) = starved.pass(Instant::now()) {
                        warn!(%error, held, "relay accept failed, pausing");
                    }
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            // Whoever is refused sees a reset, and so does its client.
            let prepared = abort_at_close(&stream);
            let Some(owner) = shard.upgrade() else { return };
            if let Err(error) = prepared {
                Refusal::Broken(error).tell(&owner, from, &told);
                continue;
            }
            let (shard, teller) = (Rc::clone(&owner), Rc::clone(&told));
            let is_crowded = lobby.enter(async move {
                let (owner, told) = (shard, teller);
                // The stream outlives the reading: a refusal is counted before its peer sees it.
                let mut stream = stream;
                let read = tokio::time::timeout(PATIENCE, read(&mut stream, &owner)).await;
                match read.unwrap_or(Err(Refusal::Late)) {
                    Ok(preamble) => pass_on(stream, preamble, &owner, &told),
                    Err(refusal) => refusal.tell(&owner, from, &told),
                }
            });
            if is_crowded {
                // A node says its preamble at once, so whoever is silent for the longest is none.
                owner.relays().counts().refused("crowded");
                debug!("too many relays without their preamble: the oldest is reset");
            }
        }
    }
}

/// Why a connection is not taken.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("its preamble did not come in time")]
    Late,
    #[error("it broke: {0}")]
    Broken(#[from] io::Error),
    #[error("this node has no relay key yet")]
    NoKey,
    #[error(transparent)]
    Preamble(#[from] RelayError),
    #[error("it is meant for another life of this node: fence {got}, expected {expected}")]
    Stale { got: Fence, expected: Fence },
}

impl Refusal {
    fn tell(&self, shard: &PortShard, from: SocketAddr, told: &Seldom) {
        let word = match self {
            Self::Late => "late",
            Self::Broken(_) => "broken",
            Self::NoKey => "no_key",
            Self::Preamble(_) => "preamble",
            Self::Stale { .. } => "stale",
        };
        shard.relays().counts().refused(word);
        match self {
            // Somebody who is no node of the pool, or not any more: worth a look.
            Self::Preamble(_) => {
                if let Some(held) = told.pass(Instant::now()) {
                    warn!(%from, held, reason = %self, "relay refused");
                }
            }
            _ => debug!(%from, reason = %self, "relay refused"),
        }
    }
}

async fn read(stream: &mut TcpStream, shard: &PortShard) -> Result<Preamble, Refusal> {
    let mut bytes = [0; Preamble::BYTES];
    stream.read_exact(&mut bytes).await?;
    let routes = shard.relays().routes().ok_or(Refusal::NoKey)?;
    let key = routes.key.as_ref().ok_or(Refusal::NoKey)?;
    let preamble = Preamble::decode(&bytes, key)?;
    if preamble.owner != routes.table.own {
        return Err(Refusal::Stale { got: preamble.owner, expected: routes.table.own });
    }
    Ok(preamble)
}

fn pass_on(stream: TcpStream, preamble: Preamble, shard: &Rc<PortShard>, told: &Seldom) {
    let Preamble { sender, counter, client, port, trace, .. } = preamble;
    let via = Some(Via { sender, trace });
    match stream.into_std() {
        Ok(stream) => {
            let connection = Accepted { stream, peer: client, via };
            shard.pass_on(Incoming { connection, port, sender, counter });
        }
        Err(error) => Refusal::Broken(error).tell(shard, client, told),
    }
}

/// Connections of all arbiters whose preamble is awaited; of more the oldest are reset.
pub(crate) const PREAMBLES_MAX: usize = 1024;
/// Those of one arbiter at the least.
const PREAMBLES_MIN: usize = 16;
/// A preamble comes with the connection: one lost packet.
const PATIENCE: Duration = Duration::from_secs(3);
/// After an accept that failed for want of descriptors or memory.
const PAUSE: Duration = Duration::from_millis(100);
