//! Reading tables of TOML so that each mistake is told with the name of its key.

use std::ops::RangeInclusive;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use toml::{Table, Value};

use super::quantity;

/// A table whose keys are all known; each is taken once.
#[derive(Debug)]
pub(super) struct Keys {
    /// Where the table is in the file; empty at the top.
    path: String,
    table: Table,
}

impl Keys {
    /// The whole file. A key that is not among `known` is an error that names the nearest one.
    pub(super) fn file(text: &str, known: &[&str]) -> Result<Self> {
        let table = text.parse::<Table>()?;
        Self::new(String::new(), table, known)
    }

    fn new(path: String, table: Table, known: &[&str]) -> Result<Self> {
        let keys = Self { path, table };
        match keys.table.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => bail!("{}: no such key; {}", keys.name(key), suggestion(key, known)),
            None => Ok(keys),
        }
    }

    /// How messages name a key of this table.
    pub(super) fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn wrong(&self, key: &str, wanted: &str, found: &Value) -> anyhow::Error {
        anyhow!("{}: {wanted} is needed, not {found}", self.name(key))
    }

    /// A text.
    pub(super) fn text(&mut self, key: &str) -> Result<Option<String>> {
        match self.table.remove(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(key, "a text", &other)),
        }
    }

    /// A list of texts; empty if there is none.
    pub(super) fn texts(&mut self, key: &str) -> Result<Vec<String>> {
        let list = match self.table.remove(key) {
            None => return Ok(Vec::new()),
            Some(Value::Array(list)) => list,
            Some(other) => return Err(self.wrong(key, "a list of texts", &other)),
        };
        let text = |value| match value {
            Value::String(text) => Ok(text),
            other => Err(self.wrong(key, "a list of texts", &other)),
        };
        list.into_iter().map(text).collect()
    }

    /// A whole number within bounds.
    pub(super) fn whole(&mut self, key: &str, bounds: RangeInclusive<u64>) -> Result<Option<u64>> {
        self.table.remove(key).map(|value| self.bounded(key, &value, &bounds)).transpose()
    }

    /// A whole number, or a list of two: the least and the most.
    pub(super) fn range(
        &mut self,
        key: &str,
        bounds: RangeInclusive<u64>,
    ) -> Result<Option<(u64, u64)>> {
        let Some(value) = self.table.remove(key) else { return Ok(None) };
        let (low, high) = match value.as_array().map(Vec::as_slice) {
            None => {
                let both = self.bounded(key, &value, &bounds)?;
                (both, both)
            }
            Some([low, high]) => {
                (self.bounded(key, low, &bounds)?, self.bounded(key, high, &bounds)?)
            }
            Some(_) => return Err(self.wrong(key, "a number or a list of two", &value)),
        };
        if low > high {
            bail!("{}: the first of the two, {low}, is above the second, {high}", self.name(key));
        }
        Ok(Some((low, high)))
    }

    fn bounded(&self, key: &str, value: &Value, bounds: &RangeInclusive<u64>) -> Result<u64> {
        let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
        let wanted = || match *bounds.end() {
            u64::MAX => format!("a whole number from {}", bounds.start()),
            end => format!("a whole number from {} to {end}", bounds.start()),
        };
        let number = number.filter(|number| bounds.contains(number));
        number.ok_or_else(|| self.wrong(key, &wanted(), value))
    }

    /// A number above 0, or at least 0 where `zero` says so.
    pub(super) fn number(&mut self, key: &str, zero: bool) -> Result<Option<f64>> {
        let Some(value) = self.table.remove(key) else { return Ok(None) };
        let number = value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64));
        let fits = |number: &f64| number.is_finite() && (*number > 0.0 || zero && *number == 0.0);
        let wanted = if zero { "a number of at least 0" } else { "a number above 0" };
        number.filter(fits).map(Some).ok_or_else(|| self.wrong(key, wanted, &value))
    }

    /// A time.
    pub(super) fn time(&mut self, key: &str) -> Result<Option<Duration>> {
        let Some(value) = self.table.remove(key) else { return Ok(None) };
        let time = value.as_str().and_then(quantity::time);
        let wanted = "a time in quotes such as \"1m 30s\" or \"250ms\"";
        time.map(Some).ok_or_else(|| self.wrong(key, wanted, &value))
    }

    /// A size: bytes, or a text with a unit.
    pub(super) fn size(&mut self, key: &str) -> Result<Option<u64>> {
        let Some(value) = self.table.remove(key) else { return Ok(None) };
        let bytes = value.as_integer().and_then(|bytes| u64::try_from(bytes).ok());
        let size = bytes.or_else(|| value.as_str().and_then(quantity::size));
        let wanted = "a size such as 1024, \"4 KiB\", \"64 MiB\" or \"1 GiB\"";
        size.map(Some).ok_or_else(|| self.wrong(key, wanted, &value))
    }

    /// One of some words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        if let Some((_, choice)) = choices.iter().find(|(name, _)| *name == text) {
            return Ok(Some(*choice));
        }
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        bail!("{}: {text:?} is no choice; {}", self.name(key), suggestion(&text, &names))
    }

    /// A table within this one; empty if there is none.
    pub(super) fn table(&mut self, key: &str, known: &[&str]) -> Result<Self> {
        match self.table.remove(key) {
            None => Ok(Self { path: self.name(key), table: Table::new() }),
            Some(Value::Table(table)) => Self::new(self.name(key), table, known),
            Some(other) => Err(self.wrong(key, &format!("a table, [{key}],"), &other)),
        }
    }

    /// A list of tables; messages count them from 1.
    pub(super) fn tables(&mut self, key: &str, known: &[&str]) -> Result<Vec<Self>> {
        let list = match self.table.remove(key) {
            None => return Ok(Vec::new()),
            Some(Value::Array(list)) => list,
            Some(other) => return Err(self.wrong(key, &format!("a list, [[{key}]],"), &other)),
        };
        let table = |(index, value)| match value {
            Value::Table(table) => {
                Self::new(format!("{} {}", self.name(key), index + 1), table, known)
            }
            other => Err(self.wrong(key, &format!("a list of tables, [[{key}]],"), &other)),
        };
        list.into_iter().enumerate().map(table).collect()
    }

    /// Says that a key that was not given is needed.
    pub(super) fn missing(&self, key: &str) -> anyhow::Error {
        anyhow!("{}: missing", self.name(key))
    }

    /// Refuses a key that has no meaning beside another one.
    pub(super) fn refuse(&self, keys: &[&str], why: &str) -> Result<()> {
        match keys.iter().find(|key| self.table.contains_key(**key)) {
            Some(key) => bail!("{}: {why}", self.name(key)),
            None => Ok(()),
        }
    }
}

