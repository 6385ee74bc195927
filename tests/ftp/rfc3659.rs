//! RFC 3659: MDTM, SIZE, REST, MLST and MLSD.

use std::collections::BTreeMap;

use flotilla_tests::content::{Content, assert_same};
use flotilla_tests::{Server, User};

/// The facts and the name of one entry.
fn entry(line: &str) -> (BTreeMap<String, String>, String) {
    let (facts, name) = line.split_once(' ').expect("facts, a space, a name");
    let fact = |text: &str| {
        let (name, value) = text.split_once('=').expect("name=value");
        (name.to_lowercase(), value.to_owned())
    };
    assert!(facts.is_empty() || facts.ends_with(';'), "facts end with a semicolon: {line}");
    (facts.split_terminator(';').map(fact).collect(), name.to_owned())
}

/// 4: SIZE in TYPE I is the number of bytes; of what is no file it is 550.
#[test]
fn the_size_is_that_of_a_transfer() {
    let server = Server::builder().file("a", "12\n45").file("d/f", "").start();
    let mut wire = server.login();
    assert_eq!(wire.size("a"), 5);
    wire.ask("SIZE d", 550);
    wire.ask("SIZE missing", 550);
}

/// 4.2: SIZE in TYPE A is what a transfer would send, or it is refused; it is never wrong.
#[test]
fn the_size_in_ascii_is_right_or_refused() {
    let server = Server::builder().file("a", "12\n45").start();
    let mut wire = server.login();
    wire.ask("TYPE A", 200);
    let reply = wire.ask_any("SIZE a", &[213, 504, 550]);
    if reply.code == 213 {
        assert_eq!(reply.rest().trim(), "6");
    }
}

/// 3: MDTM is UTC, `YYYYMMDDHHMMSS` with an optional fraction.
#[test]
fn the_time_is_utc() {
    let server = Server::builder().file("a", "").start();
    let moment = std::time::UNIX_EPOCH + std::time::Duration::from_secs(981_173_106);
    std::fs::File::options()
        .write(true)
        .open(server.file("a"))
        .unwrap()
        .set_modified(moment)
        .unwrap();
    let mut wire = server.login();
    let time = wire.ask("MDTM a", 213).rest();
    assert_eq!(time.split('.').next(), Some("20010203040506"));
    wire.ask("MDTM missing", 550);
}

/// 5: REST is 350, and RETR begins there.
#[test]
fn a_download_resumes() {
    let bytes = Content::new(3).bytes(1_000_000);
    let server = Server::builder().file("a", &bytes).start();
    let mut wire = server.login();
    wire.ask("REST 400000", 350);
    assert_same("rest", &wire.fetch("a"), &bytes[400_000..]);
    assert_same("whole", &wire.fetch("a"), &bytes);
    wire.ask("REST 1000000", 350);
    assert_same("nothing", &wire.fetch("a"), b"");
}

/// 5: REST and STOR write from there on and keep what lies before.
#[test]
fn an_upload_resumes() {
    let server = Server::builder().file("a", "0123456789").start();
    let mut wire = server.login();
    wire.ask("REST 5", 350);
    wire.store("a", b"abc");
    let stored = std::fs::read(server.file("a")).unwrap();
    assert!(stored == b"01234abc" || stored == b"01234abc89", "{}", stored.escape_ascii());
    wire.store("a", b"new");
    assert_eq!(std::fs::read(server.file("a")).unwrap(), b"new");
}

/// 5.4: a restart point behind the end is refused: 554, before any byte moves.
#[test]
fn a_restart_point_behind_the_end_is_refused() {
    let server = Server::builder().file("a", "12345").start();
    let mut wire = server.login();
    wire.ask("REST 6", 350);
    wire.open();
    wire.ask_any("RETR a", &[550, 554]);
    wire.ask("REST 6", 350);
    wire.open();
    wire.ask_any("STOR a", &[550, 554]);
    assert_eq!(std::fs::read(server.file("a")).unwrap(), b"12345");
}

/// 5.3: the restart point holds for the next transfer, whatever that is, and for no other.
#[test]
fn a_restart_point_is_forgotten() {
    let server = Server::builder().file("a", "12345").start();
    let mut wire = server.login();
    wire.ask("REST 3", 350);
    wire.list("LIST");
    assert_eq!(wire.fetch("a"), b"12345");
    wire.ask("REST 3", 350);
    wire.ask("REST 0", 350);
    assert_eq!(wire.fetch("a"), b"12345");
}

/// 5: REST in TYPE A is right or refused.
#[test]
fn a_restart_in_ascii_is_right_or_refused() {
    let server = Server::builder().file("a", "1\n2\n3\n").start();
    let mut wire = server.login();
    wire.ask("TYPE A", 200);
    if wire.ask_any("REST 3", &[350, 501, 504, 554]).code == 350 {
        let data = wire.open();
        wire.send("RETR a");
        if wire.expect_any(&[150, 501, 504, 550, 554]).code == 150 {
            assert_eq!(data.read_all().unwrap(), b"2\r\n3\r\n");
            wire.expect(226);
        }
    }
    wire.ask("TYPE I", 200);
    assert_eq!(wire.fetch("a"), b"1\n2\n3\n");
}

