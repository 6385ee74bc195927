//! What a thread is at work on, where that is traced: whoever does a part of it need not be told for whom.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::time::Instant;

use super::context::Context;
use super::record::Record;
use super::recorder::over;

/// The work of this span. Parts of it are [watched](watch) if the span is sampled; if not, it is what it was.
pub(crate) fn within<'a, T: 'a>(span: Context, mut work: Work<'a, T>) -> Work<'a, T> {
    if !span.is_sampled {
        return work;
    }
    Box::pin(poll_fn(move |task| {
        let _scope = Scope { before: CURRENT.replace(Some(span)) };
        work.as_mut().poll(task)
    }))
}

/// Work that takes its time.
type Work<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// A part begins; `None`: it is not exported.
pub(crate) fn watch() -> Option<Watch> {
    let work = CURRENT.get()?;
    Some(Watch { work, since: Instant::now() })
}

/// Runs while a part of the work does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch {
    work: Context,
    since: Instant,
}

impl Watch {
    /// What it is part of.
    pub(crate) fn whole(self) -> Context {
        self.work
    }

    /// When it began.
    pub(crate) fn since(self) -> Instant {
        self.since
    }

    /// The part is over.
    pub(crate) fn over(self, name: &'static str) -> Option<Record> {
        over(self.work.child(), Some(self.work), name, (self.since, Instant::now()), false)
    }
}

struct Scope {
    before: Option<Context>,
}

impl Drop for Scope {
    fn drop(&mut self) {
        CURRENT.set(self.before);
    }
}

thread_local! {
    static CURRENT: Cell<Option<Context>> = const { Cell::new(None) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_work_of_a_sampled_span_is_watched() {
        let span = Context { is_sampled: true, ..Context::root() };
        let part = async {
            tokio::task::yield_now().await;
            watch().map(|watch| watch.work)
        };
        let other = async { watch().is_none() };
        // The other one is polled while the work waits.
        let (seen, is_unseen) = tokio::join!(within(span, Box::pin(part)), other);
        assert_eq!((seen, is_unseen), (Some(span), true));
        let unsampled = Context { is_sampled: false, ..span };
        assert!(within(unsampled, Box::pin(async { watch().is_none() })).await);
        assert!(watch().is_none());
    }
}
