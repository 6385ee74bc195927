//! A server to be started.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Server;
use super::addresses::Addresses;
use crate::loopback::Lease;
use crate::network::{Host, PASSIVE, names};
use crate::{Authority, Config, Folder, Program, User, Value};

/// A server to be started.
#[derive(Debug)]
pub struct Builder {
    pub(super) folder: Folder,
    pub(super) lease: Lease,
    pub(super) authority: Arc<Authority>,
    pub(super) config: Config,
    pub(super) users: Vec<User>,
    wrapper: Vec<String>,
    environment: Vec<(String, String)>,
    /// The files are as the test wants them; nothing is written over them.
    written: bool,
    /// The computer that it runs on, if that is another than this one.
    pub(super) place: Option<Host>,
    /// Where users and files are that are not this server's alone; whoever has them writes them.
    pub(super) common: Option<PathBuf>,
}

impl Builder {
    pub(super) fn new() -> Self {
        let (folder, lease) = (Folder::new(), Lease::take());
        let authority = Arc::new(Authority::new("Flotilla test authority"));
        let address = lease.address().to_string();
        authority.issue(&[&address, "localhost"]).write(&folder, "server");
        let files = folder.path().to_owned();
        Self::among(folder, lease, authority, &files)
    }

    /// One of several with the same users, files and certificate, which lie in `common` already;
    /// clients know them all by the name `localhost`.
    pub fn sharing(common: &Path, authority: &Arc<Authority>) -> Self {
        let (folder, lease) = (Folder::new(), Lease::take());
        let mut builder = Self::among(folder, lease, Arc::clone(authority), common);
        builder.config.set("storage.root", common.join("files").as_path());
        builder.config.set("users.file", common.join("users.toml").as_path());
        builder.common = Some(common.to_owned());
        builder
    }

    fn among(folder: Folder, lease: Lease, authority: Arc<Authority>, secrets: &Path) -> Self {
        folder.write("authority.pem", authority.pem());
        let address = lease.address().to_string();
        let (first, last) = lease.ports();
        let mut config = Config::default();
        config.set("node.data_dir", folder.path());
        config.set("node.workers", 2);
        config.set("ftp.listen", vec![format!("{address}:0")]);
        config.set("ftp.implicit_tls", vec![format!("{address}:0")]);
        // Host keys take a second to make: who tests SSH asks for it.
        config.set("ssh.listen", Vec::<String>::new());
        config.set("ftp.passive.ports", format!("{first}-{last}"));
        config.set("tls.certificate", secrets.join("server.pem").as_path());
        config.set("tls.key", secrets.join("server.key").as_path());
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
            place: None,
            common: None,
        }
    }

    /// Runs on a computer of a network: on the usual ports of both its addresses, with passive
    /// ports above those that the kernel gives away, and a certificate for the addresses of
    /// balancers.
    pub fn on(mut self, host: &Host) -> Self {
        self.config.set("ftp.listen", both(host, 21));
        self.config.set("ftp.implicit_tls", both(host, 990));
        self.config.set("health.listen", format!("{}:8080", host.v4()));
        self.config.set("ftp.passive.ports", format!("{}-{}", PASSIVE.0, PASSIVE.1));
        if self.common.is_none() {
            self.authority.issue(&names()).write(&self.folder, "server");
        }
        self.lease = Lease::of(host.v4(), PASSIVE);
        self.place = Some(host.clone());
        self
    }

    /// Serves SSH too, with a host key that costs nothing to make.
    #[track_caller]
    pub fn ssh(mut self) -> Self {
        let key = self.folder.join("host_key");
        Program::new("ssh-keygen")
            .args(["-q", "-N", "", "-t", "ed25519", "-f"])
            .arg(&key)
            .succeed();
        let anywhere = vec![format!("{}:0", self.address())];
        let listen = self.place.as_ref().map_or(anywhere, |host| both(host, 22));
        self.config.set("ssh.listen", listen);
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
        self.folder.write(self.files().join(name), content);
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

    /// The address that is this server's own.
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
        self.local(Program::flotilla()).args(verb).arg("--config").arg(self.config_file())
    }

    /// Writes configuration and users.
    pub fn write(&self) {
        if self.written {
            return;
        }
        self.config.write(&self.config_file());
        if self.common.is_some() {
            return;
        }
        std::fs::create_dir_all(self.files()).expect("the root of all files can be made");
        let users: Vec<String> = self.users.iter().map(User::to_toml).collect();
        self.folder.write("users.toml", users.join("\n"));
    }

    /// The configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.folder.join("flotilla.toml")
    }

    pub(super) fn files(&self) -> PathBuf {
        self.common.as_deref().unwrap_or(self.folder.path()).join("files")
    }

    pub(super) fn log_file(&self) -> PathBuf {
        self.folder.join("server.log")
    }

    /// Does this on the computer that it runs on.
    pub(super) fn there<T>(&self, what: impl FnOnce() -> T) -> T {
        match &self.place {
            Some(host) => host.run(what),
            None => what(),
        }
    }

    /// A program that runs on the same computer.
    pub(super) fn local(&self, program: Program) -> Program {
        match &self.place {
            Some(host) => program.on(host),
            None => program,
        }
    }

    pub(super) fn program(&self) -> Program {
        let server = Program::flotilla();
        let program = match self.wrapper.split_first() {
            None => server,
            Some((first, rest)) => Program::new(first).args(rest).arg(crate::program::flotilla()),
        };
        let program = self
            .environment
            .iter()
            .fold(program, |program, (name, value)| program.env(name, value));
        let program = self.local(program);
        program.arg("serve").arg("--config").arg(self.config_file()).within(self.folder.path())
    }
}

/// A port of both addresses.
pub(crate) fn both(host: &Host, port: u16) -> Vec<String> {
    vec![format!("{}:{port}", host.v4()), format!("[{}]:{port}", host.v6())]
}