/// 7.2: MLST is 250 with one line that begins with a space: facts, a space, the path.
#[test]
fn one_entry_is_told_on_the_control_connection() {
    let server = Server::builder().file("two words", "12345").start();
    let mut wire = server.login();
    let reply = wire.ask("MLST two words", 250);
    assert_eq!(reply.lines.len(), 3, "{reply:?}");
    assert!(reply.lines[1].starts_with(b" "), "{reply:?}");
    let (facts, name) = entry(&reply.middle()[0]);
    assert_eq!(facts["type"], "file");
    assert_eq!(facts["size"], "5");
    assert!(
        facts["modify"].len() >= 14 && facts.contains_key("perm") && facts.contains_key("unique")
    );
    assert!(name == "/two words" || name == "two words", "{name}");
    let (facts, _) = entry(&wire.ask("MLST", 250).middle()[0]);
    assert!(matches!(facts["type"].as_str(), "dir" | "cdir"));
    wire.ask("MLST missing", 550);
}

/// 7.2: MLSD has one line per entry, names alone, with any characters in them.
#[test]
fn a_directory_is_told_on_the_data_connection() {
    let server = Server::builder()
        .file("d/plain", "12345")
        .file("d/with; odd=chars and spaces ", "")
        .file("d/sub/f", "")
        .start();
    let mut wire = server.login();
    let lines = wire.list("MLSD d");
    let entries: BTreeMap<String, BTreeMap<String, String>> = lines
        .iter()
        .map(|line| entry(line))
        .filter(|(facts, _)| !matches!(facts["type"].as_str(), "cdir" | "pdir"))
        .map(|(facts, name)| (name, facts))
        .collect();
    assert_eq!(entries.len(), 3, "{lines:?}");
    assert_eq!(entries["plain"]["type"], "file");
    assert_eq!(entries["plain"]["size"], "5");
    assert_eq!(entries["sub"]["type"], "dir");
    assert!(!entries["sub"].contains_key("size"));
    assert!(entries.contains_key("with; odd=chars and spaces "));
}

/// 7.2: MLSD of a file is 501, of nothing 550.
#[test]
fn only_a_directory_can_be_listed() {
    let server = Server::builder().file("a", "").start();
    let mut wire = server.login();
    wire.open();
    wire.ask_any("MLSD a", &[501, 550]);
    wire.open();
    wire.ask("MLSD missing", 550);
}

/// 7.2: a name with a line end in it can not be told and is left out.
#[test]
fn a_name_with_a_line_end_is_left_out() {
    let server = Server::builder().file("plain", "").start();
    std::fs::write(server.file("type=file; forged\r\ntype=dir; forged"), "").unwrap();
    let lines = server.login().list("MLSD");
    let names: Vec<_> = lines.iter().map(|line| entry(line).1).collect();
    assert!(names.iter().all(|name| !name.contains("forged")), "{names:?}");
    assert!(names.iter().any(|name| name == "plain"));
}

/// 7.5.2: `unique` is the same for two names of one file and differs for two files.
#[test]
fn unique_tells_files_apart() {
    let server = Server::builder().file("a", "x").file("b", "x").start();
    std::fs::hard_link(server.file("a"), server.file("a2")).unwrap();
    let mut wire = server.login();
    let mut unique =
        |name: &str| entry(&wire.ask(format!("MLST {name}"), 250).middle()[0]).0["unique"].clone();
    assert_eq!(unique("a"), unique("a2"));
    assert_ne!(unique("a"), unique("b"));
}

/// 7.5.5: `perm` says what this user may do.
#[test]
fn permissions_are_told() {
    let server = Server::builder()
        .user(User::new("reader").permissions(&["read", "list"]))
        .file("d/f", "")
        .start();
    let perm = |user: &str, path: &str| {
        let reply = server.login_as(user).ask(format!("MLST {path}"), 250);
        entry(&reply.middle()[0]).0["perm"].clone()
    };
    let (file, folder) = (perm("alice", "d/f"), perm("alice", "d"));
    assert!("adfrw".chars().all(|letter| file.contains(letter)), "{file}");
    assert!("cdeflmp".chars().all(|letter| folder.contains(letter)), "{folder}");
    assert_eq!(perm("reader", "d/f"), "r");
    let folder = perm("reader", "d");
    assert!("el".chars().all(|letter| folder.contains(letter)), "{folder}");
    assert!(!folder.contains(['c', 'd', 'f', 'm', 'p']), "{folder}");
}

/// 7.9: OPTS MLST chooses facts, ignores unknown ones and tells the choice; FEAT marks it.
#[test]
fn facts_can_be_chosen() {
    let server = Server::builder().file("a", "12345").start();
    let mut wire = server.login();
    let reply = wire.ask("OPTS MLST size;Type;nonsense;", 200).rest().to_lowercase();
    assert!(
        reply.contains("type;") && reply.contains("size;") && !reply.contains("nonsense"),
        "{reply}"
    );
    let (facts, _) = entry(&wire.ask("MLST a", 250).middle()[0]);
    assert_eq!(facts.keys().collect::<Vec<_>>(), ["size", "type"]);
    let features = wire.ask("FEAT", 211).text().to_lowercase();
    assert!(features.contains("size*;") && features.contains("modify;"), "{features}");
    wire.ask("OPTS MLST", 200);
    let line = wire.ask("MLST a", 250).middle()[0].clone();
    assert!(line.starts_with(" ") || line.starts_with('/') || line.starts_with('a'), "{line}");
    assert!(!line.contains('='), "{line}");
}

/// 6 (TVFS): a path from the root means the same everywhere.
#[test]
fn paths_mean_the_same_everywhere() {
    let server = Server::builder().file("d/e/f", "x").start();
    let mut wire = server.login();
    wire.ask("CWD d/e", 250);
    for path in ["f", "./f", "../e/f", "/d/e/f", "/d/../d/e/f", "//d//e//f"] {
        assert_eq!(wire.size(path), 1, "{path}");
    }
}
