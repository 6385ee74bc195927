use std::io::{Read as _, Write as _};
use std::sync::mpsc;

use super::*;

/// Long enough for a thread of a loaded machine to get its turn.
const DEADLINE: Duration = Duration::from_millis(500);

fn lane(running: usize, waiting: usize) -> Arc<Lane> {
    Lane::new(LaneLimits { shards: 1, running, waiting, deadline: DEADLINE })
}

/// A job that sits in a read of a pipe until the returned end is closed, as one of a dead NFS
/// server.
fn stuck_job() -> (impl FnOnce(&Ticket) -> Result<(), Failure>, std::io::PipeWriter) {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let job = move |_: &Ticket| {
        reader.read_to_end(&mut Vec::new()).unwrap();
        Ok(())
    };
    (job, writer)
}

#[tokio::test]
async fn a_job_yields_its_result() {
    let lane = lane(2, 2);
    assert_eq!(Arc::clone(&lane).run(|_| Ok(7)).await, Ok(7));
    let failed: Result<(), _> = Arc::clone(&lane).run(|_| Err(Failure::NoSpace)).await;
    assert_eq!(failed, Err(Failure::NoSpace));
    assert_eq!(lane.health(), LaneHealth { slots: 2, ..LaneHealth::default() });
}

#[tokio::test]
async fn a_panic_is_an_internal_failure_and_frees_the_slot() {
    // The hook that prints the panic takes its time.
    let deadline = Duration::from_secs(60);
    let lane = Lane::new(LaneLimits { shards: 1, running: 1, waiting: 1, deadline });
    let result: Result<(), _> = Arc::clone(&lane).run(|_| panic!("a job")).await;
    assert_eq!(result, Err(Failure::Internal));
    assert_eq!(Arc::clone(&lane).run(|_| Ok(1)).await, Ok(1));
}

#[tokio::test]
async fn stuck_jobs_time_out_fill_the_lane_and_recover() {
    let lane = lane(2, 8);
    let (first, first_end) = stuck_job();
    let (second, second_end) = stuck_job();
    let (a, b) = tokio::join!(Arc::clone(&lane).run(first), Arc::clone(&lane).run(second));
    assert_eq!((a, b), (Err(Failure::StorageTimeout), Err(Failure::StorageTimeout)));
    let health = lane.health();
    assert_eq!((health.stuck, health.running, health.stalled), (2, 2, true));

    // No hope: the answer comes at once, not after the deadline.
    let begun = Instant::now();
    assert_eq!(Arc::clone(&lane).run(|_| Ok(())).await, Err(Failure::StorageTimeout));
    assert!(begun.elapsed() < DEADLINE);

    // One comes back: the lane works again, with one slot less.
    drop(first_end);
    while lane.health().stuck == 2 {
        tokio::task::yield_now().await;
    }
    assert!(!lane.health().stalled);
    assert_eq!(Arc::clone(&lane).run(|_| Ok(3)).await, Ok(3));
    drop(second_end);
    while lane.health().running > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(lane.health().stuck, 0);
}

#[tokio::test]
async fn the_queue_is_bounded_and_waiting_has_a_deadline() {
    let lane = lane(1, 1);
    let (job, mut end) = stuck_job();
    let long = Lane::new(LaneLimits {
        shards: 1,
        running: 1,
        waiting: 1,
        deadline: Duration::from_secs(600),
    });
    let running = tokio::spawn(Arc::clone(&long).run(job));
    while long.health().running == 0 {
        tokio::task::yield_now().await;
    }
    let waiting = tokio::spawn(Arc::clone(&long).run(|_| Ok(5)));
    while long.health().waiting == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(Arc::clone(&long).run(|_| Ok(())).await, Err(Failure::StorageTimeout));
    end.write_all(b"x").unwrap();
    drop(end);
    assert_eq!(running.await.unwrap(), Ok(()));
    assert_eq!(waiting.await.unwrap(), Ok(5));

    let (job, _end) = stuck_job();
    let (a, b) = tokio::join!(Arc::clone(&lane).run(job), Arc::clone(&lane).run(|_| Ok(())));
    assert_eq!((a, b), (Err(Failure::StorageTimeout), Err(Failure::StorageTimeout)));
}

#[tokio::test]
async fn a_job_that_moves_on_outlives_the_deadline() {
    let lane = lane(1, 1);
    let begun = Instant::now();
    let result = Arc::clone(&lane).run(move |ticket| {
        while begun.elapsed() < 2 * DEADLINE {
            ticket.step()?;
            std::thread::yield_now();
        }
        Ok(())
    });
    assert_eq!(result.await, Ok(()));
}

#[tokio::test]
async fn a_dropped_future_ends_a_long_job_at_its_next_step() {
    let lane = lane(1, 1);
    let (told, heard) = mpsc::channel();
    let job = tokio::spawn(Arc::clone(&lane).run(move |ticket| -> Result<(), Failure> {
        loop {
            if let Err(failure) = ticket.step() {
                told.send(failure.clone()).unwrap();
                return Err(failure);
            }
            std::thread::yield_now();
        }
    }));
    while lane.health().running == 0 {
        tokio::task::yield_now().await;
    }
    job.abort();
    assert!(job.await.unwrap_err().is_cancelled());
    assert_eq!(heard.recv().unwrap(), Failure::Aborted);
}

