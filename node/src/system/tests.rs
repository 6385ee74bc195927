//! A whole node in this process, with clients over loopback: what its operators can not reach by a signal.

mod ssh;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use actix::{Actor, Context, Handler};
use flotilla_cluster::order::Whom;
use flotilla_cluster::session::{Direction, Protocol, SessionRecord};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedSender;

use super::Settled;
use super::drain::{Phase, Progress};
use super::*;
use crate::auth::users::tests::Folder;
use crate::auth::worker::Workers;
use crate::config::load_flags;
use crate::listen::{Count, Describe, Kick, ReadLoad, Watch};
use crate::roster::{Gathered, Load};

/// A running node, and its folder.
struct Bench {
    _folder: Folder,
    ftp: SocketAddr,
    ssh: Option<SocketAddr>,
    acceptors: Vec<Addr<Acceptor>>,
    readiness: Arc<Readiness>,
    hashers: Arc<Workers>,
    drain: DrainHandle,
    control: mpsc::Sender<Control>,
    served: JoinHandle<Result<(), ServeError>>,
}

impl Bench {
    async fn start(flags: &[(&str, &str)]) -> Self {
        let folder = Folder::new();
        let user =
            |name| format!("[[user]]\nname = \"{name}\"\nhome = \".\"\npassword = \"{HASH}\"\n");
        let users = user("ann") + &user("bob");
        std::fs::create_dir(folder.path().join("files")).unwrap();
        std::fs::write(folder.path().join("files/big"), vec![7; BIG]).unwrap();
        std::fs::write(folder.path().join("users.toml"), users).unwrap();
        let data_dir = folder.path().display().to_string();
        let mut all = vec![
            ("node.data_dir", data_dir.as_str()),
            ("node.workers", "1"),
            ("ftp.listen", "127.0.0.1:0"),
            ("ssh.listen", ""),
            ("health.listen", ""),
        ];
        all.extend(flags);
        let (mut config, _) = load_flags(&all).unwrap();
        let (control, mut controlled) = mpsc::channel(1);
        let joined = join::join(&mut config, &mut controlled).await.unwrap().unwrap();
        let mut node = Node::start(config, joined, Settled::default()).await.unwrap();
        Self {
            _folder: folder,
            ftp: node.addresses.ftp[0],
            ssh: node.addresses.ssh.first().copied(),
            acceptors: node.acceptors.clone(),
            readiness: Arc::clone(&node.readiness),
            hashers: Arc::clone(&node.policy.hashers),
            drain: node.drain.clone(),
            control,
            served: actix::spawn(async move {
                let result = node.serve(controlled, None).await;
                node.end().await;
                result
            }),
        }
    }

    fn acceptor(&self) -> &Addr<Acceptor> {
        &self.acceptors[0]
    }

    async fn kick(&self, whom: Whom) -> usize {
        self.acceptor().send(Kick(whom)).await.unwrap()
    }

    /// Waits until the drain is that far.
    async fn progress(&self, is_met: impl FnMut(&Progress) -> bool) -> Progress {
        let mut progress = self.drain.progress();
        let met = tokio::time::timeout(DEADLINE, progress.wait_for(is_met)).await;
        *met.expect("the drain gets that far").unwrap()
    }

    async fn load(&self) -> Load {
        self.acceptor().send(ReadLoad).await.unwrap()
    }

    /// Waits until so many connections are left.
    async fn until_left(&self, count: usize) {
        eventually(async || self.acceptor().send(Count).await.unwrap() <= count).await;
    }

    async fn stop(self) {
        self.control.send(Control::Stop).await.unwrap();
        tokio::time::timeout(DEADLINE, self.served).await.expect("it ends").unwrap().unwrap();
    }
}

/// Asks until it is so.
async fn eventually(mut is_met: impl AsyncFnMut() -> bool) {
    let asked = async {
        while !is_met().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, asked).await.expect("it is so in time");
}

/// A client.
struct Client(BufReader<TcpStream>);

