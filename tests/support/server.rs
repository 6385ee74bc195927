//! The real server as a child process.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use rustix::process::{Pid, Signal};

use crate::loopback::Lease;
use crate::program::exit_code;
use crate::{
    Authority, Config, DEADLINE, Data, Folder, Program, TlsClient, User, Value, Wire, wait,
};

/// A running server with a folder, an address and a certificate authority of its own. When dropped
/// it is asked to end and must do so with exit code 0; if the test failed, its log is printed.
#[derive(Debug)]
pub struct Server {
    child: Option<Child>,
    addresses: Addresses,
    setup: Builder,
}

/// A server to be started.
#[derive(Debug)]
pub struct Builder {
    folder: Folder,
    lease: Lease,
    authority: Authority,
    config: Config,
    users: Vec<User>,
    wrapper: Vec<String>,
    environment: Vec<(String, String)>,
    /// The files are as the test wants them; nothing is written over them.
    written: bool,
}

/// Where the server listens, as it says itself in `run/addresses.json`.
#[derive(Clone, Debug, Default)]
struct Addresses {
    ftp: Vec<SocketAddr>,
    ftps: Vec<SocketAddr>,
    ssh: Vec<SocketAddr>,
    health: Option<SocketAddr>,
}

impl Server {
    /// A server with the user `alice`, whose home is the root of all files.
    #[track_caller]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// As [`Server::start`], with SSH.
    #[track_caller]
    pub fn start_ssh() -> Self {
        Self::builder().ssh().start()
    }

    /// As [`Server::start`], to be changed first.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// The explicit FTP listener.
    ///
    /// # Panics
    /// Here and below: if there is none.
    #[track_caller]
    pub fn ftp(&self) -> SocketAddr {
        *self.addresses.ftp.first().expect("an FTP listener")
    }

    /// The implicit FTPS listener.
    #[track_caller]
    pub fn ftps(&self) -> SocketAddr {
        *self.addresses.ftps.first().expect("an implicit FTPS listener")
    }

    /// The SSH listener.
    #[track_caller]
    pub fn ssh(&self) -> SocketAddr {
        *self.addresses.ssh.first().expect("an SSH listener")
    }

    /// The health listener.
    #[track_caller]
    pub fn health(&self) -> SocketAddr {
        self.addresses.health.expect("a health listener")
    }

    /// Connects and reads the greeting.
    #[track_caller]
    pub fn connect(&self) -> Wire {
        let mut wire = Wire::connect(self.ftp());
        wire.expect(220);
        wire
    }

    /// Connects as `alice`, in TYPE I.
    #[track_caller]
    pub fn login(&self) -> Wire {
        self.login_as("alice")
    }

    /// Connects as any user, in TYPE I.
    #[track_caller]
    pub fn login_as(&self, user: &str) -> Wire {
        let mut wire = self.connect();
        wire.login(user);
        wire
    }

    /// Connects as `alice` with AUTH TLS and PROT P.
    #[track_caller]
    pub fn login_tls(&self, tls: &TlsClient) -> Wire {
        let mut wire = self.connect();
        wire.auth_tls(tls).login("alice").protect();
        wire
    }

    /// Logs in as `alice` and begins a download, of which the first bytes are read.
    #[track_caller]
    pub fn begin_download(&self, path: &str) -> (Wire, Data) {
        let mut wire = self.login();
        let mut data = wire.begin(format!("RETR {path}"));
        data.read(BEGUN_BYTES).expect("the download begins");
        (wire, data)
    }

    /// A client that trusts this server, with nothing to resume.
    pub fn tls(&self) -> TlsClient {
        TlsClient::new(&self.setup.authority, self.setup.lease.address().into())
    }

    /// The authority of the server's certificate.
    pub fn authority(&self) -> &Authority {
        &self.setup.authority
    }

    /// The authority's certificate as a file.
    pub fn authority_file(&self) -> PathBuf {
        self.setup.folder.join("authority.pem")
    }

    /// The loopback address that is this server's own.
    pub fn address(&self) -> Ipv4Addr {
        self.setup.lease.address()
    }

    /// The folder of everything.
    pub fn folder(&self) -> &Folder {
        &self.setup.folder
    }

