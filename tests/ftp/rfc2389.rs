//! RFC 2389, feature negotiation: FEAT and OPTS.

use flotilla_tests::{Server, Wire};

fn features(wire: &mut Wire) -> Vec<String> {
    wire.ask("FEAT", 211).middle()
}

/// 3.2: `211-`, then one line per feature that begins with one space, then `211 End`.
#[test]
fn features_have_the_form_of_the_rfc() {
    let server = Server::start();
    let mut wire = server.connect();
    let reply = wire.ask("FEAT", 211);
    let count = reply.lines.len();
    assert!(count > 5);
    assert!(reply.lines[0].starts_with(b"211-"));
    assert!(reply.lines[count - 1].starts_with(b"211 "));
    for line in &reply.lines[1..count - 1] {
        assert!(line.starts_with(b" ") && !line.starts_with(b"  "), "{}", line.escape_ascii());
    }
}

/// 3.2: everything beyond RFC 959 that works is told.
#[test]
fn every_extension_is_told() {
    let server = Server::start();
    let found = features(&mut server.connect());
    for name in [
        "AUTH TLS",
        "AVBL",
        "CLNT",
        "EPRT",
        "EPSV",
        "HASH ",
        "HOST",
        "LANG ",
        "MDTM",
        "MFF ",
        "MFMT",
        "MLST ",
        "PBSZ",
        "PROT",
        "RANG STREAM",
        "REST STREAM",
        "SIZE",
        "TVFS",
        "UTF8",
    ] {
        assert!(found.iter().any(|line| line.starts_with(name)), "{name} is not in {found:?}");
    }
    let hash = found.iter().find(|line| line.starts_with("HASH ")).unwrap();
    for name in ["SHA-256*", "SHA-512", "SHA-1", "MD5", "CRC32"] {
        assert!(hash.contains(name), "{name} is not in {hash}");
    }
}

/// 3.2: and nothing that does not work: no feature's command is unknown.
#[test]
fn what_is_told_works() {
    let server = Server::start();
    let mut wire = server.login();
    for line in features(&mut wire) {
        let verb = line.split(' ').next().unwrap_or_default().to_owned();
        if matches!(verb.as_str(), "TVFS" | "UTF8" | "MLST" | "AUTH") {
            continue;
        }
        let reply = {
            wire.send(&verb);
            wire.reply()
        };
        assert!(!matches!(reply.code, 500 | 502), "{verb}: {reply:?}");
    }
}

/// Without TLS nothing of RFC 4217 is told, and it is refused.
#[test]
fn tls_that_is_off_is_not_told() {
    let server = Server::builder()
        .set("ftp.tls", "off")
        .set("ftp.implicit_tls", Vec::<String>::new())
        .start();
    let mut wire = server.connect();
    let found = features(&mut wire);
    for name in ["AUTH", "PBSZ", "PROT"] {
        assert!(!found.iter().any(|line| line.starts_with(name)), "{name} is in {found:?}");
    }
    wire.ask_any("AUTH TLS", &[500, 502, 504, 534]);
}

/// 4: options of a feature that has none, or of no feature, are 501.
#[test]
fn options_of_nothing_are_refused() {
    let server = Server::start();
    let mut wire = server.login();
    wire.ask("OPTS NOSUCH x", 501);
    wire.ask("OPTS SIZE x", 501);
    wire.ask("OPTS", 501);
}

/// RFC 2640 clients ask for UTF-8, which is on anyway.
#[test]
fn utf8_is_on() {
    let server = Server::start();
    let mut wire = server.login();
    wire.ask("OPTS UTF8 ON", 200);
    wire.ask("opts utf8 on", 200);
    wire.ask("MKD grüße", 257);
    assert!(server.file("grüße").is_dir());
}
