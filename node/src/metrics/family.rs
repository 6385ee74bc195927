//! Instruments by label.

use std::sync::Arc;

use super::instrument::Instrument;
use super::label::Labels;

/// One instrument for each combination of labels, all of them there from the start.
#[derive(Debug)]
pub(crate) struct Family<L, M> {
    series: Arc<[M]>,
    /// For labels that can not be.
    spare: M,
    labels: std::marker::PhantomData<fn(L)>,
}

impl<L, M: Clone> Clone for Family<L, M> {
    fn clone(&self) -> Self {
        Self { series: Arc::clone(&self.series), spare: self.spare.clone(), labels: self.labels }
    }
}

impl<L: Labels, M: Instrument> Default for Family<L, M> {
    fn default() -> Self {
        let count = L::of().iter().map(|(_, values)| values.len()).product();
        Self::new((0..count).map(|_| M::default()).collect(), M::default())
    }
}

impl<L, M> Family<L, M> {
    pub(super) fn new(series: Arc<[M]>, spare: M) -> Self {
        Self { series, spare, labels: std::marker::PhantomData }
    }
}

impl<L: Labels, M> Family<L, M> {
    /// The instrument of these labels: a look-up by number, nothing is allocated.
    pub(crate) fn of(&self, labels: L) -> &M {
        self.series.get(labels.place()).unwrap_or(&self.spare)
    }
}

impl<L, M> Family<L, M> {
    /// All instruments.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &M> {
        self.series.iter()
    }
}
