//! What is there: attributes, contents, digests, roots that can not be served.

use flotilla_protocol::entry::{AttributeChange, Kind, Timestamp};
use flotilla_protocol::ftp::Algorithm;

use super::*;
use crate::storage::{Source, Work};

#[tokio::test]
async fn what_the_caches_know_is_ready_at_once() {
    let bench = Bench::new();
    bench.write("file", b"0123456789");
    assert!(matches!(bench.posix.attributes(&path("file"), true), Work::Ready(_)));
    assert!(matches!(bench.posix.attributes(&path("/"), true), Work::Ready(_)));
    let Work::Ready(Some(Ok(source))) = bench.posix.open(&path("file")) else {
        panic!("a cached file needs no thread");
    };
    assert_eq!(source.attributes().size, 10);
    let mut buffer = [0; 4];
    assert_eq!(source.read_now(8, &mut buffer), Some(Ok(2)));
    assert_eq!(&buffer[..2], b"89");
    assert_eq!(source.read_now(10, &mut buffer), Some(Ok(0)));
    let source: Arc<dyn Source> = Arc::from(source);
    let (bytes, count) = Arc::clone(&source).read(2, vec![0; 3]).await.unwrap();
    assert_eq!(&bytes[..count], b"234");
    let task = Box::new(|_: std::os::fd::BorrowedFd<'_>| Ok(7));
    assert_eq!(source.with_descriptor(task).await, Ok(7));
}

#[tokio::test]
async fn attributes_follow_links_or_not() {
    let bench = Bench::new();
    bench.write("file", b"12345");
    std::os::unix::fs::symlink("file", bench.root.join("link")).unwrap();
    let followed = bench.posix.attributes(&path("link"), true).await.unwrap();
    assert_eq!((followed.kind, followed.size), (Kind::File, 5));
    let link = bench.posix.attributes(&path("link"), false).await.unwrap();
    assert_eq!(link.kind, Kind::Symlink);
    assert_eq!(bench.posix.read_link(&path("link")).await, Ok(b"file".to_vec()));
    assert_eq!(bench.posix.read_link(&path("file")).await, Err(Failure::NotRegular));
    assert_eq!(size(&bench.posix, "none").await, Err(Failure::NotFound));
    assert_eq!(size(&bench.posix, "file/below").await, Err(Failure::NotDirectory));
    assert_eq!(bench.posix.open(&path("/")).await.err(), Some(Failure::IsDirectory));
    let listed = bench.posix.read_directory(&path("file")).await.err();
    assert_eq!(listed, Some(Failure::NotDirectory));
}

#[tokio::test]
async fn times_and_modes_are_set() {
    let bench = Bench::new();
    bench.write("file", b"");
    let modified = Timestamp { seconds: 1_000_000_000, nanoseconds: 5 };
    for mode in [0o000, 0o640, 0o4755] {
        let change = AttributeChange {
            modified: Some(modified),
            mode: Some(mode),
            ..AttributeChange::default()
        };
        bench.posix.set_attributes(&path("file"), change, true).await.unwrap();
        let found = bench.posix.attributes(&path("file"), true).await.unwrap();
        // Nobody makes programs that run as somebody else.
        assert_eq!((found.mode, found.modified), (mode & 0o777, modified));
    }
}

#[tokio::test]
async fn digests_are_those_of_the_standards() {
    let bench = Bench::new();
    bench.write("file", b"abcdef");
    let digest = |algorithm, start, end| bench.posix.digest(&path("file"), algorithm, start, end);
    // The test vectors of RFC 1321, FIPS 180 and the CRC of "abc".
    for (algorithm, expected) in [
        (Algorithm::Crc32, "352441c2"),
        (Algorithm::Md5, "900150983cd24fb0d6963f7d28e17f72"),
        (Algorithm::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (Algorithm::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            Algorithm::Sha512,
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
    ] {
        assert_eq!(digest(algorithm, 0, Some(3)).await, Ok((expected.to_owned(), 3)));
    }
    let (whole, end) = digest(Algorithm::Crc32, 3, None).await.unwrap();
    assert_eq!((whole, end), digest(Algorithm::Crc32, 3, Some(100)).await.unwrap());
    assert_eq!(end, 6);
    assert_eq!(digest(Algorithm::Md5, 7, None).await, Err(Failure::BadOffset));

    let long = vec![0xa5; (2 << 20) + 77];
    bench.write("long", &long);
    let expected = crc32fast::hash(&long);
    let found = bench.posix.digest(&path("long"), Algorithm::Crc32, 0, None).await.unwrap();
    assert_eq!(found, (format!("{expected:08x}"), long.len() as u64));
}

#[tokio::test]
async fn a_root_that_can_not_be_served_is_named() {
    let bench = Bench::new();
    bench.write("file", b"");
    let lane = Lane::new(LaneLimits::new(1, Duration::from_secs(1)));
    for (name, reason) in [("none", "no such directory"), ("file", "not a directory")] {
        let wrong = bench.root.join(name);
        let error = Posix::open(&wrong, Arc::clone(&lane), OPTIONS).unwrap_err();
        assert_eq!(error.to_string(), format!("storage.root: {}: {reason}", wrong.display()));
    }
}
