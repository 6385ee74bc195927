//! From a request of the machine to work on the user's files.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use flotilla_cluster::session::Direction;
use flotilla_protocol::entry::{AttributeChange, Kind};
use flotilla_protocol::failure::Failure;
use flotilla_protocol::path::VirtualPath;
use flotilla_protocol::scp::{Outcome, Request};

use super::upload::Upload;
use super::{Done, Download, Entered, GET, PUT, Server};
use crate::files::Files;
use crate::ssh::expand::{expand, names};
use crate::ssh::record::Change;
use crate::storage::{CreateMode, CreateOptions, Directory, Storage, Work};

impl Server {
    /// Begins one request; what is answered at once is finished here.
    pub(super) fn begin(&mut self, request: Request, now: Instant) {
        let files = self.files.clone();
        match request {
            Request::Glob { pattern } => {
                let work = Work::pending(async move { expand(&files, &pattern).await });
                self.start(work, now, |result| Done::Answer(Outcome::Matches(result)));
            }
            Request::Stat { path } => {
                let work = files.attributes(&path, true);
                self.start(work, now, |result| Done::Answer(Outcome::Attributes(result)));
            }
            Request::MakeDirectory { path, mode } => self.make_directory(path, mode, now),
            Request::SetAttributes { path, change } => {
                let work = files.set_attributes(&path, change, true);
                let change = Change::of("set attributes", path);
                self.start(work, now, |result| Done::Changed(change, result));
            }
            Request::Create { path, size, mode } => self.create(path, size, mode, now),
            Request::Write { data } => self.write(data, now),
            Request::Finish { change } => self.publish(change, now),
            Request::Abandon { keep } => self.abandon(keep, now),
            Request::Open { path } => {
                let work = files.open(&path);
                let (path, card) = (Rc::new(path), Rc::clone(&self.card));
                let (record, part) = (Rc::clone(&self.record), self.record.part(now));
                self.start(work, now, move |result| {
                    record.trace_unopened(GET, &path, now, result.as_ref().err());
                    Done::Opened(result.map(|source| {
                        let moving = card.begin(GET, Direction::Download, &path, now);
                        Download { path, source: source.into(), moving, part, failed: None }
                    }))
                });
            }
            Request::Read { length } => self.begin_read(length, now),
            Request::Close => self.end_download(None, now),
            Request::OpenDirectory { path } => {
                let work = Work::pending(enter(files, path));
                self.start(work, now, Done::Entered);
            }
            Request::ReadDirectory { names_max } => {
                let directory = self.directories.last_mut().and_then(Option::take);
                let work = Work::pending(next_names(directory, names_max));
                self.start(work, now, Done::Names);
            }
            Request::CloseDirectory => drop(self.directories.pop()),
        }
    }

    fn make_directory(&mut self, path: VirtualPath, mode: u32, now: Instant) {
        let mode = mode & 0o777 & !self.umask;
        let usual = 0o777 & !self.umask;
        let files = self.files.clone();
        let made = files.make_directory(&path);
        let at = path.clone();
        let work = Work::pending(async move {
            made.await?;
            if mode != usual {
                let change = AttributeChange { mode: Some(mode), ..AttributeChange::default() };
                files.set_attributes(&at, change, false).await?;
            }
            Ok(())
        });
        let change = Change::of("make directory", path);
        self.start(work, now, |result| Done::Changed(change, result));
    }

    fn create(&mut self, path: VirtualPath, size: u64, mode: u32, now: Instant) {
        let options = CreateOptions {
            expected: size,
            permissions: Some(mode),
            ..CreateOptions::new(CreateMode::Replace)
        };
        let work = self.files.create(&path, options);
        let (path, card) = (Rc::new(path), Rc::clone(&self.card));
        let (record, part) = (Rc::clone(&self.record), self.record.part(now));
        self.start(work, now, move |result| {
            record.trace_unopened(PUT, &path, now, result.as_ref().err());
            Done::Created(result.map(|sink| {
                let moving = card.begin(PUT, Direction::Upload, &path, now);
                Upload { path, sink: sink.into(), moving, part }
            }))
        });
    }

