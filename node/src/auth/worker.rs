//! Where passwords are hashed: threads of their own, so that hashing never holds an arbiter up.
//!
//! The queue is bounded and every job has a deadline. A job that finds no place, waits too long or
//! panics is answered with [`Busy`]; a job whose asker has gone is not begun.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::telemetry::{Watch, milliseconds, name, watch};

/// The pool. Its threads end when it is dropped and the queue is empty.
#[derive(Debug)]
pub struct Workers {
    queue: SyncSender<Job>,
    deadline: Duration,
}

/// All workers were busy until the deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("all password workers are busy")]
pub struct Busy;

type Job = Box<dyn FnOnce() + Send>;

impl Workers {
    /// Starts a thread per core, with a queue of [`QUEUE_MAX`] and a deadline of [`DEADLINE`].
    pub fn start() -> io::Result<Arc<Self>> {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        Self::with(threads, QUEUE_MAX, DEADLINE)
    }

    /// Starts `threads` threads (at least one) with room for `queue` jobs that wait.
    pub fn with(threads: usize, queue: usize, deadline: Duration) -> io::Result<Arc<Self>> {
        let (sender, receiver) = sync_channel(queue);
        let receiver = Arc::new(Mutex::new(receiver));
        for number in 0..threads.max(1) {
            let receiver = Arc::clone(&receiver);
            thread::Builder::new()
                .name(format!("password-{number}"))
                .spawn(move || work(&receiver))?;
        }
        Ok(Arc::new(Self { queue: sender, deadline }))
    }

    /// Runs `job` on a worker.
    ///
    /// # Errors
    /// [`Busy`] if the queue is full, if the answer is not there by the deadline or if the job
    /// panics.
    pub async fn run<T, F>(&self, job: F) -> Result<T, Busy>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let watch = watch();
        let deadline = Instant::now() + self.deadline;
        let job = Box::new(move || {
            if sender.is_closed() || Instant::now() > deadline {
                return;
            }
            let begun = Instant::now();
            // The asker may have gone meanwhile.
            let _ = sender.send((begun, job()));
        });
        self.queue.try_send(job).map_err(|_| Busy)?;
        match tokio::time::timeout_at(deadline.into(), receiver).await {
            Ok(Ok((begun, answer))) => {
                trace(watch, begun);
                Ok(answer)
            }
            Ok(Err(_)) | Err(_) => Err(Busy),
        }
    }
}

/// The span of a job that was begun then.
fn trace(watch: Option<Watch>, begun: Instant) {
    let Some(watch) = watch else { return };
    let waited = begun.saturating_duration_since(watch.since());
    if let Some(record) = watch.over("password hash") {
        record.fraction(name::WAIT, milliseconds(waited)).send();
    }
}

fn work(queue: &Mutex<Receiver<Job>>) {
    // Only this thread is meant, as Linux has it. Without the right to do so it is as fast as
    // others.
    let _ = rustix::process::nice(NICE);
    loop {
        // One thread at a time waits for a job, the others wait for their turn to do so.
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        if catch_unwind(AssertUnwindSafe(job)).is_err() {
            tracing::error!("a password worker's job panicked");
        }
    }
}

/// Jobs that wait: at 25 ms each (argon2id as we write it) on two cores about 13 s of work, more
/// than anybody waits, and at 1 KiB each about 1 MiB.
pub const QUEUE_MAX: usize = 1024;

/// How long a login waits for its hash; below the 60 s that clients commonly wait for a reply.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// Hashing yields to everything else that the node does.
const NICE: i32 = 5;

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[actix::test]
    async fn answers_come_back() {
        let workers = Workers::with(2, 4, DEADLINE).unwrap();
        assert_eq!(workers.run(|| 6 * 7).await, Ok(42));
    }

    #[actix::test]
    async fn a_full_queue_is_busy_at_once() {
        let workers = Workers::with(1, 1, DEADLINE).unwrap();
        let (started, has_started) = mpsc::channel();
        let (release, gate) = mpsc::channel::<()>();
        let other = Arc::clone(&workers);
        let first = actix_rt::spawn(async move {
            other
                .run(move || {
                    started.send(()).unwrap();
                    gate.recv().unwrap();
                })
                .await
        });
        tokio::task::yield_now().await;
        has_started.recv().unwrap();
        let other = Arc::clone(&workers);
        let second = actix_rt::spawn(async move { other.run(|| ()).await });
        tokio::task::yield_now().await;
        assert_eq!(workers.run(|| ()).await, Err(Busy));
        release.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(()));
        assert_eq!(second.await.unwrap(), Ok(()));
    }

    #[actix::test]
    async fn a_late_answer_is_busy_and_a_late_job_is_not_begun() {
        let workers = Workers::with(1, 2, Duration::from_millis(20)).unwrap();
        let (release, gate) = mpsc::channel::<()>();
        let (begun, second_begun) = mpsc::channel();
        assert_eq!(workers.run(move || gate.recv()).await, Err(Busy));
        assert_eq!(workers.run(move || begun.send(())).await, Err(Busy));
        // On a machine so busy that not even the first job was begun there is nobody to release.
        let _ = release.send(());
        // Its sender is dropped with the job.
        assert!(second_begun.recv().is_err());
    }

    #[actix::test]
    async fn a_panic_ends_neither_the_worker_nor_the_asker() {
        let workers = Workers::with(1, 2, DEADLINE).unwrap();
        assert_eq!(workers.run(|| -> u8 { panic!("on purpose") }).await, Err(Busy));
        assert_eq!(workers.run(|| 1).await, Ok(1));
    }
}
