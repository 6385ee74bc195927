//! How uploads begin.
//!
//! A new file is written under a reserved name in the same directory and renamed when complete; it
//! takes over the permission bits of the file that it replaces, and a symbolic link is replaced as
//! a name like any other. `resume` goes on with what is there.

use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock};

use aws_lc_rs::rand;
use flotilla_protocol::entry::{Attributes, Kind};
use flotilla_protocol::ftp::Failure;
use flotilla_protocol::path::{NAME_BYTES_MAX, VirtualPath};
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::attribute;
use super::change::{RESUMABLE, Wanted};
use super::fault::failure;
use super::name::Owner;
use super::part::{Extent, Part, Publish, Target};
use super::partial::{self, Found, Held, Open};
use super::room::Room;
use super::root::{Place, Root, split};
use super::sink::{Access, Upload};
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

/// A file that is ours to write, and what it is for.
pub(super) struct Opened {
    pub(super) file: OwnedFd,
    pub(super) start: u64,
    pub(super) target: Target,
    /// Device and inode, where they are known.
    pub(super) identity: Option<(u64, u64)>,
    /// It has no bytes yet.
    pub(super) is_empty: bool,
}

/// What becomes of a published file that is in the way of one written in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum There {
    /// It is an error.
    Refused,
    /// It loses its bytes.
    Emptied,
    /// It is written as it is.
    Kept,
}

