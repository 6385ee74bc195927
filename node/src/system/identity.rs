//! The node's name: configured, or made once and kept in the data folder.

use std::fs;
use std::io;
use std::path::Path;

use aws_lc_rs::rand;

use crate::config::Config;
use crate::error::ServeError;
use crate::hex;

/// `node.id`; for `auto` the content of `node-id` in the data folder, which is made at the first start.
pub(crate) fn node_id(config: &Config) -> Result<String, ServeError> {
    if config.node.id != AUTO {
        return Ok(config.node.id.clone());
    }
    let path = config.node.data_dir.join("node-id");
    kept(&path).map_err(|source| ServeError::Storage { path, source })
}

fn kept(path: &Path) -> io::Result<String> {
    match fs::read_to_string(path) {
        Ok(text) if !text.trim().is_empty() => return Ok(text.trim().to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut bytes = [0; ID_BYTES];
    rand::fill(&mut bytes).map_err(|_| io::Error::other("no random numbers"))?;
    let id = hex::text(&bytes);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, format!("{id}\n"))?;
    Ok(id)
}

const AUTO: &str = "auto";

/// 48 bits: two nodes of a pool of a hundred get the same one once in 50 billion pools.
const ID_BYTES: usize = 6;

#[cfg(test)]
mod tests {
    use super::kept;

    #[test]
    fn an_id_is_made_once() {
        let folder = std::env::temp_dir().join(format!("flotilla-id-{}", std::process::id()));
        let path = folder.join("node-id");
        let first = kept(&path).unwrap();
        assert_eq!(first.len(), 12);
        assert_eq!(kept(&path).unwrap(), first);
        std::fs::write(&path, "\n").unwrap();
        assert_ne!(kept(&path).unwrap(), first);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
