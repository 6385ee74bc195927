//! The `Ports` actor: makes the shards and tells what they do. Grants do not pass through it.

use std::sync::Arc;

use actix::{Actor, Context, Handler, Message, MessageResult};
use aws_lc_rs::rand;
use flotilla_cluster::ports::PortRange;
use tokio::sync::mpsc;

use super::PortSettings;
use super::counts::{self, Counters, PortCounts};
use super::remote::{INBOX_MAX, Neighbours};
use super::shard::ShardSeed;

/// The node's passive ports.
#[derive(Debug)]
pub struct Ports {
    range: PortRange,
    counters: Vec<Arc<Counters>>,
}

impl Ports {
    /// Divides the range over `shards` arbiters (at least one); each seed is started on its own.
    pub fn new(settings: PortSettings, shards: usize) -> (Self, Vec<ShardSeed>) {
        let shards = shards.max(1);
        let (inboxes, receivers): (Vec<_>, Vec<_>) =
            (0..shards).map(|_| mpsc::channel(INBOX_MAX)).unzip();
        let neighbours = Neighbours::new(inboxes.into_iter());
        let counters: Vec<_> = (0..shards).map(|_| Arc::new(Counters::default())).collect();
        let seeds = receivers.into_iter().zip(&counters).enumerate();
        let seeds = seeds.map(|(index, (inbox, counters))| ShardSeed {
            index,
            order: shuffled(settings.range.share(index, shards).collect()),
            settings,
            counters: Arc::clone(counters),
            neighbours: neighbours.clone(),
            inbox,
        });
        let seeds = seeds.collect();
        (Self { range: settings.range, counters }, seeds)
    }

    /// The counts of all shards.
    pub fn counts(&self) -> PortCounts {
        counts::sum(self.range, self.counters.iter().map(AsRef::as_ref))
    }
}

/// Asks for the [`PortCounts`].
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "PortCounts")]
pub struct ReadCounts;

impl Actor for Ports {
    type Context = Context<Self>;
}

impl Handler<ReadCounts> for Ports {
    type Result = MessageResult<ReadCounts>;

    fn handle(&mut self, _: ReadCounts, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.counts())
    }
}

/// Fisher and Yates. Without randomness the order stays as it is: it hides ports from guessing,
/// which the peer rules make unnecessary.
fn shuffled(mut ports: Vec<u16>) -> Vec<u16> {
    let mut random = vec![0; ports.len() * size_of::<u32>()];
    if rand::fill(&mut random).is_ok() {
        let (numbers, _) = random.as_chunks();
        for (last, number) in (1..ports.len()).rev().zip(numbers) {
            let other = u64::from(u32::from_ne_bytes(*number)) % (last as u64 + 1);
            ports.swap(last, usize::try_from(other).unwrap_or(last));
        }
    }
    ports
}
