//! Files: one request after the other for what a file begins and ends with, and many at once for
//! its bytes.

use std::collections::VecDeque;

use super::link::{Link, check};
use super::packet::{Head, attribute, kind, open};
use crate::client::payload::Payload;
use crate::client::{Error, Moved};

/// Reads `size` bytes of a file and drops them.
pub(super) async fn download(link: &mut Link, path: &str, size: u64) -> Result<Moved, Error> {
    let handle = begin(link, path, open::READ).await?;
    let mut reads = Reads { handle: &handle, size, next: 0, waiting: VecDeque::new() };
    reads.ask_ahead(link);
    while !reads.waiting.is_empty() {
        if !link.has_more() {
            link.flush("READ").await?;
        }
        let head = link.head("READ").await?;
        reads.take(link, head).await?;
        reads.ask_ahead(link);
    }
    end(link, &handle).await?;
    Ok(Moved { bytes: size, ..Moved::default() })
}

/// Writes `size` bytes over a file.
pub(super) async fn upload(
    link: &mut Link,
    path: &str,
    payload: &Payload,
    size: u64,
) -> Result<Moved, Error> {
    let handle = begin(link, path, open::WRITE | open::CREATE | open::TRUNCATE).await?;
    let mut sent = 0;
    let mut waiting = VecDeque::with_capacity(DEPTH);
    while sent < size || !waiting.is_empty() {
        while sent < size && waiting.len() < DEPTH {
            let piece = payload.piece(size - sent, PIECE_BYTES);
            let room = handle.len() + piece.len() + 16;
            let request = link.requests.begin(kind::WRITE, room);
            let request = request.string(&handle).large(sent).string(piece);
            waiting.push_back(request.id);
            drop(request);
            sent += piece.len() as u64;
            link.flush("WRITE").await?;
        }
        let head = link.head("WRITE").await?;
        let place = waiting.iter().position(|id| *id == head.id);
        let place = place.filter(|_| head.kind == kind::STATUS);
        waiting.remove(place.ok_or(Error::Protocol("WRITE"))?);
        check("WRITE", &mut link.body("WRITE", head.left).await?)?;
    }
    end(link, &handle).await?;
    Ok(Moved { bytes: size, ..Moved::default() })
}

/// Reads a directory and counts its entries.
pub(super) async fn list(link: &mut Link, path: &str) -> Result<Moved, Error> {
    let id = link.requests.begin(kind::OPENDIR, path.len() + 4).string(path.as_bytes()).id;
    let handle = handle(link, "OPENDIR", id).await?;
    let mut moved = Moved::default();
    loop {
        let id = link.requests.begin(kind::READDIR, handle.len() + 4).string(&handle).id;
        match link.reply("READDIR", id).await {
            Ok((kind::NAME, mut fields)) => moved.entries += fields.names()?,
            Err(Error::Reply { code: super::packet::status::END, .. }) => break,
            Ok(_) => return Err(Error::Protocol("READDIR")),
            Err(error) => return Err(error),
        }
    }
    end(link, &handle).await?;
    Ok(moved)
}

async fn begin(link: &mut Link, path: &str, flags: u32) -> Result<Vec<u8>, Error> {
    let request = link.requests.begin(kind::OPEN, path.len() + 16).string(path.as_bytes());
    let request = request.number(flags);
    let id = if flags & open::CREATE == 0 {
        request.number(0).id
    } else {
        request.number(attribute::PERMISSIONS).number(MODE).id
    };
    handle(link, "OPEN", id).await
}

async fn handle(link: &mut Link, step: &'static str, id: u32) -> Result<Vec<u8>, Error> {
    match link.reply(step, id).await? {
        (kind::HANDLE, mut fields) => Ok(fields.string()?.to_vec()),
        _ => Err(Error::Protocol(step)),
    }
}

async fn end(link: &mut Link, handle: &[u8]) -> Result<(), Error> {
    let id = link.requests.begin(kind::CLOSE, handle.len() + 4).string(handle).id;
    match link.reply("CLOSE", id).await? {
        (kind::STATUS, _) => Ok(()),
        _ => Err(Error::Protocol("CLOSE")),
    }
}

/// A file that is being read.
struct Reads<'a> {
    handle: &'a [u8],
    size: u64,
    /// The first byte that nobody has asked for.
    next: u64,
    waiting: VecDeque<Read>,
}

struct Read {
    id: u32,
    offset: u64,
    length: u32,
}

impl Reads<'_> {
    /// Asks for what comes next, as far as may be on its way at once.
    fn ask_ahead(&mut self, link: &mut Link) {
        while self.next < self.size && self.waiting.len() < DEPTH {
            let left = u32::try_from(self.size - self.next).unwrap_or(u32::MAX);
            let length = left.min(PIECE_BYTES as u32);
            self.ask(link, self.next, length);
            self.next += u64::from(length);
        }
    }

    fn ask(&mut self, link: &mut Link, offset: u64, length: u32) {
        let request = link.requests.begin(kind::READ, self.handle.len() + 16);
        let id = request.string(self.handle).large(offset).number(length).id;
        self.waiting.push_back(Read { id, offset, length });
    }

    /// Takes one reply and drops its bytes. Where a server sent less, the rest is asked for again;
    /// an end before the size is an error.
    async fn take(&mut self, link: &mut Link, head: Head) -> Result<(), Error> {
        let broken = || Error::Protocol("READ");
        let place = self.waiting.iter().position(|read| read.id == head.id);
        let read = place.and_then(|place| self.waiting.remove(place)).ok_or_else(broken)?;
        if head.kind == kind::STATUS {
            check("READ", &mut link.body("READ", head.left).await?)?;
        }
        if head.kind != kind::DATA || head.left < size_of::<u32>() {
            return Err(broken());
        }
        let length = link.number("READ").await?;
        if length == 0 || length > read.length || length as usize != head.left - size_of::<u32>() {
            return Err(broken());
        }
        link.skip("READ", length as usize).await?;
        if length < read.length {
            self.ask(link, read.offset + u64::from(length), read.length - length);
        }
        Ok(())
    }
}

/// Requests on their way at once, as OpenSSH's client has them.
const DEPTH: usize = 64;

/// Bytes per request, as OpenSSH's client asks for them.
const PIECE_BYTES: usize = 32 * 1024;

/// What a new file's mode shall be, as clients ask for it.
const MODE: u32 = 0o644;
