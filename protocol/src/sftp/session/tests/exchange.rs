//! One request, one reply.

use super::*;
use crate::digest::Algorithm;
use crate::entry::{Entry, FileSystem};
use crate::failure::Failure;
use crate::path::VirtualPath;
use crate::sftp::extension::{CheckFile, CheckTarget, EXTENSIONS, Extension};
use crate::sftp::{DIGEST_BYTES_MAX, NAMES_MAX};

fn path(path: &str) -> VirtualPath {
    VirtualPath::root().resolve(path.as_bytes()).unwrap()
}

fn rig() -> Rig {
    Rig::new(Settings { user: b"demo".to_vec(), ..Settings::default() })
}

#[test]
fn extensions_are_told_with_the_version() {
    for version in [0, 2, 3, 6] {
        let mut session = Session::new(Settings::default());
        session.on_bytes(&client::init(version)).unwrap();
        session.on_bytes(&client::init(version)).unwrap();
        let replies = client::replies(&session.output(usize::MAX).unwrap());
        let told: Vec<_> = EXTENSIONS
            .iter()
            .map(|(name, version)| (name.as_bytes().to_vec(), version.as_bytes().to_vec()))
            .collect();
        assert_eq!(told.len(), 12);
        // A second INIT is answered like the first.
        assert_eq!(replies, vec![Reply::Version { version: 3, extensions: told }; 2]);
    }
}

#[test]
fn nothing_comes_before_init() {
    let write = client::write(1, HandleId::from_wire(&[0; 8]).unwrap(), 0, b"");
    let stat = client::request(1, &Operation::Stat(b"a"));
    for (packet, kind) in
        [(write, packet::WRITE), (stat, packet::STAT), (client::packet(99, |_| {}), 99)]
    {
        let mut session = Session::new(Settings::default());
        assert_eq!(session.on_bytes(&packet), Err(Violation::NotInitialised { kind }));
        // It stays so.
        assert_eq!(session.on_bytes(&client::init(3)), Err(Violation::NotInitialised { kind }));
        assert_eq!(session.violation(), Some(Violation::NotInitialised { kind }));
        assert_eq!(session.output(usize::MAX), None);
    }
}

#[test]
fn old_clients_get_no_texts() {
    let mut session = Session::new(Settings::default());
    session.on_bytes(&client::init(2)).unwrap();
    let _ = session.output(usize::MAX);
    session.on_bytes(&client::request(5, &Operation::Unknown)).unwrap();
    let reply = session.output(usize::MAX).unwrap();
    assert_eq!(reply, b"\0\0\0\x09\x65\0\0\0\x05\0\0\0\x08");
}

#[test]
fn what_is_unknown_is_unsupported() {
    let mut rig = rig();
    assert_eq!(rig.ask(&Operation::Unknown).code(), OP_UNSUPPORTED);
    assert_eq!(rig.ask(&Operation::Extended(Extension::Unknown)).code(), OP_UNSUPPORTED);
    let undecodable = client::packet(packet::STAT, |out| out.extend([0, 0, 0, 1, 0, 0, 0, 9]));
    let violation = Violation::Undecodable { kind: packet::STAT };
    assert_eq!(rig.session.on_bytes(&undecodable), Err(violation));
    assert!(rig.session.poll().is_none());
}

#[test]
fn paths_are_told_without_the_owner() {
    let mut rig = rig();
    let mut told = |operation: Operation<'_>| match rig.ask(&operation) {
        Reply::Names { names, .. } => {
            let [(name, long, attributes)] = <[_; 1]>::try_from(names).unwrap();
            assert!(name == long && attributes.is_empty());
            String::from_utf8(name).unwrap()
        }
        status => status.code().to_string(),
    };
    for (given, expected) in [
        ("", "/"),
        (".", "/"),
        ("a/../../b//c/.", "/b/c"),
        ("/a", "/a"),
        ("~", "/~"),
        ("a\0b", "4"),
    ] {
        assert_eq!(told(Operation::RealPath(given.as_bytes())), expected, "{given}");
    }
    for (given, expected) in [
        ("~", "/"),
        ("~/", "/"),
        ("~/a/../b", "/b"),
        ("~demo", "/"),
        ("~demo/x", "/x"),
        ("~other", "2"),
        ("~dem/x", "2"),
        ("x/~", "/x/~"),
        ("", "/"),
    ] {
        let extension = Extension::ExpandPath(given.as_bytes());
        assert_eq!(told(Operation::Extended(extension)), expected, "{given}");
    }
    for (given, expected) in [("", "/"), ("demo", "/"), ("root", "2")] {
        let extension = Extension::HomeDirectory(given.as_bytes());
        assert_eq!(told(Operation::Extended(extension)), expected, "{given}");
    }
}

