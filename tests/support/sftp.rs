//! A client of raw SFTP packets: it sends what a test says, judges nothing, and reads replies. The
//! transport is OpenSSH's `ssh -s`.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::time::Duration;

use crate::program::exit_code;
use crate::ssh::NODE;
use crate::{DEADLINE, Ssh};

/// An `sftp` channel, on a connection of its own.
#[derive(Debug)]
pub struct Sftp {
    child: Child,
    stream: UnixStream,
    next: u32,
}

/// A packet of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The type (draft-ietf-secsh-filexfer-02, 3).
    pub kind: u8,
    /// The number of the request.
    pub id: u32,
    /// What follows it.
    pub body: Vec<u8>,
}

/// Types of packets.
#[expect(missing_docs, reason = "named as in draft-ietf-secsh-filexfer-02, 3")]
pub mod kind {
    pub const INIT: u8 = 1;
    pub const VERSION: u8 = 2;
    pub const OPEN: u8 = 3;
    pub const CLOSE: u8 = 4;
    pub const READ: u8 = 5;
    pub const WRITE: u8 = 6;
    pub const FSTAT: u8 = 8;
    pub const OPENDIR: u8 = 11;
    pub const READDIR: u8 = 12;
    pub const REMOVE: u8 = 13;
    pub const MKDIR: u8 = 14;
    pub const REALPATH: u8 = 16;
    pub const STAT: u8 = 17;
    pub const RENAME: u8 = 18;
    pub const READLINK: u8 = 19;
    pub const SYMLINK: u8 = 20;
    pub const STATUS: u8 = 101;
    pub const HANDLE: u8 = 102;
    pub const DATA: u8 = 103;
    pub const NAME: u8 = 104;
    pub const ATTRS: u8 = 105;
    pub const EXTENDED: u8 = 200;
}

/// Codes of STATUS.
#[expect(missing_docs, reason = "named as in draft-ietf-secsh-filexfer-02, 7")]
pub mod status {
    pub const OK: u32 = 0;
    pub const EOF: u32 = 1;
    pub const NO_SUCH_FILE: u32 = 2;
    pub const PERMISSION_DENIED: u32 = 3;
    pub const FAILURE: u32 = 4;
    pub const BAD_MESSAGE: u32 = 5;
    pub const OP_UNSUPPORTED: u32 = 8;
}

/// Flags of OPEN.
#[expect(missing_docs, reason = "named as in draft-ietf-secsh-filexfer-02, 6.3")]
pub mod open {
    pub const READ: u32 = 1;
    pub const WRITE: u32 = 2;
    pub const APPEND: u32 = 4;
    pub const CREATE: u32 = 8;
    pub const TRUNCATE: u32 = 16;
    pub const EXCLUSIVE: u32 = 32;
}

impl Packet {
    /// The code of a STATUS.
    #[track_caller]
    pub fn status(&self) -> u32 {
        assert_eq!(self.kind, kind::STATUS, "no status: {self:?}");
        u32::from_be_bytes(self.body[..4].try_into().expect("four bytes"))
    }

    /// The string at the beginning: a handle, data.
    #[track_caller]
    pub fn string(&self) -> &[u8] {
        let length = u32::from_be_bytes(self.body[..4].try_into().expect("four bytes"));
        &self.body[4..4 + length as usize]
    }

    /// The one name of a NAME.
    #[track_caller]
    pub fn name(&self) -> Vec<u8> {
        assert_eq!((self.kind, &self.body[..4]), (kind::NAME, &1_u32.to_be_bytes()[..]));
        Self { body: self.body[4..].to_vec(), ..*self }.string().to_vec()
    }
}

/// A string of the protocol.
pub fn string(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    let length = u32::try_from(bytes.len()).expect("a short string");
    [&length.to_be_bytes()[..], bytes].concat()
}

/// A whole packet with its length; INIT has its version for a number.
pub fn packet(kind: u8, id: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(1 + 4 + body.len()).expect("a short packet");
    [&length.to_be_bytes()[..], &[kind], &id.to_be_bytes(), body].concat()
}

impl Sftp {
    /// Logs in and exchanges versions.
    ///
    /// # Panics
    /// Here and below: if the network fails or the server is silent for longer than the deadline.
    #[track_caller]
    pub fn open(ssh: &Ssh) -> Self {
        let mut sftp = Self::open_silently(ssh);
        sftp.send_raw(&packet(kind::INIT, 3, &[]));
        let version = sftp.receive();
        assert_eq!((version.kind, version.id), (kind::VERSION, 3));
        sftp
    }

    /// Logs in only.
    #[track_caller]
    pub fn open_silently(ssh: &Ssh) -> Self {
        let program = ssh.client("ssh").args(["-s", NODE, "sftp"]);
        let (child, stream) = program.converse(&ssh.join("ssh.log")).expect("ssh can be run");
        stream.set_read_timeout(Some(DEADLINE)).expect("a time-out can be set");
        stream.set_write_timeout(Some(DEADLINE)).expect("a time-out can be set");
        Self { child, stream, next: 0 }
    }

