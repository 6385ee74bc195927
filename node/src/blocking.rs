//! Bounded lanes to the blocking pool: a storage that hangs fills its own lane and nothing else.
//!
//! Every arbiter is a single-threaded runtime with blocking threads of its own, so a [`Lane`] is
//! cut into shards and each thread that submits jobs keeps to one of them: cores share no lock
//! here but that of the histogram of [`Waits`], once in a job. A shard lets a fixed number of jobs run, a fixed number wait, and judges each by a
//! deadline. A thread in a system call that never returns can not be ended; its slot stays taken,
//! is counted by [`Lane::health`], and when every slot of a shard is stuck, new jobs fail at once.
//! Jobs that take long by their nature have a quarter of the slots, so that they delay each other
//! and not the short ones.

mod shard;

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use flotilla_protocol::ftp::Failure;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use self::shard::{Clock, Place, Shard};
use crate::log;

/// The numbers of a lane.
#[derive(Clone, Copy, Debug)]
pub struct LaneLimits {
    /// Threads that submit jobs (arbiters); each gets a shard.
    pub shards: usize,
    /// Jobs that run at once per shard. Over all lanes it must stay below the runtime's
    /// `max_blocking_threads`, or a hanging storage takes the threads of others.
    pub running: usize,
    /// Jobs that wait for a slot, or a long one for its turn, per shard; one more fails at once.
    pub waiting: usize,
    /// How long a job may wait for its slot, and then how long each of its steps may take.
    pub deadline: Duration,
}

impl LaneLimits {
    /// The defaults for this many arbiters.
    pub fn new(shards: usize, deadline: Duration) -> Self {
        Self { shards, running: RUNNING_MAX, waiting: WAITING_MAX, deadline }
    }
}

/// What is going on in a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneHealth {
    /// Slots, over all shards.
    pub slots: usize,
    /// Jobs that run.
    pub running: usize,
    /// Of these, jobs that are behind their deadline.
    pub stuck: usize,
    /// Jobs that wait for a slot.
    pub waiting: usize,
    /// Some shard can take no job, since all that it runs are stuck: the node is not ready.
    pub stalled: bool,
}

/// A bounded way to the blocking threads.
#[derive(Debug)]
pub struct Lane {
    shards: Box<[Arc<Shard>]>,
    waiting_max: usize,
    clock: Clock,
    waits: Waits,
}

/// Hears of each job how long it waited until a thread began it, or until it was given up; one for all lanes.
#[derive(Clone, Default)]
pub struct Waits(Arc<OnceLock<Told>>);

type Told = Box<dyn Fn(Duration) + Send + Sync>;

impl Waits {
    /// From now on this is told; the first one stays.
    pub fn tell(&self, told: impl Fn(Duration) + Send + Sync + 'static) {
        let _ = self.0.set(Box::new(told));
    }

    fn begin(&self) -> Wait {
        Wait { waits: self.clone(), since: Instant::now() }
    }
}

/// The wait of one job. Dropped, it is over: when the job begins, and as well when it never does.
struct Wait {
    waits: Waits,
    since: Instant,
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(told) = self.waits.0.get() {
            told(self.since.elapsed());
        }
    }
}

impl fmt::Debug for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waits")
    }
}

impl Lane {
    /// A lane with these limits.
    pub fn new(limits: LaneLimits) -> Arc<Self> {
        Self::watched(limits, Waits::default())
    }

    /// The same, whose jobs are told of.
    pub fn watched(limits: LaneLimits, waits: Waits) -> Arc<Self> {
        let running = limits.running.max(1);
        let shards = (0..limits.shards.max(1)).map(|_| Arc::new(Shard::new(running))).collect();
        let clock = Clock { epoch: Instant::now(), deadline: limits.deadline };
        Arc::new(Self { shards, waiting_max: limits.waiting, clock, waits })
    }

