mod exchange;
mod limits;
mod model;
mod order;
mod tree;

use super::*;
use crate::entry::{AttributeChange, Attributes, Kind, Timestamp};
use crate::sftp::client::{self, Reply};
use crate::sftp::packet::{self, Operation};

/// A session that has been initialised, and its two neighbours.
struct Rig {
    session: Session,
    next_id: u32,
}

impl Rig {
    fn new(settings: Settings) -> Self {
        let mut rig = Self { session: Session::new(settings), next_id: 0 };
        rig.session.on_bytes(&client::init(3)).unwrap();
        assert!(matches!(rig.replies().as_slice(), [Reply::Version { version: 3, .. }]));
        rig
    }

    /// Sends a request; its id.
    fn send(&mut self, operation: &Operation<'_>) -> u32 {
        self.next_id += 1;
        self.session.on_bytes(&client::request(self.next_id, operation)).unwrap();
        self.next_id
    }

    fn send_write(&mut self, handle: HandleId, offset: u64, data: &[u8]) -> u32 {
        self.next_id += 1;
        self.session.on_bytes(&client::write(self.next_id, handle, offset, data)).unwrap();
        self.next_id
    }

    /// Sends a request that is answered without the owner.
    fn ask(&mut self, operation: &Operation<'_>) -> Reply {
        let id = self.send(operation);
        assert!(self.session.poll().is_none(), "{operation:?}");
        let [reply] = <[Reply; 1]>::try_from(self.replies()).unwrap();
        assert_eq!(reply.id(), Some(id));
        reply
    }

    /// Sends a request that goes to the owner alone, which answers it so.
    fn exchange(&mut self, operation: &Operation<'_>, outcome: Outcome) -> (Request, Reply) {
        let id = self.send(operation);
        let (ticket, request) = self.session.poll().unwrap();
        assert!(self.session.poll().is_none());
        self.session.on_outcome(ticket, outcome);
        let [reply] = <[Reply; 1]>::try_from(self.replies()).unwrap();
        assert_eq!(reply.id(), Some(id));
        assert!(self.session.is_idle());
        (request, reply)
    }

    fn open(&mut self, flags: u32) -> HandleId {
        let operation =
            Operation::Open { path: b"file", flags, attributes: AttributeChange::default() };
        match self.exchange(&operation, Outcome::Opened) {
            (Request::Open { handle: given, .. }, Reply::Handle { handle, .. }) => {
                assert_eq!(given, handle);
                handle
            }
            other => panic!("{other:?}"),
        }
    }

    fn open_directory(&mut self) -> HandleId {
        match self.exchange(&Operation::OpenDirectory(b"x"), Outcome::Opened) {
            (Request::OpenDirectory { .. }, Reply::Handle { handle, .. }) => handle,
            other => panic!("{other:?}"),
        }
    }

    /// Everything that is handed out now.
    fn poll_all(&mut self) -> Vec<(Ticket, Request)> {
        std::iter::from_fn(|| self.session.poll()).collect()
    }

    /// Everything that was said.
    fn replies(&mut self) -> Vec<Reply> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.session.output(usize::MAX) {
            bytes.extend_from_slice(&piece);
            self.session.recycle(piece);
        }
        client::replies(&bytes)
    }
}

fn read(handle: HandleId, offset: u64, length: u32) -> Operation<'static> {
    Operation::Read { handle: Some(handle), offset, length }
}

/// The buffer of a READ as an owner gives it back, with so many bytes read.
fn data(mut buffer: Vec<u8>, bytes: usize) -> Outcome {
    buffer.truncate(HEAD_BYTES + bytes);
    Outcome::Data(buffer)
}

fn attributes(size: u64) -> Attributes {
    let time = Timestamp { seconds: 1_721_044_800, nanoseconds: 0 };
    Attributes {
        kind: Kind::File,
        size,
        modified: time,
        accessed: time,
        mode: 0o644,
        uid: 1,
        gid: 2,
        links: 1,
        identity: (0, 0),
    }
}

const READ: u32 = packet::FLAG_READ;
const WRITE: u32 = packet::FLAG_WRITE;
const BOTH: u32 = READ | WRITE;
const OK: u32 = 0;
const EOF: u32 = 1;
const NO_SUCH_FILE: u32 = 2;
const PERMISSION_DENIED: u32 = 3;
const FAILURE: u32 = 4;
const BAD_MESSAGE: u32 = 5;
const OP_UNSUPPORTED: u32 = 8;
