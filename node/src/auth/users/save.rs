//! Writing a users file so that no reader ever sees half of one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand;

/// Makes the file with mode 0600, unless one is there already: `Ok(false)`. Folders that are
/// missing on the way are made with mode 0700.
///
/// # Errors
/// What the system says.
pub fn create(path: &Path, text: &str) -> io::Result<bool> {
    make_folder(path)?;
    let draft = Draft::write(path, text)?;
    match fs::hard_link(&draft.path, path) {
        Ok(()) => sync_folder(path).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Puts a new text in place of the old one; owner and group stay, the mode becomes 0600.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    make_folder(path)?;
    let draft = Draft::write(path, text)?;
    if let Ok(old) = fs::metadata(path) {
        let new = draft.file.metadata()?;
        if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
            std::os::unix::fs::fchown(&draft.file, Some(old.uid()), Some(old.gid()))?;
        }
    }
    fs::rename(&draft.path, path)?;
    sync_folder(path)
}

/// A new file beside the real one; removed when dropped, if it still has its own name.
struct Draft {
    path: PathBuf,
    file: File,
}

impl Draft {
    fn write(path: &Path, text: &str) -> io::Result<Self> {
        let mut random = [0; 8];
        rand::fill(&mut random).map_err(|_| io::Error::other("no random numbers"))?;
        let number = u64::from_le_bytes(random);
        let draft = folder(path).join(format!(".users-{number:016x}.tmp"));
        let file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&draft)?;
        let mut draft = Self { path: draft, file };
        // The umask may have taken bits away.
        draft.file.set_permissions(fs::Permissions::from_mode(MODE))?;
        draft.file.write_all(text.as_bytes())?;
        draft.file.sync_all()?;
        Ok(draft)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After a rename there is nothing to remove.
        let _ = fs::remove_file(&self.path);
    }
}

/// The folder that a file lies in.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the folder that the file is to lie in.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder(path))
}

/// A name is only kept once its folder is written.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder(path))?.sync_all()
}

/// Hashes are nobody else's affair.
pub(super) const MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;
