//! The process: what it takes of the machine, by the names that all client libraries of Prometheus give it, and what is
//! behind its threads.

use std::fs;
use std::sync::OnceLock;

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::book::Book;
use super::definition::Kind;
use super::family::Family;
use super::histogram::{self, Histogram};
use super::instrument::{Counter, Gauge};
use super::label::{Label, label};
use crate::blocking::LaneHealth;
use crate::pipe::PIPES;

label! {
    /// What jobs for the blocking threads are doing.
    JobState = "state" {
        Running = "running",
        /// For a slot.
        Waiting = "waiting",
        /// Behind their deadline (`storage.timeout`); these run too.
        Stuck = "stuck",
    }
}

/// The version of this build.
#[derive(Clone, Copy, Debug)]
struct Version;

impl Label for Version {
    const NAME: &'static str = "version";
    const COUNT: usize = 1;

    fn values() -> Vec<&'static str> {
        vec![env!("CARGO_PKG_VERSION")]
    }

    fn place(self) -> usize {
        0
    }
}

/// What is behind the threads.
pub(crate) struct Process {
    jobs: Family<JobState, Gauge>,
    pub(crate) job_wait: Histogram,
    pub(crate) loop_lag: Histogram,
    pub(crate) log_dropped: Counter,
}

impl Process {
    pub(super) fn new(book: &mut Book) -> Self {
        enter_usage(book);
        book.watch(
            Kind::Gauge,
            "flotilla_pipes",
            "Pipes that move bytes without a copy, or could",
            || PIPES.count() as f64,
        );
        book.watch(
            Kind::Counter,
            "flotilla_pipes_missed_total",
            "How often bytes were copied for a while because there was no pipe",
            || PIPES.missed() as f64,
        );
        book.watch_family::<Version>(
            Kind::Gauge,
            "flotilla_build_info",
            "1, with the version that runs",
            |_| 1.0,
        );
        Self {
            jobs: book.family("flotilla_blocking_jobs", "Jobs of the storage for blocking threads"),
            job_wait: book.histogram(
                "flotilla_blocking_wait_seconds",
                "How long jobs of the storage waited until a blocking thread began them, or they were given up",
                histogram::WAIT_SECONDS,
            ),
            loop_lag: book.histogram(
                "flotilla_loop_lag_seconds",
                "How late timers of the arbiters fire, by up to a millisecond on an idle one",
                histogram::SHORT_SECONDS,
            ),
            log_dropped: book.one(
                "flotilla_log_lines_dropped_total",
                "Lines of the log that were dropped because nobody took them fast enough",
            ),
        }
    }

    /// Takes over what the lanes to the storage are doing.
    pub(crate) fn lanes(&self, health: &LaneHealth) {
        self.jobs.of(JobState::Running).set(health.running);
        self.jobs.of(JobState::Waiting).set(health.waiting);
        self.jobs.of(JobState::Stuck).set(health.stuck);
    }
}

fn enter_usage(book: &mut Book) {
    book.watch(
        Kind::Counter,
        "process_cpu_seconds_total",
        "Processor time of the process, user and system",
        || {
            let time = clock_gettime(ClockId::ProcessCPUTime);
            time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
        },
    );
    book.watch(
        Kind::Gauge,
        "process_resident_memory_bytes",
        "Memory of the process that is resident",
        || resident_bytes().unwrap_or(0.0),
    );
    let started = OnceLock::new();
    book.watch(
        Kind::Gauge,
        "process_start_time_seconds",
        "When the process began, Unix time",
        move || *started.get_or_init(|| start_time().unwrap_or(0.0)),
    );
    book.watch(
        Kind::Gauge,
        "process_open_fds",
        "Open files of the process, sockets included",
        || open_files().unwrap_or(0) as f64,
    );
    book.watch(Kind::Gauge, "process_max_fds", "Files that the process may have open", || {
        getrlimit(Resource::Nofile).current.map_or(f64::INFINITY, |files| files as f64)
    });
}

/// proc(5), `statm`: the second field, in pages.
fn resident_bytes() -> Option<f64> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: f64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as f64)
}

/// proc(5), `stat`: field 22, in ticks since the machine began. The second field is in parentheses and may hold anything.
fn start_time() -> Option<f64> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    let ticks: f64 = text.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()?;
    let machine = fs::read_to_string("/proc/stat").ok()?;
    let began = machine.lines().find_map(|line| line.strip_prefix("btime "))?;
    Some(began.parse::<f64>().ok()? + ticks / rustix::param::clock_ticks_per_second() as f64)
}

/// Linux tells the number as the size of the folder (since 6.2); before, its entries are counted, without the one of the
/// counting itself.
fn open_files() -> Option<u64> {
    const FOLDER: &str = "/proc/self/fd";
    match fs::metadata(FOLDER).ok()?.len() {
        0 => Some((fs::read_dir(FOLDER).ok()?.count() as u64).saturating_sub(1)),
        count => Some(count),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;

    #[test]
    fn the_system_tells_what_is_asked() {
        assert!(resident_bytes().unwrap() > 100_000.0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        let age = now - start_time().unwrap();
        assert!((-2.0..3600.0).contains(&age), "{age}");
        let before = open_files().unwrap();
        let files: Vec<_> = (0..10).map(|_| fs::File::open("/proc/self/stat").unwrap()).collect();
        // Other tests of the process open and close files too.
        assert!(open_files().unwrap() + 5 >= before + files.len() as u64);
    }
}
