//! What is wrong with a users file, and where.

use std::io;
use std::path::PathBuf;

/// Why a users file can not be used.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// It can not be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Its text is wrong.
    #[error("{}:{line}: {}{fault}", path.display(), of(user.as_deref()))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The user in whose table it is, if that has a name.
        user: Option<String>,
        /// What is wrong there.
        fault: Fault,
    },
}

/// What is wrong at a place of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No TOML.
    #[error("{0}")]
    Syntax(String),
    /// A key that means nothing here.
    #[error("unknown key \"{key}\"{}", suggest(nearest.as_deref()))]
    UnknownKey {
        /// As written.
        key: String,
        /// The valid name that looks most like it.
        nearest: Option<String>,
    },
    /// A key that must be there is not.
    #[error("\"{0}\" is missing")]
    Missing(&'static str),
    /// A user of that name stands above.
    #[error("this name is already taken in line {line}")]
    Duplicate {
        /// Where the first one stands.
        line: usize,
    },
    /// A value of another type.
    #[error("\"{key}\" must be {expected}, not {found}")]
    Type {
        /// The key.
        key: String,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// A value that can not be.
    #[error("\"{key}\": {reason}")]
    Value {
        /// The key.
        key: String,
        /// Why not.
        reason: String,
    },
}

/// The name of `valid` that is most like `written`, if any is at all.
pub fn nearest<'a>(written: &str, valid: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let alike = |name: &str| strsim::jaro_winkler(&written.to_lowercase(), &name.to_lowercase());
    valid
        .into_iter()
        .map(|name| (alike(name), name))
        .filter(|&(alike, _)| alike >= ALIKE_MIN)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name)
}

/// `, did you mean "name"?`, or nothing.
pub(crate) fn suggest(nearest: Option<&str>) -> String {
    nearest.map(|name| format!(", did you mean \"{name}\"?")).unwrap_or_default()
}

fn of(user: Option<&str>) -> String {
    user.map(|name| format!("user \"{name}\": ")).unwrap_or_default()
}

/// Jaro-Winkler similarity below which a name is no help: `pasword` is 0.97 to `password`.
const ALIKE_MIN: f64 = 0.7;
