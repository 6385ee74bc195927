//! RFC 7151: HOST, virtual hosts by name.

use flotilla_tests::{Server, User};

fn start() -> Server {
    let builder = Server::builder();
    let other = builder.folder().write("other/only-here", "other").parent().unwrap().to_owned();
    builder
        .configure(|config, _, _| {
            config.host([
                ("name", "ftp.example.org".into()),
                ("banner", "the other house".into()),
                ("root", other.as_path().into()),
            ]);
        })
        .file("only-there", "main")
        .user(User::new("alice"))
        .start()
}

/// 3.1: HOST before USER selects a host (220) and its files.
#[test]
fn a_host_is_chosen_by_name() {
    let server = start();
    let mut wire = server.connect();
    assert!(wire.ask("HOST ftp.example.org", 220).text().contains("the other house"));
    wire.login("alice");
    assert_eq!(wire.list("NLST"), ["only-here"]);
    let mut plain = server.login();
    assert_eq!(plain.list("NLST"), ["only-there"]);
}

/// 3.1: names are the same in upper and lower case.
#[test]
fn the_name_has_no_case() {
    let server = start();
    server.connect().ask("HOST FTP.Example.ORG", 220);
}

/// 3.2: a name that is not served is 504.
#[test]
fn an_unknown_host_is_refused() {
    let server = start();
    let mut wire = server.connect();
    wire.ask("HOST ftp.example.net", 504);
    wire.login("alice");
}

/// 3.1: a missing or malformed name is 501.
#[test]
fn a_malformed_host_is_refused() {
    let server = start();
    let mut wire = server.connect();
    wire.ask("HOST", 501);
    wire.ask_any("HOST [::1", &[501, 504]);
    wire.ask_any("HOST ftp.example.org:21", &[501, 504]);
}

/// 3.1: after the login HOST is out of sequence.
#[test]
fn the_host_is_chosen_before_the_login() {
    let server = start();
    server.login().ask("HOST ftp.example.org", 503);
}

/// 3.1: REIN forgets the host.
#[test]
fn reinitialisation_forgets_the_host() {
    let server = start();
    let mut wire = server.connect();
    wire.ask("HOST ftp.example.org", 220);
    wire.login("alice");
    wire.ask("REIN", 220);
    wire.login("alice");
    assert_eq!(wire.list("NLST"), ["only-there"]);
}
