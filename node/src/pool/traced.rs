//! Each call of the store as a span. The store in this process has none: it takes no time.

use std::pin::Pin;
use std::rc::Rc;
use std::time::Instant;

use flotilla_cluster::store::{Call, Hint, Reply, Request, Store, StoreError};

use crate::telemetry::{self, Context, name};

/// A store whose calls are spans, as far as they are sampled or fail.
pub(crate) struct Traced {
    store: Rc<dyn Store>,
    /// It is in this process.
    is_embedded: bool,
}

impl Traced {
    /// Traces what is asked through it.
    pub(crate) fn new(store: Rc<dyn Store>, is_embedded: bool) -> Self {
        Self { store, is_embedded }
    }

    /// A call that these logins wait for: a child of the first, and linked to the others.
    pub(super) fn call_for(&self, request: Request, logins: Vec<Context>) -> Call {
        let operation = request.name();
        let call = self.store.call(request);
        if self.is_embedded {
            return call;
        }
        let began = Instant::now();
        Box::pin(async move {
            let result = call.await;
            tell(operation, began, &logins, &result);
            result
        })
    }
}

impl Store for Traced {
    fn call(&self, request: Request) -> Call {
        self.call_for(request, Vec::new())
    }

    fn hint(&self) -> Pin<Box<dyn Future<Output = Hint> + '_>> {
        self.store.hint()
    }

    fn name(&self) -> String {
        self.store.name()
    }
}

fn tell(
    operation: &'static str,
    began: Instant,
    logins: &[Context],
    result: &Result<Reply, StoreError>,
) {
    if !telemetry::is_on() {
        return;
    }
    let parent = logins.first().copied();
    let context = parent.map_or_else(Context::root, Context::child);
    let span = (began, Instant::now());
    let record = telemetry::over(context, parent, operation, span, result.is_err());
    let Some(record) = record else { return };
    let record =
        logins.iter().skip(1).take(LINKS_MAX).fold(record, |record, login| record.linked(*login));
    record
        .client()
        .word(name::DATABASE, "redis")
        .word(name::OPERATION, operation)
        .maybe(result.as_ref().err(), |record, error| record.failed(kind(error), kind(error)))
        .send();
}

fn kind(error: &StoreError) -> &'static str {
    match error {
        StoreError::Refused(_) => "refused",
        StoreError::Denied(_) => "denied",
        StoreError::Unknown(_) => "unknown",
    }
}

/// Logins of one call that are told.
const LINKS_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use flotilla_cluster::store::Embedded;

    use super::*;

    #[test]
    fn what_is_asked_is_answered_as_without_it() {
        actix_rt::System::new().block_on(async {
            for is_embedded in [true, false] {
                let store = Traced::new(Rc::new(Embedded::new(|| 1)), is_embedded);
                let logins = vec![Context::root(), Context::root()];
                let reply = store.call_for(Request::Bans, logins).await;
                assert!(matches!(reply, Ok(Reply::Bans(_))), "{reply:?}");
                assert_eq!(store.call(Request::Tidy).await, Ok(Reply::Done));
                assert_eq!(store.name(), "embedded");
            }
        });
    }
}
