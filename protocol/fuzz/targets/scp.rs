//! Both ends of scp against a client and an owner that do anything: requests come one at a time and
//! in an order that makes sense, only whole files are finished, and everything comes to an end.
#![no_main]

use flotilla_protocol::entry::{Attributes, Kind, Timestamp};
use flotilla_protocol::exec::{self, Exec};
use flotilla_protocol::failure::Failure;
use flotilla_protocol::path::VirtualPath;
use flotilla_protocol::scp::{Machine, OUTPUT_BYTES_MAX, Outcome, Request, WRITE_BYTES_MAX};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&choice, mut data)) = data.split_first() else { return };
    let mut driver = Driver::new(choice);
    while let Some((&operation, rest)) = data.split_first() {
        data = rest;
        match operation % 8 {
            0..=2 => {
                let count = usize::from(operation / 8).min(data.len());
                let (bytes, rest) = data.split_at(count);
                data = rest;
                driver.send(bytes);
            }
            3..=5 => driver.answer(operation / 8),
            6 => driver.hear(usize::from(operation / 8) * 3 + 1),
            _ if operation == 255 => driver.machine.on_end(),
            _ => driver.answer_wrongly(operation / 8),
        }
        driver.poll();
    }
    driver.end();
});

struct Driver {
    machine: Machine,
    sink: bool,
    open: Option<Request>,
    /// The bytes that the upload announced, and those that are written.
    upload: Option<(u64, u64)>,
    file: bool,
    directories: usize,
    heard: Vec<u8>,
    over: bool,
}

impl Driver {
    fn new(choice: u8) -> Self {
        let command = COMMANDS[usize::from(choice) % COMMANDS.len()];
        let Ok(Exec::Scp(invocation)) = exec::parse(command.as_bytes()) else {
            panic!("no scp: {command}")
        };
        let mut driver = Self {
            machine: Machine::new(&invocation, VirtualPath::root()),
            sink: command.contains('t'),
            open: None,
            upload: None,
            file: false,
            directories: 0,
            heard: Vec::new(),
            over: false,
        };
        driver.machine.set_read_bytes(5);
        driver.poll();
        driver
    }

    fn send(&mut self, bytes: &[u8]) {
        let wanted = self.machine.wants_input();
        let taken = self.machine.on_bytes(bytes);
        assert!(taken <= bytes.len() && (taken > 0 || bytes.is_empty() || !wanted));
    }

    fn hear(&mut self, max: usize) {
        if let Some(piece) = self.machine.output(max) {
            assert!(!self.over && !piece.is_empty() && piece.len() <= max);
            if self.sink {
                self.heard.extend_from_slice(&piece);
            }
        }
    }

    /// Takes requests while they come.
    fn poll(&mut self) {
        while let Some(request) = self.machine.poll() {
            assert!(!self.over, "a request after the end");
            match &request {
                Request::Abandon { .. } => {
                    assert!(self.upload.take().is_some());
                    continue;
                }
                Request::Close => {
                    assert!(std::mem::take(&mut self.file));
                    continue;
                }
                Request::CloseDirectory => {
                    self.directories = self.directories.checked_sub(1).expect("one is open");
                    continue;
                }
                Request::Create { size, .. } => {
                    assert!(self.upload.is_none() && *size <= i64::MAX as u64);
                }
                Request::Write { data } => {
                    let (size, written) = self.upload.expect("an upload");
                    assert!(!data.is_empty() && data.len() <= WRITE_BYTES_MAX);
                    assert!(written + data.len() as u64 <= size);
                }
                Request::Finish { .. } => {
                    let (size, written) = self.upload.expect("an upload");
                    assert_eq!(size, written, "only whole files");
                }
                Request::Open { .. } => assert!(!self.file),
                Request::Read { length } => assert!(self.file && *length > 0),
                Request::ReadDirectory { .. } => assert!(self.directories > 0),
                _ => {}
            }
            assert!(self.open.is_none(), "two requests at once");
            self.open = Some(request);
        }
        self.over = self.machine.exit_status().is_some();
        if self.over {
            assert!(self.upload.is_none() && !self.file && self.directories == 0);
        }
    }