impl Begin<'_> {
    pub(super) fn run(self) -> Result<Upload, Failure> {
        let place = self.root.open_parent(self.path)?;
        self.run_in(place)
    }

    /// Begins in a directory that is open.
    pub(super) fn run_in(self, place: Place) -> Result<Upload, Failure> {
        match self.options.mode {
            CreateMode::Replace => self.fresh(place, false),
            CreateMode::New => self.fresh(place, true),
            CreateMode::Resume(offset) => self.resume(place, Some(offset)),
            CreateMode::Append => self.resume(place, None),
            CreateMode::Unique => self.unique(place),
            CreateMode::Edit(edit) => self.edit(place, edit),
        }
    }

    /// A file of its own, which replaces what bears the name unless it must be `new`.
    pub(super) fn fresh(self, place: Place, new: bool) -> Result<Upload, Failure> {
        let published = self.published(&place)?;
        if new && published.is_some() {
            return Err(Failure::Exists);
        }
        if !self.root.options.atomic_uploads {
            return self.in_place(place, if new { There::Refused } else { There::Emptied });
        }
        let mode = match published {
            Some(found) if found.kind == Kind::File => found.mode & 0o777,
            _ => self.mode(),
        };
        let bits = mode | RESUMABLE;
        let (mut held, anonymous) =
            match partial::claim(self.root, self.owner, &place, Open::Any(bits))? {
                Found::Held(held) => (held, false),
                Found::Absent | Found::Busy(_) => {
                    (partial::anonymous(self.root, self.owner, &place, bits)?, true)
                }
            };
        if held.size > 0 {
            rustix::fs::ftruncate(&held.file, 0).map_err(failure)?;
            held.size = 0;
        }
        let publish = if new { Publish::New } else { Publish::Replace };
        self.upload(self.path.clone(), place, held.opened(0, anonymous, publish, mode))
    }

    /// The permission bits of a file that replaces none.
    fn mode(&self) -> u32 {
        match self.options.permissions {
            Some(bits) => bits & 0o777 & !self.root.options.umask,
            None => self.root.file_mode(),
        }
    }

    /// What bears the name, if it can be overwritten.
    pub(super) fn published(&self, place: &Place) -> Result<Option<Attributes>, Failure> {
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
                match begin.in_place(self.root.open_parent(&path)?, There::Refused) {
                    Err(Failure::Exists) => continue,
                    result => return result,
                }
            }
            let mode = self.mode();
            let open = Open::Fresh(mode | RESUMABLE);
            match partial::claim(self.root, self.owner, &place, open)? {
                Found::Held(held) => {
                    let publish = Publish::Unique(stem.to_vec());
                    return self.upload(path, place, held.opened(0, false, publish, mode));
                }
                Found::Absent | Found::Busy(_) => {}
            }
        }
        Err(Failure::Exists)
    }

    /// Without atomic uploads: into the published file, which is made if it is missing.
    pub(super) fn in_place(self, place: Place, there: There) -> Result<Upload, Failure> {
        let mode = self.mode();
        let path = self.path.as_bytes();
        let flags = self.access().flags() | OFlags::CREATE;
        let (file, created) = match self.root.open_mode(path, flags | OFlags::EXCL, mode) {
            Ok(file) => {
                self.root.restore_mode(&file, mode);
                (file, true)
            }
            Err(Errno::EXIST) if there != There::Refused => {
                (self.root.open_mode(path, flags, mode).map_err(failure)?, false)
            }
            Err(error) => return Err(failure(error)),
        };
        let found = attribute::of_descriptor(&file).map_err(failure)?;
        attribute::regular(&found)?;
        if there == There::Emptied && found.size > 0 {
            rustix::fs::ftruncate(&file, 0).map_err(failure)?;
        }
        let append = self.access().append;
        let start = if append && there == There::Kept { found.size } else { 0 };
        let target = Target::InPlace { append, created };
        let is_empty = there == There::Emptied || found.size == 0;
        let opened = Opened { file, start, target, identity: Some(found.identity), is_empty };
        self.upload(self.path.clone(), place, opened)
    }

    /// What the handle is going to do.
    pub(super) fn access(&self) -> Access {
        let (read, append) = match self.options.mode {
            CreateMode::Edit(edit) => (edit.read, edit.append),
            CreateMode::Append => (false, true),
            _ => (false, false),
        };
        Access { read, append, ..Access::default() }
    }

    /// From here on the file is the upload's, whose end puts it away.
    pub(super) fn upload(
        self,
        path: VirtualPath,
        place: Place,
        opened: Opened,
    ) -> Result<Upload, Failure> {
        let Opened { file, start, target, identity, is_empty } = opened;
        let reserve = self.root.options.reserve;
        let expected = self.options.expected.saturating_sub(start);
        let room = Room::new(&file, reserve, expected, self.root.level(identity));
        let (room, refused) = match room {
            Ok(room) => (room, None),
            Err(failure) => (Room::unwatched(), Some(failure)),
        };
        let uploads = &self.root.uploads;
        let known = match target {
            Target::Temporary { anonymous: false, .. } => identity,
            _ => None,
        };
        let known = known.map(|identity| (uploads.key(self.owner, &path), identity));
        let part = Arc::new(Part {
            root: Arc::clone(self.root),
            owner: Arc::clone(self.owner),
            file,
            place,
            target,
            room,
            extent: Extent::new(is_empty),
            wanted: Arc::new(Wanted::default()),
            key: known.map(|(key, _)| key),
            moved: OnceLock::new(),
            done: AtomicBool::new(false),
            ending: Mutex::new(()),
        });
        if let Some(failure) = refused {
            // Dropped here, on the pool: an empty temporary file goes at once.
            return Err(failure);
        }
        if let Some((key, identity)) = known {
            uploads.add(key, &part, identity);
        }
        let is_same_device = identity.is_some_and(|(device, _)| device == self.root.identity.0);
        let in_memory = self.ticket.is_none() || self.root.memory && is_same_device;
        let asked = self.access();
        // Nobody else appends to a file of one's own, so APPE knows its offsets.
        let is_alone = matches!(part.target, Target::Temporary { .. });
        let append = asked.append && !(is_alone && self.options.mode == CreateMode::Append);
        let access = Access { in_memory, append, ..asked };
        Ok(Upload::new(path, start, access, part))
    }
}

impl Held {
    /// For an upload that begins at this offset.
    pub(super) fn opened(
        self,
        start: u64,
        anonymous: bool,
        publish: Publish,
        mode_at_end: u32,
    ) -> Opened {
        let Self { file, name, size, mode, identity } = self;
        let target = Target::Temporary { name, anonymous, publish, mode, mode_at_end };
        Opened { file, start, target, identity, is_empty: size == 0 }
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

/// Counted names before random ones: in a directory with thousands of them counting would take
/// long.
const UNIQUE_COUNTED: u32 = 100;

/// All tries: the counted names and a few random ones, of which one in four thousand million is
/// taken.
const UNIQUE_TRIES: u32 = UNIQUE_COUNTED + 8;