struct Told(mpsc::Sender<()>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.send(()).unwrap();
    }
}

#[test]
fn cleanup_is_never_lost() {
    let (told, heard) = mpsc::channel();
    // No runtime at all.
    let lane = lane(1, 1);
    lane.dispose(Told(told.clone()));
    heard.try_recv().unwrap();

    // The lane is busy when it is asked, and the runtime ends before there is a slot.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (job, end) = stuck_job();
    runtime.block_on(async {
        let failed = Arc::clone(&lane).run(job).await;
        assert_eq!(failed, Err(Failure::StorageTimeout));
        lane.dispose(Told(told.clone()));
        lane.dispose(Told(told));
    });
    assert!(heard.try_recv().is_err());
    drop(end);
    runtime.shutdown_timeout(Duration::from_secs(10));
    heard.recv().unwrap();
    heard.recv().unwrap();
}

/// Long jobs wait for each other, and short ones pass them.
#[tokio::test]
async fn long_jobs_have_a_quarter_of_the_slots() {
    let deadline = Duration::from_secs(600);
    let lane = Lane::new(LaneLimits { shards: 1, running: 8, waiting: 3, deadline });
    let mut ends = Vec::new();
    let mut jobs = Vec::new();
    for _ in 0..5 {
        let (job, end) = stuck_job();
        jobs.push(tokio::spawn(Arc::clone(&lane).run_long(job)));
        ends.push(end);
    }
    while lane.health().running < 2 || lane.health().waiting < 3 {
        tokio::task::yield_now().await;
    }
    // The queue is full for long jobs; the slots are not for short ones.
    assert_eq!(Arc::clone(&lane).run_long(|_| Ok(())).await, Err(Failure::StorageTimeout));
    for _ in 0..100 {
        assert_eq!(Arc::clone(&lane).run(|_| Ok(1)).await, Ok(1));
        assert_eq!(lane.health().running, 2);
    }
    // One that is given up leaves its place, one that ends leaves its turn.
    let given_up = jobs.pop().unwrap();
    given_up.abort();
    assert!(given_up.await.unwrap_err().is_cancelled());
    while lane.health().waiting > 2 {
        tokio::task::yield_now().await;
    }
    drop(ends);
    for job in jobs {
        assert_eq!(job.await.unwrap(), Ok(()));
    }
    assert_eq!(Arc::clone(&lane).run_long(|_| Ok(2)).await, Ok(2));
}

#[tokio::test]
async fn a_long_job_waits_no_longer_than_the_deadline() {
    let lane = lane(4, 4);
    let (told, heard) = mpsc::channel::<()>();
    let running = tokio::spawn(Arc::clone(&lane).run_long(move |ticket| {
        while heard.try_recv() == Err(mpsc::TryRecvError::Empty) {
            ticket.step()?;
            std::thread::yield_now();
        }
        Ok(())
    }));
    while lane.health().running == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(Arc::clone(&lane).run_long(|_| Ok(())).await, Err(Failure::StorageTimeout));
    assert_eq!(Arc::clone(&lane).run(|_| Ok(7)).await, Ok(7));
    drop(told);
    assert_eq!(running.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn every_wait_is_told_of_also_that_of_a_job_that_never_begins() {
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let waits = Waits::default();
    let keeps = Arc::clone(&told);
    waits.tell(move |wait| keeps.lock().unwrap().push(wait));
    let limits = LaneLimits { shards: 1, running: 1, waiting: 1, deadline: DEADLINE };
    let lane = Lane::watched(limits, waits);
    assert_eq!(Arc::clone(&lane).run(|_| Ok(1)).await, Ok(1));
    assert_eq!(Arc::clone(&lane).run_long(|_| Ok(2)).await, Ok(2));
    assert_eq!(told.lock().unwrap().len(), 2);
    // Its turn is taken, and so it waits for that in vain.
    let turns = &lane.shards[0].turns;
    let _turns = Arc::clone(turns).try_acquire_many_owned(turns.available_permits() as u32);
    assert_eq!(Arc::clone(&lane).run_long(|_| Ok(3)).await, Err(Failure::StorageTimeout));
    let waited = told.lock().unwrap().pop().unwrap();
    assert!(waited >= DEADLINE, "{waited:?}");
    // Nobody waits for this one any more before it begins.
    let _slot = Arc::clone(&lane.shards[0].permits).try_acquire_owned().unwrap();
    let mut given_up = Box::pin(Arc::clone(&lane).run(|_| Ok(4)));
    assert!(timeout(Duration::ZERO, given_up.as_mut()).await.is_err());
    drop(given_up);
    assert_eq!(told.lock().unwrap().len(), 3);
}
