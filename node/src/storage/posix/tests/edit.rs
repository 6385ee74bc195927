//! Files opened for writes at any offset.

use std::os::unix::fs::MetadataExt as _;

use flotilla_protocol::entry::{AttributeChange, Timestamp};

use super::*;

const NOTHING: Edit =
    Edit { read: false, create: false, truncate: false, exclusive: false, append: false };
const MAKE: Edit = Edit { create: true, ..NOTHING };

#[tokio::test]
async fn a_new_file_appears_when_it_is_closed() {
    for bench in Bench::everywhere("new") {
        let (ann, bob) = (&bench.posix, bench.posix.view("bob"));
        let sink = edit(ann, "file", PUT).await.unwrap();
        write(&sink, 4, b"4567").await.unwrap();
        write(&sink, 0, b"0123").await.unwrap();
        assert_eq!(size(ann, "file").await, Ok(8));
        assert_eq!(size(&bob, "file").await, Err(Failure::NotFound));
        Arc::clone(&sink).sync().await.unwrap();
        sink.close().await.unwrap();
        assert_eq!(bench.read("file"), b"01234567");
        bench.settle().await;
        assert_eq!(bench.names(), ["file"]);
        // And again over it: the old one is there until the new one is closed.
        let sink = edit(ann, "file", PUT).await.unwrap();
        write(&sink, 0, b"new").await.unwrap();
        assert_eq!(bench.read("file"), b"01234567");
        sink.close().await.unwrap();
        assert_eq!(bench.read("file"), b"new");
    }
}

#[tokio::test]
async fn a_published_file_is_written_in_place() {
    for bench in Bench::everywhere("place") {
        bench.write("file", b"0123456789");
        for flags in [NOTHING, MAKE] {
            let sink = edit(&bench.posix, "file", flags).await.unwrap();
            assert_eq!(bench.read("file").len(), 10);
            write(&sink, 2, b"ab").await.unwrap();
            assert_eq!(bench.read("file"), b"01ab456789");
            sink.close().await.unwrap();
            assert_eq!(bench.read("file"), b"01ab456789");
        }
        // Opening changes nothing, and neither does going away.
        drop(edit(&bench.posix, "file", MAKE).await.unwrap());
        bench.settle().await;
        assert_eq!(bench.read("file"), b"01ab456789");
        assert_eq!(bench.names(), ["file"]);
    }
}

#[tokio::test]
async fn flags_of_an_open_mean_what_they_do_elsewhere() {
    for atomic_uploads in [true, false] {
        let bench = Bench::with(PosixOptions { atomic_uploads, ..OPTIONS });
        let posix = &bench.posix;
        let empty = Edit { truncate: true, ..NOTHING };
        assert_eq!(edit(posix, "file", NOTHING).await.err(), Some(Failure::NotFound));
        assert_eq!(edit(posix, "file", empty).await.err(), Some(Failure::NotFound));
        let new = Edit { exclusive: true, ..PUT };
        edit(posix, "file", new).await.unwrap().close().await.unwrap();
        assert_eq!(bench.read("file"), b"");
        assert_eq!(edit(posix, "file", new).await.err(), Some(Failure::Exists));
        bench.write("file", b"0123456789");
        let sink = edit(posix, "file", empty).await.unwrap();
        assert_eq!(bench.read("file").is_empty(), !atomic_uploads);
        write(&sink, 0, b"x").await.unwrap();
        sink.close().await.unwrap();
        assert_eq!(bench.read("file"), b"x");
        let sink = edit(posix, "made", MAKE).await.unwrap();
        write(&sink, 3, b"x").await.unwrap();
        sink.close().await.unwrap();
        assert_eq!(bench.read("made"), b"\0\0\0x");
        posix.make_directory(&path("dir")).await.unwrap();
        for flags in [NOTHING, MAKE, PUT, empty, Edit { read: true, ..NOTHING }] {
            assert_eq!(edit(posix, "dir", flags).await.err(), Some(Failure::IsDirectory));
        }
        assert_eq!(bench.names(), ["dir", "file", "made"]);
    }
}

