//! The SFTP session under lists of operations: requests of a client, many at once, on handles that
//! are open, closed or made up; answers of an owner that are right, wrong or late, in any order.
//!
//! Held: every request is answered once; requests side by side are on different handles, or READs,
//! or WRITEs; budgets hold; and when everything is answered and taken, nothing is left.
#![no_main]

use std::collections::HashSet;

use flotilla_protocol::entry::{Attributes, Entry, FileSystem, Kind, Timestamp};
use flotilla_protocol::failure::Failure;
use flotilla_protocol::sftp::{
    DATA_HEADROOM, HandleId, Outcome, Request, Session, Settings, Ticket,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut operations = data.iter().copied();
    let mut driver = Driver::new(operations.next().unwrap_or(0));
    while let Some(operation) = operations.next() {
        let argument = operations.next().unwrap_or(0);
        match operation % 8 {
            0..=2 => driver.send(operation / 8, argument),
            3 => driver.poll(1 + argument % 8),
            4 | 5 => driver.answer(argument),
            6 => driver.take(usize::from(argument) * 8),
            _ => driver.send_many(argument),
        }
        driver.check();
        if driver.session.violation().is_some() {
            return;
        }
    }
    driver.settle();
});

struct Driver {
    session: Session,
    settings: Settings,
    next_id: u32,
    unanswered: HashSet<u32>,
    handles: Vec<Vec<u8>>,
    unread: Vec<u8>,
    under_way: Vec<(Ticket, Request)>,
}

impl Driver {
    fn new(flags: u8) -> Self {
        let settings = Settings {
            output_max: usize::from(flags % 16) * 50_000,
            payload_max: usize::from(flags / 16) * 1000,
            handles_max: 5,
            in_flight_max: 1 + usize::from(flags % 7),
            requests_bytes_max: 1 << 20,
            ..Settings::default()
        };
        let mut session = Session::new(settings.clone());
        session.on_bytes(b"\0\0\0\x05\x01\0\0\0\x03").unwrap();
        let _ = session.output(usize::MAX);
        Self {
            session,
            settings,
            next_id: 0,
            unanswered: HashSet::new(),
            handles: Vec::new(),
            unread: Vec::new(),
            under_way: Vec::new(),
        }
    }

    fn send(&mut self, which: u8, argument: u8) {
        self.next_id += 1;
        self.unanswered.insert(self.next_id);
        let handle = self.handle(argument);
        let number = |number: u64| number.to_be_bytes().to_vec();
        let offset = number(u64::from(argument) * 100);
        let path = || string(&[b'a' + argument % 4]);
        let flags = u32::from(argument % 64).to_be_bytes().to_vec();
        let none = vec![0; 4];
        let (kind, fields) = match which {
            0..=3 => (3, vec![path(), flags, none]),
            4 => (4, vec![handle]),
            5 | 6 => (5, vec![handle, offset, vec![0, 0, argument, 9]]),
            7..=9 => (6, vec![handle, offset, string(&vec![argument; argument.into()])]),
            10 => (8, vec![handle]),
            11 => (10, vec![handle, vec![0, 0, 0, 1], offset]),
            12 => (11, vec![path()]),
            13 | 14 => (12, vec![handle]),
            15 => (16, vec![path()]),
            16 => (18, vec![path(), path()]),
            17 => (19, vec![path()]),
            18 => (argument.max(21), vec![path()]),
            19 => (200, vec![string(b"limits@openssh.com")]),
            20 => (200, vec![string(b"fsync@openssh.com"), handle]),
            21 => {
                let fields = [string(b"copy-data"), handle, offset.clone(), offset.clone()];
                let other = self.handle(argument.wrapping_add(1));
                (200, [&fields[..], &[other, offset]].concat())
            }
            22 => {
                let fields = [string(b"check-file"), handle, string(b"md5"), offset.clone()];
                (200, [&fields[..], &[offset, vec![0, 0, 1, 0]]].concat())
            }
            23 => (200, vec![string(b"statvfs@openssh.com"), path()]),
            24 => {
                let name = string(b"users-groups-by-id@openssh.com");
                (200, vec![name, string(&[0; 8]), string(&[0; 4])])
            }
            _ => (17, vec![path()]),
        };
        let packet = [&[kind], &self.next_id.to_be_bytes()[..], &fields.concat()].concat();
        // A violation is looked for behind every step.
        let _ = self.session.on_bytes(&string(&packet));
    }

    /// READs that continue each other.
    fn send_many(&mut self, argument: u8) {
        let handle = self.handle(argument);
        let mut packets = Vec::new();
        for index in 0..u64::from(argument) * 4 {
            self.next_id += 1;
            self.unanswered.insert(self.next_id);
            let head = [&[5], &self.next_id.to_be_bytes()[..], &handle].concat();
            let fields = [&head[..], &(index * 32_768).to_be_bytes(), &[0, 0, 0x80, 0]].concat();
            packets.extend(string(&fields));
        }
        let _ = self.session.on_bytes(&packets);
    }

    /// One that was told, or one that was not.
    fn handle(&self, which: u8) -> Vec<u8> {
        let told = self.handles.len().saturating_sub(6);
        let recent = &self.handles[told..];
        match recent.get(usize::from(which) % (recent.len() + 1)) {
            Some(handle) => string(handle),
            None => string(&[0, 0, 0, which % 8, 0, 0, 0, which / 8]),
        }
    }

