//! OpenSSH's clients, with nothing of the user's: a folder, a configuration and known hosts of
//! their own; passwords are answered through `SSH_ASKPASS`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::{Folder, PASSWORD, Program, Server};

/// A user at a computer of their own. The server is called [`NODE`] there.
#[derive(Debug)]
pub struct Ssh {
    folder: Folder,
    options: Vec<(String, String)>,
    password: String,
}

/// What the configuration calls the server.
pub const NODE: &str = "node";

impl Ssh {
    /// `alice`, who knows the password of `server`.
    pub fn new(server: &Server) -> Self {
        Self::at(server.ssh())
    }

    /// As [`Ssh::new`], for a server that is reached at another address.
    pub fn at(address: SocketAddr) -> Self {
        let folder = Folder::new();
        let known_hosts = folder.join("known_hosts");
        Self { folder, options: Vec::new(), password: PASSWORD.to_owned() }
            .set("UserKnownHostsFile", known_hosts.display())
            .set("HostName", address.ip())
            .set("Port", address.port())
            .set("User", "alice")
            .set("PreferredAuthentications", "password")
            .set("IdentityFile", "none")
            .set("GlobalKnownHostsFile", "/dev/null")
            .set("StrictHostKeyChecking", "accept-new")
            .set("IdentitiesOnly", "yes")
            .set("IdentityAgent", "none")
            .set("NumberOfPasswordPrompts", 1)
            .set("ConnectTimeout", 20)
    }

    /// Sets an option of ssh_config(5).
    pub fn set(mut self, option: &str, value: impl ToString) -> Self {
        self.options.retain(|(present, _)| present != option);
        self.options.push((option.to_owned(), value.to_string()));
        self
    }

    /// As another user.
    pub fn user(self, name: &str) -> Self {
        self.set("User", name)
    }

    /// With another password.
    pub fn password(mut self, password: &str) -> Self {
        self.password = password.to_owned();
        self
    }

    /// By this key, and not by a password.
    pub fn identity(self, key: &Path) -> Self {
        self.set("IdentityFile", key.display()).set("PreferredAuthentications", "publickey")
    }

    /// Where the clients run.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// A path there.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.join(name)
    }

    /// Makes a key without a passphrase; the public half lies beside it, with `.pub`.
    #[track_caller]
    pub fn key(&self, name: &str, kind: &str) -> PathBuf {
        let path = self.join(name);
        self.keygen().args(["-q", "-N", "", "-C", name, "-t", kind, "-f"]).arg(&path).succeed();
        path
    }

    /// `ssh-keygen`.
    pub fn keygen(&self) -> Program {
        Program::new("ssh-keygen").within(self.folder.path())
    }

    /// `ssh`, up to the name of the server.
    pub fn ssh(&self) -> Program {
        self.client("ssh").arg(NODE)
    }

    /// `ssh` with more options before the name of the server.
    pub fn ssh_with(&self, options: &[&str]) -> Program {
        self.client("ssh").args(options).arg(NODE)
    }

    /// `sftp` with these commands; it ends with 1 at the first that fails without a `-` before it.
    pub fn sftp(&self, commands: &str) -> Program {
        // A batch goes without questions, if it is not told otherwise first.
        let batch = ["-oBatchMode=no", "-b", "-", NODE];
        self.client("sftp").args(batch).stdin(commands)
    }

    /// `scp`, to be given its arguments; the server's files are `node:NAME`.
    pub fn scp(&self) -> Program {
        self.client("scp")
    }

    /// Any of OpenSSH's clients with this configuration.
    pub fn client(&self, name: &str) -> Program {
        Program::new(name)
            .env("HOME", self.folder.path())
            .env("SSH_ASKPASS", ASKPASS)
            .env("SSH_ASKPASS_REQUIRE", "force")
            .env("FLOTILLA_ANSWER", &self.password)
            .within(self.folder.path())
            .arg("-F")
            .arg(self.config_file())
    }

    /// Writes the configuration and says where it is, for other programs that run `ssh`.
    pub fn config_file(&self) -> PathBuf {
        let mut text = format!("Host {NODE}\n");
        for (option, value) in &self.options {
            text.push_str(&format!("  {option} {value}\n"));
        }
        let path = self.join("ssh_config");
        // The same text as the last time, unless an option was set since.
        if std::fs::read_to_string(&path).ok().as_deref() != Some(&text) {
            self.folder.write("ssh_config", text);
        }
        path
    }
}

/// The line of a public key, for a users file.
pub fn public(key: &Path) -> String {
    let path = key.with_extension("pub");
    std::fs::read_to_string(path).expect("the public half is there").trim().to_owned()
}

/// Prints `FLOTILLA_ANSWER`.
pub const ASKPASS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/support/askpass");
