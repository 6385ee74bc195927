//! Every TLS configuration of the node, prepared, and swapped as a whole.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};

use super::client;
use super::error::TlsError;
use super::material::{self, CertificateInfo};
use super::name::NameMap;
use super::ring::{KeyRing, TicketKeys};
use super::selfsigned;
use super::ticket::{Role, SessionCache, Ticketer};
use crate::config::{Host, Tls, TlsVersion};

/// The TLS configurations. A clone for each arbiter: it holds copies of its own, which it renews
/// after a reload when next asked. Connections keep what they began with.
pub struct Store {
    shared: Arc<Shared>,
    seen: Cell<u64>,
    local: RefCell<Arc<Configs>>,
}

struct Shared {
    data_dir: PathBuf,
    provider: Arc<CryptoProvider>,
    ring: Arc<KeyRing>,
    /// Counts reloads; read by every call, written by reloads only.
    version: AtomicU64,
    current: Mutex<Arc<Configs>>,
}

struct Configs {
    default: Pair,
    hosts: NameMap<Pair>,
    certificates: Vec<CertificateInfo>,
}

#[derive(Clone)]
struct Pair {
    control: Arc<ServerConfig>,
    data: Arc<ServerConfig>,
}

impl Store {
    /// Loads all certificates; makes the self-signed one in `data_dir` if none is configured.
    /// Reads files: not on an arbiter that serves.
    pub fn load(tls: &Tls, hosts: &[Host], data_dir: &Path) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let ring = KeyRing::new().map_err(|_| rustls::Error::FailedToGetRandomBytes)?;
        let ring = Arc::new(ring);
        let configs = Arc::new(Configs::load(tls, hosts, data_dir, &provider, &ring)?);
        let local = RefCell::new(Arc::new(configs.copied()));
        let shared = Arc::new(Shared {
            data_dir: data_dir.to_owned(),
            provider,
            ring,
            version: AtomicU64::new(0),
            current: Mutex::new(configs),
        });
        Ok(Self { shared, seen: Cell::new(0), local })
    }

    /// Judges what is configured, without making anything.
    pub fn check(tls: &Tls, hosts: &[Host]) -> Result<(), TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        if let Some((certificate, key)) = files("tls", &tls.certificate, &tls.key)? {
            configured("tls", "*", certificate, key, &provider)?;
        }
        for host in hosts {
            let section = format!("host.{}", host.name);
            if let Some((certificate, key)) = files(&section, &host.certificate, &host.key)? {
                configured(&section, &host.name, certificate, key, &provider)?;
            }
        }
        client::check(tls, &provider)
    }

    /// Reads all files again, with the configuration of now; what was in use stays so on error.
    /// Tickets stay valid. Reads files, as [`load`](Self::load) does.
    pub fn replace(&self, tls: &Tls, hosts: &[Host]) -> Result<(), TlsError> {
        let Shared { data_dir, provider, ring, .. } = &*self.shared;
        let configs = Arc::new(Configs::load(tls, hosts, data_dir, provider, ring)?);
        let mut current = self.shared.current();
        *current = configs;
        self.shared.version.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Seals and opens tickets with the keys of the pool from now on.
    pub(crate) fn adopt_tickets(&self, keys: TicketKeys) {
        self.shared.ring.adopt(keys);
    }

    /// For a control connection. `host` is what HOST named, if anything; SNI, where the client
    /// sends it and it is known, decides on the certificate.
    pub fn control(&self, host: Option<&str>) -> Arc<ServerConfig> {
        Arc::clone(&self.local().pair(host).control)
    }

    /// For a data connection.
    pub fn data(&self, host: Option<&str>) -> Arc<ServerConfig> {
        Arc::clone(&self.local().pair(host).data)
    }

    /// The certificates in use, the default first.
    pub fn certificates(&self) -> Vec<CertificateInfo> {
        self.local().certificates.clone()
    }

    fn local(&self) -> std::cell::Ref<'_, Arc<Configs>> {
        if self.shared.version.load(Ordering::Acquire) != self.seen.get() {
            let current = self.shared.current();
            // Under the lock: version and configurations belong together.
            self.seen.set(self.shared.version.load(Ordering::Acquire));
            *self.local.borrow_mut() = Arc::new(current.copied());
        }
        self.local.borrow()
    }
}

impl Clone for Store {
    fn clone(&self) -> Self {
        let local = Arc::new(self.local().copied());
        let seen = Cell::new(self.seen.get());
        Self { shared: Arc::clone(&self.shared), seen, local: RefCell::new(local) }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("certificates", &self.certificates()).finish_non_exhaustive()
    }
}