#[test]
fn limits_are_those_that_hold() {
    let mut rig = Rig::new(Settings { handles_max: 77, ..Settings::default() });
    let Reply::Extended { fields, .. } = rig.ask(&Operation::Extended(Extension::Limits)) else {
        panic!()
    };
    let expected: Vec<u8> =
        [262_144_u64, 261_120, 261_120, 77].iter().flat_map(|limit| limit.to_be_bytes()).collect();
    assert_eq!(fields, expected);
}

#[test]
fn operations_on_paths_become_requests() {
    let change = AttributeChange { mode: Some(0o600), size: Some(4), ..AttributeChange::default() };
    let (a, b) = (|| path("/a"), || path("/b"));
    let extended = Operation::Extended;
    let cases = [
        (Operation::Stat(b"a"), Request::Attributes { path: a(), follow: true }),
        (Operation::LinkStat(b"../a"), Request::Attributes { path: a(), follow: false }),
        (
            Operation::SetStat(b"a", change),
            Request::SetAttributes { path: a(), change, follow: true },
        ),
        (
            extended(Extension::LinkSetStat(b"a", change)),
            Request::SetAttributes { path: a(), change, follow: false },
        ),
        (Operation::Remove(b"a"), Request::Remove(a())),
        (
            Operation::MakeDirectory(b"a", change),
            Request::MakeDirectory { path: a(), mode: Some(0o600) },
        ),
        (Operation::RemoveDirectory(b"a/"), Request::RemoveDirectory(a())),
        (
            Operation::Rename { from: b"a", to: b"b" },
            Request::Rename { from: a(), to: b(), replace: false },
        ),
        (
            extended(Extension::PosixRename { from: b"a", to: b"b" }),
            Request::Rename { from: a(), to: b(), replace: true },
        ),
        (Operation::ReadLink(b"a"), Request::ReadLink(a())),
        (
            Operation::Symlink { target: b"../a/.", link: b"b" },
            Request::Symlink { target: b"../a/.".to_vec(), link: b() },
        ),
        (
            extended(Extension::HardLink { existing: b"a", new: b"b" }),
            Request::HardLink { existing: a(), new: b() },
        ),
        (extended(Extension::FileSystem(b"")), Request::FileSystem { path: path("/") }),
    ];
    let mut rig = rig();
    for (operation, expected) in cases {
        let failed = Outcome::Failed(Failure::NotFound);
        let (request, reply) = rig.exchange(&operation, failed);
        assert_eq!(request, expected);
        let text = "No such file or directory.".to_owned();
        let id = reply.id().unwrap();
        assert_eq!(reply, Reply::Status { id, code: NO_SUCH_FILE, text });
    }
    // What asks for nothing but success.
    let (_, reply) = rig.exchange(&Operation::Remove(b"a"), Outcome::Done);
    assert_eq!(reply.code(), OK);
    // In the order of the draft.
    let mut drafted = Rig::new(Settings { symlink_by_draft: true, ..Settings::default() });
    let swapped = Operation::Symlink { target: b"b", link: b"a" };
    let (request, _) = drafted.exchange(&swapped, Outcome::Done);
    assert_eq!(request, Request::Symlink { target: b"a".to_vec(), link: b() });
    for target in [&b""[..], b"a\0", &[b'x'; 4096]] {
        assert_eq!(rig.ask(&Operation::Symlink { target, link: b"b" }).code(), FAILURE);
    }
    assert_eq!(rig.ask(&Operation::Stat(&[b'x'; 256])).code(), FAILURE);
}

