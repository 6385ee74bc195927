//! How many nodes the pool had when it was last seen: kept in the data folder, so that a node which starts
//! without the store admits its share and not the whole.

use std::fs;
use std::path::{Path, PathBuf};

use tracing::debug;

use super::Pool;

/// What was kept; 0: nothing.
pub(crate) fn kept(data_dir: &Path) -> u32 {
    let text = fs::read_to_string(file(data_dir)).unwrap_or_default();
    text.trim().parse().unwrap_or(0).min(NODES_MAX)
}

impl Pool {
    /// Keeps the number of living nodes where it has changed.
    pub(super) fn keep_size(&mut self) {
        let living = u32::try_from(self.agent.view().alive().count()).unwrap_or(u32::MAX);
        if self.parts.alone || living == self.size {
            return;
        }
        self.size = living;
        let path = file(&self.parts.policy.config.node.data_dir);
        // Nobody waits for it: what is kept is a guess at best.
        drop(tokio::task::spawn_blocking(move || {
            if let Err(error) = save(&path, living) {
                debug!(%error, "number of nodes not kept");
            }
        }));
    }
}

fn save(path: &Path, nodes: u32) -> std::io::Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, format!("{nodes}\n"))?;
    fs::rename(new, path)
}

fn file(data_dir: &Path) -> PathBuf {
    data_dir.join("pool-nodes")
}

/// A pool has a hundred nodes; what is far above was not written here.
const NODES_MAX: u32 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::users::tests::Folder;

    #[test]
    fn what_is_kept_is_found_and_nonsense_is_none() {
        let folder = Folder::new();
        assert_eq!(kept(folder.path()), 0);
        save(&file(folder.path()), 3).unwrap();
        assert_eq!(kept(folder.path()), 3);
        fs::write(file(folder.path()), "many").unwrap();
        assert_eq!(kept(folder.path()), 0);
    }
}
