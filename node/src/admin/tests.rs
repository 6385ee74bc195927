//! The API with an actor in the pool's place: who may ask what, how requests are read, what is refused.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use actix::{Actor, Addr, Context, Handler, Message, ResponseFuture};
use actix_web::dev::Service;
use actix_web::http::{Method, StatusCode};
use actix_web::test::{TestRequest, init_service, read_body};
use actix_web::{App, web};
use serde_json::{Value, json};

use super::endpoint::ENDPOINTS;
use super::*;
use crate::auth::users::tests::Folder;
use crate::config::load_flags;
use crate::pool::{Question, Refusal};

/// What the actor does with a question.
#[derive(Clone, Debug)]
enum Mood {
    /// Says what it was asked.
    Repeat,
    Refuse(Refusal),
    /// Never answers.
    Silent,
}

/// In the pool's place.
struct Oracle {
    mood: Mood,
    asked: Vec<Question>,
}

#[derive(Message)]
#[rtype(result = "Vec<Question>")]
struct Asked;

impl Actor for Oracle {
    type Context = Context<Self>;
}

impl Handler<Ask> for Oracle {
    type Result = ResponseFuture<Result<Value, Refusal>>;

    fn handle(&mut self, Ask(question): Ask, _: &mut Self::Context) -> Self::Result {
        let text = question.to_string();
        self.asked.push(question);
        let mood = self.mood.clone();
        Box::pin(async move {
            match mood {
                Mood::Repeat => Ok(json!({ "asked": text })),
                Mood::Refuse(refusal) => Err(refusal),
                Mood::Silent => std::future::pending().await,
            }
        })
    }
}

impl Handler<Asked> for Oracle {
    type Result = Vec<Question>;

    fn handle(&mut self, _: Asked, _: &mut Self::Context) -> Self::Result {
        std::mem::take(&mut self.asked)
    }
}

/// An API with made tokens.
struct Bench {
    folder: Folder,
    oracle: Addr<Oracle>,
    admin: web::Data<Admin>,
}

/// What came back.
#[derive(Debug, PartialEq)]
struct Answer(u16, Value);

impl Bench {
    fn new(mood: Mood) -> Self {
        let limits = Limits { wrong_token: Duration::from_millis(1), ..LIMITS };
        Self::limited(mood, limits)
    }

    fn limited(mood: Mood, limits: Limits) -> Self {
        let folder = Folder::new();
        let oracle = Oracle { mood, asked: Vec::new() }.start();
        let settings = Settings::load(&config(&folder, &[]), None).unwrap();
        let admin = Admin::limited(oracle.clone().recipient(), settings, limits);
        Self { folder, oracle, admin: web::Data::new(admin) }
    }

    fn token(&self, role: Role) -> String {
        token(&self.folder, role)
    }

    /// One request with this token in its header.
    async fn send(&self, token: Option<&str>, method: Method, path: &str, body: &str) -> Answer {
        let mut request = TestRequest::default()
            .method(method)
            .uri(path)
            .peer_addr("192.0.2.9:5".parse().unwrap())
            .set_payload(body.to_owned());
        if let Some(token) = token {
            request = request.insert_header(("Authorization", format!("Bearer {token}")));
        }
        let app = App::new().app_data(self.admin.clone()).configure(routes);
        let server = init_service(app).await;
        let response = server.call(request.to_request()).await.unwrap();
        let status = response.status();
        assert_eq!(
            response.headers().contains_key("WWW-Authenticate"),
            status == StatusCode::UNAUTHORIZED
        );
        let body = read_body(response).await;
        Answer(status.as_u16(), serde_json::from_slice(&body).unwrap())
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Some(&self.token(Role::Reader)), Method::GET, path, "").await
    }

    async fn post(&self, path: &str, body: &str) -> Answer {
        self.send(Some(&self.token(Role::Operator)), Method::POST, path, body).await
    }

    async fn asked(&self) -> Vec<Question> {
        self.oracle.send(Asked).await.unwrap()
    }
}

fn config(folder: &Folder, flags: &[(&str, &str)]) -> Config {
    let mut flags = flags.to_vec();
    flags.push(("node.data_dir", folder.path().to_str().unwrap()));
    load_flags(&flags).unwrap().0
}

fn token(folder: &Folder, role: Role) -> String {
    fs::read_to_string(made_file(folder.path(), role)).unwrap().trim().to_owned()
}

