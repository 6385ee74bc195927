//! Host names and what they stand for: SNI and HOST.

use std::borrow::Cow;
use std::collections::HashMap;

/// Values by host name; `*.example.org` stands for every name with one label more.
#[derive(Clone, Debug)]
pub(super) struct NameMap<T> {
    exact: HashMap<String, T>,
    wildcard: HashMap<String, T>,
}

impl<T> NameMap<T> {
    pub(super) fn new() -> Self {
        Self { exact: HashMap::new(), wildcard: HashMap::new() }
    }

    pub(super) fn insert(&mut self, name: &str, value: T) {
        let name = normal(name);
        match name.strip_prefix("*.") {
            Some(parent) => self.wildcard.insert(parent.to_owned(), value),
            None => self.exact.insert(name.into_owned(), value),
        };
    }

    /// The value of a name: its own before a wildcard's.
    pub(super) fn get(&self, name: &str) -> Option<&T> {
        let name = normal(name);
        self.exact.get(name.as_ref()).or_else(|| {
            let (label, parent) = name.split_once('.')?;
            if label.is_empty() { None } else { self.wildcard.get(parent) }
        })
    }

    pub(super) fn map<U>(&self, mut change: impl FnMut(&T) -> U) -> NameMap<U> {
        let mut changed = |map: &HashMap<String, T>| {
            map.iter().map(|(name, value)| (name.clone(), change(value))).collect()
        };
        NameMap { exact: changed(&self.exact), wildcard: changed(&self.wildcard) }
    }
}

impl<T, E> NameMap<Result<T, E>> {
    /// All values, or the first error.
    pub(super) fn transpose(self) -> Result<NameMap<T>, E> {
        let unpacked = |map: HashMap<String, Result<T, E>>| {
            let values = map.into_iter().map(|(name, value)| value.map(|value| (name, value)));
            values.collect::<Result<_, E>>()
        };
        Ok(NameMap { exact: unpacked(self.exact)?, wildcard: unpacked(self.wildcard)? })
    }
}

/// Lower case, without the dot of the root.
fn normal(name: &str) -> Cow<'_, str> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_before_wildcards_and_one_label_only() {
        let mut map = NameMap::new();
        map.insert("*.example.org", 1);
        map.insert("FTP.example.org", 2);
        assert_eq!(map.get("ftp.Example.org."), Some(&2));
        assert_eq!(map.get("www.example.org"), Some(&1));
        assert_eq!(map.get("a.b.example.org"), None);
        assert_eq!(map.get("example.org"), None);
        assert_eq!(map.get(".example.org"), None);
        assert_eq!(map.get(""), None);
    }
}
