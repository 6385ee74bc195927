//! Changes of records and checks.

use super::check::CheckChange;
use super::record::{RecordSet, Target};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Of a record; several of them are one batch, of which all or none is done.
    Record(Box<RecordChange>),
    /// Of a health check.
    Check(CheckChange),
}

/// A change of one record set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordChange {
    /// It is so from now on (`UPSERT`).
    Upsert {
        /// As it should be.
        set: RecordSet,
        /// As it is; `None`: it is not there.
        before: Option<RecordSet>,
    },
    /// It goes (`DELETE`), which takes exactly what is listed.
    Delete {
        /// As it is.
        set: RecordSet,
        /// Why.
        why: &'static str,
    },
}

impl RecordChange {
    /// What is changed.
    pub fn set(&self) -> &RecordSet {
        match self {
            Self::Upsert { set, .. } | Self::Delete { set, .. } => set,
        }
    }

    /// Whether it can wait: nothing but a share of clients that is not nothing, before or after.
    pub(super) fn can_wait(&self) -> bool {
        let Self::Upsert { set, before: Some(before) } = self else { return false };
        let weights = set.weight().zip(before.weight());
        weights.is_some_and(|(weight, last)| weight > 0 && last > 0) && before.is_alike(set)
    }

    /// What it takes of a batch: elements, and characters of their values. An upsert counts twice ("Quotas" in the
    /// guide of Route 53).
    pub(super) fn size(&self) -> (usize, usize) {
        let (count, characters) = match &self.set().target {
            Target::Values { values, .. } => (values.len(), values.iter().map(String::len).sum()),
            Target::Alias { name, .. } => (1, name.len()),
            Target::Other => (1, 0),
        };
        match self {
            Self::Upsert { .. } => (count * 2, characters * 2),
            Self::Delete { .. } => (count, characters),
        }
    }
}

/// Changes that belong together: of one name and type, whose records must fit each other at every moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) upserts: Vec<RecordChange>,
    pub(super) deletes: Vec<RecordChange>,
    /// What goes is in the way of what comes.
    pub(super) is_swap: bool,
}

impl Unit {
    fn all(&self) -> impl Iterator<Item = &RecordChange> {
        self.upserts.iter().chain(&self.deletes)
    }

    fn size(&self) -> (usize, usize) {
        let sizes = self.all().map(RecordChange::size);
        sizes.fold((0, 0), |(a, b), (c, d)| (a + c, b + d))
    }

    pub(super) fn can_wait(&self) -> bool {
        self.all().all(RecordChange::can_wait)
    }
}

/// The first batch of these: as many units as it holds, additions before removals, except where one must make room for
/// the other. Nothing is seen of the order, since all is done at once; it is for whoever reads it, and for a server
/// that looks at it bit by bit.
pub(super) fn batch(units: &[Unit]) -> Vec<RecordChange> {
    let (mut elements, mut characters) = (0, 0);
    let fits = |unit: &&Unit| {
        let (more, longer) = unit.size();
        elements += more;
        characters += longer;
        elements <= ELEMENTS_MAX && characters <= CHARACTERS_MAX
    };
    let taken: Vec<_> = units.iter().take_while(fits).collect();
    let (swaps, plain): (Vec<_>, Vec<_>) = taken.into_iter().partition(|unit| unit.is_swap);
    let mut batch: Vec<RecordChange> = Vec::new();
    batch.extend(plain.iter().flat_map(|unit| unit.upserts.iter().cloned()));
    for unit in swaps {
        batch.extend(unit.deletes.iter().chain(&unit.upserts).cloned());
    }
    batch.extend(plain.iter().flat_map(|unit| unit.deletes.iter().cloned()));
    batch
}

/// Elements of one batch.
pub const ELEMENTS_MAX: usize = 1_000;
/// Characters of all values of one batch.
pub const CHARACTERS_MAX: usize = 32_000;
