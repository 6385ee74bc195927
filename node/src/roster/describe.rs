//! All that is known of one session, as JSON.

use std::time::Instant;

use flotilla_cluster::session::Direction;
use serde_json::{Value, json};

use super::Roster;
use super::card::{Card, Transfer};
use crate::auth::users::protocol_name;

impl Roster {
    /// The session of this number.
    pub(crate) fn describe(&self, number: u64, now: Instant) -> Option<Value> {
        Some(self.cards.borrow().get(&number)?.describe(now))
    }
}

impl Card {
    fn describe(&self, now: Instant) -> Value {
        let who = self.who();
        let transfers = self.transfers.borrow();
        let operation = self.operation().map(|(command, subject)| {
            json!({ "command": command, "path": subject.path().map(ToString::to_string) })
        });
        let shown: Vec<Value> =
            transfers.iter().take(TRANSFERS_MAX).map(|transfer| transfer.describe(now)).collect();
        let tls = self.tls.get().map(|tls| json!({ "version": tls.version, "cipher": tls.cipher }));
        json!({
            "number": who.number,
            "user": &*who.user,
            "protocol": protocol_name(who.protocol),
            "client": who.client,
            "since": self.since,
            "idle_seconds": now.saturating_duration_since(self.active()).as_secs(),
            "last_command": self.command.get(),
            "operation": operation,
            "transfers": shown,
            "rate": self.told.get().rate,
            "uploads": who.tally.uploads(),
            "downloads": who.tally.downloads(),
            "bytes_in": who.tally.bytes_in(),
            "bytes_out": who.tally.bytes_out(),
            "software": self.software.borrow().as_deref(),
            "tls": tls,
        })
    }
}

impl Transfer {
    fn describe(&self, now: Instant) -> Value {
        let direction = match self.direction {
            Direction::Upload => "upload",
            Direction::Download => "download",
            Direction::None => "none",
        };
        let elapsed = now.saturating_duration_since(self.progress.started());
        json!({
            "command": self.command,
            "path": self.subject.path().map(ToString::to_string),
            "direction": direction,
            "bytes": self.progress.bytes(),
            "seconds": elapsed.as_secs(),
        })
    }
}

/// Open files of one session that are told of.
const TRANSFERS_MAX: usize = 100;
