//! Logins by password, what limits them, and what they show.

use std::io::Read;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use flotilla_tests::{PASSWORD, Program, Server, Sftp, Ssh, User, Wire, data, wait};

/// One of `limits.ban_after` failures.
fn fail_from(server: &Server, source: Ipv4Addr) {
    Ssh::new(server).set("BindAddress", source).password("wrong").sftp("pwd\n").exit(255);
}

/// Password, and the one question of keyboard-interactive.
#[test]
fn passwords_let_in() {
    let server = Server::start_ssh();
    for method in ["password", "keyboard-interactive"] {
        let ssh = Ssh::new(&server).set("PreferredAuthentications", method);
        let said = ssh.sftp("pwd\n").succeed();
        assert!(said.stdout.contains("Remote working directory: /"), "{said}");
        let line = wait::until("the login in the log", || {
            let log = server.log();
            let fits = |line: &&str| {
                line.contains("logged in") && line.ends_with(&format!("method={method}"))
            };
            log.lines().find(fits).map(str::to_owned)
        });
        for field in ["session=", "user=alice", "client=127.0.0.1", "protocol=ssh"] {
            assert!(line.contains(field), "{field} is missing: {line}");
        }
    }
}

/// A wrong password does not, and an unknown user looks just like one.
#[test]
fn unknown_users_look_like_wrong_passwords() {
    let server = Server::builder().ssh().set("limits.ban_after", 0).start();
    let say = |user: &str, password: &str| {
        let said = Ssh::new(&server).user(user).password(password).sftp("pwd\n").exit(255);
        said.stderr
            .lines()
            .filter(|line| !line.contains("known hosts"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let known = say("alice", "wrong");
    assert!(
        known.contains("Permission denied (publickey,password,keyboard-interactive)"),
        "{known}"
    );
    assert_eq!(known, say("nobody", "wrong").replace("nobody", "alice"));
    assert_eq!(known, say("nobody", PASSWORD).replace("nobody", "alice"));
    assert_eq!(known, say("alice", "").replace("nobody", "alice"));
}

/// `limits.login_attempts` failures end the connection, and say so.
#[test]
fn attempts_are_limited() {
    let server = Server::builder().ssh().set("limits.login_attempts", 2).start();
    let ssh = Ssh::new(&server).password("wrong").set("NumberOfPasswordPrompts", 10);
    let said = ssh.sftp("pwd\n").exit(255);
    assert!(said.stderr.contains("limits.login_attempts"), "{said}");
    wait::until("both refusals in the log", || {
        let log = server.log();
        (log.lines().filter(|line| line.contains("login refused")).count() == 2).then_some(())
    });
}

/// An address that guesses over SSH is banned from FTP too, and the other way round.
#[test]
fn bans_hold_for_all_protocols() {
    let server = Server::builder().ssh().set("limits.ban_after", 3).start();
    let (here, there) = (Ipv4Addr::new(127, 203, 1, 1), Ipv4Addr::new(127, 203, 1, 2));
    for _ in 0..3 {
        fail_from(&server, here);
    }
    wait::until("the ban from FTP", || {
        let mut wire = Wire::connect_from(here, server.ftp());
        (!wire.try_reply().is_ok_and(|reply| reply.code == 220)).then_some(())
    });
    for _ in 0..3 {
        let mut wire = Wire::connect_from(there, server.ftp());
        wire.expect(220);
        wire.ask("USER alice", 331);
        wire.send("PASS wrong");
        let _ = wire.try_reply();
    }
    for source in [here, there] {
        let said = Ssh::new(&server).set("BindAddress", source).sftp("pwd\n").exit(255);
        assert!(!said.stdout.contains("Remote working directory"), "{said}");
    }
    Ssh::new(&server).sftp("pwd\n").succeed();
}

/// A user whose `protocols` leave SSH out has no way in; nor has one who is disabled, late or away.
#[test]
fn users_have_conditions() {
    let server = Server::builder()
        .ssh()
        .set("limits.ban_after", 0)
        .user(User::new("ftponly").set("protocols", ["ftp", "ftps"]))
        .user(User::new("disabled").set("disabled", true))
        .user(User::new("elsewhere").set("networks", ["192.0.2.0/24"]))
        .user(User::new("sshonly").set("protocols", ["ssh"]))
        .start();
    for user in ["ftponly", "disabled", "elsewhere"] {
        let said = Ssh::new(&server).user(user).sftp("pwd\n").exit(255);
        assert!(!said.stdout.contains("Remote working directory"), "{said}");
    }
    Ssh::new(&server).user("sshonly").sftp("pwd\n").succeed();
    let mut wire = server.connect();
    wire.ask("USER sshonly", 331);
    wire.ask(format!("PASS {PASSWORD}"), 530);
}

/// Who does not log in within `timeouts.login` has to go: before a word, after the identification,
/// and in the midst of the exchange of keys.
#[test]
fn logins_have_a_deadline() {
    let server = Server::builder().ssh().set("timeouts.login", "1s").start();
    for words in [&b""[..], b"SSH-2.0-late\r\n", b"SSH-2.0-late\r\n\0\0\0\x2c\x06\x14"] {
        let begun = Instant::now();
        let mut tcp = data::dial(None, server.ssh()).unwrap();
        std::io::Write::write_all(&mut tcp, words).unwrap();
        let mut said = Vec::new();
        let _ = tcp.read_to_end(&mut said);
        assert!(said.starts_with(b"SSH-2.0-"), "{}", said.escape_ascii());
        let took = begun.elapsed();
        assert!(took >= Duration::from_millis(900) && took < Duration::from_secs(10), "{took:?}");
    }
    Ssh::new(&server).sftp("pwd\n").succeed();
}

/// Who is logged in is not hurried.
#[test]
fn the_deadline_ends_with_the_login() {
    let server = Server::builder().ssh().set("timeouts.login", "2s").start();
    let mut sftp = Sftp::open(&Ssh::new(&server));
    let mut late = data::dial(None, server.ssh()).unwrap();
    let mut said = Vec::new();
    let _ = late.read_to_end(&mut said);
    assert_eq!(sftp.size("/missing"), None);
}

/// Limits of sessions name their key, and places are given back.
#[test]
fn limits_name_their_key() {
    for key in ["limits.per_user", "limits.sessions", "limits.per_address"] {
        let server = Server::builder().ssh().set(key, 1).start();
        let ssh = Ssh::new(&server);
        let held = Sftp::open(&ssh);
        // Who has no other try left gives up at the refusal, before the reason comes.
        let said = Ssh::new(&server).set("NumberOfPasswordPrompts", 3).sftp("pwd\n").exit(255);
        assert!(said.stderr.contains(key), "{said}");
        // FTP has a part in them.
        let mut wire = server.connect();
        wire.ask("USER alice", 331);
        let reply = wire.ask_any(format!("PASS {PASSWORD}"), &[421, 530]);
        assert!(reply.text().contains(key), "{reply:?}");
        assert_eq!(held.end(), Some(0));
        wait::until("a free place", || {
            (Ssh::new(&server).sftp("pwd\n").run().code == Some(0)).then_some(())
        });
    }
}

/// The keys of the host are made once: clients that know them are content after a reload and after a
/// restart.
#[test]
fn host_keys_stay() {
    let mut server = Server::builder().ssh().unset("ssh.host_keys").start();
    let keys = |server: &Server| {
        let (address, port) = (server.ssh().ip().to_string(), server.ssh().port().to_string());
        let said = Program::new("ssh-keyscan").args(["-T", "20", "-p", &port, &address]).succeed();
        let mut keys: Vec<String> = said
            .stdout
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split_once(' ').unwrap().1.to_owned())
            .collect();
        keys.sort();
        keys
    };
    let first = keys(&server);
    assert!(first.iter().any(|key| key.starts_with("ssh-ed25519 ")), "{first:?}");
    server.config().set("ssh.banner", "after the reload");
    server.reload();
    wait::until("the reload", || {
        let said = Ssh::new(&server).sftp("pwd\n").succeed();
        said.stderr.contains("after the reload").then_some(())
    });
    assert_eq!(keys(&server), first);
    server.restart();
    assert_eq!(keys(&server), first);
}

/// Every user sees a home of their own as `/`.
#[test]
fn users_are_apart() {
    let server = Server::builder()
        .ssh()
        .user(User::new("alice").unset("home"))
        .user(User::new("bob").unset("home"))
        .start();
    for name in ["alice", "bob"] {
        let ssh = Ssh::new(&server).user(name);
        ssh.folder().write("mine", format!("of {name}"));
        ssh.sftp("put mine same\ncd ..\npwd\nget same back\n").succeed();
        assert_eq!(std::fs::read_to_string(ssh.join("back")).unwrap(), format!("of {name}"));
        assert_eq!(
            std::fs::read_to_string(server.file(format!("{name}/same"))).unwrap(),
            format!("of {name}")
        );
        let other = if name == "alice" { "bob" } else { "alice" };
        ssh.sftp(&format!("ls /{other}\n")).exit(1);
        ssh.sftp(&format!("get ../{other}/same no\n")).exit(1);
    }
}

/// HUP takes a new password; who is logged in stays so.
#[test]
fn a_reload_changes_passwords_and_limits() {
    let mut server = Server::builder().ssh().set("limits.ban_after", 0).start();
    let mut old = Sftp::open(&Ssh::new(&server));
    // "correct horse", by the same scheme as the password of all others.
    let said = Program::new("openssl")
        .args(["passwd", "-6", "-salt", "another", "correct horse"])
        .succeed();
    server.users().push(User::new("alice").set("password", said.stdout.trim()));
    server.users().remove(0);
    server.reload();
    wait::until("the new password", || {
        let ssh = Ssh::new(&server).password("correct horse");
        (ssh.sftp("pwd\n").run().code == Some(0)).then_some(())
    });
    Ssh::new(&server).sftp("pwd\n").exit(255);
    assert_eq!(old.size("/missing"), None);
    server.config().set("limits.per_user", 1);
    server.reload();
    wait::until("the new limit", || {
        let ssh = Ssh::new(&server).password("correct horse").set("NumberOfPasswordPrompts", 3);
        let said = ssh.sftp("pwd\n").run();
        said.stderr.contains("limits.per_user").then_some(())
    });
    assert_eq!(old.size("/missing"), None);
}
