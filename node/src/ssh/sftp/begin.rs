//! From a request of the machine to work on the user's files.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use flotilla_protocol::digest::Algorithm;
use flotilla_protocol::entry::AttributeChange;
use flotilla_protocol::failure::Failure;
use flotilla_protocol::path::VirtualPath;
use flotilla_protocol::sftp::{
    DATA_HEADROOM, DIGEST_BYTES_MAX, DigestTarget, HandleId, NameList, OpenFlags, Outcome, Request,
    Ticket,
};

use super::finish::Finished;
use super::listing::Lister;
use super::open::{Content, File, Open};
use super::{Server, copy, names};
use crate::files::Files;
use crate::ssh::record::{Change, now_seconds};
use crate::storage::{CreateMode, CreateOptions, Edit, Storage, Visitor, Work};

impl Server {
    /// Begins one request; what is answered at once is finished here.
    pub(super) fn begin(&mut self, ticket: Ticket, request: Request, now: Instant) {
        self.doing = self.doing(&request);
        match self.doing {
            Some((command, _)) => self.card.note(command, now),
            None => self.card.touch(now),
        }
        self.ask(ticket, &request, now);
        let answer = move |outcome| Finished::Answer(ticket, outcome);
        match request {
            Request::Open { handle, path, flags, attributes } => {
                self.open_file(ticket, handle, path, flags, attributes, now);
            }
            Request::OpenDirectory { handle, path } => {
                let (work, part) = (self.files.read_directory(&path), self.record.part(now));
                self.start(work, now, move |result| {
                    let open = result.map(|entries| Open::directory(Rc::new(path), entries, part));
                    Finished::Opened(ticket, handle, open)
                });
            }
            Request::Read { handle, offset, buffer, .. } => {
                self.begin_read(ticket, handle, offset, buffer, now);
            }
            Request::Write { handle, offset, data } => {
                self.begin_write(ticket, handle, offset, data, now);
            }
            Request::Close { handle } => self.close_handle(ticket, handle, now),
            Request::ReadDirectory { handle, names } => self.list(ticket, handle, names, now),
            Request::Sync { handle } => {
                let work = match self.open.get(&handle) {
                    Some(Open::File(File { content: Content::Sink(sink), .. })) => {
                        Arc::clone(sink).sync()
                    }
                    // What is only read has nothing to be written.
                    Some(_) => Work::ready(Ok(())),
                    None => lost(),
                };
                self.start(work, now, move |r| answer(tell(r, |()| Outcome::Done)));
            }
            Request::Names { users, groups } => {
                let (users, groups) = (names::users(&users), names::groups(&groups));
                self.finish(answer(Outcome::AccountNames { users, groups }), now);
            }
            Request::CopyData { .. } | Request::Digest { .. } => {
                self.read_through(ticket, request, now)
            }
            Request::Attributes { .. }
            | Request::HandleAttributes { .. }
            | Request::ReadLink(_)
            | Request::FileSystem { .. }
            | Request::HandleFileSystem { .. } => self.look(ticket, request, now),
            change => self.change(ticket, change, now),
        }
    }

    /// Requests that only look.
    fn look(&mut self, ticket: Ticket, request: Request, now: Instant) {
        let answer = move |outcome| Finished::Answer(ticket, outcome);
        match request {
            Request::Attributes { path, follow } => {
                let work = self.files.attributes(&path, follow);
                self.start(work, now, move |r| answer(tell(r, Outcome::Attributes)));
            }
            Request::HandleAttributes { handle } => {
                let work = match self.open.get(&handle) {
                    Some(Open::File(file)) => match &file.content {
                        Content::Source(source) => Arc::clone(source).now(),
                        Content::Sink(sink) => Arc::clone(sink).attributes(),
                    },
                    Some(Open::Directory { path, .. }) => self.files.attributes(path, true),
                    None => lost(),
                };
                self.start(work, now, move |r| answer(tell(r, Outcome::Attributes)));
            }
            Request::ReadLink(path) => {
                let work = self.files.read_link(&path);
                self.start(work, now, move |r| answer(tell(r, Outcome::Link)));
            }
            Request::FileSystem { path } => {
                let work = self.files.file_system(&path);
                self.start(work, now, move |r| answer(tell(r, Outcome::FileSystem)));
            }
            Request::HandleFileSystem { handle } => {
                let work = self.open.get(&handle).map(|open| self.files.file_system(open.path()));
                let work = work.unwrap_or_else(lost);
                self.start(work, now, move |r| answer(tell(r, Outcome::FileSystem)));
            }
            // Everything else is begun elsewhere.
            _ => self.finish(answer(Outcome::Failed(Failure::Internal)), now),
        }
    }

