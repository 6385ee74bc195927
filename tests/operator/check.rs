//! `flotilla check`: everything that is wrong, each with file, line, key and the nearest name; exit
//! code 2.

use flotilla_tests::program::flotilla;
use flotilla_tests::{Folder, Program, Server, skipped};

/// Runs `check` on this text and returns what it complains of; the text stands from line 1 on.
#[track_caller]
fn complaints(text: &str) -> Vec<String> {
    let folder = Folder::new();
    let file = folder.write("wrong.toml", text);
    let said =
        Program::flotilla().args(["check", "--config"]).arg(&file).within(folder.path()).exit(2);
    assert!(said.stdout.is_empty(), "{said}");
    said.stderr.lines().map(str::to_owned).collect()
}

/// One complaint that has all of these.
#[track_caller]
fn assert_one(lines: &[String], parts: &[&str]) {
    assert!(
        lines.iter().any(|line| parts.iter().all(|part| line.contains(part))),
        "no line has {parts:?}: {lines:#?}"
    );
}

/// What is fine is said to be so, with exit code 0.
#[test]
fn a_good_configuration_is_fine() {
    Server::builder().verb(&["check"]).succeed();
}

/// An unknown key has its place and the nearest valid name.
#[test]
fn an_unknown_key_is_named() {
    let lines = complaints("[ftp]\nlisten = [\"127.0.0.1:0\"]\nbaner = \"hello\"\n");
    assert_one(&lines, &["wrong.toml:3", "ftp.baner", "ftp.banner"]);
    let lines = complaints("[ftp.passive]\nport = \"1-2\"\n");
    assert_one(&lines, &["wrong.toml:2", "ftp.passive.port", "ftp.passive.ports"]);
    let lines = complaints("[timeout]\nidle = \"5m\"\n");
    assert_one(&lines, &["wrong.toml", "timeouts"]);
}

/// A value of the wrong kind is told with what is expected and what was written.
#[test]
fn a_wrong_value_is_named() {
    for (text, parts) in [
        ("[ftp]\ntls = \"maybe\"\n", ["wrong.toml:2", "ftp.tls", "maybe"]),
        ("[timeouts]\n\nidle = \"soon\"\n", ["wrong.toml:3", "timeouts.idle", "soon"]),
        ("[ftp]\nlisten = [\"nowhere\"]\n", ["wrong.toml:2", "ftp.listen", "nowhere"]),
        ("[ftp.passive]\nports = \"9-1\"\n", ["wrong.toml:2", "ftp.passive.ports", "9-1"]),
        ("[storage]\numask = \"999\"\n", ["wrong.toml:2", "storage.umask", "999"]),
        ("[limits]\nsessions = -1\n", ["wrong.toml:2", "limits.sessions", "-1"]),
        ("[ssh]\nciphers = [\"3des-cbc\"]\n", ["wrong.toml:2", "ssh.ciphers", "3des-cbc"]),
        ("[ssh]\nkex = [\"curve25519\"]\n", ["wrong.toml:2", "ssh.kex", "curve25519"]),
        ("[tls]\nmin_version = \"1.1\"\n", ["wrong.toml:2", "tls.min_version", "1.1"]),
    ] {
        assert_one(&complaints(text), &parts);
    }
}

/// All mistakes are told at once.
#[test]
fn all_mistakes_are_told_at_once() {
    let lines =
        complaints("[ftp]\ntls = \"maybe\"\nbaner = \"x\"\n[limits]\nsessions = \"many\"\n");
    assert_one(&lines, &["wrong.toml:2", "ftp.tls"]);
    assert_one(&lines, &["wrong.toml:3", "ftp.banner"]);
    assert_one(&lines, &["wrong.toml:5", "limits.sessions"]);
}

/// What is no TOML is told with its line.
#[test]
fn a_broken_file_is_told_with_its_line() {
    assert_one(&complaints("[ftp]\n\nlisten = [\n"), &["wrong.toml:"]);
    assert_one(&complaints("[ftp\n"), &["wrong.toml:1"]);
}

