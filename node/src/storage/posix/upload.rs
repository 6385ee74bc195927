//! How uploads begin.
//!
//! A new file is written under a reserved name in the same directory and renamed when complete; it
//! takes over the permission bits of the file that it replaces, and a symbolic link is replaced as
//! a name like any other. Going on with a published file (`Resume`, `Append`) happens in place,
//! through links.

use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::rand;
use flotilla_protocol::entry::{Attributes, Kind};
use flotilla_protocol::ftp::Failure;
use flotilla_protocol::path::{NAME_BYTES_MAX, VirtualPath};
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::attribute;
use super::copy;
use super::fault::failure;
use super::name::Owner;
use super::partial::{self, Found, Held, Open};
use super::room::Room;
use super::root::{Place, Root, split};
use super::sink::{Part, Publish, Target, Upload};
use crate::blocking::Ticket;
use crate::storage::{CreateMode, CreateOptions};

/// What an upload needs to begin.
#[derive(Clone, Copy)]
pub(super) struct Begin<'a> {
    pub(super) root: &'a Arc<Root>,
    pub(super) owner: &'a Arc<Owner>,
    pub(super) path: &'a VirtualPath,
    pub(super) options: CreateOptions,
    /// `None` on the arbiter's thread, where nothing long may be done.
    pub(super) ticket: Option<&'a Ticket>,
}

impl Begin<'_> {
    pub(super) fn run(self) -> Result<Upload, Failure> {
        let place = self.root.open_parent(self.path)?;
        self.run_in(place)
    }

    /// Begins in a directory that is open.
    pub(super) fn run_in(self, place: Place) -> Result<Upload, Failure> {
        match self.options.mode {
            CreateMode::Replace | CreateMode::New => self.fresh(place),
            CreateMode::Resume(offset) => self.resume(place, Some(offset)),
            CreateMode::Append => self.resume(place, None),
            CreateMode::Unique => self.unique(place),
            CreateMode::Edit(_) => Err(Failure::Unsupported),
        }
    }

    fn fresh(self, place: Place) -> Result<Upload, Failure> {
        let new = self.options.mode == CreateMode::New;
        let published = self.published(&place)?;
        if new && published.is_some() {
            return Err(Failure::Exists);
        }
        if !self.root.options.atomic_uploads {
            return self.in_place(place, new);
        }
        let (held, anonymous) = match partial::claim(self.root, self.owner, &place, Open::Any)? {
            Found::Held(held) => (held, false),
            Found::Absent | Found::Busy(_) => {
                (partial::anonymous(self.root, self.owner, &place)?, true)
            }
        };
        if held.size > 0 {
            rustix::fs::ftruncate(&held.file, 0).map_err(failure)?;
        }
        // Set at the end only: with a mode such as 0400 the upload could not be resumed.
        let mode = published.filter(|found| found.kind == Kind::File).map(|found| found.mode);
        let publish = if new { Publish::New } else { Publish::Replace { mode } };
        self.temporary(self.path.clone(), place, held, 0, anonymous, publish)
    }

    /// What bears the name, if it can be overwritten.
    fn published(&self, place: &Place) -> Result<Option<Attributes>, Failure> {
        match attribute::of_entry(&place.directory, &place.name) {
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(failure(error)),
            Ok(found) => match found.kind {
                Kind::File => Ok(Some(found)),
                Kind::Directory => Err(Failure::IsDirectory),
                Kind::Other => Err(Failure::NotRegular),
                Kind::Symlink => match self.root.open_at(self.path.as_bytes(), OFlags::PATH) {
                    Ok(target) => {
                        let target = attribute::of_descriptor(target).map_err(failure)?;
                        attribute::regular(&target)?;
                        Ok(Some(found))
                    }
                    Err(_) => Ok(Some(found)),
                },
            },
        }
    }

    /// Goes on at an offset, or at the end (`None`).
    fn resume(self, place: Place, offset: Option<u64>) -> Result<Upload, Failure> {
        let append = offset.is_none();
        let flags = if append { IN_PLACE | OFlags::APPEND } else { IN_PLACE };
        match self.root.open_at(self.path.as_bytes(), flags) {
            Ok(file) => {
                let found = attribute::of_descriptor(&file).map_err(failure)?;
                attribute::regular(&found)?;
                let start = checked(offset, found.size)?;
                let target = Target::InPlace { append, created: false };
                return self.upload(self.path.clone(), place, file, start, target);
            }
            Err(Errno::NOENT) => {}
            Err(error) => return Err(failure(error)),
        }
        match partial::claim(self.root, self.owner, &place, Open::Existing)? {
            Found::Held(held) => {
                let start = checked(offset, held.size)?;
                if start < held.size {
                    // What lies behind the offset is of an attempt that the client gave up; kept,
                    // it would count as arrived if this one breaks off as well.
                    rustix::fs::ftruncate(&held.file, start).map_err(failure)?;
                }
                self.temporary(
                    self.path.clone(),
                    place,
                    held,
                    start,
                    false,
                    Publish::Replace { mode: None },
                )
            }
            Found::Busy(file) => {
                // Most likely the dead connection of the same client, which nobody has noticed yet.
                let size = attribute::of_descriptor(&file).map_err(failure)?.size;
                let start = checked(offset, size)?;
                let held = partial::anonymous(self.root, self.owner, &place)?;
                let guard = Unlink { place: &place, name: &held.name, armed: true };
                copy::range(&file, &held.file, start, self.ticket.ok_or(Failure::Internal)?)?;
                guard.disarm();
                self.temporary(
                    self.path.clone(),
                    place,
                    held,
                    start,
                    true,
                    Publish::Replace { mode: None },
                )
            }
            Found::Absent if offset.unwrap_or(0) == 0 => self.fresh(place),
            Found::Absent => Err(Failure::BadOffset),
        }
    }

    fn unique(self, mut place: Place) -> Result<Upload, Failure> {
        let (_, stem) = split(self.path)?;
        for candidate in std::iter::once(stem.to_vec()).chain(candidates(stem)) {
            place.name = candidate;
            match attribute::of_entry(&place.directory, &place.name) {
                Err(Errno::NOENT) => {}
                Ok(_) => continue,
                Err(error) => return Err(failure(error)),
            }
            let path = self.path.parent().child(&place.name).map_err(|_| Failure::BadName)?;
            if !self.root.options.atomic_uploads {
                let begin = Begin { path: &path, ..self };
                match begin.in_place(self.root.open_parent(&path)?, true) {
                    Err(Failure::Exists) => continue,
                    result => return result,
                }
            }
            match partial::claim(self.root, self.owner, &place, Open::Fresh)? {
                Found::Held(held) => {
                    let publish = Publish::Unique(stem.to_vec());
                    return self.temporary(path, place, held, 0, false, publish);
                }
                Found::Absent | Found::Busy(_) => {}
            }
        }
        Err(Failure::Exists)
    }

    /// Without atomic uploads: into the published file, made or emptied.
    fn in_place(self, place: Place, new: bool) -> Result<Upload, Failure> {
        let mode = self.root.file_mode();
        let path = self.path.as_bytes();
        let made = self.root.open_mode(path, IN_PLACE | OFlags::CREATE | OFlags::EXCL, mode);
        let (file, created) = match made {
            Ok(file) => {
                self.root.restore_mode(&file, mode);
                (file, true)
            }
            Err(Errno::EXIST) if !new => {
                let file = self.root.open_mode(path, IN_PLACE | OFlags::CREATE, mode);
                let file = file.map_err(failure)?;
                attribute::regular(&attribute::of_descriptor(&file).map_err(failure)?)?;
                rustix::fs::ftruncate(&file, 0).map_err(failure)?;
                (file, false)
            }
            Err(error) => return Err(failure(error)),
        };
        let target = Target::InPlace { append: false, created };
        self.upload(self.path.clone(), place, file, 0, target)
    }

    fn temporary(
        self,
        path: VirtualPath,
        place: Place,
        held: Held,
        start: u64,
        anonymous: bool,
        publish: Publish,
    ) -> Result<Upload, Failure> {
        let target = Target::Temporary { name: held.name, anonymous, publish };
        self.upload(path, place, held.file, start, target)
    }

    /// From here on the file is the upload's, whose end puts it away.
    fn upload(
        self,
        path: VirtualPath,
        place: Place,
        file: OwnedFd,
        start: u64,
        target: Target,
    ) -> Result<Upload, Failure> {
        let reserve = self.root.options.reserve;
        let room = Room::new(&file, reserve, self.options.expected.saturating_sub(start));
        let (room, refused) = match room {
            Ok(room) => (room, None),
            Err(failure) => (Room::unwatched(), Some(failure)),
        };
        let part = Part {
            root: Arc::clone(self.root),
            owner: Arc::clone(self.owner),
            file,
            place,
            target,
            room,
            moved: OnceLock::new(),
            done: AtomicBool::new(false),
        };
        match refused {
            // Dropped here, on the pool: an empty temporary file goes at once.
            Some(failure) => Err(failure),
            None => {
                let in_memory = self.ticket.is_none();
                Ok(Upload::new(Arc::clone(self.root), path, start, in_memory, part))
            }
        }
    }
}

