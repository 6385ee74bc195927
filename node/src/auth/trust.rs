//! Whom SSH logins trust: the methods, the authorities of certificates, and what was revoked.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::key::{AuthorizedKey, Certificate, Fingerprint, Options, PublicKey, lines};
use crate::config::{Methods, Ssh};

/// What holds for all users. Made from `[ssh]` at the start and at a reload.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// `ssh.authentication`.
    pub methods: Methods,
    /// `ssh.user_ca_keys`.
    pub authorities: HashSet<Fingerprint>,
    /// `ssh.revoked_keys`.
    pub revoked: Revoked,
}

/// `ssh.revoked_keys`, read. Keys count as keys of users and of authorities; serial numbers and key
/// ids are those of any authority.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revoked {
    keys: HashSet<Fingerprint>,
    serials: Vec<RangeInclusive<u64>>,
    ids: HashSet<String>,
}

/// Why a file that `[ssh]` names can not be used.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {}{}: {reason}", path.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct TrustError {
    /// The key that names the file.
    pub key: &'static str,
    /// The file.
    pub path: PathBuf,
    /// Where in it, from 1.
    pub line: Option<usize>,
    /// What is wrong.
    pub reason: String,
}

impl Trust {
    /// Reads the files that are named.
    ///
    /// # Errors
    /// Which can not be read or understood.
    pub fn load(ssh: &Ssh) -> Result<Self, TrustError> {
        let mut authorities = HashSet::new();
        for path in &ssh.user_ca_keys {
            let file = Named { key: "ssh.user_ca_keys", path };
            let found = read_authorities(&file.text()?).map_err(|slip| file.slip(slip))?;
            authorities.extend(found);
        }
        let revoked = match &ssh.revoked_keys {
            Some(path) => {
                let file = Named { key: "ssh.revoked_keys", path };
                Revoked::parse(&file.text()?).map_err(|slip| file.slip(slip))?
            }
            None => Revoked::default(),
        };
        Ok(Self { methods: ssh.authentication.clone(), authorities, revoked })
    }
}

impl Revoked {
    /// Whether the key, or what certifies it, was revoked.
    pub fn contains(&self, key: &PublicKey) -> bool {
        self.keys.contains(&key.fingerprint())
            || key.certificate().is_some_and(|certificate| self.has_certificate(certificate))
    }

    fn has_certificate(&self, certificate: &Certificate) -> bool {
        self.keys.contains(&certificate.authority)
            || self.ids.contains(&certificate.key_id)
            || self.serials.iter().any(|serials| serials.contains(&certificate.serial))
    }

    fn parse(text: &str) -> Result<Self, Slip> {
        let mut revoked = Self::default();
        for (number, line) in lines(text) {
            revoked.add(line).map_err(|reason| Slip { line: Some(number), reason })?;
        }
        Ok(revoked)
    }

    fn add(&mut self, line: &str) -> Result<(), String> {
        match line.split_once(':').map(|(word, rest)| (word.trim(), rest.trim())) {
            Some(("serial", serials)) => {
                self.serials.push(parse_serials(serials).ok_or_else(|| {
                    format!("\"{serials}\" is neither a serial number nor a range such as 7-9")
                })?);
            }
            Some(("id", id)) if !id.is_empty() => drop(self.ids.insert(id.to_owned())),
            Some(("SHA256", _)) => drop(self.keys.insert(parse_fingerprint(line)?)),
            Some(("hash", print)) => drop(self.keys.insert(parse_fingerprint(print)?)),
            Some(("key", key)) => drop(self.keys.insert(bare_key(key)?)),
            _ => drop(self.keys.insert(bare_key(line)?)),
        }
        Ok(())
    }
}

/// What is wrong in a file.
struct Slip {
    line: Option<usize>,
    reason: String,
}

/// A file and the key that names it.
struct Named<'a> {
    key: &'static str,
    path: &'a Path,
}

impl Named<'_> {
    fn text(&self) -> Result<String, TrustError> {
        let read = || {
            let mut bytes = Vec::new();
            File::open(self.path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
            if bytes.len() as u64 > FILE_BYTES_MAX {
                return Err(io::Error::other("the file is larger than 16 MiB"));
            }
            Ok(bytes)
        };
        let whole = |reason: String| self.slip(Slip { line: None, reason });
        let bytes = read().map_err(|error| whole(error.to_string()))?;
        if bytes.starts_with(KRL_MAGIC) {
            return Err(whole(
                "is a binary KRL, which is not read here; write its contents one per line: a \
                 public key, \"SHA256:...\", \"serial: 7-9\" or \"id: text\""
                    .to_owned(),
            ));
        }
        String::from_utf8(bytes).map_err(|_| whole("is no text".to_owned()))
    }

    fn slip(&self, slip: Slip) -> TrustError {
        TrustError {
            key: self.key,
            path: self.path.to_owned(),
            line: slip.line,
            reason: slip.reason,
        }
    }
}

