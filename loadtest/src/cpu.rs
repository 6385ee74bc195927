//! What the server costs: its processor time and its memory, children included.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Where the server and its clients run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Placement {
    /// Where the kernel likes.
    #[default]
    Anywhere,
    /// All on one processor: what a wake-up across two costs depends on where the kernel happens to
    /// place them.
    Together(usize),
    /// The server on one processor and its clients on another: left alone, one stream wanders, and
    /// costs up to twice as much on one processor as on two. A server of several threads or
    /// processes is held up by that; what its work costs stays the same.
    Apart { server: usize, client: usize },
}

impl Placement {
    /// For this many streams of bytes: several keep both sides busy everywhere.
    pub(crate) fn of_streams(streams: usize) -> Self {
        let allowed = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
        let mut ours = (0..CpuSet::MAX_CPU).filter(|processor| allowed.is_set(*processor));
        match (streams, ours.next(), ours.next()) {
            (1, Some(server), Some(client)) => Self::Apart { server, client },
            _ => Self::Anywhere,
        }
    }

    /// The processor of the server.
    pub(crate) fn server(self) -> Option<usize> {
        match self {
            Self::Anywhere => None,
            Self::Together(processor) => Some(processor),
            Self::Apart { server, .. } => Some(server),
        }
    }

    /// That of the clients.
    pub(crate) fn client(self) -> Option<usize> {
        match self {
            Self::Apart { client, .. } => Some(client),
            together => together.server(),
        }
    }
}

/// A server under observation.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    pid: u32,
    group: Option<Group>,
}

/// A control group whose processor time the kernel accounts exactly, also for processes that
/// lived and died between two looks.
#[derive(Clone, Debug)]
pub(crate) enum Group {
    /// Version 1, controller `cpuacct`: nanoseconds.
    Accounting(PathBuf),
    /// Version 2, `cpu.stat`: microseconds.
    Unified(PathBuf),
}

impl Probe {
    /// Observes `pid` and its descendants, or the group they live in when there is one.
    pub(crate) fn new(pid: u32, group: Option<Group>) -> Self {
        Self { pid, group }
    }

    /// Processor time spent so far, user and system.
    ///
    /// Without a group: the children that were waited for are counted to 10 ms each, and those of
    /// a server that ignores SIGCHLD are not counted at all.
    pub(crate) fn time(&self) -> Result<Duration> {
        match &self.group {
            Some(group) => group.time(),
            None => {
                let pids = self.pids()?;
                Ok(pids.iter().filter_map(|pid| process_time(*pid)).sum())
            }
        }
    }

    /// Proportional set size of all processes in bytes.
    pub(crate) fn memory(&self) -> Result<u64> {
        let pids = self.pids()?;
        Ok(pids.iter().filter_map(|pid| proportional_bytes(*pid)).sum())
    }

    /// Binds every thread to one processor; what they start later inherits that.
    pub(crate) fn pin(&self, processor: usize) -> Result<()> {
        let mut set = CpuSet::new();
        set.set(processor);
        for pid in self.pids()? {
            for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
                let thread = task.file_name().to_str().and_then(|name| name.parse().ok());
                if let Some(thread) = thread.and_then(Pid::from_raw) {
                    sched_setaffinity(Some(thread), &set).context("cannot pin the server")?;
                }
            }
        }
        Ok(())
    }

    /// The server's processes.
    pub(crate) fn pids(&self) -> Result<Vec<u32>> {
        match &self.group {
            Some(Group::Accounting(path) | Group::Unified(path)) => {
                let list = fs::read_to_string(path.join("cgroup.procs"))?;
                Ok(list.lines().filter_map(|line| line.parse().ok()).collect())
            }
            None => Ok(descendants(self.pid, &parents()?)),
        }
    }
}

impl Group {
    /// Makes a group of its own for a server to be started; `None` where groups cannot be made.
    pub(crate) fn make(name: &str) -> Option<Self> {
        let accounting = Path::new(V1_ROOT).join(name);
        if fs::create_dir(&accounting).is_ok() {
            return Some(Self::Accounting(accounting));
        }
        V2_ROOTS.iter().find_map(|root| {
            let unified = Path::new(root).join(name);
            let is_v2 = Path::new(root).join("cgroup.controllers").exists();
            (is_v2 && fs::create_dir(&unified).is_ok()).then_some(Self::Unified(unified))
        })
    }

    /// A group that exists, by its folder.
    pub(crate) fn at(path: PathBuf) -> Self {
        if path.join("cpuacct.usage").exists() {
            return Self::Accounting(path);
        }
        Self::Unified(path)
    }

