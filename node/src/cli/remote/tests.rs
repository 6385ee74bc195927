//! The verbs against a small HTTP server in a node's place.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use clap::Parser;
use serde_json::json;

use super::*;
use crate::auth::users::tests::Folder;
use crate::cli::{Cli, Verb};

/// A server that answers by a script, and a data folder with its tokens.
pub(super) struct Node {
    pub(super) folder: Folder,
    pub(super) address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

/// What a verb sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Request {
    /// As `GET /v1/nodes`.
    pub(super) line: String,
    pub(super) authorization: String,
    /// `null` without one.
    pub(super) body: Value,
}

/// What a verb did.
pub(super) struct Outcome {
    pub(super) result: Result<(), RemoteError>,
    pub(super) out: String,
    pub(super) notes: String,
}

impl Node {
    /// Answers the requests one after another with these, and the last for ever.
    pub(super) fn new(answers: Vec<(u16, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let written = Arc::clone(&requests);
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let Some(request) = receive(&stream) else { continue };
                written.lock().unwrap().push(request);
                let (status, body) = answers.get(number).or(answers.last()).unwrap();
                let head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\n");
                let length = body.len();
                // Whoever hung up does not want it.
                let _ = write!(stream, "{head}Content-Length: {length}\r\n\r\n{body}");
            }
        });
        let folder = Folder::new();
        let node = Self { folder, address, requests };
        node.put("run/admin.token", OPERATOR, 0o600);
        node.put("run/admin-read.token", READER, 0o600);
        node
    }

    /// Answers this, always.
    pub(super) fn saying(value: Value) -> Self {
        Self::new(vec![(200, value.to_string())])
    }

    pub(super) fn put(&self, name: &str, text: &str, mode: u32) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Runs a verb that asks this node.
    pub(super) fn run(&self, words: &str) -> Outcome {
        run_in(self.folder.path(), &format!("{words} --admin {}", self.address))
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn receive(stream: &TcpStream) -> Option<Request> {
    let mut stream = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok().filter(|count| *count > 0)?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let header = |name: &str| {
        let fields = lines.iter().filter_map(|line| line.split_once(": "));
        let mut named = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value.to_owned())
    };
    let length = header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Request {
        line: lines[0].trim_end_matches(" HTTP/1.1").to_owned(),
        authorization: header("authorization").unwrap_or_default(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    })
}

pub(super) fn run_in(data_dir: &Path, words: &str) -> Outcome {
    let words = format!("flotilla {words} --data-dir {}", data_dir.display());
    let verb = Cli::try_parse_from(words.split(' ')).unwrap().verb;
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    let talk = &mut Talk { out: &mut out, notes: &mut notes };
    let result = match verb {
        Verb::Nodes(args) => nodes::run(&args, talk),
        Verb::Who(args) => who::run(&args, talk),
        Verb::Kick(args) => kick::run(&args, talk),
        Verb::Ban(verb) => ban::run(&verb, talk),
        Verb::Drain(args) => drain::run(&args, talk),
        Verb::Undrain(args) => drain::undrain(&args, talk),
        Verb::Ports(args) => ports::run(&args, talk),
        Verb::Policy(args) => policy::run(&args, talk),
        other => panic!("{other:?}"),
    };
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Outcome { result, out: text(out), notes: text(notes) }
}

impl Outcome {
    /// What it printed, if it did not fail.
    pub(super) fn printed(self) -> String {
        self.result.unwrap();
        assert_eq!(self.notes, "");
        self.out
    }

    /// Its exit code and error.
    pub(super) fn failure(self) -> (u8, String) {
        let error = ServeError::from(self.result.unwrap_err());
        (error.exit_code(), error.to_string())
    }
}

