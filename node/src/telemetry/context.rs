//! Which span something belongs to, as W3C Trace Context has it (<https://www.w3.org/TR/trace-context/>, section 3.2.2).

use aws_lc_rs::rand;
use flotilla_cluster::relay::TRACE_BYTES;
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// A span, by its name in the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Context {
    /// What all spans of one session have.
    pub(crate) trace: TraceId,
    /// This one.
    pub(crate) span: SpanId,
    /// All of the trace is exported, not only what went wrong.
    pub(crate) is_sampled: bool,
}

impl Context {
    /// The first span of a new trace; whether it is sampled is decided by the trace's number, as every OpenTelemetry
    /// library does it.
    pub(crate) fn root() -> Self {
        let mut bytes = [0; TRACE_BYTES];
        // Without random numbers, which does not happen, traces are not told apart, and sessions go on.
        let _ = rand::fill(&mut bytes);
        let fresh = Self::of_bytes(bytes);
        Self { is_sampled: super::recorder::draws(fresh.trace), ..fresh }
    }

    /// A span below this one.
    pub(crate) fn child(self) -> Self {
        let mut bytes = [0; SPAN_BYTES];
        let _ = rand::fill(&mut bytes);
        Self { span: SpanId::from_bytes(bytes), ..self }
    }

    /// From what another node sends, which says nothing of sampling.
    pub(crate) fn of_bytes(bytes: [u8; TRACE_BYTES]) -> Self {
        let (mut trace, mut span) = ([0; TRACE_BYTES - SPAN_BYTES], [0; SPAN_BYTES]);
        for (to, from) in trace.iter_mut().chain(&mut span).zip(bytes) {
            *to = from;
        }
        let (trace, span) = (TraceId::from_bytes(trace), SpanId::from_bytes(span));
        Self { trace, span, is_sampled: false }
    }

    /// Trace id (16 bytes) and span id (8), as they are sent to another node.
    pub(crate) fn to_bytes(self) -> [u8; TRACE_BYTES] {
        let mut bytes = [0; TRACE_BYTES];
        let all = self.trace.to_bytes().into_iter().chain(self.span.to_bytes());
        for (to, from) in bytes.iter_mut().zip(all) {
            *to = from;
        }
        bytes
    }

    /// Whether it names a span: zeros name none.
    pub(crate) fn is_valid(self) -> bool {
        self.trace != TraceId::INVALID && self.span != SpanId::INVALID
    }

    /// As the library has it; everything that is exported counts as sampled.
    pub(super) fn exported(self) -> SpanContext {
        let (flags, state) = (TraceFlags::SAMPLED, TraceState::default());
        SpanContext::new(self.trace, self.span, flags, false, state)
    }
}

/// Bytes of the number of a span.
const SPAN_BYTES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_to_another_node_and_comes_back() {
        let root = Context::root();
        assert!(root.is_valid());
        assert_eq!(Context::of_bytes(root.to_bytes()), Context { is_sampled: false, ..root });
        assert!(!Context::of_bytes([0; TRACE_BYTES]).is_valid());
        assert_eq!(root.to_bytes()[..16], root.trace.to_bytes());
    }

    #[test]
    fn spans_of_a_trace_have_it_in_common() {
        let root = Context { is_sampled: true, ..Context::root() };
        let child = root.child();
        assert_eq!((child.trace, child.is_sampled), (root.trace, true));
        assert_ne!(child.span, root.span);
        assert_ne!(Context::root().trace, root.trace);
    }
}