fn error(status: u16, text: &str) -> Answer {
    Answer(status, json!({ "error": text }))
}

/// A path for each endpoint, and a body.
fn samples() -> Vec<(&'static super::endpoint::Endpoint, String, &'static str)> {
    let sample = |endpoint: &'static super::endpoint::Endpoint| {
        let path = endpoint.path.replace("{node}", "n1").replace("{number}", "7");
        let path = path.replace("{address:.*}", "192.0.2.1");
        let body = match (endpoint.method.as_str(), endpoint.path) {
            ("POST", "/v1/kick") => "{\"user\": \"ann\"}",
            ("POST", "/v1/bans") => "{\"address\": \"192.0.2.1\"}",
            _ => "",
        };
        (endpoint, path, body)
    };
    ENDPOINTS.iter().map(sample).collect()
}

#[actix::test]
async fn each_role_may_what_it_may() {
    let bench = Bench::new(Mood::Repeat);
    let (reader, operator) = (bench.token(Role::Reader), bench.token(Role::Operator));
    for (endpoint, path, body) in samples() {
        let longer = format!("{operator}0");
        let send = |token| bench.send(token, endpoint.method.clone(), &path, body);
        assert_eq!(
            send(None).await,
            error(401, "a token is needed, as in \"Authorization: Bearer ...\"")
        );
        for wrong in ["", "x", &reader[1..], &longer] {
            assert_eq!(send(Some(wrong)).await, error(401, "the token is wrong"), "{path}");
        }
        assert_eq!(bench.asked().await, [], "{path}");
        assert_eq!(send(Some(&operator)).await.0, 200, "{path}");
        let asked = bench.asked().await;
        assert_eq!(asked.len(), 1);
        let is_change = asked[0].is_change();
        assert_eq!(endpoint.role() == Role::Operator, is_change, "{path}");
        let answer = send(Some(&reader)).await;
        match is_change {
            true => {
                assert_eq!(answer, error(403, "this token may look and change nothing"), "{path}");
                assert_eq!(bench.asked().await, []);
            }
            false => assert_eq!(answer, Answer(200, json!({ "asked": asked[0].to_string() }))),
        }
        bench.asked().await;
    }
}

#[actix::test]
async fn the_list_needs_a_token_and_names_everything() {
    let bench = Bench::new(Mood::Repeat);
    assert_eq!(bench.send(None, Method::GET, "/v1", "").await.0, 401);
    let Answer(status, list) = bench.get("/v1").await;
    assert_eq!((status, &list["role"]), (200, &json!("reader")));
    let listed = list["endpoints"].as_array().unwrap();
    assert_eq!(listed.len(), ENDPOINTS.len());
    let unban = listed.iter().find(|endpoint| endpoint["method"] == "DELETE").unwrap();
    assert_eq!(unban["path"], "/v1/bans/{address}");
    assert_eq!(unban["role"], "operator");
}

#[test]
fn the_manual_names_everything() {
    let manual = include_str!("../manual/admin.md");
    for endpoint in ENDPOINTS {
        let item = format!("- `{} {}`: ", endpoint.method, endpoint.path.replace(":.*", ""));
        assert!(manual.contains(&item), "{item}");
    }
    let blocks = manual.split("```json\n").skip(1).filter_map(|text| text.split("```").next());
    for block in blocks {
        for value in serde_json::Deserializer::from_str(block).into_iter::<Value>() {
            assert!(value.is_ok_and(|value| value.is_object()), "{block}");
        }
    }
}

