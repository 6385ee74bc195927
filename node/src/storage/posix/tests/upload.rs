//! Uploads, whole and broken.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use super::*;

#[tokio::test]
async fn an_upload_appears_whole_or_not_at_all() {
    let bench = Bench::new();
    let (ann, bob) = (&bench.posix, bench.posix.view("bob"));
    bench.write("file", b"old");
    let sink = begin(ann, "file", CreateMode::Replace).await.unwrap();
    Arc::clone(&sink).write(0, b"new bytes".to_vec()).await.unwrap();
    assert_eq!(bench.read("file"), b"old");
    sink.publish(9).await.unwrap();
    assert_eq!(bench.read("file"), b"new bytes");
    assert_eq!(size(&bob, "file").await, Ok(9));
    assert_eq!(bench.names(), ["file"]);
}

#[tokio::test]
async fn the_owner_sees_an_unfinished_upload_and_resumes_it() {
    let bench = Bench::new();
    let (ann, bob) = (&bench.posix, bench.posix.view("bob"));
    for name in ["part", &"n".repeat(228), &"n".repeat(229), &"n".repeat(255)] {
        put_part(&bench, ann, name, b"0123456789").await;
        assert_eq!(size(ann, name).await, Ok(10));
        assert_eq!(size(&bob, name).await, Err(Failure::NotFound));
        let resumed = begin(&bob, name, CreateMode::Resume(10)).await.err();
        assert_eq!(resumed, Some(Failure::BadOffset));
        let resumed = begin(ann, name, CreateMode::Resume(11)).await.err();
        assert_eq!(resumed, Some(Failure::BadOffset));
        // A new session, as after a restart: nothing but the name tells whose it is.
        let again = bench.posix.view("ann");
        put(&again, name, CreateMode::Resume(8), b"abcd").await.unwrap();
        assert_eq!(bench.read(name), b"01234567abcd");
        assert_eq!(size(&bob, name).await, Ok(12));
    }
    assert_eq!(bench.names().len(), 4);
}

#[tokio::test]
async fn a_resumed_upload_that_breaks_off_counts_only_what_arrived() {
    let bench = Bench::new();
    put_part(&bench, &bench.posix, "part", b"0123456789").await;
    let sink = begin(&bench.posix, "part", CreateMode::Resume(4)).await.unwrap();
    Arc::clone(&sink).write(4, b"ab".to_vec()).await.unwrap();
    drop(sink);
    bench.settle().await;
    assert_eq!(size(&bench.posix, "part").await, Ok(6));
    put(&bench.posix, "part", CreateMode::Append, b"!").await.unwrap();
    assert_eq!(bench.read("part"), b"0123ab!");
}

#[tokio::test]
async fn a_new_upload_gives_the_unfinished_one_up() {
    let bench = Bench::new();
    put_part(&bench, &bench.posix, "part", b"a long first attempt").await;
    put(&bench.posix, "part", CreateMode::New, b"short").await.unwrap();
    assert_eq!(bench.read("part"), b"short");
    assert_eq!(bench.names(), ["part"]);
    let again = begin(&bench.posix, "part", CreateMode::New).await.err();
    assert_eq!(again, Some(Failure::Exists));
}

#[tokio::test]
async fn a_published_file_is_continued_in_place() {
    for atomic_uploads in [true, false] {
        let bench = Bench::with(PosixOptions { atomic_uploads, ..OPTIONS });
        bench.write("file", b"0123456789");
        put(&bench.posix, "file", CreateMode::Append, b"ab").await.unwrap();
        assert_eq!(bench.read("file"), b"0123456789ab");
        put(&bench.posix, "file", CreateMode::Resume(4), b"xy").await.unwrap();
        assert_eq!(bench.read("file"), b"0123xy");
        let beyond = begin(&bench.posix, "file", CreateMode::Resume(7)).await.err();
        assert_eq!(beyond, Some(Failure::BadOffset));
        put(&bench.posix, "new", CreateMode::Append, b"first").await.unwrap();
        put(&bench.posix, "zero", CreateMode::Resume(0), b"first").await.unwrap();
        assert_eq!((bench.read("new"), bench.read("zero")), (b"first".to_vec(), b"first".to_vec()));
    }
}

#[tokio::test]
async fn two_who_append_lose_nothing() {
    let bench = Bench::new();
    bench.write("log", b"");
    let one = begin(&bench.posix, "log", CreateMode::Append).await.unwrap();
    let two = begin(&bench.posix.view("bob"), "log", CreateMode::Append).await.unwrap();
    for round in 0..10 {
        Arc::clone(&one).write(round, b"1".to_vec()).await.unwrap();
        Arc::clone(&two).write(round, b"2".to_vec()).await.unwrap();
    }
    one.publish(10).await.unwrap();
    two.publish(10).await.unwrap();
    assert_eq!(bench.read("log"), b"12".repeat(10));
}

