//! The real server as a child process.

mod addresses;
mod builder;
mod operator;
mod small;
mod socket;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use rustix::process::{Pid, Signal};

use self::addresses::Addresses;
pub use self::builder::Builder;
pub(crate) use self::builder::both;
use crate::program::exit_code;
use crate::{Authority, Config, DEADLINE, Data, Folder, PASSWORD, TlsClient, User, Wire, wait};

/// A running server with a folder, an address and a certificate authority of its own. When dropped
/// it is asked to end and must do so with exit code 0; if the test failed, its log is printed.
#[derive(Debug)]
pub struct Server {
    child: Option<Child>,
    addresses: Addresses,
    setup: Builder,
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

    /// Tries to log in; the text of the refusal, if it is one.
    ///
    /// # Errors
    /// The reply by which the client was turned away, or what became of the connection.
    pub fn attempt(&self, user: &str) -> Result<Wire, String> {
        self.attempt_from(None, user)
    }

    /// As [`Server::attempt`], from a chosen address.
    ///
    /// # Errors
    /// The same.
    pub fn attempt_from(&self, client: Option<Ipv4Addr>, user: &str) -> Result<Wire, String> {
        let broken = |error: std::io::Error| error.to_string();
        let client = client.map(IpAddr::from);
        let mut wire = Wire::try_connect(client, self.ftp()).map_err(broken)?;
        for (line, code) in [
            (String::new(), 220),
            (format!("USER {user}\r\n"), 331),
            (format!("PASS {PASSWORD}\r\n"), 230),
        ] {
            if !line.is_empty() {
                wire.try_send_raw(line.as_bytes()).map_err(broken)?;
            }
            let reply = wire.try_reply().map_err(broken)?;
            if reply.code != code {
                return Err(reply.text());
            }
        }
        Ok(wire)
    }

    /// Whether it greets a client from this address.
    pub fn greets(&self, client: Ipv4Addr) -> bool {
        let wire = Wire::try_connect(Some(client.into()), self.ftp());
        wire.is_ok_and(|mut wire| wire.try_reply().is_ok_and(|reply| reply.code == 220))
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
        let tls = TlsClient::new(&self.setup.authority, self.setup.lease.address().into());
        if self.setup.common.is_some() || self.setup.place.is_some() {
            tls.named("localhost")
        } else {
            tls
        }
    }

    /// The authority of the server's certificate.
    pub fn authority(&self) -> &Authority {
        &self.setup.authority
    }

    /// The authority's certificate as a file.
    pub fn authority_file(&self) -> PathBuf {
        self.setup.folder.join("authority.pem")
    }

    /// The address that is this server's own.
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

    /// Waits until it logs this.
    #[track_caller]
    pub fn wait_for_log(&self, words: &str) {
        wait::until(&format!("{words:?} in the log"), || self.log().contains(words).then_some(()));
    }

    /// Whether the log names this address, as a whole word.
    pub fn names(&self, address: impl Into<IpAddr>) -> bool {
        let address = address.into().to_string();
        let log = self.log();
        let mut words =
            log.split(|letter: char| !(letter.is_ascii_hexdigit() || ".:".contains(letter)));
        words.any(|word| {
            word.strip_prefix(&*address)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        })
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

    /// `kill -9`.
    #[track_caller]
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.wait(DEADLINE);
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

/// What [`Server::begin_download`] has read.
pub const BEGUN_BYTES: usize = 1000;
