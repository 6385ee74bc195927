//! Who does what when: the threads of a run.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::thread::set_current_timer_slack;

use super::arrival::{Arrival, Desk, Schedule};
use super::client::Client;
use super::scenario::{Arrivals, Pacing, Spacing};
use super::shared::Shared;
use crate::chance::Chance;

/// The threads of a run.
#[derive(Debug)]
pub(super) struct Crew {
    threads: Vec<std::thread::JoinHandle<()>>,
    /// Where arrivals are taken up: tasks by the places of their protocols, sessions at one desk, since
    /// whoever is free can open any. None with closed pacing.
    desks: Arc<Vec<Desk>>,
}

impl Crew {
    /// Starts the threads. The time begins when all are there.
    pub(super) fn start(shared: &Arc<Shared>) -> Result<Self> {
        let mut crew = Self { threads: Vec::new(), desks: Arc::default() };
        let started = match shared.scenario.pacing {
            Pacing::Closed { clients } => crew.start_closed(shared, clients),
            Pacing::Open { rate, concurrency, backlog, arrivals, spacing } => {
                let count = match arrivals {
                    Arrivals::Tasks => shared.targets.len(),
                    Arrivals::Sessions => 1,
                };
                crew.desks = Arc::new((0..count).map(|_| Desk::new(backlog)).collect());
                crew.start_open(shared, concurrency, arrivals, (rate, spacing))
            }
        };
        if started.is_err() {
            shared.clock.stop();
            crew.desks.iter().for_each(Desk::close);
        }
        started.map(|()| crew)
    }

    fn start_closed(&mut self, shared: &Arc<Shared>, clients: usize) -> Result<()> {
        shared.clock.restart(HEAD_START + PER_THREAD * u32::try_from(clients)?);
        for index in 0..clients {
            let client = Client::new(Arc::clone(shared), index);
            let shared = Arc::clone(shared);
            self.spawn(move || repeat(&shared, client, index, clients))?;
        }
        Ok(())
    }

    fn start_open(
        &mut self,
        shared: &Arc<Shared>,
        concurrency: usize,
        arrivals: Arrivals,
        (rate, spacing): (f64, Spacing),
    ) -> Result<()> {
        let shares = match arrivals {
            Arrivals::Tasks => {
                let weights = shared.scenario.protocols.iter().map(|(_, weight)| *weight);
                divide(concurrency, &weights.collect::<Vec<_>>())
            }
            Arrivals::Sessions => vec![concurrency],
        };
        let mut clients = Vec::new();
        for (desk, count) in shares.into_iter().enumerate() {
            for _ in 0..count {
                clients.push((Client::new(Arc::clone(shared), clients.len()), desk));
            }
        }
        if arrivals == Arrivals::Tasks {
            connect_all(&mut clients)?;
        }
        shared.clock.restart(HEAD_START + PER_THREAD * u32::try_from(concurrency)?);
        for (index, (client, desk)) in clients.into_iter().enumerate() {
            let (shared, desks) = (Arc::clone(shared), Arc::clone(&self.desks));
            self.spawn(move || {
                if let Some(desk) = desks.get(desk) {
                    serve(&shared, client, index, arrivals, desk);
                }
            })?;
        }
        let (shared, desks) = (Arc::clone(shared), Arc::clone(&self.desks));
        self.spawn(move || {
            // Also if it panics, or the clients would wait for ever.
            let closing = Closing(&desks);
            dispatch(&shared, arrivals, (rate, spacing), closing.0);
        })
    }

    fn spawn(&mut self, body: impl FnOnce() + Send + 'static) -> Result<()> {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn(body);
        self.threads.push(thread.context("cannot start so many threads")?);
        Ok(())
    }

    /// Lets all clients go, and counts as missed what waits for one still.
    pub(super) fn dismiss(&self, shared: &Shared) {
        let left = self.desks.iter().flat_map(Desk::clear);
        left.for_each(|arrival| shared.miss(&arrival));
    }

