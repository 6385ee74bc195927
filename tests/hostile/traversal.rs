//! Nothing outside the root is read, written, listed or even noticed.

use std::os::unix::fs::symlink;

use flotilla_tests::{Server, User};

const SECRET: &[u8] = b"nobody may read this";

/// A server with `outside/secret` beside its root, and links that lead there.
fn start() -> Server {
    let server = Server::builder()
        .file("home/plain", "inside")
        .user(User::new("caged").set("home", "home"))
        .start();
    let secret = server.folder().write("outside/secret", SECRET);
    let outside = server.folder().join("outside");
    symlink(&secret, server.file("absolute")).unwrap();
    symlink("../outside/secret", server.file("relative")).unwrap();
    symlink("../../outside/secret", server.file("home/relative")).unwrap();
    symlink(&outside, server.file("absolute_dir")).unwrap();
    symlink("../outside", server.file("relative_dir")).unwrap();
    symlink("../../outside", server.file("home/relative_dir")).unwrap();
    symlink("/proc/self/root", server.file("proc")).unwrap();
    server
}

/// Every way to name the secret.
fn paths(server: &Server) -> Vec<String> {
    let outside = server.folder().join("outside");
    let up = "../".repeat(20);
    vec![
        outside.join("secret").display().to_string(),
        "../outside/secret".to_owned(),
        "/../outside/secret".to_owned(),
        "home/../../outside/secret".to_owned(),
        format!("{up}{}/secret", outside.display()),
        "absolute".to_owned(),
        "relative".to_owned(),
        "home/relative".to_owned(),
        "absolute_dir/secret".to_owned(),
        "relative_dir/secret".to_owned(),
        "home/relative_dir/secret".to_owned(),
        "relative_dir/../outside/secret".to_owned(),
        format!("proc{}/secret", outside.display()),
        "./././../outside//secret".to_owned(),
    ]
}

/// RETR, SIZE, MDTM, MLST, HASH, listings: no byte of the secret, not even its length.
#[test]
fn nothing_outside_is_read() {
    let server = start();
    let length = SECRET.len().to_string();
    for user in ["alice", "caged"] {
        let mut wire = server.login_as(user);
        for path in paths(&server) {
            for verb in ["SIZE", "MDTM", "HASH", "XMD5"] {
                wire.ask_any(format!("{verb} {path}"), &[550, 553]);
            }
            let data = wire.open();
            wire.ask_any(format!("RETR {path}"), &[550, 553]);
            drop(data);
            let facts = {
                wire.send(format!("MLST {path}"));
                wire.reply().text()
            };
            assert!(!facts.contains(&format!("size={length};")), "{path}: {facts}");
        }
        for folder in ["absolute_dir", "relative_dir", "home/relative_dir", "../outside", "proc"] {
            for verb in ["LIST", "NLST", "MLSD", "LIST -R", "LIST -a"] {
                let data = wire.open();
                wire.send(format!("{verb} {folder}/"));
                if wire.expect_any(&[150, 450, 501, 550]).code == 150 {
                    let lines = data.read_all().unwrap();
                    wire.reply();
                    assert!(!lines.windows(6).any(|bytes| bytes == b"secret"), "{verb} {folder}");
                }
            }
            wire.ask(format!("CWD {folder}"), 550);
        }
    }
}

/// STOR, APPE, RNTO, MKD, DELE, SITE CHMOD, MFMT and copies: nothing outside is changed.
#[test]
fn nothing_outside_is_written() {
    let server = start();
    let secret = server.folder().join("outside/secret");
    let before = std::fs::metadata(&secret).unwrap();
    for user in ["alice", "caged"] {
        let mut wire = server.login_as(user);
        for path in paths(&server) {
            for command in [
                format!("SITE CHMOD 777 {path}"),
                format!("MFMT 20010203040506 {path}"),
                format!("MKD {path}_made"),
            ] {
                wire.send(command);
                wire.reply();
            }
            for verb in ["STOR", "APPE"] {
                let data = wire.open();
                wire.send(format!("{verb} {path}"));
                if wire.reply().code == 150 {
                    // It may go to a name inside the root; it must not go outside.
                    let _ = data.finish(b"overwritten");
                    wire.reply();
                }
            }
            wire.send("RNFR plain");
            if wire.reply().code == 350 {
                wire.send(format!("RNTO {path}"));
                wire.reply();
            }
            wire.send(format!("SITE CPFR {path}"));
            if wire.reply().code == 350 {
                wire.send("SITE CPTO stolen");
                wire.reply();
            }
        }
        // Deleting what a link points at would be outside; the link itself is inside.
        for path in paths(&server) {
            wire.send(format!("DELE {path}"));
            wire.reply();
        }
    }
    assert_eq!(std::fs::read(&secret).unwrap(), SECRET);
    let after = std::fs::metadata(&secret).unwrap();
    assert_eq!(after.permissions(), before.permissions());
    assert_eq!(after.modified().unwrap(), before.modified().unwrap());
    let names: Vec<_> = std::fs::read_dir(server.folder().join("outside")).unwrap().collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

/// A user with a home of their own does not get out of it either.
#[test]
fn nobody_leaves_their_home() {
    let server = start();
    std::fs::write(server.file("others"), "others").unwrap();
    let mut wire = server.login_as("caged");
    assert_eq!(wire.list("NLST").iter().filter(|name| *name == "plain").count(), 1);
    for path in ["../others", "/others", "/../others", "relative_dir/../../files/others"] {
        let data = wire.open();
        wire.ask_any(format!("RETR {path}"), &[550, 553]);
        drop(data);
    }
    wire.send("CWD ..");
    wire.reply();
    assert!(!wire.list("NLST").iter().any(|name| name == "others"));
}

/// Bytes that a path can not hold end the command, not the server.
#[test]
fn odd_bytes_lead_nowhere() {
    let server = start();
    let mut wire = server.login();
    for path in [
        &b"outside\0/secret"[..],
        b"\xc0\xae\xc0\xae/outside/secret",
        b"..%2foutside%2fsecret",
        b"..\\outside\\secret",
        b"~root",
        b"~/../outside/secret",
        b"home/plain\0.txt",
    ] {
        let data = wire.open();
        wire.ask_any([b"RETR ", path].concat(), &[500, 501, 550, 553]);
        drop(data);
    }
}
