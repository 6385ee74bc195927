//! What becomes of an upload that breaks off.

use flotilla_protocol::ftp::Failure;
use flotilla_protocol::path::VirtualPath;
use rustix::io::Errno;

use super::attribute;
use super::fault::failure;
use super::part::{Part, Target};
use super::partial::{self, Found, Open};
use crate::config::OnAbort;

impl Part {
    /// What `on_abort` says.
    pub(super) fn abandon(&self) -> Result<(), Failure> {
        let size = self.drop_torn(attribute::of_descriptor(&self.file).map_err(failure)?.size)?;
        match (&self.target, self.root.options.on_abort) {
            (Target::InPlace { created: true, .. }, OnAbort::Delete) => self.remove_created(),
            // What was published before stays: it is not this upload's to delete.
            (Target::InPlace { .. }, _) => Ok(()),
            (Target::Temporary { name, .. }, OnAbort::Delete) => {
                partial::remove(&self.place.directory, name)
            }
            (Target::Temporary { name, .. }, _) if size == 0 => {
                partial::remove(&self.place.directory, name)
            }
            (Target::Temporary { name, anonymous, .. }, OnAbort::Keep) => {
                if self.is_overtaken() {
                    partial::remove(&self.place.directory, name)
                } else if *anonymous {
                    self.keep(name, size)
                } else {
                    Ok(())
                }
            }
            (Target::Temporary { name, publish, .. }, OnAbort::Publish) => {
                self.settle(false)?;
                // Nobody is told the name that an abandoned unique upload gets.
                self.rename(&VirtualPath::root(), name, publish)
            }
        }
    }

    /// Cuts off a missing write and what lies behind it: who resumes goes by the length, and would take a
    /// hole for bytes that arrived. What fitted of the last one stays. Gives the length that is left.
    fn drop_torn(&self, size: u64) -> Result<u64, Failure> {
        let torn = self.extent.torn_at(size);
        match torn.filter(|_| !matches!(self.target, Target::InPlace { .. })) {
            None => Ok(size),
            Some(intact) => {
                rustix::fs::ftruncate(&self.file, intact).map_err(failure)?;
                Ok(intact)
            }
        }
    }

    /// Whether the name was published since the last byte came: by the client itself, most likely,
    /// which went on in another session. Nobody would ever look for this attempt's bytes.
    fn is_overtaken(&self) -> bool {
        let published = attribute::of_entry(&self.place.directory, &self.place.name);
        let own = attribute::of_descriptor(&self.file);
        matches!((published, own), (Ok(published), Ok(own)) if published.modified > own.modified)
    }

    /// Makes a file that only this upload knew the one that the owner finds, unless there is a
    /// longer one.
    fn keep(&self, name: &[u8], size: u64) -> Result<(), Failure> {
        let directory = &self.place.directory;
        let (shown, _) = self.owner.partial(&self.place.name);
        match partial::claim(&self.root, &self.owner, &self.place, Open::Existing)? {
            Found::Absent => match partial::rename_new(directory, name, directory, &shown) {
                Err(Errno::EXIST) => partial::remove(directory, name),
                result => result.map_err(failure),
            },
            Found::Held(held) if held.size < size => {
                rustix::fs::renameat(directory, name, directory, &shown).map_err(failure)
            }
            Found::Held(_) | Found::Busy(_) => partial::remove(directory, name),
        }
    }

    /// Removes the published name if it still names the file that this upload made.
    fn remove_created(&self) -> Result<(), Failure> {
        let ours = attribute::of_descriptor(&self.file).map_err(failure)?.identity;
        match attribute::of_entry(&self.place.directory, &self.place.name) {
            Ok(named) if named.identity == ours => {
                partial::remove(&self.place.directory, &self.place.name)
            }
            _ => Ok(()),
        }
    }
}
