//! How a connection to the Redis that takes writes is made.
//!
//! All keys of a pool lie in one slot, so one server answers for them, be it alone, the master that
//! Sentinels know, or the owner of the slot in a cluster. It is looked for with each new connection,
//! and that one connection carries requests and hints. So a request is sent once or not at all, which
//! is why the client's own cluster is not used: it would send again what broke off.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::{MultiplexedConnection, SendError};
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo, ProtocolVersion, PushInfo,
    PushKind, RedisConnectionInfo, RedisError, RedisResult, ServerErrorKind, TlsCertificates,
    Value,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::address::{Address, Host, Place};
use super::encode::Keys;
use super::fault::judge_connecting;
use super::hint;
use super::line::{End, Line};
use super::{Options, Password};
use crate::store::StoreError;

/// Makes connections.
pub(super) struct Dialer {
    address: Address,
    password: Option<Password>,
    ca: Option<Vec<u8>>,
    keys: Keys,
    /// For each server that is asked or connected to.
    limit: Duration,
    hints: hint::Sender,
    /// Which Sentinel or seed is asked first: another one each time, since one may be cut off from the
    /// others and not know it.
    turn: usize,
}

impl Dialer {
    /// Connects to nobody yet.
    pub(super) fn new(options: Options, keys: Keys, hints: hint::Sender) -> Self {
        let Options { address, password, ca, connect_limit: limit, .. } = options;
        if address.tls {
            // The client of Redis takes what the process has; that another part was first is fine.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        Self { address, password, ca, keys, limit, hints, turn: 0 }
    }

    /// Finds the Redis that takes writes, connects to it and listens to hints there.
    pub(super) async fn dial(&mut self) -> Result<Line, StoreError> {
        self.check_authorities()?;
        self.turn = self.turn.wrapping_add(1);
        match &self.address.place {
            Place::Single { host, .. } => self.subscribe(host, self.connect(host).await?).await,
            Place::Sentinel { sentinels, master } => {
                let host = self.each(sentinels, |sentinel| self.ask(sentinel, master)).await?;
                let mut line = self.connect(&host).await?;
                self.limited(&host, is_master(&mut line.connection)).await?;
                self.subscribe(&host, line).await
            }
            Place::Cluster { seeds } => {
                let (host, line) = self.each(seeds, |seed| self.owner(seed)).await?;
                self.subscribe(&host, line).await
            }
        }
    }

    /// Nobody would be trusted by a file of another kind, which the handshake does not say.
    fn check_authorities(&self) -> Result<(), StoreError> {
        let Some(ca) = self.ca.as_ref().filter(|_| self.address.tls) else { return Ok(()) };
        let flaw = match CertificateDer::pem_slice_iter(ca).next() {
            Some(Ok(_)) => return Ok(()),
            Some(Err(error)) => error.to_string(),
            None => "it is not PEM, or of something else".to_owned(),
        };
        Err(StoreError::Denied(format!("pool.store_ca holds no certificate: {flaw}")))
    }

    /// Tries the hosts one after the other until one serves. One that denies says nothing about the others,
    /// but if none serves, it is what somebody has to mend.
    async fn each<'a, T, F>(
        &'a self,
        hosts: &'a [Host],
        serve: impl Fn(&'a Host) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut denied = None;
        let mut last = StoreError::Refused("no host".to_owned());
        for host in hosts.iter().cycle().skip(self.turn % hosts.len().max(1)).take(hosts.len()) {
            match serve(host).await {
                Ok(served) => return Ok(served),
                Err(StoreError::Denied(cause)) => denied = Some(StoreError::Denied(cause)),
                Err(error) => last = error,
            }
        }
        Err(denied.unwrap_or(last))
    }

    /// Asks a Sentinel where the master is.
    async fn ask(&self, sentinel: &Host, master: &str) -> Result<Host, StoreError> {
        let mut command = redis::cmd("SENTINEL");
        command.arg("GET-MASTER-ADDR-BY-NAME").arg(master);
        let asked = self.limited(sentinel, async {
            // Most Sentinels want no password, and some refuse one that they did not ask for.
            let config = AsyncConnectionConfig::new().set_response_timeout(None);
            let connect = |known| {
                let client = self.client(sentinel, 0, known);
                let config = &config;
                async move { client?.get_multiplexed_async_connection_with_config(config).await }
            };
            let stranger = match connect(false).await {
                Ok(mut connection) => command.query_async(&mut connection).await,
                Err(error) => Err(error),
            };
            match stranger {
                Err(error) if error.code() == Some("NOAUTH") && self.password.is_some() => {
                    command.query_async(&mut connect(true).await?).await
                }
                outcome => outcome,
            }
        });
        let host: Option<(String, u16)> = asked.await?;
        let unknown = || StoreError::Refused(format!("{sentinel} knows no master named {master}"));
        host.map(|(name, port)| Host { name, port }).ok_or_else(unknown)
    }

    /// Follows what members of a cluster say to the owner of the pool's slot.
    async fn owner(&self, seed: &Host) -> Result<(Host, Line), StoreError> {
        let mut host = seed.clone();
        for _ in 0..HOPS_MAX {
            let mut line = self.connect(&host).await?;
            let mut probe = redis::cmd("EXISTS");
            probe.arg(self.keys.generation());
            let probe = async {
                match probe.query_async::<Value>(&mut line.connection).await {
                    Err(error) if error.kind() == ServerErrorKind::Moved.into() => Ok(Some(error)),
                    outcome => outcome.map(|_| None),
                }
            };
            let Some(moved) = self.limited(&host, probe).await? else { return Ok((host, line)) };
            let to = moved.redirect_node().and_then(|(to, _)| Host::redirected(to, &host));
            host = to.ok_or_else(|| judge_connecting(&moved))?;
        }
        Err(StoreError::Refused(format!("{host} sends on to others, as those before it did")))
    }

    /// Connects, without listening to hints yet.
    async fn connect(&self, host: &Host) -> Result<Line, StoreError> {
        let end = Arc::new(End::default());
        let (hints, heard) = (self.hints.clone(), Arc::clone(&end));
        let receive = move |push: PushInfo| -> Result<(), SendError> {
            if push.kind == PushKind::Disconnection {
                heard.tell(StoreError::Refused("the connection was closed".to_owned()));
            } else if let Some(hint) = hint::read(&push) {
                hints.send(hint);
            }
            Ok(())
        };
        // Whoever asks has a limit of its own, and so has the connecting here.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_push_sender(receive);
        let database = match self.address.place {
            Place::Single { database, .. } => database,
            Place::Sentinel { .. } | Place::Cluster { .. } => 0,
        };
        let connection = self.limited(host, async {
            let client = self.client(host, database, true)?;
            client.get_multiplexed_async_connection_with_config(&config).await
        });
        Ok(Line::new(connection.await?, end))
    }

    async fn subscribe(&self, host: &Host, mut line: Line) -> Result<Line, StoreError> {
        let channel = self.keys.channel();
        self.limited(host, line.connection.subscribe(channel)).await?;
        Ok(line)
    }

    /// With the credentials, or as a stranger.
    fn client(&self, host: &Host, database: u16, known: bool) -> RedisResult<Client> {
        let (name, port) = (host.name.clone(), host.port);
        let address = if self.address.tls {
            ConnectionAddr::TcpTls { host: name, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(name, port)
        };
        let mut settings = RedisConnectionInfo::default()
            .set_db(i64::from(database))
            .set_skip_set_lib_name()
            .set_protocol(if known { ProtocolVersion::RESP3 } else { ProtocolVersion::RESP2 });
        if known {
            // A user without a password still has to be named.
            let empty = self.address.user.as_ref().map(|_| "");
            if let Some(password) = self.password.as_ref().map(Password::as_str).or(empty) {
                settings = settings.set_password(password);
            }
            if let Some(user) = &self.address.user {
                settings = settings.set_username(user);
            }
        }
        let info = address
            .into_connection_info()?
            .set_redis_settings(settings)
            .set_tcp_settings(TcpSettings::default().set_nodelay(true));
        match &self.ca {
            Some(ca) if self.address.tls => {
                let root_cert = Some(ca.clone());
                Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert })
            }
            _ => Client::open(info),
        }
    }

