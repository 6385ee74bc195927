//! The checkers at work: they connect, within ten seconds, and close.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::create::interval;
use crate::shared::Shared;
use crate::stop::Stop;

/// A thread that sends out the checkers until it is dropped.
#[derive(Debug)]
pub(crate) struct Prober {
    _stop: Stop,
}

impl Prober {
    /// Begins.
    ///
    /// # Errors
    /// No thread.
    pub(crate) fn start(shared: Shared) -> io::Result<Self> {
        let stop = Stop::default();
        let watch = stop.watch();
        thread::Builder::new().name("checkers".to_owned()).spawn(move || {
            while !watch.is_over() {
                for due in due(&shared) {
                    let shared = shared.clone();
                    let thread =
                        thread::Builder::new().name("checker".to_owned()).stack_size(STACK);
                    if let Err(error) = thread.spawn(move || due.connect(&shared)) {
                        eprintln!("aws-fake: no thread for a checker: {error}");
                    }
                }
                watch.pause(PAUSE);
            }
        })?;
        Ok(Self { _stop: stop })
    }
}

/// A checker whose time has come.
struct Due {
    check: String,
    version: u64,
    checker: usize,
    target: SocketAddr,
    timeout: Duration,
}

impl Due {
    fn connect(self, shared: &Shared) {
        let result = TcpStream::connect_timeout(&self.target, self.timeout);
        let result = result.map(drop).map_err(|error| error.to_string());
        let mut world = shared.lock();
        let Some(check) = world.names.checks.get_mut(&self.check) else { return };
        let threshold = check.settings.threshold;
        let same = check.version == self.version;
        if let Some(checker) = check.checkers.get_mut(self.checker) {
            checker.busy = false;
            // What was seen of an earlier address says nothing of this one.
            if same {
                checker.saw(result, threshold);
            }
        }
    }
}

fn due(shared: &Shared) -> Vec<Due> {
    let mut world = shared.lock();
    let world = &mut *world;
    let now = Instant::now();
    let mut found = Vec::new();
    for check in world.names.checks.values_mut().filter(|check| !check.settings.disabled) {
        let interval = interval(&check.settings, &world.settings);
        let address = check.settings.address;
        let address = world.names.reach.get(&address).copied().unwrap_or(address);
        for (number, checker) in check.checkers.iter_mut().enumerate() {
            if checker.busy || now < checker.next {
                continue;
            }
            checker.busy = true;
            checker.next = now + interval;
            let speed = world.settings.check_speed_percent.max(1);
            found.push(Due {
                check: check.id.clone(),
                version: check.version,
                checker: number,
                target: SocketAddr::new(address, check.settings.port),
                timeout: CONNECT_MAX * 100 / speed,
            });
        }
    }
    found
}

/// A check by TCP fails after it.
const CONNECT_MAX: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);
/// They only connect.
const STACK: usize = 128 * 1024;
