//! What one session may hold.

/// Limits of one session. What they do not name is bounded by constants of [`sftp`](crate::sftp).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The user's name: `~name` and `home-directory` know this one, and no other.
    pub user: Vec<u8>,
    /// SYMLINK names the link first and what it holds second, as the draft has it. OpenSSH has it the
    /// other way round, and so have most clients; some ask the server for its name, and go by the draft
    /// with every other.
    pub symlink_by_draft: bool,
    /// Bytes of WRITE buffers held, above which [`Session::wants_input`] becomes false. One buffer
    /// more may be there, and what was received already.
    ///
    /// [`Session::wants_input`]: super::Session::wants_input
    pub payload_max: usize,
    /// Bytes of replies, sent for and queued, above which no READ and no READDIR begins. One reply
    /// more may be there. 4 MiB above it the session ends, as its client takes no replies.
    pub output_max: usize,
    /// Bytes of queued requests, WRITE buffers among them; beyond them the session ends. Above
    /// [`payload_max`](Self::payload_max) by some MiB.
    pub requests_bytes_max: usize,
    /// Open files and directories; more are refused.
    pub handles_max: usize,
    /// Requests under way at the owner at one time, at least 1.
    pub in_flight_max: usize,
}

impl Default for Settings {
    /// 4 MiB of WRITE data, 1 MiB of replies, 16 MiB of requests, 1024 handles, 32 under way.
    fn default() -> Self {
        Self {
            user: Vec::new(),
            symlink_by_draft: false,
            payload_max: 4 << 20,
            output_max: 1 << 20,
            requests_bytes_max: 16 << 20,
            handles_max: 1024,
            in_flight_max: 32,
        }
    }
}
