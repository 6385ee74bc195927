//! Links made by clients.

use std::os::unix::fs::MetadataExt as _;

use super::*;

async fn symlink(posix: &Posix, target: &str, link: &str) -> Result<(), Failure> {
    posix.symlink(target.as_bytes(), &path(link)).await
}

#[tokio::test]
async fn an_absolute_target_is_the_clients_and_everybody_follows_it_inside() {
    for bench in Bench::everywhere("link") {
        let posix = &bench.posix;
        posix.make_directories(&path("a/b")).await.unwrap();
        bench.write("a/file", b"inside");
        symlink(posix, "/a/file", "/a/b/link").await.unwrap();
        assert_eq!(posix.read_link(&path("a/b/link")).await, Ok(b"../file".to_vec()));
        assert_eq!(size(posix, "a/b/link").await, Ok(6));
        // By the machine's own eyes, outside of any confinement.
        assert_eq!(bench.read("a/b/link"), b"inside");
        symlink(posix, "/", "top").await.unwrap();
        assert_eq!(bench.read("top/a/b/link"), b"inside");
        // The link is stored where its folder really is.
        symlink(posix, "a/b", "short").await.unwrap();
        symlink(posix, "/a/file", "short/again").await.unwrap();
        assert_eq!(posix.read_link(&path("a/b/again")).await, Ok(b"../file".to_vec()));
        assert_eq!(bench.read("a/b/again"), b"inside");
        // The same from a home, whose root is another.
        let home = posix.home(&path("a")).await.unwrap();
        symlink(&home, "/file", "b/mine").await.unwrap();
        assert_eq!(bench.read("a/b/mine"), b"inside");
    }
}

#[tokio::test]
async fn links_do_not_lead_out() {
    let bench = Bench::new();
    let posix = &bench.posix;
    std::fs::write(bench.outside.join("secret"), b"secret").unwrap();
    posix.make_directories(&path("a/b")).await.unwrap();
    for (target, link) in [("../secret", "x"), ("a/../../secret", "x"), ("../../../s", "a/b/x")] {
        assert!(matches!(symlink(posix, target, link).await, Err(Failure::Denied(_))), "{target}");
    }
    // The folder's true depth counts, not the one that its name has.
    symlink(posix, "/", "a/b/root").await.unwrap();
    let through = symlink(posix, "../../secret", "a/b/root/x").await;
    assert!(matches!(through, Err(Failure::Denied(_))));
    symlink(posix, "/../../../secret", "x").await.unwrap();
    assert_eq!(posix.read_link(&path("x")).await, Ok(b"secret".to_vec()));
    // Each word stays inside, together they climb: a link in the target that is moved upwards. The
    // machine may follow that, the view does not.
    symlink(posix, "../../a", "a/b/up").await.unwrap();
    posix.rename(&path("a/b/up"), &path("up"), false).await.unwrap();
    symlink(posix, "up/../secret", "y").await.unwrap();
    symlink(posix, "/etc/passwd", "z").await.unwrap();
    symlink(posix, "/proc/self/root/etc/passwd", "magic").await.unwrap();
    for name in ["x", "y", "z", "magic"] {
        assert_eq!(size(posix, name).await, Err(Failure::NotFound), "{name}");
        assert_eq!(posix.open(&path(name)).await.err(), Some(Failure::NotFound), "{name}");
        let _ = put(posix, name, CreateMode::Append, b"overwritten").await;
        if let Ok(sink) = edit(posix, name, Edit { truncate: false, ..PUT }).await {
            write(&sink, 0, b"overwritten").await.unwrap();
            sink.close().await.unwrap();
        }
    }
    assert_eq!(std::fs::read(bench.outside.join("secret")).unwrap(), b"secret");
    assert_eq!(names(&bench.outside), ["root", "secret"]);
}

#[tokio::test]
async fn links_take_no_name_that_is_taken_or_not_theirs() {
    let bench = Bench::new();
    let posix = &bench.posix;
    bench.write("file", b"1");
    assert_eq!(symlink(posix, "x", "file").await, Err(Failure::Exists));
    assert_eq!(symlink(posix, "x", "/").await, Err(Failure::Exists));
    assert_eq!(symlink(posix, "x", "none/y").await, Err(Failure::NotFound));
    assert_eq!(symlink(posix, "x", "file/y").await, Err(Failure::NotDirectory));
    assert_eq!(symlink(posix, "x", ".flotilla-x").await, Err(Failure::BadName));
    assert_eq!(symlink(posix, "", "y").await, Err(Failure::BadName));
    assert_eq!(symlink(posix, "a\0b", "y").await, Err(Failure::BadName));
    // Somebody's unfinished upload can not be named by way of a link either.
    put_part(&bench, posix, "part", b"1234").await;
    let reserved = bench.names().remove(0);
    assert!(reserved.starts_with(".flotilla-"));
    for target in [reserved.clone(), format!("/{reserved}"), format!("./{reserved}")] {
        assert_eq!(symlink(&posix.view("bob"), &target, "y").await, Err(Failure::BadName));
    }
}

#[tokio::test]
async fn hard_links_are_second_names_of_plain_files() {
    for bench in Bench::everywhere("hard") {
        let posix = &bench.posix;
        let link = |from: &str, to: &str| posix.hard_link(&path(from), &path(to));
        bench.write("file", b"1234");
        posix.make_directory(&path("dir")).await.unwrap();
        link("file", "dir/second").await.unwrap();
        let inode = |name: &str| std::fs::metadata(bench.root.join(name)).unwrap().ino();
        assert_eq!(inode("file"), inode("dir/second"));
        assert_eq!(posix.attributes(&path("file"), true).await.unwrap().links, 2);
        bench.write("other", b"other");
        assert_eq!(link("file", "other").await, Err(Failure::Exists));
        assert_eq!(link("file", "file").await, Err(Failure::Exists));
        assert_eq!(link("dir", "x").await, Err(Failure::IsDirectory));
        assert_eq!(link("/", "x").await, Err(Failure::IsDirectory));
        assert_eq!(link("file", "/").await, Err(Failure::Exists));
        assert_eq!(link("none", "x").await, Err(Failure::NotFound));
        assert_eq!(link("file", ".flotilla-x").await, Err(Failure::BadName));
        symlink(posix, "file", "link").await.unwrap();
        assert_eq!(link("link", "x").await, Err(Failure::NotRegular));
        // Not of unfinished uploads, under any name.
        put_part(&bench, posix, "part", b"12").await;
        assert_eq!(link("part", "x").await, Err(Failure::NotFound));
        let reserved = bench.names().into_iter().find(|name| name.starts_with(".flotilla"));
        assert_eq!(link(&reserved.unwrap(), "x").await, Err(Failure::BadName));
        assert_eq!(bench.read("other"), b"other");
    }
}

#[tokio::test]
async fn hard_links_stay_inside() {
    let bench = Bench::new();
    std::fs::write(bench.outside.join("secret"), b"secret").unwrap();
    std::os::unix::fs::symlink("..", bench.root.join("up")).unwrap();
    bench.write("file", b"1");
    let link = |from: &str, to: &str| bench.posix.hard_link(&path(from), &path(to));
    assert_eq!(link("up/secret", "got").await, Err(Failure::NotFound));
    link("file", "up/planted").await.unwrap();
    assert_eq!(bench.read("planted"), b"1");
    assert_eq!(names(&bench.outside), ["root", "secret"]);
}