    fn poll(&mut self, count: u8) {
        for _ in 0..count {
            let Some((ticket, request)) = self.session.poll() else { return };
            for (_, other) in &self.under_way {
                check_beside(&request, other);
            }
            self.under_way.push((ticket, request));
        }
    }

    fn answer(&mut self, choice: u8) {
        if self.under_way.is_empty() {
            return;
        }
        let index = usize::from(choice) % self.under_way.len();
        let (ticket, request) = self.under_way.swap_remove(index);
        let outcome = match choice {
            0..=9 => Outcome::Failed(Failure::StorageTimeout),
            10 => Outcome::Done,
            11 => Outcome::Opened,
            12 => Outcome::Data(vec![0; 5]),
            13 => Outcome::Digest(vec![0; 1 << 20]),
            _ => outcome(request, choice),
        };
        self.session.on_outcome(ticket, outcome);
        if choice % 8 == 0 {
            self.session.on_outcome(ticket, Outcome::Done);
        }
    }

    fn take(&mut self, max: usize) {
        let Some(bytes) = self.session.output(max) else { return };
        assert!((1..=max).contains(&bytes.len()));
        self.unread.extend_from_slice(&bytes);
        self.session.recycle(bytes);
        let mut rest = self.unread.as_slice();
        while let Some((length, behind)) = rest.split_first_chunk::<4>()
            && let Some((packet, behind)) =
                behind.split_at_checked(u32::from_be_bytes(*length) as usize)
        {
            rest = behind;
            let id = u32::from_be_bytes(*packet[1..].first_chunk().unwrap());
            assert!(self.unanswered.remove(&id), "{id} twice");
            if packet[0] == 102 {
                self.handles.push(packet[9..].to_vec());
            }
        }
        self.unread = rest.to_vec();
    }

    fn check(&self) {
        let usage = self.session.usage();
        assert_eq!(usage.in_flight, self.under_way.len());
        assert!(usage.in_flight <= self.settings.in_flight_max);
        assert!(usage.open_handles <= self.settings.handles_max);
        assert!(usage.payload <= self.settings.requests_bytes_max + (257 << 10));
        assert!(usage.output <= self.settings.output_max + (5 << 20));
    }

    fn settle(&mut self) {
        while !self.session.is_idle() {
            self.poll(255);
            assert!(self.session.wants_input() || !self.under_way.is_empty());
            assert!(!self.under_way.is_empty() || self.session.usage().output > 0);
            self.answer(0);
            self.take(1 << 20);
            if self.session.violation().is_some() {
                return;
            }
        }
        assert!(self.unread.is_empty() && self.unanswered.is_empty());
        let usage = self.session.usage();
        assert_eq!((usage.payload, usage.requests, usage.in_flight), (0, 0, 0));
        assert_eq!(usage.open_handles, self.session.open_handles().count());
    }
}

fn check_beside(request: &Request, other: &Request) {
    match (request, other) {
        (Request::Read { .. }, Request::Read { .. })
        | (Request::Write { .. }, Request::Write { .. }) => {}
        _ => {
            assert!(handle_of(request).is_some() && handle_of(other).is_some());
            assert_ne!(handle_of(request), handle_of(other));
        }
    }
}

fn handle_of(request: &Request) -> Option<HandleId> {
    match request {
        Request::Read { handle, .. }
        | Request::Write { handle, .. }
        | Request::Close { handle }
        | Request::ReadDirectory { handle, .. }
        | Request::HandleAttributes { handle }
        | Request::SetHandleAttributes { handle, .. }
        | Request::HandleFileSystem { handle }
        | Request::Sync { handle } => Some(*handle),
        Request::Digest { target, .. } => match target {
            flotilla_protocol::sftp::DigestTarget::Handle(handle) => Some(*handle),
            flotilla_protocol::sftp::DigestTarget::Path(_) => None,
        },
        _ => None,
    }
}

/// An answer that fits.
fn outcome(request: Request, choice: u8) -> Outcome {
    let time = Timestamp { seconds: 1, nanoseconds: 0 };
    let attributes = Attributes {
        kind: Kind::File,
        size: 1,
        modified: time,
        accessed: time,
        mode: 0o644,
        uid: 0,
        gid: 0,
        links: 1,
        identity: (1, 1),
    };
    match request {
        Request::Open { .. } | Request::OpenDirectory { .. } => Outcome::Opened,
        Request::Read { mut buffer, length, .. } => {
            buffer.truncate(DATA_HEADROOM + length / usize::from(1 + choice % 3));
            Outcome::Data(buffer)
        }
        Request::Write { data, .. } => Outcome::Written(data),
        Request::ReadDirectory { mut names, .. } => {
            let entry = Entry { name: b"name", attributes, target: None };
            for _ in 0..usize::from(choice) * 8 {
                if !names.push(&entry, 0) {
                    break;
                }
            }
            Outcome::Names(names)
        }
        Request::Attributes { .. } | Request::HandleAttributes { .. } => {
            Outcome::Attributes(attributes)
        }
        Request::ReadLink(_) => Outcome::Link(vec![b'x'; usize::from(choice) * 16]),
        Request::FileSystem { .. } | Request::HandleFileSystem { .. } => {
            Outcome::FileSystem(FileSystem::default())
        }
        Request::Digest { .. } => Outcome::Digest(vec![0; 16]),
        Request::Names { users, groups } => Outcome::AccountNames {
            users: vec![b"name".to_vec(); users.len()],
            groups: vec![Vec::new(); groups.len()],
        },
        _ => Outcome::Done,
    }
}

/// A length and the bytes: a field, or a whole packet.
fn string(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat()
}
