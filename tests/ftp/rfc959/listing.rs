//! RFC 959, 4.1.3: LIST, NLST and STAT of a path, with the options that clients send.

use std::os::unix::fs::{PermissionsExt, symlink};

use flotilla_tests::Server;

/// LIST has the form of `ls -l`: rights, links, owner, group, size, date, name.
#[test]
fn a_listing_has_the_long_form() {
    let server = Server::builder().file("a file", "12345").file("d/f", "").start();
    std::fs::set_permissions(server.file("a file"), PermissionsExt::from_mode(0o640)).unwrap();
    let lines = server.login().list("LIST");
    assert_eq!(lines.len(), 2, "{lines:?}");
    let file = lines.iter().find(|line| line.starts_with('-')).expect("a file's line");
    let folder = lines.iter().find(|line| line.starts_with('d')).expect("a directory's line");
    assert!(file.starts_with("-rw-r-----") && file.ends_with(" a file"), "{file}");
    assert_eq!(file.split_whitespace().nth(4), Some("5"), "{file}");
    assert!(folder.ends_with(" d"), "{folder}");
}

/// An empty directory is an empty listing, not an error.
#[test]
fn an_empty_directory_lists_as_nothing() {
    let server = Server::start();
    let mut wire = server.login();
    assert!(wire.list("LIST").is_empty());
    assert!(wire.list("NLST").is_empty());
}

/// What is not there is refused, with or without a 150 first, and never answered 226.
#[test]
fn a_listing_of_nothing_is_refused() {
    let server = Server::start();
    let mut wire = server.login();
    for command in ["LIST missing", "NLST missing", "LIST missing/deeper"] {
        let data = wire.open();
        wire.ask_any(command, &[450, 550]);
        drop(data);
    }
}

/// A path, a file, options before it: `-a` has hidden names, `-l` the long form, `-d` the directory
/// itself.
#[test]
fn options_are_understood() {
    let server = Server::builder().file("d/seen", "").file("d/.hidden", "").start();
    let mut wire = server.login();
    let has = |lines: &[String], name: &str| lines.iter().any(|line| line.ends_with(name));
    for command in ["LIST d", "LIST -l d", "LIST /d", "LIST d/"] {
        let lines = wire.list(command);
        assert!(has(&lines, " seen") && !has(&lines, ".hidden"), "{command}: {lines:?}");
    }
    for command in ["LIST -a d", "LIST -la d", "LIST -al d", "LIST -l -a d"] {
        let lines = wire.list(command);
        assert!(has(&lines, " seen") && has(&lines, " .hidden"), "{command}: {lines:?}");
    }
    let lines = wire.list("LIST -d d");
    assert!(lines.len() == 1 && lines.iter().all(|line| line.starts_with('d')), "{lines:?}");
    let lines = wire.list("LIST d/seen");
    assert!(lines.len() == 1 && lines.iter().all(|line| line.starts_with('-')), "{lines:?}");
}

/// `-R` goes down and names each directory.
#[test]
fn a_recursive_listing_goes_down() {
    let server = Server::builder().file("a/b/deep", "").file("a/high", "").start();
    let lines = server.login().list("LIST -R a");
    let text = lines.join("\n");
    assert!(text.contains("high") && text.contains("deep"), "{text}");
    assert!(lines.iter().any(|line| line.ends_with("b:")), "{text}");
}

/// NLST has names alone, in a form that can be given to RETR.
#[test]
fn a_name_list_can_be_fetched() {
    let server = Server::builder().file("d/one", "1").file("d/two words", "2").start();
    let mut wire = server.login();
    let mut names = wire.list("NLST d");
    names.sort();
    assert_eq!(names.len(), 2, "{names:?}");
    let path = |name: &String| if name.contains('/') { name.clone() } else { format!("d/{name}") };
    let paths: Vec<String> = names.iter().map(path).collect();
    assert_eq!(wire.fetch(&paths[0]), b"1");
    assert_eq!(wire.fetch(&paths[1]), b"2");
    wire.ask("CWD d", 250);
    let mut names = wire.list("NLST");
    names.sort();
    assert_eq!(names, ["one", "two words"]);
}