#[actix::test]
async fn requests_become_questions() {
    let bench = Bench::new(Mood::Repeat);
    let node = |name: &str| Some(flotilla_cluster::id::NodeId::new(name).unwrap());
    let client = std::net::IpAddr::from([192, 0, 2, 1]);
    bench.get("/v1/sessions?user=a%20b&node=n1").await;
    bench.get("/v1/sessions?address=::ffff:192.0.2.1").await;
    bench.get("/v1/sessions/n.1-a/42").await;
    bench.post("/v1/kick", "{\"session\": \"n1/7\", \"everybody\": false}").await;
    bench.post("/v1/bans", "{\"address\": \"192.0.2.1\", \"seconds\": 60}").await;
    bench.post("/v1/bans", "{\"address\": \"2001:db8::1\"}").await;
    for path in ["192.0.2.1", "192.0.2.1/32", "192.0.2.1%2F32", "2001:db8::/64"] {
        let path = format!("/v1/bans/{path}");
        bench.send(Some(&bench.token(Role::Operator)), Method::DELETE, &path, "").await;
    }
    bench.post("/v1/drain", "").await;
    bench.post("/v1/drain", "{\"node\": \"n2\", \"grace_seconds\": 0}").await;
    bench.get("/v1/log").await;
    bench.post("/v1/log", "{\"level\": \"debug\", \"seconds\": 600}").await;
    bench.post("/v1/log", "{\"level\": null}").await;
    let asked = bench.asked().await;
    let v6 = |text: &str| text.parse::<std::net::IpAddr>().unwrap();
    assert_eq!(
        asked,
        [
            Question::Sessions(crate::pool::Filter {
                user: Some("a b".to_owned()),
                node: node("n1"),
                ..Default::default()
            }),
            Question::Sessions(crate::pool::Filter { address: Some(client), ..Default::default() }),
            Question::Session(flotilla_cluster::session::SessionId::parse("n.1-a/42").unwrap()),
            Question::Kick(crate::pool::Target {
                session: flotilla_cluster::session::SessionId::parse("n1/7"),
                ..Default::default()
            }),
            Question::Ban { address: client, period: Duration::from_secs(60) },
            // limits.ban_for
            Question::Ban { address: v6("2001:db8::1"), period: Duration::from_secs(1800) },
            Question::Unban(client),
            Question::Unban(client),
            Question::Unban(client),
            Question::Unban(v6("2001:db8::")),
            Question::Drain { node: None, grace: None },
            Question::Drain { node: node("n2"), grace: Some(Duration::ZERO) },
            Question::LogLevel,
            Question::SetLogLevel {
                filter: Some("debug".to_owned()),
                period: Some(Duration::from_secs(600)),
            },
            Question::SetLogLevel { filter: None, period: None },
        ]
    );
}

#[actix::test]
async fn what_can_not_be_read_is_refused_with_its_reason() {
    let bench = Bench::new(Mood::Repeat);
    for (path, body, status, reason) in [
        ("/v1/kick", "", 400, "nobody is named"),
        ("/v1/kick", "{}", 400, "nobody is named"),
        ("/v1/kick", "{\"everybody\": false}", 400, "nobody is named"),
        (
            "/v1/kick",
            "{\"users\": \"ann\"}",
            400,
            "the body can not be read: unknown field `users`",
        ),
        ("/v1/kick", "{\"session\": \"7\"}", 400, "\"7\" is no session: expected node/number"),
        ("/v1/kick", "{\"user\": \"ann\"", 400, "the body can not be read: EOF"),
        ("/v1/bans", "", 400, "the body can not be read: missing field `address`"),
        (
            "/v1/bans",
            "{\"address\": \"here\"}",
            400,
            "the body can not be read: invalid IP address",
        ),
        ("/v1/bans", "{\"address\": \"::1\", \"seconds\": 0}", 400, "a ban of no seconds"),
        ("/v1/bans", "{\"address\": \"::1\", \"seconds\": 999999999999}", 400, "999999999999 sec"),
        ("/v1/drain", "{\"node\": \"a b\"}", 400, "the body can not be read: \"a b\" is no node"),
        ("/v1/drain", "{\"grace_seconds\": -1}", 400, "the body can not be read: invalid value"),
        ("/v1/undrain", &"x".repeat(20_000), 413, "the body is longer than 16384 bytes"),
        ("/v1/log", "{\"level\": \"info\", \"seconds\": 0}", 400, "a level for no seconds"),
        ("/v1/log", "{\"seconds\": 5}", 400, "no level is named"),
        ("/v1/nothing", "", 404, "there is no such thing; /v1 lists"),
        ("/v1/nodes", "", 405, "not by this method; /v1 lists"),
        ("/v1", "", 405, "not by this method"),
    ] {
        let Answer(got, answer) = bench.post(path, body).await;
        let text = answer["error"].as_str().unwrap();
        assert!(got == status && text.starts_with(reason), "{path} {body}: {got} {text}");
    }
    for (path, reason) in [
        ("/v1/sessions?usr=ann", "the query can not be read: "),
        ("/v1/sessions?address=x", "the query can not be read: "),
        ("/v1/sessions/n1/x", "\"n1/x\" is no session"),
        ("/v1/sessions/n%201/1", "\"n 1/1\" is no session"),
    ] {
        let Answer(got, answer) = bench.get(path).await;
        let text = answer["error"].as_str().unwrap();
        assert!(got == 400 && text.starts_with(reason), "{path}: {got} {text}");
    }
    let operator = bench.token(Role::Operator);
    for path in ["/v1/bans/x", "/v1/bans/192.0.2.0/24", "/v1/bans/2001:db8::/48", "/v1/bans/"] {
        let Answer(got, answer) = bench.send(Some(&operator), Method::DELETE, path, "").await;
        assert!(got == 400, "{path}: {got} {answer}");
    }
    assert_eq!(bench.asked().await, []);
}

