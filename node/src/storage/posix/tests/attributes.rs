//! Attributes, all of them, and the file system.

use std::os::unix::fs::MetadataExt as _;

use flotilla_protocol::entry::{AttributeChange, Timestamp};

use super::*;

const NOTHING: AttributeChange =
    AttributeChange { size: None, owner: None, mode: None, accessed: None, modified: None };

#[tokio::test]
async fn sizes_are_set_on_plain_files() {
    for bench in Bench::everywhere("size") {
        let posix = &bench.posix;
        bench.write("file", b"0123456789");
        let set = |name: &str, size| {
            posix.set_attributes(&path(name), AttributeChange { size: Some(size), ..NOTHING }, true)
        };
        set("file", 4).await.unwrap();
        assert_eq!(bench.read("file"), b"0123");
        set("file", 6).await.unwrap();
        assert_eq!(bench.read("file"), b"0123\0\0");
        assert_eq!(set("file", u64::MAX).await, Err(Failure::NoSpace));
        assert_eq!(set("/", 0).await, Err(Failure::IsDirectory));
        assert_eq!(set("none", 0).await, Err(Failure::NotFound));
        let mode = rustix::fs::Mode::from_raw_mode(0o666);
        rustix::fs::mkfifoat(rustix::fs::CWD, bench.root.join("pipe"), mode).unwrap();
        assert_eq!(set("pipe", 0).await, Err(Failure::NotRegular));
    }
}

#[tokio::test]
async fn times_are_set_apart_and_together() {
    for bench in Bench::everywhere("times") {
        let posix = &bench.posix;
        bench.write("file", b"");
        posix.make_directory(&path("dir")).await.unwrap();
        let time = |seconds| Some(Timestamp { seconds, nanoseconds: 0 });
        for name in ["file", "dir"] {
            for (accessed, modified, expected) in [
                (time(10), time(20), (10, 20)),
                (time(30), None, (30, 20)),
                (None, time(-40), (30, -40)),
            ] {
                let change = AttributeChange { accessed, modified, ..NOTHING };
                posix.set_attributes(&path(name), change, true).await.unwrap();
                let found = posix.attributes(&path(name), true).await.unwrap();
                assert_eq!((found.accessed.seconds, found.modified.seconds), expected);
            }
        }
    }
}

#[tokio::test]
async fn owners_may_be_said_again_but_not_given() {
    let bench = Bench::new();
    bench.write("file", b"");
    let found = std::fs::metadata(bench.root.join("file")).unwrap();
    let own = (found.uid(), found.gid());
    let set = |owner| {
        let change = AttributeChange { owner: Some(owner), mode: Some(0o600), ..NOTHING };
        bench.posix.set_attributes(&path("file"), change, true)
    };
    set(own).await.unwrap();
    assert_eq!(std::fs::metadata(bench.root.join("file")).unwrap().mode() & 0o777, 0o600);
    for other in [(own.0 + 1, own.1), (own.0, own.1 + 1)] {
        assert!(matches!(set(other).await, Err(Failure::Denied(_))));
    }
    let sink = edit(&bench.posix, "file", PUT).await.unwrap();
    let change = |owner| AttributeChange { owner: Some(owner), ..NOTHING };
    Arc::clone(&sink).change(change(own)).await.unwrap();
    let given = Arc::clone(&sink).change(change((own.0 + 1, own.1))).await;
    assert!(matches!(given, Err(Failure::Denied(_))));
    let found = std::fs::metadata(bench.root.join("file")).unwrap();
    assert_eq!((found.uid(), found.gid()), own);
}

#[tokio::test]
async fn links_have_times_of_their_own_and_no_mode() {
    for bench in Bench::everywhere("own") {
        let posix = &bench.posix;
        bench.write("file", b"1234");
        posix.symlink(b"file", &path("link")).await.unwrap();
        let modified = Timestamp { seconds: 1_000_000_000, nanoseconds: 0 };
        let change = AttributeChange { modified: Some(modified), ..NOTHING };
        posix.set_attributes(&path("link"), change, false).await.unwrap();
        let link = posix.attributes(&path("link"), false).await.unwrap();
        let file = posix.attributes(&path("file"), true).await.unwrap();
        assert_eq!(link.modified, modified);
        assert_ne!(file.modified, modified);
        let mode = AttributeChange { mode: Some(0o600), ..NOTHING };
        let refused = posix.set_attributes(&path("link"), mode, false).await;
        assert_eq!(refused, Err(Failure::Unsupported));
        let size = AttributeChange { size: Some(0), ..NOTHING };
        let refused = posix.set_attributes(&path("link"), size, false).await;
        assert_eq!(refused, Err(Failure::NotRegular));
        posix.set_attributes(&path("file"), mode, false).await.unwrap();
        posix.set_attributes(&path("link"), change, true).await.unwrap();
        let file = posix.attributes(&path("file"), true).await.unwrap();
        assert_eq!((file.mode, file.modified, file.size), (0o600, modified, 4));
    }
}

/// Neither by a link that was there nor by one that is put there at the right moment.
#[tokio::test]
async fn changes_stay_inside() {
    let bench = Bench::new();
    let outside = bench.outside.join("victim");
    std::fs::write(&outside, b"untouched").unwrap();
    let before = std::fs::metadata(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, bench.root.join("link")).unwrap();
    let change = AttributeChange {
        size: Some(0),
        mode: Some(0o777),
        modified: Some(Timestamp { seconds: 1, nanoseconds: 0 }),
        ..NOTHING
    };
    for follow in [true, false] {
        assert!(bench.posix.set_attributes(&path("link"), change, follow).await.is_err());
    }
    let after = std::fs::metadata(&outside).unwrap();
    assert_eq!((before.mode(), before.mtime(), before.size()), (after.mode(), after.mtime(), 9));
}

#[tokio::test]
async fn the_file_system_has_its_numbers_less_the_reserve() {
    for bench in Bench::everywhere("system") {
        bench.write("file", b"");
        for name in ["/", "file"] {
            let found = bench.posix.file_system(&path(name)).await.unwrap();
            assert!(found.fragment_bytes > 0 && found.blocks >= found.blocks_free);
            assert!(found.blocks_free >= found.blocks_available && found.blocks_available > 0);
            assert_eq!((found.name_bytes_max, found.read_only), (255, false));
        }
        let found = bench.posix.file_system(&path("none")).await;
        assert_eq!(found, Err(Failure::NotFound));
    }
    let all = Bench::with(PosixOptions { reserve: u64::MAX / 2, ..OPTIONS });
    assert_eq!(all.posix.file_system(&path("/")).await.unwrap().blocks_available, 0);
}

#[tokio::test]
async fn an_open_file_tells_how_it_is_now() {
    for bench in Bench::everywhere("now") {
        bench.write("file", b"1234");
        let source = bench.posix.open(&path("file")).await.unwrap();
        let source: Arc<dyn crate::storage::Source> = Arc::from(source);
        bench.write("file", b"123456");
        assert_eq!(source.attributes().size, 4);
        assert_eq!(Arc::clone(&source).now().await.unwrap().size, 6);
        let read = Arc::clone(&source).read_after(4, b"head....".to_vec(), 4).await;
        assert_eq!(read, Ok((b"head56..".to_vec(), 2)));
        let (_, count) = Arc::clone(&source).read(u64::MAX, vec![0; 4]).await.unwrap();
        assert_eq!(count, 0);
    }
}