#[test]
fn answers_are_told() {
    let mut rig = rig();
    let attributes = attributes(5);
    let (_, reply) = rig.exchange(&Operation::Stat(b"a"), Outcome::Attributes(attributes));
    let Reply::Attributes { attributes: told, .. } = reply else { panic!() };
    let mut expected = Vec::new();
    crate::sftp::attributes::write(&mut expected, &attributes);
    assert_eq!(told, expected);

    let (_, reply) = rig.exchange(&Operation::ReadLink(b"a"), Outcome::Link(b"to".to_vec()));
    let Reply::Names { names, .. } = reply else { panic!() };
    assert_eq!(names, [(b"to".to_vec(), b"to".to_vec(), vec![])]);

    let system = FileSystem { block_bytes: 1, read_only: true, ..FileSystem::default() };
    let system = FileSystem { name_bytes_max: 255, id: 9, files_available: 8, ..system };
    let operation = Operation::Extended(Extension::FileSystem(b"a"));
    let (_, reply) = rig.exchange(&operation, Outcome::FileSystem(system));
    let Reply::Extended { fields, .. } = reply else { panic!() };
    let expected = [1, 0, 0, 0, 0, 0, 0, 8, 9, 3, 255_u64];
    assert!(fields.into_iter().eq(expected.iter().flat_map(|field| field.to_be_bytes())));
}

#[test]
fn account_names_are_told_in_order() {
    let mut rig = rig();
    let operation = Extension::Names { users: vec![0, 7], groups: vec![] };
    let operation = Operation::Extended(operation);
    let outcome = Outcome::AccountNames { users: vec![b"root".to_vec(), vec![]], groups: vec![] };
    let (request, reply) = rig.exchange(&operation, outcome.clone());
    assert_eq!(request, Request::Names { users: vec![0, 7], groups: vec![] });
    let Reply::Extended { fields, .. } = reply else { panic!() };
    assert_eq!(fields, b"\0\0\0\x0c\0\0\0\x04root\0\0\0\0\0\0\0\0");
    // As many names as numbers, or it is an error.
    let operation = Operation::Extended(Extension::Names { users: vec![0], groups: vec![] });
    assert_eq!(rig.exchange(&operation, outcome).1.code(), FAILURE);
    let users = vec![0; NAMES_MAX + 1];
    let operation = Operation::Extended(Extension::Names { users, groups: vec![] });
    assert_eq!(rig.ask(&operation).code(), FAILURE);
}

#[test]
fn open_flags_are_judged() {
    let mut rig = rig();
    let attributes = AttributeChange { mode: Some(0o600), ..AttributeChange::default() };
    let open = |flags| Operation::Open { path: b"a", flags, attributes };
    for flags in [0, 4, 8, 8 | 16, 0x40, READ | 16, READ | 4] {
        assert_eq!(rig.ask(&open(flags)).code(), BAD_MESSAGE, "{flags:x}");
    }
    let failed = || Outcome::Failed(Failure::Denied("No."));
    let (request, reply) = rig.exchange(&open(WRITE | 4 | 8 | 16 | 32 | 0x40), failed());
    assert_eq!(reply.code(), PERMISSION_DENIED);
    let Request::Open { path: opened, flags, attributes: given, .. } = request else { panic!() };
    assert_eq!((opened, given), (path("/a"), attributes));
    let all = OpenFlags { append: true, create: true, truncate: true, ..OpenFlags::default() };
    assert_eq!(flags, OpenFlags { write: true, exclusive: true, ..all });
    // EXCL means nothing without CREAT.
    let (request, _) = rig.exchange(&open(READ | 32), failed());
    let Request::Open { flags, .. } = request else { panic!() };
    assert_eq!(flags, OpenFlags { read: true, ..OpenFlags::default() });
    assert_eq!(rig.session.usage().open_handles, 0);
}