#[test]
fn nodes_are_listed_with_what_is_wrong_with_them() {
    let node = Node::saying(json!({
        "pool": "main", "self": "n1", "leader": "n1", "later": 1,
        "store": {"name": "redis 10.0.0.7:6379", "state": "degraded", "reason": "no \u{1b}[1manswer", "since_s": 12},
        "nodes": [
            {"id": "n1", "generation": 1, "leader": true, "self": true, "state": "ready", "reasons": {},
             "version": "0.1.0", "zone": "a", "addresses": ["ftp://10.0.0.1:21", "ssh://10.0.0.1:22"], "sessions": 3,
             "transfers": 1, "bytes_per_second": 1_572_864, "cpu_percent": 12.34, "lag_ms": 2, "weight": 100,
             "config": "same", "differs": [], "beat_ms_ago": 1350},
            {"id": "node-2", "state": "unready", "version": null, "weight": null, "reasons": {"storage": "hangs"}, "config": "differs",
             "differs": ["limits.sessions", "ftp.tls"], "zone": null},
        ],
    }));
    assert_eq!(
        node.run("nodes").printed(),
        "pool main, leader n1, store redis 10.0.0.7:6379 degraded for 12s (no \\u{1b}[1manswer)\n\
         \n\
         NODE    STATE    ROLE          ZONE  VERSION  SESSIONS  TRANSFERS       RATE    CPU   LAG  WEIGHT  CONFIG    BEAT  ADDRESSES\n\
         n1      ready    leader,asked  a     0.1.0           3          1  1.5 MiB/s  12.3%  2 ms     100  same     1.3 s  ftp://10.0.0.1:21 ssh://10.0.0.1:22\n\
         node-2  unready                                      0          0              0.0%  0 ms       0  differs\n\
         \n\
         node-2: storage: hangs\n\
         node-2: its configuration differs in limits.sessions, ftp.tls\n"
    );
    assert_eq!(node.requests()[0].line, "GET /v1/nodes");
    assert_eq!(node.requests()[0].authorization, format!("Bearer {OPERATOR}"));
    // With --json nothing is lost, and nothing reaches the terminal raw.
    let shown = node.run("nodes --json").printed();
    assert_eq!(serde_json::from_str::<Value>(&shown).unwrap()["later"], 1);
    assert!(!shown.contains('\u{1b}'));
}

#[test]
fn sessions_are_listed_and_names_of_clients_are_harmless() {
    let session = json!({
        "id": "n1/12", "node": "n1", "user": "a\n\u{1b}]0;x\u{7}", "protocol": "ftps", "client": "192.0.2.1",
        "since": 0, "command": "RETR", "path": "/\u{202e}gpj", "direction": "download", "bytes": 2048,
        "bytes_per_second": 1024,
    });
    let idle = json!({
        "id": "n2/1", "user": "bob", "protocol": "ssh", "client": "2001:db8::1", "since": 0, "direction": null,
    });
    let node = Node::saying(json!({ "sessions": [session, idle], "missing": ["n3"], "more": 7 }));
    let outcome = node.run("who --user a&b=%ä --address 192.0.2.1 --node n1");
    let line = outcome.out.lines().nth(1).unwrap();
    assert!(line.starts_with("n1/12    a\\u{a}\\u{1b}]0;x\\u{7}  ftps"), "{line}");
    assert!(line.ends_with("  download  2.0 KiB  1.0 KiB/s  RETR /\\u{202e}gpj"), "{line}");
    assert_eq!(outcome.out.lines().count(), 3);
    assert_eq!(
        outcome.notes,
        "flotilla: the list is full: 7 more are left out\n\
         flotilla: no answer in time from n3: the list lacks theirs\n",
    );
    assert_eq!(
        node.requests()[0].line,
        "GET /v1/sessions?user=a%26b%3D%25%C3%A4&address=192.0.2.1&node=n1"
    );
    node.run("who");
    assert_eq!(node.requests()[1].line, "GET /v1/sessions");
}

