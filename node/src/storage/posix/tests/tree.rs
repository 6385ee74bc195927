//! Changes of names, copies, sweeps.

use super::*;

#[tokio::test]
async fn directories_are_made_and_removed() {
    let bench = Bench::new();
    let posix = &bench.posix;
    posix.make_directories(&path("a/b/c")).await.unwrap();
    posix.make_directories(&path("a/b/c")).await.unwrap();
    assert_eq!(posix.make_directory(&path("a")).await, Err(Failure::Exists));
    assert_eq!(posix.make_directory(&path("/")).await, Err(Failure::Exists));
    assert_eq!(posix.make_directory(&path("x/y")).await, Err(Failure::NotFound));
    assert_eq!(posix.remove_directory(&path("a")).await, Err(Failure::NotEmpty));
    assert_eq!(posix.remove_file(&path("a/b/c")).await, Err(Failure::IsDirectory));
    posix.remove_directory(&path("a/b/c")).await.unwrap();
    bench.write("file", b"");
    assert_eq!(posix.remove_directory(&path("file")).await, Err(Failure::NotDirectory));
    assert_eq!(posix.make_directories(&path("file/x")).await, Err(Failure::NotDirectory));
    assert!(posix.remove_directory(&path("/")).await.is_err());
}

#[tokio::test]
async fn renames_replace_plain_files_and_nothing_else() {
    let bench = Bench::new();
    let posix = &bench.posix;
    bench.write("new", b"new");
    bench.write("old", b"old");
    posix.make_directories(&path("full/below")).await.unwrap();
    posix.make_directory(&path("empty")).await.unwrap();
    let rename = |from: &str, to: &str, replace| posix.rename(&path(from), &path(to), replace);
    assert_eq!(rename("new", "old", false).await, Err(Failure::Exists));
    assert_eq!(rename("new", "empty", true).await, Err(Failure::IsDirectory));
    assert_eq!(rename("full", "empty", true).await, Err(Failure::Exists));
    assert_eq!(rename("full", "full/below/x", true).await, Err(Failure::BadRename));
    assert_eq!(rename("none", "x", true).await, Err(Failure::NotFound));
    assert_eq!(rename("new", "none/x", true).await, Err(Failure::NotFound));
    assert_eq!(rename("/", "x", true).await, Err(Failure::BadRename));
    rename("new", "old", true).await.unwrap();
    assert_eq!(bench.read("old"), b"new");
    rename("full", "moved", true).await.unwrap();
    assert!(bench.root.join("moved/below").is_dir());
}

#[tokio::test]
async fn unfinished_uploads_are_renamed_and_removed_under_their_names() {
    let bench = Bench::new();
    let posix = &bench.posix;
    put_part(&bench, posix, "a", b"123").await;
    posix.rename(&path("a"), &path("b"), true).await.unwrap();
    assert_eq!(size(posix, "a").await, Err(Failure::NotFound));
    assert_eq!(size(posix, "b").await, Ok(3));
    assert_eq!(posix.view("bob").remove_file(&path("b")).await, Err(Failure::NotFound));
    posix.remove_file(&path("b")).await.unwrap();
    assert_eq!(bench.names(), [""; 0]);

    // One that is being written is not taken away from under its session.
    let sink = begin(posix, "c", CreateMode::Replace).await.unwrap();
    assert!(matches!(posix.remove_file(&path("c")).await, Err(Failure::Denied(_))));
    assert!(matches!(posix.rename(&path("c"), &path("d"), true).await, Err(Failure::Denied(_))));
    sink.finish(0, b"done".to_vec(), 4).await.unwrap();

    // Removing a file does not bring to light what was given up before.
    put_part(&bench, posix, "c", b"old part").await;
    posix.remove_file(&path("c")).await.unwrap();
    assert_eq!(bench.names(), [""; 0]);
}

#[tokio::test]
async fn copies_appear_whole() {
    let bench = Bench::new();
    let posix = &bench.posix;
    let bytes: Vec<u8> = (0..3_000_000u32).map(|number| number.to_le_bytes()[1]).collect();
    bench.write("from", &bytes);
    posix.copy(&path("from"), &path("to"), false).await.unwrap();
    assert_eq!(bench.read("to"), bytes);
    assert_eq!(posix.copy(&path("from"), &path("to"), false).await, Err(Failure::Exists));
    bench.write("small", b"small");
    posix.copy(&path("small"), &path("to"), true).await.unwrap();
    assert_eq!(bench.read("to"), b"small");
    posix.make_directory(&path("dir")).await.unwrap();
    assert_eq!(posix.copy(&path("from"), &path("dir"), true).await, Err(Failure::IsDirectory));
    assert_eq!(posix.copy(&path("dir"), &path("x"), true).await, Err(Failure::IsDirectory));
    assert_eq!(bench.names(), ["dir", "from", "small", "to"]);
}

#[tokio::test]
async fn a_sweep_takes_what_is_old_and_left() {
    let bench = Bench::new();
    let posix = &bench.posix;
    posix.make_directories(&path("deep/er")).await.unwrap();
    put_part(&bench, posix, "deep/er/old", b"12345").await;
    put_part(&bench, &posix.view("bob"), "old", b"123").await;
    put_part(&bench, posix, "young", b"1").await;
    let held = begin(posix, "held", CreateMode::Replace).await.unwrap();
    bench.write("file", b"not ours");
    let before = std::time::SystemTime::now() - Duration::from_secs(7200);
    for directory in ["", "deep/er"] {
        for name in names(&bench.root.join(directory)) {
            let file = bench.root.join(directory).join(&name);
            if !name.contains("young") && file.is_file() {
                let file = std::fs::File::options().write(true).open(file).unwrap();
                file.set_modified(before).unwrap();
            }
        }
    }
    let swept = posix.sweep(Duration::from_secs(3600)).await;
    assert_eq!((swept.directories, swept.removed, swept.bytes, swept.skipped), (3, 2, 8, 0));
    assert_eq!(size(posix, "young").await, Ok(1));
    held.finish(0, b"x".to_vec(), 1).await.unwrap();
    assert_eq!(size(posix, "held").await, Ok(1));
    assert_eq!(posix.sweep(Duration::from_secs(3600)).await.removed, 0);
}
