//! One channel: a program that speaks SFTP, SCP or a digest, and what the client may still be sent.

use std::rc::Rc;
use std::task::Context;
use std::time::Instant;

use russh::ChannelId;

use super::link::Wire;
use super::outlet::{Ledger, Outlet};

/// What runs in a channel: bytes of the client in, work on the files, bytes for the client out.
pub(super) trait Program {
    /// Takes bytes of the client. An error ends the channel.
    fn on_bytes(&mut self, bytes: &[u8]) -> Result<(), Broken>;
    /// The client sends no more.
    fn on_end(&mut self);
    /// Begins whatever may begin now; what is not done at once goes on in [`poll`](Self::poll).
    fn advance(&mut self, _now: Instant) {}
    /// Polls the work that waits for the storage; whether some of it ended.
    fn poll(&mut self, _task: &mut Context<'_>, _now: Instant) -> bool {
        false
    }
    /// The next bytes for the client, at most `max`.
    fn output(&mut self, max: usize) -> Option<Vec<u8>>;
    /// Takes a buffer back that was output.
    fn recycle(&mut self, _buffer: Vec<u8>) {}
    /// Whether work waits that only [`poll`](Self::poll) can end.
    fn is_waiting(&self) -> bool {
        false
    }
    /// How it ended, once everything is said.
    fn exit(&self) -> Option<Exit>;
    /// Whether the client may go on sending.
    fn wants_input(&self) -> bool {
        true
    }
    /// Whether something is open or under way that a drain waits for.
    fn is_busy(&self) -> bool;
    /// Bytes that it holds in memory.
    fn held(&self) -> usize {
        0
    }
    /// Whether it holds bytes of the client that become less without anything that the client sends:
    /// only then may the socket be left unread for memory's sake.
    fn drains(&self) -> bool {
        false
    }
    /// When a rate lets it go on.
    fn resumes_at(&self) -> Option<Instant> {
        None
    }
    /// The channel is gone: what is open is put away.
    fn close(&mut self, _now: Instant) {}
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Exit {
    pub(super) status: u32,
    /// For the client's standard error.
    pub(super) message: String,
}

impl Exit {
    /// Without a word.
    pub(super) fn silent(status: u32) -> Self {
        Self { status, message: String::new() }
    }
}

/// The client broke the rules of the program's protocol; the text is for the log.
#[derive(Debug)]
pub(super) struct Broken(pub(super) String);

/// A channel of a connection.
pub(super) struct Channel {
    pub(super) id: ChannelId,
    /// `None` before the client said what it wants.
    pub(super) program: Option<Box<dyn Program>>,
    ledger: Rc<Ledger>,
    /// Bytes that the client still takes; `None` before it has said so the second time. What it said at
    /// first the transport keeps to itself, and holds back what is too much.
    window: Option<usize>,
    /// The program broke off.
    failed: bool,
    ended: bool,
}

impl Channel {
    pub(super) fn new(id: ChannelId, wire: Rc<Wire>) -> Self {
        Self {
            id,
            program: None,
            ledger: Ledger::new(wire),
            window: None,
            failed: false,
            ended: false,
        }
    }

    /// The transport may send this many bytes more. It does not know yet of those under way.
    pub(super) fn set_window(&mut self, size: u32) {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        self.window = Some(size.saturating_sub(self.ledger.under_way()));
    }

    /// Bytes that the transport holds.
    pub(super) fn under_way(&self) -> usize {
        self.ledger.under_way()
    }

    /// Whether bytes for the client are on their way to the transport's writer.
    pub(super) fn holds_output(&self) -> bool {
        self.ledger.under_way() > 0 || self.program.as_ref().is_some_and(|p| p.held() > 0)
    }

    /// Whether the owner is to be woken when the transport lets go of bytes of this channel.
    pub(super) fn set_awaited(&self, is_awaited: bool) {
        self.ledger.set_awaited(is_awaited);
    }

    /// Brings bytes of the client to the program. Those before one is chosen are nobody's.
    pub(super) fn on_bytes(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let Some(program) = self.program.as_mut().filter(|_| !self.failed) else { return Ok(()) };
        let result = program.on_bytes(bytes);
        self.failed = result.is_err();
        result
    }