#[test]
fn a_kick_says_how_many_and_whom_it_did_not_reach() {
    let node = Node::saying(json!({ "kicked": 1, "missing": [] }));
    assert_eq!(node.run("kick n1/12").printed(), "1 session ended\n");
    assert_eq!(node.run("kick --user ann --node n2").printed(), "1 session ended\n");
    node.run("kick --all").printed();
    let body = |number: usize| node.requests()[number].body.clone();
    assert_eq!(
        body(0),
        json!({ "session": "n1/12", "user": null, "address": null, "node": null, "everybody": false })
    );
    assert_eq!((&body(1)["user"], &body(1)["node"]), (&json!("ann"), &json!("n2")));
    assert_eq!(body(2)["everybody"], true);
    assert_eq!(node.requests()[0].line, "POST /v1/kick");

    let node = Node::saying(json!({ "kicked": 0, "missing": [] }));
    assert_eq!(node.run("kick n1/9").failure(), (1, "there was no such session".to_owned()));
    let node = Node::saying(json!({ "kicked": 2, "missing": ["n2", "n3"] }));
    let outcome = node.run("kick --all");
    assert_eq!(outcome.out, "2 sessions ended\n");
    let text = "no answer in time from n2, n3: sessions there may go on".to_owned();
    assert_eq!(outcome.failure(), (1, text));
}

#[test]
fn bans_are_listed_made_and_lifted() {
    let node = Node::saying(json!({
        "bans": [{"address": "192.0.2.1/32", "seconds": 1799, "by": "operator"}]
    }));
    assert_eq!(
        node.run("ban ls").printed(),
        "ADDRESS       LEFT     BY\n192.0.2.1/32  29m 59s  operator\n"
    );
    let node = Node::saying(json!({ "banned": "192.0.2.1/32", "seconds": 60 }));
    let banned = "192.0.2.1/32 is banned for 1m\n";
    assert_eq!(node.run("ban add 192.0.2.1 --for 59s1ms").printed(), banned);
    node.run("ban add ::ffff:192.0.2.1").printed();
    let bodies: Vec<_> = node.requests().into_iter().map(|request| request.body).collect();
    assert_eq!(
        bodies,
        [
            json!({ "address": "192.0.2.1", "seconds": 60 }),
            json!({ "address": "192.0.2.1", "seconds": null }),
        ]
    );
    let node = Node::new(vec![
        (200, json!({ "lifted": true }).to_string()),
        (200, json!({ "lifted": false }).to_string()),
    ]);
    assert_eq!(node.run("ban rm 2001:db8::/64").printed(), "the ban of 2001:db8:: is lifted\n");
    assert_eq!(
        node.run("ban rm 192.0.2.1/32").failure(),
        (1, "192.0.2.1 is not banned".to_owned())
    );
    assert_eq!(node.requests()[0].line, "DELETE /v1/bans/2001:db8::");
}

#[test]
fn ports_and_policy_are_shown() {
    let node = Node::saying(json!({
        "mode": "shared", "range": "61000-61999", "missing": ["n3"],
        "blocks": {"size": 15, "count": 67, "free": 61, "owners": [
            {"node": "n1", "alive": true, "relay": "10.0.0.1:2120", "blocks": 4,
             "ports": ["61000-61044", "61060-61074"]},
            {"node": "n2", "alive": false, "relay": null, "blocks": 2, "ports": ["61075-61104"]},
        ]},
        "nodes": [{"id": "n1", "listening": 4, "pending": 1, "lingering": 0, "granted": 17,
                   "exhausted": 2, "blocks": ["61000-61044", {"first": 1}],
                   "withdrawn": ["61060-61074"],
                   "relays": {"active": 1, "sent": 5, "received": 4, "bytes": 2048}}],
    }));
    let outcome = node.run("ports");
    assert_eq!(
        outcome.out,
        "mode shared, range 61000-61999 in 67 blocks of 15, 61 free\n\
         \n\
         NODE  LISTENING  PENDING  LINGERING  GRANTED  EXHAUSTED  RELAYS                       \
         OFFERED                  WITHDRAWN\n\
         n1            4        1          0       17          2  1 now, 5 out, 4 in, 2.0 KiB  \
         61000-61044 {\"first\":1}  61060-61074\n\
         \n\
         OWNER  STATE   RELAY          BLOCKS  PORTS\n\
         n1     alive   10.0.0.1:2120       4  61000-61044 61060-61074\n\
         n2     silent                      2  61075-61104\n"
    );
    assert!(outcome.notes.contains("from n3"), "{}", outcome.notes);
    let alone =
        Node::saying(json!({"mode": "direct", "range": "61000-61999", "nodes": [{"id": "n1"}]}));
    let printed = alone.run("ports").printed();
    assert!(printed.starts_with("mode direct, range 61000-61999\n\n"), "{printed}");
    assert!(!printed.contains("OWNER"), "{printed}");
    let node = Node::saying(json!({
        "revision": 7, "by": "n1", "limits": {"sessions": 50, "per_user": 0},
        "share": {"nodes": 3, "sessions": 17, "per_user": 0}, "storage": "", "tickets": 3,
    }));
    assert_eq!(
        node.run("policy").printed(),
        "revision 7 by n1, no mark on the storage, ticket keys of version 3\n\
         \n\
         LIMIT     POOL  NODE ALONE\n\
         per_user  none        none\n\
         sessions    50          17\n\
         \n\
         alone: what one of 3 nodes admits while the store is away\n"
    );
}

