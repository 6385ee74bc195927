//! Names of directories, and patterns of paths made into paths.

use std::any::Any;

use flotilla_protocol::entry::{Entry, Kind};
use flotilla_protocol::failure::Failure;
use flotilla_protocol::glob::{Step, Walk};
use flotilla_protocol::path::VirtualPath;

use crate::files::Files;
use crate::storage::{Directory, Storage, Visit, Visitor};

/// The paths that fit a pattern, in the client's words and in order.
pub(super) async fn expand(files: &Files, pattern: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
    let mut walk = Walk::new(VirtualPath::root(), pattern);
    while let Some(step) = walk.poll() {
        match step {
            Step::List(path) => {
                let mut directory = files.read_directory(&path).await.ok();
                while let Some(open) = directory.take() {
                    let Ok((next, names, more)) = names(open, BATCH_NAMES).await else { break };
                    names.iter().for_each(|name| walk.on_name(name));
                    directory = more.then_some(next);
                }
                walk.on_end();
            }
            Step::Exists { path, directory } => {
                let found = files.attributes(&path, directory).await;
                walk.on_exists(found.is_ok_and(|f| !directory || f.kind == Kind::Directory));
            }
        }
    }
    walk.finish().map_err(|error| Failure::Limit(error.to_string()))
}

/// The next names of a directory, at most `max`, and whether there may be more.
pub(super) async fn names(
    directory: Box<dyn Directory>,
    max: usize,
) -> Result<(Box<dyn Directory>, Vec<Vec<u8>>, bool), Failure> {
    let visitor: Visitor = Box::new(Names { names: Vec::new(), max });
    let (directory, visitor, more) = directory.next_batch(visitor).await?;
    let names = visitor.into_any().downcast::<Names>().map_err(|_| Failure::Internal)?;
    Ok((directory, names.names, more))
}

struct Names {
    names: Vec<Vec<u8>>,
    max: usize,
}

impl Visit for Names {
    fn entry(&mut self, entry: &Entry<'_>) -> bool {
        self.names.push(entry.name.to_vec());
        self.names.len() < self.max
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

/// Names read at once: a hundred kilobytes at the most.
const BATCH_NAMES: usize = 400;