#[test]
fn files_are_read_written_and_closed() {
    let mut rig = rig();
    let handle = rig.open(BOTH);
    assert_eq!(rig.session.open_handles().collect::<Vec<_>>(), [handle]);

    rig.send(&read(handle, 3, 100));
    let (ticket, request) = rig.session.poll().unwrap();
    let Request::Read { offset: 3, length: 100, mut buffer, .. } = request else { panic!() };
    assert_eq!(buffer.len(), 113);
    buffer[13..17].copy_from_slice(b"data");
    let address = buffer.as_ptr();
    rig.session.on_outcome(ticket, data(buffer, 4));
    let reply = rig.session.output(usize::MAX).unwrap();
    assert_eq!(reply.as_ptr(), address, "no copy");
    let id = rig.next_id;
    assert_eq!(client::replies(&reply), [Reply::Data { id, data: b"data".to_vec() }]);

    let id = rig.send_write(handle, 9, b"more");
    let (ticket, request) = rig.session.poll().unwrap();
    assert_eq!(request, Request::Write { handle, offset: 9, data: b"more".to_vec() });
    assert_eq!(rig.session.usage().payload, 4);
    rig.session.on_outcome(ticket, Outcome::Written(b"more".to_vec()));
    assert_eq!(rig.replies(), [Reply::Status { id, code: OK, text: "Success.".to_owned() }]);
    assert_eq!(rig.session.usage().payload, 0);

    let sync = Operation::Extended(Extension::Sync(Some(handle)));
    assert_eq!(rig.exchange(&sync, Outcome::Done).0, Request::Sync { handle });
    let stat = Operation::HandleStat(Some(handle));
    let (request, _) = rig.exchange(&stat, Outcome::Attributes(attributes(1)));
    assert_eq!(request, Request::HandleAttributes { handle });
    let change = AttributeChange { size: Some(0), ..AttributeChange::default() };
    let set = Operation::SetHandleStat(Some(handle), change);
    let (request, _) = rig.exchange(&set, Outcome::Done);
    assert_eq!(request, Request::SetHandleAttributes { handle, change });
    let system = Operation::Extended(Extension::HandleFileSystem(Some(handle)));
    let (request, _) = rig.exchange(&system, Outcome::FileSystem(FileSystem::default()));
    assert_eq!(request, Request::HandleFileSystem { handle });

    let close = Operation::Close(Some(handle));
    let (request, reply) = rig.exchange(&close, Outcome::Failed(Failure::NoSpace));
    assert_eq!((request, reply.code()), (Request::Close { handle }, FAILURE));
    // It is closed, whatever the answer was.
    assert_eq!(rig.session.usage(), Usage::default());
    assert_eq!(rig.ask(&close).code(), FAILURE);
}

#[test]
fn the_ends_of_files_and_directories_are_told() {
    let mut rig = rig();
    let handle = rig.open(READ);
    for answer in [HEAD_BYTES, 0] {
        rig.send(&read(handle, 0, 10));
        let (ticket, _) = rig.session.poll().unwrap();
        rig.session.on_outcome(ticket, Outcome::Data(vec![0; answer]));
        // Less than the headroom is no answer.
        assert_eq!(rig.replies()[0].code(), if answer == 0 { FAILURE } else { EOF });
    }
    // More than was asked for is not told.
    rig.send(&read(handle, 0, 10));
    let (ticket, _) = rig.session.poll().unwrap();
    rig.session.on_outcome(ticket, Outcome::Data(vec![0; 99]));
    assert_eq!(rig.replies(), [Reply::Data { id: rig.next_id, data: vec![0; 10] }]);
    // To read nothing is no error, and not the end.
    assert_eq!(rig.ask(&read(handle, 0, 0)), Reply::Data { id: rig.next_id, data: Vec::new() });

    let handle = rig.open_directory();
    for last in [false, true] {
        rig.send(&Operation::ReadDirectory(Some(handle)));
        let (ticket, request) = rig.session.poll().unwrap();
        let Request::ReadDirectory { mut names, .. } = request else { panic!() };
        let entry = Entry { name: b"n", attributes: attributes(1), target: None };
        assert!(last || names.push(&entry, 0));
        rig.session.on_outcome(ticket, Outcome::Names(names));
        match &rig.replies()[..] {
            [Reply::Names { names, .. }] if !last => assert_eq!(names[0].0, b"n"),
            [reply] => assert_eq!(reply.code(), EOF),
            _ => panic!(),
        }
    }
}