    /// The folder in which `cgroup.procs` lies.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Accounting(path) | Self::Unified(path) => path,
        }
    }

    fn time(&self) -> Result<Duration> {
        match self {
            Self::Accounting(path) => {
                let usage = fs::read_to_string(path.join("cpuacct.usage"))?;
                Ok(Duration::from_nanos(usage.trim().parse()?))
            }
            Self::Unified(path) => {
                let stat = fs::read_to_string(path.join("cpu.stat"))?;
                let usage = stat.lines().find_map(|line| line.strip_prefix("usage_usec "));
                let usage = usage.context("cpu.stat without usage_usec")?;
                Ok(Duration::from_micros(usage.trim().parse()?))
            }
        }
    }
}

/// Binds the calling thread, and those that it starts, to one processor.
pub(crate) fn pin_self(processor: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(processor);
    sched_setaffinity(None, &set).context("cannot pin the client")
}

/// Lets calling threads run everywhere again.
pub(crate) fn unpin_self() -> Result<()> {
    let mut set = CpuSet::new();
    let processors = std::thread::available_parallelism().map_or(1, usize::from).max(CPUS_MAX);
    for processor in 0..processors.min(CpuSet::MAX_CPU) {
        set.set(processor);
    }
    sched_setaffinity(None, &set).context("cannot release the client")
}

/// Live threads by the scheduler's nanoseconds or the whole process by clock ticks, whichever has
/// seen more (the first lacks threads that ended), plus the children that were waited for.
fn process_time(pid: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (own, reaped) = parse_times(&stat, rustix::param::clock_ticks_per_second())?;
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let exact: u64 = tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|text| text.split_ascii_whitespace().next()?.parse::<u64>().ok())
        .sum();
    Some(own.max(Duration::from_nanos(exact)) + reaped)
}

/// Own and reaped time from a line of `/proc/PID/stat` (proc(5), fields 14 to 17).
fn parse_times(stat: &str, ticks_per_second: u64) -> Option<(Duration, Duration)> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_ascii_whitespace().skip(11).map(str::parse::<u64>);
    let mut next = || times.next()?.ok();
    let (user, system, reaped_user, reaped_system) = (next()?, next()?, next()?, next()?);
    let duration = |ticks: u64| Duration::from_nanos(ticks * (1_000_000_000 / ticks_per_second));
    Some((duration(user + system), duration(reaped_user + reaped_system)))
}

fn proportional_bytes(pid: u32) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kibibytes: u64 = pss.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kibibytes * 1024)
}

/// Every process and its parent.
fn parents() -> Result<HashMap<u32, u32>> {
    let mut parents = HashMap::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A process may end between the two reads.
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let fields = stat.rsplit_once(')').map(|(_, fields)| fields);
        let parent = fields.and_then(|fields| fields.split_ascii_whitespace().nth(1)?.parse().ok());
        if let Some(parent) = parent {
            parents.insert(pid, parent);
        }
    }
    Ok(parents)
}

/// `root` and whatever descends from it.
fn descendants(root: u32, parents: &HashMap<u32, u32>) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for (pid, parent) in parents {
        children.entry(*parent).or_default().push(*pid);
    }
    let mut seen = HashSet::from([root]);
    let mut found = vec![root];
    let mut next = 0;
    while let Some(pid) = found.get(next).copied() {
        next += 1;
        for child in children.get(&pid).into_iter().flatten() {
            if seen.insert(*child) {
                found.push(*child);
            }
        }
    }
    found
}

const V1_ROOT: &str = "/sys/fs/cgroup/cpuacct";
const V2_ROOTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// Processors that `unpin_self` allows at least: after pinning, the count that the system reports
/// for this thread is one, and bits for processors that do not exist are ignored.
const CPUS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_behind_the_last_parenthesis() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 150 50 30 20 20 0 1 0 5 6 7";
        let (own, reaped) = parse_times(stat, 100).unwrap();
        assert_eq!(own, Duration::from_secs(2));
        assert_eq!(reaped, Duration::from_millis(500));
        assert_eq!(parse_times("7 (a) S 1", 100), None);
    }

    #[test]
    fn descendants_are_found_through_generations() {
        let parents = HashMap::from([(1, 0), (10, 1), (11, 10), (12, 11), (20, 1)]);
        let mut found = descendants(10, &parents);
        found.sort_unstable();
        assert_eq!(found, [10, 11, 12]);
    }

    #[test]
    fn this_process_has_a_time_and_a_memory() {
        let probe = Probe::new(std::process::id(), None);
        let before = probe.time().unwrap();
        let mut sum = 0_u64;
        while probe.time().unwrap() < before + Duration::from_millis(20) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(probe.memory().unwrap() > 100 * 1024);
    }
}
