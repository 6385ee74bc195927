//! Values in Redis that can not be read: answers are read without them, and each is told once.

use std::collections::BTreeSet;

/// A value that an answer was read without.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Flaw {
    /// What it should have been.
    pub(super) what: &'static str,
    /// What it stands under.
    pub(super) name: String,
}

/// Those of one answer; no more than [`FLAWS_MAX`] of them are noted.
#[derive(Debug, Default)]
pub(super) struct Flaws(Vec<Flaw>);

/// Those that were told already, so that a beat does not tell them every two seconds.
#[derive(Debug, Default)]
pub(super) struct Told(BTreeSet<Flaw>);

impl Flaws {
    /// What was read, or a note that it could not be.
    pub(super) fn skip<T, E>(
        &mut self,
        what: &'static str,
        name: &[u8],
        read: Result<T, E>,
    ) -> Option<T> {
        if read.is_err() && self.0.len() < FLAWS_MAX {
            self.0.push(Flaw { what, name: name.escape_ascii().to_string() });
        }
        read.ok()
    }
}

impl Told {
    /// Warns of those that are new.
    pub(super) fn tell(&mut self, flaws: Flaws) {
        for Flaw { what, name } in self.news(flaws) {
            tracing::warn!(
                what,
                name,
                "a value in the pool's store can not be read, it is left out"
            );
        }
    }

    fn news(&mut self, flaws: Flaws) -> Vec<Flaw> {
        let mut news = Vec::new();
        for flaw in flaws.0 {
            if self.0.len() < TOLD_MAX && self.0.insert(flaw.clone()) {
                news.push(flaw);
            }
        }
        news
    }
}

/// More of one answer would say nothing new.
const FLAWS_MAX: usize = 64;
/// After so many, somebody fills the store with garbage and knows it.
const TOLD_MAX: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flaws_are_told_once_and_not_for_ever() {
        let mut told = Told::default();
        let flaws = |names: std::ops::Range<usize>| {
            let mut flaws = Flaws::default();
            for name in names {
                let read = flaws.skip("a ban", &name.to_be_bytes(), Err::<(), _>(()));
                assert!(read.is_none());
            }
            assert_eq!(flaws.skip("a ban", b"fine", Ok::<_, ()>(7)), Some(7));
            flaws
        };
        assert_eq!(told.news(flaws(0..2)).len(), 2);
        assert_eq!(told.news(flaws(1..3)).len(), 1);
        assert_eq!(flaws(0..1_000).0.len(), FLAWS_MAX);
        let all: usize = (0..100).map(|n| told.news(flaws(64 * n..64 * n + 64)).len()).sum();
        assert_eq!(all + 3, TOLD_MAX);
    }

    #[test]
    fn names_are_shown_escaped() {
        let mut flaws = Flaws::default();
        let _ = flaws.skip("a node", b"n\x1b\n", Err::<(), _>(()));
        assert_eq!(flaws.0, [Flaw { what: "a node", name: "n\\x1b\\n".to_owned() }]);
    }
}