#[test]
fn large_lists_are_for_clients_that_know_the_limits() {
    let mut rig = rig();
    let handle = rig.open_directory();
    let fill = |rig: &mut Rig| {
        rig.send(&Operation::ReadDirectory(Some(handle)));
        let (ticket, request) = rig.session.poll().unwrap();
        let Request::ReadDirectory { mut names, .. } = request else { panic!() };
        let entry = Entry { name: b"name", attributes: attributes(1), target: None };
        while names.push(&entry, 0) {}
        rig.session.on_outcome(ticket, Outcome::Names(names));
        rig.session.output(usize::MAX).unwrap().len()
    };
    let common = fill(&mut rig);
    assert!((33_000..=34_000).contains(&common));
    rig.ask(&Operation::Extended(Extension::Limits));
    let large = fill(&mut rig);
    assert!((64_000..=65_536).contains(&large));
}

#[test]
fn handles_are_for_what_they_were_opened_for() {
    let mut rig = rig();
    let (file, directory) = (rig.open(READ), rig.open_directory());
    let writer = rig.open(WRITE);
    let extended = Operation::Extended;
    let copy = |source, target| {
        let (source, target) = (Some(source), Some(target));
        extended(Extension::CopyData { source, offset: 0, length: 0, target, target_offset: 0 })
    };
    for (operation, code) in [
        (read(writer, 0, 1), PERMISSION_DENIED),
        (read(directory, 0, 1), FAILURE),
        (Operation::ReadDirectory(Some(file)), FAILURE),
        (Operation::HandleStat(Some(directory)), FAILURE),
        (Operation::SetHandleStat(Some(directory), AttributeChange::default()), FAILURE),
        (extended(Extension::Sync(Some(directory))), FAILURE),
        (copy(writer, file), PERMISSION_DENIED),
        (copy(file, file), PERMISSION_DENIED),
        (copy(file, directory), FAILURE),
        (read(file, u64::MAX, 1), FAILURE),
        (read(file, i64::MAX as u64, 1), FAILURE),
    ] {
        assert_eq!(rig.ask(&operation).code(), code, "{operation:?}");
    }
    for (handle, offset, code) in
        [(file, 0, PERMISSION_DENIED), (directory, 0, FAILURE), (writer, u64::MAX, FAILURE)]
    {
        rig.send_write(handle, offset, b"x");
        assert!(rig.session.poll().is_none());
        assert_eq!(rig.replies()[0].code(), code);
    }
    let both = rig.open(BOTH);
    assert_eq!(rig.ask(&copy(both, both)).code(), FAILURE);
    let (request, _) = rig.exchange(&copy(file, both), Outcome::Done);
    let (source, target) = (file, both);
    let expected = Request::CopyData { source, offset: 0, length: 0, target, target_offset: 0 };
    assert_eq!(request, expected);
}