#[tokio::test]
async fn an_unfinished_upload_is_continued() {
    for bench in Bench::everywhere("continue") {
        let posix = &bench.posix;
        for (flags, name) in [(NOTHING, "one"), (MAKE, "two")] {
            let sink = edit(posix, name, PUT).await.unwrap();
            write(&sink, 0, b"0123456789").await.unwrap();
            drop(sink);
            bench.settle().await;
            assert_eq!(size(posix, name).await, Ok(10));
            let other = posix.view("bob");
            assert_eq!(edit(&other, name, NOTHING).await.err(), Some(Failure::NotFound));
            let sink = edit(&posix.view("ann"), name, flags).await.unwrap();
            write(&sink, 12, b"end").await.unwrap();
            write(&sink, 0, b"b").await.unwrap();
            sink.close().await.unwrap();
            assert_eq!(bench.read(name), b"b123456789\0\0end");
        }
        // It counts as there for who wants to replace it.
        put_part(&bench, posix, "three", b"0123456789").await;
        let sink = edit(posix, "three", Edit { truncate: true, ..NOTHING }).await.unwrap();
        sink.close().await.unwrap();
        assert_eq!(bench.read("three"), b"");
        assert_eq!(bench.names(), ["one", "three", "two"]);
    }
}

#[tokio::test]
async fn appends_go_to_the_end_whatever_their_offset() {
    for bench in Bench::everywhere("append") {
        let posix = &bench.posix;
        let append = Edit { append: true, ..MAKE };
        for name in ["published", "partial", "fresh"] {
            match name {
                "published" => bench.write(name, b"0123"),
                "partial" => put_part(&bench, posix, name, b"0123").await,
                _ => {}
            }
            let sink = edit(posix, name, append).await.unwrap();
            assert_eq!(sink.start(), if name == "fresh" { 0 } else { 4 });
            write(&sink, 0, b"a").await.unwrap();
            write(&sink, 0, b"b").await.unwrap();
            sink.close().await.unwrap();
            let expected: &[u8] = if name == "fresh" { b"ab" } else { b"0123ab" };
            assert_eq!(bench.read(name), expected, "{name}");
        }
        // Who may only append changes nothing else of a published file.
        let sink = edit(posix, "published", append).await.unwrap();
        let change = AttributeChange { size: Some(0), ..AttributeChange::default() };
        assert!(matches!(sink.change(change).await, Err(Failure::Denied(_))));
        assert_eq!(bench.read("published"), b"0123ab");
    }
}

#[tokio::test]
async fn what_is_written_is_read_back() {
    for bench in Bench::everywhere("read") {
        bench.write("old", b"0123456789");
        for (name, flags) in [("new", PUT), ("old", NOTHING)] {
            let sink = edit(&bench.posix, name, Edit { read: true, ..flags }).await.unwrap();
            write(&sink, 0, b"abcdef").await.unwrap();
            let mut buffer = [0; 3];
            match sink.read_now(2, &mut buffer) {
                Some(count) => assert_eq!(&buffer[..count.unwrap()], b"cde"),
                None => assert!(!bench.posix.root.local),
            }
            let read = Arc::clone(&sink).read_after(2, b"headxxxx".to_vec(), 4).await.unwrap();
            assert_eq!(read, (b"headcdef".to_vec(), 4));
            let (_, count) = Arc::clone(&sink).read_after(u64::MAX, vec![0; 9], 2).await.unwrap();
            assert_eq!(count, 0);
            assert_eq!(Arc::clone(&sink).write(u64::MAX, vec![1]).await, Err(Failure::NoSpace));
            let sink = edit(&bench.posix, name, flags).await.unwrap();
            let refused = Some(Err(Failure::Denied("not open for reading")));
            assert_eq!(sink.read_now(0, &mut buffer), refused);
            assert!(Arc::clone(&sink).read_after(0, vec![0; 9], 0).await.is_err());
        }
    }
}

#[tokio::test]
async fn pieces_may_be_written_at_once() {
    for bench in Bench::everywhere("pieces") {
        let sink = edit(&bench.posix, "file", PUT).await.unwrap();
        let bytes: Vec<u8> = (0..1 << 20).map(|at: u32| at.to_le_bytes()[1]).collect();
        let pieces = bytes.chunks(32 << 10).enumerate().rev();
        let writes: Vec<_> = pieces
            .map(|(number, piece)| {
                let offset = (number * (32 << 10)) as u64;
                Arc::clone(&sink).write(offset, piece.to_vec())
            })
            .collect();
        for write in writes {
            assert!(write.await.unwrap().is_empty());
        }
        let now = Arc::clone(&sink).attributes().await.unwrap();
        assert_eq!(now.size, 1 << 20);
        sink.close().await.unwrap();
        assert_eq!(bench.read("file"), bytes);
    }
}

