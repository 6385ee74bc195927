//! What the session asks of its owner, and what the owner answers.

use std::net::{IpAddr, SocketAddr};

use crate::entry::{Attributes, Rights, Timestamp};
use crate::ftp::{Algorithm, Facts, Failure};
use crate::path::VirtualPath;

/// A request to the owner. At most one [`Request`] that has an answer is open at a time.
#[derive(Debug)]
pub enum Request {
    /// Choose the virtual host (HOST); answered by [`Outcome::Host`].
    SelectHost(String),
    /// Judge a login; answered by [`Outcome::Login`].
    Authenticate(Credentials),
    /// The client said what it is (CLNT): for those who watch the session. No answer.
    NoteClient(String),
    /// End the login: give its slot back (REIN). No answer.
    Logout,
    /// An operation on files; answered by [`Outcome::File`].
    File(FileRequest),
    /// Prepare a passive data connection; answered by [`Outcome::Passive`]. Replaces an earlier
    /// one.
    OpenPassive {
        /// EPSV: the port alone is told.
        extended: bool,
    },
    /// Drop the passive preparation. No answer.
    ClosePassive,
    /// Move a file, a listing or an upload over a data connection. Answered by
    /// [`Outcome::TransferOpened`] once the data connection stands, then by
    /// [`Outcome::TransferEnded`]; or by the latter alone.
    Transfer(TransferRequest),
    /// End the request or transfer under way as soon as possible (ABOR). It is answered as usual,
    /// with [`Failure::Aborted`] if it did not happen to be complete.
    Abort,
    /// Handshake on the control connection, after everything written so far is sent and everything
    /// received so far is dropped; answered by [`Outcome::Secured`].
    StartTls,
    /// Send what is written, then close. No answer; nothing follows.
    Close,
}

/// Who wants to log in.
pub struct Credentials {
    /// The name of USER.
    pub user: Vec<u8>,
    /// The password of PASS; `None` when USER alone may do, because the client showed a
    /// certificate.
    pub password: Option<Vec<u8>>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user.escape_ascii().to_string())
            .field("password", &self.password.as_ref().map(|_| "[redacted]"))
            .finish()
    }
}

/// An operation without a data connection.
#[derive(Clone, Debug, PartialEq)]
pub enum FileRequest {
    /// Must be a directory that the user may enter. Answers [`FileReply::Done`].
    ChangeDirectory(VirtualPath),
    /// Size, times and rights of a path, links followed. Answers [`FileReply::Attributes`].
    Attributes(VirtualPath),
    /// The source of a rename must exist and be renameable. Answers [`FileReply::Done`].
    CheckRename(VirtualPath),
    /// Answers [`FileReply::Done`].
    Rename {
        /// RNFR.
        from: VirtualPath,
        /// RNTO; a plain file there is replaced.
        to: VirtualPath,
    },
    /// Answers [`FileReply::Done`].
    MakeDirectory(VirtualPath),
    /// Answers [`FileReply::Done`].
    RemoveDirectory(VirtualPath),
    /// A plain file or link. Answers [`FileReply::Done`].
    Delete(VirtualPath),
    /// Set times and mode. Answers [`FileReply::Done`].
    SetAttributes {
        /// The file.
        path: VirtualPath,
        /// New modification time.
        modified: Option<Timestamp>,
        /// New permission bits.
        mode: Option<u32>,
    },
    /// Copy a plain file on the server. Answers [`FileReply::Done`].
    Copy {
        /// SITE CPFR.
        from: VirtualPath,
        /// SITE CPTO.
        to: VirtualPath,
    },
    /// Answers [`FileReply::Digest`].
    Digest {
        /// The file.
        path: VirtualPath,
        /// Of which hash.
        algorithm: Algorithm,
        /// First byte.
        start: u64,
        /// The byte after the last one; `None`: the end of the file.
        end: Option<u64>,
    },
    /// Free bytes for this user. Answers [`FileReply::Available`].
    Available(VirtualPath),
    /// STAT with a path: LIST lines over the control connection, bounded by the owner. Answers
    /// [`FileReply::Listing`].
    List(ListRequest),
}

/// Answers to [`FileRequest`].
#[derive(Clone, Debug, PartialEq)]
pub enum FileReply {
    /// It is done.
    Done,
    /// What the path is and what the user may do with it.
    Attributes(Attributes, Rights),
    /// Lower-case hexadecimal digest, the range that it covers, and its last byte's offset plus
    /// one.
    Digest {
        /// Hexadecimal digits.
        hex: String,
        /// First byte.
        start: u64,
        /// The byte after the last.
        end: u64,
    },
    /// Free bytes.
    Available(u64),
    /// Lines of a listing, each with CR LF.
    Listing(Vec<u8>),
}

