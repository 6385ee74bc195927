//! Typed reading of TOML tables that knows where everything stands.

use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{Fault, UsersError, nearest};

/// The file that is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub(super) path: &'a Path,
    /// Where its lines end: found once, for each user knows the line of its own.
    pub(super) ends: &'a [usize],
}

/// Where the lines of a text end, for [`Source`].
pub(super) fn line_ends(text: &str) -> Vec<usize> {
    text.match_indices('\n').map(|(at, _)| at).collect()
}

impl Source<'_> {
    /// The line, from 1, in which the byte at `offset` stands.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.ends.partition_point(|&end| end < offset) + 1
    }

    pub(super) fn error(&self, at: usize, user: Option<&str>, fault: Fault) -> UsersError {
        UsersError::Invalid {
            path: self.path.to_owned(),
            line: self.line(at),
            user: user.map(str::to_owned),
            fault,
        }
    }
}

/// One table of the file.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) source: Source<'a>,
    pub(super) table: &'a DeTable<'a>,
    /// Where the table stands.
    pub(super) at: usize,
    /// The user it belongs to.
    pub(super) user: Option<&'a str>,
    /// What stands before its keys in messages: `limits.`.
    pub(super) prefix: &'static str,
}

/// A value and its place.
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) at: usize,
}

impl<'a> Fields<'a> {
    /// Refuses keys that are not among these; the first in the file if there are several.
    pub(super) fn only(&self, valid: &[&'static str]) -> Result<(), UsersError> {
        let unknown = self
            .table
            .keys()
            .filter(|key| !valid.contains(&key.get_ref().as_ref()))
            .min_by_key(|key| key.span().start);
        let Some(key) = unknown else { return Ok(()) };
        let written = key.get_ref().as_ref();
        let nearest = nearest(written, valid.iter().copied());
        let (key_at, prefix) = (key.span().start, self.prefix);
        let fault = Fault::UnknownKey {
            key: format!("{prefix}{written}"),
            nearest: nearest.map(|name| format!("{prefix}{name}")),
        };
        Err(self.error(key_at, fault))
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<Placed<&'a str>>, UsersError> {
        self.typed(key, "a string", DeValue::as_str)
    }

    pub(super) fn boolean(&self, key: &str) -> Result<Option<bool>, UsersError> {
        Ok(self.typed(key, "true or false", DeValue::as_bool)?.map(|placed| placed.value))
    }

    /// A number from 0 up.
    pub(super) fn count(&self, key: &str) -> Result<Option<u32>, UsersError> {
        let Some(integer) = self.typed(key, "a number", DeValue::as_integer)? else {
            return Ok(None);
        };
        u32::from_str_radix(integer.value.as_str(), integer.value.radix()).map(Some).map_err(|_| {
            self.value_error(integer.at, key, format!("must lie between 0 and {}", u32::MAX))
        })
    }

    /// A list of strings; a single string is a list of one.
    pub(super) fn texts(&self, key: &str) -> Result<Option<Vec<Placed<&'a str>>>, UsersError> {
        let Some(item) = self.value(key) else { return Ok(None) };
        let expected = "a list of strings";
        let one = |item: &'a Spanned<DeValue<'a>>| {
            let at = item.span().start;
            let value = item.get_ref().as_str();
            value
                .map(|value| Placed { value, at })
                .ok_or_else(|| self.type_error(item, key, expected))
        };
        match item.get_ref() {
            DeValue::Array(items) => items.iter().map(one).collect::<Result<_, _>>().map(Some),
            DeValue::String(_) => Ok(Some(vec![one(item)?])),
            _ => Err(self.type_error(item, key, expected)),
        }
    }

    /// A table in this one.
    pub(super) fn table(
        &self,
        key: &str,
        prefix: &'static str,
    ) -> Result<Option<Fields<'a>>, UsersError> {
        let table = self.typed(key, "a table", DeValue::as_table)?;
        Ok(table.map(|Placed { value: table, at }| Fields { table, at, prefix, ..*self }))
    }

    pub(super) fn value(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table.get(key)
    }

    pub(super) fn error(&self, at: usize, fault: Fault) -> UsersError {
        self.source.error(at, self.user, fault)
    }

    pub(super) fn value_error(&self, at: usize, key: &str, reason: String) -> UsersError {
        self.error(at, Fault::Value { key: format!("{}{key}", self.prefix), reason })
    }

    pub(super) fn type_error(
        &self,
        item: &Spanned<DeValue<'_>>,
        key: &str,
        expected: &'static str,
    ) -> UsersError {
        let Range { start, .. } = item.span();
        let key = format!("{}{key}", self.prefix);
        self.error(start, Fault::Type { key, expected, found: item.get_ref().type_str() })
    }

    fn typed<T>(
        &self,
        key: &str,
        expected: &'static str,
        read: impl FnOnce(&'a DeValue<'a>) -> Option<T>,
    ) -> Result<Option<Placed<T>>, UsersError> {
        let Some(item) = self.value(key) else { return Ok(None) };
        let value = read(item.get_ref()).ok_or_else(|| self.type_error(item, key, expected))?;
        Ok(Some(Placed { value, at: item.span().start }))
    }
}
