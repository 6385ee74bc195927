//! What the users file says of a user (design, section 9): home, permissions, protocols, networks,
//! the end of the account. None of it is told to who does not know the password.

use flotilla_tests::{PASSWORD, Server, User, Wire};

/// The reply to a login that policy refuses.
#[track_caller]
fn refused(wire: &mut Wire, user: &str) -> String {
    wire.ask(format!("USER {user}"), 331);
    wire.ask(format!("PASS {PASSWORD}"), 530).text()
}

/// The home is made at the first login, bears the user's name by default, and is the only place
/// there is.
#[test]
fn a_home_is_made_at_the_first_login() {
    let server = Server::builder().user(User::new("bob").unset("home")).file("alice's", "").start();
    assert!(!server.file("bob").exists());
    let mut wire = server.login_as("bob");
    assert!(wire.list("NLST").is_empty());
    wire.store("mine", b"x");
    assert!(server.file("bob/mine").exists());
}

/// A user may have a storage root of their own.
#[test]
fn a_user_may_have_a_root_of_their_own() {
    let builder = Server::builder();
    let own = builder.folder().write("own/content", "own").parent().unwrap().to_owned();
    let server = builder.user(User::new("bob").set("root", own.as_path())).start();
    assert_eq!(server.login_as("bob").fetch("content"), b"own");
}

/// Each permission allows what it names, and nothing else is allowed.
#[test]
fn permissions_are_kept() {
    let all = ["read", "write", "append", "delete", "rename", "mkdir", "list"];
    let builder = all.iter().fold(Server::builder(), |builder, permission| {
        builder.user(User::new(permission).permissions(&[permission]))
    });
    let server = builder.start();
    for permission in all {
        std::fs::write(server.file("f"), "content").unwrap();
        let mut wire = server.login_as(permission);
        for (needed, command) in [
            ("read", "RETR f"),
            ("write", "STOR new"),
            ("append", "APPE f"),
            ("list", "LIST"),
            ("list", "NLST"),
            ("list", "MLSD"),
        ] {
            let data = wire.open();
            wire.send(command);
            let allowed = wire.expect_any(&[150, 450, 550, 553]).code == 150;
            if allowed {
                if matches!(needed, "write" | "append") {
                    data.finish(b"more").unwrap();
                } else {
                    data.read_all().unwrap();
                }
                wire.expect(226);
            }
            assert_eq!(allowed, needed == permission, "{permission}: {command}{wire}");
        }
        for (needed, command) in [("mkdir", "MKD d"), ("rename", "RNFR f"), ("delete", "DELE f")] {
            wire.send(command);
            let allowed = wire.reply().code < 400;
            assert_eq!(allowed, needed == permission, "{permission}: {command}{wire}");
        }
        for path in ["new", "f"] {
            let _ = std::fs::remove_file(server.file(path));
        }
        let _ = std::fs::remove_dir(server.file("d"));
    }
}

/// Without `hidden`, names with a dot in front are not there: not listed, not read, not written.
#[test]
fn hidden_names_need_a_permission() {
    let server = Server::builder()
        .user(
            User::new("plain").permissions(&["read", "write", "delete", "rename", "mkdir", "list"]),
        )
        .file(".secret", "x")
        .file("seen", "x")
        .start();
    let mut wire = server.login_as("plain");
    assert_eq!(wire.list("NLST -a").iter().filter(|name| name.contains("secret")).count(), 0);
    wire.ask("SIZE .secret", 550);
    for command in ["RETR .secret", "STOR .new"] {
        let data = wire.open();
        wire.ask_any(command, &[550, 553]);
        drop(data);
    }
    wire.ask_any("DELE .secret", &[550, 553]);
    wire.ask_any("MKD .d", &[550, 553]);
    wire.ask("RNFR seen", 350);
    wire.ask_any("RNTO .seen", &[550, 553]);
    assert_eq!(server.login().fetch(".secret"), b"x");
}

