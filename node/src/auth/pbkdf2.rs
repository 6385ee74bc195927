//! PBKDF2 hashes in two spellings of the same thing:
//! `$pbkdf2-sha256$i=600000,l=32$salt$result` (PHC) and `$pbkdf2-sha256$29000$salt$result`
//! (passlib, whose base64 has `.` for `+`).

use std::fmt;
use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2::{self, Algorithm, PBKDF2_HMAC_SHA256, PBKDF2_HMAC_SHA512};

use super::hash::{HashError, check_cost, prefix_len};

/// A hash, decoded.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Pbkdf2 {
    algorithm: Algorithm,
    iterations: NonZeroU32,
    salt: Vec<u8>,
    result: Vec<u8>,
}

impl Pbkdf2 {
    /// Reads a hash; also says how long the part before the salt is.
    pub(super) fn parse(text: &str) -> Result<(Self, usize), HashError> {
        let (scheme, algorithm, result_max) = if text.starts_with("$pbkdf2-sha256$") {
            ("pbkdf2-sha256", PBKDF2_HMAC_SHA256, 32)
        } else {
            ("pbkdf2-sha512", PBKDF2_HMAC_SHA512, 64)
        };
        let malformed = |reason| HashError::Malformed { scheme, reason };
        let mut fields = text.split('$').skip(2);
        let (iterations, length) = parameters(fields.next().unwrap_or(""))
            .ok_or_else(|| malformed("parameters are neither i=N,l=N nor N"))?;
        check_cost(scheme, "iterations", u64::from(iterations), (1, ITERATIONS_MAX))?;
        let iterations = NonZeroU32::new(iterations).ok_or(malformed("no iterations"))?;
        let salt = decode(fields.next().unwrap_or(""))
            .filter(|salt| salt.len() <= SALT_BYTES_MAX)
            .ok_or_else(|| malformed("the salt is not base64 of at most 64 bytes"))?;
        let result = decode(fields.next().unwrap_or(""))
            .filter(|result| (RESULT_BYTES_MIN..=result_max).contains(&result.len()))
            .filter(|result| length.is_none_or(|length| length == result.len()))
            .ok_or_else(|| malformed("the result is not base64 of the right length"))?;
        if fields.next().is_some() {
            return Err(malformed("something follows the result"));
        }
        Ok((Self { algorithm, iterations, salt, result }, prefix_len(text, 2)))
    }

    /// Whether this is the password; compared in constant time.
    pub(super) fn verify(&self, password: &[u8]) -> bool {
        pbkdf2::verify(self.algorithm, self.iterations, &self.salt, password, &self.result).is_ok()
    }
}

impl fmt::Debug for Pbkdf2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pbkdf2").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

/// Iterations, and the length of the result if it is told.
fn parameters(field: &str) -> Option<(u32, Option<usize>)> {
    if let Ok(iterations) = field.parse() {
        return Some((iterations, None));
    }
    let mut iterations = None;
    let mut length = None;
    for pair in field.split(',') {
        match pair.split_once('=')? {
            ("i", value) => iterations = Some(value.parse().ok()?),
            ("l", value) => length = Some(value.parse().ok()?),
            _ => return None,
        }
    }
    Some((iterations?, length))
}

/// Base64 without padding, with `+` or `.` for 62.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for c in text.bytes() {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' | b'.' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    // One character alone in the last group says less than a byte.
    (text.len() % 4 != 1).then_some(bytes)
}

/// About five seconds with SHA-256.
const ITERATIONS_MAX: u64 = 10_000_000;

const SALT_BYTES_MAX: usize = 64;

/// Shorter results could be met by guessing.
const RESULT_BYTES_MIN: usize = 16;
