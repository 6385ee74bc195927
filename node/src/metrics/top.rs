//! The users who move the most bytes (`telemetry.top_users`): an estimate in bounded memory.
//!
//! It is the "space-saving" algorithm (Metwally, Agrawal and El Abbadi, 2005): a table of some times as many users as are
//! shown. Who is not in it takes the place of the one who moved the least, and is taken to have moved as much before. So
//! whoever moved more than their share of the table is in it, however many others come.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry::KeyValue;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;

use super::book::Book;
use super::definition::{Definition, Kind};
use super::transfer::TransferDirection;

/// Who moved the most.
#[derive(Debug)]
pub(crate) struct TopUsers {
    shown: usize,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    /// By the names that are shown: users whose names look the same there are one, for two series must not be alike.
    users: HashMap<Arc<str>, Moved>,
}

/// What a user moved.
#[derive(Clone, Copy, Debug, Default)]
struct Moved {
    /// By which the table is in order: with what the one before in this place had moved.
    weight: u64,
    /// Since the user is in the table.
    uploaded: u64,
    downloaded: u64,
}

impl TopUsers {
    /// Shows so many; 0: nobody, at no cost.
    pub(super) fn new(book: &mut Book, shown: usize) -> Arc<Self> {
        let top = Arc::new(Self { shown, table: Mutex::default() });
        let definition = Definition {
            name: "flotilla_user_transfer_bytes",
            kind: Kind::Gauge,
            help: "Bytes of the users who moved the most (telemetry.top_users), since each of them is among these",
            labels: vec![(USER, Vec::new()), (DIRECTION, vec![UPLOAD, DOWNLOAD])],
        };
        if shown > 0 {
            let exported = Arc::clone(&top);
            let instrument = book.meter().u64_observable_gauge(definition.exported_name());
            instrument
                .with_description(definition.help)
                .with_unit(definition.unit().code())
                .with_callback(move |observer| {
                    for (user, direction, bytes) in exported.rows() {
                        let labels =
                            [KeyValue::new(USER, user), KeyValue::new(DIRECTION, direction)];
                        observer.observe(bytes, &labels);
                    }
                })
                .build();
        }
        book.enter(definition, Shown(Arc::clone(&top)));
        top
    }

    /// A user moved some. All cores share one lock here, once in a transfer; whoever is not in the table has all its
    /// places looked through under it, which is why `telemetry.top_users` is so bounded.
    pub(crate) fn moved(&self, user: &str, direction: TransferDirection, bytes: u64) {
        if self.shown == 0 || bytes == 0 {
            return;
        }
        let user = shown_name(user);
        let mut table = self.table();
        let moved = table.place_of(&user, self.shown * PLACES_PER_SHOWN);
        moved.weight = moved.weight.saturating_add(bytes);
        match direction {
            TransferDirection::Upload => moved.uploaded = moved.uploaded.saturating_add(bytes),
            TransferDirection::Download | TransferDirection::Listing => {
                moved.downloaded = moved.downloaded.saturating_add(bytes);
            }
        }
    }