    /// Requests that read whole files, and nothing of them goes to the client.
    fn read_through(&mut self, ticket: Ticket, request: Request, now: Instant) {
        let answer = move |outcome| Finished::Answer(ticket, outcome);
        match request {
            Request::CopyData { source, offset, length, target, target_offset } => {
                let work = match (self.open.get(&source), self.open.get(&target)) {
                    (
                        Some(Open::File(File { content, .. })),
                        Some(Open::File(File { content: Content::Sink(sink), .. })),
                    ) => {
                        let (content, sink) = (content.clone(), Arc::clone(sink));
                        Work::pending(copy::copy(content, offset, length, sink, target_offset))
                    }
                    _ => lost(),
                };
                self.start(work, now, move |result| Finished::Copied(ticket, target, result));
            }
            Request::Digest { target, algorithm, start, length, block } => {
                let path = match target {
                    DigestTarget::Path(path) => Some(path),
                    DigestTarget::Handle(handle) => {
                        self.open.get(&handle).map(|open| open.path().clone())
                    }
                };
                let files = self.files.clone();
                let work = match path {
                    Some(path) => {
                        Work::pending(digest(files, path, algorithm, (start, length), block))
                    }
                    None => lost(),
                };
                self.start(work, now, move |r| answer(tell(r, Outcome::Digest)));
            }
            // Everything else is begun elsewhere.
            _ => self.finish(answer(Outcome::Failed(Failure::Internal)), now),
        }
    }

    /// Requests that change the tree and are no transfers.
    fn change(&mut self, ticket: Ticket, request: Request, now: Instant) {
        let files = &self.files;
        let (work, change) = match request {
            Request::SetAttributes { path, change, follow } => {
                (files.set_attributes(&path, change, follow), Change::of("set attributes", path))
            }
            Request::SetHandleAttributes { handle, change } => match self.open.get(&handle) {
                Some(Open::File(File { content: Content::Sink(sink), path, .. })) => {
                    let path = path.as_ref().clone();
                    (Arc::clone(sink).change(change), Change::of("set attributes", path))
                }
                Some(open) => {
                    let path = open.path().clone();
                    (files.set_attributes(&path, change, true), Change::of("set attributes", path))
                }
                None => (lost(), Change::of("set attributes", VirtualPath::root())),
            },
            Request::Remove(path) => (files.remove_file(&path), Change::deletion(path)),
            Request::MakeDirectory { path, mode } => {
                let mode = mode.map(|mode| mode & 0o777 & !self.umask);
                let mode = mode.filter(|&mode| mode != 0o777 & !self.umask);
                let work = files.make_directory(&path);
                let work = match mode {
                    None => work,
                    Some(mode) => with_mode(files.clone(), path.clone(), work, mode),
                };
                (work, Change::of("make directory", path))
            }
            Request::RemoveDirectory(path) => {
                (files.remove_directory(&path), Change::of("remove directory", path))
            }
            Request::Rename { from, to, replace } => {
                (files.rename(&from, &to, replace), Change::to("rename", from, to))
            }
            Request::Symlink { target, link } => {
                (files.symlink(&target, &link), Change::of("symbolic link", link))
            }
            Request::HardLink { existing, new } => {
                (files.hard_link(&existing, &new), Change::to("hard link", existing, new))
            }
            // Everything else is begun elsewhere.
            _ => (Work::ready(Err(Failure::Internal)), Change::of("unknown", VirtualPath::root())),
        };
        let change = Box::new(change);
        self.start(work, now, move |result| Finished::Changed(ticket, change, result));
    }