/// A disabled account, or one whose time is over.
#[test]
fn accounts_end() {
    let server = Server::builder()
        .user(User::new("disabled").set("disabled", true))
        .user(User::new("expired").set("expires", "2020-01-01"))
        .user(User::new("lasting").set("expires", "2999-12-31"))
        .start();
    let mut wire = server.connect();
    assert!(refused(&mut wire, "disabled").contains("disabled"));
    assert!(refused(&mut wire, "expired").contains("expired"));
    wire.login("lasting");
    let mut wire = server.connect();
    wire.ask("USER disabled", 331);
    assert!(!wire.ask("PASS wrong", 530).text().contains("disabled"));
}

/// `protocols`: a user for FTPS alone does not get in in clear.
#[test]
fn protocols_are_chosen_by_user() {
    let server = Server::builder().user(User::new("secure").set("protocols", ["ftps"])).start();
    assert!(refused(&mut server.connect(), "secure").contains("ftp"));
    let mut wire = server.connect();
    wire.auth_tls(&server.tls());
    wire.login("secure");
}

/// `networks`: where a user may come from.
#[test]
fn networks_are_chosen_by_user() {
    let server =
        Server::builder().user(User::new("near").set("networks", ["127.200.0.0/16"])).start();
    refused(&mut server.connect(), "near");
    let mut wire = Wire::connect_from([127, 200, 5, 1], server.ftp());
    wire.expect(220);
    wire.login("near");
}

/// `message` is shown at the login.
#[test]
fn a_message_is_shown() {
    let server =
        Server::builder().user(User::new("bob").set("message", "the quota is small")).start();
    let mut wire = server.connect();
    wire.ask("USER bob", 331);
    assert!(wire.ask(format!("PASS {PASSWORD}"), 230).text().contains("the quota is small"));
}

/// Each kind of password hash that is read lets its user in, and nobody else.
#[test]
fn every_kind_of_hash_is_read() {
    let server = HASHES
        .iter()
        .fold(Server::builder(), |builder, (name, hash)| {
            builder.user(User::new(name).set("password", *hash))
        })
        .start();
    for (name, _) in HASHES {
        let mut wire = server.connect();
        wire.ask(format!("USER {name}"), 331);
        wire.ask("PASS wrong", 530);
        wire.login(name);
        // And again, from the cache of verified passwords.
        server.login_as(name);
    }
}

/// Of "swordfish", made by other programs.
const HASHES: &[(&str, &str)] = &[
    (
        "argon2id",
        "$argon2id$v=19$m=1024,t=1,p=1$FPHQ4NbYxwARyhRtb+QdkA$fxxO2D1/SJcaCi0CbHKjcL4PBTYrEPofiU/F/XZBVtQ",
    ),
    ("bcrypt", "$2b$04$fakGopLjNBsSuaQfHWzJ4.mSUN56mU.cVM6Ox4cL0AsmS0O2LFU3C"),
    ("sha256-crypt", "$5$rounds=1000$flotillatests$DVcjZ.HWLQSTyqFzEHKIfVV8BmdJF.cgT7ykdOBtSUB"),
    (
        "sha512-crypt",
        "$6$rounds=1000$flotillatests$qFuXmhtvBM2XCwFCJED6CXhxFm38E7Xz6KcsKktxkC8xgw3zDrN899DcvDIc4RtoNNPKVDBbLS6Lb4Q7.uRYt.",
    ),
    ("yescrypt", "$y$j75$fl0tillatest$8tTCx.neH2rMHJIRmMM/9PCvnpdzP5ednkQH4q1bnG1"),
    (
        "pbkdf2-sha256",
        "$pbkdf2-sha256$1000$2jsnBGBMifF.LwVg7L1Xyg$lFf13yG0lzRgigHXBpTjwG078fsG3IjUGQPH3sNO3U8",
    ),
    (
        "pbkdf2-sha512",
        "$pbkdf2-sha512$1000$aY3RGsO4995ba43R2vsfgw$lwZEnczCZa19Ef6ZV2JWs/hZ/xOpY3biZYiQIUtkR9cxz8c79eMcvN.bc68YHIoBrDtRGe5i3L.d8Xf3A60YDw",
    ),
];
