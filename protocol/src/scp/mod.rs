//! The copy protocol that `scp` spoke before it spoke SFTP (`scp -O`, and older clients).
//!
//! There is no standard; what OpenSSH's `scp.c` does holds. One end sends lines (`C` a file, `D`
//! and `E` the beginning and end of a directory, `T` times for the next of them) and the files'
//! bytes; the other answers each with a zero byte, or with 1 (this file failed) or 2 (all is over)
//! and a line of text.
//!
//! # Use
//! Make a [`Machine`] of an [`Invocation`], then loop:
//! - carry out what [`Machine::poll`] asks, until it asks nothing, and answer by
//!   [`Machine::on_outcome`];
//! - send what [`Machine::output`] gives;
//! - while [`Machine::wants_input`], offer what the client sent to [`Machine::on_bytes`], keep what
//!   it did not take for later, and say [`Machine::on_end`] when all is taken and no more will come;
//! - when [`Machine::exit_status`] says so, send that status and close the channel.
//!
//! # Invariants
//! - [`Request::Finish`] is asked only of an upload whose bytes came all, whose writes all
//!   succeeded, and which the client called good; every other one gets [`Request::Abandon`].
//! - What the client stands for is bounded: one line of [`LINE_BYTES_MAX`], one piece of
//!   [`WRITE_BYTES_MAX`] that is not written and [`DEPTH_MAX`] directories.

mod invocation;
mod line;
mod receiver;
mod request;
mod sender;
#[cfg(test)]
mod tests;

pub use invocation::{Invocation, Role};
pub use request::{Outcome, Request};

use self::receiver::Receiver;
use self::sender::Sender;
use crate::path::VirtualPath;

/// One run of `scp` on the server. See the module documentation for its contract.
#[derive(Debug)]
pub struct Machine {
    end: End,
}

#[derive(Debug)]
enum End {
    Receiver(Box<Receiver>),
    Sender(Box<Sender>),
}

impl Machine {
    /// What the command line asks for; relative paths begin at `home`.
    pub fn new(invocation: &Invocation, home: VirtualPath) -> Self {
        let end = match &invocation.role {
            Role::Sink(target) => End::Receiver(Receiver::new(invocation, target, home).into()),
            Role::Source(sources) => End::Sender(Sender::new(invocation, sources, home).into()),
        };
        Self { end }
    }

    // Getters.

    /// Whether bytes of the client can be used now.
    pub fn wants_input(&self) -> bool {
        match &self.end {
            End::Receiver(machine) => machine.wants_input(),
            End::Sender(machine) => machine.wants_input(),
        }
    }

    /// The exit status, once everything is asked, answered and taken.
    pub fn exit_status(&self) -> Option<u8> {
        match &self.end {
            End::Receiver(machine) => machine.exit_status(),
            End::Sender(machine) => machine.exit_status(),
        }
    }

    // Inputs.

    /// Takes bytes of the client and gives back how many; the rest is to be offered again.
    pub fn on_bytes(&mut self, bytes: &[u8]) -> usize {
        match &mut self.end {
            End::Receiver(machine) => machine.on_bytes(bytes),
            End::Sender(machine) => machine.on_bytes(bytes),
        }
    }

    /// All bytes are taken, and no more will come.
    pub fn on_end(&mut self) {
        match &mut self.end {
            End::Receiver(machine) => machine.on_end(),
            End::Sender(machine) => machine.on_end(),
        }
    }

    /// The answer to the open request.
    pub fn on_outcome(&mut self, outcome: Outcome) {
        match &mut self.end {
            End::Receiver(machine) => machine.on_outcome(outcome),
            End::Sender(machine) => machine.on_outcome(outcome),
        }
    }

    // Commands.

    /// How much one [`Request::Read`] asks for at the most: best what one packet carries, since
    /// [`Machine::output`] then hands the buffers on without a copy.
    pub fn set_read_bytes(&mut self, bytes: usize) {
        if let End::Sender(machine) = &mut self.end {
            machine.set_read_bytes(bytes);
        }
    }

    /// Gives back the buffer of a [`Request::Write`] that is carried out, for the next one.
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        if let End::Receiver(machine) = &mut self.end {
            machine.recycle(buffer);
        }
    }

    // Outputs.

    /// The next request.
    #[must_use]
    pub fn poll(&mut self) -> Option<Request> {
        match &mut self.end {
            End::Receiver(machine) => machine.poll(),
            End::Sender(machine) => machine.poll(),
        }
    }

    /// Bytes for the client, `max` at the most and never none.
    #[must_use]
    pub fn output(&mut self, max: usize) -> Option<Vec<u8>> {
        match &mut self.end {
            End::Receiver(machine) => machine.output(max),
            End::Sender(machine) => machine.output(max),
        }
    }
}

/// The most bytes of one [`Request::Write`], and of what is kept until it can be asked.
pub const WRITE_BYTES_MAX: usize = 256 * 1024;
/// The longest line in bytes, as OpenSSH has it: a name of 255 bytes and numbers need a sixth.
pub const LINE_BYTES_MAX: usize = 2048;
/// The deepest nesting of directories.
pub const DEPTH_MAX: usize = 64;
/// The most bytes of output that wait for the client before more of it is made: eight packets of the
/// size that OpenSSH takes.
pub const OUTPUT_BYTES_MAX: usize = 256 * 1024;
/// How much a [`Request::Read`] asks for if the owner does not say: the largest packet that SSH
/// peers commonly take.
const READ_BYTES: usize = 64 * 1024;
/// How many names a [`Request::ReadDirectory`] asks for: with 64 directories open, 4 MiB of names.
const NAMES_MAX: usize = 256;