/// Settings that contradict each other.
#[test]
fn contradictions_are_told() {
    assert_one(&complaints("[tls]\ncertificate = \"a.pem\"\n"), &["tls.certificate", "tls.key"]);
    assert_one(&complaints("[ftp]\nlisten = []\n[ssh]\nlisten = []\n"), &["ftp.listen"]);
}

/// A file that is not there.
#[test]
fn a_missing_file_is_told() {
    let said =
        Program::flotilla().args(["check", "--config", "/nonexistent/flotilla.toml"]).exit(2);
    assert!(said.stderr.contains("/nonexistent/flotilla.toml"), "{said}");
    let lines = complaints("[tls]\ncertificate = \"none.pem\"\nkey = \"none.key\"\n");
    assert_one(&lines, &["wrong.toml:2", "tls.certificate", "none.pem"]);
}

/// The environment and flags are checked as files are, and named.
#[test]
fn environment_and_flags_are_checked() {
    let builder = Server::builder();
    let said = builder.verb(&["check"]).env("FLOTILLA_FTP__TLS", "maybe").exit(2);
    assert!(said.stderr.contains("FLOTILLA_FTP__TLS"), "{said}");
    let said = builder.verb(&["check"]).env("FLOTILLA_FTP__BANER", "x").exit(2);
    assert!(said.stderr.contains("FLOTILLA_FTP__BANER"), "{said}");
    let said = builder.verb(&["check", "--set", "ftp.tls=maybe"]).exit(2);
    assert!(said.stderr.contains("ftp.tls") && said.stderr.contains("maybe"), "{said}");
}

/// `serve` refuses what `check` refuses, with the same code.
#[test]
fn serve_refuses_what_check_refuses() {
    let said = Server::builder().set("ftp.baner", "x").verb(&["serve"]).exit(2);
    assert!(said.stderr.contains("ftp.banner"), "{said}");
}

/// Unknown verbs and flags are usage errors.
#[test]
fn usage_errors_are_two() {
    Program::flotilla().args(["frobnicate"]).exit(2);
    Program::flotilla().args(["serve", "--frobnicate"]).exit(2);
    assert!(Program::flotilla().arg("--help").succeed().stdout.contains("serve"));
    assert!(Program::flotilla().arg("--version").succeed().stdout.starts_with("flotilla "));
}

/// Passive ports that outgoing connections of the machine may take are no error; the note says how to
/// reserve them, and is gone when they are.
#[test]
fn passive_ports_of_the_kernel_are_noted() {
    let check = |ports: &str, reserved: &str| {
        let mut unshare = vec!["--net", "--mount"];
        if !rustix::process::geteuid().is_root() {
            unshare.extend(["--user", "--map-root-user"]);
        }
        // /sys and /proc/sys of a new network namespace are its own.
        let script = "echo 32768 60999 > /proc/sys/net/ipv4/ip_local_port_range && \
                      echo \"$1\" > /proc/sys/net/ipv4/ip_local_reserved_ports || exit 77; shift; \"$@\"";
        let builder = Server::builder().set("ftp.passive.ports", ports);
        builder.write();
        let said = Program::new("unshare")
            .args(unshare)
            .args(["sh", "-c", script, "sh", reserved])
            .arg(flotilla())
            .args(["check", "--config"])
            .arg(builder.config_file())
            .run();
        if said.code == Some(77) || said.stderr.contains("unshare") {
            skipped("ports of the kernel: this user may make no network namespace");
            return None;
        }
        assert_eq!(said.code, Some(0), "{said}");
        Some(said.stderr)
    };
    let Some(said) = check("60000-61999", "8080") else { return };
    let command = "sysctl -w net.ipv4.ip_local_reserved_ports=8080,60000-61999";
    assert!(said.contains("note") && said.contains(command), "{said}");
    assert_eq!(check("60000-61999", "8080,60000-61999").as_deref(), Some(""));
    assert_eq!(check("61000-61999", "").as_deref(), Some(""));
}
