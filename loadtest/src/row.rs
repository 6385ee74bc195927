//! The rows of the comparison: which work, with how many clients, and which figures count.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::client::sftp::ssh::Cipher;
use crate::client::{Protocol, Target};
use crate::cpu::Placement;
use crate::peer::Peer;
use crate::report::Summary;
use crate::scenario::Scenario::{SmallDownload, SmallUpload};
use crate::scenario::{Plan, Scenario};

/// One row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// The name on the command line.
    pub(crate) key: &'static str,
    /// The name in the table, without the figures.
    title: &'static str,
    pub(crate) scenario: Scenario,
    pub(crate) clients: usize,
    pub(crate) protocol: Protocol,
    /// Of SFTP.
    pub(crate) cipher: Cipher,
    /// Who logs in, in turn.
    pub(crate) users: usize,
    /// Idle sessions; `None`: as many as the command line says.
    sessions: Option<usize>,
    /// The first decides; of every figure less is better, unless it is a rate.
    figures: &'static [Figure],
}

/// One figure of a row.
#[derive(Clone, Copy, Debug)]
struct Figure {
    label: &'static str,
    value: fn(&Summary) -> Option<f64>,
}

/// The rows that the command line names, one by one or as a whole protocol; all without names.
pub(crate) fn select(names: &[String]) -> Result<Vec<Row>> {
    let all = Row::all();
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|row| row.is(name))) {
        bail!(unknown_row(unknown, &all));
    }
    let named = |row: &Row| names.is_empty() || names.iter().any(|name| row.is(name));
    Ok(all.into_iter().filter(named).collect())
}

/// What to say of a name that is none: the nearest one, and all by protocol.
fn unknown_row(unknown: &str, all: &[Row]) -> String {
    let groups = GROUPS.map(|(name, _)| name);
    let known = all.iter().map(|row| row.key).chain(groups);
    let nearest = known.min_by_key(|name| strsim::damerau_levenshtein(unknown, name));
    let nearest = nearest.unwrap_or_default();
    let mut text = format!("no row is named {unknown:?}: did you mean {nearest:?}?");
    for (group, protocol) in GROUPS {
        let keys = all.iter().filter(|row| row.protocol == protocol).map(|row| row.key);
        text += &format!("\n{group}: {}", keys.collect::<Vec<_>>().join(", "));
    }
    text
}

impl Row {
    /// All rows, in the order of the table.
    pub(crate) fn all() -> Vec<Self> {
        let with = |protocol: Protocol| {
            let tls = protocol == Protocol::Ftps;
            FTP.iter().map(move |row| Self {
                protocol,
                key: if tls { row.1 } else { row.0 },
                ..row.2
            })
        };
        with(Protocol::Ftp).chain(with(Protocol::Ftps)).chain(SFTP).collect()
    }

    /// Whether the command line means this row.
    fn is(&self, name: &str) -> bool {
        self.key == name || GROUPS.contains(&(name, self.protocol))
    }

    /// The row's heading.
    pub(crate) fn heading(&self) -> String {
        let labels: Vec<_> = self.figures.iter().map(|figure| figure.label).collect();
        format!("{} {}: {}", self.protocol.name(), self.title, labels.join("; "))
    }

    /// What a server does in this row.
    pub(crate) fn plan(&self, target: Target, duration: Duration, sessions: usize) -> Plan {
        let mut plan = Plan::new(self.scenario, target);
        plan.clients = self.clients;
        plan.duration = Some(duration);
        plan.sessions = self.sessions(sessions);
        plan.placement = match self.scenario {
            Scenario::Noop | Scenario::Pwd | Scenario::Idle => Placement::Together(0),
            Scenario::Download | Scenario::Upload | Scenario::List | Scenario::Mlsd => {
                Placement::of_streams(self.clients)
            }
            _ => Placement::Anywhere,
        };
        plan
    }

    /// How many sessions are open at once, where the command line says `sessions` of idle ones.
    pub(crate) fn sessions(&self, sessions: usize) -> usize {
        match self.scenario {
            Scenario::Idle => self.sessions.unwrap_or(sessions),
            _ => self.clients,
        }
    }

    /// Whether the server has what the row needs.
    pub(crate) fn fits(&self, peer: Peer) -> bool {
        let listed = self.scenario != Scenario::Mlsd || peer.has_mlsd();
        listed && peer.speaks(self.protocol) && peer.has_cipher(self.cipher)
    }

    /// The figures of one measurement, in the order of the heading.
    pub(crate) fn values(&self, summary: &Summary) -> Vec<Option<f64>> {
        self.figures.iter().map(|figure| (figure.value)(summary)).collect()
    }
}

