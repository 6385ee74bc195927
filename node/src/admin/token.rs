//! Who may use the API: whoever shows one of two tokens.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use tracing::info;
use zeroize::Zeroizing;

use crate::config::Config;
use crate::error::ServeError;
use crate::hex;
use crate::secret;

/// What a token lets one do; the greater may do all that the lesser may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// Look.
    Reader,
    /// Everything.
    Operator,
}

/// The tokens in force.
#[derive(Debug)]
pub(crate) struct Tokens {
    operator: Token,
    reader: Token,
}

/// A token by its digest: the token itself is not kept.
struct Token {
    digest: [u8; 32],
    /// It was made by this process.
    made: bool,
}

impl Tokens {
    /// Those of the files that are named; others are made, unless `old` has made them already.
    ///
    /// # Errors
    /// A file that can not be read or made.
    pub(crate) fn load(config: &Config, old: Option<&Self>) -> Result<Self, ServeError> {
        let admin = &config.admin;
        // What is named first: it fails for more reasons, and nothing is made then.
        let operator = named("admin.token_file", admin.token_file.as_deref())?;
        let reader = named("admin.read_token_file", admin.read_token_file.as_deref())?;
        let data_dir = &config.node.data_dir;
        let made = |role, old: Option<&Token>| match old.filter(|old| old.made) {
            Some(&Token { digest, made }) => Ok(Token { digest, made }),
            None => make(&made_file(data_dir, role)),
        };
        let tokens = Self {
            operator: operator
                .map_or_else(|| made(Role::Operator, old.map(|old| &old.operator)), Ok)?,
            reader: reader.map_or_else(|| made(Role::Reader, old.map(|old| &old.reader)), Ok)?,
        };
        for (role, token) in [(Role::Operator, &tokens.operator), (Role::Reader, &tokens.reader)] {
            if !token.made {
                // One of another time would only mislead.
                let _ = fs::remove_file(made_file(data_dir, role));
            }
        }
        Ok(tokens)
    }

    /// What whoever shows this may do. Takes the same time whatever is shown and whether it is right.
    pub(crate) fn role(&self, shown: &[u8]) -> Option<Role> {
        let shown = digest(&SHA256, shown);
        let is = |token: &Token| verify_slices_are_equal(&token.digest, shown.as_ref()).is_ok();
        match (is(&self.operator), is(&self.reader)) {
            (true, _) => Some(Role::Operator),
            (false, true) => Some(Role::Reader),
            (false, false) => None,
        }
    }
}

impl Token {
    fn new(text: &[u8], made: bool) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, text).as_ref());
        Self { digest: bytes, made }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Role {
    /// For the log, and in answers.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Operator => "operator",
        }
    }
}

/// Where a token lies that the node made.
pub(crate) fn made_file(data_dir: &Path, role: Role) -> PathBuf {
    let name = match role {
        Role::Reader => "admin-read.token",
        Role::Operator => "admin.token",
    };
    data_dir.join("run").join(name)
}

/// Removes the tokens that were made, at the end of the node.
pub(crate) fn remove(data_dir: &Path) {
    for role in [Role::Reader, Role::Operator] {
        let _ = fs::remove_file(made_file(data_dir, role));
    }
}

fn named(key: &'static str, path: Option<&Path>) -> Result<Option<Token>, ServeError> {
    let Some(path) = path else { return Ok(None) };
    let token = secret::load(key, path, &secret::TOKEN)?;
    Ok(Some(Token::new(token.expose(), false)))
}

/// Makes a token in place of one of an earlier start.
fn make(path: &Path) -> Result<Token, ServeError> {
    let text = random().and_then(|text| write(path, &text).map(|()| text));
    let text = text.map_err(|source| ServeError::Storage { path: path.to_owned(), source })?;
    info!(path = %path.display(), "admin token made");
    Ok(Token::new(text.as_bytes(), true))
}

fn random() -> io::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new([0; TOKEN_BYTES]);
    rand::fill(bytes.as_mut_slice()).map_err(|_| io::Error::other("no random numbers"))?;
    Ok(Zeroizing::new(hex::text(bytes.as_slice())))
}

/// Whoever opens the file sees a whole token, and has the right to.
fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let new = path.with_extension("new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    fs::rename(new, path)
}

/// As many as a key has.
const TOKEN_BYTES: usize = 32;
