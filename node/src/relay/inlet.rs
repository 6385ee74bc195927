//! Data connections that other nodes bring.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use flotilla_cluster::id::Fence;
use flotilla_cluster::relay::{Preamble, RelayError};
use rustix::net::RecvFlags;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tracing::{debug, warn};

use super::abort_at_close;
use crate::lobby::Lobby;
use crate::log::Seldom;
use crate::metrics::RelayRefusal;
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
        let lobby = Lobby::new(preambles_max(shards));
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
            let mut hello = Hello::default();
            hello.hear_now(&stream);
            let is_whole = hello.is_whole();
            let taken = take(stream, from, hello, Rc::clone(&owner), Rc::clone(&told));
            if is_whole {
                // Whoever has spoken needs no place, and so has none to lose.
                taken.await;
                continue;
            }
            let is_crowded = lobby.enter(taken);
            if is_crowded {
                // A node says its preamble at once, so whoever is silent for the longest is none.
                owner.relays().counts().refused(RelayRefusal::Crowded);
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
        let reason = match self {
            Self::Late => RelayRefusal::Late,
            Self::Broken(_) => RelayRefusal::Broken,
            Self::NoKey => RelayRefusal::NoKey,
            Self::Preamble(_) => RelayRefusal::Preamble,
            Self::Stale { .. } => RelayRefusal::Stale,
        };
        shard.relays().counts().refused(reason);
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

/// What was heard of a preamble.
#[derive(Debug)]
struct Hello {
    bytes: [u8; Preamble::BYTES],
    heard: usize,
}

impl Default for Hello {
    fn default() -> Self {
        Self { bytes: [0; Preamble::BYTES], heard: 0 }
    }
}

impl Hello {
    /// What is there by now, without asking the reactor, which has not looked at a new stream yet. An end or an
    /// error is seen again by whoever reads on.
    fn hear_now(&mut self, stream: &TcpStream) {
        if let Ok((heard, _)) = rustix::net::recv(stream, &mut self.bytes[..], RecvFlags::DONTWAIT)
        {
            self.heard = heard;
        }
    }

    fn is_whole(&self) -> bool {
        self.heard >= self.bytes.len()
    }

    async fn hear(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        stream.read_exact(self.bytes.get_mut(self.heard..).unwrap_or_default()).await?;
        Ok(())
    }
}

/// Takes a relay, or refuses it. The stream outlives the reading: a refusal is counted before its peer sees it.
async fn take(
    mut stream: TcpStream,
    from: SocketAddr,
    mut hello: Hello,
    owner: Rc<PortShard>,
    told: Rc<Seldom>,
) {
    let read = tokio::time::timeout(PATIENCE, read(&mut stream, &mut hello, &owner)).await;
    match read.unwrap_or(Err(Refusal::Late)) {
        Ok(preamble) => pass_on(stream, preamble, &owner, &told),
        Err(refusal) => refusal.tell(&owner, from, &told),
    }
}

async fn read(
    stream: &mut TcpStream,
    hello: &mut Hello,
    shard: &PortShard,
) -> Result<Preamble, Refusal> {
    hello.hear(stream).await?;
    let routes = shard.relays().routes().ok_or(Refusal::NoKey)?;
    let key = routes.key.as_ref().ok_or(Refusal::NoKey)?;
    let preamble = Preamble::decode(&hello.bytes, key)?;
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

/// Connections of each of so many arbiters whose preamble is awaited; of more the oldest are reset.
pub(crate) fn preambles_max(shards: usize) -> usize {
    (PREAMBLES_MAX / shards.max(1)).max(PREAMBLES_MIN)
}

/// Those of all arbiters.
const PREAMBLES_MAX: usize = 1024;
/// Those of one arbiter at the least: as many as tokio lets it accept before others run, so that nobody has to go
/// at once.
const PREAMBLES_MIN: usize = 128;
/// A preamble comes with the connection: one lost packet.
const PATIENCE: Duration = Duration::from_secs(3);
/// After an accept that failed for want of descriptors or memory.
const PAUSE: Duration = Duration::from_millis(100);