/// A row of FTP; most rows differ from it in little.
const fn row(
    title: &'static str,
    scenario: Scenario,
    clients: usize,
    figures: &'static [Figure],
) -> Row {
    Row {
        key: "",
        title,
        scenario,
        clients,
        protocol: Protocol::Ftp,
        cipher: Cipher::Aes128Gcm,
        users: 1,
        sessions: None,
        figures,
    }
}

const fn login(title: &'static str) -> Row {
    row(title, Scenario::Login, 32, &[CPU_MS, RATE])
}

const fn small(title: &'static str, scenario: Scenario) -> Row {
    row(title, scenario, 8, &[CPU_MS, RATE])
}

/// The same over SFTP.
const fn sftp(key: &'static str, row: Row) -> Row {
    Row { key, protocol: Protocol::Sftp, ..row }
}

const fn chacha20(key: &'static str, row: Row) -> Row {
    Row { cipher: Cipher::Chacha20Poly1305, ..sftp(key, row) }
}

const fn by_many(row: Row) -> Row {
    Row { users: USERS, ..row }
}

/// Names for all rows of a protocol.
const GROUPS: [(&str, Protocol); 3] =
    [("ftp", Protocol::Ftp), ("ftps", Protocol::Ftps), ("sftp", Protocol::Sftp)];

/// Name in clear, name over TLS, the row.
const FTP: [(&str, &str, Row); 14] = [
    ("login", "login-tls", by_many(LOGIN)),
    ("login-cached", "login-cached-tls", LOGIN_CACHED),
    ("noop", "noop-tls", row("NOOP", Scenario::Noop, 1, LATENCY)),
    ("pwd", "pwd-tls", row("PWD", Scenario::Pwd, 1, LATENCY)),
    ("small-download", "small-download-tls", SMALL_DOWNLOAD),
    ("small-upload", "small-upload-tls", SMALL_UPLOAD),
    ("download-1", "download-1-tls", row("download x1", Scenario::Download, 1, BULK)),
    ("download-4", "download-4-tls", row("download x4", Scenario::Download, 4, BULK)),
    ("upload-1", "upload-1-tls", row("upload x1", Scenario::Upload, 1, BULK)),
    ("upload-4", "upload-4-tls", row("upload x4", Scenario::Upload, 4, BULK)),
    ("list", "list-tls", row("LIST 100 000", Scenario::List, 1, LISTING)),
    ("mlsd", "mlsd-tls", row("MLSD 100 000", Scenario::Mlsd, 1, LISTING)),
    ("idle", "idle-tls", IDLE),
    ("idle-15000", "idle-15000-tls", IDLE_MANY),
];

const SFTP: [Row; 22] = [
    sftp("sftp-login", by_many(LOGIN)),
    sftp("sftp-login-cached", LOGIN_CACHED),
    sftp("sftp-noop", row("REALPATH", Scenario::Noop, 1, LATENCY)),
    sftp("sftp-pwd", row("STAT", Scenario::Pwd, 1, LATENCY)),
    sftp("sftp-small-download", SMALL_DOWNLOAD),
    sftp("sftp-small-upload", SMALL_UPLOAD),
    sftp("sftp-download-1", row("download x1, aes128-gcm", Scenario::Download, 1, BULK)),
    sftp("sftp-download-4", row("download x4, aes128-gcm", Scenario::Download, 4, BULK)),
    sftp("sftp-upload-1", row("upload x1, aes128-gcm", Scenario::Upload, 1, BULK)),
    sftp("sftp-upload-4", row("upload x4, aes128-gcm", Scenario::Upload, 4, BULK)),
    sftp("sftp-readdir", row("READDIR 100 000", Scenario::List, 1, LISTING)),
    sftp("sftp-idle", IDLE),
    sftp("sftp-idle-15000", IDLE_MANY),
    chacha20("sftp-login-chacha20", by_many(login("login, 32 clients, chacha20"))),
    chacha20("sftp-noop-chacha20", row("REALPATH, chacha20", Scenario::Noop, 1, LATENCY)),
    chacha20("sftp-small-download-chacha20", small("1 KiB download, chacha20", SmallDownload)),
    chacha20("sftp-small-upload-chacha20", small("1 KiB upload, chacha20", SmallUpload)),
    chacha20("sftp-download-1-chacha20", row("download x1, chacha20", Scenario::Download, 1, BULK)),
    chacha20("sftp-download-4-chacha20", row("download x4, chacha20", Scenario::Download, 4, BULK)),
    chacha20("sftp-upload-1-chacha20", row("upload x1, chacha20", Scenario::Upload, 1, BULK)),
    chacha20("sftp-upload-4-chacha20", row("upload x4, chacha20", Scenario::Upload, 4, BULK)),
    chacha20("sftp-readdir-chacha20", row("READDIR, chacha20", Scenario::List, 1, LISTING)),
];

