//! Any requests, answered in any order, against carrying them out one by one.
//!
//! A small tree is kept twice: once by a model, which carries out each request as it is sent, and
//! once by the owner, which carries out what the session hands out, in an order of its own. Every
//! request must be answered once, with what the model says.

use std::collections::{BTreeMap, HashMap, HashSet};

use proptest::prelude::*;

use super::tree::{OpenFile, Tree};
use super::*;
use crate::failure::Failure;
use crate::path::VirtualPath;
use crate::sftp::extension::Extension;

/// What a request comes to, as a reply tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Code(u32),
    Handle,
    Data(Vec<u8>),
    Size(u64),
}

/// One request of a client, in small numbers.
#[derive(Clone, Copy, Debug)]
enum Step {
    Open {
        name: u8,
        flags: u32,
    },
    Close {
        which: u8,
    },
    Read {
        which: u8,
        offset: u8,
        length: u8,
        count: u8,
    },
    Write {
        which: u8,
        offset: u8,
        length: u8,
    },
    HandleSize {
        which: u8,
    },
    Truncate {
        which: u8,
        size: u8,
    },
    Size {
        name: u8,
    },
    Remove {
        name: u8,
    },
    Rename {
        from: u8,
        to: u8,
    },
    Copy {
        from: u8,
        to: u8,
        offset: u8,
    },
    /// The owner takes so many requests on.
    Poll(u8),
    /// The owner answers one of them.
    Finish(u8),
    /// The client takes so many bytes.
    Take(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let byte = any::<u8>;
    let open = (0..4_u8, prop_oneof![Just(READ), 0..64_u32, Just(BOTH | 8), Just(WRITE | 12)]);
    let step = prop_oneof![
        3 => open.prop_map(|(name, flags)| Step::Open { name, flags }),
        1 => byte().prop_map(|which| Step::Close { which }),
        4 => (byte(), 0..60_u8, 1..30_u8, 1..5_u8).prop_map(|(which, offset, length, count)| {
            Step::Read { which, offset, length, count }
        }),
        6 => (byte(), 0..60_u8, 0..30_u8)
            .prop_map(|(which, offset, length)| Step::Write { which, offset, length }),
        1 => byte().prop_map(|which| Step::HandleSize { which }),
        1 => (byte(), 0..60_u8).prop_map(|(which, size)| Step::Truncate { which, size }),
        1 => (0..4_u8).prop_map(|name| Step::Size { name }),
        1 => (0..4_u8).prop_map(|name| Step::Remove { name }),
        1 => (0..4_u8, 0..4_u8).prop_map(|(from, to)| Step::Rename { from, to }),
        1 => (byte(), byte(), 0..60_u8).prop_map(|(from, to, offset)| {
            Step::Copy { from, to, offset }
        }),
        6 => (0..6_u8).prop_map(Step::Poll),
        8 => byte().prop_map(Step::Finish),
        4 => byte().prop_map(Step::Take),
    ];
    proptest::collection::vec(step, 0..120)
}

struct World {
    session: Session,
    settings: Settings,
    next_id: u32,
    // What should be.
    model: Tree,
    model_open: BTreeMap<u32, OpenFile>,
    expected: HashMap<u32, Answer>,
    // What the client knows: files by the id of their OPEN, in the order of replies, closed ones
    // too.
    known: Vec<(u32, HandleId)>,
    unread: Vec<u8>,
    // What the owner has.
    tree: Tree,
    open: HashMap<HandleId, OpenFile>,
    under_way: Vec<(Ticket, Request)>,
}

impl World {
    fn new(settings: Settings) -> Self {
        let mut session = Session::new(settings.clone());
        session.on_bytes(&client::init(3)).unwrap();
        let _ = session.output(usize::MAX);
        Self {
            session,
            settings,
            next_id: 0,
            model: Tree::default(),
            model_open: BTreeMap::new(),
            expected: HashMap::new(),
            known: Vec::new(),
            unread: Vec::new(),
            tree: Tree::default(),
            open: HashMap::new(),
            under_way: Vec::new(),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Poll(count) => {
                for _ in 0..count {
                    let Some((ticket, request)) = self.session.poll() else { break };
                    self.check_beside(&request);
                    self.under_way.push((ticket, request));
                }
            }
            Step::Finish(which) if !self.under_way.is_empty() => {
                let index = usize::from(which) % self.under_way.len();
                let (ticket, request) = self.under_way.swap_remove(index);
                let outcome = self.carry_out(request);
                self.session.on_outcome(ticket, outcome);
            }
            Step::Finish(_) => {}
            Step::Take(max) => {
                if let Some(bytes) = self.session.output(max.into()) {
                    assert!((1..=usize::from(max)).contains(&bytes.len()));
                    self.unread.extend_from_slice(&bytes);
                    self.session.recycle(bytes);
                    self.read_replies();
                }
            }
            Step::Size { .. } | Step::Remove { .. } | Step::Rename { .. } | Step::Open { .. } => {
                self.send_for_path(step);
            }
            step => self.send_for_handle(step),
        }
        self.check_budgets();
    }