#[tokio::test]
async fn attributes_set_on_the_way_are_those_of_the_end() {
    for bench in Bench::everywhere("attributes") {
        bench.write("old", b"0123456789");
        for (name, flags) in [("new", PUT), ("old", NOTHING), ("old", PUT)] {
            let sink = edit(&bench.posix, name, flags).await.unwrap();
            write(&sink, 0, b"0123456789").await.unwrap();
            let modified = Timestamp { seconds: 1_000_000_000, nanoseconds: 7 };
            let accessed = Timestamp { seconds: 1_100_000_000, nanoseconds: 0 };
            let change = AttributeChange {
                size: Some(6),
                mode: Some(0o4440),
                accessed: Some(accessed),
                modified: Some(modified),
                ..AttributeChange::default()
            };
            Arc::clone(&sink).change(change).await.unwrap();
            let now = Arc::clone(&sink).attributes().await.unwrap();
            assert_eq!((now.size, now.mode, now.modified), (6, 0o440, modified));
            assert_eq!(now.accessed, accessed);
            let shown = bench.posix.attributes(&path(name), true).await.unwrap();
            if (name, flags) != ("old", PUT) {
                assert_eq!((shown.size, shown.mode, shown.modified), (6, 0o440, modified));
            }
            // Late bytes undo nothing.
            write(&sink, 6, b"late").await.unwrap();
            sink.close().await.unwrap();
            let done = bench.posix.attributes(&path(name), true).await.unwrap();
            assert_eq!((done.size, done.mode, done.modified), (10, 0o440, modified), "{name}");
            assert_eq!(done.accessed, accessed);
            assert_eq!(bench.read(name), b"012345late");
        }
    }
}

/// The end of a handle does not bring back what was changed by path since.
#[tokio::test]
async fn the_last_word_on_a_published_file_counts() {
    for bench in Bench::everywhere("last") {
        bench.write("file", b"0123456789");
        let change = |mode, seconds| AttributeChange {
            mode: Some(mode),
            modified: Some(Timestamp { seconds, nanoseconds: 0 }),
            ..AttributeChange::default()
        };
        for late in [false, true] {
            let sink = edit(&bench.posix, "file", NOTHING).await.unwrap();
            write(&sink, 0, b"a").await.unwrap();
            Arc::clone(&sink).change(change(0o600, 1000)).await.unwrap();
            bench.posix.set_attributes(&path("file"), change(0o640, 2000), true).await.unwrap();
            if late {
                write(&sink, 0, b"b").await.unwrap();
            }
            sink.close().await.unwrap();
            let found = bench.posix.attributes(&path("file"), true).await.unwrap();
            assert_eq!(
                (found.mode, found.modified.seconds),
                (0o640, if late { 1000 } else { 2000 })
            );
        }
    }
}

#[tokio::test]
async fn a_path_under_way_takes_attributes_as_its_handle_does() {
    for bench in Bench::everywhere("path") {
        let posix = &bench.posix;
        let modified = Timestamp { seconds: 1_000_000_000, nanoseconds: 0 };
        let change = AttributeChange {
            mode: Some(0o400),
            modified: Some(modified),
            size: Some(3),
            ..AttributeChange::default()
        };
        let sink = edit(posix, "file", PUT).await.unwrap();
        write(&sink, 0, b"0123456789").await.unwrap();
        posix.set_attributes(&path("file"), change, true).await.unwrap();
        let now = Arc::clone(&sink).attributes().await.unwrap();
        assert_eq!((now.size, now.mode, now.modified), (3, 0o400, modified));
        write(&sink, 3, b"x").await.unwrap();
        sink.close().await.unwrap();
        let done = posix.attributes(&path("file"), true).await.unwrap();
        assert_eq!((done.size, done.mode, done.modified), (4, 0o400, modified));

        // One that nobody writes at the moment stays resumable, and as young as it is.
        put_part(&bench, posix, "part", b"0123456789").await;
        let bob = posix.view("bob");
        let refused = bob.set_attributes(&path("part"), change, true).await;
        assert_eq!(refused, Err(Failure::NotFound));
        posix.set_attributes(&path("part"), change, true).await.unwrap();
        let found = posix.attributes(&path("part"), true).await.unwrap();
        assert_eq!((found.size, found.mode), (3, 0o600));
        assert!(found.modified > modified);
        assert_eq!(posix.sweep(Duration::from_secs(3600)).await.removed, 0);
        put(posix, "part", CreateMode::Resume(3), b"45").await.unwrap();
        assert_eq!(bench.read("part"), b"01245");
    }
}