#[tokio::test]
async fn two_uploads_of_one_name_do_not_mix() {
    let bench = Bench::new();
    for (owner, last) in [("ann", b"1111"), ("bob", b"1111")] {
        let one = begin(&bench.posix, "file", CreateMode::Replace).await.unwrap();
        let two = begin(&bench.posix.view(owner), "file", CreateMode::Replace).await.unwrap();
        Arc::clone(&one).write(0, b"11".to_vec()).await.unwrap();
        Arc::clone(&two).write(0, b"222222".to_vec()).await.unwrap();
        Arc::clone(&one).write(2, b"11".to_vec()).await.unwrap();
        two.publish(6).await.unwrap();
        assert_eq!(bench.read("file"), b"222222");
        one.publish(4).await.unwrap();
        assert_eq!(bench.read("file"), last);
        assert_eq!(bench.names(), ["file"]);
    }
}

/// The connection of the first attempt is dead, but nobody has noticed yet.
#[tokio::test]
async fn an_upload_is_resumed_beside_the_session_that_still_holds_it() {
    let bench = Bench::new();
    let dead = begin(&bench.posix, "file", CreateMode::Replace).await.unwrap();
    Arc::clone(&dead).write(0, b"0123456789".to_vec()).await.unwrap();
    assert_eq!(size(&bench.posix, "file").await, Ok(10));
    let live = begin(&bench.posix, "file", CreateMode::Resume(10)).await.unwrap();
    Arc::clone(&dead).write(10, b"late".to_vec()).await.unwrap();
    live.finish(10, b"abc".to_vec(), 13).await.unwrap();
    assert_eq!(bench.read("file"), b"0123456789abc");
    drop(dead);
    bench.settle().await;
    assert_eq!(bench.read("file"), b"0123456789abc");
    assert_eq!(size(&bench.posix, "file").await, Ok(13));
}

#[tokio::test]
async fn of_two_broken_uploads_the_longer_is_kept() {
    for (first, second, kept) in [(3, 5, 5), (5, 3, 5)] {
        let bench = Bench::new();
        let one = begin(&bench.posix, "file", CreateMode::Replace).await.unwrap();
        let two = begin(&bench.posix, "file", CreateMode::Replace).await.unwrap();
        Arc::clone(&one).write(0, vec![1; first]).await.unwrap();
        Arc::clone(&two).write(0, vec![2; second]).await.unwrap();
        drop(one);
        bench.settle().await;
        drop(two);
        bench.settle().await;
        assert_eq!(size(&bench.posix, "file").await, Ok(kept));
        assert_eq!(bench.names().len(), 1);
    }
}

#[tokio::test]
async fn what_breaks_off_is_kept_published_or_deleted() {
    for (on_abort, atomic_uploads, left) in [
        (OnAbort::Publish, true, Some(4)),
        (OnAbort::Delete, true, None),
        (OnAbort::Keep, false, Some(4)),
        (OnAbort::Publish, false, Some(4)),
        (OnAbort::Delete, false, None),
    ] {
        let bench = Bench::with(PosixOptions { on_abort, atomic_uploads, ..OPTIONS });
        put_part(&bench, &bench.posix, "file", b"1234").await;
        let bob = bench.posix.view("bob");
        assert_eq!(size(&bob, "file").await.ok(), left, "{on_abort:?}, {atomic_uploads}");
        assert_eq!(bench.names().len(), usize::from(left.is_some()));
        // What was there before is nobody's to delete.
        bench.write("older", b"older");
        let sink = begin(&bench.posix, "older", CreateMode::Append).await.unwrap();
        drop(sink);
        bench.settle().await;
        assert_eq!(bench.read("older"), b"older");
    }
    // Nothing arrived: nothing is kept.
    let bench = Bench::new();
    put_part(&bench, &bench.posix, "file", b"").await;
    assert_eq!(bench.names(), [""; 0]);
}

#[tokio::test]
async fn unique_names_are_never_somebody_elses() {
    for atomic_uploads in [true, false] {
        let bench = Bench::with(PosixOptions { atomic_uploads, ..OPTIONS });
        bench.write("name", b"there");
        let one = begin(&bench.posix, "name", CreateMode::Unique).await.unwrap();
        let two = begin(&bench.posix, "name", CreateMode::Unique).await.unwrap();
        assert_eq!((one.path(), two.path()), (&path("name.1"), &path("name.2")));
        if atomic_uploads {
            // The name is taken by somebody who does not ask.
            bench.write("name.1", b"taken");
        }
        Arc::clone(&one).finish(0, b"one".to_vec(), 3).await.unwrap();
        Arc::clone(&two).finish(0, b"two".to_vec(), 3).await.unwrap();
        let got = |sink: &Arc<dyn Sink>| {
            bench.read(std::str::from_utf8(sink.path().file_name().unwrap()).unwrap())
        };
        assert_eq!((got(&one), got(&two)), (b"one".to_vec(), b"two".to_vec()));
        assert_eq!(bench.read("name"), b"there");
        if atomic_uploads {
            assert_eq!(bench.read("name.1"), b"taken");
        }
    }
    let bench = Bench::new();
    let long = "l".repeat(255);
    bench.write(&long, b"");
    put(&bench.posix, &long, CreateMode::Unique, b"x").await.unwrap();
    assert_eq!(bench.read(&format!("{}.1", "l".repeat(253))), b"x");
}