#[actix::test]
async fn each_refusal_has_its_status() {
    for (refusal, status) in [
        (Refusal::Invalid("a".to_owned()), 400),
        (Refusal::NotFound("b".to_owned()), 404),
        (Refusal::Unavailable("c".to_owned()), 503),
        (Refusal::Busy("d".to_owned()), 503),
    ] {
        let bench = Bench::new(Mood::Refuse(refusal.clone()));
        assert_eq!(bench.get("/v1/nodes").await, error(status, &refusal.to_string()));
    }
}

/// With one place, of two requests at once one waits for its deadline and the other is turned away.
#[actix::test]
async fn neither_a_silent_pool_nor_a_crowd_holds_the_server() {
    let limits = Limits { deadline: Duration::from_millis(100), at_once: 1, ..LIMITS };
    let bench = Bench::limited(Mood::Silent, limits);
    let one = bench.get("/v1/nodes");
    let other = bench.get("/v1/policy");
    let (one, other) = futures_util::future::join(one, other).await;
    assert_eq!(one, error(503, "it took too long; a change that was asked for may still happen"));
    assert_eq!(other, error(503, "too many requests at once"));
    // The place is free again.
    assert_eq!(bench.get("/v1/nodes").await, one);
}

#[test]
fn tokens_are_made_at_every_start_and_kept_over_a_reload() {
    let folder = Folder::new();
    let load = |flags: &[(&str, &str)], old: Option<&Tokens>| {
        Tokens::load(&config(&folder, flags), old).unwrap()
    };
    let first = load(&[], None);
    let text = token(&folder, Role::Operator);
    assert!(text.len() == 64 && text.bytes().all(|c| c.is_ascii_hexdigit()), "{text}");
    for role in [Role::Operator, Role::Reader] {
        let mode = made_file(folder.path(), role).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_eq!(first.role(text.as_bytes()), Some(Role::Operator));
    assert_eq!(first.role(token(&folder, Role::Reader).as_bytes()), Some(Role::Reader));
    assert_eq!(first.role(b""), None);
    assert!(!format!("{first:?}").contains(&text[..8]));

    let reloaded = load(&[], Some(&first));
    assert_eq!(reloaded.role(text.as_bytes()), Some(Role::Operator));
    let second = load(&[], None);
    assert_eq!(second.role(text.as_bytes()), None);
    remove(folder.path());
    assert!(!made_file(folder.path(), Role::Operator).exists());
}

#[test]
fn tokens_of_files_are_read_again_at_a_reload() {
    let folder = Folder::new();
    let path = folder.path().join("token");
    let write = |text: &str, mode: u32| {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let named = config(&folder, &[("admin.token_file", path.to_str().unwrap())]);
    let made = Tokens::load(&config(&folder, &[]), None).unwrap();
    write("first-token-of-all\n", 0o600);
    let first = Tokens::load(&named, Some(&made)).unwrap();
    assert_eq!(first.role(b"first-token-of-all"), Some(Role::Operator));
    assert!(!made_file(folder.path(), Role::Operator).exists());
    assert_eq!(first.role(token(&folder, Role::Reader).as_bytes()), Some(Role::Reader));
    write("second-token-of-all\n", 0o600);
    let second = Tokens::load(&named, Some(&first)).unwrap();
    assert_eq!(second.role(b"first-token-of-all"), None);
    assert_eq!(second.role(b"second-token-of-all"), Some(Role::Operator));
    write("short", 0o600);
    let error = Tokens::load(&named, Some(&second)).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    let reason = format!("admin.token_file: {}: is too short to be secret", path.display());
    assert!(error.to_string().starts_with(&reason), "{error}");
}