    /// What is shown.
    fn rows(&self) -> Vec<(String, &'static str, u64)> {
        let table = self.table();
        let mut users: Vec<_> = table.users.iter().collect();
        users.sort_by(|(a, this), (b, that)| that.weight.cmp(&this.weight).then(a.cmp(b)));
        let rows = users.into_iter().take(self.shown).flat_map(|(user, moved)| {
            let user = user.to_string();
            [(user.clone(), UPLOAD, moved.uploaded), (user, DOWNLOAD, moved.downloaded)]
        });
        rows.collect()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn place_of(&mut self, user: &str, places: usize) -> &mut Moved {
        let mut new = Moved::default();
        if !self.users.contains_key(user) && self.users.len() >= places {
            let least = self.users.iter().min_by_key(|(_, moved)| moved.weight);
            if let Some((least, weight)) =
                least.map(|(user, moved)| (Arc::clone(user), moved.weight))
            {
                self.users.remove(&least);
                new.weight = weight;
            }
        }
        self.users.entry(user.into()).or_insert(new)
    }
}

/// A user name as it can stand anywhere: without control characters, and no longer than names are.
fn shown_name(user: &str) -> Cow<'_, str> {
    let end = user.char_indices().nth(NAME_CHARS_MAX).map_or(user.len(), |(end, _)| end);
    let user = user.get(..end).unwrap_or_default();
    if !user.contains(char::is_control) {
        return Cow::Borrowed(user);
    }
    let mut shown = String::with_capacity(2 * user.len());
    for c in user.chars() {
        match c.is_control() {
            true => shown.extend(c.escape_unicode()),
            false => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// What is shown, for `/metrics`.
#[derive(Debug)]
struct Shown(Arc<TopUsers>);

impl EncodeMetric for Shown {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (user, direction, bytes) in self.0.rows() {
            let labels = [(USER, user.as_str()), (DIRECTION, direction)];
            encoder.encode_family(&labels)?.encode_gauge(&bytes)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }

    fn is_empty(&self) -> bool {
        self.0.table().users.is_empty()
    }
}

/// Places of the table for each user that is shown: 800 at most, as `telemetry.top_users` is 100 at most.
const PLACES_PER_SHOWN: usize = 8;
/// Of a name.
const NAME_CHARS_MAX: usize = 128;
const USER: &str = "user";
const DIRECTION: &str = "direction";
const UPLOAD: &str = "upload";
const DOWNLOAD: &str = "download";

#[cfg(test)]
mod tests {
    use super::*;

    fn top(shown: usize) -> (Arc<TopUsers>, Book) {
        let mut book = Book::new(opentelemetry::global::meter("test"));
        (TopUsers::new(&mut book, shown), book)
    }

    #[test]
    fn who_moves_the_most_is_shown_however_many_others_come() {
        let (top, book) = top(2);
        for round in 0..10_000 {
            top.moved("heavy", TransferDirection::Upload, 1_000);
            top.moved("other", TransferDirection::Download, 500);
            top.moved(&format!("stranger {round}"), TransferDirection::Upload, 1);
        }
        assert_eq!(top.table().users.len(), 2 * PLACES_PER_SHOWN);
        let row = |user: &str, direction, bytes| (user.to_owned(), direction, bytes);
        let expected = [
            row("heavy", UPLOAD, 10_000_000),
            row("heavy", DOWNLOAD, 0),
            row("other", UPLOAD, 0),
            row("other", DOWNLOAD, 5_000_000),
        ];
        assert_eq!(top.rows(), expected);
        let text = book.encode().unwrap();
        let line = "flotilla_user_transfer_bytes{user=\"heavy\",direction=\"upload\"} 10000000";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn names_can_not_forge_lines() {
        let (top, book) = top(1);
        top.moved("a\nb\"c\\", TransferDirection::Upload, 1);
        let text = book.encode().unwrap();
        assert!(text.contains(r#"{user="a\\u{a}b\"c\\",direction="upload"} 1"#), "{text}");
    }

    #[test]
    fn names_that_look_the_same_are_one_series() {
        let (top, _book) = top(4);
        let long = "x".repeat(NAME_CHARS_MAX);
        for user in ["a\n", "a\\u{a}", &format!("{long}1"), &format!("{long}2")] {
            top.moved(user, TransferDirection::Upload, 1);
        }
        let row = |user: &str, direction, bytes| (user.to_owned(), direction, bytes);
        let expected = [
            row("a\\u{a}", UPLOAD, 2),
            row("a\\u{a}", DOWNLOAD, 0),
            row(&long, UPLOAD, 2),
            row(&long, DOWNLOAD, 0),
        ];
        assert_eq!(top.rows(), expected);
    }

    #[test]
    fn nobody_is_kept_unless_asked_for() {
        let (top, book) = top(0);
        top.moved("a", TransferDirection::Upload, 1);
        assert!(top.table().users.is_empty());
        assert!(!book.encode().unwrap().contains("flotilla_user"));
    }
}