    fn write(&mut self, data: Vec<u8>, now: Instant) {
        let count = data.len();
        let work = match &self.upload {
            Some(Upload { sink, moving, .. }) => match sink.write_now(moving.bytes(), &data) {
                Some(result) => Work::ready(result.map(|()| data)),
                None => Arc::clone(sink).write(moving.bytes(), data),
            },
            None => Work::ready(Err(Failure::Internal)),
        };
        self.start(work, now, move |result| Done::Written(count, result));
    }

    /// What the client did not send wholly is kept or not as `storage.on_abort` says, unless it is not
    /// even the beginning of the file: nobody must go on with that.
    fn abandon(&mut self, keep: bool, now: Instant) {
        if let Some(sink) = self.upload.as_ref().map(|upload| Arc::clone(&upload.sink))
            && !keep
        {
            let change = AttributeChange { size: Some(0), ..AttributeChange::default() };
            self.start(sink.change(change), now, |_| Done::Emptied);
        }
        self.end_upload(Some(&Failure::DataBroken), now);
    }

    fn publish(&mut self, change: AttributeChange, now: Instant) {
        let Some(upload) = &self.upload else {
            return self.finish(Done::Finished(Err(Failure::Internal)), now);
        };
        let (sink, size) = (Arc::clone(&upload.sink), upload.moving.bytes());
        let work = if change == AttributeChange::default() {
            sink.publish(size)
        } else {
            Work::pending(async move {
                Arc::clone(&sink).change(change).await?;
                sink.publish(size).await
            })
        };
        self.start(work, now, Done::Finished);
    }

    fn begin_read(&mut self, length: usize, now: Instant) {
        let Some(download) = &self.download else {
            return self.finish(Done::Read(Err(Failure::Internal)), now);
        };
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.resize(length, 0);
        let offset = download.moving.bytes();
        let left = download.source.attributes().size.saturating_sub(offset);
        let work = match download.source.read_now(offset, &mut buffer) {
            // Less than there is means that the caches hold only a part: the pool reads all of it.
            Some(Ok(count)) if count == length || count as u64 >= left => {
                Work::ready(Ok((buffer, count)))
            }
            Some(Err(failure)) => Work::ready(Err(failure)),
            Some(Ok(_)) | None => Arc::clone(&download.source).read_after(offset, buffer, 0),
        };
        self.start(work, now, Done::Read);
    }

    /// Finishes what is done, and lets the rest wait.
    fn start<T: Unpin + 'static>(
        &mut self,
        work: Work<T>,
        now: Instant,
        then: impl FnOnce(Result<T, Failure>) -> Done + 'static,
    ) {
        match work {
            Work::Ready(result) => {
                self.finish(then(result.unwrap_or(Err(Failure::Internal))), now);
            }
            Work::Pending(future) => self.work = Some(Box::pin(async move { then(future.await) })),
        }
    }
}

async fn enter(files: Files, path: VirtualPath) -> Result<Entered, Failure> {
    let attributes = files.attributes(&path, true).await?;
    if attributes.kind != Kind::Directory {
        return Err(Failure::NotDirectory);
    }
    Ok(Entered { directory: files.read_directory(&path).await?, attributes })
}

/// Some names; none only at the end.
async fn next_names(
    directory: Option<Box<dyn Directory>>,
    max: usize,
) -> Result<(Box<dyn Directory>, Vec<Vec<u8>>), Failure> {
    let mut directory = directory.ok_or(Failure::Internal)?;
    loop {
        let (next, names, more) = names(directory, max).await?;
        if !names.is_empty() || !more {
            return Ok((next, names));
        }
        directory = next;
    }
}