#[tokio::test]
async fn the_mode_of_an_open_is_cut_by_the_umask() {
    for (permissions, expected) in [(None, 0o644), (Some(0o7777), 0o755), (Some(0o400), 0o400)] {
        for atomic_uploads in [true, false] {
            let bench = Bench::with(PosixOptions { atomic_uploads, ..OPTIONS });
            let options =
                CreateOptions { permissions, ..CreateOptions::new(CreateMode::Edit(PUT)) };
            let mode = || std::fs::metadata(bench.root.join("file")).unwrap().mode() & 0o7777;
            let sink: Arc<dyn Sink> =
                Arc::from(bench.posix.create(&path("file"), options).await.unwrap());
            write(&sink, 0, b"x").await.unwrap();
            sink.close().await.unwrap();
            assert_eq!(mode(), expected);
            // What replaces a file keeps its mode.
            let again = CreateOptions { permissions: Some(0o777), ..options };
            let sink: Arc<dyn Sink> =
                Arc::from(bench.posix.create(&path("file"), again).await.unwrap());
            sink.close().await.unwrap();
            assert_eq!(mode(), expected);
        }
    }
}

/// As a program does that opens its log twice, or a client that sends a file in two parts.
#[tokio::test]
async fn two_handles_of_one_owner_write_one_file() {
    for bench in Bench::everywhere("two") {
        let posix = &bench.posix;
        let first = edit(posix, "file", PUT).await.unwrap();
        write(&first, 0, b"first").await.unwrap();
        let second = edit(&posix.view("ann"), "file", NOTHING).await.unwrap();
        write(&second, 5, b"second").await.unwrap();
        // One that wrote nothing publishes nothing.
        edit(posix, "file", NOTHING).await.unwrap().close().await.unwrap();
        assert_eq!(size(&posix.view("bob"), "file").await, Err(Failure::NotFound));
        Arc::clone(&second).close().await.unwrap();
        assert_eq!(bench.read("file"), b"firstsecond");
        // The other one goes on in what is published now.
        write(&first, 0, b"FIRST").await.unwrap();
        first.close().await.unwrap();
        drop(second);
        bench.settle().await;
        assert_eq!(bench.read("file"), b"FIRSTsecond");
        assert_eq!(bench.names(), ["file"]);
    }
}

/// The connection of the first attempt is dead, but nobody has noticed yet.
#[tokio::test]
async fn the_end_of_a_dead_handle_harms_nothing() {
    let bench = Bench::new();
    let dead = edit(&bench.posix, "file", PUT).await.unwrap();
    write(&dead, 0, b"0123").await.unwrap();
    let live = edit(&bench.posix, "file", MAKE).await.unwrap();
    drop(dead);
    bench.settle().await;
    write(&live, 4, b"4567").await.unwrap();
    assert_eq!(size(&bench.posix, "file").await, Ok(8));
    live.close().await.unwrap();
    assert_eq!(bench.read("file"), b"01234567");
    assert_eq!(bench.names(), ["file"]);
}

/// Another process holds it: its lock is all that is known of it here.
#[tokio::test]
async fn beside_another_process_a_copy_is_written() {
    let bench = Bench::new();
    let lane = Arc::clone(bench.posix.lane());
    let elsewhere = Posix::open(&bench.root, lane, OPTIONS).unwrap().view("ann");
    let other = edit(&elsewhere, "file", PUT).await.unwrap();
    write(&other, 0, b"0123").await.unwrap();
    let busy = bench.posix.set_attributes(
        &path("file"),
        AttributeChange { size: Some(0), ..AttributeChange::default() },
        true,
    );
    assert!(matches!(busy.await, Err(Failure::Denied(_))));
    let ours = edit(&bench.posix, "file", NOTHING).await.unwrap();
    write(&ours, 4, b"ours").await.unwrap();
    write(&other, 4, b"other").await.unwrap();
    ours.close().await.unwrap();
    assert_eq!(bench.read("file"), b"0123ours");
    other.close().await.unwrap();
    assert_eq!(bench.read("file"), b"0123other");
    assert_eq!(bench.names(), ["file"]);
}

#[tokio::test]
async fn two_whole_uploads_at_once_do_not_mix() {
    let bench = Bench::new();
    let one = edit(&bench.posix, "file", PUT).await.unwrap();
    let two = edit(&bench.posix, "file", PUT).await.unwrap();
    let in_place = {
        bench.write("file", b"old");
        edit(&bench.posix, "file", NOTHING).await.unwrap()
    };
    write(&one, 0, b"1111").await.unwrap();
    write(&two, 0, b"22").await.unwrap();
    two.close().await.unwrap();
    assert_eq!(bench.read("file"), b"22");
    // Of the file that was replaced nothing comes back.
    write(&in_place, 0, b"OLD").await.unwrap();
    in_place.close().await.unwrap();
    assert_eq!(bench.read("file"), b"22");
    one.close().await.unwrap();
    assert_eq!(bench.read("file"), b"1111");
    assert_eq!(bench.names(), ["file"]);
}

