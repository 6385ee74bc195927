//! Files that hold secrets: of the pool, of its store, of the admin API.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::ops::RangeInclusive;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::auth::Secret;

/// Who may read a file of ours besides its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Nobody.
    Owner,
    /// Its group: for what a tool of the operator's reads as well.
    Group,
}

/// What a secret must be, spaces and line ends around it aside.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    readers: Readers,
    bytes: RangeInclusive<usize>,
    fits: fn(&[u8]) -> bool,
    /// What `fits` wants, to stand after "is not".
    wanted: &'static str,
}

/// Why a secret can not be used.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {}: {reason}", path.display())]
pub struct SecretError {
    /// The key of the configuration that leads to it.
    pub key: &'static str,
    /// Where it is.
    pub path: PathBuf,
    /// What is wrong; nothing of the secret is in it.
    pub reason: String,
}

/// `pool.secret_file`: keys are derived from it, so it must be as hard to guess as they are.
pub(crate) const POOL: Rule =
    Rule { readers: Readers::Owner, bytes: 32..=BYTES_MAX, fits: |_| true, wanted: "" };

/// `pool.store_password_file`.
pub(crate) const STORE_PASSWORD: Rule = Rule {
    readers: Readers::Owner,
    bytes: 1..=BYTES_MAX,
    fits: |bytes| str::from_utf8(bytes).is_ok_and(|text| !text.contains(char::is_control)),
    wanted: "one line of text",
};

/// `admin.token_file` and `admin.read_token_file`: what RFC 6750, section 2.1 lets a token be.
pub(crate) const TOKEN: Rule = Rule {
    readers: Readers::Group,
    bytes: 16..=512,
    fits: |bytes| bytes.iter().all(|&c| c.is_ascii_alphanumeric() || b"-._~+/=".contains(&c)),
    wanted: "one word of letters, digits and any of -._~+/=",
};

/// `telemetry.otlp_headers_file`.
pub(crate) const HEADERS: Rule = Rule {
    readers: Readers::Owner,
    bytes: 3..=BYTES_MAX,
    fits: |bytes| headers(bytes).is_some(),
    wanted: "a header per line, as `authorization: Bearer ...`",
};

/// The headers in a file of them, one per line.
pub(crate) fn headers(bytes: &[u8]) -> Option<Vec<(&str, &str)>> {
    let lines = str::from_utf8(bytes).ok()?.lines().filter(|line| !line.trim().is_empty());
    let pair = |line| {
        let (name, value) = str::split_once(line, ':')?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let (name, value) = (name.trim(), value.trim());
        let is_right = !name.is_empty()
            && name.chars().all(is_name)
            && value.chars().all(|c| c == ' ' || c.is_ascii_graphic());
        is_right.then_some((name, value))
    };
    lines.map(pair).collect()
}

/// Reads the secret that `key` leads to.
///
/// # Errors
/// As [`read`].
pub(crate) fn load(key: &'static str, path: &Path, rule: &Rule) -> Result<Secret, SecretError> {
    read(path, rule).map_err(|reason| SecretError { key, path: path.to_owned(), reason })
}

/// Reads the secret in a file.
///
/// # Errors
/// What is wrong, to stand behind the name of the file; nothing of the secret is in it.
pub(crate) fn read(path: &Path, rule: &Rule) -> Result<Secret, String> {
    let file = open(path).map_err(|error| error.to_string())?;
    guarded(&file, rule.readers)?;
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut content = Vec::with_capacity(FILE_BYTES_MAX + 1);
    let read = file.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut content);
    let content = Secret::new(content);
    read.map_err(|error| error.to_string())?;
    let secret = content.expose().trim_ascii();
    let (least, most) = (rule.bytes.start(), rule.bytes.end());
    match secret.len() {
        0 => Err("is empty".to_owned()),
        count if count > *most => Err(format!("is longer than {most} bytes")),
        count if count < *least => {
            Err(format!("is too short to be secret: {count} bytes, {least} at least"))
        }
        _ if !(rule.fits)(secret) => Err(format!("is not {}", rule.wanted)),
        _ => Ok(Secret::new(secret.to_vec())),
    }
}

/// Opens a file that is to hold a secret. A pipe does not hold the caller up.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(nonblocking).open(path)
}

/// As with OpenSSH, a file of our own must be readable by nobody else. Of a file that belongs to another
/// user, that one is the judge.
pub(crate) fn guarded(file: &File, readers: Readers) -> Result<(), String> {
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("not a plain file".to_owned());
    }
    let (forbidden, right) = match readers {
        Readers::Owner => (0o077, "600"),
        Readers::Group => (0o027, "640"),
    };
    let mode = metadata.mode() & 0o777;
    if metadata.uid() == rustix::process::geteuid().as_raw() && mode & forbidden != 0 {
        return Err(format!("others can use it (mode {mode:03o}); `chmod {right}` it"));
    }
    Ok(())
}

/// No secret is longer.
const BYTES_MAX: usize = 4096;
/// A secret with some space around it.
const FILE_BYTES_MAX: usize = 2 * BYTES_MAX;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::auth::users::tests::Folder;

    #[test]
    fn secrets_are_read_without_what_is_around_them() {
        let folder = Folder::new();
        let path = folder.path().join("secret");
        let read = |content: &[u8], mode: u32, rule: &Rule| {
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            super::read(&path, rule).map(|secret| secret.expose().to_vec())
        };
        let long = [b'x'; 32];
        assert_eq!(read(&[&long[..], b"\r\n"].concat(), 0o600, &POOL), Ok(long.to_vec()));
        assert_eq!(read(&[0xff; 40], 0o400, &POOL), Ok(vec![0xff; 40]));
        assert_eq!(read(b" pass word\n", 0o600, &STORE_PASSWORD), Ok(b"pass word".to_vec()));
        assert_eq!(read(&long, 0o640, &TOKEN), Ok(long.to_vec()));
        for (content, mode, rule, reason) in [
            (&b"\n"[..], 0o600, &POOL, "is empty"),
            (b"short\n", 0o600, &POOL, "is too short to be secret: 5 bytes, 32 at least"),
            (&[b'x'; 5000], 0o600, &POOL, "is longer than 4096 bytes"),
            (&[b'x'; 9000], 0o600, &POOL, "is longer than 4096 bytes"),
            (&long, 0o640, &POOL, "others can use it (mode 640); `chmod 600` it"),
            (&long, 0o644, &TOKEN, "others can use it (mode 644); `chmod 640` it"),
            (&long, 0o660, &TOKEN, "others can use it (mode 660); `chmod 640` it"),
            (b"two\nlines", 0o600, &STORE_PASSWORD, "is not one line of text"),
            (
                b"sixteen bytes of text",
                0o600,
                &TOKEN,
                "is not one word of letters, digits and any of -._~+/=",
            ),
        ] {
            assert_eq!(read(content, mode, rule), Err(reason.to_owned()));
        }
    }

    #[test]
    fn what_is_no_file_is_refused_at_once() {
        let folder = Folder::new();
        let fail = |path: &Path| super::read(path, &POOL).unwrap_err();
        assert_eq!(fail(folder.path()), "not a plain file");
        assert!(fail(&folder.path().join("none")).starts_with("No such file"));
        let pipe = folder.path().join("pipe");
        let mode = rustix::fs::Mode::RUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert_eq!(fail(&pipe), "not a plain file");
    }
}