/// The nearest name, and all of them.
fn suggestion(wrong: &str, known: &[&str]) -> String {
    let distance = |name: &&&str| strsim::damerau_levenshtein(wrong, name);
    let nearest = known.iter().min_by_key(distance).copied().unwrap_or_default();
    format!("did you mean {nearest:?}? There are {}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Keys {
        Keys::file(text, &["count", "span", "time", "size", "kind", "inner", "list", "rate"])
            .unwrap()
    }

    fn message<T: std::fmt::Debug>(result: Result<T>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn unknown_keys_are_answered_with_the_nearest() {
        let error = message(Keys::file("cuont = 1", &["count", "time"]));
        assert_eq!(error, "cuont: no such key; did you mean \"count\"? There are count, time");
        let error = message(keys("[inner]\nweigth = 1").table("inner", &["weight"]));
        assert!(
            error.starts_with("inner.weigth: no such key; did you mean \"weight\"?"),
            "{error}"
        );
        let error = message(keys("[[list]]\n[[list]]\nnane = 1").tables("list", &["name"]));
        assert!(error.starts_with("list 2.nane: no such key"), "{error}");
    }

    #[test]
    fn values_are_checked_and_their_keys_named() {
        let error = message(keys("count = 9").whole("count", 1..=5));
        assert_eq!(error, "count: a whole number from 1 to 5 is needed, not 9");
        assert!(message(keys("count = -1").whole("count", 0..=u64::MAX)).contains("from 0 is"));
        assert!(message(keys("time = 5").time("time")).starts_with("time: a time in quotes"));
        assert!(message(keys("size = \"5 MB\"").size("size")).starts_with("size: a size"));
        assert!(message(keys("rate = 0").number("rate", false)).contains("a number above 0"));
        assert!(message(keys("rate = nan").number("rate", true)).contains("at least 0"));
        assert!(message(keys("span = [3, 2]").range("span", 0..=9)).contains("above the second"));
        let error = message(keys("kind = \"opne\"").choice("kind", &[("open", 1), ("closed", 2)]));
        assert_eq!(
            error,
            "kind: \"opne\" is no choice; did you mean \"open\"? There are open, closed"
        );
    }

    #[test]
    fn values_are_read() {
        let mut all = keys("count = 5\nspan = [2, 3]\ntime = \"2s\"\nsize = \"1 KiB\"\nrate = 2");
        assert_eq!(all.whole("count", 1..=5).unwrap(), Some(5));
        assert_eq!(all.range("span", 0..=9).unwrap(), Some((2, 3)));
        assert_eq!(all.time("time").unwrap(), Some(Duration::from_secs(2)));
        assert_eq!(all.size("size").unwrap(), Some(1024));
        assert_eq!(all.number("rate", false).unwrap(), Some(2.0));
        assert_eq!(all.number("rate", false).unwrap(), None);
        assert!(all.tables("list", &[]).unwrap().is_empty());
    }
}
