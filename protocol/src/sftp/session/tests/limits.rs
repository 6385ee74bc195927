//! What no client can make grow, and what no client can stop.

use super::*;

#[test]
fn a_long_prefetch_takes_a_few_bytes() {
    let mut rig = Rig::new(Settings { in_flight_max: 4, ..Settings::default() });
    let handle = rig.open(READ);
    let before = rig.session.queue.bytes();
    let reads = 300_000_u32;
    let mut packets = Vec::new();
    for index in 0..reads {
        let id = index.wrapping_mul(3).wrapping_sub(7);
        packets.extend(client::request(id, &read(handle, u64::from(index) * 32_768, 32_768)));
        if packets.len() > 60_000 || index + 1 == reads {
            rig.session.on_bytes(&packets).unwrap();
            packets.clear();
        }
    }
    assert_eq!(rig.session.usage().requests, reads as usize);
    assert!(rig.session.queue.bytes() - before < 200);
    // They come out as they came in.
    for index in 0..10_u32 {
        let (ticket, request) = rig.session.poll().unwrap();
        let Request::Read { offset, length, buffer, .. } = request else { panic!() };
        assert_eq!((offset, length), (u64::from(index) * 32_768, 32_768));
        rig.session.on_outcome(ticket, data(buffer, 1));
        let id = index.wrapping_mul(3).wrapping_sub(7);
        assert_eq!(rig.replies(), [Reply::Data { id, data: vec![0] }]);
    }
}

