//! Both ends, driven by hand and against each other.

mod disk;
mod download;
mod stream;
mod upload;

use self::disk::{Disk, Node};
use super::*;
use crate::exec::{self, Exec};

/// A machine, its owner, and what was said to the client.
struct Bench {
    machine: Machine,
    disk: Disk,
    said: Vec<u8>,
}

impl Bench {
    /// Starts a command in the folder `/home`.
    fn new(command: &str, disk: Disk) -> Self {
        let Ok(Exec::Scp(invocation)) = exec::parse(command.as_bytes()) else {
            panic!("no scp: {command}")
        };
        let home = VirtualPath::root().resolve(b"/home").unwrap();
        let machine = Machine::new(&invocation, home);
        let mut bench = Self { machine, disk, said: Vec::new() };
        bench.settle();
        bench
    }

    fn settle(&mut self) {
        loop {
            self.disk.serve(&mut self.machine);
            match self.machine.output(1000) {
                Some(piece) => self.said.extend_from_slice(&piece),
                None => return,
            }
        }
    }

    /// Sends bytes; all of them must be taken.
    fn send(&mut self, bytes: &[u8]) -> &mut Self {
        let mut rest = bytes;
        while !rest.is_empty() {
            assert!(self.machine.wants_input(), "not taken: {}", rest.escape_ascii());
            let taken = self.machine.on_bytes(rest);
            assert!(taken > 0, "not taken: {}", rest.escape_ascii());
            rest = rest.get(taken..).unwrap();
            self.settle();
        }
        self
    }

    fn end(&mut self) -> Option<u8> {
        self.machine.on_end();
        self.settle();
        self.disk.assert_idle();
        self.machine.exit_status()
    }

    /// What was said since the last time.
    fn said(&mut self) -> String {
        std::mem::take(&mut self.said).escape_ascii().to_string()
    }

    /// What was asked since the last time.
    fn asked(&mut self) -> Vec<String> {
        std::mem::take(&mut self.disk.log)
    }
}

fn home() -> Disk {
    Disk::default().directory("/home", 0o755)
}