    /// A path under the root of all files.
    pub fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.setup.files().join(name)
    }

    /// The configuration, to be changed and written again for a reload.
    pub fn config(&mut self) -> &mut Config {
        &mut self.setup.config
    }

    /// The users, to be changed and written again for a reload.
    pub fn users(&mut self) -> &mut Vec<User> {
        &mut self.setup.users
    }

    /// The configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.setup.config_file()
    }

    /// Writes configuration and users and sends HUP.
    #[track_caller]
    pub fn reload(&self) {
        self.setup.write();
        self.signal(Signal::HUP);
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.setup.log_file()).unwrap_or_default()
    }

    /// Its process number.
    #[track_caller]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the server runs").id()
    }

    /// Sends it a signal.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).expect("a process number");
        rustix::process::kill_process(pid, signal).expect("the server runs");
    }

    /// Waits for its end and returns its exit code.
    #[track_caller]
    pub fn wait(&mut self, deadline: Duration) -> Option<i32> {
        let mut child = self.child.take().expect("the server runs");
        let code = exit_code(&mut child, deadline);
        assert!(code.is_some(), "the server did not end within {deadline:?}");
        code.flatten()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// TERM, the end with exit code 0, and a new start with the configuration as it is now.
    #[track_caller]
    pub fn restart(&mut self) {
        self.signal(Signal::TERM);
        assert_eq!(self.wait(DEADLINE), Some(0), "exit code after TERM");
        self.launch();
    }

    /// A new start, after the end was waited for.
    #[track_caller]
    pub fn start_again(&mut self) {
        assert!(self.child.is_none(), "it still runs");
        self.launch();
    }

    #[track_caller]
    fn launch(&mut self) {
        self.setup.write();
        let told = self.setup.folder.join("run/addresses.json");
        let _ = std::fs::remove_file(&told);
        let mut child =
            self.setup.program().start(&self.setup.log_file()).expect("the server starts");
        let ready = wait::within(DEADLINE, || {
            let text = std::fs::read_to_string(&told).ok();
            let ended = child.try_wait().ok().flatten();
            text.map(Ok).or_else(|| ended.map(Err))
        });
        self.child = Some(child);
        match ready {
            Some(Ok(text)) => self.addresses = Addresses::parse(&text),
            Some(Err(status)) => {
                panic!("the server ended at once ({status}); log:\n{}", self.log())
            }
            None => panic!("the server is not ready after {DEADLINE:?}; log:\n{}", self.log()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log of the server\n{}--- end of the log", self.log());
        }
        let Some(mut child) = self.child.take() else { return };
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, Signal::TERM);
        }
        let code = exit_code(&mut child, DEADLINE);
        if !std::thread::panicking() {
            assert_eq!(code, Some(Some(0)), "exit code after TERM; log:\n{}", self.log());
        }
    }
}

impl Builder {
    fn new() -> Self {
        let folder = Folder::new();
        let lease = Lease::take();
        let authority = Authority::new("Flotilla test authority");
        let address = lease.address().to_string();
        let (certificate, key) = authority.issue(&[&address, "localhost"]).write(&folder, "server");
        folder.write("authority.pem", authority.pem());
        let (first, last) = lease.ports();
        let mut config = Config::default();
        config.set("node.data_dir", folder.path());
        config.set("node.workers", 2);
        config.set("ftp.listen", vec![format!("{address}:0")]);
        config.set("ftp.implicit_tls", vec![format!("{address}:0")]);
        // Host keys take a second to make: who tests SSH asks for it.
        config.set("ssh.listen", Vec::<String>::new());
        config.set("ftp.passive.ports", format!("{first}-{last}"));
        config.set("tls.certificate", certificate.as_path());
        config.set("tls.key", key.as_path());
        config.set("health.listen", format!("{address}:0"));
        config.set("timeouts.drain", "5s");
        Self {
            folder,
            lease,
            authority,
            config,
            users: vec![User::new("alice")],
            wrapper: Vec::new(),
            environment: Vec::new(),
            written: false,
        }
    }

