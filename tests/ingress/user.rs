//! Somebody outside who moves files with other people's programs.

use std::net::IpAddr;
use std::path::PathBuf;

use flotilla_tests::content::{Content, assert_same};
use flotilla_tests::network::Host;
use flotilla_tests::program::Said;
use flotilla_tests::{Fleet, Folder, PASSWORD, Program};

/// A user outside, with a folder of their own.
#[derive(Debug)]
pub struct User {
    name: String,
    here: Folder,
    outside: Host,
    authority: PathBuf,
    server: IpAddr,
}

/// How the user connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// No TLS.
    Clear,
    /// AUTH TLS, data protected.
    Tls,
}

impl Security {
    /// The word for the scripts.
    fn as_str(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Tls => "tls",
        }
    }
}

impl User {
    /// A user who connects to this address of a pool.
    pub fn new(fleet: &Fleet, outside: &Host, server: impl Into<IpAddr>) -> Self {
        Self {
            name: "alice".to_owned(),
            here: Folder::new(),
            outside: outside.clone(),
            authority: fleet[0].authority_file(),
            server: server.into(),
        }
    }

    /// Another one than `alice`.
    pub fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// A path in the user's folder.
    pub fn here(&self, name: &str) -> PathBuf {
        self.here.join(name)
    }

    /// Runs a program to its end.
    #[track_caller]
    pub fn run(&self, program: Program) -> Said {
        let folder = self.here.path();
        program.env("HOME", folder).within(folder).on(&self.outside).run()
    }

    /// Runs a program, which must succeed.
    #[track_caller]
    pub fn succeed(&self, program: Program) -> Said {
        let said = self.run(program);
        assert_eq!(said.code, Some(0), "{said}");
        said
    }

    /// curl, up to the arguments that say what to do; the paths of URLs begin with [`User::url`].
    pub fn curl(&self, security: Security) -> Program {
        let program = Program::new("curl")
            .args(["--disable", "--silent", "--show-error", "--verbose", "--max-time", "100"])
            .args(["--user", &format!("{}:{PASSWORD}", self.name)]);
        match security {
            Security::Clear => program,
            Security::Tls => program.arg("--ssl-reqd").arg("--cacert").arg(&self.authority),
        }
    }

    /// The URL of a file.
    pub fn url(&self, path: &str) -> String {
        format!("ftp://{}/{path}", self.host())
    }

    /// lftp with a script, of which any command that fails ends it with a failure.
    pub fn lftp(&self, security: Security, script: &str) -> Program {
        let secure = security == Security::Tls;
        let script = format!(
            "set cmd:fail-exit true\nset net:max-retries 4\nset net:timeout 20\n\
             set net:reconnect-interval-base 1\nset xfer:clobber true\nset ssl:ca-file {}\n\
             set ftp:ssl-allow {secure}\nset ftp:ssl-force {secure}\n\
             set ftp:ssl-protect-data {secure}\nset ftp:ssl-protect-list {secure}\n\
             open -u {},{PASSWORD} ftp://{}\n{script}\nexit 0\n",
            self.authority.display(),
            self.name,
            self.host(),
        );
        Program::new("lftp").args(["-f", "/dev/stdin"]).stdin(script)
    }

    /// rclone; the server is called `there:`.
    pub fn rclone(&self, security: Security) -> Program {
        let hidden = Program::new("rclone").args(["obscure", PASSWORD]).succeed().stdout;
        Program::new("rclone")
            .args(["--config", "/dev/null", "--retries", "1", "--low-level-retries", "1"])
            .env("SSL_CERT_FILE", &self.authority)
            .env("RCLONE_CONFIG_THERE_TYPE", "ftp")
            .env("RCLONE_CONFIG_THERE_HOST", self.host())
            // It takes the brackets for a part of the name that the certificate must have.
            .env("RCLONE_CONFIG_THERE_NO_CHECK_CERTIFICATE", self.server.is_ipv6().to_string())
            .env("RCLONE_CONFIG_THERE_USER", &self.name)
            .env("RCLONE_CONFIG_THERE_PASS", hidden.trim())
            .env("RCLONE_CONFIG_THERE_EXPLICIT_TLS", (security == Security::Tls).to_string())
    }

    /// Python's ftplib: `get NAME` and `put NAME`, as often as wanted.
    pub fn python(&self, security: Security) -> Program {
        Program::new("python3")
            .args([PYTHON, security.as_str(), &self.server.to_string(), &self.name, PASSWORD])
            .arg(&self.authority)
    }

    /// Node's basic-ftp, likewise. It is there if npm was, when `tests/run` installed the clients.
    pub fn basic_ftp(&self, security: Security) -> Option<Program> {
        let modules = PathBuf::from(std::env::var_os("FLOTILLA_NODE_MODULES")?);
        let program = Program::new("node")
            .args([BASIC_FTP, security.as_str(), &self.server.to_string(), &self.name, PASSWORD])
            .arg(&self.authority)
            .env("FLOTILLA_NODE_MODULES", &modules);
        modules.join("basic-ftp").is_dir().then_some(program)
    }

    /// ncftpget or ncftpput, up to the host, which [`User::server`] is.
    pub fn ncftp(&self, program: &str) -> Program {
        Program::new(program).args(["-V", "-u", &self.name, "-p", PASSWORD, "-t", "60", "-r", "1"])
    }

    /// The server's address.
    pub fn server(&self) -> String {
        self.server.to_string()
    }

    fn host(&self) -> String {
        match self.server {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        }
    }

    /// Puts a file into the user's folder; what it holds is told by its name alone.
    pub fn write(&self, name: &str, length: usize) {
        let path = self.here(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        Content::new(seed(name)).write(&path, length);
    }

    /// A file of the user's must hold what the pool has under this name.
    #[track_caller]
    pub fn assert_got(&self, fleet: &Fleet, name: &str) {
        assert_same(name, &std::fs::read(self.here(name)).unwrap(), &there(fleet, name));
    }

    /// The pool must have what the user has under this name.
    #[track_caller]
    pub fn assert_put(&self, fleet: &Fleet, name: &str) {
        assert_same(name, &there(fleet, name), &std::fs::read(self.here(name)).unwrap());
    }
}

/// Puts a file into the pool's storage.
pub fn offer(fleet: &Fleet, name: &str, length: usize) {
    let path = fleet.file(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    Content::new(!seed(name)).write(&path, length);
}

#[track_caller]
fn there(fleet: &Fleet, name: &str) -> Vec<u8> {
    std::fs::read(fleet.file(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn seed(name: &str) -> u64 {
    name.bytes().fold(29, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()))
}

/// The script of [`User::basic_ftp`].
const BASIC_FTP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/ingress/client.mjs");

/// The script of [`User::python`].
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/ingress/client.py");
