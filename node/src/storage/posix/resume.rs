//! How uploads go on with what is there: a published file, in place and through links; else the
//! owner's unfinished upload; else a new file.

use std::os::fd::OwnedFd;

use flotilla_protocol::ftp::Failure;
use rustix::io::Errno;

use super::attribute;
use super::copy;
use super::fault::failure;
use super::part::{Publish, Target};
use super::partial::{self, Found, Open};
use super::root::Place;
use super::sink::{Access, Upload};
use super::upload::{Begin, Opened, There};
use crate::storage::Edit;

impl Begin<'_> {
    /// Goes on at an offset, or at the end (`None`); what lies behind the offset is given up.
    pub(super) fn resume(self, place: Place, offset: Option<u64>) -> Result<Upload, Failure> {
        let start_in = |size: u64| match offset {
            Some(offset) if offset > size => Err(Failure::BadOffset),
            Some(offset) => Ok(offset),
            None => Ok(size),
        };
        if let Some(opened) = self.open_published(start_in)? {
            return self.upload(self.path.clone(), place, opened);
        }
        match partial::claim(self.root, self.owner, &place, Open::Existing)? {
            Found::Held(held) => {
                let start = start_in(held.size)?;
                if start < held.size {
                    // It is of an attempt that the client gave up; kept, it would count as arrived
                    // if this one breaks off as well.
                    rustix::fs::ftruncate(&held.file, start).map_err(failure)?;
                }
                let mode = held.mode;
                let opened = held.opened(start, false, Publish::Replace, mode);
                self.upload(self.path.clone(), place, opened)
            }
            Found::Busy(file) => {
                // Most likely the dead connection of the same client, which nobody has noticed yet.
                let size = attribute::of_descriptor(&file).map_err(failure)?.size;
                self.beside(place, &file, start_in(size)?)
            }
            Found::Absent if offset.unwrap_or(0) == 0 => self.fresh(place, false),
            Found::Absent => Err(Failure::BadOffset),
        }
    }

    /// Opens for writes at any offset.
    pub(super) fn edit(self, place: Place, edit: Edit) -> Result<Upload, Failure> {
        if edit.create && edit.exclusive {
            return self.fresh(place, true);
        }
        if edit.truncate {
            if !edit.create && self.published(&place)?.is_none() {
                self.unfinished(&place)?;
            }
            return self.fresh(place, false);
        }
        let start_in = |size| Ok(if edit.append { size } else { 0 });
        if let Some(opened) = self.open_published(start_in)? {
            return self.upload(self.path.clone(), place, opened);
        }
        match partial::claim(self.root, self.owner, &place, Open::Existing)? {
            Found::Held(held) => {
                let (start, mode) = (start_in(held.size)?, held.mode);
                let opened = held.opened(start, false, Publish::Replace, mode);
                self.upload(self.path.clone(), place, opened)
            }
            Found::Busy(file) => self.join(place, &file, start_in),
            Found::Absent if !edit.create => Err(Failure::NotFound),
            Found::Absent if self.root.options.atomic_uploads => self.fresh(place, false),
            Found::Absent => self.in_place(place, There::Kept),
        }
    }

    /// What is published, to be written in place.
    fn open_published(
        &self,
        start_in: impl Fn(u64) -> Result<u64, Failure>,
    ) -> Result<Option<Opened>, Failure> {
        let access = self.access();
        let file = match self.root.open_at(self.path.as_bytes(), access.flags()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(failure(error)),
        };
        let found = attribute::of_descriptor(&file).map_err(failure)?;
        attribute::regular(&found)?;
        let start = start_in(found.size)?;
        let target = Target::InPlace { append: access.append, created: false };
        let (identity, is_empty) = (Some(found.identity), false);
        Ok(Some(Opened { file, start, target, identity, is_empty }))
    }

    /// Fails unless the owner has an unfinished upload of the name.
    fn unfinished(&self, place: &Place) -> Result<(), Failure> {
        let (name, _) = self.owner.partial(&place.name);
        attribute::of_entry(&place.directory, &name).map(drop).map_err(failure)
    }

    /// The same file through one more handle, where that can be; else a copy of it.
    fn join(
        self,
        place: Place,
        file: &OwnedFd,
        start_in: impl Fn(u64) -> Result<u64, Failure>,
    ) -> Result<Upload, Failure> {
        let found = attribute::of_descriptor(file).map_err(failure)?;
        match self.root.uploads.part(self.owner, self.path, found.identity) {
            Some(part) => {
                let in_memory = self.root.memory && found.identity.0 == self.root.identity.0;
                let access = Access { joined: true, in_memory, ..self.access() };
                Ok(Upload::new(self.path.clone(), start_in(found.size)?, access, part))
            }
            None => self.beside(place, file, found.size),
        }
    }

    /// A file of its own with the first bytes of one that somebody else writes.
    fn beside(self, place: Place, file: &OwnedFd, length: u64) -> Result<Upload, Failure> {
        let mode = self.root.file_mode();
        let mut held = partial::anonymous(self.root, self.owner, &place, mode)?;
        let guard = Unlink { place: &place, name: &held.name, armed: true };
        copy::range(file, &held.file, length, self.ticket.ok_or(Failure::Internal)?)?;
        guard.disarm();
        held.size = length;
        let mode = held.mode;
        let opened = held.opened(length, true, Publish::Replace, mode);
        self.upload(self.path.clone(), place, opened)
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