#[tokio::test]
async fn nothing_is_published_after_a_failed_write() {
    for bench in Bench::everywhere("failed") {
        let sink = edit(&bench.posix, "file", PUT).await.unwrap();
        write(&sink, 0, b"0123").await.unwrap();
        assert_eq!(write(&sink, u64::MAX - 1, b"4567").await, Err(Failure::NoSpace));
        assert_eq!(sink.close().await, Err(Failure::NoSpace));
        assert!(!bench.root.join("file").exists());
        assert_eq!(size(&bench.posix, "file").await, Ok(4));
        // A write that nobody waits for, and that never ran, is missing as well.
        let sink = edit(&bench.posix, "file", PUT).await.unwrap();
        drop(Arc::clone(&sink).write(0, vec![1; 2 << 20]));
        assert_eq!(sink.close().await, Err(Failure::StorageTimeout));
        assert!(!bench.root.join("file").exists());
    }
}

/// Who resumes goes by the length: a hole would count as arrived.
#[tokio::test]
async fn what_is_kept_ends_before_the_first_write_that_is_missing() {
    for bench in Bench::everywhere("torn") {
        for given_up in [false, true] {
            let sink = edit(&bench.posix, "file", PUT).await.unwrap();
            write(&sink, 0, b"0123").await.unwrap();
            // Nobody waits for it, so it never runs.
            drop(Arc::clone(&sink).write(4, vec![1; 2 << 20]));
            write(&sink, 3 << 20, b"89").await.unwrap();
            if given_up {
                sink.abandon().await.unwrap()
            } else {
                drop(sink)
            }
            bench.settle().await;
            assert_eq!(size(&bench.posix, "file").await, Ok(4));
        }
    }
}

#[tokio::test]
async fn what_is_given_up_is_settled_when_that_is_said() {
    for bench in Bench::everywhere("abandon") {
        let posix = &bench.posix;
        for round in 0..20 {
            let sink = edit(posix, "file", PUT).await.unwrap();
            let mut running = Arc::clone(&sink).write(0, vec![1; 2 << 20]);
            if round % 2 == 0 {
                // Begun and given up: the pool still writes.
                let poll = std::future::poll_fn(|task| {
                    std::task::Poll::Ready(std::pin::Pin::new(&mut running).poll(task))
                });
                let _ = poll.await;
                drop(running);
            } else {
                running.await.unwrap();
            }
            sink.abandon().await.unwrap();
            match posix.remove_file(&path("file")).await {
                Ok(()) | Err(Failure::NotFound) => {}
                Err(failure) => panic!("{failure:?}"),
            }
            assert_eq!(bench.names(), [""; 0]);
        }
        // Given up as one of two, it is the other's.
        let first = edit(posix, "file", PUT).await.unwrap();
        write(&first, 0, b"1234").await.unwrap();
        let second = edit(posix, "file", NOTHING).await.unwrap();
        second.abandon().await.unwrap();
        first.close().await.unwrap();
        assert_eq!(bench.read("file"), b"1234");
    }
}

/// A storage that hangs keeps nobody longer than its deadline.
#[tokio::test]
async fn giving_up_waits_no_longer_than_the_storage_may_take() {
    use std::io::Read as _;

    let mut bench = Bench::new();
    let deadline = Duration::from_millis(300);
    let lane = Lane::new(LaneLimits { shards: 1, running: 1, waiting: 8, deadline });
    bench.posix = Posix::open(&bench.root, Arc::clone(&lane), OPTIONS).unwrap().view("ann");
    let sink = edit(&bench.posix, "file", PUT).await.unwrap();
    write(&sink, 0, b"1234").await.unwrap();
    let (mut reader, hanging) = std::io::pipe().unwrap();
    let stuck = tokio::spawn(Arc::clone(&lane).run(move |_| {
        reader.read_to_end(&mut Vec::new()).unwrap();
        Ok(())
    }));
    while lane.health().running == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(sink.abandon().await, Err(Failure::StorageTimeout));
    drop(hanging);
    let _ = stuck.await;
    // It is settled none the less.
    bench.settle().await;
    while bench.posix.remove_file(&path("file")).await.is_err() {
        tokio::task::yield_now().await;
    }
}
