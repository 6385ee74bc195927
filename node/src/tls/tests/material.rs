//! Certificates and keys: which are shown, when they change, and files that are wrong.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustls::pki_types::pem::PemObject;

use super::*;
use crate::config::Host;

fn host(name: &str, files: Option<(PathBuf, PathBuf)>) -> Host {
    let (certificate, key) = files.unzip();
    Host { name: name.to_owned(), certificate, key, root: None, banner: None }
}

fn shown(client: &Client) -> Vec<u8> {
    client.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

fn der(path: &Path) -> Vec<u8> {
    CertificateDer::from_pem_file(path).unwrap().to_vec()
}

#[actix::test]
async fn certificates_by_sni_and_by_host() {
    let folder = Folder::new();
    let (certificate, private) = folder.certificate("default.test");
    let tls = Tls { certificate: Some(certificate.clone()), key: Some(private), ..plain() };
    let one = folder.certificate("one.test");
    let wild = folder.certificate("wild.test");
    let hosts = [
        host("one.test", Some(one.clone())),
        host("*.wild.test", Some(wild.clone())),
        host("bare.test", None),
    ];
    let store = Store::load(&tls, &hosts, &folder.0).unwrap();
    let config = client_config(&rustls::version::TLS13, None);
    for (name, expected) in [
        ("one.test", &one.0),
        ("a.wild.test", &wild.0),
        ("a.b.wild.test", &certificate),
        ("bare.test", &certificate),
        ("unknown.test", &certificate),
    ] {
        let (client, _server) = control(&store, &config, name, key()).await;
        assert_eq!(shown(&client), der(expected), "{name}");
    }
    // Without SNI (the name is an address), HOST decides.
    let (near, far) = tokio::io::duplex(1 << 16);
    let served = handshake_control(far, store.control(Some("ONE.test")), key(), soon());
    let (client, server) = tokio::join!(dial(&config, "127.0.0.1", near), served);
    server.unwrap();
    assert_eq!(shown(&client), der(&one.0));
    let names: Vec<_> = store.certificates().into_iter().map(|info| info.name).collect();
    assert_eq!(names, ["*", "one.test", "*.wild.test"]);
}

#[actix::test]
async fn replacing_swaps_for_new_connections_only() {
    let folder = Folder::new();
    let (certificate, private) = folder.certificate("a.test");
    let tls = Tls { certificate: Some(certificate.clone()), key: Some(private.clone()), ..plain() };
    let store = Store::load(&tls, &[], &folder.0).unwrap();
    let elsewhere = store.clone();
    let config = client_config(&rustls::version::TLS13, None);
    let own = key();
    let (mut client, mut server) = control(&store, &config, "a.test", own).await;
    let before = der(&certificate);
    assert_eq!(shown(&client), before);

    let (newer, newer_key) = folder.certificate("b.test");
    fs::copy(&newer, &certificate).unwrap();
    assert!(matches!(store.replace(&tls, &[]), Err(TlsError::Mismatch { .. })));
    assert_eq!(store.certificates(), elsewhere.certificates());
    fs::copy(&newer_key, &private).unwrap();
    elsewhere.replace(&tls, &[]).unwrap();

    exchange(&mut client, &mut server).await;
    let binding = data(&store, &config, "a.test", own).await;
    assert_eq!(binding, Binding::Resumed, "tickets outlive it");
    let fresh = client_config(&rustls::version::TLS13, None);
    for store in [&store, &elsewhere] {
        let (client, _server) = control(store, &fresh, "c.test", key()).await;
        assert_eq!(shown(&client), der(&newer));
    }
    assert_ne!(der(&newer), before);
}

#[test]
fn the_self_signed_certificate_is_made_once() {
    let folder = Folder::new();
    let data_dir = folder.0.join("new");
    let first = Store::load(&plain(), &[], &data_dir).unwrap().certificates();
    let second = Store::load(&plain(), &[], &data_dir).unwrap().certificates();
    assert_eq!(first, second);
    let left: Vec<_> = fs::read_dir(&data_dir).unwrap().map(|entry| entry.unwrap()).collect();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let years = first[0].not_after.duration_since(std::time::SystemTime::now()).unwrap();
    assert!(years > Duration::from_secs(9 * 365 * 86_400));
    assert_eq!(first[0].fingerprint.len(), 32 * 3 - 1);
}

#[test]
fn wrong_files_are_named() {
    let folder = Folder::new();
    let (certificate, private) = folder.certificate("a.test");
    let (_, other) = folder.certificate("b.test");
    let text = folder.write("text", "no pem at all\n");
    let sealed = folder.write(
        "sealed",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    let torn = folder.write("torn", "-----BEGIN CERTIFICATE-----\nAAAA\n");
    let nonsense =
        folder.write("nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let missing = folder.0.join("missing");
    let fails = |certificate: Option<&Path>, private: Option<&Path>, expected: &[&str]| {
        let tls = Tls {
            certificate: certificate.map(Path::to_owned),
            key: private.map(Path::to_owned),
            ..plain()
        };
        let error = Store::load(&tls, &[], &folder.0).unwrap_err().to_string();
        for part in expected {
            assert!(error.contains(part), "{error:?} lacks {part:?}");
        }
        let hosts = [host("h.test", None)].map(|host| Host {
            certificate: tls.certificate.clone(),
            key: tls.key.clone(),
            ..host
        });
        let error = Store::load(&plain(), &hosts, &folder.0).unwrap_err().to_string();
        assert!(error.contains("host.h.test."), "{error:?}");
    };
    let (good, good_key) = (Some(certificate.as_path()), Some(private.as_path()));
    fails(good, None, &["tls.certificate", "tls.key"]);
    fails(None, good_key, &["tls.key", "tls.certificate"]);
    fails(Some(&missing), good_key, &["tls.certificate", "missing", "No such file"]);
    fails(good, Some(&missing), &["tls.key", "missing"]);
    fails(Some(&text), good_key, &["tls.certificate", "text", "no certificate"]);
    fails(good, Some(&text), &["tls.key", "text", "no private key"]);
    fails(good, Some(&sealed), &["tls.key", "sealed", "encrypted"]);
    fails(Some(&torn), good_key, &["tls.certificate", "torn", "not valid PEM"]);
    fails(Some(&nonsense), good_key, &["tls.certificate", "nonsense", "can not be used"]);
    fails(good, Some(&other), &["tls.key", "b.test.key", "does not belong", "a.test.crt"]);
    let tls = Tls { client_ca: Some(text), ..plain() };
    let error = Store::load(&tls, &[], &folder.0).unwrap_err().to_string();
    assert!(error.contains("tls.client_ca"), "{error:?}");
}
