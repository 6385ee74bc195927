//! Who waits for whom.

use super::*;
use crate::sftp::extension::Extension;

/// What is handed out now, in words.
fn polled(rig: &mut Rig) -> (Vec<Ticket>, Vec<String>) {
    let name = |request: Request| match request {
        Request::Read { offset, .. } => format!("read {offset}"),
        Request::Write { offset, .. } => format!("write {offset}"),
        Request::Close { .. } => "close".to_owned(),
        Request::HandleAttributes { .. } => "fstat".to_owned(),
        Request::SetHandleAttributes { .. } => "fsetstat".to_owned(),
        Request::Sync { .. } => "sync".to_owned(),
        Request::CopyData { .. } => "copy".to_owned(),
        Request::Attributes { path, .. } => format!("stat {path}"),
        Request::ReadDirectory { .. } => "readdir".to_owned(),
        other => panic!("{other:?}"),
    };
    rig.poll_all().into_iter().map(|(ticket, request)| (ticket, name(request))).unzip()
}

fn finish(rig: &mut Rig, tickets: &[Ticket]) {
    for ticket in tickets {
        rig.session.on_outcome(*ticket, Outcome::Done);
    }
}

#[test]
fn reads_run_beside_reads_and_writes_beside_writes() {
    let mut rig = Rig::new(Settings::default());
    let handle = rig.open(BOTH);
    for offset in [0, 10, 5] {
        rig.send(&read(handle, offset, 10));
    }
    rig.send_write(handle, 0, &[1; 10]);
    rig.send_write(handle, 10, &[1; 10]);
    rig.send(&read(handle, 7, 1));
    rig.send_write(handle, 20, &[1; 10]);

    let (tickets, requests) = polled(&mut rig);
    assert_eq!(requests, ["read 0", "read 10", "read 5"]);
    finish(&mut rig, &tickets[1..]);
    assert_eq!(polled(&mut rig).1.len(), 0);
    finish(&mut rig, &tickets[..1]);
    let (tickets, requests) = polled(&mut rig);
    assert_eq!(requests, ["write 0", "write 10"]);
    finish(&mut rig, &tickets);
    let (tickets, requests) = polled(&mut rig);
    assert_eq!(requests, ["read 7"]);
    finish(&mut rig, &tickets);
    assert_eq!(polled(&mut rig).1, ["write 20"]);
}

