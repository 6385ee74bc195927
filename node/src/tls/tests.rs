//! Handshakes with rustls clients in process, and files that are wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, HandshakeKind, SignatureScheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_rustls::{TlsConnector, client, server};

use super::ticket::{KeyRing, Role, SessionCache, Ticketer};
use super::*;
use crate::config::{DataReuse, Host, Tls, TlsVersion};

/// A folder of its own per test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("flotilla-tls-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// A certificate for the name and its key.
    fn certificate(&self, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        (
            self.write(&format!("{name}.crt"), &certificate.pem()),
            self.write(&format!("{name}.key"), &key.serialize_pem()),
        )
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn plain() -> Tls {
    Tls { certificate: None, key: None, client_ca: None, min_version: TlsVersion::V12 }
}

fn host(name: &str, files: Option<(PathBuf, PathBuf)>) -> Host {
    let (certificate, key) = files.unzip();
    Host { name: name.to_owned(), certificate, key, root: None, banner: None }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// Trusts everybody: these tests are about the server.
#[derive(Debug)]
struct Gullible;

impl ServerCertVerifier for Gullible {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

type Version = &'static rustls::SupportedProtocolVersion;

fn client_config(
    version: Version,
    identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Gullible));
    Arc::new(match identity {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).unwrap(),
        None => builder.with_no_client_auth(),
    })
}

type Client = client::TlsStream<DuplexStream>;
type Server = server::TlsStream<DuplexStream>;

async fn dial(config: &Arc<ClientConfig>, name: &str, io: DuplexStream) -> Client {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::clone(config)).connect(name, io).await.unwrap()
}

/// A control connection; bytes went both ways, so that the client has its tickets.
async fn control(
    store: &Store,
    config: &Arc<ClientConfig>,
    name: &str,
    key: SessionKey,
) -> (Client, Server) {
    let (near, far) = tokio::io::duplex(1 << 16);
    let served = handshake_control(far, store.control(None), key, soon());
    let (mut client, server) = tokio::join!(dial(config, name, near), served);
    let mut server = server.unwrap();
    exchange(&mut client, &mut server).await;
    (client, server)
}

async fn data(
    store: &Store,
    config: &Arc<ClientConfig>,
    name: &str,
    key: SessionKey,
) -> (Client, Server, Binding) {
    let (near, far) = tokio::io::duplex(1 << 16);
    let served = handshake_data(far, store.data(None), key, soon());
    let (mut client, server) = tokio::join!(dial(config, name, near), served);
    let (mut server, binding) = server.unwrap();
    exchange(&mut client, &mut server).await;
    (client, server, binding)
}

async fn exchange(client: &mut Client, server: &mut Server) {
    let mut byte = [0];
    server.write_all(b"s").await.unwrap();
    server.flush().await.unwrap();
    client.read_exact(&mut byte).await.unwrap();
    client.write_all(b"c").await.unwrap();
    client.flush().await.unwrap();
    server.read_exact(&mut byte).await.unwrap();
    assert_eq!(&byte, b"c");
}

