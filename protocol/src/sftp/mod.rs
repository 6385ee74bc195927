//! SFTP version 3 (draft-ietf-secsh-filexfer-02) with the extensions of OpenSSH.

mod handle;
mod name;
mod session;

pub use handle::HandleId;
pub use name::NameList;
pub use session::{
    DigestTarget, OpenFlags, Outcome, Request, Session, Settings, Ticket, Usage, Violation,
};

/// Bytes before the data in the buffer of a [`Request::Read`]: length, type, id and length of the
/// data.
pub const DATA_HEADROOM: usize = 13;
/// Bytes that one READ gives at the most, as `limits@openssh.com` says (255 KiB, as OpenSSH has it).
pub const READ_BYTES_MAX: usize = 255 * 1024;
/// Bytes of hashes that one reply takes: a packet is 256 KiB at the most.
pub const DIGEST_BYTES_MAX: usize = 255 * 1024;
/// Numbers of users, and of groups, in one `users-groups-by-id@openssh.com`.
pub const NAMES_MAX: usize = 4096;
