//! Data connections that other nodes bring.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use flotilla_cluster::id::Fence;
use flotilla_cluster::relay::{Preamble, RelayError};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tracing::{debug, warn};

use super::abort_at_close;
use crate::ports::{Accepted, PortShard, Via};

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
    pub(crate) async fn serve(self, shard: Weak<PortShard>) {
        let listener = match TcpListener::from_std(self.0) {
            Ok(listener) => listener,
            Err(error) => return warn!(%error, "relay listener can not be used"),
        };
        let room = Arc::new(Semaphore::new(PREAMBLES_MAX));
        loop {
            let (stream, from) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    warn!(%error, "relay accept failed, pausing");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let Some(owner) = shard.upgrade() else { return };
            let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
                Refusal::Crowded.tell(&owner, from);
                continue;
            };
            tokio::task::spawn_local(async move {
                // The stream outlives the reading: a refusal is counted before its peer sees it.
                let mut stream = stream;
                let read = tokio::time::timeout(PATIENCE, read(&mut stream, &owner)).await;
                drop(place);
                match read.unwrap_or(Err(Refusal::Late)) {
                    Ok(preamble) => pass_on(stream, preamble, &owner),
                    Err(refusal) => refusal.tell(&owner, from),
                }
            });
        }
    }
}

/// Why a connection is not taken.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("too many connections without their preamble")]
    Crowded,
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
    fn tell(&self, shard: &PortShard, from: SocketAddr) {
        let word = match self {
            Self::Crowded => "crowded",
            Self::Late => "late",
            Self::Broken(_) => "broken",
            Self::NoKey => "no_key",
            Self::Preamble(_) => "preamble",
            Self::Stale { .. } => "stale",
        };
        shard.relays().counts().refused(word);
        match self {
            // Somebody who is no node of the pool, or not any more: worth a look.
            Self::Preamble(_) => warn!(%from, reason = %self, "relay refused"),
            _ => debug!(%from, reason = %self, "relay refused"),
        }
    }
}

async fn read(stream: &mut TcpStream, shard: &PortShard) -> Result<Preamble, Refusal> {
    // Whoever is refused sees a reset, and so does its client.
    abort_at_close(stream)?;
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

fn pass_on(stream: TcpStream, preamble: Preamble, shard: &Rc<PortShard>) {
    let Preamble { sender, counter, client, port, trace, .. } = preamble;
    let via = Some(Via { sender, trace });
    match stream.into_std() {
        Ok(stream) => {
            let connection = Accepted { stream, peer: client, via };
            shard.pass_on(Incoming { connection, port, sender, counter });
        }
        Err(error) => Refusal::Broken(error).tell(shard, client),
    }
}

/// Connections of one arbiter whose preamble is awaited; more are closed.
const PREAMBLES_MAX: usize = 1024;
/// A preamble comes with the connection: one lost packet.
const PATIENCE: Duration = Duration::from_secs(3);
/// After an accept that failed for want of descriptors or memory.
const PAUSE: Duration = Duration::from_millis(100);
