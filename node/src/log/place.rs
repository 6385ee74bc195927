//! The places in the code that log: what each of them may write, and how much of it was held back.
//!
//! All threads share one table of a fixed size. A place enters it once and stays, so that asking takes no lock;
//! what changes is an atomic of the place.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use tracing::Metadata;
use tracing::callsite::Identifier;

/// One place.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) metadata: &'static Metadata<'static>,
    /// What was decided last of its lines, for [`Gate`](super::gate::Gate) to read.
    pub(super) verdict: AtomicU32,
    /// The second in the upper half, how many lines were written in it in the lower.
    window: AtomicU64,
    /// Lines that were not written and not told of.
    held: AtomicU64,
    /// What the first of them said.
    text: OnceLock<String>,
}

/// Whether a line may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    /// It may.
    Write,
    /// It is counted instead.
    Hold {
        /// The first one that nobody was told of.
        first: bool,
    },
}

impl Place {
    fn new(metadata: &'static Metadata<'static>) -> Self {
        Self {
            metadata,
            verdict: AtomicU32::new(0),
            window: AtomicU64::new(0),
            held: AtomicU64::new(0),
            text: OnceLock::new(),
        }
    }

    /// Asks for one line in this second. Once the place is over its limit nothing is written here but the
    /// count, so that threads that log the same do not wait for each other.
    pub(super) fn pass(&self, second: u32, limit: u32) -> Pass {
        let mut window = self.window.load(Ordering::Relaxed);
        loop {
            let (last, written) = halves(window);
            let next = match last == second {
                true if written >= limit => {
                    let first = self.held.fetch_add(1, Ordering::Relaxed) == 0;
                    return Pass::Hold { first };
                }
                true => window + 1,
                false => u64::from(second) << 32 | 1,
            };
            match self.window.compare_exchange_weak(
                window,
                next,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Pass::Write,
                Err(newer) => window = newer,
            }
        }
    }

    /// Remembers what the lines say that are held back.
    pub(super) fn note(&self, text: &str) {
        self.text.get_or_init(|| text.chars().take(TEXT_CHARS_MAX).collect());
    }

    /// How many lines were held back before this second, and what they said. They are told of once.
    fn take_held(&self, second: u32) -> Option<Held> {
        if self.held.load(Ordering::Relaxed) == 0
            || halves(self.window.load(Ordering::Relaxed)).0 == second
        {
            return None;
        }
        let lines = self.held.swap(0, Ordering::Relaxed);
        let text = self.text.get().cloned().unwrap_or_default();
        (lines > 0).then_some(Held { metadata: self.metadata, lines, text })
    }
}

fn halves(window: u64) -> (u32, u32) {
    // Each half fits.
    ((window >> 32) as u32, window as u32)
}

/// Lines of one place that were held back.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) metadata: &'static Metadata<'static>,
    pub(super) lines: u64,
    pub(super) text: String,
}

/// All places that are not silent by their level.
#[derive(Debug)]
pub(super) struct Places {
    slots: Box<[OnceLock<Box<Place>>]>,
    /// Some place holds lines back that nobody was told of.
    holding: AtomicBool,
}

impl Default for Places {
    fn default() -> Self {
        let slots = std::iter::repeat_with(OnceLock::new).take(SLOTS).collect();
        Self { slots, holding: AtomicBool::new(false) }
    }
}

impl Places {
    /// The place of an event, entered if it is new. `None`: the table is full.
    pub(super) fn of(&self, metadata: &'static Metadata<'static>) -> Option<&Place> {
        let wanted = metadata.callsite();
        self.slots_for(&wanted).find_map(|slot| {
            let place = slot.get_or_init(|| Box::new(Place::new(metadata)));
            (place.metadata.callsite() == wanted).then_some(&**place)
        })
    }

    /// The place of an event, if it was entered.
    pub(super) fn find(&self, wanted: &Identifier) -> Option<&Place> {
        let filled = self.slots_for(wanted).map_while(OnceLock::get);
        filled.map(|place| &**place).find(|place| place.metadata.callsite() == *wanted)
    }