    /// Fails if one of the threads did: what it had still to do was not done, so the figures are not
    /// those of the scenario. A thread that runs still is left alone; it is counted as not finished.
    pub(super) fn join(self) -> Result<()> {
        let ended = self.threads.into_iter().filter(std::thread::JoinHandle::is_finished);
        let failed = ended.map(std::thread::JoinHandle::join).filter(Result::is_err).count();
        anyhow::ensure!(failed == 0, "threads of this tool that failed: {failed}");
        Ok(())
    }

    /// Whether all threads have ended.
    pub(super) fn is_done(&self) -> bool {
        self.threads.iter().all(std::thread::JoinHandle::is_finished)
    }
}

/// Closed pacing: one session after the other, while the ramp wants this client.
fn repeat(shared: &Shared, mut client: Client, index: usize, clients: usize) {
    let (scenario, clock) = (&shared.scenario, &shared.clock);
    let mut chance = Chance::new(scenario.seed, index as u64);
    // The half makes as many clients work as the share of them comes to when it is rounded.
    let share = (index as f64 + 0.5) / clients as f64;
    let mut first = true;
    let mut next = Duration::ZERO;
    while let Some(from) = scenario.ramp.reaches(share, next) {
        let pause = if first { Duration::ZERO } else { scenario.visit.think(&mut chance) };
        first = false;
        if !clock.wait_until(from.saturating_add(pause)) {
            return;
        }
        let protocol = scenario.draw_protocol(&mut chance);
        if client.login(protocol, index as u64, None) {
            visit(shared, &mut client, (index as u64, protocol), Some(share), &mut chance);
            client.quit();
        } else {
            clock.wait(PENALTY);
        }
        next = clock.now();
    }
}

/// The tasks of a session that is logged in.
fn visit(
    shared: &Shared,
    client: &mut Client,
    (turn, protocol): (u64, usize),
    share: Option<f64>,
    chance: &mut Chance,
) {
    let (scenario, clock) = (&shared.scenario, &shared.clock);
    let Some((spoken, _)) = scenario.protocols.get(protocol).copied() else { return };
    for _ in 0..scenario.visit.draw(chance) {
        let goes_on = clock.wait(scenario.visit.think(chance));
        let now = clock.now();
        let wanted = share.is_none_or(|share| {
            scenario.ramp.reaches(share, now).is_some_and(|wanted| wanted <= now)
        });
        if !goes_on || !wanted || !client.is_open() {
            return;
        }
        let Some(task) = scenario.mix.draw(spoken, chance) else { return };
        client.perform(task, turn, None);
    }
}

/// Closes the desks when no more arrivals come.
struct Closing<'a>(&'a [Desk]);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.iter().for_each(Desk::close);
    }
}

/// Open pacing: gives out arrivals when they are due, to the end of the time.
fn dispatch(shared: &Shared, arrivals: Arrivals, (rate, spacing): (f64, Spacing), desks: &[Desk]) {
    let (scenario, clock) = (&shared.scenario, &shared.clock);
    // Without it the kernel may wake the thread 50 us late, to save wake-ups.
    let _ = set_current_timer_slack(NonZeroU64::new(1));
    let schedule = Schedule::new(&scenario.ramp, rate, spacing, scenario.seed);
    for (number, due) in (0_u64..).zip(schedule) {
        if due >= scenario.duration {
            break;
        }
        // What was due before an end that came too early for this thread has arrived all the same.
        if !clock.wait_until(due) && clock.stopped().is_none_or(|stopped| stopped < due) {
            return;
        }
        let arrival = arrive(shared, number, due, arrivals);
        shared.arrive(&arrival);
        let desk = if arrivals == Arrivals::Sessions { 0 } else { arrival.protocol };
        let refused = match desks.get(desk) {
            Some(desk) => desk.offer(arrival).err(),
            None => Some(arrival),
        };
        if let Some(arrival) = refused {
            shared.miss(&arrival);
        }
    }
    // The sessions stay to the end.
    clock.wait_until(Duration::MAX);
}

/// Draws what an arrival does.
fn arrive(shared: &Shared, number: u64, due: Duration, arrivals: Arrivals) -> Arrival {
    let scenario = &shared.scenario;
    let mut chance = Chance::new(scenario.seed, number);
    let protocol = scenario.draw_protocol(&mut chance);
    let spoken = scenario.protocols.get(protocol).map(|(spoken, _)| *spoken);
    let task = match arrivals {
        Arrivals::Sessions => None,
        Arrivals::Tasks => spoken.and_then(|spoken| scenario.mix.draw(spoken, &mut chance)),
    };
    Arrival { number, due, protocol, task, chance }
}