impl Client {
    async fn connect(bench: &Bench) -> Self {
        Self(BufReader::new(TcpStream::connect(bench.ftp).await.unwrap()))
    }

    async fn login(bench: &Bench, user: &str) -> Self {
        let mut client = Self::connect(bench).await;
        client.expect("220").await;
        client.ask(&format!("USER {user}"), "331").await;
        client.ask("PASS swordfish", "230").await;
        client.ask("TYPE I", "200").await;
        client
    }

    async fn send(&mut self, line: &str) {
        self.0.get_mut().write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
    }

    async fn ask(&mut self, line: &str, code: &str) -> String {
        self.send(line).await;
        self.expect(code).await
    }

    /// The last line of the next reply.
    async fn expect(&mut self, code: &str) -> String {
        loop {
            let mut line = String::new();
            tokio::time::timeout(DEADLINE, self.0.read_line(&mut line)).await.unwrap().unwrap();
            assert!(line.starts_with(code), "{line:?}, not {code}");
            if line.as_bytes().get(3) == Some(&b' ') {
                return line;
            }
        }
    }

    /// Nothing more is said, and the connection ends.
    async fn expect_end(&mut self) {
        let mut rest = Vec::new();
        let read = tokio::time::timeout(DEADLINE, self.0.read_to_end(&mut rest)).await.unwrap();
        assert!(rest.is_empty() || read.is_err(), "{}", String::from_utf8_lossy(&rest));
    }

    /// Begins a transfer; the data connection.
    async fn begin(&mut self, line: &str) -> TcpStream {
        let reply = self.ask("EPSV", "229").await;
        let port: String = reply.chars().skip(3).filter(char::is_ascii_digit).collect();
        let address = (self.0.get_ref().peer_addr().unwrap().ip(), port.parse().unwrap());
        let data = TcpStream::connect(address).await.unwrap();
        self.ask(line, "150").await;
        data
    }
}

/// Passes on what it is told.
struct Watcher(UnboundedSender<Gathered>);

impl Actor for Watcher {
    type Context = Context<Self>;
}

impl Handler<Gathered> for Watcher {
    type Result = ();

    fn handle(&mut self, message: Gathered, _: &mut Self::Context) {
        let _ = self.0.send(message);
    }
}

/// What is known of the sessions, as it comes in.
struct Known {
    records: BTreeMap<u64, SessionRecord>,
    gathered: mpsc::UnboundedReceiver<Gathered>,
}

impl Known {
    async fn watch(bench: &Bench) -> Self {
        let (sender, gathered) = mpsc::unbounded_channel();
        bench.acceptor().send(Watch(Watcher(sender).start().recipient())).await.unwrap();
        Self { records: BTreeMap::new(), gathered }
    }

    async fn until(&mut self, is_met: impl Fn(&BTreeMap<u64, SessionRecord>) -> bool) {
        while !is_met(&self.records) {
            let gathered = tokio::time::timeout(DEADLINE, self.gathered.recv()).await;
            let gathered = gathered.expect("the records come to that").unwrap();
            gathered.ended.iter().for_each(|number| drop(self.records.remove(number)));
            self.records.extend(gathered.changed);
        }
    }
}

