//! What the tests stand on: servers of their own, a runtime, requests.

mod cluster;
mod request;
mod sentinel;
mod server;

use std::future::Future;
use std::time::{Duration, Instant};

use flotilla_cluster::store::redis::{Address, Options};
use flotilla_cluster::store::{Reply, Request, Store, StoreError};

pub(crate) use cluster::Cluster;
pub(crate) use request::{beat, beaten, identity, login, node};
pub(crate) use sentinel::{PASSWORD as SENTINEL_PASSWORD, Sentinels};
pub(crate) use server::{Server, in_step};

/// The time when virtual clocks begin, in microseconds since 1970.
pub(crate) const START_US: u64 = 1_795_000_000_000_000;

/// Longer than anything takes that works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Runs a test on a runtime like that of a node.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test)
}

/// The options for a store at this address.
pub(crate) fn options(address: &str) -> Options {
    Options::new(address.parse::<Address>().unwrap(), "main")
}

/// Asks until something is so, and says what was so at last if it never is.
pub(crate) async fn until<T: std::fmt::Debug>(
    mut ask: impl AsyncFnMut() -> T,
    is_so: impl Fn(&T) -> bool,
) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = ask().await;
        if is_so(&answer) {
            return answer;
        }
        assert!(Instant::now() < deadline, "still {answer:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Looks until something is so, outside of a runtime; the text says what was so instead.
pub(crate) fn wait_until(mut look: impl FnMut() -> Result<(), String>) {
    let deadline = Instant::now() + PATIENCE;
    while let Err(instead) = look() {
        assert!(Instant::now() < deadline, "still {instead}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Asks until the store answers.
pub(crate) async fn answered(store: &impl Store, request: &Request) -> Reply {
    let asked: Result<Reply, StoreError> =
        until(async || store.call(request.clone()).await, Result::is_ok).await;
    asked.unwrap()
}
