//! A directory to a data connection, or a bounded piece of it into memory.
//!
//! The storage reads and formats the next batch on its pool while the last one is sent. With `-R` a
//! listing goes down [`DEPTH_MAX`] levels and never through a symbolic link; directories that can
//! not be opened are passed over there. It remembers at most [`WAITING_MAX`] directories to visit
//! and fails beyond that, since half a listing would pass for a whole one. A directory itself may
//! have any number of entries.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use flotilla_protocol::entry::{Attributes, Entry, Rights};
use flotilla_protocol::ftp::{Failure, ListFormat, ListRequest};
use flotilla_protocol::path::VirtualPath;

use super::connection::Connection;
use super::lines::Lines;
use super::pace::{Pace, Terms};
use crate::storage::{Directory, Storage};

/// A listing that can be made: its path exists and may be read.
pub struct Listing {
    storage: Arc<dyn Storage>,
    /// `None` only while the storage has it, and after it failed with it.
    lines: Option<Box<Lines>>,
    /// Being read; `None` before the next one is opened.
    directory: Option<Box<dyn Directory>>,
    /// What is read.
    place: Place,
    /// To be visited, the next one last.
    waiting: Vec<Place>,
    long: bool,
}

/// A listing in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collected {
    /// Whole lines, each with CR LF; the last one says so if lines are missing.
    pub lines: Vec<u8>,
    /// Whether lines are missing.
    pub truncated: bool,
}

#[derive(Clone, Debug)]
struct Place {
    path: VirtualPath,
    /// As NLST writes it before names, with its slash, or empty.
    prefix: Vec<u8>,
    depth: usize,
}

impl Listing {
    /// Opens the directory, or finds the file: what fails here fails before the 150. `rights` are
    /// told in the `perm` facts; `now_seconds` decides how LIST writes times.
    ///
    /// # Errors
    ///
    /// The storage's, and [`Failure::NotDirectory`] for MLSD of a file.
    pub async fn open(
        storage: Arc<dyn Storage>,
        request: &ListRequest,
        rights: Rights,
        now_seconds: i64,
    ) -> Result<Self, Failure> {
        let mut lines = Box::new(Lines::new(request, rights, now_seconds, BATCH_BYTES));
        let facts = matches!(request.format, ListFormat::Facts(_));
        let opened = if request.directory && request.pattern.is_none() && !facts {
            Err(Failure::NotDirectory)
        } else {
            storage.read_directory(&request.path).await
        };
        let directory = match opened {
            Ok(directory) => {
                write_dots(&*storage, request, &mut lines).await?;
                Some(directory)
            }
            Err(Failure::NotDirectory) if !facts && request.pattern.is_none() => {
                write_itself(&*storage, request, &mut lines).await?;
                None
            }
            Err(failure) => return Err(failure),
        };
        Ok(Self {
            storage,
            lines: Some(lines),
            directory,
            place: Place { path: request.path.clone(), prefix: request.prefix.clone(), depth: 0 },
            waiting: Vec::new(),
            long: request.format == ListFormat::Long,
        })
    }

    /// Sends it and ends the connection cleanly. Tells the bytes of the data connection.
    ///
    /// # Errors
    ///
    /// [`Failure::DataBroken`], [`Failure::DataStalled`], the storage's, and [`Failure::Limit`] for
    /// too large a tree.
    pub async fn send(mut self, mut connection: Connection, terms: &Terms) -> Result<u64, Failure> {
        let before = terms.progress.bytes();
        let mut pace = Pace::new(terms);
        let mut next = self.next(Vec::new()).await?;
        let mut spare = Vec::new();
        while let Some(buffer) = next {
            let (sent, read) =
                join(connection.write_all(&buffer, &mut pace), self.next(spare)).await;
            sent?;
            next = read?;
            spare = buffer;
        }
        connection.finish(&mut pace).await?;
        Ok(terms.progress.bytes().saturating_sub(before))
    }

    /// As many whole lines as fit in `bytes_max`, and a last one that says so if that is not all.
    ///
    /// # Errors
    ///
    /// The storage's, and [`Failure::Limit`] for too large a tree.
    pub async fn collect(mut self, bytes_max: usize) -> Result<Collected, Failure> {
        let mut lines = Vec::new();
        while let Some(buffer) = self.next(Vec::new()).await? {
            lines.extend_from_slice(&buffer);
            if lines.len() > bytes_max {
                lines.truncate(bytes_max);
                let whole = lines.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
                lines.truncate(whole);
                lines.extend_from_slice(TRUNCATED);
                return Ok(Collected { lines, truncated: true });
            }
        }
        Ok(Collected { lines, truncated: false })
    }

    /// The next lines, in a buffer that may reuse `spare`; `None` at the end.
    async fn next(&mut self, mut spare: Vec<u8>) -> Result<Option<Vec<u8>>, Failure> {
        loop {
            if self.directory.is_some() {
                self.read_batch().await?;
            }
            let more = self.directory.is_some() || self.enter_next().await?;
            let lines = self.lines.as_mut().ok_or(Failure::Internal)?;
            if lines.is_full() || !more {
                if lines.out.is_empty() {
                    return Ok(None);
                }
                spare.clear();
                spare.reserve(lines.out.capacity());
                return Ok(Some(std::mem::replace(&mut lines.out, spare)));
            }
        }
    }

