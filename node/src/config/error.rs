//! What is wrong with a configuration: all of it at once, each with its place.

use std::fmt;
use std::path::{Path, PathBuf};

/// Everything that is wrong with a configuration; never empty. Displays one problem per line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// In the order of reading: files by line, then environment and flags.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it was written.
    pub origin: Origin,
    /// The dotted path of the key, or empty where there is none.
    pub key: String,
    /// What is wrong with it.
    pub fault: Fault,
}

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Nowhere: the default.
    Default,
    /// A file, with its line from 1.
    File(PathBuf, usize),
    /// An environment variable.
    Environment(String),
    /// A flag of the command line.
    Flag(String),
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The file is not TOML.
    Syntax(String),
    /// There is no such key.
    Unknown {
        /// The valid name that was probably meant.
        nearest: Option<&'static str>,
    },
    /// The value can not be used.
    Mismatch {
        /// What the key takes.
        expected: String,
        /// What was written.
        got: String,
    },
    /// The value is fine and does not go together with another.
    Contradiction(String),
    /// A file can be read, and what it holds can not be used.
    Unfit {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file can not be read.
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why, as the system says it.
        reason: String,
    },
}

impl ConfigError {
    /// The error of these problems, or `value` if there are none.
    pub(super) fn unless_empty<T>(value: T, problems: Vec<Problem>) -> Result<T, Self> {
        if problems.is_empty() { Ok(value) } else { Err(Self { problems }) }
    }
}

impl Origin {
    /// The folder of the file, from which relative names start there.
    pub(super) fn folder(&self) -> Option<&Path> {
        match self {
            Self::File(path, _) => path.parent(),
            Self::Default | Self::Environment(_) | Self::Flag(_) => None,
        }
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.origin != Origin::Default {
            write!(f, "{}: ", self.origin)?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}", self.fault)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(message) => write!(f, "not TOML: {message}"),
            Self::Unknown { nearest: Some(nearest) } => {
                write!(f, "unknown key; did you mean \"{nearest}\"?")
            }
            Self::Unknown { nearest: None } => {
                f.write_str("unknown key; \"flotilla config show\" lists the valid ones")
            }
            Self::Mismatch { expected, got } => write!(f, "expected {expected}, got {got}"),
            Self::Contradiction(message) => f.write_str(message),
            Self::Unfit { path, reason } => write!(f, "{}: {reason}", path.display()),
            Self::Unreadable { path, reason } => {
                write!(f, "can not read {}: {reason}", path.display())
            }
        }
    }
}
