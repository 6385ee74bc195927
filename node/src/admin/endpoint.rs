//! What can be asked: one table of paths, of who may, and of how a request is read.

use std::net::IpAddr;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::web::Query;
use flotilla_cluster::id::NodeId;
use flotilla_cluster::session::SessionId;
use ipnet::IpNet;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Role;
use crate::pool::{Filter, Question, Refusal, Target};

/// One thing that can be asked.
pub(super) struct Endpoint {
    pub(super) method: Method,
    /// A pattern of actix-web.
    pub(super) path: &'static str,
    /// What it does, for the list at `/v1`.
    pub(super) what: &'static str,
    pub(super) read: fn(&Given<'_>) -> Result<Question, Refusal>,
}

/// What a request holds.
pub(super) struct Given<'a> {
    /// A part of the path.
    pub(super) part: &'a dyn Fn(&str) -> &'a str,
    pub(super) query: &'a str,
    /// Empty: as `{}`.
    pub(super) body: &'a [u8],
    /// Of a ban that does not say for how long.
    pub(super) ban_for: Duration,
}

impl Endpoint {
    /// Who may ask: looking is for both, a change for operators.
    pub(super) fn role(&self) -> Role {
        if self.method == Method::GET { Role::Reader } else { Role::Operator }
    }
}

/// All of them.
pub(super) static ENDPOINTS: &[Endpoint] = &[
    get("/v1/nodes", "the nodes of the pool and how they are", |_| Ok(Question::Nodes)),
    get("/v1/sessions", "the sessions; ?user=, ?address= and ?node= leave others out", |given| {
        Ok(Question::Sessions(given.query::<FilterQuery>()?.into()))
    }),
    get("/v1/sessions/{node}/{number}", "all that is known of one session", |given| {
        let id = format!("{}/{}", (given.part)("node"), (given.part)("number"));
        session_id(&id).map(Question::Session)
    }),
    post(
        "/v1/kick",
        "ends sessions: {\"session\", \"user\", \"address\", \"node\", \"everybody\"}",
        kick,
    ),
    get("/v1/bans", "the banned addresses", |_| Ok(Question::Bans)),
    post("/v1/bans", "bans an address: {\"address\", \"seconds\"}", ban),
    Endpoint {
        method: Method::DELETE,
        path: "/v1/bans/{address:.*}",
        what: "lifts the ban of an address",
        read: |given| banned_address((given.part)("address")).map(Question::Unban),
    },
    post("/v1/drain", "sends a node's clients away: {\"node\", \"grace_seconds\"}", |given| {
        let DrainBody { node, grace_seconds } = given.body()?;
        Ok(Question::Drain { node, grace: grace_seconds.map(seconds).transpose()? })
    }),
    post("/v1/undrain", "lets a node take clients again: {\"node\"}", |given| {
        let UndrainBody { node } = given.body()?;
        Ok(Question::Undrain { node })
    }),
    get("/v1/ports", "the passive ports of the nodes", |_| Ok(Question::Ports)),
    get("/v1/policy", "what the pool's leader decided for all nodes", |_| Ok(Question::Policy)),
    get("/v1/log", "what the node that is asked logs", |_| Ok(Question::LogLevel)),
    post("/v1/log", "has it log something else: {\"level\", \"seconds\"}", log_level),
];

const fn get(
    path: &'static str,
    what: &'static str,
    read: fn(&Given<'_>) -> Result<Question, Refusal>,
) -> Endpoint {
    Endpoint { method: Method::GET, path, what, read }
}

const fn post(
    path: &'static str,
    what: &'static str,
    read: fn(&Given<'_>) -> Result<Question, Refusal>,
) -> Endpoint {
    Endpoint { method: Method::POST, path, what, read }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct FilterQuery {
    user: Option<String>,
    address: Option<IpAddr>,
    node: Option<NodeId>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct KickBody {
    session: Option<String>,
    user: Option<String>,
    address: Option<IpAddr>,
    node: Option<NodeId>,
    everybody: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BanBody {
    address: IpAddr,
    seconds: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct DrainBody {
    node: Option<NodeId>,
    grace_seconds: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct UndrainBody {
    node: Option<NodeId>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct LogBody {
    level: Option<String>,
    seconds: Option<u64>,
}

impl From<FilterQuery> for Filter {
    fn from(query: FilterQuery) -> Self {
        let FilterQuery { user, address, node } = query;
        Self { user, address: address.map(|address| address.to_canonical()), node }
    }
}

impl Given<'_> {
    fn query<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        Query::from_query(self.query)
            .map(Query::into_inner)
            .map_err(|error| Refusal::Invalid(format!("the query can not be read: {error}")))
    }

    fn body<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let body = if self.body.is_empty() { b"{}" } else { self.body };
        serde_json::from_slice(body)
            .map_err(|error| Refusal::Invalid(format!("the body can not be read: {error}")))
    }
}

fn kick(given: &Given<'_>) -> Result<Question, Refusal> {
    let KickBody { session, user, address, node, everybody } = given.body()?;
    let session = session.as_deref().map(session_id).transpose()?;
    let address = address.map(|address| address.to_canonical());
    let target = Target { session, user, address, node, everybody };
    if target.is_empty() {
        return Err(Refusal::Invalid(
            "nobody is named: give session, user, address or node, or everybody as true".to_owned(),
        ));
    }
    Ok(Question::Kick(target))
}

fn ban(given: &Given<'_>) -> Result<Question, Refusal> {
    let BanBody { address, seconds: period } = given.body()?;
    let period = period.map_or(Ok(given.ban_for), seconds)?;
    if period.is_zero() {
        return Err(Refusal::Invalid("a ban of no seconds is none".to_owned()));
    }
    Ok(Question::Ban { address: address.to_canonical(), period })
}

fn log_level(given: &Given<'_>) -> Result<Question, Refusal> {
    let LogBody { level, seconds: period } = given.body()?;
    let period = period.map(seconds).transpose()?;
    if period.is_some_and(|period| period.is_zero()) {
        return Err(Refusal::Invalid("a level for no seconds is none".to_owned()));
    }
    if level.is_none() && period.is_some() {
        return Err(Refusal::Invalid(
            "no level is named: the configured one needs no time".to_owned(),
        ));
    }
    Ok(Question::SetLogLevel { filter: level, period })
}

fn session_id(text: &str) -> Result<SessionId, Refusal> {
    SessionId::parse(text)
        .ok_or_else(|| Refusal::Invalid(format!("{text:?} is no session: expected node/number")))
}

/// An address, also with the length of its network as bans are listed.
pub(crate) fn banned_address(text: &str) -> Result<IpAddr, Refusal> {
    let text = text.replace("%2F", "/").replace("%2f", "/");
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.to_canonical());
    }
    match text.parse::<IpNet>() {
        Ok(IpNet::V4(net)) if net.prefix_len() == 32 => Ok(net.addr().into()),
        Ok(IpNet::V6(net)) if matches!(net.prefix_len(), 64 | 128) => {
            Ok(IpAddr::from(net.addr()).to_canonical())
        }
        _ => Err(Refusal::Invalid(format!(
            "{text:?} is not what can be banned: an address, of IPv6 its /64"
        ))),
    }
}

fn seconds(seconds: u64) -> Result<Duration, Refusal> {
    match seconds {
        0..=SECONDS_MAX => Ok(Duration::from_secs(seconds)),
        _ => Err(Refusal::Invalid(format!("{seconds} seconds are more than ten years"))),
    }
}

/// Ten years, as in the configuration.
const SECONDS_MAX: u64 = 10 * 365 * 86_400;