    /// Sends a request for a name and notes what it must come to.
    fn send_for_path(&mut self, step: Step) {
        let name = |name: u8| vec![b'a' + name];
        match step {
            Step::Open { name: which, flags } => {
                let path = name(which);
                let operation =
                    Operation::Open { path: &path, flags, attributes: AttributeChange::default() };
                let id = self.push(&operation);
                let answer = self.expect_open(id, &path, flags);
                self.expected.insert(id, answer);
            }
            Step::Size { name: which } => {
                let id = self.push(&Operation::Stat(&name(which)));
                let size = self.model.size(&name(which));
                let answer = size.map_or(Answer::Code(NO_SUCH_FILE), Answer::Size);
                self.expected.insert(id, answer);
            }
            Step::Remove { name: which } => {
                let id = self.push(&Operation::Remove(&name(which)));
                let code = self.model.names.remove(&name(which)).map_or(NO_SUCH_FILE, |_| OK);
                self.expected.insert(id, Answer::Code(code));
            }
            Step::Rename { from, to } => {
                let (from, to) = (name(from), name(to));
                let id = self.push(&Operation::Rename { from: &from, to: &to });
                let code = if self.model.rename(&from, &to) { OK } else { NO_SUCH_FILE };
                self.expected.insert(id, Answer::Code(code));
            }
            _ => {}
        }
    }

    /// Sends a request for a handle and notes what it must come to.
    fn send_for_handle(&mut self, step: Step) {
        match step {
            Step::Close { which } => {
                let Some((open_id, handle)) = self.pick(which) else { return };
                let id = self.push(&Operation::Close(Some(handle)));
                let code = if self.model_open.remove(&open_id).is_some() { OK } else { FAILURE };
                self.expected.insert(id, Answer::Code(code));
            }
            Step::Read { which, offset, length, count } => {
                let Some((open_id, handle)) = self.pick(which) else { return };
                for index in 0..u64::from(count) {
                    let offset = u64::from(offset) + index * u64::from(length);
                    let id = self.push(&read(handle, offset, length.into()));
                    let answer = self.expect(
                        open_id,
                        |flags| flags.read,
                        |model, open| match model.read(open.file, offset, length.into()) {
                            data if data.is_empty() => Answer::Code(EOF),
                            data => Answer::Data(data),
                        },
                    );
                    self.expected.insert(id, answer);
                }
            }
            Step::Write { which, offset, length } => {
                let Some((open_id, handle)) = self.pick(which) else { return };
                let data = vec![self.next_id as u8; length.into()];
                self.next_id += 1;
                let packet = client::write(self.next_id, handle, offset.into(), &data);
                self.session.on_bytes(&packet).unwrap();
                let answer = self.expect(
                    open_id,
                    |flags| flags.write,
                    |model, open| {
                        model.write(open, offset.into(), &data);
                        Answer::Code(OK)
                    },
                );
                self.expected.insert(self.next_id, answer);
            }
            Step::HandleSize { which } => {
                let Some((open_id, handle)) = self.pick(which) else { return };
                let id = self.push(&Operation::HandleStat(Some(handle)));
                let answer = self.expect(
                    open_id,
                    |_| true,
                    |model, open| Answer::Size(model.files[open.file].len() as u64),
                );
                self.expected.insert(id, answer);
            }
            Step::Truncate { which, size } => {
                let Some((open_id, handle)) = self.pick(which) else { return };
                let change =
                    AttributeChange { size: Some(size.into()), ..AttributeChange::default() };
                let id = self.push(&Operation::SetHandleStat(Some(handle), change));
                let answer = self.expect(
                    open_id,
                    |_| true,
                    |model, open| {
                        model.files[open.file].resize(size.into(), 0);
                        Answer::Code(OK)
                    },
                );
                self.expected.insert(id, answer);
            }
            Step::Copy { from, to, offset } => self.send_copy(from, to, offset.into()),
            _ => {}
        }
    }

