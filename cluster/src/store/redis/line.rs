//! A connection in use, and its end.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, RedisResult, ServerErrorKind, Value};
use tokio::sync::Notify;

use super::decode;
use super::encode::{Keys, Plan, Work};
use super::fault::{Fault, judge};
use super::flaw::{Flaws, Told};
use super::script::Invocation;
use crate::store::{Reply, StoreError};

/// A connection; a clone is the same one.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) connection: MultiplexedConnection,
    pub(super) end: Arc<End>,
}

/// Told once, by whoever notices it first: a request, or the connection itself.
#[derive(Debug, Default)]
pub(super) struct End {
    cause: OnceLock<StoreError>,
    told: Notify,
    proved: AtomicBool,
}

impl Line {
    pub(super) fn new(connection: MultiplexedConnection, end: Arc<End>) -> Self {
        Self { connection, end }
    }

    /// Carries out a request within the limit.
    pub(super) async fn run(
        mut self,
        keys: Keys,
        plan: Plan,
        limit: Duration,
        told: Rc<RefCell<Told>>,
    ) -> Result<Reply, StoreError> {
        let name = plan.work.name();
        let fault = match tokio::time::timeout(limit, self.ask(&keys, plan.work)).await {
            Ok(Ok(value)) => {
                self.end.proved.store(true, Ordering::Relaxed);
                let mut flaws = Flaws::default();
                let reply = decode::reply(plan.answer, value, &mut flaws);
                told.borrow_mut().tell(flaws);
                return reply.map_err(|error| StoreError::Unknown(format!("{name}: {error}")));
            }
            Ok(Err(fault)) => fault,
            Err(_) => {
                let error = StoreError::Unknown(format!("not within {} ms", limit.as_millis()));
                Fault { error, ends: true }
            }
        };
        if fault.ends {
            self.end.tell(fault.error.clone());
        }
        Err(match fault.error {
            // Something within the pool's keys is not as it should be: this says where to look.
            StoreError::Unknown(text) if !fault.ends => {
                StoreError::Unknown(format!("{name}: {text}"))
            }
            error => error,
        })
    }

    async fn ask(&mut self, keys: &Keys, work: Work) -> Result<Value, Fault> {
        match work {
            Work::Script(invocation) => self.invoke(&invocation).await,
            Work::Command(command) => self.send(&command).await.map_err(|error| judge(&error)),
            Work::Tidy { gone, tidy } => {
                let gone = self.send(&gone).await.map_err(|error| judge(&error))?;
                let malformed = |error: decode::Malformed| Fault {
                    error: StoreError::Refused(error.to_string()),
                    ends: false,
                };
                let gone = decode::fences(gone).map_err(malformed)?;
                self.invoke(&keys.tidied(tidy, &gone)).await
            }
        }
    }

    async fn invoke(&mut self, invocation: &Invocation) -> Result<Value, Fault> {
        let unknown = ErrorKind::from(ServerErrorKind::NoScript);
        let answer = match self.send(&invocation.by_hash()).await {
            Err(error) if error.kind() == unknown => self.send(&invocation.by_source()).await,
            answer => answer,
        };
        answer.map_err(|error| judge(&error))
    }

    async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        self.connection.send_packed_command(command).await?.extract_error()
    }
}

impl End {
    /// The connection is of no more use.
    pub(super) fn tell(&self, cause: StoreError) {
        // Later causes are consequences.
        let _ = self.cause.set(cause);
        self.told.notify_one();
    }

    /// Why the end came, if it did.
    pub(super) fn cause(&self) -> Option<&StoreError> {
        self.cause.get()
    }

    /// Waits for the end; why it came.
    pub(super) async fn wait(&self) -> StoreError {
        loop {
            self.told.notified().await;
            if let Some(cause) = self.cause() {
                return cause.clone();
            }
        }
    }

    /// Whether a request was ever answered.
    pub(super) fn is_proved(&self) -> bool {
        self.proved.load(Ordering::Relaxed)
    }
}
