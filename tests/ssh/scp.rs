//! `scp` in its default mode, which is SFTP, and in the old one (`-O`), both ways.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use flotilla_tests::content::Content;
use flotilla_tests::ssh::public;
use flotilla_tests::{Program, Server, Ssh, User, wait};

/// The modes of `scp`.
const MODES: [&str; 2] = ["-s", "-O"];

/// Names that need care, of a shell too.
const NAMES: [&str; 7] =
    ["plain.txt", "two words", "grüße 日本", "it's", "say \"hi\"", "a$b`c;d&e", "-dash"];

#[track_caller]
fn assert_equal(one: &Path, two: &Path) {
    let difference = Program::new("diff").arg("-r").arg(one).arg(two).deadline(LONG);
    difference.succeed();
}

fn fill(folder: &Path) {
    std::fs::create_dir_all(folder.join("sub/deep")).unwrap();
    std::fs::create_dir_all(folder.join("nothing")).unwrap();
    for (number, name) in NAMES.iter().enumerate() {
        Content::new(number as u64).write(&folder.join(name), number * 20_000);
        Content::new(number as u64 + 50).write(&folder.join("sub").join(name), number * 11);
    }
    Content::new(99).write(&folder.join("sub/deep/file"), 3 << 20);
}

/// A single file of every name, both ways.
#[test]
fn files_go_both_ways() {
    let server = Server::start_ssh();
    let ssh = Ssh::new(&server);
    fill(&ssh.join("mine"));
    for mode in MODES {
        let there = server.file(mode);
        std::fs::create_dir(&there).unwrap();
        for name in NAMES {
            let local = PathBuf::from("mine").join(name);
            ssh.scp().arg(mode).arg(&local).arg(format!("node:{mode}/")).succeed();
            assert_equal(&ssh.join(&local), &there.join(name));
            let remote = format!("node:{mode}/{}", quoted(name));
            ssh.scp().arg(mode).arg(remote).arg("got").succeed();
            assert_equal(&ssh.join("got"), &there.join(name));
        }
    }
}

/// As a shell and a pattern take it: the client holds what comes against what it asked for.
fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || c == '.' || c == '-';
    name.chars().map(|c| if plain(c) { c.to_string() } else { format!("\\{c}") }).collect()
}

/// Folders, with modes and times.
#[test]
fn trees_go_both_ways() {
    let server = Server::start_ssh();
    let ssh = Ssh::new(&server);
    fill(&ssh.join("mine"));
    let aged = ssh.join("mine/sub/two words");
    std::fs::set_permissions(&aged, std::fs::Permissions::from_mode(0o640)).unwrap();
    Program::new("touch").args(["-d", "@1000000000"]).arg(&aged).succeed();
    for mode in MODES {
        let there = format!("of{mode}");
        ssh.scp().args([mode, "-rp", "mine", &format!("node:{there}")]).succeed();
        assert_equal(&ssh.join("mine"), &server.file(&there));
        ssh.scp().args([mode, "-rp", &format!("node:{there}"), "."]).succeed();
        assert_equal(&ssh.join("mine"), &ssh.join(&there));
        for copy in [server.file(&there), ssh.join(&there)] {
            let told = std::fs::metadata(copy.join("sub/two words")).unwrap();
            assert_eq!((told.mtime(), told.mode() & 0o777), (1_000_000_000, 0o640));
        }
    }
}

/// Patterns, several sources, and what is not there.
#[test]
fn patterns_are_expanded() {
    let server = Server::start_ssh();
    let ssh = Ssh::new(&server);
    fill(&server.file("there"));
    for mode in MODES {
        let into = ssh.join(format!("into{mode}"));
        std::fs::create_dir(&into).unwrap();
        ssh.scp().args([mode, "node:there/*.txt", "node:there/sub/[gt]*"]).arg(&into).succeed();
        let mut names: Vec<_> = std::fs::read_dir(&into)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["grüße 日本", "plain.txt", "two words"]);
        let said = ssh.scp().args([mode, "node:there/missing", "."]).exit(1);
        assert!(said.stderr.contains("No such file"), "{said}");
        let said = ssh.scp().args([mode, "node:there", "."]).exit(1);
        assert!(said.stderr.contains("not a regular file"), "{said}");
        ssh.folder().write("x", "x");
        let said = ssh.scp().args([mode, "x", "node:no/such/folder/"]).exit(1);
        assert!(!said.stderr.is_empty(), "{said}");
        // What the root holds back stays out.
        ssh.scp().args([mode, "node:/etc/passwd", "stolen"]).exit(1);
        ssh.scp().args([mode, "node:../../../../etc/passwd", "stolen"]).exit(1);
        assert!(!ssh.join("stolen").exists());
    }
}