/// Names made from one: `name.1` to `name.99`, then such that hardly anybody can have taken.
pub(super) fn candidates(stem: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (1..UNIQUE_TRIES).map(move |number| {
        let suffix = if number < UNIQUE_COUNTED {
            format!(".{number}")
        } else {
            let mut random = [0; 4];
            // Without randomness the names repeat, are taken, and the search ends with an error.
            let _ = rand::fill(&mut random);
            format!(".{:08x}", u32::from_ne_bytes(random))
        };
        let room = NAME_BYTES_MAX - suffix.len();
        let mut name = stem.get(..room).unwrap_or(stem).to_vec();
        name.extend_from_slice(suffix.as_bytes());
        name
    })
}

/// Where an upload starts in a file of this size.
fn checked(offset: Option<u64>, size: u64) -> Result<u64, Failure> {
    match offset {
        Some(offset) if offset > size => Err(Failure::BadOffset),
        Some(offset) => Ok(offset),
        None => Ok(size),
    }
}

/// Removes a temporary file when its making fails.
struct Unlink<'a> {
    place: &'a Place,
    name: &'a [u8],
    armed: bool,
}

impl Unlink<'_> {
    fn disarm(mut self) {
        self.armed = false;
    }
}

impl Drop for Unlink<'_> {
    fn drop(&mut self) {
        if self.armed {
            let _ = partial::remove(&self.place.directory, self.name);
        }
    }
}

/// To write into what is published.
const IN_PLACE: OFlags =
    OFlags::WRONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// Counted names before random ones: in a directory with thousands of them counting would take
/// long.
const UNIQUE_COUNTED: u32 = 100;

/// All tries: the counted names and a few random ones, of which one in four thousand million is
/// taken.
const UNIQUE_TRIES: u32 = UNIQUE_COUNTED + 8;