impl Shared {
    fn current(&self) -> std::sync::MutexGuard<'_, Arc<Configs>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Configs {
    fn load(
        tls: &Tls,
        hosts: &[Host],
        data_dir: &Path,
        provider: &Arc<CryptoProvider>,
        ring: &Arc<KeyRing>,
    ) -> Result<Self, TlsError> {
        let (default, info) = match files("tls", &tls.certificate, &tls.key)? {
            Some((certificate, key)) => configured("tls", "*", certificate, key, provider)?,
            None => selfsigned::load_or_make(data_dir, provider)?,
        };
        let default = Arc::new(default);
        let mut certificates = vec![info];
        let mut keys = NameMap::new();
        for host in hosts {
            let section = format!("host.{}", host.name);
            let key = match files(&section, &host.certificate, &host.key)? {
                Some((certificate, key)) => {
                    let (key, info) = configured(&section, &host.name, certificate, key, provider)?;
                    certificates.push(info);
                    Arc::new(key)
                }
                None => Arc::clone(&default),
            };
            keys.insert(&host.name, key);
        }
        let builder = Builder {
            provider,
            ring,
            version: tls.min_version,
            clients: client::verifier(tls, provider)?,
            names: Arc::new(keys),
        };
        let hosts = builder.names.map(|key| builder.pair(key));
        Ok(Self { default: builder.pair(&default)?, hosts: hosts.transpose()?, certificates })
    }

    fn pair(&self, host: Option<&str>) -> &Pair {
        host.and_then(|host| self.hosts.get(host)).unwrap_or(&self.default)
    }

    /// The same with `ServerConfig`s of its own, whose reference counts no other core touches.
    fn copied(&self) -> Self {
        let copy = |pair: &Pair| Pair {
            control: Arc::new(ServerConfig::clone(&pair.control)),
            data: Arc::new(ServerConfig::clone(&pair.data)),
        };
        Self {
            default: copy(&self.default),
            hosts: self.hosts.map(copy),
            certificates: self.certificates.clone(),
        }
    }
}

fn configured(
    section: &str,
    name: &str,
    certificate: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<(CertifiedKey, CertificateInfo), TlsError> {
    let certified = material::load(section, certificate, key, provider)?;
    let described = format!("{section}.certificate");
    let info = material::describe(name, &described, certificate, &certified)?;
    Ok((certified, info))
}

/// Both files, or none.
fn files<'a>(
    section: &str,
    certificate: &'a Option<PathBuf>,
    key: &'a Option<PathBuf>,
) -> Result<Option<(&'a Path, &'a Path)>, TlsError> {
    let half = |key: &str, missing: &str| TlsError::Half {
        key: format!("{section}.{key}"),
        missing: format!("{section}.{missing}"),
    };
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(half("certificate", "key")),
        (None, Some(_)) => Err(half("key", "certificate")),
    }
}

/// What all configurations of one load share.
struct Builder<'a> {
    provider: &'a Arc<CryptoProvider>,
    ring: &'a Arc<KeyRing>,
    version: TlsVersion,
    /// Judges client certificates.
    clients: Option<Arc<dyn ClientCertVerifier>>,
    names: Arc<NameMap<Arc<CertifiedKey>>>,
}

impl Builder<'_> {
    fn pair(&self, default: &Arc<CertifiedKey>) -> Result<Pair, TlsError> {
        let verifies = self.clients.is_some();
        Ok(Pair {
            control: self.config(default, Role::Control { verifies }, CONTROL_TICKETS)?,
            data: self.config(default, Role::Data, DATA_TICKETS)?,
        })
    }

    fn config(
        &self,
        default: &Arc<CertifiedKey>,
        role: Role,
        tickets: usize,
    ) -> Result<Arc<ServerConfig>, TlsError> {
        let versions: &[_] = match self.version {
            TlsVersion::V12 => &[&TLS13, &TLS12],
            TlsVersion::V13 => &[&TLS13],
        };
        let provider = Arc::clone(self.provider);
        let builder =
            ServerConfig::builder_with_provider(provider).with_protocol_versions(versions)?;
        let builder = match &self.clients {
            // Data connections are judged by the session that they resume.
            Some(verifier) if role != Role::Data => {
                builder.with_client_cert_verifier(Arc::clone(verifier))
            }
            _ => builder.with_no_client_auth(),
        };
        let names = Arc::clone(&self.names);
        let resolver = Resolver { names, default: Arc::clone(default) };
        let mut config = builder.with_cert_resolver(Arc::new(resolver));
        // No ALPN: what a client offers ("ftp", "ftp-data") is then ignored, never refused.
        config.send_tls13_tickets = tickets;
        config.ticketer = Arc::new(Ticketer { ring: Arc::clone(self.ring), role });
        config.session_storage = Arc::new(SessionCache { role });
        Ok(Arc::new(config))
    }
}

/// The certificate for a client: by SNI where the name is known, else the configuration's.
#[derive(Debug)]
struct Resolver {
    names: Arc<NameMap<Arc<CertifiedKey>>>,
    default: Arc<CertifiedKey>,
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello.server_name().and_then(|name| self.names.get(name));
        Some(Arc::clone(named.unwrap_or(&self.default)))
    }
}

/// Clients that use each ticket once can have that many data connections in the time that one
/// takes to bring its own ticket.
const CONTROL_TICKETS: usize = 2;
/// Replaces the one that was used up.
const DATA_TICKETS: usize = 1;