#[test]
fn the_ways_of_clients_and_what_keeps_them_are_shown() {
    let node = Node::saying(json!({
        "revision": 7, "by": "n1",
        "listeners": [
            {"service": "ftp", "address": "0.0.0.0:21", "mode": "shared", "reason": "ingress.mode"},
            {"service": "ssh", "address": "[::]:22", "mode": "shared", "reason": "ingress.mode"},
        ],
        "keepalive": {
            "smallest_ms": 60_000,
            "timers": [{"name": "classic balancer", "after_ms": 60_000, "source": "ingress.balancer",
                        "resets": "payload"}],
            "probes": {"idle_ms": 20_000, "interval_ms": 8_000, "count": 4, "user_timeout_ms": 52_000},
            "ssh_ms": 30_000, "ftp_idle": {"after_ms": 54_000, "reason": "it closes"},
            "payload_ms": 20_000, "progress_lines": false, "cuts": ["clear \u{1b}FTP"],
        },
    }));
    let printed = node.run("policy").printed();
    let (_, told) = printed.split_once("LISTENER").unwrap();
    assert_eq!(
        told,
        "    SERVICE  MODE    BECAUSE OF\n\
         0.0.0.0:21  ftp      shared  ingress.mode\n\
         [::]:22     ssh      shared  ingress.mode\n\
         \n\
         TIMER             AFTER  RESET BY  BECAUSE OF\n\
         classic balancer     1m  payload   ingress.balancer\n\
         \n\
         silent connections are lost after 1m\n\
         tcp keepalive after 20s, then every 8s, 4 times; who takes no byte for 52s is gone\n\
         ssh keepalive requests every 30s\n\
         ftp sessions may be idle for 54s at most: it closes\n\
         control connections in mid-transfer get payload every 20s: a KeyUpdate of TLS 1.3; in clear \
         nothing (ingress.progress_lines)\n\
         not kept: clear \\u{1b}FTP\n"
    );
    let node = Node::saying(json!({ "keepalive": {"probes": {"idle_ms": 75_000}} }));
    let printed = node.run("policy").printed();
    assert!(printed.contains("nothing is known on the path"), "{printed}");
    assert!(printed.contains("no ssh keepalive requests"), "{printed}");
}

#[test]
fn each_failure_says_what_to_do() {
    let error = |text: &str| json!({ "error": text }).to_string();
    for (status, body, code, text) in [
        (
            401,
            error("the token is wrong"),
            1,
            "NODE does not take the token in FOLDER/run/admin.token: it is another node's, or an old one",
        ),
        (403, error("x"), 1, "the token in FOLDER/run/admin.token may look and change nothing"),
        (400, error("nobody is\u{1b} named"), 2, "nobody is\\u{1b} named"),
        (404, error("there is no node n9"), 1, "there is no node n9"),
        (503, error("the store is away"), 1, "NODE can not do it now: the store is away"),
        (404, String::new(), 1, "what answers at NODE has no admin API: status 404"),
        (302, error("x"), 1, "what answers at NODE has no admin API: "),
        (200, "<html>".to_owned(), 1, "what answers at NODE has no admin API: expected value"),
        (
            200,
            json!({ "kicked": "x" }).to_string(),
            1,
            "what answers at NODE has no admin API: invalid type",
        ),
    ] {
        let node = Node::new(vec![(status, body)]);
        let (got, said) = node.run("kick --all").failure();
        let said = said.replace(&node.address.to_string(), "NODE");
        let said = said.replace(&node.folder.path().display().to_string(), "FOLDER");
        assert!(got == code && said.starts_with(text), "{status}: {got} {said}");
    }
    let node = Node::saying(json!({}));
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (code, said) = run_in(node.folder.path(), &format!("nodes --admin {gone}")).failure();
    assert_eq!(code, 1);
    assert!(
        said.starts_with(&format!("nobody answers at {gone}, is the node running? (")),
        "{said}"
    );
}

