//! The last lines of a session that were not worth writing, until something fails in it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use flotilla_protocol::path::VirtualPath;
use tracing::Metadata;

use super::field::{Fields, Value};

/// Lines of one session. Its arbiter writes here, and the threads that work for it: nobody else waits for
/// the lock.
#[derive(Debug)]
pub(crate) struct Ring {
    lines_max: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<Line>,
    bytes: usize,
}

/// An event, as far as its session does not know it anyway.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) at: SystemTime,
    pub(super) metadata: &'static Metadata<'static>,
    /// What the session was at work on.
    pub(super) path: Option<VirtualPath>,
    pub(super) fields: Fields,
}

impl Ring {
    /// A ring for so many lines (`telemetry.session_ring`); none for none. It takes memory with its lines.
    pub(crate) fn new(lines_max: usize) -> Option<Arc<Self>> {
        (lines_max > 0).then(|| Arc::new(Self { lines_max, kept: Mutex::default() }))
    }

    /// Keeps a line; the oldest ones make room for it.
    pub(super) fn keep(&self, mut line: Line) {
        line.fields.values.shrink_to_fit();
        let (bytes, bytes_max) = (line.bytes(), self.lines_max * LINE_BYTES_MEAN);
        if bytes > bytes_max {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        while kept.lines.len() >= self.lines_max || kept.bytes + bytes > bytes_max {
            match kept.lines.pop_front() {
                Some(oldest) => kept.bytes = kept.bytes.saturating_sub(oldest.bytes()),
                None => break,
            }
        }
        kept.bytes += bytes;
        kept.lines.push_back(line);
    }

    /// Takes all lines, the oldest first.
    pub(super) fn take(&self) -> VecDeque<Line> {
        std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner)).lines
    }
}

impl Line {
    /// What it takes in memory, with what the allocator adds to each piece.
    fn bytes(&self) -> usize {
        let heap = |bytes: usize| if bytes == 0 { 0 } else { bytes + PIECE_BYTES };
        let texts = self.fields.values.iter().map(|(_, value)| match value {
            Value::Text(text) => heap(text.capacity()),
            _ => 0,
        });
        // The ring itself has up to twice the room that it needs.
        2 * size_of::<Self>()
            + heap(self.path.as_ref().map_or(0, |path| path.as_bytes().len()))
            + heap(self.fields.message.capacity())
            + heap(self.fields.values.capacity() * size_of::<(&str, Value)>())
            + texts.sum::<usize>()
    }
}

/// A header, and the rounding.
const PIECE_BYTES: usize = 24;
/// The bytes of all lines of a ring may be so many times its lines: most take less.
const LINE_BYTES_MEAN: usize = 768;

#[cfg(test)]
mod tests {
    use tracing::Callsite;

    use super::*;

    fn line(number: u64, text: &str) -> Line {
        static PLACE: tracing::callsite::DefaultCallsite =
            tracing::callsite::DefaultCallsite::new(&METADATA);
        static METADATA: Metadata<'static> = tracing::metadata! {
            name: "test",
            target: "flotilla::test",
            level: tracing::Level::DEBUG,
            fields: tracing::fieldset!("message"),
            callsite: &PLACE,
            kind: tracing::metadata::Kind::EVENT,
        };
        let mut fields = Fields { message: text.to_owned(), ..Fields::default() };
        fields.set("number", Value::Unsigned(number));
        Line { at: SystemTime::UNIX_EPOCH, metadata: PLACE.metadata(), path: None, fields }
    }

    fn numbers(ring: &Ring) -> Vec<u64> {
        let number = |line: Line| match line.fields.values[..] {
            [("number", Value::Unsigned(number))] => number,
            _ => panic!("{line:?}"),
        };
        ring.take().into_iter().map(number).collect()
    }

    #[test]
    fn the_oldest_lines_make_room_by_number_and_by_bytes() {
        assert!(Ring::new(0).is_none());
        let ring = Ring::new(3).unwrap();
        (0..5).for_each(|number| ring.keep(line(number, "short")));
        assert_eq!(numbers(&ring), [2, 3, 4]);
        assert!(numbers(&ring).is_empty());
        (0..5).for_each(|number| ring.keep(line(number, &"x".repeat(600))));
        assert_eq!(numbers(&ring), [3, 4]);
        ring.keep(line(0, "short"));
        ring.keep(line(1, &"x".repeat(3 * LINE_BYTES_MEAN)));
        assert_eq!(numbers(&ring), [0]);
        assert_eq!(ring.kept.lock().unwrap().bytes, 0);
    }
}