    /// Names the host in what goes wrong, silence included.
    async fn limited<T>(
        &self,
        host: &Host,
        work: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, StoreError> {
        let error = match tokio::time::timeout(self.limit, work).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => judge_connecting(&error),
            Err(_) => {
                let limit = self.limit.as_millis();
                StoreError::Refused(format!("no answer within {limit} ms"))
            }
        };
        Err(match error {
            StoreError::Denied(cause) => StoreError::Denied(format!("{host}: {cause}")),
            StoreError::Refused(cause) | StoreError::Unknown(cause) => {
                StoreError::Refused(format!("{host}: {cause}"))
            }
        })
    }
}

/// Whether it is what the Sentinel took it for: it may have been told otherwise meanwhile.
async fn is_master(connection: &mut MultiplexedConnection) -> RedisResult<()> {
    let role = redis::cmd("ROLE").query_async::<Value>(connection).await;
    let role = match role {
        Ok(Value::Array(role)) => role,
        // Not everybody may ask; a replica will be known by its answers.
        Err(error) if error.code() == Some("NOPERM") => return Ok(()),
        Err(error) => return Err(error),
        Ok(_) => Vec::new(),
    };
    match role.first() {
        Some(Value::BulkString(role)) if role == b"master" => Ok(()),
        _ => Err(RedisError::from((ServerErrorKind::ReadOnly.into(), "it is a replica"))),
    }
}

/// A cluster sends on once, or twice in the midst of a change.
const HOPS_MAX: usize = 4;