#[test]
fn the_node_is_found_by_its_configuration() {
    let node = Node::saying(json!({ "bans": [] }));
    let folder = node.folder.path();
    let fixed = format!("ban ls --set health.listen={}", node.address);
    run_in(folder, &fixed).printed();

    let any = "ban ls --set health.listen=127.0.0.1:0";
    let (code, said) = run_in(folder, any).failure();
    assert_eq!(code, 1);
    assert!(said.starts_with("the node does not run, or not with this data folder: "), "{said}");
    node.put("run/addresses.json", &json!({ "health": node.address }).to_string(), 0o600);
    run_in(folder, any).printed();
    assert_eq!(node.requests().len(), 2);

    let (code, said) = run_in(folder, "ban ls --set health.listen=").failure();
    assert_eq!(code, 1);
    assert!(said.starts_with("health.listen is empty"), "{said}");
    assert_eq!(run_in(folder, "ban ls --set health.lisen=").failure().0, 2);
}

#[test]
fn the_token_is_the_one_that_is_named_or_within_reach() {
    let node = Node::saying(json!({ "bans": [] }));
    let path = |name: &str| node.folder.path().join(name);
    let shown = |words: &str| {
        node.run(words).printed();
        node.requests().pop().unwrap().authorization
    };
    node.put("own", "a-token-of-my-own\n", 0o600);
    let named = format!("ban ls --token-file {}", path("own").display());
    assert_eq!(shown(&named), "Bearer a-token-of-my-own");
    let configured = format!("ban ls --set admin.token_file={}", path("own").display());
    assert_eq!(shown(&configured), "Bearer a-token-of-my-own");
    assert_eq!(shown("ban ls"), format!("Bearer {OPERATOR}"));

    fs::remove_file(path("run/admin.token")).unwrap();
    assert_eq!(shown("ban ls"), format!("Bearer {READER}"));
    let missing = format!(
        "the token in {}: is not there; is the node running, with this data folder?",
        path("run/admin.token").display()
    );
    assert_eq!(node.run("kick --all").failure(), (1, missing.clone()));
    fs::remove_file(path("run/admin-read.token")).unwrap();
    assert_eq!(node.run("ban ls").failure(), (1, missing));

    node.put("own", "a-token-of-my-own\n", 0o644);
    let reason = "others can use it (mode 644); `chmod 640` it";
    let open = format!("the token in {}: {reason}", path("own").display());
    assert_eq!(node.run(&named).failure(), (1, open));
    if !rustix::process::geteuid().is_root() {
        node.put("own", "a-token-of-my-own\n", 0o000);
        let (_, said) = node.run(&named).failure();
        assert!(said.starts_with("no right to read the token in "), "{said}");
    }
}

#[test]
fn places_are_host_and_port() {
    for right in ["127.0.0.1:8081", "[::1]:8081", "ftp-1.example.org:80"] {
        assert_eq!(place(right).as_deref(), Ok(right));
    }
    for wrong in [
        "",
        "a",
        ":80",
        "a:0",
        "127.0.0.1:0",
        "a:99999",
        "http://a:80",
        "u@a:80",
        "::1:x",
        "a/b:80",
    ] {
        assert!(place(wrong).is_err(), "{wrong}");
    }
}

const OPERATOR: &str = "the-operators-own-token";
const READER: &str = "a-token-for-readers";
