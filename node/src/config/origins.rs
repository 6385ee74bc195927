//! Every value with the place that it came from.

use std::collections::BTreeMap;

use toml::Value;

use super::error::Origin;
use super::key::{self, Key};

/// The values of one section of settings by key.
pub(super) type Settings = BTreeMap<&'static str, Setting>;

/// A value as written, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// The value.
    pub value: Value,
    /// Where it was written.
    pub origin: Origin,
}

/// Every value that is in force, with its origin.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    /// By key; a key that is missing has its default.
    pub(super) settings: Settings,
    /// One per `[[host]]`, with the place of its head.
    pub(super) hosts: Vec<(Origin, Settings)>,
}

impl Origins {
    /// Where the value of `key` was written.
    pub fn of(&self, key: &str) -> &Origin {
        self.settings.get(key).map_or(&Origin::Default, |setting| &setting.origin)
    }

    /// The keys that this version acts on with their values, in the order of the reference;
    /// without hosts.
    pub fn settings(&self) -> impl Iterator<Item = (&'static Key, Setting)> {
        available(&self.settings, false)
    }

    /// The same of each `[[host]]`.
    pub fn hosts(&self) -> impl Iterator<Item = impl Iterator<Item = (&'static Key, Setting)>> {
        self.hosts.iter().map(|(_, settings)| available(settings, true))
    }
}

fn available(settings: &Settings, host: bool) -> impl Iterator<Item = (&'static Key, Setting)> {
    key::keys()
        .filter(move |key| (key.section() == "host") == host)
        .filter_map(|key| Some((key, lookup(settings, key)?)))
}

/// The value of a key: as written, or its default.
pub(super) fn lookup(settings: &Settings, key: &Key) -> Option<Setting> {
    settings
        .get(key.name)
        .cloned()
        .or_else(|| Some(Setting { value: key.default_value()?, origin: Origin::Default }))
}