    /// The right kind of answer; 0 is a failure.
    fn answer(&mut self, choice: u8) {
        let Some(request) = self.open.take() else { return };
        let failure = [Failure::NotFound, Failure::Exists, Failure::IsDirectory, Failure::NoSpace]
            [usize::from(choice / 4) % 4]
            .clone();
        let good = choice % 4 != 0;
        let done = if good { Ok(()) } else { Err(failure.clone()) };
        let outcome = match request {
            Request::Glob { .. } => Outcome::Matches(match choice {
                0 => Err(failure),
                _ => Ok(vec![b"x".to_vec(); usize::from(choice % 3)]),
            }),
            Request::Stat { .. } => Outcome::Attributes(done.map(|()| attributes(choice))),
            Request::Open { .. } => {
                self.file = good;
                Outcome::Attributes(done.map(|()| attributes(choice)))
            }
            Request::OpenDirectory { .. } => {
                self.directories += usize::from(good);
                Outcome::Attributes(done.map(|()| attributes(choice)))
            }
            Request::ReadDirectory { .. } => Outcome::Names(done.map(|()| {
                NAMES[..usize::from(choice) % 4].iter().map(|name| name.to_vec()).collect()
            })),
            Request::Read { length } => {
                Outcome::Data(done.map(|()| vec![b'x'; length.min(usize::from(choice % 8))]))
            }
            Request::Create { size, .. } => {
                self.upload = good.then_some((size, 0));
                Outcome::Done(done)
            }
            Request::Write { data } => {
                if let (Some((_, written)), true) = (&mut self.upload, good) {
                    *written += data.len() as u64;
                }
                self.machine.recycle(data);
                Outcome::Done(done)
            }
            Request::Finish { .. } => {
                self.upload = None;
                Outcome::Done(done)
            }
            _ => Outcome::Done(done),
        };
        self.machine.on_outcome(outcome);
    }

    /// An answer to something that was not asked.
    fn answer_wrongly(&mut self, choice: u8) {
        let outcome = match (&self.open, choice % 2) {
            (Some(Request::Glob { .. }), _) | (None, 0) => Outcome::Data(Ok(vec![1])),
            (None, _) => Outcome::Done(Err(Failure::NoSpace)),
            _ => Outcome::Matches(Ok(Vec::new())),
        };
        self.machine.on_outcome(outcome);
    }

    /// The client is gone, the owner does its duty: this ends.
    fn end(mut self) {
        self.machine.on_end();
        let mut zeros = 0;
        for _ in 0..100_000 {
            self.poll();
            if self.over {
                break;
            }
            self.answer(if zeros > 3 { 0 } else { 1 });
            zeros += 1;
            self.hear(OUTPUT_BYTES_MAX);
        }
        assert!(self.over, "no end");
        assert_answers(&self.heard);
    }
}

/// Zero bytes, and lines that begin with 1 or 2 and hold nothing that a terminal obeys.
fn assert_answers(mut heard: &[u8]) {
    while let Some((&first, rest)) = heard.split_first() {
        heard = rest;
        if first != 0 {
            assert!(first <= 2);
            let end = heard.iter().position(|&byte| byte == b'\n').expect("a whole line");
            let (line, rest) = heard.split_at(end);
            let line = std::str::from_utf8(line).expect("text");
            assert!(line.starts_with("scp: ") && !line.contains(char::is_control));
            heard = &rest[1..];
        }
    }
}

fn attributes(choice: u8) -> Attributes {
    let time = Timestamp { seconds: i64::from(choice) - 3, nanoseconds: 0 };
    Attributes {
        kind: if choice & 8 == 0 { Kind::Directory } else { Kind::File },
        size: if choice == 31 { u64::MAX } else { u64::from(choice) },
        modified: time,
        accessed: time,
        mode: 0o644,
        uid: 0,
        gid: 0,
        links: 1,
        identity: (u64::from(choice & 1), u64::from(choice)),
    }
}

const COMMANDS: [&str; 6] =
    ["scp -rpt .", "scp -t a/", "scp -rt a*", "scp -dt .", "scp -rpf a b*", "scp -f a"];
const NAMES: [&[u8]; 3] = [b"a", b".", b"x\ny"];
