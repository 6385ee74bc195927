//! What the client is told when a request is done.

use super::accept::TOO_MANY_BLOCKS;
use super::flight::{Expected, Flight, Origin};
use super::lane::DigestWork;
use super::request::{DigestTarget, Outcome, Request};
use super::{HandleId, Session};
use crate::digest::Algorithm;
use crate::entry::{Attributes, FileSystem};
use crate::failure::Failure;
use crate::sftp::name::{self, NameList};
use crate::sftp::status::{Refusal, Status};
use crate::sftp::wire::{put_string, put_u32, put_u64, write_head, write_packet};
use crate::sftp::{DATA_HEADROOM, DIGEST_BYTES_MAX, attributes, packet};

impl Session {
    /// Answers the client, gives back what the request held, and lets others go on.
    pub(super) fn answer(&mut self, flight: Flight, outcome: Outcome) {
        let Flight { id, origin, expected } = flight;
        match expected {
            Expected::Data(length) => self.producing -= DATA_HEADROOM + length,
            Expected::Names(bytes) => self.producing -= bytes,
            Expected::Written(capacity) => self.payload -= capacity,
            // Whatever became of it, the handle is void.
            Expected::Closed(handle) => self.queue.remove(handle),
            Expected::Opened(handle) => match outcome {
                Outcome::Opened => self.queue.opened(handle),
                _ => self.queue.remove(handle),
            },
            _ => {}
        }
        match outcome {
            Outcome::Failed(failure) => self.fail(id, &failure),
            outcome => self.succeed(id, &expected, outcome),
        }
        match origin {
            Origin::Lane(handle) => self.queue.finish_lane(handle),
            Origin::Barrier => self.queue.finish_barrier(),
        }
    }

    fn succeed(&mut self, id: u32, expected: &Expected, outcome: Outcome) {
        match (expected, outcome) {
            (Expected::Done | Expected::Closed(_) | Expected::Written(_), Outcome::Done) => {
                self.ok(id);
            }
            (Expected::Written(_), Outcome::Written(buffer)) => {
                self.pool.put(buffer);
                self.ok(id);
            }
            (Expected::Opened(handle), Outcome::Opened) => self.tell_handle(id, *handle),
            (Expected::Data(length), Outcome::Data(buffer)) => self.tell_data(id, *length, buffer),
            (Expected::Names(_), Outcome::Names(names)) => self.tell_names(id, names),
            (Expected::Attributes, Outcome::Attributes(attributes)) => {
                self.tell_attributes(id, &attributes);
            }
            (Expected::Link, Outcome::Link(target)) => {
                self.write(|out| name::write_single(out, id, &target));
            }
            (Expected::FileSystem, Outcome::FileSystem(system)) => {
                self.tell_file_system(id, &system);
            }
            (Expected::Digest { algorithm, is_named }, Outcome::Digest(hashes)) => {
                self.tell_digest(id, *algorithm, *is_named, &hashes);
            }
            (
                Expected::AccountNames { users, groups },
                Outcome::AccountNames { users: user_names, groups: group_names },
            ) if (user_names.len(), group_names.len()) == (*users, *groups) => {
                self.tell_names_of(id, &user_names, &group_names);
            }
            _ => self.fail(id, &Failure::Internal),
        }
    }

    fn ok(&mut self, id: u32) {
        self.status(id, Status::Ok, "Success.");
    }

    fn fail(&mut self, id: u32, failure: &Failure) {
        self.status(id, Status::of(failure), failure.text());
    }

    fn end(&mut self, id: u32) {
        self.status(id, Status::Eof, "End of file.");
    }

    fn tell_handle(&mut self, id: u32, handle: HandleId) {
        self.write(|out| {
            write_packet(out, packet::HANDLE, |out| {
                put_u32(out, id);
                put_string(out, &handle.to_wire());
            });
        });
    }

    /// The buffer becomes the packet: its head goes into the headroom.
    fn tell_data(&mut self, id: u32, length: usize, mut buffer: Vec<u8>) {
        buffer.truncate(DATA_HEADROOM + length);
        match buffer.len().checked_sub(DATA_HEADROOM) {
            None => {
                self.pool.put(buffer);
                self.fail(id, &Failure::Internal);
            }
            Some(0) => {
                self.pool.put(buffer);
                self.end(id);
            }
            Some(read) => {
                write_head(&mut buffer, packet::DATA, id, read, read as u32);
                self.output.push(buffer);
            }
        }
    }

