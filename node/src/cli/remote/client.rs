//! One node's admin API over HTTP.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use ureq::http::Response;
use ureq::{Agent, Body};

use super::{RemoteArgs, RemoteError};
use crate::admin::{Role, made_file};
use crate::auth::Secret;
use crate::cli::ping::reachable;
use crate::cli::table::clean;
use crate::config::Config;
use crate::secret;

/// Asks one node.
pub(super) struct Client {
    agent: Agent,
    address: String,
    token: Token,
}

/// By what right.
struct Token {
    path: PathBuf,
    secret: Secret,
}

impl Client {
    /// Finds the node, and a token for a verb that needs this role.
    pub(super) fn new(args: &RemoteArgs, role: Role) -> Result<Self, RemoteError> {
        let (config, _) = args.config.load()?;
        let address = match &args.admin {
            Some(address) => address.clone(),
            None => find(&config)?.to_string(),
        };
        let token = match &args.token_file {
            Some(path) => read_token(path)?,
            None => find_token(&config, role)?,
        };
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            // The token is for the node alone.
            .proxy(None)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(ANSWER))
            .timeout_global(Some(TOTAL))
            .build();
        Ok(Self { agent: agent.into(), address, token })
    }

    /// Looks at something.
    pub(super) fn get(
        &self,
        path: &str,
        query: &[(&str, Option<String>)],
    ) -> Result<Value, RemoteError> {
        let given = query.iter().filter_map(|(name, value)| Some((*name, value.as_ref()?)));
        let request = self.agent.get(self.url(path)).query_pairs(given);
        self.answer(request.header("Authorization", self.authorization()).call())
    }

    /// Changes something.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, RemoteError> {
        let request = self.agent.post(self.url(path));
        self.answer(request.header("Authorization", self.authorization()).send_json(body))
    }

    /// Takes something away.
    pub(super) fn delete(&self, path: &str) -> Result<Value, RemoteError> {
        let request = self.agent.delete(self.url(path));
        self.answer(request.header("Authorization", self.authorization()).call())
    }

    /// The error of an answer that is none.
    pub(super) fn stranger(&self, reason: String) -> RemoteError {
        RemoteError::Stranger { address: self.address.clone(), reason: clean(&reason) }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/v1/{path}", self.address)
    }

    fn authorization(&self) -> String {
        format!("Bearer {}", String::from_utf8_lossy(self.token.secret.expose()))
    }

    fn answer(&self, sent: Result<Response<Body>, ureq::Error>) -> Result<Value, RemoteError> {
        let mut response = sent.map_err(|error| self.unanswered(&error))?;
        let status = response.status().as_u16();
        let text = response.body_mut().with_config().limit(BODY_BYTES_MAX).read_to_string();
        let text = text.map_err(|error| self.unanswered(&error))?;
        let address = self.address.clone();
        let path = || self.token.path.clone();
        if status == 200 {
            return serde_json::from_str(&text).map_err(|error| self.stranger(error.to_string()));
        }
        let text = match serde_json::from_str(&text) {
            Ok(Failure { error }) if status >= 400 => clean(&error),
            _ => return Err(self.stranger(format!("status {status}"))),
        };
        Err(match status {
            401 => RemoteError::WrongToken { address, path: path() },
            403 => RemoteError::ReadOnly { path: path() },
            503 => RemoteError::Unavailable { address, text },
            _ => RemoteError::Refused { status, text },
        })
    }

    fn unanswered(&self, error: &ureq::Error) -> RemoteError {
        match error {
            ureq::Error::Protocol(_)
            | ureq::Error::TooManyRedirects
            | ureq::Error::BodyExceedsLimit(_) => self.stranger(error.to_string()),
            ureq::Error::Io(error) => self.not_running(error.to_string()),
            _ => self.not_running(error.to_string()),
        }
    }

    fn not_running(&self, reason: String) -> RemoteError {
        RemoteError::NotRunning { address: self.address.clone(), reason: clean(&reason) }
    }
}

/// What an answer says that is not 200.
#[derive(Deserialize)]
struct Failure {
    error: String,
}

/// What a running node writes into its data folder.
#[derive(Deserialize)]
struct Addresses {
    health: Option<SocketAddr>,
}

/// Where the configured node listens.
fn find(config: &Config) -> Result<SocketAddr, RemoteError> {
    let address = config.health.listen.ok_or(RemoteError::Off)?;
    if address.port() != 0 {
        return Ok(reachable(address));
    }
    let path = config.node.data_dir.join("run").join("addresses.json");
    let written = fs::read(&path).and_then(|text| Ok(serde_json::from_slice::<Addresses>(&text)?));
    match written {
        Ok(Addresses { health: Some(address) }) => Ok(reachable(address)),
        Ok(Addresses { health: None }) => Err(RemoteError::Off),
        Err(source) => Err(RemoteError::NoAddress { path, source }),
    }
}

/// The operator's token, or the reader's where that one is out of reach and suffices.
fn find_token(config: &Config, role: Role) -> Result<Token, RemoteError> {
    let data_dir = &config.node.data_dir;
    let file =
        |named: &Option<PathBuf>, role| named.clone().unwrap_or_else(|| made_file(data_dir, role));
    let operator = read_token(&file(&config.admin.token_file, Role::Operator));
    match operator {
        Err(error) if role == Role::Reader => {
            read_token(&file(&config.admin.read_token_file, Role::Reader)).map_err(|_| error)
        }
        token => token,
    }
}

fn read_token(path: &Path) -> Result<Token, RemoteError> {
    let path = path.to_owned();
    if let Err(error) = secret::open(&path) {
        return Err(match error.kind() {
            io::ErrorKind::PermissionDenied => RemoteError::NoRight { path },
            io::ErrorKind::NotFound => {
                let reason = "is not there; is the node running, with this data folder?".to_owned();
                RemoteError::Token { path, reason }
            }
            _ => RemoteError::Token { path, reason: error.to_string() },
        });
    }
    match secret::read(&path, &secret::TOKEN) {
        Ok(secret) => Ok(Token { path, secret }),
        Err(reason) => Err(RemoteError::Token { path, reason }),
    }
}

/// Until the connection stands.
const CONNECT: Duration = Duration::from_secs(3);
/// Until the answer begins: the node has 5 seconds, and writes it then.
const ANSWER: Duration = Duration::from_secs(20);
/// Until the answer is there, however long it is.
const TOTAL: Duration = Duration::from_secs(60);
/// A million sessions are 200 MB.
const BODY_BYTES_MAX: u64 = 512 << 20;