/// Shell patterns choose names; a name that holds pattern characters is still found as it is.
#[test]
fn patterns_choose_names() {
    let server = Server::builder()
        .file("one.txt", "")
        .file("two.txt", "")
        .file("two.bin", "")
        .file(".three.txt", "")
        .file("[odd]", "odd")
        .start();
    let mut wire = server.login();
    let mut sorted = |command: &str| {
        let mut names = wire.list(command);
        names.sort();
        names
    };
    assert_eq!(sorted("NLST *.txt"), ["one.txt", "two.txt"]);
    assert_eq!(sorted("NLST t?o.*"), ["two.bin", "two.txt"]);
    assert_eq!(sorted("NLST [ot]*.txt"), ["one.txt", "two.txt"]);
    assert_eq!(sorted("LIST *.bin").len(), 1);
    assert_eq!(sorted("NLST [odd]"), ["[odd]"]);
    assert_eq!(wire.fetch("[odd]"), b"odd");
}

/// No name breaks the listing: a line end inside a name never makes a line of its own.
#[test]
fn no_name_breaks_a_listing() {
    let server = Server::start();
    for name in ["plain", "new\nline", "return\r", "226 forged\r\n226 done"] {
        std::fs::write(server.file(name), "").unwrap();
    }
    let mut wire = server.login();
    let lines = wire.list("LIST");
    assert!(lines.len() <= 4 && lines.iter().all(|line| line.starts_with('-')), "{lines:?}");
    assert!(wire.list("NLST").len() <= 4);
    let status = wire.ask_any("STAT .", &[211, 212, 213]);
    assert!(status.lines.len() <= 6, "{status:?}");
    wire.ask("NOOP", 200);
}

/// Names that are no UTF-8 come as they are.
#[test]
fn names_that_are_no_utf8_come_as_they_are() {
    use std::os::unix::ffi::OsStrExt;
    let server = Server::start();
    std::fs::write(server.file(std::ffi::OsStr::from_bytes(b"caf\xe9")), "x").unwrap();
    let mut wire = server.login();
    assert_eq!(wire.receive("NLST"), b"caf\xe9\r\n");
    assert_eq!(wire.receive(b"RETR caf\xe9"), b"x");
}

/// STAT of a path is its listing over the control connection (212 or 213).
#[test]
fn status_of_a_path_is_a_listing() {
    let server = Server::builder().file("d/f", "12345").start();
    let mut wire = server.login();
    let status = wire.ask_any("STAT d", &[211, 212, 213]);
    assert!(status.text().contains(" f"), "{status:?}");
    wire.ask_any("STAT missing", &[450, 550]);
}

/// Links are shown as such, with where they point.
#[test]
fn links_are_shown() {
    let server = Server::builder().file("target", "12345").start();
    symlink("target", server.file("link")).unwrap();
    symlink("nowhere", server.file("broken")).unwrap();
    let mut wire = server.login();
    let lines = wire.list("LIST");
    let link = lines.iter().find(|line| line.contains(" link")).expect("the link's line");
    assert!(link.starts_with('l') && link.ends_with("link -> target"), "{link}");
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(wire.fetch("link"), b"12345");
}

/// Large directories come whole.
#[test]
fn a_large_directory_comes_whole() {
    let server = Server::start();
    for number in 0..5000 {
        std::fs::write(server.file(format!("a rather long name to fill buffers {number:05}")), "")
            .unwrap();
    }
    let mut wire = server.login();
    for command in ["LIST", "NLST", "MLSD"] {
        let lines = wire.list(command);
        let mut names: Vec<_> =
            lines.iter().filter_map(|line| line.split("buffers ").nth(1)).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 5000, "{command}");
    }
}