    /// Runs a job on a blocking thread. Fails with [`Failure::StorageTimeout`] when it is behind
    /// its deadline, when too many wait, or when all slots are stuck.
    ///
    /// Dropped before the job has begun, the job is dropped unrun; dropped later, it runs to its
    /// end (or to its next [`Ticket::step`]) and its result is dropped there. So whatever must
    /// happen in any case belongs into the `Drop` of what the job owns or yields.
    pub async fn run<T, F>(self: Arc<Self>, job: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&Ticket) -> Result<T, Failure> + Send + 'static,
    {
        let wait = self.waits.begin();
        self.run_after(wait, job).await
    }

    /// The same, for a job that waited already.
    async fn run_after<T, F>(self: Arc<Self>, wait: Wait, job: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&Ticket) -> Result<T, Failure> + Send + 'static,
    {
        let (index, shard) = self.shard().ok_or(Failure::Internal)?;
        let permit = match Arc::clone(&shard.permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.wait(shard, &shard.permits).await?,
        };
        let state = Arc::new(State { due: AtomicU64::new(0), wanted: AtomicBool::new(true) });
        let ticket = Ticket::new(self.clock, Arc::clone(shard), permit, Arc::clone(&state))?;
        let interest = Interest(state);
        let about = log::current();
        let mut handle = tokio::task::spawn_blocking(move || {
            let _scope = log::resume(about);
            drop(wait);
            SHARD.set(index);
            job(&ticket)
        });
        loop {
            let due = interest.0.due.load(Ordering::Acquire);
            let left = Duration::from_millis(due.saturating_sub(self.clock.now()).max(1));
            match timeout(left, &mut handle).await {
                Ok(Ok(result)) => return result,
                Ok(Err(error)) if error.is_panic() => {
                    tracing::error!(%error, "a storage job panicked");
                    return Err(Failure::Internal);
                }
                Ok(Err(_)) => return Err(Failure::Stopping),
                Err(_) if interest.0.due.load(Ordering::Acquire) > self.clock.now() => {}
                Err(_) => {
                    tracing::warn!("a storage job is behind its deadline");
                    return Err(Failure::StorageTimeout);
                }
            }
        }
    }

    /// As [`Lane::run`], for a job that takes long: it waits for its turn among those first, no
    /// longer than the deadline.
    pub async fn run_long<T, F>(self: Arc<Self>, job: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&Ticket) -> Result<T, Failure> + Send + 'static,
    {
        let wait = self.waits.begin();
        let (_, shard) = self.shard().ok_or(Failure::Internal)?;
        let turn = match Arc::clone(&shard.turns).try_acquire_owned() {
            Ok(turn) => turn,
            Err(_) => self.wait(shard, &shard.turns).await?,
        };
        Arc::clone(&self)
            .run_after(wait, move |ticket| {
                let _turn = turn;
                job(ticket)
            })
            .await
    }

