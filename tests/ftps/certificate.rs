//! Client certificates as a second or as the only factor (RFC 4217, 5), by user.

use flotilla_tests::{Authority, Identity, PASSWORD, Server, TlsClient, User, Wire};

struct House {
    server: Server,
    authority: Authority,
}

fn start() -> House {
    let authority = Authority::new("client authority");
    let pem = authority.pem().to_owned();
    let server = Server::builder()
        .configure(|config, folder, _| {
            let path = folder.write("clients.pem", pem);
            config.set("tls.client_ca", path.as_path());
        })
        .user(User::new("second").set("certificate", "required"))
        .user(User::new("only").set("certificate", "sufficient"))
        .file("a", "content")
        .start();
    House { server, authority }
}

impl House {
    fn connect(&self, identity: Option<&Identity>) -> Wire {
        let mut wire = self.server.connect();
        wire.auth_tls(&self.client(identity));
        wire
    }

    fn client(&self, identity: Option<&Identity>) -> TlsClient {
        match identity {
            None => self.server.tls(),
            Some(identity) => self.server.tls().identified(identity),
        }
    }
}

/// A certificate that suffices makes the password superfluous: USER is 232, or PASS of anything is
/// fine.
#[test]
fn a_certificate_can_suffice() {
    let house = start();
    let identity = house.authority.issue(&["only"]);
    let mut wire = house.connect(Some(&identity));
    wire.ask("USER only", 232);
    wire.ask("PWD", 257);
    wire.protect();
    wire.ask("TYPE I", 200);
    assert_eq!(wire.fetch("a"), b"content");
}

/// Clients that send PASS in any case are not disturbed by it.
#[test]
fn a_password_after_a_sufficient_certificate_does_no_harm() {
    let house = start();
    let identity = house.authority.issue(&["only"]);
    let mut wire = house.connect(Some(&identity));
    wire.ask("USER only", 232);
    wire.ask_any("PASS anything", &[202, 230, 503]);
    wire.ask("PWD", 257);
}

/// Without the certificate, the user has the password.
#[test]
fn without_a_certificate_there_is_the_password() {
    let house = start();
    let mut wire = house.connect(None);
    wire.login("only");
}

/// A certificate for somebody else does not suffice.
#[test]
fn a_certificate_of_another_does_not_suffice() {
    let house = start();
    let identity = house.authority.issue(&["somebody"]);
    let mut wire = house.connect(Some(&identity));
    wire.ask("USER only", 331);
    wire.ask("PASS wrong", 530);
    wire.ask("PWD", 530);
}

/// Where it is required, the password alone is not enough, nor is the certificate.
#[test]
fn both_factors_can_be_required() {
    let house = start();
    let identity = house.authority.issue(&["second"]);
    let mut wire = house.connect(None);
    wire.ask("USER second", 331);
    wire.ask(format!("PASS {PASSWORD}"), 530);

    let mut wire = house.connect(Some(&identity));
    wire.ask("USER second", 331);
    wire.ask("PASS wrong", 530);

    let mut wire = house.connect(Some(&identity));
    wire.login("second");

    let mut wire = house.server.connect();
    wire.ask("USER second", 331);
    wire.ask(format!("PASS {PASSWORD}"), 530);
}

/// A certificate of an authority that is not ours ends the handshake.
#[test]
fn a_foreign_certificate_is_refused() {
    let house = start();
    let identity = Authority::new("somebody's authority").issue(&["only"]);
    let mut wire = house.server.connect();
    wire.ask("AUTH TLS", 234);
    let shaken = wire.secure(&house.client(Some(&identity)));
    // Under TLS 1.3 the client learns of it with its first read.
    if shaken.is_ok() {
        let _ = wire.try_send_raw(b"USER only\r\n");
        assert!(wire.try_reply().is_err(), "{wire}");
    }
}

/// Users without a rule log in with their password, certificate or not.
#[test]
fn users_without_a_rule_are_not_disturbed() {
    let house = start();
    let identity = house.authority.issue(&["alice"]);
    house.connect(Some(&identity)).login("alice");
    house.connect(None).login("alice");
}
