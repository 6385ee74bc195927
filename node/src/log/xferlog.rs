//! xferlog(5): one line per transfer, in the form that wu-ftpd began and every analyser reads.

use std::io::{self, Write};
use std::path::Path;

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::queue::{Output, Queue};
use super::{Direction, FLUSH_WAIT, TransferRecord};
use crate::auth::Protocol;

/// A transfer log in a file, written by a thread of its own. Dropped, it waits up to a second for
/// the lines that are still queued.
#[derive(Debug)]
pub struct XferLog {
    queue: Queue,
}

impl XferLog {
    /// Opens or makes the file.
    ///
    /// # Errors
    /// What the system says of the file, or of the thread.
    pub fn open(path: &Path) -> io::Result<Self> {
        let queue = Queue::spawn("xferlog", Output::file(path.to_owned())?)?;
        Ok(Self { queue })
    }

    /// Logs a transfer. Never waits: a line that finds the queue full is dropped and counted.
    pub fn record(&self, record: &TransferRecord<'_>) {
        let mut line = Vec::with_capacity(LINE_BYTES_USUAL);
        write_xferlog(&mut line, record);
        self.queue.push(line);
    }

    /// Opens the file again under its name, after it was rotated.
    pub fn reopen(&self) {
        self.queue.reopen();
    }

    /// Lines dropped since the start, for the metrics.
    pub fn dropped(&self) -> u64 {
        self.queue.dropped()
    }
}

impl Drop for XferLog {
    fn drop(&mut self) {
        self.queue.flush(FLUSH_WAIT);
    }
}

/// Writes the line of one transfer, with its end: time (UTC), seconds taken, client, bytes, name,
/// type (`a`, `b`), special action (none: `_`), direction (`i`, `o`, `d`), access (`a`nonymous,
/// `r`eal), user, service, authentication (none: `0 *`), completion (`c`, `i`).
///
/// Fields end at a space, so every blank or control character in a name becomes `_`, as other
/// servers have it.
pub fn write_xferlog(line: &mut Vec<u8>, record: &TransferRecord<'_>) {
    let ended = OffsetDateTime::from(record.ended);
    // Neither fails: the format needs nothing but a date and time, and memory takes any bytes.
    let formatted = ended.format_into(line, TIME);
    debug_assert!(formatted.is_ok());
    let client = record.client.to_canonical();
    let _ = write!(line, " {} {client} {} ", record.elapsed.as_secs(), record.bytes);
    push_word(line, record.path.as_bytes());
    let kind = if record.ascii { 'a' } else { 'b' };
    let direction = match record.direction {
        Direction::In => 'i',
        Direction::Out => 'o',
        Direction::Delete => 'd',
    };
    let access = if record.anonymous { 'a' } else { 'r' };
    let _ = write!(line, " {kind} _ {direction} {access} ");
    push_word(line, record.user.as_bytes());
    let service = match record.protocol {
        Protocol::Ftp => "ftp",
        Protocol::Ftps => "ftps",
        Protocol::Ssh => "sftp",
    };
    let completion = if record.complete { 'c' } else { 'i' };
    let _ = writeln!(line, " {service} 0 * {completion}");
}

/// One word, never empty and without anything that would end it.
fn push_word(line: &mut Vec<u8>, word: &[u8]) {
    if word.is_empty() {
        line.push(b'_');
    }
    line.extend(word.iter().map(|&byte| if byte <= b' ' || byte == DELETE { b'_' } else { byte }));
}

/// As `ctime` writes it: `Mon Oct  1 17:09:31 2001`.
const TIME: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short] [month repr:short] [day padding:space] [hour]:[minute]:[second] [year]"
);
/// ASCII DEL, the one control character above the blank.
const DELETE: u8 = 0x7f;
/// What most lines take, so that they need one allocation.
const LINE_BYTES_USUAL: usize = 256;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, UNIX_EPOCH};

    use flotilla_protocol::path::VirtualPath;

    use super::*;

    fn record(path: &VirtualPath) -> TransferRecord<'_> {
        TransferRecord {
            ended: UNIX_EPOCH + Duration::from_secs(1_001_956_171),
            elapsed: Duration::from_millis(2900),
            client: "192.0.2.1".parse().unwrap(),
            bytes: 12_345,
            path,
            ascii: false,
            direction: Direction::Out,
            anonymous: false,
            user: "ann",
            complete: true,
            protocol: Protocol::Ftp,
        }
    }

    fn line(record: &TransferRecord<'_>) -> String {
        let mut line = Vec::new();
        write_xferlog(&mut line, record);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn a_line_has_the_fields_in_their_order() {
        let root = VirtualPath::root();
        assert_eq!(
            line(&record(&root)),
            "Mon Oct  1 17:09:31 2001 2 192.0.2.1 12345 / b _ o r ann ftp 0 * c\n"
        );
        let other = TransferRecord {
            client: "::ffff:192.0.2.9".parse().unwrap(),
            ascii: true,
            direction: Direction::In,
            anonymous: true,
            user: "me@example.org or so",
            complete: false,
            protocol: Protocol::Ftps,
            ..record(&root)
        };
        assert_eq!(
            line(&other),
            "Mon Oct  1 17:09:31 2001 2 192.0.2.9 12345 / a _ i a me@example.org_or_so ftps 0 * i\n"
        );
        let deleted = TransferRecord { direction: Direction::Delete, user: "", ..record(&root) };
        assert!(line(&deleted).ends_with(" b _ d r _ ftp 0 * c\n"));
    }

    #[test]
    fn names_can_not_forge_fields_or_lines() {
        let mut word = Vec::new();
        push_word(&mut word, b"/a b\tc\r\nd\x7f\x1b[2J\xff\xc3\xa4");
        assert_eq!(word, b"/a_b_c__d__[2J\xff\xc3\xa4");
    }

    #[test]
    fn a_rotated_file_is_opened_again() {
        let folder = std::env::temp_dir().join(format!("flotilla-xferlog-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let (name, rotated) = (folder.join("xferlog"), folder.join("xferlog.1"));
        let root = VirtualPath::root();
        let log = XferLog::open(&name).unwrap();
        log.record(&record(&root));
        log.queue.flush(Duration::from_secs(10));
        fs::rename(&name, &rotated).unwrap();
        log.reopen();
        log.record(&record(&root));
        log.record(&record(&root));
        log.queue.flush(Duration::from_secs(10));
        let lines = |path| fs::read_to_string(path).unwrap().lines().count();
        assert_eq!((lines(&rotated), lines(&name)), (1, 2));
        assert_eq!(log.dropped(), 0);
        fs::remove_dir_all(&folder).unwrap();
    }
}