    fn send_copy(&mut self, from: u8, to: u8, offset: u64) {
        let (Some(from), Some(to)) = (self.pick(from), self.pick(to)) else { return };
        let (source, target) = (Some(from.1), Some(to.1));
        let id = self.push(&Operation::Extended(Extension::CopyData {
            source,
            offset,
            length: 20,
            target,
            target_offset: offset,
        }));
        let files = (self.model_open.get(&from.0).copied(), self.model_open.get(&to.0).copied());
        let code = match files {
            (None, _) => FAILURE,
            (Some(source), _) if !source.flags.read => PERMISSION_DENIED,
            (_, None) => FAILURE,
            (_, Some(target)) if !target.flags.write => PERMISSION_DENIED,
            _ if from == to => FAILURE,
            (Some(source), Some(target)) => {
                let data = self.model.read(source.file, offset, 20);
                self.model.write(target, offset, &data);
                OK
            }
        };
        self.expected.insert(id, Answer::Code(code));
    }

    fn push(&mut self, operation: &Operation<'_>) -> u32 {
        self.next_id += 1;
        self.session.on_bytes(&client::request(self.next_id, operation)).unwrap();
        self.next_id
    }

    /// One of the handles that the client was told.
    fn pick(&self, which: u8) -> Option<(u32, HandleId)> {
        self.known.get(usize::from(which) % self.known.len().max(1)).copied()
    }

    fn expect(
        &mut self,
        open_id: u32,
        allows: impl FnOnce(OpenFlags) -> bool,
        carry_out: impl FnOnce(&mut Tree, OpenFile) -> Answer,
    ) -> Answer {
        match self.model_open.get(&open_id) {
            None => Answer::Code(FAILURE),
            Some(open) if !allows(open.flags) => Answer::Code(PERMISSION_DENIED),
            Some(open) => carry_out(&mut self.model, *open),
        }
    }

    fn expect_open(&mut self, id: u32, name: &[u8], flags: u32) -> Answer {
        let has = |flag| flags & flag != 0;
        let flags = OpenFlags {
            read: has(1),
            write: has(2),
            append: has(4),
            create: has(8),
            truncate: has(16),
            exclusive: has(32) && has(8),
        };
        if !flags.write && (!flags.read || flags.append || flags.truncate) {
            return Answer::Code(BAD_MESSAGE);
        }
        let open: Vec<_> = self.model_open.values().map(|open| open.file).collect();
        if open.len() >= self.settings.handles_max {
            return Answer::Code(FAILURE);
        }
        match self.model.open(name, flags, &open) {
            None => Answer::Code(FAILURE),
            Some(open) => {
                self.model_open.insert(id, open);
                Answer::Handle
            }
        }
    }

    /// What the owner does.
    fn carry_out(&mut self, request: Request) -> Outcome {
        let name = |path: &VirtualPath| path.file_name().unwrap().to_vec();
        let found = |found| if found { Outcome::Done } else { Outcome::Failed(Failure::NotFound) };
        match request {
            Request::Open { handle, path, flags, .. } => {
                let open: Vec<_> = self.open.values().map(|open| open.file).collect();
                match self.tree.open(&name(&path), flags, &open) {
                    None => Outcome::Failed(Failure::Exists),
                    Some(open) => {
                        assert!(self.open.insert(handle, open).is_none(), "a handle twice");
                        Outcome::Opened
                    }
                }
            }
            Request::Read { handle, offset, length, mut buffer } => {
                let data = self.tree.read(self.open[&handle].file, offset, length);
                buffer.truncate(HEAD_BYTES);
                buffer.extend(data);
                Outcome::Data(buffer)
            }
            Request::Write { handle, offset, data } => {
                self.tree.write(self.open[&handle], offset, &data);
                Outcome::Written(data)
            }
            Request::Close { handle } => {
                self.open.remove(&handle).unwrap();
                Outcome::Done
            }
            Request::HandleAttributes { handle } => {
                let size = self.tree.files[self.open[&handle].file].len() as u64;
                Outcome::Attributes(attributes(size))
            }
            Request::SetHandleAttributes { handle, change } => {
                let size = change.size.unwrap() as usize;
                self.tree.files[self.open[&handle].file].resize(size, 0);
                Outcome::Done
            }
            Request::Attributes { path, .. } => match self.tree.size(&name(&path)) {
                Some(size) => Outcome::Attributes(attributes(size)),
                None => Outcome::Failed(Failure::NotFound),
            },
            Request::Remove(path) => found(self.tree.names.remove(&name(&path)).is_some()),
            Request::Rename { from, to, .. } => found(self.tree.rename(&name(&from), &name(&to))),
            Request::CopyData { source, offset, length, target, target_offset } => {
                let data = self.tree.read(self.open[&source].file, offset, length as usize);
                self.tree.write(self.open[&target], target_offset, &data);
                Outcome::Done
            }
            other => panic!("{other:?}"),
        }
    }

