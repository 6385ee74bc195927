//! RFC 959 and its successors.
//!
//! Bytes of the control connection go through [`line`] (telnet bytes out, bounded lines) and
//! [`parse`](Command::parse) into a typed [`Command`]; the [`Session`] turns commands into
//! [`Reply`]s and requests to its owner.

mod command;
mod error;
mod line;
pub mod listing;
mod parse;
mod reply;
mod session;

pub use command::{
    Access, Algorithm, Command, DataProtection, Facts, ListOptions, ParseError, RangeLimits,
    Representation, SiteCommand, Structure, TransferMode, Verb, VerbInfo,
};
pub use error::{Failure, Phase};
pub use line::{LINE_BYTES_MAX, Line, LineReader};
pub use reply::{Code, Reply};
pub use session::{
    Connection, Credentials, FileReply, FileRequest, ListFormat, ListRequest, LoginGrant,
    LoginRefusal, Outcome, Request, Route, Session, Settings, StoreMode, TlsPolicy, TransferKind,
    TransferRequest,
};