    fn open_file(
        &mut self,
        ticket: Ticket,
        handle: HandleId,
        path: VirtualPath,
        flags: OpenFlags,
        attributes: AttributeChange,
        now: Instant,
    ) {
        let work = if flags.write {
            let mode = CreateMode::Edit(Edit {
                read: flags.read,
                create: flags.create,
                truncate: flags.truncate,
                exclusive: flags.exclusive,
                append: flags.append,
            });
            let permissions = attributes.mode.map(|mode| mode & 0o777);
            let options = CreateOptions { permissions, ..CreateOptions::new(mode) };
            self.files.create(&path, options).map(|sink| Content::Sink(sink.into()))
        } else {
            self.files.open(&path).map(|source| Content::Source(source.into()))
        };
        let (path, card, part) = (Rc::new(path), Rc::clone(&self.card), self.record.part(now));
        self.start(work, now, move |result| {
            let open = result.map(|content| Open::file(&card, path, content, part));
            Finished::Opened(ticket, handle, open)
        });
    }

    fn begin_read(
        &mut self,
        ticket: Ticket,
        handle: HandleId,
        offset: u64,
        mut buffer: Vec<u8>,
        now: Instant,
    ) {
        let Some(Open::File(File { content, .. })) = self.open.get(&handle) else {
            return self.finish(Finished::Answer(ticket, Outcome::Failed(Failure::Internal)), now);
        };
        let room = buffer.get_mut(DATA_HEADROOM..).unwrap_or_default();
        let wanted = room.len();
        let (read, size) = match content {
            Content::Source(source) => (source.read_now(offset, room), source.attributes().size),
            Content::Sink(sink) => (sink.read_now(offset, room), 0),
        };
        let cut = move |mut buffer: Vec<u8>, count: usize| {
            buffer.truncate(DATA_HEADROOM + count);
            buffer
        };
        let work = match read {
            // Less than there is means that the caches hold only a part: the pool reads all of it.
            Some(Ok(count)) if count < wanted && offset.saturating_add(count as u64) < size => None,
            Some(Ok(count)) => Some(Work::ready(Ok(cut(std::mem::take(&mut buffer), count)))),
            Some(Err(failure)) => Some(Work::ready(Err(failure))),
            None => None,
        };
        let work = work.unwrap_or_else(|| {
            let read = match content {
                Content::Source(s) => Arc::clone(s).read_after(offset, buffer, DATA_HEADROOM),
                Content::Sink(s) => Arc::clone(s).read_after(offset, buffer, DATA_HEADROOM),
            };
            read.map(move |(buffer, count)| cut(buffer, count))
        });
        self.start(work, now, move |result| Finished::Read(ticket, handle, result));
    }

    fn begin_write(
        &mut self,
        ticket: Ticket,
        handle: HandleId,
        offset: u64,
        data: Vec<u8>,
        now: Instant,
    ) {
        let count = data.len();
        let work = match self.open.get(&handle) {
            Some(Open::File(File { content: Content::Sink(sink), .. })) => {
                match sink.write_now(offset, &data) {
                    Some(result) => Work::ready(result.map(|()| data)),
                    None => Arc::clone(sink).write(offset, data),
                }
            }
            _ => lost(),
        };
        self.start(work, now, move |result| Finished::Written(ticket, handle, count, result));
    }