    /// Serves SSH too, with a host key that costs nothing to make.
    #[track_caller]
    pub fn ssh(mut self) -> Self {
        let key = self.folder.join("host_key");
        Program::new("ssh-keygen")
            .args(["-q", "-N", "", "-t", "ed25519", "-f"])
            .arg(&key)
            .succeed();
        self.config.set("ssh.listen", vec![format!("{}:0", self.address())]);
        self.config.set("ssh.host_keys", vec![key.display().to_string()]);
        self
    }

    /// Takes a key of the configuration away, so that its default holds.
    pub fn unset(mut self, key: &str) -> Self {
        self.config.unset(key);
        self
    }

    /// Sets a key of the configuration.
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.config.set(key, value);
        self
    }

    /// Changes the configuration with the folder and the authority at hand (certificates of hosts).
    pub fn configure(mut self, change: impl FnOnce(&mut Config, &Folder, &Authority)) -> Self {
        change(&mut self.config, &self.folder, &self.authority);
        self
    }

    /// Adds a user, in place of one of the same name.
    pub fn user(mut self, user: User) -> Self {
        self.users.retain(|present| present.name() != user.name());
        self.users.push(user);
        self
    }

    /// Puts a file under the root of all files.
    pub fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.folder.write(Path::new("files").join(name), content);
        self
    }

    /// Starts the server by another program, which must execute its last arguments in place of
    /// itself.
    pub fn wrap<S: AsRef<str>>(mut self, wrapper: impl IntoIterator<Item = S>) -> Self {
        self.wrapper = wrapper.into_iter().map(|word| word.as_ref().to_owned()).collect();
        self
    }

    /// Sets a variable of its environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The folder of everything, with `files/` for the root of all files.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The loopback address that is this server's own.
    pub fn address(&self) -> Ipv4Addr {
        self.lease.address()
    }

    /// The block of passive ports that is this server's own.
    pub fn ports(&self) -> (u16, u16) {
        self.lease.ports()
    }

    /// Starts it and waits until it serves.
    #[track_caller]
    pub fn start(self) -> Server {
        let mut server = Server { child: None, addresses: Addresses::default(), setup: self };
        server.launch();
        server
    }

    /// As [`Builder::start`], with configuration and users as the files have them now.
    #[track_caller]
    pub fn start_as_written(mut self) -> Server {
        self.written = true;
        self.start()
    }

    /// Runs `flotilla VERB --config FILE` with this configuration, to its end.
    pub fn verb(&self, verb: &[&str]) -> Program {
        self.write();
        Program::flotilla().args(verb).arg("--config").arg(self.config_file())
    }

    /// Writes configuration and users.
    pub fn write(&self) {
        if self.written {
            return;
        }
        std::fs::create_dir_all(self.files()).expect("the root of all files can be made");
        self.config.write(&self.config_file());
        let users: Vec<String> = self.users.iter().map(User::to_toml).collect();
        self.folder.write("users.toml", users.join("\n"));
    }

    /// The configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.folder.join("flotilla.toml")
    }

    fn files(&self) -> PathBuf {
        self.folder.join("files")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("server.log")
    }

    fn program(&self) -> Program {
        let server = Program::flotilla();
        let program = match self.wrapper.split_first() {
            None => server,
            Some((first, rest)) => Program::new(first).args(rest).arg(crate::program::flotilla()),
        };
        let program = self
            .environment
            .iter()
            .fold(program, |program, (name, value)| program.env(name, value));
        program.arg("serve").arg("--config").arg(self.config_file()).within(self.folder.path())
    }
}

impl Addresses {
    fn parse(text: &str) -> Self {
        let json: serde_json::Value = serde_json::from_str(text).expect("addresses.json is JSON");
        let parse =
            |value: &serde_json::Value| -> Option<SocketAddr> { value.as_str()?.parse().ok() };
        let list = |name: &str| -> Vec<SocketAddr> {
            let values = json.get(name).and_then(|value| value.as_array());
            values.into_iter().flatten().filter_map(parse).collect()
        };
        Self {
            ftp: list("ftp"),
            ftps: list("ftps"),
            ssh: list("ssh"),
            health: json.get("health").and_then(parse),
        }
    }
}

/// What [`Server::begin_download`] has read.
pub const BEGUN_BYTES: usize = 1000;