    fn tell_names(&mut self, id: u32, names: NameList) {
        if names.is_empty() {
            self.pool.put(names.into_buffer());
            self.end(id);
        } else {
            self.output.push(names.into_packet(id));
        }
    }

    fn tell_attributes(&mut self, id: u32, attributes: &Attributes) {
        self.write(|out| {
            write_packet(out, packet::ATTRS, |out| {
                put_u32(out, id);
                attributes::write(out, attributes);
            });
        });
    }

    /// The reply to `statvfs@openssh.com` (OpenSSH's `PROTOCOL`, 4.4).
    fn tell_file_system(&mut self, id: u32, system: &FileSystem) {
        let flags = if system.read_only { READ_ONLY } else { 0 } | NO_SET_USER_ID;
        let fields = [
            system.block_bytes,
            system.fragment_bytes,
            system.blocks,
            system.blocks_free,
            system.blocks_available,
            system.files,
            system.files_free,
            system.files_available,
            system.id,
            flags,
            system.name_bytes_max,
        ];
        self.write(|out| {
            write_packet(out, packet::EXTENDED_REPLY, |out| {
                put_u32(out, id);
                for field in fields {
                    put_u64(out, field);
                }
            });
        });
    }

    fn tell_digest(&mut self, id: u32, algorithm: Algorithm, is_named: bool, hashes: &[u8]) {
        if hashes.len() > DIGEST_BYTES_MAX {
            return self.refuse(id, TOO_MANY_BLOCKS);
        }
        self.write(|out| {
            write_packet(out, packet::EXTENDED_REPLY, |out| {
                put_u32(out, id);
                if is_named {
                    put_string(out, b"check-file");
                }
                put_string(out, algorithm_name(algorithm));
                out.extend_from_slice(hashes);
            });
        });
    }

    fn tell_names_of(&mut self, id: u32, users: &[Vec<u8>], groups: &[Vec<u8>]) {
        let bytes = |names: &[Vec<u8>]| names.iter().map(|name| 4 + name.len()).sum::<usize>();
        if bytes(users) + bytes(groups) > NAMES_BYTES_MAX {
            return self.refuse(id, LONG_NAMES);
        }
        self.write(|out| {
            write_packet(out, packet::EXTENDED_REPLY, |out| {
                put_u32(out, id);
                for names in [users, groups] {
                    put_u32(out, bytes(names) as u32);
                    for name in names {
                        put_string(out, name);
                    }
                }
            });
        });
    }
}

impl Expected {
    /// What a request that opens, reads and closes nothing is answered with.
    pub(super) fn of(request: &Request) -> Self {
        match request {
            Request::Attributes { .. } | Request::HandleAttributes { .. } => Self::Attributes,
            Request::ReadLink(_) => Self::Link,
            Request::FileSystem { .. } | Request::HandleFileSystem { .. } => Self::FileSystem,
            Request::Names { users, groups } => {
                Self::AccountNames { users: users.len(), groups: groups.len() }
            }
            _ => Self::Done,
        }
    }
}

impl DigestWork {
    pub(super) fn request(self, target: DigestTarget) -> (Expected, Request) {
        let Self { algorithm, start, length, block, is_named } = self;
        let request = Request::Digest { target, algorithm, start, length, block };
        (Expected::Digest { algorithm, is_named }, request)
    }
}

/// The name in `check-file`: small letters without a hyphen.
fn algorithm_name(algorithm: Algorithm) -> &'static [u8] {
    match algorithm {
        Algorithm::Crc32 => b"crc32",
        Algorithm::Md5 => b"md5",
        Algorithm::Sha1 => b"sha1",
        Algorithm::Sha256 => b"sha256",
        Algorithm::Sha512 => b"sha512",
    }
}

// Flags of `statvfs@openssh.com`. Nothing on this server's file systems gains rights when run.
const READ_ONLY: u64 = 0x1;
const NO_SET_USER_ID: u64 = 0x2;

/// Bytes of names in one reply.
const NAMES_BYTES_MAX: usize = 255 * 1024;
const LONG_NAMES: Refusal = Refusal::new(Status::Failure, "Too many names at once.");
