//! The trace of one session.

use std::borrow::Cow;
use std::cell::Cell;
use std::time::Instant;

use opentelemetry::trace::TraceId;

use super::context::Context;
use super::record::Record;
use super::recorder::{self, is_on, over};

/// The root of a session's spans.
#[derive(Debug)]
pub(crate) struct Trace {
    root: Context,
    began: Instant,
    /// Spans that were exported.
    spans: Cell<u32>,
    /// Those that were not, although all of it is or they should have been.
    left_out: Cell<u32>,
    /// Something of it was exported, so its root is as well.
    is_kept: Cell<bool>,
}

impl Trace {
    /// Of a session whose connection was accepted then.
    pub(crate) fn new(began: Instant) -> Self {
        let root = Context::root();
        let (spans, left_out) = (Cell::new(0), Cell::new(0));
        Self { root, began, spans, left_out, is_kept: Cell::new(root.is_sampled) }
    }

    /// The root.
    pub(crate) fn root(&self) -> Context {
        self.root
    }

    /// When it began.
    pub(crate) fn began(&self) -> Instant {
        self.began
    }

    /// Whether all of it is exported. Where not, only what must be is worth preparing.
    pub(crate) fn is_sampled(&self) -> bool {
        self.root.is_sampled
    }

    /// Its number, if all of it is exported: who looks for it will find it.
    pub(crate) fn shown(&self) -> Option<TraceId> {
        self.is_sampled().then_some(self.root.trace)
    }

    /// A new part of the session that has parts itself or log lines of its own: below the root. Where nothing is
    /// exported there are no parts, and all is the root's.
    pub(crate) fn part(&self) -> Context {
        match is_on() {
            true => self.root.child(),
            false => self.root,
        }
    }

    /// Part of the session that is over; see [`super::over`]. `part` is one that was [made](Self::part) when it
    /// began. After [`SPANS_MAX`] of a session only failures are exported, as many
    /// as of sessions that are not sampled.
    pub(crate) fn over_as(
        &self,
        part: Context,
        name: impl Into<Cow<'static, str>>,
        span: (Instant, Instant),
        must: bool,
    ) -> Option<Record> {
        if !(self.root.is_sampled || must) {
            return None;
        }
        let has_room = self.spans.get() < SPANS_MAX;
        // A client that fails for ever is sampled no more than others.
        let part = Context { is_sampled: part.is_sampled && has_room, ..part };
        let Some(record) = over(part, Some(self.root), name, span, must) else {
            self.left_out.set(self.left_out.get().saturating_add(1));
            return None;
        };
        self.spans.set(self.spans.get().saturating_add(1));
        self.is_kept.set(true);
        Some(record)
    }

    /// Part of the session that is over and has no parts itself.
    pub(crate) fn over(
        &self,
        name: impl Into<Cow<'static, str>>,
        span: (Instant, Instant),
        must: bool,
    ) -> Option<Record> {
        // Before a number is drawn for it.
        if !(self.root.is_sampled || must) {
            return None;
        }
        self.over_as(self.root.child(), name, span, must)
    }

    /// The session itself, at its end.
    pub(crate) fn end(&self, name: impl Into<Cow<'static, str>>, now: Instant) -> Option<Record> {
        if !self.is_kept.get() {
            return None;
        }
        let record = recorder::root(self.root, name, (self.began, now))?;
        Some(match self.left_out.get() {
            0 => record.server(),
            count => record.server().number("flotilla.spans_left_out", count),
        })
    }
}

/// Spans of one session: a trace with more can not be looked at.
pub(crate) const SPANS_MAX: u32 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    // No recorder is installed here: one would be that of all tests of the process.
    #[test]
    fn where_nothing_is_exported_nothing_is_prepared() {
        let now = Instant::now();
        let trace = Trace::new(now);
        assert!(!trace.is_sampled());
        assert_eq!(trace.part(), trace.root());
        assert!(trace.over("NOOP", (now, now), false).is_none());
        assert!(trace.over("RETR", (now, now), true).is_none());
        assert!(trace.end("session", now).is_none());
    }
}