#[actix::test]
async fn sessions_are_told_of_while_they_live() {
    let bench = Bench::start(&[]).await;
    let mut ann = Client::login(&bench, "ann").await;
    let mut known = Known::watch(&bench).await;
    known.until(|records| records.len() == 1).await;
    let (&number, record) = known.records.iter().next().unwrap();
    assert_eq!((record.user.as_str(), record.protocol), ("ann", Protocol::Ftp));
    assert_eq!(record.client, Some([127, 0, 0, 1].into()));
    assert_eq!((record.command.as_str(), record.bytes), ("", 0));

    ann.ask("CLNT a test", "200").await;
    let mut data = ann.begin("RETR big").await;
    data.read_exact(&mut [0; 1000]).await.unwrap();
    known.until(|records| records.values().any(|record| record.bytes > 1000)).await;
    let record = &known.records[&number];
    assert_eq!((record.command.as_str(), record.path.as_str()), ("RETR", "/big"));
    assert_eq!(record.direction, Direction::Download);
    let told = bench.acceptor().send(Describe(number)).await.unwrap().unwrap();
    assert_eq!(told["software"], "a test");
    assert_eq!(told["transfers"][0]["path"], "/big");
    let load = bench.load().await;
    assert_eq!((load.sessions, load.transfers), (1, 1));
    assert!(load.bytes > 1000);

    let mut rest = Vec::new();
    data.read_to_end(&mut rest).await.unwrap();
    ann.expect("226").await;
    let load = bench.load().await;
    assert_eq!((load.transfers, load.bytes), (0, BIG as u64));
    known.until(|records| records.values().all(|record| record.command.is_empty())).await;

    // REIN is a logout, and the end of the connection is another.
    let mut bob = Client::login(&bench, "bob").await;
    known.until(|records| records.len() == 2).await;
    bob.ask("REIN", "220").await;
    known.until(|records| records.len() == 1).await;
    ann.ask("QUIT", "221").await;
    known.until(BTreeMap::is_empty).await;
    assert!(bench.acceptor().send(Describe(number)).await.unwrap().is_none());
    drop((ann, bob));
    bench.stop().await;
}

#[actix::test]
async fn kicks_end_sessions_and_transfers() {
    let bench = Bench::start(&[]).await;
    let mut idle = Client::login(&bench, "ann").await;
    let mut other = Client::login(&bench, "bob").await;
    let mut sender = Client::login(&bench, "ann").await;
    let mut upload = sender.begin("STOR up").await;
    upload.write_all(&[1; 100_000]).await.unwrap();
    // It reads nothing at all.
    let mut deaf = Client::login(&bench, "ann").await;
    let _download = deaf.begin("RETR big").await;
    // The third connection is the one that sends.
    let received = async || {
        let told = bench.acceptor().send(Describe(3)).await.unwrap().unwrap();
        told["transfers"][0]["bytes"].as_u64()
    };
    eventually(async || received().await == Some(100_000)).await;
    assert_eq!(bench.kick(Whom::default()).await, 0);
    let begun = Instant::now();
    assert_eq!(bench.kick(Whom { user: Some("ann".to_owned()), ..Whom::default() }).await, 3);
    let said = idle.expect("421").await;
    assert!(said.contains("operator"), "{said}");
    sender.expect("426").await;
    sender.expect("421").await;
    bench.until_left(1).await;
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(bench.load().await.sessions, 1);
    other.ask("NOOP", "200").await;
    // What was written is kept for its owner.
    let mut again = Client::login(&bench, "ann").await;
    again.ask("SIZE up", "213 ").await;
    assert_eq!(bench.kick(Whom { everybody: true, ..Whom::default() }).await, 2);
    other.expect("421").await;
    again.expect("421").await;
    drop((idle, other, sender, deaf, again));
    bench.stop().await;
}

