//! What is said once, however often it is found again.

use std::collections::BTreeSet;

/// What was said already, of one subject.
#[derive(Debug, Default)]
pub(super) struct Told(BTreeSet<String>);

impl Told {
    /// Those of these sentences that are new. What is not found any more is forgotten, and new when it comes back.
    pub(super) fn news(&mut self, found: Vec<String>) -> Vec<String> {
        let found: BTreeSet<String> = found.into_iter().collect();
        let news = found.difference(&self.0).cloned().collect();
        self.0 = found;
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_once() {
        let mut told = Told::default();
        let two = || vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(told.news(two()), two());
        assert!(told.news(two()).is_empty());
        assert!(told.news(vec!["a".to_owned()]).is_empty());
        assert_eq!(told.news(two()), ["b"]);
    }
}
