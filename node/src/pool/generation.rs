//! Which life of its process this is: a number in the data folder that rises with every start.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use flotilla_cluster::id::Generation;

/// This life and the one before, of the same data folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lives {
    pub(crate) this: Generation,
    pub(crate) previous: Generation,
}

/// Begins a new life.
///
/// # Errors
/// The file can not be written: a node that forgets its lives would be taken for a stranger.
pub(crate) fn begin(data_dir: &Path) -> io::Result<Lives> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    begin_at(data_dir, now_ms)
}

fn begin_at(data_dir: &Path, now_ms: u64) -> io::Result<Lives> {
    let path = data_dir.join("generation");
    let previous = match fs::read_to_string(&path) {
        // What is not a number is as good as none: the store will say if it knows better.
        Ok(text) => text.trim().parse().unwrap_or(0),
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    let this = now_ms.max(previous + 1);
    fs::create_dir_all(data_dir)?;
    let new = path.with_extension("new");
    fs::write(&new, format!("{this}\n"))?;
    fs::rename(new, path)?;
    Ok(Lives { this: Generation(this), previous: Generation(previous) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::users::tests::Folder;

    #[test]
    fn a_life_is_younger_than_the_one_before_whatever_the_clock_says() {
        let folder = Folder::new();
        let lives = |now| {
            let lives = begin_at(folder.path(), now).unwrap();
            (lives.previous.0, lives.this.0)
        };
        assert_eq!(lives(1000), (0, 1000));
        assert_eq!(lives(2000), (1000, 2000));
        assert_eq!(lives(500), (2000, 2001));
        fs::write(folder.path().join("generation"), "?").unwrap();
        assert_eq!(lives(500), (0, 500));
    }
}