fn shown(client: &Client) -> Vec<u8> {
    client.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

fn der(path: &Path) -> Vec<u8> {
    CertificateDer::from_pem_file(path).unwrap().to_vec()
}

fn key() -> SessionKey {
    SessionKey::random().unwrap()
}

#[actix::test]
async fn data_connections_resume_their_control_connection() {
    let folder = Folder::new();
    let store = Store::load(&plain(), &[], &folder.0).unwrap();
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let config = client_config(version, None);
        let own = key();
        let (_client, server) = control(&store, &config, "localhost", own).await;
        assert_eq!(server.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
        for _ in 0..4 {
            let (_client, server, binding) = data(&store, &config, "localhost", own).await;
            assert_eq!(binding, Binding::Resumed, "{version:?}");
            assert_eq!(server.get_ref().1.handshake_kind(), Some(HandshakeKind::Resumed));
        }
        // The same tickets, at somebody else's session.
        let (_client, _server, binding) = data(&store, &config, "localhost", key()).await;
        assert_eq!(binding, Binding::Foreign, "{version:?}");
        let stranger = client_config(version, None);
        let (_client, _server, binding) = data(&store, &stranger, "localhost", own).await;
        assert_eq!(binding, Binding::Fresh, "{version:?}");
    }
}

#[actix::test]
async fn clients_without_tickets_resume_by_session_id() {
    let folder = Folder::new();
    let store = Store::load(&plain(), &[], &folder.0).unwrap();
    let mut config = ClientConfig::clone(&client_config(&rustls::version::TLS12, None));
    config.resumption = Resumption::in_memory_sessions(8)
        .tls12_resumption(rustls::client::Tls12Resumption::SessionIdOnly);
    let config = Arc::new(config);
    let own = key();
    let (_client, _server) = control(&store, &config, "localhost", own).await;
    let (_client, _server, binding) = data(&store, &config, "localhost", own).await;
    assert_eq!(binding, Binding::Resumed);
    let (_client, _server, binding) = data(&store, &config, "localhost", key()).await;
    assert_eq!(binding, Binding::Foreign);
}

#[test]
fn what_data_reuse_lets_through() {
    use Binding::{Foreign, Fresh, Resumed};
    use DataReuse::{Match, Off, Require};
    for (reuse, binding, fine) in [
        (Off, Fresh, true),
        (Off, Resumed, true),
        (Off, Foreign, true),
        (Match, Fresh, true),
        (Match, Resumed, true),
        (Match, Foreign, false),
        (Require, Fresh, false),
        (Require, Resumed, true),
        (Require, Foreign, false),
    ] {
        assert_eq!(judge(reuse, binding).is_ok(), fine, "{reuse:?} {binding:?}");
    }
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
async fn reload_swaps_for_new_connections_only() {
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
    assert!(matches!(store.reload(), Err(TlsError::Mismatch { .. })));
    assert_eq!(store.certificates(), elsewhere.certificates());
    fs::copy(&newer_key, &private).unwrap();
    elsewhere.reload().unwrap();

    exchange(&mut client, &mut server).await;
    let (_client, _server, binding) = data(&store, &config, "a.test", own).await;
    assert_eq!(binding, Binding::Resumed, "tickets outlive a reload");
    let fresh = client_config(&rustls::version::TLS13, None);
    for store in [&store, &elsewhere] {
        let (client, _server) = control(store, &fresh, "c.test", key()).await;
        assert_eq!(shown(&client), der(&newer));
    }
    assert_ne!(der(&newer), before);
}

#[actix::test]
async fn closing_is_clean() {
    let folder = Folder::new();
    let store = Store::load(&plain(), &[], &folder.0).unwrap();
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let config = client_config(version, None);
        let (mut client, mut server, _) = data(&store, &config, "localhost", key()).await;
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
    let result = handshake_data(far, store.data(None), key(), soon()).await;
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
            let (_client, _server, binding) = data(&store, &known, "localhost", own).await;
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

#[test]
fn tickets_rotate_and_stay_readable_once() {
    use rustls::server::{ProducesTickets, StoresServerSessions};
    let ring = Arc::new(KeyRing::new().unwrap());
    let role = Role::Control { verifies: false };
    let control = Ticketer { ring: Arc::clone(&ring), role };
    let ticket = control.encrypt(b"secret").unwrap();
    assert!(!ticket.windows(6).any(|window| window == b"secret"));
    assert_eq!(control.decrypt(&ticket).as_deref(), Some(&b"secret"[..]));
    ring.rotate(Duration::ZERO);
    assert_eq!(control.decrypt(&ticket).as_deref(), Some(&b"secret"[..]));
    ring.rotate(Duration::ZERO);
    assert_eq!(control.decrypt(&ticket), None);
    let ticket = control.encrypt(b"secret").unwrap();
    ring.rotate(Duration::from_secs(7 * 60 * 60));
    assert_eq!(control.decrypt(&ticket), None);

    // What data connections leave behind is for data connections.
    let data = Ticketer { ring, role: Role::Data };
    let ticket = data.encrypt(b"secret").unwrap();
    assert!(data.decrypt(&ticket).is_some());
    assert_eq!(control.decrypt(&ticket), None);
    for at in 0..ticket.len() {
        let mut forged = ticket.clone();
        forged[at] ^= 1;
        assert_eq!(data.decrypt(&forged), None, "byte {at}");
        assert_eq!(data.decrypt(&ticket[..at]), None, "first {at} bytes");
    }

    let cache = SessionCache { role };
    for number in 0u32..2000 {
        assert!(cache.put(number.to_be_bytes().to_vec(), vec![1]));
    }
    assert_eq!(cache.get(&0u32.to_be_bytes()), None);
    assert_eq!(cache.get(&1999u32.to_be_bytes()), Some(vec![1]));
    assert!(!SessionCache { role: Role::Data }.put(vec![1], vec![1]));
}

/// Memory of this process per idle control connection, socket objects included. Run by hand.
#[actix::test]
#[ignore = "a measurement, not a check"]
async fn memory_of_an_idle_session() {
    const SESSIONS: usize = 2000;
    let resident = || {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap()
    };
    let folder = Folder::new();
    let store = Store::load(&plain(), &[], &folder.0).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = Vec::with_capacity(4 * SESSIONS);
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let mut begin = 0;
        for number in 0..SESSIONS + 100 {
            if number == 100 {
                begin = resident();
            }
            let config = client_config(version, None);
            let near = async {
                let io = tokio::net::TcpStream::connect(address).await.unwrap();
                let name = ServerName::try_from("localhost").unwrap();
                let mut tls = TlsConnector::from(config).connect(name, io).await.unwrap();
                tls.write_all(b"NOOP\r\n").await.unwrap();
                tls
            };
            let far = async {
                let (io, _) = listener.accept().await.unwrap();
                let served = handshake_control(io, store.control(None), key(), soon());
                let mut tls = served.await.unwrap();
                let mut line = [0; 6];
                tls.read_exact(&mut line).await.unwrap();
                tls.write_all(b"200 fine\r\n").await.unwrap();
                tls.flush().await.unwrap();
                let read = std::pin::pin!(tls.read_exact(&mut line));
                let waiting = std::task::Context::from_waker(std::task::Waker::noop());
                assert!(std::future::Future::poll(read, &mut { waiting }).is_pending());
                tls
            };
            let (near, far) = tokio::join!(near, far);
            held.push(far);
            // Its socket lives on, its memory does not count.
            let (io, _) = near.into_inner();
            std::mem::forget(io.into_std().unwrap());
        }
        let each = (resident() - begin) as f64 / SESSIONS as f64;
        println!("{version:?}: {each:.1} KiB, object {} bytes", size_of_val(&held[0]));
    }
}