    /// Sends bytes as they are.
    #[track_caller]
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.try_send_raw(bytes).expect("the server takes what it is sent");
    }

    /// Sends bytes as they are, or says why not.
    ///
    /// # Errors
    /// As the socket's.
    pub fn try_send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// A number for the next request.
    pub fn number(&mut self) -> u32 {
        self.next = self.next.wrapping_add(1);
        self.next
    }

    /// Sends a request and returns its number.
    #[track_caller]
    pub fn send(&mut self, kind: u8, body: &[u8]) -> u32 {
        let id = self.number();
        self.send_raw(&packet(kind, id, body));
        id
    }

    /// The next packet.
    #[track_caller]
    pub fn receive(&mut self) -> Packet {
        self.try_receive().expect("the server answers")
    }

    /// The next packet, or why there is none.
    ///
    /// # Errors
    /// The end of the stream, or a time-out.
    pub fn try_receive(&mut self) -> io::Result<Packet> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head)?;
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        if !(5..=PACKET_MAX).contains(&length) {
            return Err(io::Error::other(format!("a packet of {length} bytes")));
        }
        let mut body = vec![0; length - 5];
        self.stream.read_exact(&mut body)?;
        Ok(Packet { kind: head[4], id, body })
    }

    /// Sends a request and reads its answer; no other may be under way.
    #[track_caller]
    pub fn ask(&mut self, kind: u8, body: &[u8]) -> Packet {
        let id = self.send(kind, body);
        let answer = self.receive();
        assert_eq!(answer.id, id, "the answer to another request: {answer:?}");
        answer
    }

    /// Sends a request whose answer is a STATUS.
    #[track_caller]
    pub fn ask_status(&mut self, kind: u8, body: &[u8]) -> u32 {
        self.ask(kind, body).status()
    }

    /// OPEN; the handle.
    #[track_caller]
    pub fn open_file(&mut self, path: &str, flags: u32) -> Vec<u8> {
        let answer = self.try_open_file(path, flags);
        assert_eq!(answer.kind, kind::HANDLE, "{path}: {answer:?}");
        answer.string().to_vec()
    }

    /// OPEN; the answer.
    #[track_caller]
    pub fn try_open_file(&mut self, path: &str, flags: u32) -> Packet {
        self.ask(kind::OPEN, &[string(path), flags.to_be_bytes().to_vec(), vec![0; 4]].concat())
    }

    /// CLOSE.
    #[track_caller]
    pub fn close(&mut self, handle: &[u8]) -> u32 {
        self.ask_status(kind::CLOSE, &string(handle))
    }

    /// WRITE.
    #[track_caller]
    pub fn write(&mut self, handle: &[u8], offset: u64, bytes: &[u8]) -> u32 {
        self.ask_status(kind::WRITE, &write_body(handle, offset, bytes))
    }

    /// READ; the answer.
    #[track_caller]
    pub fn read(&mut self, handle: &[u8], offset: u64, length: u32) -> Packet {
        self.ask(kind::READ, &read_body(handle, offset, length))
    }

    /// The size that STAT tells; `None`: there is no such file.
    #[track_caller]
    pub fn size(&mut self, path: &str) -> Option<u64> {
        let answer = self.ask(kind::STAT, &string(path));
        if answer.kind == kind::STATUS {
            assert_eq!(answer.status(), status::NO_SUCH_FILE);
            return None;
        }
        // Flags, of which the lowest says that the size follows.
        assert_eq!((answer.kind, answer.body[3] & 1), (kind::ATTRS, 1));
        Some(u64::from_be_bytes(answer.body[4..12].try_into().expect("eight bytes")))
    }

    /// Sends no more; the server may go on.
    pub fn finish(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Sends no more and waits for the end; the exit code of `ssh`.
    #[track_caller]
    pub fn end(mut self) -> Option<i32> {
        self.finish();
        let code = exit_code(&mut self.child, DEADLINE);
        assert!(code.is_some(), "the channel does not end");
        code.flatten()
    }

    /// Everything that still comes until the end.
    pub fn drain(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = self.stream.read_to_end(&mut bytes);
        bytes
    }

    /// Whether the other end is over, by its own will and within the deadline.
    pub fn has_ended(&mut self) -> bool {
        let mut bytes = Vec::new();
        match self.stream.read_to_end(&mut bytes) {
            Ok(_) => true,
            // `ssh` ended with bytes of ours in its hand.
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        }
    }

    /// Nothing may come, and nothing end, for so long.
    #[track_caller]
    pub fn expect_silence(&mut self, length: Duration) {
        self.stream.set_read_timeout(Some(length)).expect("a time-out can be set");
        let heard = self.stream.read(&mut [0]);
        self.stream.set_read_timeout(Some(DEADLINE)).expect("a time-out can be set");
        let silent = heard.as_ref().is_err_and(|error| {
            matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
        });
        assert!(silent, "expected silence for {length:?}, got {heard:?}");
    }

    /// Ends the client without a chance to say anything (SIGKILL).
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Sftp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a READ says after its number.
pub fn read_body(handle: &[u8], offset: u64, length: u32) -> Vec<u8> {
    [&string(handle)[..], &offset.to_be_bytes(), &length.to_be_bytes()].concat()
}

/// What a WRITE says after its number.
pub fn write_body(handle: &[u8], offset: u64, bytes: &[u8]) -> Vec<u8> {
    [string(handle), offset.to_be_bytes().to_vec(), string(bytes)].concat()
}

/// As the server may send: 256 KiB and what goes around it.
const PACKET_MAX: usize = 256 * 1024 + 1024;