    /// Drops `what` on a blocking thread, since its `Drop` does file work. Nobody waits for it and
    /// it is never lost: it waits for a slot as long as it takes, and is dropped on this thread
    /// where there is no runtime (any more). Those who wait are what was open when the storage
    /// began to hang, so they are bounded by the open transfers.
    pub fn dispose<T: Send + 'static>(&self, what: T) {
        let (Some((index, shard)), Ok(runtime)) = (self.shard(), Handle::try_current()) else {
            return drop(what);
        };
        let (clock, shard) = (self.clock, Arc::clone(shard));
        let about = log::current();
        let spawn = move |shard, permit| {
            let state = Arc::new(State { due: AtomicU64::new(0), wanted: AtomicBool::new(true) });
            let ticket = Ticket::new(clock, shard, permit, state);
            // Not awaited: dropping the handle lets the job run.
            drop(runtime.spawn_blocking(move || {
                let _scope = log::resume(about);
                SHARD.set(index);
                drop(what);
                drop(ticket);
            }));
        };
        match Arc::clone(&shard.permits).try_acquire_owned() {
            Ok(permit) => spawn(shard, permit),
            Err(_) => drop(Handle::current().spawn(async move {
                if let Ok(permit) = Arc::clone(&shard.permits).acquire_owned().await {
                    spawn(shard, permit);
                }
            })),
        }
    }

    /// How long a job may wait for its slot, and then how long each of its steps may take.
    pub fn deadline(&self) -> Duration {
        self.clock.deadline
    }

    /// The state of the lane, for readiness and metrics.
    pub fn health(&self) -> LaneHealth {
        let now = self.clock.now();
        let mut health = LaneHealth::default();
        for shard in &self.shards {
            let (running, stuck) = shard.count(now);
            health.slots += shard.slots.len();
            health.running += running;
            health.stuck += stuck;
            health.waiting += shard.waiting.load(Ordering::Relaxed);
            health.stalled |= stuck == shard.slots.len();
        }
        health
    }

    /// Waits for a slot or a turn, unless too many do already or there is no hope.
    async fn wait(
        &self,
        shard: &Shard,
        permits: &Arc<Semaphore>,
    ) -> Result<OwnedSemaphorePermit, Failure> {
        let (_, stuck) = shard.count(self.clock.now());
        if stuck == shard.slots.len() {
            return Err(Failure::StorageTimeout);
        }
        let Some(_place) = Place::take(&shard.waiting, self.waiting_max) else {
            tracing::warn!(waiting = self.waiting_max, "too many storage jobs wait");
            return Err(Failure::StorageTimeout);
        };
        match timeout(self.clock.deadline, Arc::clone(permits).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(Failure::Stopping),
            Err(_) => Err(Failure::StorageTimeout),
        }
    }

    /// The shard of this thread, with its number.
    fn shard(&self) -> Option<(usize, &Arc<Shard>)> {
        let mut index = SHARD.get();
        if index == usize::MAX {
            index = THREADS.fetch_add(1, Ordering::Relaxed);
            SHARD.set(index);
        }
        self.shards.get(index % self.shards.len()).map(|shard| (index, shard))
    }
}

/// What a running job holds: its slot, and the way to say that it moves on.
#[derive(Debug)]
pub struct Ticket {
    clock: Clock,
    state: Arc<State>,
    shard: Arc<Shard>,
    slot: usize,
    /// Given back after the slot, so that who has a permit finds a slot.
    _permit: OwnedSemaphorePermit,
}

impl Ticket {
    fn new(
        clock: Clock,
        shard: Arc<Shard>,
        permit: OwnedSemaphorePermit,
        state: Arc<State>,
    ) -> Result<Self, Failure> {
        let due = clock.due();
        let slot = shard.take(due).ok_or(Failure::Internal)?;
        state.due.store(due, Ordering::Release);
        Ok(Self { clock, state, shard, slot, _permit: permit })
    }

    /// Called by long jobs between steps: the deadline begins anew. An error means that nobody
    /// wants the result any more, and the job must end.
    pub fn step(&self) -> Result<(), Failure> {
        if !self.state.wanted.load(Ordering::Acquire) {
            return Err(Failure::Aborted);
        }
        let due = self.clock.due();
        self.state.due.store(due, Ordering::Release);
        if let Some(slot) = self.shard.slots.get(self.slot) {
            slot.store(due, Ordering::Release);
        }
        Ok(())
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(slot) = self.shard.slots.get(self.slot) {
            slot.store(0, Ordering::Release);
        }
    }
}

/// What a job and the one who waits for it share.
#[derive(Debug)]
struct State {
    due: AtomicU64,
    wanted: AtomicBool,
}

/// Tells the job when the one who waits is gone.
struct Interest(Arc<State>);

impl Drop for Interest {
    fn drop(&mut self) {
        self.0.wanted.store(false, Ordering::Release);
    }
}

/// How many threads have submitted jobs: the next one's shard.
static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The shard of this thread; blocking threads take over that of their runtime.
    static SHARD: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Disks and NFS servers answer 16 requests at once well; more only lengthens their queues. Eight
/// storages that hang together still leave most of tokio's 512 blocking threads to others.
const RUNNING_MAX: usize = 16;

/// Enough for every transfer of a busy arbiter to have one job in the queue; at 16 jobs at a time
/// and 1 ms each the last one waits a quarter of a second.
const WAITING_MAX: usize = 4096;

#[cfg(test)]
mod tests;