/// A file without a single authority is a slip, not a wish.
fn read_authorities(text: &str) -> Result<HashSet<Fingerprint>, Slip> {
    let authorities = lines(text)
        .map(|(number, line)| bare_key(line).map_err(|reason| Slip { line: Some(number), reason }))
        .collect::<Result<HashSet<_>, _>>()?;
    match authorities.is_empty() {
        true => Err(Slip { line: None, reason: "holds no public key".to_owned() }),
        false => Ok(authorities),
    }
}

fn bare_key(line: &str) -> Result<Fingerprint, String> {
    let key = AuthorizedKey::parse(line)?;
    match key.options == Options::default() {
        true => Ok(key.key.fingerprint()),
        false => Err("options do not belong there".to_owned()),
    }
}

fn parse_fingerprint(text: &str) -> Result<Fingerprint, String> {
    Fingerprint::parse(text)
        .ok_or_else(|| format!("\"{text}\" is no fingerprint as `ssh-keygen -l` prints it"))
}

fn parse_serials(text: &str) -> Option<RangeInclusive<u64>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    // 0 is that of certificates without a number.
    (0 < first && first <= last).then_some(first..=last)
}

/// How OpenSSH's binary list begins (PROTOCOL.krl).
const KRL_MAGIC: &[u8] = b"SSHKRL\n\0";
/// Some 100 000 keys.
const FILE_BYTES_MAX: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::users::tests::Folder;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";

    fn key() -> PublicKey {
        AuthorizedKey::parse(KEY).unwrap().key
    }

    fn certified(serial: u64, key_id: &str, authority: Fingerprint) -> PublicKey {
        PublicKey::new(*b"another").certified(Certificate {
            key_id: key_id.to_owned(),
            serial,
            principals: vec!["bob".to_owned()],
            authority,
            source: None,
            valid_before: u64::MAX,
        })
    }

    fn revoked(text: &str) -> Revoked {
        Revoked::parse(text).unwrap_or_else(|slip| panic!("{}", slip.reason))
    }

    #[test]
    fn keys_fingerprints_serials_and_ids_are_revoked() {
        let other = Fingerprint([0; 32]);
        let print = key().fingerprint();
        for text in [
            format!("# gone\n{KEY} of bob"),
            format!("key: {KEY}"),
            print.to_string(),
            format!("hash: {print}="),
        ] {
            assert!(revoked(&text).contains(&key()), "{text}");
            assert!(revoked(&text).contains(&certified(1, "x", print)), "{text}");
            assert!(!revoked(&text).contains(&certified(1, "x", other)), "{text}");
        }
        let some = revoked("serial: 7-9\nserial:12\nid: bob on 12");
        for (serial, id, gone) in [
            (6, "x", false),
            (7, "x", true),
            (9, "x", true),
            (12, "x", true),
            (0, "bob on 12", true),
        ] {
            assert_eq!(some.contains(&certified(serial, id, other)), gone, "{serial} {id}");
        }
        assert!(!some.contains(&key()));
        assert!(!Revoked::default().contains(&certified(0, "", other)));
    }

    #[test]
    fn files_are_read_and_their_slips_named() {
        let folder = Folder::new();
        let file = folder.path().join("list");
        let mut ssh = crate::config::load_flags(&[]).unwrap().0.ssh;
        ssh.user_ca_keys = vec![file.clone()];
        ssh.revoked_keys = Some(file.clone());
        std::fs::write(&file, format!("# authorities\n{KEY} ca\n")).unwrap();
        let trust = Trust::load(&ssh).unwrap();
        assert!(trust.authorities.contains(&key().fingerprint()));
        assert!(trust.revoked.contains(&key()));
        for (text, why) in [
            (&b""[..], "ssh.user_ca_keys: /list: holds no public key"),
            (b"\nrestrict,cert-authority x", "ssh.user_ca_keys: /list:2: no public key"),
            (b"\xff", "ssh.user_ca_keys: /list: is no text"),
        ] {
            std::fs::write(&file, text).unwrap();
            let error = Trust::load(&ssh).unwrap_err().to_string();
            let error = error.replace(&*folder.path().to_string_lossy(), "");
            assert!(error.starts_with(why), "{error}");
        }
        ssh.user_ca_keys.clear();
        for (text, why) in [
            (&b"SSHKRL\n\0...."[..], "ssh.revoked_keys: /list: is a binary KRL"),
            (b"serial: 9-7", "ssh.revoked_keys: /list:1: \"9-7\" is neither"),
            (b"serial: 0", "ssh.revoked_keys: /list:1: \"0\" is neither"),
            (b"SHA256:abc", "ssh.revoked_keys: /list:1: \"SHA256:abc\" is no fingerprint"),
            (b"id:", "ssh.revoked_keys: /list:1: unknown option"),
        ] {
            std::fs::write(&file, text).unwrap();
            let error = Trust::load(&ssh).unwrap_err().to_string();
            let error = error.replace(&*folder.path().to_string_lossy(), "");
            assert!(error.starts_with(why), "{error}");
        }
        std::fs::remove_file(&file).unwrap();
        assert!(Trust::load(&ssh).unwrap_err().to_string().contains("No such file"));
    }
}
