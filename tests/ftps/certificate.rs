//! Client certificates as a second or as the only factor (RFC 4217, 5), by user.

use std::time::{Duration, SystemTime};

use flotilla_tests::server::Builder;
use flotilla_tests::{Authority, Identity, PASSWORD, Server, TlsClient, User, Wire, wait};
use rustix::process::Signal;

struct House {
    server: Server,
    authority: Authority,
}

fn start() -> House {
    let authority = Authority::new("client authority");
    let server = prepare(&authority).start();
    House { server, authority }
}

fn prepare(authority: &Authority) -> Builder {
    Server::builder()
        .configure(|config, folder, _| {
            let path = folder.write("clients.pem", authority.pem());
            config.set("tls.client_ca", path.as_path());
        })
        .user(User::new("second").set("certificate", "required"))
        .user(User::new("only").set("certificate", "sufficient"))
        .file("a", "content")
}

/// As [`prepare`], with a list of revoked certificates.
fn prepare_revoking(authority: &Authority, list: &str) -> Builder {
    prepare(authority).configure(|config, folder, _| {
        let path = folder.write("clients.crl", list);
        config.set("tls.client_crl", vec![path.display().to_string()]);
    })
}

fn tomorrow() -> SystemTime {
    SystemTime::now() + Duration::from_secs(86_400)
}

fn yesterday() -> SystemTime {
    SystemTime::now() - Duration::from_secs(86_400)
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

    /// Whether the handshake with this certificate is ended by the server.
    fn refuses(&self, identity: &Identity) -> bool {
        [self.client(Some(identity)).tls12(), self.client(Some(identity)).tls13()].iter().all(
            |client| {
                let mut wire = self.server.connect();
                wire.ask("AUTH TLS", 234);
                // Under TLS 1.3 the client learns of it with its first read.
                if wire.secure(client).is_err() {
                    return true;
                }
                let _ = wire.try_send_raw(b"NOOP\r\n");
                wire.try_reply().is_err()
            },
        )
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
    assert!(house.refuses(&Authority::new("somebody's authority").issue(&["only"])));
}

/// `tls.client_crl`: a revoked certificate ends the handshake, others do not, and a new list is in
/// force with HUP.
#[test]
fn a_revoked_certificate_is_refused() {
    let authority = Authority::new("client authority");
    let [good, bad] = [authority.issue(&["only"]), authority.issue(&["only"])];
    let server = prepare_revoking(&authority, &authority.revoke(&[&bad], tomorrow())).start();
    let house = House { server, authority };
    assert!(house.refuses(&bad));
    house.connect(Some(&good)).ask("USER only", 232);
    house.connect(None).login("alice");

    let list = house.authority.revoke(&[&good, &bad], tomorrow());
    house.server.folder().write("clients.crl", list);
    house.server.signal(Signal::HUP);
    wait::until("the new list", || house.refuses(&good).then_some(()));

    // A list that can not be read changes nothing.
    house.server.folder().write("clients.crl", "nothing of use");
    house.server.signal(Signal::HUP);
    wait::until("the complaint", || house.server.log().contains("reload refused").then_some(()));
    assert!(house.refuses(&good));
    house.connect(None).login("alice");
}

/// A list that is expired lets no certificate in, rather than the revoked ones; `check` says so.
#[test]
fn an_expired_list_is_no_list() {
    let authority = Authority::new("client authority");
    let identity = authority.issue(&["only"]);
    let builder = prepare_revoking(&authority, &authority.revoke(&[], yesterday()));
    let said = builder.verb(&["check"]).exit(2);
    assert!(said.stderr.contains("tls.client_crl: "), "{said}");
    assert!(said.stderr.contains("clients.crl") && said.stderr.contains("expired"), "{said}");
    let house = House { server: builder.start(), authority };
    assert!(house.server.log().contains("client certificates are refused"));
    assert!(house.refuses(&identity));
    house.connect(None).login("alice");
}

/// Nor does a list of another authority speak for a certificate.
#[test]
fn a_list_of_another_authority_is_no_list() {
    let authority = Authority::new("client authority");
    let identity = authority.issue(&["only"]);
    let foreign = Authority::new("somebody's authority").revoke(&[], tomorrow());
    let house = House { server: prepare_revoking(&authority, &foreign).start(), authority };
    assert!(house.refuses(&identity));
}

/// What is no list is told by `check`, with key and file.
#[test]
fn what_is_no_list_is_told() {
    let authority = Authority::new("client authority");
    let damaged = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
    for (list, complaint) in [("", "no certificate revocation list"), (damaged, "can not be used")]
    {
        let said = prepare_revoking(&authority, list).verb(&["check"]).exit(2);
        assert!(said.stderr.contains("tls.client_crl: "), "{said}");
        assert!(said.stderr.contains("clients.crl") && said.stderr.contains(complaint), "{said}");
    }
    let said = Server::builder()
        .configure(|config, folder, _| {
            let list = folder.write("clients.crl", authority.revoke(&[], tomorrow()));
            config.set("tls.client_crl", vec![list.display().to_string()]);
        })
        .verb(&["check"])
        .exit(2);
    assert!(said.stderr.contains("tls.client_crl: needs tls.client_ca"), "{said}");
}

/// Users without a rule log in with their password, certificate or not.
#[test]
fn users_without_a_rule_are_not_disturbed() {
    let house = start();
    let identity = house.authority.issue(&["alice"]);
    house.connect(Some(&identity)).login("alice");
    house.connect(None).login("alice");
}