    /// What is open is put away.
    pub(super) fn end(mut self, now: Instant) {
        if let Some(program) = &mut self.program {
            program.close(now);
        }
    }

    /// Whether everything is said, or nothing more can be.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Moves what can move, with at most `room` bytes to the outlet. Tells how many bytes left, and
    /// whether more wait for room or for the other outlet.
    pub(super) fn pump(
        &mut self,
        outlet: &mut dyn Outlet,
        room: usize,
        now: Instant,
    ) -> (usize, bool) {
        let Some(program) = &mut self.program else { return (0, false) };
        let (mut sent, mut waits) = (0, false);
        if self.failed {
            self.ended = true;
            outlet.end(self.id, Exit::silent(FAILED_STATUS));
            return (0, false);
        }
        loop {
            while let Some(buffer) = self.ledger.take_spare() {
                program.recycle(buffer);
            }
            program.advance(now);
            let window = self.window.unwrap_or(usize::MAX);
            let max = window.min(room - sent);
            if max == 0 || !outlet.is_open(self.ledger.under_way()) {
                waits = window > 0;
                break;
            }
            let Some(buffer) = program.output(max) else { break };
            sent += buffer.len();
            self.window = self.window.map(|window| window - buffer.len());
            outlet.send(self.id, buffer, &self.ledger);
        }
        // Once everything is said, that takes no window.
        if let (Some(exit), false) = (program.exit(), self.ended) {
            self.ended = true;
            outlet.end(self.id, exit);
            waits = false;
        }
        (sent, waits)
    }
}

/// The exit status after a violation of the program's protocol.
const FAILED_STATUS: u32 = 1;

#[cfg(test)]
mod tests {
    use russh::keys::ssh_key::encoding::Decode;

    use super::*;

    /// Says so many bytes, then ends.
    struct Speech(usize);

    impl Program for Speech {
        fn on_bytes(&mut self, _: &[u8]) -> Result<(), Broken> {
            Ok(())
        }

        fn on_end(&mut self) {}

        fn output(&mut self, max: usize) -> Option<Vec<u8>> {
            let count = self.0.min(max);
            self.0 -= count;
            (count > 0).then(|| vec![0; count])
        }

        fn exit(&self) -> Option<Exit> {
            (self.0 == 0).then(|| Exit::silent(0))
        }

        fn is_busy(&self) -> bool {
            false
        }
    }

    #[derive(Default)]
    struct Taken {
        bytes: usize,
        ends: usize,
    }

    impl Outlet for Taken {
        fn is_open(&self, _: usize) -> bool {
            true
        }

        fn send(&mut self, _: ChannelId, buffer: Vec<u8>, _: &Rc<Ledger>) {
            self.bytes += buffer.len();
        }

        fn end(&mut self, _: ChannelId, _: Exit) {
            self.ends += 1;
        }
    }

    fn channel(bytes: usize) -> Channel {
        let now = Instant::now();
        let id = ChannelId::decode(&mut [0, 0, 0, 1].as_slice()).unwrap();
        let mut channel = Channel::new(id, Wire::new(now));
        channel.program = Some(Box::new(Speech(bytes)));
        channel
    }

    #[test]
    fn the_end_needs_no_window() {
        let (mut channel, mut taken) = (channel(10_000), Taken::default());
        channel.set_window(10_000);
        assert_eq!(channel.pump(&mut taken, usize::MAX, Instant::now()), (10_000, false));
        assert_eq!((taken.bytes, taken.ends), (10_000, 1));
        assert!(channel.has_ended());
    }

    #[test]
    fn what_does_not_fit_waits_for_room_or_for_the_client() {
        let (mut channel, mut taken) = (channel(10_000), Taken::default());
        channel.set_window(6_000);
        assert_eq!(channel.pump(&mut taken, 5_000, Instant::now()), (5_000, true));
        assert_eq!(channel.pump(&mut taken, 5_000, Instant::now()), (1_000, false));
        assert_eq!((taken.bytes, taken.ends), (6_000, 0));
    }
}
