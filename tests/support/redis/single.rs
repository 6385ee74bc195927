//! Redis alone.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::client::{Access, Answer, Client};
use super::process::{Kind, Process};
use crate::loopback::Lease;
use crate::network::Host;
use crate::{Authority, Folder, TlsClient};

/// One server.
#[derive(Debug)]
pub struct Redis {
    process: Process,
    scheme: &'static str,
    user: Option<String>,
    snapshots: u32,
    folder: Folder,
    _lease: Lease,
}

/// A server to be started.
#[derive(Debug)]
pub struct Builder {
    folder: Folder,
    lease: Lease,
    lines: Vec<String>,
    access: Access,
    user: Option<String>,
    tls: bool,
    place: Option<Host>,
}

/// The data as they were.
#[derive(Clone, Debug)]
pub struct Snapshot(PathBuf);

impl Redis {
    /// Without a password, in clear.
    #[track_caller]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// As [`Redis::start`], to be changed first.
    pub fn builder() -> Builder {
        Builder {
            folder: Folder::new(),
            lease: Lease::take(),
            lines: Vec::new(),
            access: Access::default(),
            user: None,
            tls: false,
            place: None,
        }
    }

    /// What `pool.store` is for it; a password is not in it.
    pub fn url(&self) -> String {
        self.url_at(self.address())
    }

    /// As [`Redis::url`], for a server that is reached at another address.
    pub fn url_at(&self, address: SocketAddr) -> String {
        let user = self.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
        format!("{}://{user}{address}", self.scheme)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.process.address()
    }

    /// The certificate of its authority as a file, under TLS.
    pub fn authority_file(&self) -> PathBuf {
        self.folder.join(AUTHORITY)
    }

    /// A connection of the administrator.
    ///
    /// # Panics
    /// Here and below: if Redis does not do what it is told.
    #[track_caller]
    pub fn client(&self) -> Client {
        self.process.client().expect("Redis takes connections")
    }

    /// The answer to a command of the administrator, which must not be an error.
    #[track_caller]
    pub fn ask(&self, command: &[impl AsRef<[u8]>]) -> Answer {
        self.process.ask(command)
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// SIGSTOP.
    #[track_caller]
    pub fn stop(&self) {
        self.process.stop();
    }

    /// SIGCONT.
    #[track_caller]
    pub fn cont(&self) {
        self.process.cont();
    }

    /// A new start after [`Redis::kill`], with what was saved last.
    #[track_caller]
    pub fn start_again(&mut self) {
        self.process.start();
    }

    /// A new start after [`Redis::kill`], with nothing.
    #[track_caller]
    pub fn start_empty(&mut self) {
        let _ = std::fs::remove_file(self.process.data());
        self.process.start();
    }

    /// `kill -9` and a new start that loses nothing.
    #[track_caller]
    pub fn restart(&mut self) {
        self.ask(&["SAVE"]);
        self.kill();
        self.start_again();
    }

    /// FLUSHALL.
    #[track_caller]
    pub fn flush_all(&self) {
        self.ask(&["FLUSHALL"]);
    }

    /// Keeps a copy of the data.
    #[track_caller]
    pub fn snapshot(&mut self) -> Snapshot {
        self.ask(&["SAVE"]);
        self.snapshots += 1;
        let path = self.folder.join(format!("snapshot-{}", self.snapshots));
        std::fs::copy(self.process.data(), &path).expect("the data can be copied");
        Snapshot(path)
    }

    /// All data as they are on the disk, where nothing is compressed.
    #[track_caller]
    pub fn data(&self) -> Vec<u8> {
        self.ask(&["SAVE"]);
        std::fs::read(self.process.data()).expect("the data can be read")
    }

    /// `kill -9` and a new start with older data.
    #[track_caller]
    pub fn restore(&mut self, snapshot: &Snapshot) {
        self.kill();
        std::fs::copy(&snapshot.0, self.process.data()).expect("the data can be copied");
        self.start_again();
    }

    /// Leaves no memory for another byte: whatever would take some is refused.
    #[track_caller]
    pub fn fill(&self) {
        self.ask(&["CONFIG", "SET", "maxmemory", "1", "maxmemory-policy", "noeviction"]);
    }

    /// The end of [`Redis::fill`].
    #[track_caller]
    pub fn make_room(&self) {
        self.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        self.process.log()
    }
}

impl Builder {
    /// Asks everybody for this password.
    pub fn password(mut self, password: &str) -> Self {
        self.lines.push(format!("requirepass {password}"));
        self.access.password = Some(password.to_owned());
        self
    }

    /// Has a user for the pool who may touch the keys and channels `flotilla:*` and nothing that is
    /// dangerous; nobody else gets in but the administrator.
    pub fn user(mut self, name: &str, password: &str) -> Self {
        self.lines.push(format!(
            "user {name} on >{password} ~flotilla:* &flotilla:* +@all -@admin -@dangerous"
        ));
        self.user = Some(name.to_owned());
        self.password(ADMINISTRATOR)
    }

    /// Speaks TLS and nothing else.
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Runs on a computer of a network.
    pub fn on(mut self, host: &Host) -> Self {
        self.lease = Lease::of(host.v4(), (PORT, PORT));
        self.place = Some(host.clone());
        self
    }

    /// A line of redis.conf.
    pub fn line(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    /// Starts it.
    #[track_caller]
    pub fn start(mut self) -> Redis {
        let address = SocketAddr::from((self.lease.address(), PORT));
        if self.tls {
            let authority = Authority::new("Authority of a Redis");
            let name = address.ip().to_string();
            let (certificate, key) = authority.issue(&[&name]).write(&self.folder, "redis");
            let ca = self.folder.write(AUTHORITY, authority.pem());
            self.lines.extend([
                "port 0".to_owned(),
                format!("tls-port {PORT}"),
                format!("tls-cert-file {}", certificate.display()),
                format!("tls-key-file {}", key.display()),
                format!("tls-ca-cert-file {}", ca.display()),
                "tls-auth-clients no".to_owned(),
            ]);
            self.access.tls = Some(TlsClient::new(&authority, address.ip()));
        }
        let mut process =
            Process::new(Kind::Server, "redis", self.folder.path(), address, self.lines)
                .access(self.access)
                .on(self.place);
        process.start();
        Redis {
            process,
            scheme: if self.tls { "rediss" } else { "redis" },
            user: self.user,
            snapshots: 0,
            folder: self.folder,
            _lease: self.lease,
        }
    }
}

/// The address is this Redis's own, so any port of it is free.
const PORT: u16 = 6379;

/// The certificate of its authority.
const AUTHORITY: &str = "authority.pem";

/// The administrator's password where there is a user for the pool.
const ADMINISTRATOR: &str = "hornblower";
