//! The host keys of a pool: as texts on their way through the store, and in files of their own on each node.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use russh::keys::ssh_key::LineEnding;
use russh::keys::{HashAlg, PrivateKey, decode_secret_key};
use zeroize::Zeroizing;

use super::{HostKeyError, KINDS, MADE, failed, load, read};
use crate::auth::users::create;
use crate::config::Config;

/// The keys of a pool, one per kind at most. Reading and comparing them takes milliseconds, making them up to
/// a second: not on an arbiter that serves.
pub(crate) struct SharedKeys {
    keys: Vec<PrivateKey>,
}

impl SharedKeys {
    /// Those of this node alone; what is missing is made.
    ///
    /// # Errors
    /// A file that can not be read, made or understood.
    pub(crate) fn own(config: &Config) -> Result<Self, HostKeyError> {
        load(config).map(|own| Self { keys: own.keys })
    }

    /// Those that are kept in a folder, if there are any.
    ///
    /// # Errors
    /// A file that can not be read or understood.
    pub(crate) fn kept(folder: &Path) -> Result<Option<Self>, HostKeyError> {
        let fail = |path: &Path, reason| failed(MADE, path, reason);
        let key = |path: PathBuf| read(&path).map_err(|reason| fail(&path, reason));
        let keys: Vec<_> = kept(folder).into_iter().map(key).collect::<Result<_, _>>()?;
        Ok((!keys.is_empty()).then_some(Self { keys }))
    }

    /// From the form in which they are sealed.
    ///
    /// # Errors
    /// What is none, or a key of a kind that is not made here.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let texts: Zeroizing<Vec<String>> =
            rmp_serde::from_slice(bytes).map(Zeroizing::new).map_err(|error| error.to_string())?;
        let mut keys = Vec::new();
        for text in texts.iter() {
            let key = decode_secret_key(text, None).map_err(|error| error.to_string())?;
            if !KINDS.iter().any(|kind| (kind.makes)(&key.algorithm())) {
                return Err(format!("a {} key", key.algorithm()));
            }
            keys.push(key);
        }
        Ok(Self { keys })
    }

    /// The form in which they are sealed.
    ///
    /// # Errors
    /// A key can not be written as a text.
    pub(crate) fn encode(&self) -> Result<Zeroizing<Vec<u8>>, String> {
        let text = |key: &PrivateKey| key.to_openssh(LineEnding::LF);
        let texts: Vec<_> =
            self.keys.iter().map(text).collect::<Result<_, _>>().map_err(|e| e.to_string())?;
        let texts: Vec<&str> = texts.iter().map(|text| text.as_str()).collect();
        rmp_serde::to_vec(&texts).map(Zeroizing::new).map_err(|error| error.to_string())
    }

    /// Whether clients would see no difference.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.fingerprints() == other.fingerprints()
    }

    /// Algorithms and fingerprints, in an order of their own, for the log.
    pub(crate) fn fingerprints(&self) -> String {
        let tell =
            |key: &PrivateKey| format!("{} {}", key.algorithm(), key.fingerprint(HashAlg::Sha256));
        let mut told: Vec<_> = self.keys.iter().map(tell).collect();
        told.sort();
        told.join(", ")
    }

    /// Keeps them in a folder, one file per kind, and no others. What had the place of another key stays
    /// beside it with the ending `old`: nobody could make it again.
    ///
    /// # Errors
    /// A file that can not be written.
    pub(crate) fn keep(&self, folder: &Path) -> Result<(), HostKeyError> {
        for kind in &KINDS {
            let path = folder.join(kind.file);
            let key = self.keys.iter().find(|key| (kind.makes)(&key.algorithm()));
            let standing = read(&path).ok();
            match (key, &standing) {
                (Some(key), Some(standing)) if standing.public_key() == key.public_key() => {}
                (Some(key), _) => {
                    replace(&path, key).map_err(|error| failed(MADE, &path, error.to_string()))?
                }
                (None, _) => retire(&path)
                    .and_then(|()| remove(&path))
                    .map_err(|error| failed(MADE, &path, error.to_string()))?,
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for SharedKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SharedKeys").field(&self.fingerprints()).finish()
    }
}

/// The files of the keys that are kept in a folder.
pub(crate) fn kept(folder: &Path) -> Vec<PathBuf> {
    KINDS.iter().map(|kind| folder.join(kind.file)).filter(|path| path.is_file()).collect()
}

/// There is a whole key under the name at any time.
fn replace(path: &Path, key: &PrivateKey) -> io::Result<()> {
    let text = key.to_openssh(LineEnding::LF).map_err(io::Error::other)?;
    let new = path.with_extension("new");
    remove(&new)?;
    retire(path)?;
    create(&new, &text)?;
    fs::rename(&new, path)
}

/// Gives a file its second name.
fn retire(path: &Path) -> io::Result<()> {
    let old = path.with_extension("old");
    match path.is_file() {
        true => remove(&old).and_then(|()| fs::hard_link(path, old)),
        false => Ok(()),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use russh::keys::Algorithm;

    use super::super::{P256, random};
    use super::*;
    use crate::auth::users::tests::Folder;

    fn keys(kinds: &[Algorithm]) -> SharedKeys {
        SharedKeys { keys: kinds.iter().map(|kind| random(kind.clone()).unwrap()).collect() }
    }

    #[test]
    fn keys_survive_their_way_through_the_store() {
        let keys = keys(&[Algorithm::Ed25519, P256]);
        let read = SharedKeys::decode(&keys.encode().unwrap()).unwrap();
        assert!(read.is_same(&keys));
        let turned = SharedKeys { keys: read.keys.into_iter().rev().collect() };
        assert!(turned.is_same(&keys), "the order is no difference");
        assert!(SharedKeys::decode(b"?").is_err());
    }

    #[test]
    fn keys_that_give_way_stay_beside_the_new_ones() {
        let folder = Folder::new();
        let folder = folder.path().join("pool/main");
        assert!(SharedKeys::kept(&folder).unwrap().is_none());
        let first = keys(&[Algorithm::Ed25519, P256]);
        first.keep(&folder).unwrap();
        first.keep(&folder).unwrap();
        assert!(SharedKeys::kept(&folder).unwrap().unwrap().is_same(&first));
        let second = keys(&[Algorithm::Ed25519]);
        second.keep(&folder).unwrap();
        assert!(SharedKeys::kept(&folder).unwrap().unwrap().is_same(&second));
        let old = |name: &str| read(&folder.join(name)).unwrap();
        let kept = [old("ssh_host_ed25519_key.old"), old("ssh_host_ecdsa_key.old")];
        assert!(SharedKeys { keys: kept.into() }.is_same(&first));
    }

    #[test]
    fn a_file_that_can_not_be_used_is_not_taken_for_none() {
        let folder = Folder::new();
        std::fs::write(folder.path().join("ssh_host_ed25519_key"), "no key").unwrap();
        let error = SharedKeys::kept(folder.path()).unwrap_err().to_string();
        assert!(error.starts_with("node.data_dir: ") && error.contains("ed25519"), "{error}");
    }
}
