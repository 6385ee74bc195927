//! What all servers of a comparison share: the folder, the files, the keys.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use russh::keys::ssh_key::{Fingerprint, LineEnding};
use russh::keys::{Algorithm, HashAlg, PrivateKey, key};

use crate::client::payload::Payload;

/// Where programs and files are found, and what all servers share. Its folder goes with it.
#[derive(Debug)]
pub(crate) struct Ground {
    /// Everything of this comparison; on tmpfs, removed at the end.
    pub(crate) folder: PathBuf,
    /// Served by each server in turn.
    pub(crate) files: PathBuf,
    /// PEM: certificate and key, each alone and both in one.
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) both: PathBuf,
    /// SSH: an Ed25519 host key in OpenSSH's form, and its fingerprint.
    pub(crate) host_key: PathBuf,
    pub(crate) fingerprint: Fingerprint,
    /// Our own program.
    pub(crate) flotilla: Option<PathBuf>,
    /// A folder of unpacked packages, searched before the system's.
    pub(crate) packages: Option<PathBuf>,
    /// The Python that has pyftpdlib.
    pub(crate) python: PathBuf,
}

impl Ground {
    /// Makes the folder under `parent`, and in it what servers need.
    pub(crate) fn prepare(
        parent: &Path,
        flotilla: Option<&Path>,
        packages: Option<&Path>,
        python: &Path,
    ) -> Result<Self> {
        let mut ground = Self::bare(parent, flotilla)?;
        ground.packages = packages.map(absolute);
        python.clone_into(&mut ground.python);
        fill(&ground.files)?;
        Ok(ground)
    }

    /// The same without files to serve, and for Flotilla alone.
    pub(crate) fn bare(parent: &Path, flotilla: Option<&Path>) -> Result<Self> {
        let folder = parent.join(format!("flotilla-loadtest-{}", std::process::id()));
        let pair = PrivateKey::random(&mut key::safe_rng(), Algorithm::Ed25519)?;
        fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
        let ground = Self {
            files: folder.join("files"),
            certificate: folder.join("certificate.pem"),
            key: folder.join("key.pem"),
            both: folder.join("both.pem"),
            host_key: folder.join("host_key"),
            fingerprint: pair.fingerprint(HashAlg::Sha256),
            flotilla: flotilla.map(absolute),
            packages: None,
            python: PathBuf::new(),
            folder,
        };
        fs::set_permissions(&ground.folder, fs::Permissions::from_mode(0o755))?;
        secret(&ground.host_key, &pair.to_openssh(LineEnding::LF)?)?;
        fs::create_dir(&ground.files)?;
        // The servers run as several users and each stores its files there.
        fs::set_permissions(&ground.files, fs::Permissions::from_mode(0o777))?;
        if rustix::process::geteuid().is_root() {
            chown(&ground.files, Some(NOBODY), Some(NOBODY))?;
        }
        certify(&ground)?;
        Ok(ground)
    }

    /// A program by its name, from the unpacked packages or the system.
    pub(crate) fn program(&self, name: &str) -> Option<PathBuf> {
        let own = self.packages.iter().flat_map(|folder| {
            ["usr/sbin", "usr/bin", "bin"].into_iter().map(|part| folder.join(part).join(name))
        });
        let system = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
        own.chain(system.into_iter().map(|folder| Path::new(folder).join(name)))
            .find(|path| path.exists())
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn absolute(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// The files that are served: the large one, the small one, and the directory to list.
fn fill(files: &Path) -> Result<()> {
    let payload = Payload::new()?;
    let mut large = fs::File::create(files.join(LARGE))?;
    for _ in 0..LARGE_BYTES / payload.bytes().len() {
        large.write_all(payload.bytes())?;
    }
    // A virtual machine gets memory from its host at the first touch, which would be charged to
    // whoever uploads first.
    let touched = files.join("touched.bin");
    let mut touch = fs::File::create(&touched)?;
    for _ in 0..TOUCH_BYTES / payload.bytes().len() {
        touch.write_all(payload.bytes())?;
    }
    fs::remove_file(touched)?;
    fs::write(files.join("loadtest-1024.bin"), [b'x'; 1024])?;
    let list = files.join("list");
    fs::create_dir(&list)?;
    for index in 0..ENTRIES {
        fs::File::create(list.join(format!("file-{index:06}.dat")))?;
    }
    Ok(())
}

fn certify(ground: &Ground) -> Result<()> {
    // rcgen's own choice is ECDSA on P-256.
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    secret(&ground.certificate, &certificate)?;
    secret(&ground.key, &key)?;
    secret(&ground.both, &format!("{key}{certificate}"))
}

/// Writes a file that only its owner may read.
fn secret(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(())
}

/// The name under which `run` looks for a file of that size.
pub(crate) const LARGE: &str = "loadtest-536870912.bin";
const LARGE_BYTES: usize = 512 * 1024 * 1024;

/// The four uploads of a round at their largest, and half as much again.
const TOUCH_BYTES: usize = 6 * LARGE_BYTES;

/// Entries of the listed directory.
const ENTRIES: usize = 100_000;

/// User and group `nobody`, for servers that refuse to serve as root.
pub(crate) const NOBODY: u32 = 65534;
