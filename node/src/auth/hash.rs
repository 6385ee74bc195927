//! Password hashes: what the users file may hold, and how a password is judged by it.
//!
//! | prefix | scheme | bound when read |
//! | --- | --- | --- |
//! | `$argon2id$`, `$argon2i$`, `$argon2d$` | Argon2 (RFC 9106), PHC string | 256 MiB, 16 lanes, 1 GiB filled in all passes |
//! | `$2a$`, `$2b$`, `$2y$` | bcrypt | cost 4 to 16 |
//! | `$5$`, `$6$` | sha256-crypt, sha512-crypt | 1000 to 5 000 000 rounds |
//! | `$y$` | yescrypt as crypt(3) writes it | 256 MiB |
//! | `$pbkdf2-sha256$`, `$pbkdf2-sha512$` | PBKDF2, PHC string or passlib's form | 1 to 10 000 000 iterations |
//!
//! The bounds keep one login below some seconds of one core, so that a hash that was copied from
//! elsewhere can not stop the server. New hashes are always argon2id.

use std::fmt;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use aws_lc_rs::rand;

use super::pbkdf2::Pbkdf2;

/// A hash that was read, understood and found affordable. Redacted in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredHash {
    /// As written in the users file.
    text: Box<str>,
    scheme: Scheme,
    /// Length of the part of `text` before the salt: everything that decides the cost.
    profile: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Scheme {
    Argon2,
    Bcrypt,
    ShaCrypt,
    Yescrypt,
    Pbkdf2(Pbkdf2),
}

/// Why a text is no usable hash.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// The prefix says nothing.
    #[error(
        "not a password hash that is known here ($argon2id$, $2b$, $5$, $6$, $y$, $pbkdf2-sha256$ \
         or $pbkdf2-sha512$); `flotilla user passwd` makes one"
    )]
    Unknown,
    /// The prefix is known, the rest is broken.
    #[error("broken {scheme} hash: {reason}")]
    Malformed {
        /// The scheme.
        scheme: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// The hash would cost too much, or it is too cheap to be real.
    #[error("{scheme} hash with {parameter} = {found}: {min} to {max} is allowed")]
    Cost {
        /// The scheme.
        scheme: &'static str,
        /// The parameter that is out of bounds.
        parameter: &'static str,
        /// Its value.
        found: u64,
        /// The least allowed.
        min: u64,
        /// The most allowed.
        max: u64,
    },
    /// The system gave no random numbers, or no memory.
    #[error("a password hash can not be made: {0}")]
    Make(&'static str),
}

impl StoredHash {
    /// Reads a hash.
    pub fn parse(text: &str) -> Result<Self, HashError> {
        let id = text.strip_prefix('$').and_then(|rest| rest.split('$').next()).unwrap_or("");
        let (scheme, profile) = match id {
            "argon2id" | "argon2i" | "argon2d" => (Scheme::Argon2, check_argon2(text)?),
            "2a" | "2b" | "2y" => (Scheme::Bcrypt, check_bcrypt(text)?),
            "5" | "6" => (Scheme::ShaCrypt, check_sha_crypt(text)?),
            "y" => (Scheme::Yescrypt, check_yescrypt(text)?),
            "pbkdf2-sha256" | "pbkdf2-sha512" => {
                let (hash, profile) = Pbkdf2::parse(text)?;
                (Scheme::Pbkdf2(hash), profile)
            }
            _ => return Err(HashError::Unknown),
        };
        Ok(Self { text: text.into(), scheme, profile })
    }

    /// Hashes a new password: argon2id with a random salt.
    pub fn make(password: &[u8]) -> Result<Self, HashError> {
        let mut salt = [0; SALT_BYTES];
        rand::fill(&mut salt).map_err(|_| HashError::Make("no random numbers"))?;
        let params = Params::new(ARGON2_MEMORY_KIB, ARGON2_PASSES, ARGON2_LANES, None)
            .map_err(|_| HashError::Make("bad parameters"))?;
        let hash = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_with_salt(password, &salt)
            .map_err(|_| HashError::Make("argon2 failed"))?;
        Self::parse(&hash.to_string())
    }

    /// Whether this is the password. Takes as long as the parameters say, whatever the answer;
    /// results are compared in constant time. Passwords above [`PASSWORD_BYTES_MAX`] never match.
    pub fn verify(&self, password: &[u8]) -> bool {
        let head = password.get(..PASSWORD_BYTES_MAX).unwrap_or(password);
        let matches = match &self.scheme {
            Scheme::Argon2 => PasswordHash::new(&self.text)
                .is_ok_and(|hash| Argon2::default().verify_password(head, &hash).is_ok()),
            Scheme::Bcrypt => bcrypt::verify(head, &self.text).unwrap_or(false),
            Scheme::ShaCrypt => {
                sha_crypt::ShaCrypt::default().verify_password(head, &*self.text).is_ok()
            }
            Scheme::Yescrypt => {
                yescrypt::Yescrypt::default().verify_password(head, &*self.text).is_ok()
            }
            Scheme::Pbkdf2(hash) => hash.verify(head),
        };
        matches && password.len() <= PASSWORD_BYTES_MAX
    }

    /// Scheme and parameters, without salt and result: equal profiles cost the same.
    pub fn profile(&self) -> &str {
        self.text.get(..self.profile).unwrap_or(&self.text)
    }

    /// The text for the users file.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for StoredHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredHash({}$[redacted])", self.profile())
    }
}