    /// Where a place may stand: from its own slot on, in a circle.
    fn slots_for(&self, wanted: &Identifier) -> impl Iterator<Item = &OnceLock<Box<Place>>> {
        let mut hasher = DefaultHasher::new();
        wanted.hash(&mut hasher);
        let start = hasher.finish() as usize % self.slots.len().max(1);
        let (before, behind) = self.slots.split_at(start);
        behind.iter().chain(before)
    }

    /// A place holds a line back.
    pub(super) fn note_holding(&self) {
        self.holding.store(true, Ordering::Release);
    }

    /// What was held back before this second, and whether something still is.
    pub(super) fn take_held(&self, second: u32) -> (Vec<Held>, bool) {
        if !self.holding.swap(false, Ordering::Acquire) {
            return (Vec::new(), false);
        }
        let places = || self.slots.iter().filter_map(OnceLock::get);
        let held = places().filter_map(|place| place.take_held(second)).collect();
        let holds = places().any(|place| place.held.load(Ordering::Relaxed) > 0);
        if holds {
            self.note_holding();
        }
        (held, holds)
    }
}

/// More than there are places in the program: about 400 of our own. Those of libraries enter only if they
/// are wanted.
const SLOTS: usize = 4096;
/// Of the text of a line that is held back.
const TEXT_CHARS_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use tracing::Callsite;

    use super::*;

    /// The metadata of places in this file.
    fn metadata() -> Vec<&'static Metadata<'static>> {
        macro_rules! places {
            ($($text:literal),*) => {[$({
                static PLACE: tracing::callsite::DefaultCallsite =
                    tracing::callsite::DefaultCallsite::new(&METADATA);
                static METADATA: Metadata<'static> = tracing::metadata! {
                    name: $text,
                    target: "flotilla::test",
                    level: tracing::Level::INFO,
                    fields: tracing::fieldset!("message"),
                    callsite: &PLACE,
                    kind: tracing::metadata::Kind::EVENT,
                };
                PLACE.metadata()
            }),*]};
        }
        places!["a", "b", "c"].to_vec()
    }

    #[test]
    fn each_place_has_one_slot_and_the_others_none() {
        let places = Places::default();
        let all = metadata();
        assert!(places.find(&all[0].callsite()).is_none());
        let slots: HashSet<*const Place> =
            all.iter().map(|metadata| std::ptr::from_ref(places.of(metadata).unwrap())).collect();
        assert_eq!(slots.len(), all.len());
        for metadata in &all {
            let found = places.find(&metadata.callsite()).unwrap();
            assert_eq!(found.metadata.name(), metadata.name());
        }
    }

    #[test]
    fn a_table_that_is_full_has_no_place_for_others() {
        let slots = std::iter::repeat_with(OnceLock::new).take(2).collect();
        let places = Places { slots, holding: AtomicBool::new(false) };
        let all = metadata();
        assert!(places.of(all[0]).is_some() && places.of(all[1]).is_some());
        assert!(places.of(all[2]).is_none() && places.find(&all[2].callsite()).is_none());
        assert!(places.of(all[1]).is_some());
    }

    #[test]
    fn a_limit_is_kept_per_second_and_what_is_held_is_told_once() {
        let places = Places::default();
        let place = places.of(metadata()[0]).unwrap();
        let passes = |second| (0..5).filter(|_| place.pass(second, 3) == Pass::Write).count();
        assert_eq!(passes(7), 3);
        place.note("the text");
        places.note_holding();
        // The second is not over.
        assert!(matches!(places.take_held(7), (held, true) if held.is_empty()));
        // The place is silent since.
        let (held, holds) = places.take_held(8);
        assert!(!holds);
        assert_eq!(held.len(), 1);
        assert_eq!((held[0].lines, held[0].text.as_str()), (2, "the text"));
        assert!(places.take_held(9).0.is_empty());
        // A clock that goes back begins a second as any other.
        assert_eq!(passes(6), 3);
        assert_eq!(place.pass(6, 3), Pass::Hold { first: false });
    }

    #[test]
    fn threads_together_write_no_more_than_one() {
        let places = Places::default();
        let place = places.of(metadata()[0]).unwrap();
        let written = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| (0..1000).filter(|_| place.pass(1, 100) == Pass::Write).count())
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
        });
        assert_eq!(written, 100);
        assert_eq!(place.held.load(Ordering::Relaxed), 3900);
    }
}