#[test]
fn made_up_handles_lead_nowhere() {
    let mut rig = rig();
    let open = Operation::Open { path: b"a", flags: BOTH, attributes: AttributeChange::default() };
    rig.send(&open);
    let (ticket, request) = rig.session.poll().unwrap();
    let Request::Open { handle, .. } = request else { panic!() };
    // Not even the right one before it was told, nor one of another generation.
    let mut next = handle.to_wire();
    next[7] += 1;
    for handle in [Some(handle), HandleId::from_wire(&next), None] {
        for operation in [
            Operation::Close(handle),
            Operation::Read { handle, offset: 0, length: 1 },
            Operation::HandleStat(handle),
            Operation::ReadDirectory(handle),
        ] {
            rig.send(&operation);
            assert!(rig.session.poll().is_none());
            assert_eq!(rig.replies()[0].code(), FAILURE);
        }
    }
    rig.session.on_outcome(ticket, Outcome::Opened);
    assert!(matches!(rig.replies()[..], [Reply::Handle { .. }]));
    // After CLOSE was sent nothing more is taken, and the next file has another handle.
    rig.send(&Operation::Close(Some(handle)));
    rig.send(&read(handle, 0, 1));
    assert_eq!(rig.replies()[0].code(), FAILURE);
    let (ticket, _) = rig.session.poll().unwrap();
    rig.session.on_outcome(ticket, Outcome::Done);
    rig.replies();
    let other = rig.open(BOTH);
    assert_ne!(other, handle);
    assert_eq!(rig.ask(&read(handle, 0, 1)).code(), FAILURE);
}

#[test]
fn files_are_hashed() {
    let mut rig = rig();
    let handle = rig.open(READ);
    let check = |target, algorithms, block, is_named| {
        let (start, length) = (1, 1000);
        Operation::Extended(Extension::CheckFile(CheckFile {
            target,
            algorithms,
            start,
            length,
            block,
            is_named,
        }))
    };
    let by_handle = || CheckTarget::Handle(Some(handle));
    for (target, is_named, expected) in [
        (CheckTarget::Path(b"a"), false, &b"\0\0\0\x06sha256HASH"[..]),
        (by_handle(), false, b"\0\0\0\x06sha256HASH"),
        (by_handle(), true, b"\0\0\0\x0acheck-file\0\0\0\x06sha256HASH"),
    ] {
        let on = match target {
            CheckTarget::Path(_) => DigestTarget::Path(path("/a")),
            CheckTarget::Handle(_) => DigestTarget::Handle(handle),
        };
        let operation = check(target, b"sha3,sha256,md5", 256, is_named);
        let (request, reply) = rig.exchange(&operation, Outcome::Digest(b"HASH".to_vec()));
        let (algorithm, length) = (Algorithm::Sha256, Some(1000));
        let expected_request =
            Request::Digest { target: on, algorithm, start: 1, length, block: Some(256) };
        assert_eq!(request, expected_request);
        let Reply::Extended { fields, .. } = reply else { panic!() };
        assert_eq!(fields, expected);
    }
    for (algorithms, block) in [(&b"sha3"[..], 0), (b"", 0), (b"md5", 255), (b"md5", 1)] {
        let operation = check(by_handle(), algorithms, block, false);
        assert_eq!(rig.ask(&operation).code(), FAILURE);
    }
    let many = Outcome::Digest(vec![0; DIGEST_BYTES_MAX + 1]);
    let operation = check(by_handle(), b"crc32", 0, false);
    assert_eq!(rig.exchange(&operation, many).1.code(), FAILURE);
}

#[test]
fn answers_that_do_not_fit_harm_nobody() {
    let mut rig = rig();
    let (_, reply) = rig.exchange(&Operation::Stat(b"a"), Outcome::Opened);
    assert_eq!(reply.code(), FAILURE);
    let open = Operation::Open { path: b"a", flags: READ, attributes: AttributeChange::default() };
    let (_, reply) = rig.exchange(&open, Outcome::Done);
    assert_eq!(reply.code(), FAILURE);
    assert_eq!(rig.session.usage(), Usage::default());
    let handle = rig.open(BOTH);
    rig.send(&read(handle, 0, 10));
    rig.send(&Operation::Stat(b"a"));
    let (ticket, _) = rig.session.poll().unwrap();
    for _ in 0..3 {
        rig.session.on_outcome(ticket, Outcome::Done);
    }
    assert_eq!(rig.replies().len(), 1, "answered once");
    let (next, _) = rig.session.poll().unwrap();
    // An old ticket is not mistaken for the next one.
    assert_eq!(next.slot, ticket.slot);
    rig.session.on_outcome(ticket, Outcome::Done);
    assert_eq!((rig.replies(), rig.session.usage().in_flight), (vec![], 1));
}
