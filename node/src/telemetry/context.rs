//! Which span something belongs to, as W3C Trace Context has it (<https://www.w3.org/TR/trace-context/>, section 3.2.2).

use std::cell::Cell;

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
        let trace = TraceId::from(u128::from(draw()) << 64 | u128::from(draw()));
        let is_sampled = super::recorder::draws(trace);
        Self { trace, span: SpanId::from(draw()), is_sampled }
    }

    /// A span below this one.
    pub(crate) fn child(self) -> Self {
        Self { span: SpanId::from(draw()), ..self }
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

/// A number that is hardly drawn twice, and need not be hard to guess: SplitMix64 (Steele, Lea, Flood: "Fast splittable
/// pseudorandom number generators", 2014), a generator per thread, which begins with a random number. Those of the cipher library
/// are for keys.
fn draw() -> u64 {
    thread_local! {
        static STATE: Cell<u64> = const { Cell::new(0) };
    }
    let last = match STATE.get() {
        0 => {
            let mut bytes = [0; 8];
            // Without random numbers, which does not happen, traces are not told apart, and sessions go on.
            let _ = rand::fill(&mut bytes);
            u64::from_ne_bytes(bytes)
        }
        last => last,
    };
    let state = last.wrapping_add(0x9e37_79b9_7f4a_7c15);
    STATE.set(state);
    let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    // Zero names nothing.
    (mixed ^ mixed >> 31).max(1)
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
    fn numbers_are_not_drawn_twice() {
        let threads: Vec<_> = (0..4)
            .map(|_| std::thread::spawn(|| (0..10_000).map(|_| draw()).collect::<Vec<_>>()))
            .collect();
        let drawn = threads.into_iter().flat_map(|thread| thread.join().unwrap());
        let all: std::collections::HashSet<_> = drawn.collect();
        assert_eq!(all.len(), 40_000);
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