/// OpenSSH's client cuts an upload where one acknowledgement overtook another.
#[test]
fn what_is_done_early_is_told_in_its_turn() {
    let mut rig = Rig::new(Settings::default());
    let (handle, other) = (rig.open(WRITE), rig.open(WRITE));
    let [first, second, third] = [0, 10, 20].map(|at| rig.send_write(handle, at, &[1; 10]));
    let of_other = rig.send_write(other, 30, &[1; 10]);
    let (tickets, requests) = polled(&mut rig);
    let ticket = |offset: u64| {
        let name = format!("write {offset}");
        tickets[requests.iter().position(|request| *request == name).unwrap()]
    };
    let mut told = |offset| {
        finish(&mut rig, &[ticket(offset)]);
        rig.replies().iter().map(|reply| reply.id().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(told(20), []);
    assert_eq!(told(30), [of_other], "another handle waits for nobody");
    assert_eq!(told(10), []);
    assert_eq!(told(0), [first, second, third]);
}

#[test]
fn writes_to_the_same_bytes_are_in_order() {
    let mut rig = Rig::new(Settings::default());
    let handle = rig.open(WRITE);
    for (offset, length) in [(100, 10), (90, 10), (110, 10), (119, 5), (0, 1)] {
        rig.send_write(handle, offset, &vec![1; length]);
    }
    let (tickets, requests) = polled(&mut rig);
    assert_eq!(requests, ["write 100", "write 90", "write 110"]);
    finish(&mut rig, &tickets);
    assert_eq!(polled(&mut rig).1, ["write 119", "write 0"]);
}

#[test]
fn appends_are_in_order() {
    let mut rig = Rig::new(Settings::default());
    let handle = rig.open(WRITE | packet::FLAG_APPEND);
    for offset in [0, 10, 20] {
        rig.send_write(handle, offset, &[1; 10]);
    }
    for expected in ["write 0", "write 10", "write 20"] {
        let (tickets, requests) = polled(&mut rig);
        assert_eq!(requests, [expected]);
        finish(&mut rig, &tickets);
    }
}

#[test]
fn other_work_on_a_handle_waits_for_what_came_before() {
    let mut rig = Rig::new(Settings::default());
    let (handle, other) = (rig.open(BOTH), rig.open(BOTH));
    let change = AttributeChange::default();
    rig.send_write(handle, 0, b"x");
    rig.send(&Operation::HandleStat(Some(handle)));
    rig.send(&Operation::SetHandleStat(Some(handle), change));
    rig.send(&Operation::Extended(Extension::Sync(Some(handle))));
    rig.send(&read(handle, 0, 1));
    rig.send(&Operation::Close(Some(handle)));
    // It is no matter of the other one.
    rig.send(&read(other, 9, 1));
    let (mut tickets, mut requests) = polled(&mut rig);
    assert_eq!(requests, ["read 9", "write 0"]);
    for expected in ["fstat", "fsetstat", "sync", "read 0", "close"] {
        finish(&mut rig, &tickets);
        (tickets, requests) = polled(&mut rig);
        assert_eq!(requests, [expected]);
    }
}

#[test]
fn directories_are_listed_page_by_page() {
    let mut rig = Rig::new(Settings::default());
    let (one, two) = (rig.open_directory(), rig.open_directory());
    for handle in [one, one, two] {
        rig.send(&Operation::ReadDirectory(Some(handle)));
    }
    let (tickets, requests) = polled(&mut rig);
    assert_eq!(requests.len(), 2, "one of each");
    finish(&mut rig, &tickets);
    assert_eq!(polled(&mut rig).1, ["readdir"]);
}

#[test]
fn paths_wait_for_everything_and_everything_for_them() {
    let mut rig = Rig::new(Settings::default());
    let (one, two) = (rig.open(BOTH), rig.open(BOTH));
    rig.send_write(one, 0, b"x");
    rig.send(&read(two, 1, 1));
    rig.send(&Operation::Stat(b"a"));
    rig.send(&read(one, 2, 1));
    rig.send(&Operation::Stat(b"b"));
    rig.send(&Operation::Stat(b"c"));
    let (source, target) = (Some(one), Some(two));
    let copy = Extension::CopyData { source, offset: 0, length: 1, target, target_offset: 0 };
    rig.send(&Operation::Extended(copy));
    rig.send_write(two, 3, b"x");
    rig.send_write(one, 4, b"x");

    let (tickets, mut requests) = polled(&mut rig);
    requests.sort();
    assert_eq!(requests, ["read 1", "write 0"]);
    finish(&mut rig, &tickets[..1]);
    assert_eq!(polled(&mut rig).1.len(), 0);
    finish(&mut rig, &tickets[1..]);
    for expected in ["stat /a", "read 2", "stat /b", "stat /c", "copy"] {
        let (tickets, requests) = polled(&mut rig);
        assert_eq!(requests, [expected]);
        finish(&mut rig, &tickets);
    }
    let (tickets, mut requests) = polled(&mut rig);
    requests.sort();
    assert_eq!(requests, ["write 3", "write 4"]);
    finish(&mut rig, &tickets);
    assert_eq!(rig.replies().len(), 9);
    assert!(rig.session.is_idle());
}

#[test]
fn a_run_of_reads_ends_at_a_path() {
    let mut rig = Rig::new(Settings::default());
    let handle = rig.open(READ);
    rig.send(&read(handle, 0, 10));
    rig.send(&Operation::Stat(b"a"));
    // It would go on where the first one ends, by a step of two ids.
    rig.send(&read(handle, 10, 10));
    rig.send(&read(handle, 20, 10));
    for expected in [&["read 0"][..], &["stat /a"], &["read 10", "read 20"]] {
        let (tickets, requests) = polled(&mut rig);
        assert_eq!(requests, expected);
        finish(&mut rig, &tickets);
    }
}

#[test]
fn files_take_turns() {
    let mut rig = Rig::new(Settings { in_flight_max: 1, ..Settings::default() });
    let handles = [rig.open(READ), rig.open(READ), rig.open(WRITE)];
    for index in 0..4 {
        rig.send(&read(handles[0], index, 1));
        rig.send(&read(handles[1], 100 + index, 1));
        rig.send_write(handles[2], 1000 + index, b"x");
    }
    let mut seen = Vec::new();
    loop {
        let (tickets, requests) = polled(&mut rig);
        if tickets.is_empty() {
            break;
        }
        finish(&mut rig, &tickets);
        seen.extend(requests);
    }
    assert_eq!(seen.len(), 12);
    let place = |name: &str| seen.iter().position(|seen| seen == name).unwrap();
    // Nobody is done before everybody has begun.
    for first in ["read 0", "read 100", "write 1000"] {
        assert!(place(first) < 6, "{seen:?}");
    }
}