pub(super) fn check_cost(
    scheme: &'static str,
    parameter: &'static str,
    found: u64,
    (min, max): (u64, u64),
) -> Result<(), HashError> {
    if (min..=max).contains(&found) {
        return Ok(());
    }
    Err(HashError::Cost { scheme, parameter, found, min, max })
}

/// Length of the first `fields` fields, each with the `$` before it.
pub(super) fn prefix_len(text: &str, fields: usize) -> usize {
    text.match_indices('$').nth(fields).map_or(text.len(), |(at, _)| at)
}

fn check_argon2(text: &str) -> Result<usize, HashError> {
    let scheme = "argon2";
    let malformed = |reason| HashError::Malformed { scheme, reason };
    let hash = PasswordHash::new(text).map_err(|_| malformed("not a PHC string"))?;
    let params = Params::try_from(&hash).map_err(|_| malformed("bad parameters"))?;
    if hash.salt.is_none() || hash.hash.is_none() {
        return Err(malformed("salt or result is missing"));
    }
    let (memory, passes) = (u64::from(params.m_cost()), u64::from(params.t_cost()));
    check_cost(scheme, "m (KiB)", memory, (8, ARGON2_KIB_MAX))?;
    check_cost(scheme, "p", u64::from(params.p_cost()), (1, 16))?;
    check_cost(scheme, "m * t (KiB)", memory.saturating_mul(passes), (8, ARGON2_FILL_KIB_MAX))?;
    // A string of version 16 may leave `v=` out.
    Ok(prefix_len(text, if text.contains("$v=") { 3 } else { 2 }))
}

fn check_bcrypt(text: &str) -> Result<usize, HashError> {
    let scheme = "bcrypt";
    let parts: bcrypt::HashParts = text
        .parse()
        .map_err(|_| HashError::Malformed { scheme, reason: "not $2b$NN$ and 53 characters" })?;
    check_cost(scheme, "cost", u64::from(parts.get_cost()), (4, BCRYPT_COST_MAX))?;
    Ok(prefix_len(text, 2))
}