/// What to list and how.
#[derive(Clone, Debug, PartialEq)]
pub struct ListRequest {
    /// The directory or file, without the glob.
    pub path: VirtualPath,
    /// Names must fit this, when given.
    pub pattern: Option<Vec<u8>>,
    /// What stands before each name in NLST: the directory as the client wrote it, with its slash.
    pub prefix: Vec<u8>,
    /// The lines' form.
    pub format: ListFormat,
    /// Names that begin with a dot too.
    pub all: bool,
    /// Go down into directories.
    pub recursive: bool,
    /// The directory itself (`-d`).
    pub directory: bool,
}

/// The form of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListFormat {
    /// As `ls -l`.
    Long,
    /// Names alone.
    Names,
    /// RFC 3659 facts; the path must be a directory.
    Facts(Facts),
}

/// One transfer.
#[derive(Debug)]
pub struct TransferRequest {
    /// What moves.
    pub kind: TransferKind,
    /// Where the data connection comes from.
    pub route: Route,
    /// PROT P: TLS on the data connection.
    pub protected: bool,
    /// TYPE A: CR LF on the wire, LF in the file.
    pub ascii: bool,
}

/// What moves over a data connection.
#[derive(Clone, Debug, PartialEq)]
pub enum TransferKind {
    /// RETR.
    Retrieve {
        /// The file.
        path: VirtualPath,
        /// The first byte (REST or RANG).
        offset: u64,
        /// How many bytes at the most (RANG).
        length: Option<u64>,
    },
    /// STOR, STOU, APPE.
    Store {
        /// The file; for STOU the wanted name.
        path: VirtualPath,
        /// Where it begins.
        mode: StoreMode,
        /// The size that ALLO announced, 0 if none.
        expected: u64,
    },
    /// LIST, NLST, MLSD.
    List(ListRequest),
}

/// How an upload treats what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreMode {
    /// STOR: replace the file.
    Replace,
    /// REST + STOR, RANG + STOR: write from this offset on, keep what lies before it.
    Resume(u64),
    /// APPE: write at the end, make the file when it is not there.
    Append,
    /// STOU: a new name made from the wanted one.
    Unique,
}

/// How the data connection comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The client connects to the port of the last [`Request::OpenPassive`].
    Passive,
    /// The server connects (PORT, EPRT); the machine checked address and port.
    Active(SocketAddr),
}

/// Why a login was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginRefusal {
    /// Wrong name, password, certificate or anything else a stranger must not tell apart (530).
    /// Counts as a failed attempt.
    Incorrect,
    /// The name needs a password after all (331): the certificate does not suffice alone.
    NeedPassword,
    /// Policy: expired, disabled, wrong network or protocol; said only after the password was right
    /// (530).
    Policy(String),
    /// A limit, named by its key (421, and the connection ends).
    Limit(String),
    /// The backend did not answer (421 without the attempt counted).
    Unavailable,
}

/// A granted login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginGrant {
    /// Lines of the 230 reply before its last; may be empty.
    pub message: Vec<String>,
    /// Where the session starts.
    pub directory: VirtualPath,
    /// The longest idle time-out that SITE IDLE may set, seconds.
    pub idle_seconds_max: u64,
}

/// The answer to a request.
#[derive(Debug)]
pub enum Outcome {
    /// To [`Request::SelectHost`]: the host's banner, or `None` if there is no such host (504).
    Host(Option<String>),
    /// To [`Request::Authenticate`].
    Login(Result<LoginGrant, LoginRefusal>),
    /// To [`Request::File`].
    File(Result<FileReply, Failure>),
    /// To [`Request::OpenPassive`]: the address to tell the client.
    Passive(Result<SocketAddr, Failure>),
    /// The data connection stands: 150 goes out.
    TransferOpened {
        /// The size of a download, when known.
        size: Option<u64>,
        /// The name that STOU made.
        name: Option<VirtualPath>,
    },
    /// Somebody took the name that STOU made before the upload was complete: it got this one. Comes
    /// before [`Outcome::TransferEnded`].
    TransferNamed(VirtualPath),
    /// The transfer is over; it was complete if `Ok`. Bytes are those of the data connection.
    TransferEnded(Result<u64, Failure>),
    /// To [`Request::StartTls`]: `Ok(true)` if the client showed a certificate that was verified.
    Secured(Result<bool, ()>),
}

/// What the machine must know of its connection.
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    /// The client's address.
    pub client: IpAddr,
    /// The address that the client dialled.
    pub local: SocketAddr,
    /// Implicit TLS, already shaken hands.
    pub secure: bool,
    /// A verified client certificate came with implicit TLS.
    pub certificate: bool,
}