    /// Whether a request may begin beside those that are under way.
    fn check_beside(&self, request: &Request) {
        for (_, other) in &self.under_way {
            match (request, other) {
                (Request::Read { .. }, Request::Read { .. }) => {}
                (
                    Request::Write { handle, offset, data },
                    Request::Write { handle: other, offset: other_offset, data: other_data },
                ) if handle == other => {
                    assert!(!self.open[handle].flags.append);
                    let end = offset + data.len() as u64;
                    let other_end = other_offset + other_data.len() as u64;
                    assert!(end <= *other_offset || *offset >= other_end);
                }
                (request, other) => {
                    assert!(handle_of(request).is_some() && handle_of(other).is_some());
                    assert_ne!(handle_of(request), handle_of(other));
                }
            }
        }
    }

    fn check_budgets(&self) {
        let usage = self.session.usage();
        assert_eq!(usage.in_flight, self.under_way.len());
        assert!(usage.in_flight <= self.settings.in_flight_max);
        assert!(usage.open_handles <= self.settings.handles_max);
        // Of large replies one stands over; the small ones are as many as there were requests.
        let small = 60 * self.next_id as usize;
        assert!(usage.output <= self.settings.output_max + HEAD_BYTES + 30 + small);
    }

    fn read_replies(&mut self) {
        let mut whole = 0;
        while let Some(head) = self.unread[whole..].first_chunk::<4>() {
            let end = whole + 4 + u32::from_be_bytes(*head) as usize;
            if end > self.unread.len() {
                break;
            }
            whole = end;
        }
        let rest = self.unread.split_off(whole);
        for reply in client::replies(&std::mem::replace(&mut self.unread, rest)) {
            let id = reply.id().unwrap();
            let expected = self.expected.remove(&id).expect("one reply to one request");
            let answer = match reply {
                Reply::Status { code, .. } => Answer::Code(code),
                Reply::Data { data, .. } => Answer::Data(data),
                Reply::Handle { handle, .. } => {
                    assert!(self.known.iter().all(|(_, known)| *known != handle));
                    self.known.push((id, handle));
                    Answer::Handle
                }
                Reply::Attributes { attributes, .. } => {
                    Answer::Size(u64::from_be_bytes(*attributes[4..].first_chunk().unwrap()))
                }
                other => panic!("{other:?}"),
            };
            assert_eq!(answer, expected, "request {id}");
        }
    }

    /// Lets everything come to its end.
    fn settle(&mut self) {
        let mut rounds = 0;
        while !self.session.is_idle() {
            rounds += 1;
            assert!(rounds < 10_000, "nothing goes on");
            self.step(Step::Poll(255));
            assert!(self.session.wants_input() || !self.under_way.is_empty());
            self.step(Step::Finish(rounds as u8));
            self.step(Step::Take(255));
        }
        assert!(self.unread.is_empty() && self.expected.is_empty());
        assert_eq!(self.tree.files, self.model.files);
        assert_eq!(self.tree.names, self.model.names);
        let usage = self.session.usage();
        assert_eq!(usage, Usage { open_handles: self.open.len(), ..Usage::default() });
        let open: HashSet<_> = self.session.open_handles().collect();
        assert_eq!(open, self.open.keys().copied().collect());
        assert_eq!((self.session.producing, self.session.queue.bytes()), (0, 0));
    }
}

fn handle_of(request: &Request) -> Option<HandleId> {
    match request {
        Request::Read { handle, .. }
        | Request::Write { handle, .. }
        | Request::Close { handle }
        | Request::HandleAttributes { handle }
        | Request::SetHandleAttributes { handle, .. } => Some(*handle),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_order_comes_to_the_same(
        steps in steps(),
        in_flight_max in 1..8_usize,
        output_max in 0..200_usize,
        payload_max in 0..200_usize,
    ) {
        let settings = Settings { in_flight_max, output_max, payload_max, ..Settings::default() };
        let mut world = World::new(Settings { handles_max: 3, ..settings });
        for step in steps {
            world.step(step);
        }
        world.settle();
    }
}
