//! Certificates by SNI and HOST (RFC 7151, 3.4), and their reload while the server runs.

use flotilla_tests::{Folder, Server, Wire, wait};
use rustls::pki_types::CertificateDer;

/// A server with `ftp.example.org` and `*.example.net` beside its own name.
fn start() -> Server {
    Server::builder()
        .configure(|config, folder, authority| {
            for (name, file) in [("ftp.example.org", "org"), ("*.example.net", "net")] {
                let (certificate, key) = authority.issue(&[name]).write(folder, file);
                config.host([
                    ("name", name.into()),
                    ("certificate", certificate.as_path().into()),
                    ("key", key.as_path().into()),
                ]);
            }
        })
        .start()
}

fn shown(wire: &mut Wire) -> CertificateDer<'static> {
    wire.stream().certificate().expect("a certificate")
}

/// The name that the client asks for by SNI has its own certificate, a wildcard included.
#[test]
fn sni_chooses_the_certificate() {
    let server = start();
    for name in ["ftp.example.org", "files.example.net", "localhost"] {
        let mut wire = server.connect();
        wire.auth_tls(&server.tls().named(name));
        wire.login("alice");
    }
    let mut wire = Wire::connect_tls(server.ftps(), &server.tls().named("ftp.example.org"));
    wire.expect(220);
}

/// A name that is not served gets the server's own certificate.
#[test]
fn an_unknown_name_gets_the_servers_own() {
    let server = start();
    let mut wire = server.connect();
    wire.ask("AUTH TLS", 234);
    let refused = wire.secure(&server.tls().named("ftp.example.com"));
    assert!(refused.is_err(), "the server's own certificate is not for this name");
}

/// HOST before AUTH chooses as well, for clients that send no SNI.
#[test]
fn host_chooses_the_certificate() {
    let server = start();
    let mut own = server.connect();
    own.auth_tls(&server.tls());
    let own = shown(&mut own);

    let mut wire = server.connect();
    wire.ask("HOST ftp.example.org", 220);
    wire.ask("AUTH TLS", 234);
    // Without SNI the client expects the address; only the certificate that came is of interest.
    match wire.secure(&server.tls()) {
        Err(error) => assert!(error.to_string().contains("not valid for name"), "{error}"),
        Ok(()) => assert_ne!(shown(&mut wire), own),
    }
}

/// RFC 7151, 3.4: HOST under TLS must not contradict the name of the handshake.
#[test]
fn host_must_fit_the_handshake() {
    let server = start();
    let mut wire = server.connect();
    wire.auth_tls(&server.tls().named("ftp.example.org"));
    wire.ask_any("HOST files.example.net", &[503, 504]);
    wire.ask("HOST ftp.example.org", 220);
    wire.login("alice");
}

/// HUP reads certificates again: new connections see the new one, old sessions go on.
#[test]
fn certificates_are_reloaded() {
    let server = Server::start();
    let mut old = server.login_tls(&server.tls());
    let before = shown(&mut old);
    replace(&server, "server");
    server.signal(rustix::process::Signal::HUP);
    wait::until("the new certificate", || {
        let mut wire = server.connect();
        wire.auth_tls(&server.tls());
        (shown(&mut wire) != before).then_some(())
    });
    old.ask("NOOP", 200);
    old.list("LIST");
}

/// A certificate that can not be used keeps the old one in place.
#[test]
fn a_bad_certificate_keeps_the_old_one() {
    let server = Server::start();
    let before = {
        let mut wire = server.connect();
        wire.auth_tls(&server.tls());
        shown(&mut wire)
    };
    server.folder().write("server.pem", "no certificate at all");
    server.signal(rustix::process::Signal::HUP);
    wait::until("the complaint in the log", || server.log().contains("server.pem").then_some(()));
    let mut wire = server.connect();
    wire.auth_tls(&server.tls());
    assert_eq!(shown(&mut wire), before);
}

fn replace(server: &Server, name: &str) {
    let address = server.address().to_string();
    let staging = Folder::new();
    let (certificate, key) =
        server.authority().issue(&[&address, "localhost"]).write(&staging, name);
    std::fs::copy(certificate, server.folder().join(format!("{name}.pem"))).unwrap();
    std::fs::copy(key, server.folder().join(format!("{name}.key"))).unwrap();
}