/// Names with line ends and escapes make nobody's terminal dance and no line of the protocol.
#[test]
fn names_with_control_characters_are_refused() {
    let server = Server::start_ssh();
    let ssh = Ssh::new(&server);
    for name in [&b"line\nend"[..], b"C0644 5 x\nE", b"esc\x1b[2J"] {
        let folder = ssh.join("odd");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join(OsStr::from_bytes(name)), "x").unwrap();
        std::fs::write(folder.join("good"), "good").unwrap();
        // The client's own escapes (`\^J`) are no control characters any more: they may pass.
        let _ = ssh.scp().args(["-O", "-r", "odd", "node:up"]).run();
        assert!(!server.file("up").join(OsStr::from_bytes(name)).exists());
        assert_eq!(std::fs::read(server.file("up/good")).unwrap(), b"good");
        std::fs::remove_dir_all(server.file("up")).unwrap();

        std::fs::create_dir_all(server.file("odd")).unwrap();
        std::fs::write(server.file("odd").join(OsStr::from_bytes(name)), "x").unwrap();
        std::fs::write(server.file("odd/good"), "good").unwrap();
        let said = ssh.scp().args(["-O", "-r", "node:odd", "down"]).run();
        assert_eq!(said.code, Some(1), "{said}");
        assert!(!said.stderr.contains('\u{1b}'), "{}", said.stderr.escape_debug());
        assert_eq!(std::fs::read(ssh.join("down/good")).unwrap(), b"good");
        assert_eq!(std::fs::read_dir(ssh.join("down")).unwrap().count(), 1);
        std::fs::remove_dir_all(ssh.join("down")).unwrap();
        std::fs::remove_dir_all(server.file("odd")).unwrap();
    }
}

/// Much, both ways.
#[test]
fn much_goes_both_ways() {
    let length = if flotilla_tests::long() { 256 << 20 } else { 64 << 20 };
    let server = Server::start_ssh();
    let ssh = Ssh::new(&server);
    Content::new(1).write_repeated(&ssh.join("here"), length);
    for mode in MODES {
        ssh.scp().args([mode, "here", "node:there"]).deadline(LONG).succeed();
        assert_equal(&ssh.join("here"), &server.file("there"));
        ssh.scp().args([mode, "node:there", "back"]).deadline(LONG).succeed();
        assert_equal(&ssh.join("here"), &ssh.join("back"));
    }
}

/// An upload that breaks off is not published, in either mode.
#[test]
fn what_breaks_off_is_not_published() {
    for mode in MODES {
        let server = Server::start_ssh();
        let ssh = Ssh::new(&server);
        Content::new(1).write_repeated(&ssh.join("here"), 64 << 20);
        let scp = ssh.scp().args([mode, "-l", "80000", "here", "node:there"]);
        let mut child = scp.start(&ssh.join("scp.log")).unwrap();
        wait::until("some bytes", || {
            let folder = std::fs::read_dir(server.file("")).ok()?;
            let begun =
                |entry: std::fs::DirEntry| entry.metadata().is_ok_and(|file| file.len() > 0);
            folder.filter_map(Result::ok).any(begun).then_some(())
        });
        child.kill().unwrap();
        child.wait().unwrap();
        wait::until("the end of the upload", || {
            let log = server.log();
            log.lines()
                .any(|line| line.contains("transfer ended") && line.contains("upload"))
                .then_some(())
        });
        assert!(!server.file("there").exists(), "half a file was published");
    }
}

/// From one place of the server to another, through the client.
#[test]
fn copies_within_the_server() {
    // `-3` asks for no password.
    let key = Ssh::at(([127, 0, 0, 1], 1).into());
    let identity = key.key("id", "ed25519");
    let user = User::new("alice").set("keys", vec![public(&identity)]);
    let server = Server::builder().ssh().user(user).file("one", "content").start();
    let ssh = Ssh::new(&server).identity(&identity);
    // Whom it does not know it can not ask about.
    ssh.sftp("pwd\n").succeed();
    for mode in MODES {
        ssh.scp().args([mode, "-3", "node:one", &format!("node:two{mode}")]).succeed();
        assert_eq!(std::fs::read(server.file(format!("two{mode}"))).unwrap(), b"content");
    }
}

const LONG: Duration = Duration::from_secs(300);