    fn list(&mut self, ticket: Ticket, handle: HandleId, names: NameList, now: Instant) {
        let entries = match self.open.get_mut(&handle) {
            Some(Open::Directory { ended: true, .. }) => {
                return self.finish(Finished::Answer(ticket, Outcome::Names(names)), now);
            }
            Some(Open::Directory { entries, .. }) => entries.take(),
            _ => None,
        };
        let work = match entries {
            Some(entries) => {
                let lister: Visitor = Lister::new(names, now_seconds());
                entries.next_batch(lister).and_then(|(entries, visitor, more)| {
                    Ok((entries, Lister::names(visitor)?, more))
                })
            }
            None => lost(),
        };
        self.start(work, now, move |result| Finished::Listed(ticket, handle, result));
    }

    fn close_handle(&mut self, ticket: Ticket, handle: HandleId, now: Instant) {
        match self.open.remove(&handle) {
            Some(Open::File(file)) => {
                let work = match &file.content {
                    Content::Source(_) => Work::ready(Ok(())),
                    Content::Sink(sink) => Arc::clone(sink).close(),
                };
                let file = Box::new(file);
                self.start(work, now, move |result| Finished::Closed(ticket, file, result));
            }
            Some(Open::Directory { path, part, .. }) => {
                self.record.trace_listing(part, &path, None);
                self.finish(Finished::Answer(ticket, Outcome::Done), now);
            }
            None => self.finish(Finished::Answer(ticket, Outcome::Failed(Failure::Internal)), now),
        }
    }

    /// Finishes what is done, and lets the rest wait.
    fn start<T: 'static>(
        &mut self,
        work: Work<T>,
        now: Instant,
        then: impl FnOnce(Result<T, Failure>) -> Finished + 'static,
    ) {
        match work {
            Work::Ready(result) => {
                self.finish(then(result.unwrap_or(Err(Failure::Internal))), now);
            }
            Work::Pending(future) => {
                let operation = self.doing.take();
                let operation = operation.map(|(what, on)| self.card.operate(what, on));
                self.work.push(Box::pin(async move {
                    let _operation = operation;
                    then(future.await)
                }));
            }
        }
    }
}

/// A handle that the machine knows and we do not: our own fault.
fn lost<T>() -> Work<T> {
    Work::ready(Err(Failure::Internal))
}

fn tell<T>(result: Result<T, Failure>, outcome: impl FnOnce(T) -> Outcome) -> Outcome {
    result.map_or_else(Outcome::Failed, outcome)
}

/// A directory that is to have other permission bits than the umask leaves.
fn with_mode(files: Files, path: VirtualPath, made: Work<()>, mode: u32) -> Work<()> {
    Work::pending(async move {
        made.await?;
        let change = AttributeChange { mode: Some(mode), ..AttributeChange::default() };
        files.set_attributes(&path, change, false).await
    })
}

/// The hash of a range, or one after another those of its blocks.
async fn digest(
    files: Files,
    path: VirtualPath,
    algorithm: Algorithm,
    (start, length): (u64, Option<u64>),
    block: Option<u64>,
) -> Result<Vec<u8>, Failure> {
    let size = files.attributes(&path, true).await?.size;
    let end = length.map_or(size, |length| start.saturating_add(length).min(size));
    let Some(block) = block else {
        let (hex, _) = files.digest(&path, algorithm, start, Some(end)).await?;
        return Ok(unhex(&hex));
    };
    let mut hashes = Vec::new();
    let mut at = start;
    while at < end && hashes.len() <= DIGEST_BYTES_MAX {
        let next = at.saturating_add(block).min(end);
        let (hex, _) = files.digest(&path, algorithm, at, Some(next)).await?;
        hashes.extend(unhex(&hex));
        at = next;
    }
    Ok(hashes)
}

/// Bytes of a hexadecimal text, as the storage writes it.
fn unhex(hex: &str) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).unwrap_or(0) as u8;
    let bytes = hex.as_bytes().chunks_exact(2);
    bytes.map(|pair| pair.iter().fold(0, |byte, half| byte << 4 | digit(half))).collect()
}
