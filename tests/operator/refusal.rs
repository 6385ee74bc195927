//! What keeps a server from starting: a clear message that names the culprit, and the right exit
//! code.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use flotilla_tests::server::Builder;
use flotilla_tests::{Program, Server, program};

/// An address that is taken: exit code 3.
#[test]
fn a_taken_address_is_three() {
    let builder = Server::builder();
    let taken = TcpListener::bind((builder.address(), 0)).unwrap().local_addr().unwrap();
    let _held = TcpListener::bind(taken).unwrap();
    for key in ["ftp.listen", "ftp.implicit_tls"] {
        let said = Server::builder().set(key, vec![taken.to_string()]).verb(&["serve"]).exit(3);
        assert!(said.stderr.contains(&taken.to_string()), "{said}");
    }
    let said = Server::builder().set("health.listen", taken.to_string()).verb(&["serve"]).exit(3);
    assert!(said.stderr.contains(&taken.to_string()), "{said}");
}

/// An address that this machine has not.
#[test]
fn an_address_of_another_machine_is_three() {
    let said = Server::builder().set("ftp.listen", ["192.0.2.1:0"]).verb(&["serve"]).exit(3);
    assert!(said.stderr.contains("192.0.2.1"), "{said}");
}

/// A certificate that is none, a key that is none, and a key of another certificate: exit code 2.
#[test]
fn a_bad_certificate_is_two() {
    let refused = |change: fn(&Builder)| {
        let builder = Server::builder();
        change(&builder);
        let said = builder.verb(&["serve"]).exit(2);
        assert!(said.stderr.contains("server."), "{said}");
    };
    refused(|builder| {
        builder.folder().write("server.pem", "no certificate");
    });
    refused(|builder| {
        builder.folder().write("server.key", "no key");
    });
    refused(|builder| {
        let other = flotilla_tests::Authority::new("another").issue(&["localhost"]);
        let (_, key) = other.write(builder.folder(), "other");
        std::fs::rename(key, builder.folder().join("server.key")).unwrap();
    });
}

/// A root that is a file.
#[test]
fn a_root_that_is_no_folder_is_refused() {
    let builder = Server::builder();
    let file = builder.folder().write("file", "");
    let said = builder.set("storage.root", file.as_path()).verb(&["serve"]).exit(2);
    assert!(said.stderr.contains(&file.display().to_string()), "{said}");
}

/// A root, a users file or a key that this user may not read; a data folder that may not be
/// written.
#[test]
fn what_may_not_be_read_is_named() {
    for (name, mode, codes) in [
        ("files", 0o000, [2, 2]),
        ("users.toml", 0o000, [1, 2]),
        ("server.key", 0o000, [2, 2]),
        ("", 0o555, [1, 2]),
    ] {
        let builder = Server::builder();
        builder.write();
        let path = builder.folder().join(name);
        let said = serve_unprivileged(&builder, &path, mode).run();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        assert!(said.code.is_some_and(|code| codes.contains(&code)), "{name}: {said}");
        let shown = path.display().to_string();
        assert!(said.stderr.contains(shown.trim_end_matches('/')), "{name}: {said}");
        let reason = said.stderr.to_lowercase();
        let told = ["permission denied", "not readable", "not writable"];
        assert!(told.iter().any(|text| reason.contains(text)), "{name}: {said}");
    }
}

/// `serve` as a user whom modes concern: this one, or `nobody` where the tests run as root.
fn serve_unprivileged(builder: &Builder, path: &std::path::Path, mode: u32) -> Program {
    let closed = PermissionsExt::from_mode(mode);
    if !rustix::process::geteuid().is_root() {
        std::fs::set_permissions(path, closed).unwrap();
        return Program::flotilla().arg("serve").arg("--config").arg(builder.config_file());
    }
    // The binary lies where only root may look, perhaps. Another process copies it: what is open for
    // writing here is open in children that other tests start, and can not be executed meanwhile.
    let folder = builder.folder().path();
    Program::new("cp").arg(program::flotilla()).arg(folder.join("flotilla")).succeed();
    Program::new("chown").args(["--recursive", NOBODY]).arg(folder).succeed();
    std::fs::set_permissions(path, closed).unwrap();
    Program::new("setpriv")
        .args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups"])
        .arg(folder.join("flotilla"))
        .arg("serve")
        .arg("--config")
        .arg(builder.config_file())
}

/// A users file that is wrong is told with line and user.
#[test]
fn a_wrong_users_file_is_told() {
    let builder = Server::builder();
    builder.write();
    let text = "[[user]]\nname = \"bob\"\npasword = \"x\"\n";
    builder.folder().write("own-users.toml", text);
    let said = builder.set("users.file", "own-users.toml").verb(&["serve"]).exit(2);
    for part in ["own-users.toml:3", "pasword", "password", "bob"] {
        assert!(said.stderr.contains(part), "{part}: {said}");
    }
}

/// The user `nobody` of Debian and most others.
const NOBODY: &str = "65534";