#[actix::test]
async fn a_drain_can_be_taken_back() {
    let bench = Bench::start(&[]).await;
    let mut idle = Client::login(&bench, "ann").await;
    let mut stranger = Client::connect(&bench).await;
    stranger.expect("220").await;
    let mut busy = Client::login(&bench, "ann").await;
    let mut data = busy.begin("RETR big").await;
    assert!(bench.drain.drain(Some(Duration::from_secs(3600))));
    let text = "This node is draining; please connect again.";
    for gone in [&mut idle, &mut stranger] {
        assert!(gone.expect("421").await.contains(text));
        gone.expect_end().await;
    }
    let progress =
        bench.progress(|progress| (progress.sessions, progress.transfers) == (1, 1)).await;
    assert_eq!((progress.phase, progress.is_final), (Phase::Closing, false));
    assert!(
        progress.seconds_left(Instant::now()).is_some_and(|left| (3590..=3600).contains(&left))
    );
    let reasons = bench.readiness.reasons();
    assert!(
        reasons[crate::health::DRAINING].contains("sessions left: 1, transfers left: 1"),
        "{reasons:?}"
    );
    let mut newcomer = Client::connect(&bench).await;
    assert!(newcomer.expect("421").await.contains(text));
    newcomer.expect_end().await;

    assert!(bench.drain.undrain());
    bench.progress(|progress| progress.phase == Phase::Serving).await;
    assert!(bench.readiness.reasons().is_empty());
    let mut newcomer = Client::login(&bench, "ann").await;
    // The one that transferred stays as well.
    let mut all = Vec::new();
    data.read_to_end(&mut all).await.unwrap();
    assert!(all.len() == BIG && all.iter().all(|&byte| byte == 7));
    busy.expect("226").await;
    busy.ask("NOOP", "200").await;

    // Again, until nobody is left; and even that is not the end.
    assert!(bench.drain.drain(None));
    for gone in [&mut newcomer, &mut busy] {
        gone.expect("421").await;
        gone.expect_end().await;
    }
    drop((idle, stranger, newcomer, busy));
    bench.progress(|progress| progress.phase == Phase::Drained).await;
    assert!(bench.drain.undrain());
    bench.progress(|progress| progress.phase == Phase::Serving).await;
    Client::login(&bench, "ann").await.ask("NOOP", "200").await;
    bench.stop().await;
}

/// A password that is right, but was judged while the door closed.
#[actix::test]
async fn a_login_under_way_is_refused() {
    let bench = Bench::start(&[]).await;
    let mut late = Client::connect(&bench).await;
    late.expect("220").await;
    late.ask("USER ann", "331").await;
    // Nobody judges anything until the gate is opened.
    let (gate, judges) = std::sync::mpsc::channel::<()>();
    let judges = Arc::new(std::sync::Mutex::new(judges));
    let (waits, mut waiting) = mpsc::channel(1);
    for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
        let (hashers, judges) = (Arc::clone(&bench.hashers), Arc::clone(&judges));
        let waits = waits.clone();
        actix::spawn(async move {
            let judge = move || {
                waits.blocking_send(()).unwrap();
                judges.lock().unwrap().recv().is_ok()
            };
            hashers.run(judge).await.unwrap();
        });
        waiting.recv().await.unwrap();
    }
    late.send("PASS swordfish\r\nSTAT").await;
    assert!(late.expect("213").await.contains("under way"));
    assert!(bench.drain.drain(None));
    bench.progress(|progress| progress.phase == Phase::Closing).await;
    drop(gate);
    let said = late.expect("421").await;
    assert!(said.contains("This node is draining"), "{said}");
    late.expect_end().await;
    drop(late);
    bench.progress(|progress| progress.phase == Phase::Drained).await;
    assert_eq!(bench.load().await, Load::default());
    bench.stop().await;
}

/// While the drain is announced everybody is served; its patience ends with what is left.
#[actix::test]
async fn notice_and_patience_of_a_drain() {
    let bench = Bench::start(&[("timeouts.drain_notice", "3s")]).await;
    assert!(bench.drain.drain(Some(Duration::from_secs(1))));
    bench.progress(|progress| progress.phase == Phase::Announced).await;
    assert!(!bench.readiness.reasons().is_empty());
    let mut busy = Client::login(&bench, "ann").await;
    let _data = busy.begin("RETR big").await;
    bench.progress(|progress| progress.phase == Phase::Ending).await;
    busy.expect("426").await;
    busy.expect("421").await;
    busy.expect_end().await;
    bench.progress(|progress| progress.phase == Phase::Drained).await;
    bench.stop().await;
}

/// Larger than what sockets hold.
const BIG: usize = 32 << 20;
/// Of `swordfish`.
const HASH: &str = "$6$rounds=1000$flotillatests$qFuXmhtvBM2XCwFCJED6CXhxFm38E7Xz6KcsKktxkC8xgw3zDrN899DcvDIc4RtoNNPKVDBbLS6Lb4Q7.uRYt.";
/// For everything that is awaited.
const DEADLINE: Duration = Duration::from_secs(30);