    async fn read_batch(&mut self) -> Result<(), Failure> {
        let (Some(directory), Some(lines)) = (self.directory.take(), self.lines.take()) else {
            return Err(Failure::Internal);
        };
        let (directory, visitor, more) = directory.next_batch(lines).await?;
        let mut lines = visitor.into_any().downcast::<Lines>().map_err(|_| Failure::Internal)?;
        for name in lines.directories.drain(..).rev() {
            if self.waiting.len() >= WAITING_MAX {
                return Err(Failure::Limit("the tree is too large for one listing".into()));
            }
            // A path too long to be named can not be listed either.
            if let Ok(path) = self.place.path.child(&name) {
                let mut prefix = self.place.prefix.clone();
                prefix.extend_from_slice(&name);
                prefix.push(b'/');
                self.waiting.push(Place { path, prefix, depth: self.place.depth + 1 });
            }
        }
        self.lines = Some(lines);
        if more {
            self.directory = Some(directory);
        }
        Ok(())
    }

    /// Opens the next directory that waits; `false` if there is none.
    async fn enter_next(&mut self) -> Result<bool, Failure> {
        while let Some(place) = self.waiting.pop() {
            let directory = match self.storage.read_directory(&place.path).await {
                Ok(directory) => directory,
                Err(failure @ (Failure::StorageTimeout | Failure::StorageError)) => {
                    return Err(failure);
                }
                Err(_) => continue,
            };
            let lines = self.lines.as_mut().ok_or(Failure::Internal)?;
            if self.long {
                lines.out.extend_from_slice(b"\r\n");
                let shown = place.prefix.strip_suffix(b"/").unwrap_or(&place.prefix);
                lines.out.extend(shown.iter().map(|&byte| match byte {
                    b'\r' | b'\n' | 0 => b'?',
                    byte => byte,
                }));
                lines.out.extend_from_slice(b":\r\n");
            }
            lines.prefix.clone_from(&place.prefix);
            lines.pattern = None;
            lines.wants_directories = place.depth < DEPTH_MAX;
            self.directory = Some(directory);
            self.place = place;
            return Ok(true);
        }
        Ok(false)
    }
}

impl std::fmt::Debug for Listing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listing").field("place", &self.place).finish_non_exhaustive()
    }
}

/// The directory itself and its parent: `cdir` and `pdir` of MLSD, `.` and `..` of LIST with `-a`.
async fn write_dots(
    storage: &dyn Storage,
    request: &ListRequest,
    lines: &mut Lines,
) -> Result<(), Failure> {
    let wanted = match request.format {
        ListFormat::Facts(_) => true,
        ListFormat::Long => request.all,
        ListFormat::Names => false,
    };
    if !wanted || request.pattern.is_some() {
        return Ok(());
    }
    let own = storage.attributes(&request.path, true).await?;
    lines.write(&entry(b".", own), Some("cdir"));
    if !request.path.is_root() {
        let parent = storage.attributes(&request.path.parent(), true).await?;
        lines.write(&entry(b"..", parent), Some("pdir"));
    }
    Ok(())
}

/// A file, or with `-d` a directory, as the one line of its listing.
async fn write_itself(
    storage: &dyn Storage,
    request: &ListRequest,
    lines: &mut Lines,
) -> Result<(), Failure> {
    let attributes = storage.attributes(&request.path, false).await?;
    let name = request.path.file_name().unwrap_or(b"/");
    // A client that named the file itself has its name as the end of the prefix.
    if let Some(directory) =
        lines.prefix.strip_suffix(b"/").and_then(|typed| typed.strip_suffix(name))
    {
        lines.prefix = directory.to_vec();
    }
    lines.write(&entry(name, attributes), None);
    Ok(())
}

fn entry(name: &[u8], attributes: Attributes) -> Entry<'_> {
    Entry { name, attributes, target: None }
}

/// Drives both to their ends.
async fn join<A: Future, B: Future>(first: A, second: B) -> (A::Output, B::Output) {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let (mut one, mut two) = (None, None);
    std::future::poll_fn(|context| {
        if one.is_none()
            && let Poll::Ready(output) = first.as_mut().poll(context)
        {
            one = Some(output);
        }
        if two.is_none()
            && let Poll::Ready(output) = second.as_mut().poll(context)
        {
            two = Some(output);
        }
        match (one.take(), two.take()) {
            (Some(first), Some(second)) => Poll::Ready((first, second)),
            (first, second) => {
                (one, two) = (first, second);
                Poll::Pending
            }
        }
    })
    .await
}

/// Directories below the first.
pub(super) const DEPTH_MAX: usize = 32;
/// Directories that wait to be visited: with their names a few mebibytes.
pub(super) const WAITING_MAX: usize = 65_536;
/// Lines read and sent at a time in bytes: about 900 entries, against which the trip to the pool
/// does not count.
const BATCH_BYTES: usize = 64 * 1024;
const TRUNCATED: &[u8] = b"(the listing is too long and ends here)\r\n";

#[cfg(test)]
mod tests;
