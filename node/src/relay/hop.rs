//! What is told of one relay: a span of the session's trace, and a line of the log.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use flotilla_cluster::id::NodeId;
use flotilla_cluster::relay::TRACE_BYTES;

use super::pump::Moved;
use crate::telemetry::{self, Context, name};

/// One relay.
#[derive(Debug)]
pub(super) struct Hop {
    /// Who it leads to.
    pub(super) node: NodeId,
    pub(super) client: SocketAddr,
    /// The passive port.
    pub(super) port: u16,
    began: Instant,
    /// What it is called in the preamble.
    own: Context,
    /// The transfer of the session that took it.
    transfer: Cell<Option<Context>>,
}

/// Why a relay did not come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The owner was not reached.
    Dial,
    /// What the owner said first was no welcome.
    Welcome,
    /// No byte moved for long.
    Stalled,
    /// This node ends it.
    Halted,
    /// The client or the owner broke off.
    Peer,
}

impl Cause {
    /// That of a relay that began.
    pub(super) fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => Self::Welcome,
            // What the kernel gives up is a peer that has gone.
            io::ErrorKind::TimedOut if error.raw_os_error().is_none() => Self::Stalled,
            io::ErrorKind::Interrupted => Self::Halted,
            _ => Self::Peer,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Dial => "dial",
            Self::Welcome => "welcome",
            Self::Stalled => "stalled",
            Self::Halted => "halted",
            Self::Peer => "peer",
        }
    }
}

impl Hop {
    /// A relay that begins, and is not of any session that is known.
    pub(super) fn new(node: NodeId, client: SocketAddr, port: u16, began: Instant) -> Self {
        let own = Context::root();
        Self { node, client, port, began, own, transfer: Cell::new(None) }
    }

    /// For the preamble.
    pub(super) fn to_bytes(&self) -> [u8; TRACE_BYTES] {
        self.own.to_bytes()
    }

    /// A session took it, for this transfer.
    pub(super) fn belongs_to(&self, transfer: Context) {
        self.transfer.set(Some(transfer).filter(|transfer| transfer.is_valid()));
    }

    /// Of which trace it is, for the log.
    pub(super) fn trace_id(&self) -> impl fmt::Display + use<> {
        self.context().trace
    }

    fn context(&self) -> Context {
        match self.transfer.get() {
            Some(transfer) => Context { span: self.own.span, ..transfer },
            None => self.own,
        }
    }

    /// It is over. What broke for another reason than that a peer went is kept, whatever was drawn.
    pub(super) fn over(&self, moved: Moved, trouble: Option<(Cause, &io::Error)>) {
        let parent = self.transfer.get();
        let must = trouble.is_some_and(|(cause, _)| cause != Cause::Peer);
        let span = (self.began, Instant::now());
        let Some(record) = telemetry::over(self.context(), parent, "relay", span, must) else {
            return;
        };
        let record = match parent {
            Some(_) => record.of_remote(),
            None => record,
        };
        record
            .server()
            .text(name::NODE, self.node.as_str())
            .text(name::CLIENT, &self.client.ip().to_string())
            .number(name::CLIENT_PORT, self.client.port())
            .number(name::SERVER_PORT, self.port)
            .number(name::BYTES_INWARD, moved.inward)
            .number(name::BYTES_OUTWARD, moved.outward)
            .maybe(trouble, |record, (cause, error)| {
                record.failed(cause.word(), &error.to_string())
            })
            .send();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_of_the_session_that_takes_it_and_keeps_its_name() {
        let client = "192.0.2.1:40000".parse().unwrap();
        let hop = Hop::new(NodeId::new("n2").unwrap(), client, 61_000, Instant::now());
        let own = Context::of_bytes(hop.to_bytes());
        assert_eq!(hop.context().trace, own.trace);
        hop.belongs_to(Context::of_bytes([0; TRACE_BYTES]));
        assert_eq!(hop.context().trace, own.trace, "zeros name no trace");
        let transfer = Context { is_sampled: true, ..Context::root() };
        hop.belongs_to(transfer);
        assert_eq!(hop.context(), Context { span: own.span, ..transfer });
        assert_eq!(hop.trace_id().to_string(), transfer.trace.to_string());
    }

    #[test]
    fn who_broke_it_is_known() {
        let of = |kind: io::ErrorKind| Cause::of(&kind.into());
        assert_eq!(of(io::ErrorKind::ConnectionReset), Cause::Peer);
        assert_eq!(of(io::ErrorKind::BrokenPipe), Cause::Peer);
        assert_eq!(of(io::ErrorKind::TimedOut), Cause::Stalled);
        assert_eq!(of(io::ErrorKind::Interrupted), Cause::Halted);
        assert_eq!(of(io::ErrorKind::UnexpectedEof), Cause::Welcome);
    }
}
