//! Nothing leaves the root.

use std::os::unix::fs::symlink;
use std::sync::atomic::AtomicBool;

use super::*;
use flotilla_protocol::entry::AttributeChange;

#[tokio::test]
async fn absolute_links_are_resolved_inside_the_root() {
    let bench = Bench::new();
    std::fs::write(bench.outside.join("secret"), b"secret").unwrap();
    symlink(bench.outside.join("secret"), bench.root.join("absolute")).unwrap();
    symlink("../secret", bench.root.join("relative")).unwrap();
    symlink("../../../../../../../../etc/passwd", bench.root.join("deep")).unwrap();
    symlink("/etc", bench.root.join("system")).unwrap();
    symlink("/proc/self/root/etc/passwd", bench.root.join("magic")).unwrap();
    for name in ["absolute", "relative", "deep", "system/passwd", "magic"] {
        let read = bench.posix.open(&path(name)).await.err();
        assert_eq!(read, Some(Failure::NotFound), "{name}");
        assert_eq!(size(&bench.posix, name).await, Err(Failure::NotFound), "{name}");
    }
    let change = AttributeChange { mode: Some(0o777), ..AttributeChange::default() };
    assert!(bench.posix.set_attributes(&path("absolute"), change, true).await.is_err());

    // The same links are fine where they lead to something inside.
    bench.write("secret", b"mine");
    assert_eq!(size(&bench.posix, "relative").await, Ok(4));
}

#[tokio::test]
async fn writing_through_a_link_stays_inside() {
    let in_place = PosixOptions { atomic_uploads: false, ..OPTIONS };
    for options in [OPTIONS, in_place] {
        let bench = Bench::with(options);
        std::fs::write(bench.outside.join("victim"), b"untouched").unwrap();
        symlink("../victim", bench.root.join("link")).unwrap();
        symlink("..", bench.root.join("up")).unwrap();
        for name in ["link", "up/victim"] {
            for mode in [CreateMode::Replace, CreateMode::Append, CreateMode::Resume(0)] {
                let _ = put(&bench.posix, name, mode, b"overwritten").await;
            }
        }
        let _ = bench.posix.remove_file(&path("up/victim")).await;
        let _ = bench.posix.rename(&path("up/victim"), &path("got"), true).await;
        let _ = bench.posix.make_directory(&path("up/made")).await;
        assert_eq!(std::fs::read(bench.outside.join("victim")).unwrap(), b"untouched");
        assert_eq!(names(&bench.outside), ["root", "victim"]);
    }
}

#[tokio::test]
async fn pipes_and_devices_neither_hang_nor_open() {
    let bench = Bench::new();
    let mode = rustix::fs::Mode::from_raw_mode(0o666);
    rustix::fs::mkfifoat(rustix::fs::CWD, bench.root.join("pipe"), mode).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(bench.root.join("socket")).unwrap();
    for name in ["pipe", "socket"] {
        let read = bench.posix.open(&path(name)).await.err();
        assert_eq!(read, Some(Failure::NotRegular), "{name}");
        for mode in [CreateMode::Replace, CreateMode::Append, CreateMode::Resume(0)] {
            let written = begin(&bench.posix, name, mode).await.err();
            assert_eq!(written, Some(Failure::NotRegular), "{name}");
        }
    }
}

/// A directory on the path is swapped with a link to the outside all the time. Whatever the moment,
/// the answer is of the inside or an error.
#[test]
fn a_swapped_directory_never_lets_anyone_out() {
    let bench = Bench::new();
    std::fs::write(bench.outside.join("file"), b"outside").unwrap();
    std::fs::create_dir(bench.root.join("a")).unwrap();
    std::fs::create_dir(bench.root.join("b")).unwrap();
    bench.write("a/file", b"inside");
    symlink(&bench.outside, bench.root.join("out")).unwrap();
    symlink("../..", bench.root.join("b/file")).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let swapping = {
        let (root, stop) = (bench.root.clone(), Arc::clone(&stop));
        std::thread::spawn(move || {
            let (directory, link) = (root.join("a"), root.join("out"));
            let mut rounds = 0;
            while !stop.load(Ordering::Relaxed) {
                let flags = rustix::fs::RenameFlags::EXCHANGE;
                let at = rustix::fs::CWD;
                rustix::fs::renameat_with(at, &directory, at, &link, flags).unwrap();
                rounds += 1;
            }
            rounds
        })
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut inside = 0;
        for round in 0..2000 {
            if let Ok(source) = bench.posix.open(&path("a/file")).await {
                let source: Arc<dyn crate::storage::Source> = Arc::from(source);
                let (bytes, count) = source.read(0, vec![0; 16]).await.unwrap();
                assert_eq!(&bytes[..count], b"inside");
                inside += 1;
            }
            if round % 10 == 0 {
                let name = format!("a/made{round}");
                let _ = put(&bench.posix, &name, CreateMode::Replace, b"x").await;
                let _ = bench.posix.make_directory(&path(format!("a/dir{round}"))).await;
            }
        }
        assert!(inside > 0);
    });
    stop.store(true, Ordering::Relaxed);
    assert!(swapping.join().unwrap() > 0);
    assert_eq!(names(&bench.outside), ["file", "root"]);
}

#[tokio::test]
async fn a_home_is_a_root_of_its_own() {
    let bench = Bench::new();
    bench.write("common", b"everybody's");
    let home = bench.posix.home(&path("homes/ann")).await.unwrap();
    assert!(bench.root.join("homes/ann").is_dir());
    symlink("/common", bench.root.join("homes/ann/absolute")).unwrap();
    symlink("../../common", bench.root.join("homes/ann/relative")).unwrap();
    assert_eq!(size(&home, "absolute").await, Err(Failure::NotFound));
    assert_eq!(size(&home, "relative").await, Err(Failure::NotFound));
    put(&home, "mine", CreateMode::Replace, b"1234").await.unwrap();
    assert_eq!(size(&bench.posix, "homes/ann/mine").await, Ok(4));
}

#[tokio::test]
async fn reserved_names_can_not_be_said() {
    let bench = Bench::new();
    put_part(&bench, &bench.posix, "file", b"part").await;
    let [reserved] = &bench.names()[..] else { panic!("one partial upload") };
    let reserved = path(reserved);
    let ours = &bench.posix;
    assert_eq!(ours.attributes(&reserved, true).await, Err(Failure::NotFound));
    assert_eq!(ours.open(&reserved).await.err(), Some(Failure::NotFound));
    assert_eq!(ours.remove_file(&reserved).await, Err(Failure::BadName));
    assert_eq!(ours.rename(&reserved, &path("x"), true).await, Err(Failure::BadName));
    assert_eq!(ours.rename(&path("file"), &reserved, true).await, Err(Failure::BadName));
    assert_eq!(ours.make_directory(&path(".flotilla-x")).await, Err(Failure::BadName));
    assert_eq!(ours.make_directory(&path(".flotilla-x/y")).await, Err(Failure::BadName));
    let begun = begin(ours, ".flotilla-x", CreateMode::Replace).await.err();
    assert_eq!(begun, Some(Failure::BadName));
}