#[test]
fn reads_that_do_not_continue_each_other_stay_apart() {
    let mut rig = Rig::new(Settings::default());
    let handle = rig.open(READ);
    let reads = [(0, 10), (10, 10), (20, 10), (30, 5), (40, 5), (45, 5), (45, 5), (0, 10)];
    for (offset, length) in reads {
        rig.send(&read(handle, offset, length));
    }
    // Another step of ids.
    rig.next_id += 5;
    rig.send(&read(handle, 10, 10));
    let requests = rig.poll_all();
    let seen: Vec<_> = requests
        .iter()
        .map(|(_, request)| match request {
            Request::Read { offset, length, .. } => (*offset, *length as u32),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(seen, [&reads[..], &[(10, 10)]].concat());
    for (ticket, request) in requests {
        let Request::Read { buffer, .. } = request else { panic!() };
        rig.session.on_outcome(ticket, data(buffer, 1));
    }
    let ids: Vec<_> = rig.replies().iter().map(|reply| reply.id().unwrap()).collect();
    assert_eq!(ids, [2, 3, 4, 5, 6, 7, 8, 9, 15]);
}

#[test]
fn long_reads_are_cut() {
    let mut rig = Rig::new(Settings::default());
    let handle = rig.open(READ);
    rig.send(&read(handle, 0, u32::MAX));
    let (_, request) = rig.session.poll().unwrap();
    let Request::Read { length, buffer, .. } = request else { panic!() };
    assert_eq!((length, buffer.len()), (261_120, 261_133));
}

/// The reproduced hang of other servers: a client asks for everything and then writes, and takes
/// nothing.
#[test]
fn unsent_output_stops_neither_input_nor_writes() {
    let mut rig = Rig::new(Settings { output_max: 100_000, ..Settings::default() });
    let (reader, writer) = (rig.open(READ), rig.open(WRITE));
    for index in 0..100_000 {
        rig.send(&read(reader, index * 32_768, 32_768));
    }
    let mut held = Vec::new();
    for (ticket, request) in rig.poll_all() {
        let Request::Read { buffer, .. } = request else { panic!() };
        held.push(buffer.len());
        rig.session.on_outcome(ticket, Outcome::Data(buffer));
    }
    assert_eq!(held.len(), 4, "100,000 bytes and what was begun below");
    assert!(rig.session.poll().is_none());
    for index in 0..10_000 {
        assert!(rig.session.wants_input());
        rig.send_write(writer, index * 8192, &[1; 8192]);
        let (ticket, request) = rig.session.poll().unwrap();
        let Request::Write { data, .. } = request else { panic!() };
        rig.session.on_outcome(ticket, Outcome::Written(data));
    }
    // As it takes replies, READs go on.
    assert_eq!(rig.replies().len(), 10_004);
    assert_eq!(rig.poll_all().len(), 4);
}

#[test]
fn input_stops_only_while_the_storage_works() {
    let settings = Settings { payload_max: 50_000, output_max: 1, ..Settings::default() };
    let mut rig = Rig::new(settings);
    let handle = rig.open(BOTH);
    let write = |rig: &mut Rig, offset| rig.send_write(handle, offset, &[1; 20_000]);
    for index in 0..3 {
        write(&mut rig, index * 20_000);
    }
    let (first, _) = rig.session.poll().unwrap();
    assert!(rig.session.usage().payload > 50_000 && !rig.session.wants_input());
    rig.session.on_outcome(first, Outcome::Done);
    for (ticket, _) in rig.poll_all() {
        rig.session.on_outcome(ticket, Outcome::Done);
    }
    assert!(rig.session.usage().payload == 0 && rig.session.wants_input());
    rig.replies();

    // WRITEs behind a READ whose reply can not be sent: only input can change that.
    rig.send(&read(handle, 0, 10));
    rig.send(&read(handle, 10, 10));
    let (ticket, request) = rig.session.poll().unwrap();
    let Request::Read { buffer, .. } = request else { panic!() };
    for index in 0..4 {
        write(&mut rig, index * 20_000);
    }
    assert!(rig.session.poll().is_none() && !rig.session.wants_input());
    rig.session.on_outcome(ticket, data(buffer, 10));
    assert!(rig.session.poll().is_none() && rig.session.wants_input());
    rig.replies();
    assert!(matches!(rig.session.poll(), Some((_, Request::Read { .. }))));
}

#[test]
fn queues_end_somewhere() {
    let settings = Settings { requests_bytes_max: 100_000, ..Settings::default() };
    let mut rig = Rig::new(settings.clone());
    let stat = client::request(1, &Operation::Stat(b"a"));
    let violation = (0..100_000).find_map(|_| rig.session.on_bytes(&stat).err());
    assert_eq!(violation, Some(Violation::TooManyRequests));
    assert!((50..500).contains(&rig.session.usage().requests));
    assert!(rig.session.poll().is_none());

    // The data of WRITEs counts.
    let mut rig = Rig::new(settings);
    let handle = rig.open(WRITE);
    let write = client::write(1, handle, 0, &[0; 10_000]);
    let violation = (0..100).find_map(|_| rig.session.on_bytes(&write).err());
    assert_eq!(violation, Some(Violation::TooManyRequests));
    assert!(rig.session.usage().payload > 50_000);
}

#[test]
fn small_writes_hold_small_buffers() {
    let mut rig = Rig::new(Settings::default());
    let handle = rig.open(WRITE);
    for index in 0..10_000 {
        rig.send_write(handle, index, b"x");
    }
    assert_eq!(rig.session.usage().payload, 10_000);
}

#[test]
fn a_client_that_takes_nothing_is_left() {
    let mut rig = Rig::new(Settings { output_max: 1000, ..Settings::default() });
    let path = client::request(1, &Operation::RealPath(&b"/a".repeat(1000)));
    let violation = (0..10_000).find_map(|_| rig.session.on_bytes(&path).err());
    assert_eq!(violation, Some(Violation::OutputNotTaken));
    assert!(rig.session.usage().output <= 1000 + UNTAKEN_BYTES_MAX + 5000);

    // Also when it is an answer that goes too far.
    let mut rig = Rig::new(Settings { output_max: 0, ..Settings::default() });
    for _ in 0..600 {
        rig.send(&Operation::ReadLink(b"a"));
    }
    for _ in 0..600 {
        let Some((ticket, _)) = rig.session.poll() else { break };
        rig.session.on_outcome(ticket, Outcome::Link(vec![b'x'; 4095]));
    }
    assert_eq!(rig.session.violation(), Some(Violation::OutputNotTaken));
    assert!(rig.session.usage().output <= UNTAKEN_BYTES_MAX + 10_000);
    assert_eq!(rig.session.on_bytes(b""), Err(Violation::OutputNotTaken));
}

#[test]
fn something_is_always_made_when_nothing_waits() {
    let mut rig = Rig::new(Settings { output_max: 0, in_flight_max: 0, ..Settings::default() });
    let handle = rig.open(READ);
    rig.send(&read(handle, 0, 100_000));
    rig.send(&read(handle, 0, 100_000));
    let (ticket, request) = rig.session.poll().unwrap();
    assert!(rig.session.poll().is_none());
    let Request::Read { buffer, .. } = request else { panic!() };
    rig.session.on_outcome(ticket, Outcome::Data(buffer));
    assert!(rig.session.poll().is_none());
    rig.replies();
    assert!(rig.session.poll().is_some());
}

#[test]
fn handles_end_somewhere() {
    let mut rig = Rig::new(Settings { handles_max: 3, ..Settings::default() });
    let handles: Vec<_> = (0..3).map(|_| rig.open(READ)).collect();
    assert_eq!(rig.ask(&Operation::OpenDirectory(b"a")).code(), FAILURE);
    // What is judged is how many there are when its turn comes.
    let open = Operation::Open { path: b"a", flags: READ, attributes: AttributeChange::default() };
    rig.send(&Operation::Close(Some(handles[1])));
    rig.send(&open);
    rig.send(&open);
    let (ticket, _) = rig.session.poll().unwrap();
    rig.session.on_outcome(ticket, Outcome::Done);
    let (ticket, request) = rig.session.poll().unwrap();
    assert!(matches!(request, Request::Open { .. }));
    rig.session.on_outcome(ticket, Outcome::Opened);
    assert!(rig.session.poll().is_none());
    let replies = rig.replies();
    assert_eq!((replies[0].code(), replies[2].code()), (OK, FAILURE));
    assert!(matches!(replies[1], Reply::Handle { .. }));
    assert!(rig.session.is_idle());
}

#[test]
fn a_session_at_rest_holds_no_buffers() {
    let mut rig = Rig::new(Settings::default());
    let handle = rig.open(BOTH);
    let mut addresses = Vec::new();
    for _ in 0..10 {
        rig.send(&read(handle, 0, 32_768));
        let (ticket, request) = rig.session.poll().unwrap();
        let Request::Read { buffer, .. } = request else { panic!() };
        addresses.push(buffer.as_ptr());
        rig.session.on_outcome(ticket, Outcome::Data(buffer));
        rig.replies();
        rig.send_write(handle, 0, &[0; 32_768]);
        let (ticket, request) = rig.session.poll().unwrap();
        let Request::Write { data, .. } = request else { panic!() };
        addresses.push(data.as_ptr());
        rig.session.on_outcome(ticket, Outcome::Written(data));
        rig.replies();
    }
    assert!(addresses.iter().all(|address| *address == addresses[0]), "one buffer for all");
    rig.exchange(&Operation::Close(Some(handle)), Outcome::Done);
    let buffer = rig.session.pool.filled(32_768);
    rig.session.recycle(buffer);
    assert_eq!(format!("{:?}", rig.session.pool), format!("{:?}", Pool::default()));
}

#[test]
fn idle_sessions_are_small() {
    assert!(size_of::<Session>() < 1024);
}
