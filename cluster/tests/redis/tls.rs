//! Redis over TLS, with an authority of its own.

use std::fs;
use std::time::Duration;

use flotilla_cluster::store::redis::{Options, Password};
use flotilla_cluster::store::{Redis, Reply, Request, Store, StoreError};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::hints::hint;
use crate::support::{PATIENCE, Server, beat, beaten, options, run};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server for `localhost` that takes nothing but TLS, and one user with a password.
fn start(authority: &Authority) -> Server {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let settings = |port: u16, folder: &std::path::Path| {
        fs::write(folder.join("key"), key.serialize_pem()).unwrap();
        fs::write(folder.join("certificate"), certificate.pem()).unwrap();
        let folder = folder.display();
        vec![
            "port 0".to_owned(),
            format!("tls-port {port}"),
            format!("tls-key-file {folder}/key"),
            format!("tls-cert-file {folder}/certificate"),
            "tls-auth-clients no".to_owned(),
            "user default off".to_owned(),
            "user flotilla on >pass ~* &* +@all".to_owned(),
        ]
    };
    Server::with(settings, &[])
}

fn with_ca(url: &str, ca: Option<Vec<u8>>) -> Options {
    let password = Some(Password::new("pass".to_owned()));
    Options { ca, password, ..options(url) }
}

#[test]
fn an_authority_of_its_own() {
    let authority = authority();
    let server = start(&authority);
    let url = format!("rediss://flotilla@localhost:{}", server.port);
    run(async {
        let store = Redis::open(with_ca(&url, Some(authority.pem().into_bytes())));
        store.connected(PATIENCE).await.unwrap();
        beaten(&store, beat("a")).await;
        assert_eq!(store.call(Request::Bans).await, Ok(Reply::Bans(Vec::new())));
        hint(&store).await;
    });
}

/// Whoever is not the one that was meant gets no password to see.
#[test]
fn strangers_are_not_trusted() {
    let authority = authority();
    let server = start(&authority);
    let port = server.port;
    let ours = || Some(authority.pem().into_bytes());
    let theirs = Some(self::authority().pem().into_bytes());
    let cases = [
        (format!("rediss://flotilla@localhost:{port}"), None, "UnknownIssuer"),
        (format!("rediss://flotilla@localhost:{port}"), theirs, "invalid peer certificate"),
        (format!("rediss://flotilla@127.0.0.1:{port}"), ours(), "not valid for name"),
    ];
    run(async {
        for (url, ca, reason) in cases {
            let store = Redis::open(with_ca(&url, ca));
            let error = store.connected(PATIENCE).await.unwrap_err();
            assert!(matches!(error, StoreError::Denied(_)), "{url}: {error}");
            assert!(error.to_string().contains(reason), "{url}: {error}");
        }
        let in_clear = Redis::open(with_ca(&format!("redis://flotilla@localhost:{port}"), None));
        let error = in_clear.connected(Duration::from_millis(300)).await.unwrap_err();
        assert!(matches!(error, StoreError::Refused(_)), "{error}");
        let store = Redis::open(with_ca("rediss://flotilla@localhost", Some(b"no PEM".to_vec())));
        let error = store.connected(PATIENCE).await.unwrap_err().to_string();
        assert!(error.starts_with("denied: pool.store_ca holds no certificate"), "{error}");
    });
}
