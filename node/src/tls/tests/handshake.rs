//! Handshakes that succeed, fail or never end, and the ends of connections.

use rcgen::{BasicConstraints, IsCa, Issuer};
use rustls::HandshakeKind;
use rustls::pki_types::pem::PemObject;

use super::*;

#[actix::test]
async fn handshakes_end() {
    let folder = Folder::new();
    let store = Store::load(&plain(), &[], &folder.0).unwrap();
    let (_silent, far) = tokio::io::duplex(1 << 10);
    let passed = Instant::now();
    let result = handshake_control(far, store.control(None), key(), passed).await;
    assert!(matches!(result, Err(HandshakeError::Deadline)));
    let (gone, far) = tokio::io::duplex(1 << 10);
    drop(gone);
    let result = handshake_control(far, store.control(None), key(), soon()).await;
    assert!(matches!(result, Err(HandshakeError::Broken(_))));
    let (mut rude, far) = tokio::io::duplex(1 << 10);
    rude.write_all(b"USER anonymous\r\n").await.unwrap();
    let result = handshake_control(far, store.control(None), key(), soon()).await;
    assert!(matches!(result, Err(HandshakeError::Tls(_))));
}

#[actix::test]
async fn the_least_version_is_kept() {
    let folder = Folder::new();
    let tls = Tls { min_version: TlsVersion::V13, ..plain() };
    let store = Store::load(&tls, &[], &folder.0).unwrap();
    let (near, far) = tokio::io::duplex(1 << 16);
    let config = client_config(&rustls::version::TLS12, None);
    let name = ServerName::try_from("localhost").unwrap();
    let (client, server) = tokio::join!(
        TlsConnector::from(config).connect(name, near),
        handshake_control(far, store.control(None), key(), soon()),
    );
    assert!(client.is_err());
    assert!(matches!(server, Err(HandshakeError::Tls(_))));
}

#[actix::test]
async fn client_certificates_are_asked_for_and_never_taken_from_tickets() {
    let folder = Folder::new();
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let client_ca = Some(folder.write("ca.pem", &ca_pem));
    let user_key = KeyPair::generate().unwrap();
    let user = CertificateParams::new(vec!["alice".to_owned()]).unwrap();
    let user = user.signed_by(&user_key, &Issuer::new(ca, &ca_key)).unwrap();
    let identity = || {
        let private = PrivateKeyDer::from_pem_slice(user_key.serialize_pem().as_bytes()).unwrap();
        (vec![user.der().clone()], private)
    };
    let store = Store::load(&Tls { client_ca, ..plain() }, &[], &folder.0).unwrap();
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let known = client_config(version, Some(identity()));
        for _ in 0..2 {
            let own = key();
            let (_client, server) = control(&store, &known, "localhost", own).await;
            let connection = server.get_ref().1;
            assert_eq!(connection.handshake_kind(), Some(HandshakeKind::Full));
            assert_eq!(peer_certificate(connection).unwrap().as_ref(), user.der().as_ref());
            let binding = data(&store, &known, "localhost", own).await;
            assert_eq!(binding, Binding::Resumed);
        }
        let unknown = client_config(version, None);
        let (_client, server) = control(&store, &unknown, "localhost", key()).await;
        assert_eq!(peer_certificate(server.get_ref().1), None);

        // The authorities are gone: what they once vouched for is not remembered.
        store.replace(&plain(), &[]).unwrap();
        let (_client, server) = control(&store, &known, "localhost", key()).await;
        assert_eq!(peer_certificate(server.get_ref().1), None);
        let (_client, server) = control(&store, &known, "localhost", key()).await;
        assert_eq!(server.get_ref().1.handshake_kind(), Some(HandshakeKind::Resumed));
        let client_ca = Some(folder.0.join("ca.pem"));
        store.replace(&Tls { client_ca, ..plain() }, &[]).unwrap();
    }
}

#[actix::test]
async fn closing_is_clean() {
    let folder = Folder::new();
    let store = Store::load(&plain(), &[], &folder.0).unwrap();
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let config = client_config(version, None);
        let (mut client, mut server) = control(&store, &config, "localhost", key()).await;
        server.write_all(&[7; 100_000]).await.unwrap_or(());
        let sender = async {
            server.shutdown().await.unwrap();
        };
        let mut received = Vec::new();
        // An end without close_notify would be an error here.
        let (got, ()) = tokio::join!(client.read_to_end(&mut received), sender);
        assert_eq!(got.unwrap(), 100_000);
    }
}