#[tokio::test]
async fn modes_are_those_of_the_umask_or_of_the_file_replaced() {
    let mode = |bench: &Bench, name: &str| {
        std::fs::metadata(bench.root.join(name)).unwrap().mode() & 0o7777
    };
    let bench = Bench::with(PosixOptions { umask: 0o002, ..OPTIONS });
    put(&bench.posix, "file", CreateMode::Replace, b"").await.unwrap();
    bench.posix.make_directory(&path("dir")).await.unwrap();
    assert_eq!((mode(&bench, "file"), mode(&bench, "dir")), (0o664, 0o775));
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(bench.root.join("file"), private).unwrap();
    put(&bench.posix, "file", CreateMode::Replace, b"again").await.unwrap();
    assert_eq!(mode(&bench, "file"), 0o600);
}

#[tokio::test]
async fn the_reserve_stays_free() {
    let bench = Bench::with(PosixOptions { reserve: u64::MAX / 2, ..OPTIONS });
    let refused = begin(&bench.posix, "file", CreateMode::Replace).await.err();
    assert_eq!(refused, Some(Failure::NoSpace));
    bench.settle().await;
    assert_eq!(bench.names(), [""; 0]);
    assert_eq!(bench.posix.available(&path("/")).await, Ok(0));

    let bench = Bench::new();
    let options =
        CreateOptions { expected: u64::MAX / 2, ..CreateOptions::new(CreateMode::Replace) };
    let refused = bench.posix.create(&path("file"), options).await.err();
    assert_eq!(refused, Some(Failure::NoSpace));
    assert!(bench.posix.available(&path("/")).await.unwrap() > 0);
}

/// A file system of 1 MiB; only root can mount one.
#[tokio::test]
async fn a_full_disk_is_no_space_and_keeps_what_fits() {
    let mount = std::env::temp_dir().join(format!("flotilla-full-{}", std::process::id()));
    std::fs::create_dir_all(&mount).unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
        .arg(&mount)
        .stderr(std::process::Stdio::null())
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        std::fs::remove_dir(&mount).unwrap();
        return;
    }
    let bench = Bench::at(mount.clone(), OPTIONS);
    let sink = begin(&bench.posix, "file", CreateMode::Replace).await.unwrap();
    let written = Arc::clone(&sink).write(0, vec![1; 2 << 20]).await.err();
    drop(sink);
    bench.settle().await;
    let kept = size(&bench.posix, "file").await;
    let names = bench.names();
    drop(bench);
    let unmounted = std::process::Command::new("umount").arg(&mount).status().unwrap();
    std::fs::remove_dir(&mount).unwrap();
    assert!(unmounted.success());
    assert_eq!(written, Some(Failure::NoSpace));
    assert!(kept.is_ok_and(|kept| kept > 0 && kept <= 1 << 20));
    assert_eq!(names.len(), 1);
}

/// Where nothing waits for a disk, a small new file needs no other thread.
#[tokio::test]
async fn small_files_in_memory_are_written_at_once() {
    use crate::storage::Work;

    let Some(bench) = Bench::in_memory("small") else { return };
    let options = CreateOptions::new(CreateMode::Replace);
    let Work::Ready(Some(Ok(sink))) = bench.posix.create(&path("file"), options) else {
        panic!("nothing to wait for");
    };
    let sink: Arc<dyn Sink> = Arc::from(sink);
    const LONG: usize = (1 << 20) + 1;
    let long = Arc::clone(&sink).write(0, vec![1; LONG]);
    assert!(matches!(long, Work::Pending(_)));
    long.await.unwrap();
    let end = LONG as u64;
    assert!(matches!(sink.finish(end, vec![2; 9], end + 9), Work::Ready(Some(Ok(())))));
    assert_eq!(bench.read("file").len(), LONG + 9);
    put_part(&bench, &bench.posix, "part", b"12345").await;
    put(&bench.posix, "part", CreateMode::Resume(5), b"678").await.unwrap();
    assert_eq!(bench.read("part"), b"12345678");
    let source = bench.posix.open(&path("part")).await.unwrap();
    assert_eq!(source.read_now(6, &mut [0; 9]), Some(Ok(2)));
}

/// Bytes that never arrived are no part of a file.
#[tokio::test]
async fn a_hole_is_not_published() {
    let bench = Bench::new();
    let sink = begin(&bench.posix, "file", CreateMode::Replace).await.unwrap();
    Arc::clone(&sink).write(0, b"123".to_vec()).await.unwrap();
    assert_eq!(Arc::clone(&sink).publish(5).await, Err(Failure::StorageError));
    assert_eq!(
        bench.posix.view("bob").attributes(&path("file"), true).await.err(),
        Some(Failure::NotFound)
    );
    sink.publish(3).await.unwrap();
}
