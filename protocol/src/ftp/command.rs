//! The commands with their typed arguments.

use std::net::SocketAddr;

use super::facts::Facts;
use crate::digest::Algorithm;
use crate::entry::Timestamp;

/// A parsed command; arguments borrow from the line.
#[derive(Clone, Debug, PartialEq)]
pub enum Command<'a> {
    /// `USER name` (RFC 959, 4.1.1).
    User(&'a [u8]),
    /// `PASS password`; an empty password is legal.
    Pass(&'a [u8]),
    /// `ACCT account`.
    Acct(&'a [u8]),
    /// `REIN`.
    Rein,
    /// `QUIT`.
    Quit,
    /// `HOST name` (RFC 7151): name, `[v6]` or v4 literal, brackets removed.
    Host(&'a [u8]),
    /// `CWD path`, `XCWD`; an empty path is the home directory, as many servers have it.
    Cwd(&'a [u8]),
    /// `CDUP`, `XCUP`.
    Cdup,
    /// `PWD`, `XPWD`.
    Pwd,
    /// `MKD path`, `XMKD`.
    Mkd(&'a [u8]),
    /// `RMD path`, `XRMD`.
    Rmd(&'a [u8]),
    /// `DELE path`.
    Dele(&'a [u8]),
    /// `RNFR path`.
    Rnfr(&'a [u8]),
    /// `RNTO path`.
    Rnto(&'a [u8]),
    /// `RETR path`.
    Retr(&'a [u8]),
    /// `STOR path`.
    Stor(&'a [u8]),
    /// `STOU [path]`: a name that the server makes unique.
    Stou(Option<&'a [u8]>),
    /// `APPE path`.
    Appe(&'a [u8]),
    /// `REST offset` in bytes (RFC 3659, 5).
    Rest(u64),
    /// `RANG first last`, inclusive; `1 0` resets (draft-bryan-ftp-range).
    Rang(RangeLimits),
    /// `ALLO bytes [R records]`.
    Allo(u64),
    /// `ABOR`.
    Abor,
    /// `STAT [path]`.
    Stat(Option<ListOptions<'a>>),
    /// `LIST [options] [path or glob]`.
    List(ListOptions<'a>),
    /// `NLST [options] [path or glob]`.
    Nlst(ListOptions<'a>),
    /// `MLSD [path]` (RFC 3659, 7).
    Mlsd(Option<&'a [u8]>),
    /// `MLST [path]`.
    Mlst(Option<&'a [u8]>),
    /// `OPTS UTF8 ON|OFF`: `true` for on.
    OptsUtf8(bool),
    /// `OPTS MLST [facts]`: facts that are not known are ignored (RFC 3659, 7.9).
    OptsMlst(Facts),
    /// `OPTS HASH [algorithm]`: `None` asks for the current one.
    OptsHash(Option<Algorithm>),
    /// `OPTS` of a feature without options.
    OptsUnknown(&'a [u8]),
    /// `FEAT` (RFC 2389).
    Feat,
    /// `HELP [verb or SITE]`.
    Help(Option<&'a [u8]>),
    /// `SITE command`.
    Site(SiteCommand<'a>),
    /// `SYST`.
    Syst,
    /// `NOOP`.
    Noop,
    /// `TYPE code`.
    Type(Representation),
    /// `STRU code`.
    Stru(Structure),
    /// `MODE code`.
    Mode(TransferMode),
    /// `SIZE path` (RFC 3659, 4).
    Size(&'a [u8]),
    /// `MDTM path` (RFC 3659, 3); also the widespread setting form `MDTM YYYYMMDDHHMMSS path`,
    /// which parses as [`Command::Mfmt`].
    Mdtm(&'a [u8]),
    /// `MFMT time path` (draft-somers-ftp-mfxx).
    Mfmt(Timestamp, &'a [u8]),
    /// `MFF fact=value;... path`: only `modify` and `UNIX.mode` can be set.
    Mff {
        /// `modify=`.
        modified: Option<Timestamp>,
        /// `UNIX.mode=`, octal.
        mode: Option<u32>,
        /// The file.
        path: &'a [u8],
    },
    /// `HASH path` (draft-bryan-ftpext-hash): the algorithm chosen by OPTS HASH, the range by RANG.
    Hash(&'a [u8]),
    /// `XCRC`, `XMD5`, `XSHA`, `XSHA1`, `XSHA256`, `XSHA512 path [start [end]]`: quoted or bare
    /// path; `end` exclusive. A bare path takes a range only if it holds no space and both bounds
    /// follow: otherwise `report 2024` could not be told from `report`, from byte 2024 on.
    DigestOf {
        /// By the verb.
        algorithm: Algorithm,
        /// The file.
        path: &'a [u8],
        /// First byte.
        start: u64,
        /// The byte after the last.
        end: Option<u64>,
    },
    /// `AVBL [path]`: free bytes (draft-peterson-streamlined-ftp-command-extensions).
    Avbl(Option<&'a [u8]>),
    /// `CLNT name`.
    Clnt(&'a [u8]),
    /// `LANG [tag]` (RFC 2640).
    Lang(Option<&'a [u8]>),
    /// `PASV`.
    Pasv,
    /// `EPSV` (RFC 2428): `None` any, `Some(1)` v4, `Some(2)` v6, other numbers as given.
    Epsv(Option<u8>),
    /// `EPSV ALL`.
    EpsvAll,
    /// `PORT h1,h2,h3,h4,p1,p2`.
    Port(SocketAddr),
    /// `EPRT |family|address|port|`.
    Eprt(SocketAddr),
    /// `AUTH mechanism` (RFC 2228, RFC 4217), in upper case as known: TLS, TLS-C, SSL, TLS-P;
    /// others as sent.
    Auth(&'a [u8]),
    /// `PBSZ size`.
    Pbsz(u64),
    /// `PROT level`.
    Prot(DataProtection),
    /// `CCC`: always refused, it would strip the protection of the control connection.
    Ccc,
}

/// `SITE` commands.
#[derive(Clone, Debug, PartialEq)]
pub enum SiteCommand<'a> {
    /// `SITE HELP`.
    Help,
    /// `SITE CHMOD mode path`.
    Chmod(u32, &'a [u8]),
    /// `SITE UTIME`: `YYYYMMDDHHMM[SS] path`, or `path atime mtime ctime UTC` (only the
    /// modification time is kept).
    Utime(Timestamp, &'a [u8]),
    /// `SITE IDLE [seconds]`.
    Idle(Option<u64>),
    /// `SITE CPFR path`.
    Cpfr(&'a [u8]),
    /// `SITE CPTO path`.
    Cpto(&'a [u8]),
    /// `SITE UMASK [mask]`.
    Umask(Option<u32>),
}

/// `LIST`, `NLST` and `STAT` arguments: options that clients send as if to `ls`, then a path or
/// glob.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ListOptions<'a> {
    /// `-a`, `-A`: hidden names too.
    pub all: bool,
    /// `-R`: recurse.
    pub recursive: bool,
    /// `-l`: the long form (makes NLST a LIST; LIST always is).
    pub long: bool,
    /// `-d`: a directory itself, not its contents.
    pub directory: bool,
    /// The rest of the argument, empty when none: a path that may hold a glob in its last
    /// component.
    pub path: &'a [u8],
}

/// The bounds of RANG, inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeLimits {
    /// `RANG 1 0`: the whole file again.
    Reset,
    /// `RANG first last`, first <= last.
    Bytes {
        /// First byte.
        first: u64,
        /// Last byte, included.
        last: u64,
    },
}

/// `TYPE` (RFC 959, 3.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Representation {
    /// `A`, `A N`.
    Ascii,
    /// `I`, `L 8`.
    Image,
    /// A legal code that is not implemented: `E`, `A T`, `A C`, `L n`.
    Unsupported,
}

/// `STRU` (RFC 959, 3.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Structure {
    /// `F`.
    File,
    /// `R` or `P`: legal, not implemented.
    Unsupported,
}

/// `MODE` (RFC 959, 3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferMode {
    /// `S`.
    Stream,
    /// `B`, `C`, `Z`: legal, not implemented.
    Unsupported,
}

/// `PROT` (RFC 2228, RFC 4217).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataProtection {
    /// `C`.
    Clear,
    /// `P`.
    Private,
    /// `S` or `E`: known to the RFC, meaningless with TLS (536).
    Unsupported,
}

/// Why a line is no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// 500: no such verb.
    #[error("unknown command")]
    UnknownVerb,
    /// 501: the verb is known, the argument is wrong; the text says what it takes.
    #[error("syntax error in arguments: {0}")]
    Syntax(&'static str),
    /// 504: a legal argument that is not implemented.
    #[error("not implemented for that parameter: {0}")]
    Parameter(&'static str),
    /// 522 (RFC 2428): network protocol not supported; EPRT with an unknown family.
    #[error("network protocol not supported")]
    NetworkProtocol,
}
