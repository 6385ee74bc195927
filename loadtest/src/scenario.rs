//! What a run does: the rows of the comparison, each with its own unit of work.

use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

use crate::client::{Protocol, Target};
use crate::cpu::{Placement, Probe};

/// One kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scenario {
    /// Connect, AUTH TLS if asked for, USER, PASS, QUIT; SFTP: connect, key exchange, password,
    /// subsystem, INIT, disconnect.
    Login,
    /// PASV and RETR of a small file; SFTP: OPEN, READ, CLOSE.
    SmallDownload,
    /// PASV and STOR of a small file; SFTP: OPEN, WRITE, CLOSE.
    SmallUpload,
    /// RETR of a large file; SFTP: 64 READs of 32 KiB at once.
    Download,
    /// STOR of a large file; SFTP: 64 WRITEs of 32 KiB at once.
    Upload,
    /// PASV and LIST of a directory; SFTP: OPENDIR, READDIR to the end, CLOSE.
    List,
    /// PASV and MLSD of a directory; not in SFTP.
    Mlsd,
    /// NOOP round trips; SFTP: REALPATH.
    Noop,
    /// PWD round trips; SFTP: STAT.
    Pwd,
    /// PASV to its reply, then a data connection that is closed at once; FTP and FTPS only.
    Pasv,
    /// The same with EPSV.
    Epsv,
    /// As `SmallDownload`, timed from connecting the data connection to its first byte; FTP only.
    FirstByte,
    /// Sessions that are logged in and do nothing.
    Idle,
}

/// One measurement, ready to run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The work.
    pub(crate) scenario: Scenario,
    /// The server.
    pub(crate) target: Target,
    /// Sessions that work at once; in `Idle` those that open the others.
    pub(crate) clients: usize,
    /// Operations over all clients, the first bound.
    pub(crate) count: Option<u64>,
    /// When no further operation starts, the second bound.
    pub(crate) duration: Option<Duration>,
    /// Bytes of a file.
    pub(crate) size: u64,
    /// Where on the server files are made and read.
    pub(crate) directory: String,
    /// The directory that is listed.
    pub(crate) listing: String,
    /// Idle sessions.
    pub(crate) sessions: usize,
    /// How long they are watched.
    pub(crate) watch: Duration,
    /// The processors to which client and server are bound.
    pub(crate) placement: Placement,
    /// Other servers that work meanwhile, whose processor time counts as well, each for itself.
    pub(crate) beside: Vec<Probe>,
}

/// What the cost of a scenario is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Unit {
    /// One operation.
    Operation,
    /// 2^30 bytes of payload.
    Gibibyte,
    /// One line of a listing.
    Entry,
}

impl Scenario {
    /// The name as the command line has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::SmallDownload => "small-download",
            Self::SmallUpload => "small-upload",
            Self::Download => "download",
            Self::Upload => "upload",
            Self::List => "list",
            Self::Mlsd => "mlsd",
            Self::Noop => "noop",
            Self::Pwd => "pwd",
            Self::Pasv => "pasv",
            Self::Epsv => "epsv",
            Self::FirstByte => "first-byte",
            Self::Idle => "idle",
        }
    }

    /// Whether the protocol has it.
    pub(crate) fn fits(self, protocol: Protocol) -> bool {
        match self {
            Self::Mlsd | Self::Pasv | Self::Epsv => protocol != Protocol::Sftp,
            Self::FirstByte => protocol == Protocol::Ftp,
            _ => true,
        }
    }

    /// What the cost is divided by.
    pub(crate) fn unit(self) -> Unit {
        match self {
            Self::Download | Self::Upload => Unit::Gibibyte,
            Self::List | Self::Mlsd => Unit::Entry,
            _ => Unit::Operation,
        }
    }

    /// Sessions that work at once when nothing else is said.
    pub(crate) fn clients(self) -> usize {
        match self {
            Self::Login | Self::Idle => 32,
            Self::SmallDownload | Self::SmallUpload => 8,
            _ => 1,
        }
    }

    /// Bytes of a file when nothing else is said.
    pub(crate) fn size(self) -> u64 {
        match self {
            Self::Download | Self::Upload => 512 * 1024 * 1024,
            _ => 1024,
        }
    }
}

impl Plan {
    /// A plan with the scenario's own number of clients and size, for two seconds.
    pub(crate) fn new(scenario: Scenario, target: Target) -> Self {
        Self {
            scenario,
            target,
            clients: scenario.clients(),
            count: None,
            duration: Some(Duration::from_secs(2)),
            size: scenario.size(),
            directory: String::new(),
            listing: "list".to_owned(),
            sessions: 2000,
            watch: Duration::from_secs(5),
            placement: Placement::default(),
            beside: Vec::new(),
        }
    }

    /// A path for a file of this tool.
    pub(crate) fn path(&self, name: &str) -> String {
        match self.directory.trim_end_matches('/') {
            "" if self.directory.is_empty() => name.to_owned(),
            directory => format!("{directory}/{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_command_line() {
        for scenario in Scenario::value_variants() {
            let value = scenario.to_possible_value().unwrap();
            assert_eq!(value.get_name(), scenario.name());
        }
    }
}
