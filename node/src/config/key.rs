//! Every key that a configuration may hold: one table that drives parsing, defaults, the nearest
//! name in an error, `config show` and the reference in the manual.

use toml::Value;
use toml::de::DeValue;

use super::source::owned;
use super::table::{AWS, INGRESS, TABLE, TELEMETRY};

/// One key of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The dotted path, as `ftp.passive.ports`; keys of `[[host]]` are `host.…`.
    pub name: &'static str,
    /// The default, as it stands in a file.
    pub default: &'static str,
    /// What it is, in one line.
    pub doc: &'static str,
    /// A value that differs from the default, as it stands in a file.
    pub example: &'static str,
}

/// The shape of a value, by which text from the environment or a flag is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Text,
    List,
    /// A number or a switch.
    Other,
}

/// All keys, in the order of the reference.
pub fn keys() -> impl Iterator<Item = &'static Key> {
    TABLE.iter().chain(INGRESS).chain(AWS).chain(TELEMETRY)
}

/// The key of this name.
pub fn find(name: &str) -> Option<&'static Key> {
    keys().find(|key| key.name == name)
}

/// Whether `name` is a section: the beginning of some key's path.
pub(super) fn is_section(name: &str) -> bool {
    keys().any(|key| key.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}

impl Key {
    /// The section, as `ftp.passive`.
    pub fn section(&self) -> &'static str {
        self.name.rsplit_once('.').map_or("", |(section, _)| section)
    }

    /// The name inside its section.
    pub fn field(&self) -> &'static str {
        self.name.rsplit_once('.').map_or(self.name, |(_, field)| field)
    }

    /// The default as a value; `None` if the table is wrong, which a test excludes.
    pub(super) fn default_value(&self) -> Option<Value> {
        literal(self.default)
    }

    /// The shape of its values.
    pub(super) fn shape(&self) -> Shape {
        match self.default.as_bytes().first() {
            Some(b'"') => Shape::Text,
            Some(b'[') => Shape::List,
            _ => Shape::Other,
        }
    }
}

/// The valid name nearest to an unknown one: the same field in another section, otherwise the one
/// with the fewest slips of the pen, if these are few.
pub(super) fn nearest(unknown: &str) -> Option<&'static str> {
    let field = unknown.rsplit('.').next().unwrap_or(unknown);
    let top = unknown.split('.').next().unwrap_or(unknown);
    let mut elsewhere = keys().filter(|key| key.field() == field).collect::<Vec<_>>();
    if elsewhere.iter().any(|key| key.name.split('.').next() == Some(top)) {
        elsewhere.retain(|key| key.name.split('.').next() == Some(top));
    }
    // A section that is nearly right comes before a key of the same name elsewhere.
    let is_section = |name: &&str| strsim::damerau_levenshtein(unknown, name) <= slips_max(unknown);
    if !unknown.contains('.')
        && let Some(section) = keys().map(|key| key.section()).find(is_section)
    {
        return Some(section);
    }
    if let [only] = elsewhere.as_slice() {
        return Some(only.name);
    }
    let whole = keys().flat_map(|key| [key.name, key.section()]).filter_map(|name| {
        let slips = strsim::damerau_levenshtein(unknown, name);
        (slips <= slips_max(unknown)).then_some((slips, name))
    });
    let field_alone =
        keys().filter(|key| key.name.split('.').next() == Some(top)).filter_map(|key| {
            let slips = strsim::damerau_levenshtein(field, key.field());
            (slips <= slips_max(field)).then_some((slips, key.name))
        });
    whole.chain(field_alone).min_by_key(|(slips, _)| *slips).map(|(_, name)| name)
}

/// The one of `names` that is most like an unknown one, if any is.
pub(super) fn closest<'a>(
    unknown: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let alike = |name: &'a str| {
        let slips = match name.split_once('@') {
            // The vendor behind the name is easily forgotten.
            Some((short, _)) if short == unknown => 0,
            _ => strsim::damerau_levenshtein(unknown, name),
        };
        (slips <= slips_max(unknown)).then_some((slips, name))
    };
    names.into_iter().filter_map(alike).min_by_key(|(slips, _)| *slips).map(|(_, name)| name)
}

/// How many slips still make a suggestion: one in three characters, one at least.
fn slips_max(name: &str) -> usize {
    (name.len() / 3).max(1)
}

/// A value as written in a file.
fn literal(text: &str) -> Option<Value> {
    DeValue::parse(text).ok().and_then(|value| owned(value.get_ref()))
}
