//! On whose behalf a thread works: every line that it logs meanwhile bears the session's fields.
//!
//! Spans of `tracing` would do the same, at some 700 bytes per idle session and two visits of their
//! registry per command; this is one small value per session and a pointer in the thread. It goes along
//! to the blocking threads, where storages do their work.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;

use flotilla_protocol::path::VirtualPath;

use super::field::{Fields, Plain, SPAN_ID, TRACE_ID, Value};
use super::ring::Ring;
use crate::telemetry::Context;

/// A session, and the file that it is about, if any.
#[derive(Clone, Debug)]
pub(crate) struct About {
    /// The session's number.
    pub(crate) session: u64,
    /// The span that the work belongs to: the session's, or that of a part of it.
    pub(crate) trace: Context,
    /// The client's address.
    pub(crate) client: IpAddr,
    /// `ftp`, `ftps` or `ssh`.
    pub(crate) protocol: &'static str,
    /// Who is logged in.
    pub(crate) user: Option<Arc<str>>,
    /// The file or directory of the operation under way, as the client sees it.
    pub(crate) path: Option<VirtualPath>,
    /// What is kept of it until something fails; `None`: nothing.
    pub(crate) ring: Option<Arc<Ring>>,
}

impl About {
    /// The same session at work on a path.
    pub(crate) fn on(&self, path: &VirtualPath) -> Arc<Self> {
        Arc::new(Self { path: Some(path.clone()), ..self.clone() })
    }

    /// The same session at work on a path, as a part of it that is a span of its own.
    pub(crate) fn part(&self, trace: Context, path: &VirtualPath) -> Arc<Self> {
        Arc::new(Self { trace, path: Some(path.clone()), ..self.clone() })
    }

    /// Until the guard is dropped, this thread works on this behalf.
    pub(crate) fn enter(self: &Arc<Self>) -> Scope {
        resume(Some(Arc::clone(self)))
    }

    /// Polls a future on this behalf.
    pub(crate) async fn within<F: Future>(self: Arc<Self>, future: F) -> F::Output {
        let mut future = pin!(future);
        let polled = poll_fn(|task| {
            let _scope = self.enter();
            future.as_mut().poll(task)
        });
        polled.await
    }

    /// Puts what is known of it into a line.
    pub(super) fn record(&self, fields: &mut Fields) {
        fields.set("session", Value::Unsigned(self.session));
        if let Some(user) = &self.user {
            fields.set("user", Value::Shared(Arc::clone(user)));
        }
        fields.set("client", Value::Plain(Plain::Address(self.client)));
        fields.set("protocol", Value::Word(self.protocol));
        fields.set(TRACE_ID, Value::Plain(Plain::Trace(self.trace.trace)));
        fields.set(SPAN_ID, Value::Plain(Plain::Span(self.trace.span)));
        fields.trace = Some(self.trace);
        if let Some(path) = &self.path {
            fields.set("path", Value::Text(path.to_string()));
        }
    }
}

/// On whose behalf this thread works, for another one that goes on with it.
pub(crate) fn current() -> Option<Arc<About>> {
    let about = CURRENT.take();
    CURRENT.set(about.clone());
    about
}

/// Until the guard is dropped, this thread works on this behalf, or on nobody's.
pub(crate) fn resume(about: Option<Arc<About>>) -> Scope {
    Scope { before: CURRENT.replace(about) }
}

/// The session that this thread works for is known better now; the guard ends this as well.
pub(crate) fn change(about: &Arc<About>) {
    CURRENT.set(Some(Arc::clone(about)));
}

/// Whether lines are kept of whoever this thread works for.
pub(super) fn is_kept() -> bool {
    with(|about| about.is_some_and(|about| about.ring.is_some()))
}

/// Looks at whoever this thread works for. What is logged meanwhile is about nobody.
pub(super) fn with<T>(look: impl FnOnce(Option<&Arc<About>>) -> T) -> T {
    let about = CURRENT.take();
    let seen = look(about.as_ref());
    CURRENT.set(about);
    seen
}

/// See [`About::enter`].
#[derive(Debug)]
#[must_use = "it ends when it is dropped"]
pub(crate) struct Scope {
    before: Option<Arc<About>>,
}

impl Drop for Scope {
    fn drop(&mut self) {
        CURRENT.set(self.before.take());
    }
}

thread_local! {
    static CURRENT: Cell<Option<Arc<About>>> = const { Cell::new(None) };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(session: u64) -> Arc<About> {
        let client = [192, 0, 2, 1].into();
        let trace = Context::root();
        let ring = None;
        Arc::new(About { session, trace, client, protocol: "ftp", user: None, path: None, ring })
    }

    fn fields() -> Vec<&'static str> {
        let mut fields = Fields::default();
        with(|about| about.into_iter().for_each(|about| about.record(&mut fields)));
        fields.values.iter().map(|(name, _)| *name).collect()
    }

    #[test]
    fn scopes_nest_and_end() {
        assert!(fields().is_empty());
        let outer = about(1).enter();
        {
            let path = VirtualPath::root().resolve(b"a").unwrap();
            let _inner = about(2).on(&path).enter();
            assert_eq!(fields(), ["session", "client", "protocol", "trace_id", "span_id", "path"]);
            assert_eq!(current().map(|about| about.session), Some(2));
            let nobody = resume(None);
            assert!(fields().is_empty());
            drop(nobody);
        }
        assert_eq!(current().map(|about| about.session), Some(1));
        drop(outer);
        assert!(current().is_none());
    }

    #[actix::test]
    async fn a_future_is_polled_on_its_behalf_only() {
        let asked = async {
            tokio::task::yield_now().await;
            current().map(|about| about.session)
        };
        assert_eq!(about(3).within(asked).await, Some(3));
        assert!(current().is_none());
    }
}
