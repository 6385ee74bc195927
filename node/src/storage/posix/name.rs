//! Reserved names: what unfinished uploads are called on the disk.
//!
//! An upload is written next to its future place, under a name that says whose it is and what it
//! will be called, so that its owner finds it by one lookup and a listing maps it back without any
//! other record, on any node of a pool and after any restart:
//!
//! | form | when |
//! | --- | --- |
//! | `.flotilla-<owner>-<name>` | the name has at most [`SHORT_MAX`] bytes |
//! | `.flotilla-<owner>=<hash of the name>` | longer; the name itself is in the attribute [`NAME_ATTRIBUTE`] |
//! | `.flotilla-<owner>~<random>` | never shown: copies, and uploads beside another of the same name |
//!
//! `.flotilla-mark` and what begins so belong to `mark`.
//!
//! `<owner>` is a hash of the account's name, 16 hex digits. Where the file system has no extended
//! attributes, an upload with a name of more than [`SHORT_MAX`] bytes is resumed as any other, and
//! only missing in listings. Clients can not use reserved names, and no listing shows them.

use aws_lc_rs::{digest, rand};
use flotilla_protocol::ftp::Failure;

/// Whether only the server may use this name.
pub(super) fn is_reserved(name: &[u8]) -> bool {
    name.starts_with(PREFIX)
}

/// Whose unfinished uploads a view shows: the start of their names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Owner(Vec<u8>);

/// What a reserved name in a listing is to an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark<'a> {
    /// Not theirs, or never shown.
    Hidden,
    /// Theirs, and this will be its name.
    Named(&'a [u8]),
    /// Theirs; the name is in the attribute.
    Hashed,
}

impl Owner {
    pub(super) fn new(account: &str) -> Self {
        let mut start = PREFIX.to_vec();
        hex(&mut start, digest::digest(&digest::SHA256, account.as_bytes()).as_ref(), OWNER_BYTES);
        Self(start)
    }

    /// What the owner's upload of this name is called, and whether the name must be stored besides.
    pub(super) fn partial(&self, name: &[u8]) -> (Vec<u8>, bool) {
        let mut partial = Vec::with_capacity(self.0.len() + 1 + name.len().max(2 * HASH_BYTES));
        partial.extend_from_slice(&self.0);
        let long = name.len() > SHORT_MAX;
        if long {
            partial.push(b'=');
            hex(&mut partial, digest::digest(&digest::SHA256, name).as_ref(), HASH_BYTES);
        } else {
            partial.push(b'-');
            partial.extend_from_slice(name);
        }
        (partial, long)
    }

    /// A name that nobody else has.
    pub(super) fn anonymous(&self) -> Result<Vec<u8>, Failure> {
        let mut random = [0; HASH_BYTES];
        rand::fill(&mut random).map_err(|_| Failure::Internal)?;
        let mut name = self.0.clone();
        name.push(b'~');
        hex(&mut name, &random, HASH_BYTES);
        Ok(name)
    }

    /// What a reserved name is to this owner.
    pub(super) fn read<'a>(&self, name: &'a [u8]) -> Mark<'a> {
        match name.strip_prefix(self.0.as_slice()).and_then(<[u8]>::split_first) {
            Some((b'-', name)) if !name.is_empty() => Mark::Named(name),
            Some((b'=', _)) => Mark::Hashed,
            _ => Mark::Hidden,
        }
    }
}

fn hex(into: &mut Vec<u8>, bytes: &[u8], count: usize) {
    into.extend(crate::hex::digits(bytes.get(..count).unwrap_or(bytes)));
}

/// The mark of a pool: see `mark`. A reserved name, so that no client sees or changes it.
pub(super) const MARK: &[u8] = b".flotilla-mark";

/// Where the name of an upload is kept that is too long to stand in its reserved name.
pub(super) const NAME_ATTRIBUTE: &str = "user.flotilla.name";

/// The start of every reserved name.
const PREFIX: &[u8] = b".flotilla-";

/// Bytes of the hash of an owner: account names are the operator's, so 64 bits are not attacked.
const OWNER_BYTES: usize = 8;

/// Bytes of a hash of a name, which is a client's to choose: 128 bits.
const HASH_BYTES: usize = 16;

/// The longest name that fits behind prefix, owner and mark: 255 - 10 - 16 - 1.
const SHORT_MAX: usize = 228;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_map_back_and_always_fit() {
        let (mine, other) = (Owner::new("ann"), Owner::new("bob"));
        for length in 1..=255 {
            let name = vec![0xff; length];
            let (partial, long) = mine.partial(&name);
            assert!(partial.len() <= 255, "{length}");
            assert!(is_reserved(&partial));
            let mark = if long { Mark::Hashed } else { Mark::Named(&name) };
            assert_eq!((mine.read(&partial), long), (mark, length > 228));
            assert_eq!(other.read(&partial), Mark::Hidden);
        }
        assert_ne!(mine.partial(&[1; 240]).0, mine.partial(&[2; 240]).0);
        assert_ne!(mine.partial(b"a").0, other.partial(b"a").0);
    }

    #[test]
    fn anonymous_names_are_hidden_from_all() {
        let mine = Owner::new("ann");
        let name = mine.anonymous().unwrap();
        assert!(is_reserved(&name) && name != mine.anonymous().unwrap());
        assert_eq!(mine.read(&name), Mark::Hidden);
        assert_eq!(mine.read(b".flotilla-"), Mark::Hidden);
        assert!(!is_reserved(b".flotilla"));
    }
}