fn check_sha_crypt(text: &str) -> Result<usize, HashError> {
    let (scheme, result_chars) =
        if text.starts_with("$5$") { ("sha256-crypt", 43) } else { ("sha512-crypt", 86) };
    let malformed = |reason| HashError::Malformed { scheme, reason };
    let mut fields = text.split('$').skip(2).peekable();
    let mut profile = 1;
    if let Some(rounds) = fields.peek().and_then(|field| field.strip_prefix("rounds=")) {
        let rounds = rounds.parse().map_err(|_| malformed("rounds is no number"))?;
        check_cost(scheme, "rounds", rounds, (1000, SHA_CRYPT_ROUNDS_MAX))?;
        fields.next();
        profile = 2;
    }
    let (salt, result) = (fields.next().unwrap_or(""), fields.next().unwrap_or(""));
    if salt.is_empty() || salt.len() > 16 || !salt.bytes().all(is_crypt_char) {
        return Err(malformed("the salt is not 1 to 16 characters of ./0-9A-Za-z"));
    }
    check_result(scheme, result, result_chars, fields.next())?;
    Ok(prefix_len(text, profile))
}

/// Only the three-character parameters that crypt(3) writes are taken: `j`, log2 N, r.
fn check_yescrypt(text: &str) -> Result<usize, HashError> {
    let scheme = "yescrypt";
    let malformed = |reason| HashError::Malformed { scheme, reason };
    let mut fields = text.split('$').skip(2);
    let params = fields.next().unwrap_or("");
    // Characters up to `j` stand for themselves; higher ones begin longer numbers.
    let simple = |c: u8| is_crypt_char(c) && (c <= b'Z' || (b'a'..=b'j').contains(&c));
    if params.len() != 3 || !params.starts_with('j') || !params.bytes().all(simple) {
        return Err(malformed("parameters are not of the form jNr, as in j9T"));
    }
    let params: yescrypt::Params = params.parse().map_err(|_| malformed("bad parameters"))?;
    let kib = params.n().saturating_mul(u64::from(params.r())) / 8;
    check_cost(scheme, "memory (KiB)", kib, (1, YESCRYPT_KIB_MAX))?;
    let salt = fields.next().unwrap_or("");
    if salt.is_empty() || salt.len() > 86 || !salt.bytes().all(is_crypt_char) {
        return Err(malformed("the salt is not 1 to 86 characters of ./0-9A-Za-z"));
    }
    check_result(scheme, fields.next().unwrap_or(""), 43, fields.next())?;
    Ok(prefix_len(text, 2))
}

fn check_result(
    scheme: &'static str,
    result: &str,
    chars: usize,
    rest: Option<&str>,
) -> Result<(), HashError> {
    if result.len() != chars || !result.bytes().all(is_crypt_char) || rest.is_some() {
        let reason = "the result has not the right length or characters";
        return Err(HashError::Malformed { scheme, reason });
    }
    Ok(())
}

fn is_crypt_char(c: u8) -> bool {
    c.is_ascii_alphanumeric() || c == b'.' || c == b'/'
}

/// Longer passwords are not even looked at in full: sha-crypt takes time by the square of it. The
/// same bound as crypt(3) has.
pub const PASSWORD_BYTES_MAX: usize = 512;

/// What OWASP asks of argon2id: 19 MiB, two passes, one lane.
const ARGON2_MEMORY_KIB: u32 = 19 * 1024;
const ARGON2_PASSES: u32 = 2;
const ARGON2_LANES: u32 = 1;
/// As RFC 9106 recommends.
const SALT_BYTES: usize = 16;

/// 256 MiB for each hashing thread.
const ARGON2_KIB_MAX: u64 = 256 * 1024;
/// One GiB, about a second.
const ARGON2_FILL_KIB_MAX: u64 = 1024 * 1024;
/// About four seconds.
const BCRYPT_COST_MAX: u64 = 16;
/// About two seconds.
const SHA_CRYPT_ROUNDS_MAX: u64 = 5_000_000;
/// 256 MiB; `j9T`, the default of crypt(3), takes 16.
const YESCRYPT_KIB_MAX: u64 = 256 * 1024;

#[cfg(test)]
mod tests;
