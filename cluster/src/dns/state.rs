//! What there is in Route 53, as it was read.

use std::collections::BTreeMap;

use super::check::Check;
use super::record::{Kind, RecordKey, RecordSet, Routing, Target};
use super::settings::Settings;

/// What there is: under the names of the pool all records, and of the account all checks that may be ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Also those of others.
    pub records: BTreeMap<RecordKey, RecordSet>,
    /// Also those of others.
    pub checks: Vec<Check>,
    /// Whether the checks could be read at all. Where not, records keep those that they have.
    pub has_checks: bool,
}

impl State {
    /// Of these.
    pub fn of(records: impl IntoIterator<Item = RecordSet>, checks: Vec<Check>) -> Self {
        let records = records.into_iter().map(|set| (set.key(), set)).collect();
        Self { records, checks, has_checks: true }
    }

    /// All records of a name and type.
    pub fn at<'a>(&'a self, name: &'a str, kind: &'a Kind) -> impl Iterator<Item = &'a RecordSet> {
        let from = RecordKey { name: name.to_owned(), kind: kind.clone(), id: String::new() };
        let here = move |(key, _): &(&RecordKey, &RecordSet)| key.name == name && key.kind == *kind;
        self.records.range(from..).take_while(here).map(|(_, set)| set)
    }

    /// Those of them that are ours.
    pub fn ours_at<'a>(
        &'a self,
        settings: &'a Settings,
        name: &'a str,
        kind: &'a Kind,
    ) -> impl Iterator<Item = &'a RecordSet> {
        self.at(name, kind).filter(|set| is_ours(settings, set))
    }

    /// All that are ours.
    pub fn ours<'a>(&'a self, settings: &'a Settings) -> impl Iterator<Item = &'a RecordSet> {
        self.records.values().filter(|set| is_ours(settings, set))
    }

    /// Ours that are of nodes, and of which.
    pub fn leaves<'a>(
        &'a self,
        settings: &'a Settings,
    ) -> impl Iterator<Item = (&'a str, &'a RecordSet)> {
        self.ours(settings).filter_map(|set| Some((settings.node_key(set)?, set)))
    }

    /// One of them.
    pub fn get(&self, name: &str, kind: &Kind, id: &str) -> Option<&RecordSet> {
        let key = RecordKey { name: name.to_owned(), kind: kind.clone(), id: id.to_owned() };
        self.records.get(&key)
    }
}

/// Whether a record is ours: it bears the mark, and is of a shape that we write. What somebody made of it otherwise
/// could not be deleted as it is.
pub fn is_ours(settings: &Settings, set: &RecordSet) -> bool {
    settings.key(set).is_some()
        && !matches!(set.kind, Kind::Other(_))
        && !matches!(set.routing, Routing::Other | Routing::Simple)
        && set.target != Target::Other
}
