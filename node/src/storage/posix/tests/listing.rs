//! Listings.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use super::*;

#[tokio::test]
async fn batches_lose_and_repeat_nothing() {
    let bench = Bench::new();
    let mut expected = Vec::new();
    for number in 0..2500 {
        let name = format!("a name of some length, number {number:05}");
        bench.write(&name, b"");
        expected.push((name, 0));
    }
    assert_eq!(list(&bench.posix, "/").await, expected);
    let whole = list_with(&bench.posix, "/", usize::MAX, false).await.unwrap();
    assert_eq!(whole.len(), expected.len());
}

#[tokio::test]
async fn any_name_that_can_be_stored_is_listed() {
    let bench = Bench::new();
    let names: [&[u8]; 5] = [b"\xff\xfe", b"new\nline", b" ", b"-rf", &[b'x'; 255]];
    for name in names {
        std::fs::write(bench.root.join(OsStr::from_bytes(name)), b"1").unwrap();
    }
    let listed = list_with(&bench.posix, "/", 2, false).await.unwrap();
    let listed: Vec<_> = listed.iter().map(|(name, ..)| name.as_slice()).collect();
    let mut names = names.to_vec();
    names.sort_unstable();
    assert_eq!(listed, names);
    for name in names {
        assert_eq!(size(&bench.posix, name).await, Ok(1));
    }
}

#[tokio::test]
async fn targets_are_read_only_when_wanted() {
    let bench = Bench::new();
    std::os::unix::fs::symlink("some/where", bench.root.join("link")).unwrap();
    let target = |targets| {
        let posix = bench.posix.clone();
        async move { list_with(&posix, "/", 9, targets).await.unwrap().remove(0).2 }
    };
    assert_eq!(target(true).await, Some(b"some/where".to_vec()));
    assert_eq!(target(false).await, None);
}

#[tokio::test]
async fn unfinished_uploads_are_listed_to_their_owner_only() {
    let bench = Bench::new();
    let bob = bench.posix.view("bob");
    let long = "l".repeat(255);
    bench.write("whole", b"1");
    for name in ["part", "whole", &long] {
        put_part(&bench, &bench.posix, name, b"12345").await;
    }
    let expected = [(long.clone(), 5), ("part".to_owned(), 5), ("whole".to_owned(), 1)];
    assert_eq!(list(&bench.posix, "/").await, expected);
    assert_eq!(list(&bob, "/").await, [("whole".to_owned(), 1)]);
    // Once somebody publishes the name, that file is shown, and once.
    put(&bob, "part", CreateMode::Replace, b"123456789").await.unwrap();
    assert_eq!(list(&bench.posix, "/").await[1], ("part".to_owned(), 9));
}
