//! RFC 959 and its successors.
//!
//! Bytes of the control connection go through a [`LineReader`] (telnet bytes out, bounded lines)
//! and [`Command::parse`] into a typed [`Command`]; the session machine turns commands into
//! [`Reply`]s and [`Request`]s to its owner.

mod command;
mod error;
mod facts;
mod line;
pub mod listing;
mod parse;
mod reply;
mod session;
mod verb;

pub use crate::digest::Algorithm;
pub use crate::failure::Failure;
pub use command::{
    Command, DataProtection, ListOptions, ParseError, RangeLimits, Representation, SiteCommand,
    Structure, TransferMode,
};
pub use error::Phase;
pub use facts::Facts;
pub use line::{LINE_BYTES_MAX, Line, LineReader};
pub use reply::{Code, Reply};
pub use session::{
    Answered, Connection, Credentials, FileReply, FileRequest, IdleLimit, Keepalive, ListFormat,
    ListRequest, LoginGrant, LoginRefusal, Outcome, PROGRESS_INTERVAL_MIN, Request, Route, Session,
    Settings, StoreMode, TlsPolicy, TransferKind, TransferRequest,
};
pub use verb::{Access, Verb, VerbInfo};