/// Open pacing: takes up arrivals.
fn serve(shared: &Shared, mut client: Client, index: usize, arrivals: Arrivals, desk: &Desk) {
    while let Some(Arrival { number, due, protocol, task, mut chance }) = desk.take() {
        shared.start(index, due);
        match arrivals {
            Arrivals::Sessions => {
                if client.login(protocol, number, Some(due)) {
                    visit(shared, &mut client, (number, protocol), None, &mut chance);
                    client.quit();
                }
            }
            Arrivals::Tasks => {
                let Some(task) = task else { continue };
                // A session that was lost is opened again, and who waits for it waits.
                if client.is_open() || client.login(protocol, index as u64, None) {
                    client.perform(task, index as u64, Some(due));
                }
            }
        }
    }
    client.quit();
}

/// Logs clients in ahead of the time, some at once.
fn connect_all(clients: &mut [(Client, usize)]) -> Result<()> {
    let part = clients.len().div_ceil(OPENERS).max(1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = clients
            .chunks_mut(part)
            .enumerate()
            .map(|(chunk, clients)| {
                scope.spawn(move || {
                    clients.iter_mut().enumerate().try_for_each(|(index, (client, protocol))| {
                        client.connect(*protocol, (chunk * part + index) as u64)
                    })
                })
            })
            .collect();
        threads.into_iter().try_for_each(|thread| {
            let result = thread.join().map_err(|_| anyhow::anyhow!("a client failed"))?;
            result.context("cannot open the sessions")
        })
    })
}

/// Divides a number by weights: each share is the exact one rounded down or up, and at least 1.
fn divide(total: usize, weights: &[u64]) -> Vec<usize> {
    let sum: u64 = weights.iter().sum();
    let mut before = 0_u64;
    let mut given = 0;
    let mut shares = Vec::with_capacity(weights.len());
    for (place, weight) in weights.iter().enumerate() {
        before += weight;
        let exact = total as u128 * u128::from(before) / u128::from(sum.max(1));
        let left = weights.len() - place - 1;
        let upto = usize::try_from(exact).unwrap_or(total);
        let share = upto.min(total.saturating_sub(left)).saturating_sub(given).max(1);
        given += share;
        shares.push(share);
    }
    shares
}

/// A client's stack: the handshakes of TLS and SSH need the most, some tens of KiB.
const STACK: usize = 512 * 1024;

/// The time begins so much after the first thread is started, so that the last is there.
const HEAD_START: Duration = Duration::from_millis(50);
const PER_THREAD: Duration = Duration::from_micros(100);

/// A client whose login failed waits, so that a server that refuses is not hammered.
const PENALTY: Duration = Duration::from_millis(100);

/// Logins at once ahead of the time.
const OPENERS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_fails_fails_the_run() {
        let crew = |body: fn()| {
            let mut crew = Crew { threads: Vec::new(), desks: Arc::default() };
            crew.spawn(body).unwrap();
            let deadline = std::time::Instant::now() + Duration::from_secs(30);
            while !crew.is_done() {
                assert!(std::time::Instant::now() < deadline);
                std::thread::yield_now();
            }
            crew.join()
        };
        assert!(crew(|| ()).is_ok());
        assert!(crew(|| panic!("a test's")).is_err());
    }

    #[test]
    fn sessions_are_divided_by_weight() {
        assert_eq!(divide(100, &[1, 6, 3]), [10, 60, 30]);
        assert_eq!(divide(10, &[1, 1, 1]), [3, 3, 4]);
        assert_eq!(divide(3, &[1000, 1, 1]), [1, 1, 1]);
        assert_eq!(divide(5, &[1, 1_000_000]), [1, 4]);
        assert_eq!(divide(7, &[2]), [7]);
        for total in 3..200 {
            assert_eq!(divide(total, &[5, 2, 9]).iter().sum::<usize>(), total);
        }
    }
}