const LOGIN: Row = login("login, 32 clients");
const LOGIN_CACHED: Row = login("login of one user, 32 clients");
const SMALL_DOWNLOAD: Row = small("1 KiB download", SmallDownload);
const SMALL_UPLOAD: Row = small("1 KiB upload", SmallUpload);
const IDLE: Row = row("idle sessions", Scenario::Idle, 32, &[MEMORY, OPEN, IDLE_CPU, NOOP, P99]);
const IDLE_MANY: Row = Row { sessions: Some(15_000), title: "15 000 idle sessions", ..IDLE };

/// Twice as many users as Flotilla remembers verified passwords of. It forgets the oldest first:
/// when a user's turn comes again, it is forgotten.
const USERS: usize = 8192;

const LATENCY: &[Figure] = &[P50, P99, P999, CPU_US];
const BULK: &[Figure] = &[CPU_GIB, SPEED];
const LISTING: &[Figure] = &[CPU_US_ENTRY, SECONDS];

const CPU_MS: Figure =
    Figure { label: "CPU ms", value: |summary| Some(summary.cpu_seconds_per_unit? * 1e3) };
const CPU_US: Figure =
    Figure { label: "CPU us", value: |summary| Some(summary.cpu_seconds_per_unit? * 1e6) };
const CPU_US_ENTRY: Figure =
    Figure { label: "CPU us/entry", value: |summary| Some(summary.cpu_seconds_per_unit? * 1e6) };
const CPU_GIB: Figure =
    Figure { label: "CPU s/GiB", value: |summary| summary.cpu_seconds_per_unit };
const RATE: Figure = Figure { label: "/s", value: |summary| Some(summary.operations_per_second) };
const SPEED: Figure =
    Figure { label: "MiB/s", value: |summary| Some(summary.mebibytes_per_second) };
const SECONDS: Figure = Figure { label: "s", value: |summary| Some(summary.latency_p50_us / 1e6) };
const P50: Figure = Figure { label: "us p50", value: |summary| Some(summary.latency_p50_us) };
const NOOP: Figure = Figure { label: "NOOP us p50", ..P50 };
const P99: Figure = Figure { label: "p99", value: |summary| Some(summary.latency_p99_us) };
const P999: Figure = Figure { label: "p99.9", value: |summary| Some(summary.latency_p999_us) };
const MEMORY: Figure =
    Figure { label: "KiB each", value: |summary| Some(summary.idle?.memory_per_session? / 1024.0) };
const OPEN: Figure = Figure { label: "s to open", value: |summary| Some(summary.elapsed_seconds) };
const IDLE_CPU: Figure =
    Figure { label: "CPU ms/s", value: |summary| Some(summary.idle?.cpu_per_second? * 1e3) };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_unique() {
        let rows = Row::all();
        let mut keys: Vec<_> = rows.iter().map(|row| row.key).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), rows.len());
    }

    #[test]
    fn only_rows_of_idle_sessions_have_more_than_clients() {
        let row = |key: &str| Row::all().into_iter().find(|row| row.key == key).unwrap();
        assert_eq!(row("login").sessions(2000), 32);
        assert_eq!(row("sftp-idle").sessions(2000), 2000);
        assert_eq!(row("idle-15000-tls").sessions(2000), 15_000);
    }

    #[test]
    fn rows_are_selected_by_name_and_by_protocol() {
        let selected = |names: &[&str]| {
            select(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(selected(&["noop"]).unwrap().len(), 1);
        assert_eq!(selected(&[]).unwrap().len(), Row::all().len());
        assert_eq!(selected(&["ftp"]).unwrap().len(), FTP.len());
        assert_eq!(selected(&["sftp", "noop", "sftp-noop"]).unwrap().len(), SFTP.len() + 1);
        assert!(selected(&["ftps"]).unwrap().iter().all(|row| row.protocol == Protocol::Ftps));
    }

    #[test]
    fn unknown_rows_are_answered_with_the_nearest() {
        let message = |name: &str| select(&[name.to_owned()]).unwrap_err().to_string();
        assert!(message("sftp-dowload-1").contains("did you mean \"sftp-download-1\"?"));
        assert!(message("sfpt").contains("did you mean \"sftp\"?"));
    }

    #[test]
    fn rows_go_to_servers_that_have_them() {
        let row = |key: &str| Row::all().into_iter().find(|row| row.key == key).unwrap();
        assert!(row("sftp-noop").fits(Peer::Openssh) && !row("noop").fits(Peer::Openssh));
        assert!(!row("sftp-noop").fits(Peer::Vsftpd) && !row("mlsd").fits(Peer::Vsftpd));
        assert!(!row("sftp-download-1-chacha20").fits(Peer::Proftpd));
        assert!(row("sftp-download-1").fits(Peer::Proftpd));
    }
}
