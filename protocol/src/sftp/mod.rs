//! SFTP version 3 (draft-ietf-secsh-filexfer-02) with the extensions of OpenSSH.
//!
//! Bytes of the channel go through a frame reader (bounded packets, the data of a WRITE straight
//! into its own buffer) and a decoder into typed operations; the [`Session`] refuses them, answers
//! them, or queues them as typed [`Request`]s to its owner. DATA and NAME replies are the buffers
//! that the owner filled.

mod attributes;
#[cfg(test)]
mod client;
mod extension;
mod frame;
mod handle;
mod name;
mod output;
mod packet;
mod pool;
mod session;
mod status;
mod wire;

pub use handle::HandleId;
pub use name::NameList;
pub use session::{
    DigestTarget, OpenFlags, Outcome, Request, Session, Settings, Ticket, Usage, Violation,
};

/// Bytes before the data in the buffer of a [`Request::Read`]: length, type, id and length of the
/// data.
pub const DATA_HEADROOM: usize = wire::HEAD_BYTES;
/// Bytes that one READ gives at the most, as `limits@openssh.com` says (255 KiB, as OpenSSH has it).
pub const READ_BYTES_MAX: usize = 255 * 1024;
/// Bytes of hashes that one reply takes: a packet is 256 KiB at the most.
pub const DIGEST_BYTES_MAX: usize = 255 * 1024;
/// Numbers of users, and of groups, in one `users-groups-by-id@openssh.com`.
pub const NAMES_MAX: usize = 4096;
