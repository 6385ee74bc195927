//! The session of one control connection, as a pure machine.

mod request;

pub use request::{
    Connection, Credentials, FileReply, FileRequest, ListFormat, ListRequest, LoginGrant,
    LoginRefusal, Outcome, Request, Route, StoreMode, TransferKind, TransferRequest,
};
