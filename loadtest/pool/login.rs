//! What a login costs, with all limits on.

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use flotilla_cluster::agent::{Agent, Lane};
use flotilla_cluster::ledger::Answer;
use flotilla_cluster::store::Store;
use tokio::sync::Notify;

use crate::fleet::Fleet;
use crate::node::Node;
use crate::people::Person;
use crate::server::{Server, Work};

/// How logins come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// So many at once; the agent makes requests of them as it sees fit.
    pub(crate) batch: usize,
    /// Before each, so many sessions end.
    pub(crate) ends: usize,
}

impl Manner {
    pub(crate) fn name(self) -> String {
        let Self { batch, ends } = self;
        let logins =
            if batch == 1 { "a login".to_owned() } else { format!("{batch} logins at once") };
        match ends {
            0 => logins,
            1 => format!("{logins} after a logout"),
            _ => format!("{logins} after {ends} logouts"),
        }
    }
}

/// What came out of logins.
#[derive(Debug, Default)]
pub(crate) struct Logins {
    pub(crate) work: Work,
    /// Of each batch, from the wish to the last decision.
    pub(crate) waits: Vec<f64>,
}

/// Logins on one node while all others are held, so that nothing else is counted. They are silent for
/// a shorter time than a node may be.
pub(crate) async fn alone(
    fleet: &Fleet,
    server: &mut Server,
    manner: Manner,
    first: u32,
) -> Result<Logins> {
    for _ in 0..ATTEMPTS {
        // Who led may have been held for too long.
        fleet.until("somebody leads", |fleet| fleet.leader().is_ok(), |_| {}).await?;
        let node = Rc::clone(fleet.follower()?);
        fleet.hold(true);
        node.hold(false);
        beaten(&node).await?;
        let (standing, before) = (node.seen.borrow().slots.len(), count(&node, Lane::Admit));
        let start = server.reset()?;
        let waits = log_in(&node, manner, first, SPAN, usize::MAX).await;
        let work = server.work(&start)?;
        let scripts = count(&node, Lane::Admit) - before;
        fleet.hold(false);
        release(&node, standing);
        fleet.settled().await?;
        let waits = waits?;
        // Otherwise something else came between.
        if work.scripts as u64 == scripts {
            return Ok(Logins { work, waits });
        }
    }
    bail!("logins were never alone in {ATTEMPTS} attempts")
}

/// Logins on one node more, in a thread of its own as a node is, while the pool goes on. The times of
/// all.
pub(crate) fn as_guest(
    url: &str,
    number: u32,
    manner: Manner,
    first: u32,
    count: usize,
) -> Result<Vec<f64>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let guest = async {
        let (node, tasks) = Node::start(number, url, Rc::new(Notify::new()))?;
        node.connected().await?;
        node.hold(false);
        let deadline = Instant::now() + PATIENCE;
        while !node.is_fine() || node.ask(|agent| agent.policy().limits.sessions == 0) {
            if Instant::now() > deadline {
                bail!("the guest was not let in");
            }
            tokio::time::sleep(LOOK).await;
        }
        let waits = log_in(&node, manner, first, PATIENCE, count).await;
        node.hold(true);
        let leaving = node.tell(|agent: &mut Agent, _| agent.leave());
        if let Some(request) = leaving {
            node.store.call(request).await?;
        }
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
        waits
    };
    tokio::task::LocalSet::new().block_on(&runtime, guest)
}

/// Batches of new people, one after the other, until the time or the number is over.
async fn log_in(
    node: &Rc<Node>,
    manner: Manner,
    first: u32,
    span: Duration,
    count: usize,
) -> Result<Vec<f64>> {
    let begun = Instant::now();
    let mut people = (first..).map(Person);
    let mut waits = Vec::new();
    while begun.elapsed() < span && waits.len() < count {
        let standing = node.seen.borrow().slots.len();
        if !waits.is_empty() {
            release(node, standing.saturating_sub(manner.ends));
        }
        let begun = Instant::now();
        let wanted = node.seen.borrow().decided + manner.batch;
        for person in people.by_ref().take(manner.batch) {
            match node.tell(|agent, now| agent.admit(person.applicant(), now)) {
                Answer::Later(_) => {}
                other => bail!("the store was not asked about a login: {other:?}"),
            }
        }
        node.decided(wanted).await?;
        waits.push(begun.elapsed().as_secs_f64());
    }
    if node.seen.borrow().denied > 0 {
        bail!("a login was refused");
    }
    Ok(waits)
}

/// Gives back slots until so many are left.
fn release(node: &Node, left: usize) {
    let ended = {
        let mut seen = node.seen.borrow_mut();
        let left = left.min(seen.slots.len());
        seen.slots.split_off(left)
    };
    node.tell(|agent, _| ended.into_iter().for_each(|slot| agent.release(slot)));
}

/// Waits for a beat: for some time there will be no other.
async fn beaten(node: &Rc<Node>) -> Result<()> {
    let (before, deadline) = (count(node, Lane::Beat), Instant::now() + PATIENCE);
    while count(node, Lane::Beat) == before {
        if Instant::now() > deadline {
            bail!("a node does not beat");
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

fn count(node: &Node, lane: Lane) -> u64 {
    node.seen.borrow().answered.get(&lane).copied().unwrap_or(0)
}

const ATTEMPTS: usize = 10;
/// Less than what is between two beats.
const SPAN: Duration = Duration::from_millis(1_500);
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(1);
