//! Commands about the session itself: QUIT, NOOP, ABOR, CLNT, LANG, OPTS UTF8, SITE IDLE.

use std::time::Duration;

use super::data::Prepared;
use super::{Reply, Session};
use crate::ftp::Code;

impl Session {
    /// Writes the 220, whose text may have several lines.
    pub(super) fn greet(&mut self, banner: &str) {
        let mut lines = banner.lines();
        let first = lines.next().unwrap_or_default().as_bytes();
        match lines.next_back() {
            None => Reply::line(&mut self.output, Code(220), first),
            Some(last) => {
                let middle = lines.map(str::as_bytes);
                Reply::lines(&mut self.output, Code(220), first, middle, last.as_bytes());
            }
        }
    }

    pub(super) fn quit(&mut self) {
        self.reply(221, b"Goodbye.");
        self.close();
    }

    pub(super) fn noop(&mut self) {
        self.reply(200, b"OK");
    }

    /// ABOR in its turn: what it aborted has answered already, so only the data connection is left
    /// to be forgotten (RFC 959, 4.1.3).
    pub(super) fn abor(&mut self) {
        if let Some(ready) = self.ready()
            && std::mem::take(&mut ready.prepared) == Prepared::Passive
        {
            self.signals.close_passive = true;
        }
        self.reply(226, b"ABOR done; no transfer is under way.");
    }

    /// CLNT: what the client says that it is.
    pub(super) fn client(&mut self, name: &[u8]) {
        let name = name.get(..CLIENT_BYTES_MAX).unwrap_or(name);
        self.signals.client = Some(String::from_utf8_lossy(name).into_owned());
        self.reply(200, b"Noted.");
    }

    /// RFC 2640, 4.1: English is the only language.
    pub(super) fn lang(&mut self, tag: Option<&[u8]>) {
        match tag {
            None => self.reply(200, b"Replies are in English."),
            Some(tag) if tag.get(..2).is_some_and(|tag| tag.eq_ignore_ascii_case(b"en")) => {
                self.reply(200, b"Replies are in English.");
            }
            Some(_) => self.reply(504, b"Replies are in English only."),
        }
    }

    pub(super) fn opts_utf8(&mut self, on: bool) {
        if on {
            self.reply(200, b"UTF8 is on.");
        } else {
            self.reply(504, b"UTF8 is always on.");
        }
    }

    pub(super) fn site_idle(&mut self, seconds: Option<u64>) {
        let max = self.ready().map_or(0, |ready| ready.idle_seconds_max);
        match seconds {
            None => {}
            Some(seconds) if (IDLE_SECONDS_MIN..=max).contains(&seconds) => {
                self.clock.idle_timeout = Duration::from_secs(seconds);
            }
            Some(_) => {
                let text = format!("The idle time-out can be {IDLE_SECONDS_MIN} to {max} seconds.");
                return self.reply(501, text.as_bytes());
            }
        }
        let text = format!("The idle time-out is {}.", self.clock.idle_text());
        self.reply(200, text.as_bytes());
    }
}

/// The shortest time-out that SITE IDLE takes, seconds: shorter ones would cut off slow typists.
const IDLE_SECONDS_MIN: u64 = 30;

/// How much of the name of a client is noted.
const CLIENT_BYTES_MAX: usize = 64;
