//! OpenSSH's `sftp`: everything that it can ask for.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use flotilla_tests::content::{Content, assert_same};
use flotilla_tests::{Program, Server, Ssh};

/// Names and lengths: large, small, empty, and names that need care.
const FILES: [(&str, usize); 5] = [
    ("big.bin", 3 << 20),
    ("small.txt", 1234),
    ("empty", 0),
    ("two words.bin", 70_000),
    ("grüße 日本.bin", 5000),
];

fn content(name: &str) -> Vec<u8> {
    let row = FILES.iter().position(|(known, _)| *known == name).unwrap();
    Content::new(row as u64 + 1).bytes(FILES[row].1)
}

fn read(path: impl AsRef<Path>) -> Vec<u8> {
    let path = path.as_ref();
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Sets the time of last change to 2001-09-09 01:46:40 UTC.
fn age(path: &Path) {
    Program::new("touch").args(["-d", "@1000000000"]).arg(path).succeed();
}

const AGED: i64 = 1_000_000_000;

/// Every file up, then down, compared.
#[test]
fn files_go_both_ways() {
    let server = Server::start_ssh();
    let ssh = Ssh::new(&server);
    let mut commands = String::from("mkdir up\n");
    for (name, _) in FILES {
        ssh.folder().write(name, content(name));
        commands.push_str(&format!("put \"{name}\" \"up/{name}\"\n"));
        commands.push_str(&format!("get \"up/{name}\" \"got {name}\"\n"));
    }
    ssh.sftp(&commands).succeed();
    for (name, _) in FILES {
        assert_same(name, &read(server.file(format!("up/{name}"))), &content(name));
        assert_same(name, &read(ssh.join(format!("got {name}"))), &content(name));
    }
    // By every cipher and MAC that is offered.
    for (cipher, mac) in [
        ("aes128-gcm@openssh.com", "hmac-sha2-256-etm@openssh.com"),
        ("aes256-gcm@openssh.com", "hmac-sha2-256-etm@openssh.com"),
        ("chacha20-poly1305@openssh.com", "hmac-sha2-256-etm@openssh.com"),
        ("aes128-ctr", "hmac-sha2-256-etm@openssh.com"),
        ("aes192-ctr", "hmac-sha2-512-etm@openssh.com"),
        ("aes256-ctr", "hmac-sha2-512-etm@openssh.com"),
    ] {
        let other = Ssh::new(&server).set("Ciphers", cipher).set("MACs", mac);
        other.folder().write("big.bin", content("big.bin"));
        other.sftp("put big.bin by\nget by back\n").succeed();
        assert_same(cipher, &read(server.file("by")), &content("big.bin"));
        assert_same(cipher, &read(other.join("back")), &content("big.bin"));
    }
}

/// Small and odd sizes of blocks and of requests under way.
#[test]
fn sizes_of_requests_do_not_matter() {
    let server = Server::builder().ssh().file("there", content("big.bin")).start();
    let ssh = Ssh::new(&server);
    ssh.folder().write("here", content("big.bin"));
    for (bytes, requests) in
        [("100000", "64"), ("1000", "1"), ("4097", "7"), ("32768", "1000"), ("200000", "256")]
    {
        let options = ["-B", bytes, "-R", requests, "-oBatchMode=no", "-b", "-", "node"];
        let sftp = ssh.client("sftp").args(options);
        sftp.stdin("get there got\nput here put\n").succeed();
        assert_same(bytes, &read(ssh.join("got")), &content("big.bin"));
        assert_same(bytes, &read(server.file("put")), &content("big.bin"));
    }
}

/// `reget` and `reput` go on where a transfer ended.
#[test]
fn transfers_are_resumed() {
    let server = Server::builder().ssh().file("there", content("big.bin")).start();
    let ssh = Ssh::new(&server);
    ssh.folder().write("got", &content("big.bin")[..1_000_000]);
    ssh.folder().write("here", content("big.bin"));
    std::fs::write(server.file("half"), &content("big.bin")[..1_500_001]).unwrap();
    ssh.sftp("reget there got\nreput here half\n").succeed();
    assert_same("got", &read(ssh.join("got")), &content("big.bin"));
    assert_same("put", &read(server.file("half")), &content("big.bin"));
}

/// `-p` keeps modes and times, both ways; without it the server's umask holds.
#[test]
fn modes_and_times_are_kept() {
    let server = Server::builder().ssh().file("there", "x").start();
    let ssh = Ssh::new(&server);
    let here = ssh.folder().write("here", "y");
    std::fs::set_permissions(&here, std::fs::Permissions::from_mode(0o751)).unwrap();
    std::fs::set_permissions(server.file("there"), std::fs::Permissions::from_mode(0o640)).unwrap();
    age(&here);
    age(&server.file("there"));
    ssh.sftp("get -p there got\nput -p here put\nput here plain\n").succeed();
    for (path, expected) in [(ssh.join("got"), 0o640), (server.file("put"), 0o751)] {
        assert_eq!(mode(&path), expected, "{}", path.display());
        assert_eq!(std::fs::metadata(&path).unwrap().mtime(), AGED, "{}", path.display());
    }
    assert_eq!(mode(&server.file("plain")) & 0o022, 0);
    assert_ne!(std::fs::metadata(server.file("plain")).unwrap().mtime(), AGED);
}

/// `ls` in its forms: names, long lines, sizes, times, hidden names, order.
#[test]
fn listings_tell_what_is_there() {
    let server = Server::builder()
        .ssh()
        .file("b.txt", "12345")
        .file("a name", "1")
        .file("sub/inner", "123")
        .file(".hidden", "")
        .start();
    symlink("b.txt", server.file("link")).unwrap();
    std::fs::set_permissions(server.file("b.txt"), std::fs::Permissions::from_mode(0o604)).unwrap();
    age(&server.file("b.txt"));
    let ssh = Ssh::new(&server);
    let said = ssh.sftp("ls -1\n").succeed().stdout;
    let names: Vec<&str> = said.lines().filter(|line| !line.starts_with("sftp>")).collect();
    assert_eq!(names, ["a name", "b.txt", "link", "sub"]);
    let said = ssh.sftp("ls -la\n").succeed().stdout;
    let line = |name: &str| {
        said.lines()
            .find(|line| line.ends_with(name))
            .unwrap_or_else(|| panic!("{name} is not in {said}"))
    };
    // From the server's own long name: kind, rights, links, owner, group, size, date, name.
    let fields: Vec<&str> = line("b.txt").split_whitespace().collect();
    assert_eq!((fields[0], fields[4]), ("-rw----r--", "5"), "{fields:?}");
    assert_eq!(fields[5..], ["Sep", "9", "2001", "b.txt"], "{fields:?}");
    assert!(line("sub").starts_with("drwx") && line("link").starts_with("lrwx"), "{said}");
    assert!(said.contains("a name") && said.contains(".hidden"), "{said}");
    // With the client's own names of users and groups, as the server tells them or in numbers.
    let said = ssh.sftp("ls -ln sub\n").succeed().stdout;
    assert!(said.lines().any(|line| line.starts_with("-rw") && line.ends_with("inner")), "{said}");
    let said = ssh.sftp("cd sub\npwd\nls\nlpwd\nls ..\n").succeed().stdout;
    assert!(said.contains("Remote working directory: /sub") && said.contains("inner"), "{said}");
    ssh.sftp("ls missing\n").exit(1);
    ssh.sftp("cd b.txt\n").exit(1);
}

/// rename, rm, mkdir, rmdir, ln, ln -s, chmod, df, cp.
#[test]
fn trees_are_arranged() {
    let server = Server::builder().ssh().file("a", "content of a").file("b", "b").start();
    let ssh = Ssh::new(&server);
    let at = |name: &str| server.file(name);
    ssh.sftp("rename a moved\nrename moved b\n").succeed();
    assert_eq!(read(at("b")), b"content of a", "a rename replaces, as posix-rename does");
    assert!(!at("a").exists() && !at("moved").exists());
    ssh.sftp("mkdir d\nrename b d/b\nrmdir d\n").exit(1);
    ssh.sftp("ln -s d/b soft\nln d/b hard\nget soft followed\nchmod 600 d/b\n").succeed();
    assert_eq!(std::fs::read_link(at("soft")).unwrap(), Path::new("d/b"));
    assert_eq!(
        std::fs::metadata(at("hard")).unwrap().ino(),
        std::fs::metadata(at("d/b")).unwrap().ino()
    );
    assert_eq!(mode(&at("hard")), 0o600);
    assert_eq!(read(ssh.join("followed")), b"content of a");
    ssh.sftp("cp d/b copied\n").succeed();
    assert_eq!(read(at("copied")), b"content of a");
    let said = ssh.sftp("df\ndf -h /\ndf -i d\n").succeed().stdout;
    assert!(said.contains("Size") && said.contains("Inodes") && said.contains('%'), "{said}");
    ssh.sftp("rm soft\nrm hard\nrm copied\nrm d/b\nrmdir d\n").succeed();
    assert_eq!(std::fs::read_dir(at("")).unwrap().count(), 0);
    for wrong in [
        "rm missing",
        "rmdir missing",
        "rename missing x",
        "chmod 600 missing",
        "get missing",
        "mkdir x/y",
    ] {
        let said = ssh.sftp(&format!("{wrong}\n")).exit(1);
        assert!(
            said.stderr.contains("No such file") || said.stderr.contains("not found"),
            "{said}"
        );
    }
    ssh.sftp("mkdir x\n").succeed();
    ssh.sftp("mkdir x\n").exit(1);
    ssh.sftp("chgrp 0 x\n-chown 0 x\n").run();
    assert!(at("x").is_dir());
}

/// `cp` of much, within the server.
#[test]
fn copies_stay_on_the_server() {
    let bytes = Content::new(5).bytes(20 << 20);
    let server = Server::builder().ssh().file("from", &bytes).start();
    Ssh::new(&server).sftp("cp from to\n").succeed();
    assert_same("copy", &read(server.file("to")), &bytes);
}

/// Folders with `-r`, both ways, with what is in them: modes, times, empty folders.
#[test]
fn trees_go_both_ways() {
    let server = Server::start_ssh();
    let ssh = Ssh::new(&server);
    let files = if flotilla_tests::long() { 10_000 } else { 1000 };
    for number in 0..files {
        let name = format!("tree/{}/{number}.txt", number % 7);
        ssh.folder().write(name, Content::new(number).bytes((number % 300) as usize));
    }
    std::fs::create_dir_all(ssh.join("tree/nothing/in here")).unwrap();
    age(&ssh.join("tree/3/3.txt"));
    ssh.sftp("put -rp tree\nget -rp tree back\n").deadline(LONG).succeed();
    let difference =
        |one: &Path, two: &Path| Program::new("diff").arg("-r").arg(one).arg(two).succeed();
    difference(&ssh.join("tree"), &server.file("tree"));
    difference(&ssh.join("tree"), &ssh.join("back"));
    for path in [server.file("tree/3/3.txt"), ssh.join("back/3/3.txt")] {
        assert_eq!(std::fs::metadata(path).unwrap().mtime(), AGED);
    }
    assert!(server.file("tree/nothing/in here").is_dir());
}

/// A folder of 100,000 entries is listed whole.
#[test]
fn large_folders_are_listed() {
    const ENTRIES: usize = 100_000;
    let server = Server::start_ssh();
    std::fs::create_dir(server.file("many")).unwrap();
    let seed = server.file("many/0");
    std::fs::write(&seed, "").unwrap();
    for number in 1..ENTRIES {
        // Links to one file cost the file system less than files.
        let link = server.file(format!("many/{number}"));
        if std::fs::hard_link(&seed, &link).is_err() {
            std::fs::write(&link, "").unwrap();
        }
    }
    let said = Ssh::new(&server).sftp("ls -1f many\n").succeed().stdout;
    let mut numbers: Vec<usize> =
        said.lines().filter_map(|line| line.strip_prefix("many/")?.trim().parse().ok()).collect();
    numbers.sort_unstable();
    assert!(numbers.iter().copied().eq(0..ENTRIES), "{} entries", numbers.len());
}

/// 1 GiB, both ways, compared.
#[test]
fn much_goes_both_ways() {
    const LENGTH: u64 = 1 << 30;
    let server = Server::start_ssh();
    let ssh = Ssh::new(&server).set("Ciphers", "aes128-gcm@openssh.com");
    Content::new(11).write_repeated(&ssh.join("here"), LENGTH);
    ssh.sftp("put here there\n").deadline(LONG).succeed();
    Program::new("cmp").arg(ssh.join("here")).arg(server.file("there")).deadline(LONG).succeed();
    ssh.sftp("get there back\n").deadline(LONG).succeed();
    Program::new("cmp").arg(ssh.join("here")).arg(ssh.join("back")).deadline(LONG).succeed();
}

/// Permissions of users hold.
#[test]
fn permissions_hold() {
    use flotilla_tests::User;
    let server = Server::builder()
        .ssh()
        .file("a", "content")
        .file("d/b", "content")
        .user(User::new("reader").permissions(&["read", "list"]))
        .user(User::new("dropper").permissions(&["write"]))
        .start();
    let reader = Ssh::new(&server).user("reader");
    reader.folder().write("x", "x");
    reader.sftp("ls\nget a\n").succeed();
    for refused in [
        "put x",
        "rm a",
        "mkdir m",
        "rmdir d",
        "rename a c",
        "ln a c",
        "ln -s a c",
        "chmod 600 a",
        "cp a c",
    ] {
        let said = reader.sftp(&format!("{refused}\n")).exit(1);
        assert!(said.stderr.to_lowercase().contains("permission denied"), "{said}");
    }
    let dropper = Ssh::new(&server).user("dropper");
    dropper.folder().write("x", "x");
    dropper.sftp("put x\n").succeed();
    for refused in ["get a", "ls", "rm a"] {
        // A folder that can not be listed is no failure to OpenSSH.
        let said = dropper.sftp(&format!("{refused}\n")).run();
        assert!(said.stderr.to_lowercase().contains("permission denied"), "{said}");
    }
    assert_eq!(read(server.file("a")), b"content");
    assert!(server.file("d/b").exists() && !server.file("c").exists());
}

/// For what moves much.
const LONG: std::time::Duration = std::time::Duration::from_secs(300);
