//! RFC 2640, internationalization: LANG and names in UTF-8; and CLNT, which clients send with it.

use flotilla_tests::Server;

/// 4.1: LANG without an argument goes back to the default, `en` is spoken, others are 504.
#[test]
fn english_is_spoken() {
    let server = Server::start();
    let mut wire = server.connect();
    wire.ask("LANG", 200);
    wire.ask("LANG en", 200);
    wire.ask("LANG tlh", 504);
}

/// 2.2: names are UTF-8 in both directions.
#[test]
fn names_are_utf8() {
    let server = Server::start();
    let mut wire = server.login();
    for name in ["naïve", "日本語 テスト", "🚢", "e\u{301} and é"] {
        wire.store(name, name.as_bytes());
        assert_eq!(std::fs::read(server.file(name)).unwrap(), name.as_bytes());
        assert!(wire.list("NLST").iter().any(|line| line == name), "{name}");
        wire.ask(format!("DELE {name}"), 250);
    }
}

/// CLNT tells who the client is; it is taken.
#[test]
fn a_client_may_tell_its_name() {
    let server = Server::start();
    server.connect().ask("CLNT test suite 1.0", 200);
}
