//! The configuration file of a server under test.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// A TOML value.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Value {
    Text(String),
    Number(i64),
    Flag(bool),
    List(Vec<String>),
}

/// Sections and keys, written as TOML.
#[derive(Clone, Debug, Default)]
pub struct Config {
    sections: BTreeMap<String, BTreeMap<String, Value>>,
    hosts: Vec<BTreeMap<String, Value>>,
}

impl Config {
    /// Sets `section.key`; the section may have dots of its own (`ftp.passive.ports`).
    ///
    /// # Panics
    /// If there is no dot.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        let (section, key) = key.rsplit_once('.').expect("a key is section.key");
        self.sections.entry(section.to_owned()).or_default().insert(key.to_owned(), value.into());
    }

    /// Takes `section.key` away, so that its default holds.
    pub fn unset(&mut self, key: &str) {
        let (section, key) = key.rsplit_once('.').expect("a key is section.key");
        if let Some(section) = self.sections.get_mut(section) {
            section.remove(key);
        }
    }

    /// Adds a `[[host]]`.
    pub fn host(&mut self, keys: impl IntoIterator<Item = (&'static str, Value)>) {
        self.hosts.push(keys.into_iter().map(|(key, value)| (key.to_owned(), value)).collect());
    }

    /// Writes the file.
    pub fn write(&self, path: &Path) {
        std::fs::write(path, self.to_string()).expect("the configuration can be written");
    }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, keys) in &self.sections {
            writeln!(f, "[{name}]")?;
            keys.iter().try_for_each(|(key, value)| writeln!(f, "{key} = {value}"))?;
        }
        for keys in &self.hosts {
            writeln!(f, "[[host]]")?;
            keys.iter().try_for_each(|(key, value)| writeln!(f, "{key} = {value}"))?;
        }
        Ok(())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{}", quoted(text)),
            Self::Number(number) => write!(f, "{number}"),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::List(list) => {
                let list: Vec<String> = list.iter().map(|text| quoted(text)).collect();
                write!(f, "[{}]", list.join(", "))
            }
        }
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&Path> for Value {
    fn from(path: &Path) -> Self {
        Self::Text(path.to_str().expect("test paths are UTF-8").to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<&[&str]> for Value {
    fn from(list: &[&str]) -> Self {
        Self::List(list.iter().map(|text| (*text).to_owned()).collect())
    }
}

impl<const N: usize> From<[&str; N]> for Value {
    fn from(list: [&str; N]) -> Self {
        Self::from(list.as_slice())
    }
}

impl From<Vec<String>> for Value {
    fn from(list: Vec<String>) -> Self {
        Self::List(list)
    }
}
