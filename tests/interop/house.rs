//! What every client finds: a server with content, a folder of its own with content to send.

use std::path::PathBuf;

use flotilla_tests::content::{Content, assert_same};
use flotilla_tests::server::Builder;
use flotilla_tests::{Folder, Program, Server};

/// How a client reaches the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// No TLS.
    Clear,
    /// AUTH TLS, data protected.
    Explicit,
    /// TLS from the first byte.
    Implicit,
}

/// A server with [`FILES`] under its root, and the client's own folder with other content under the
/// same names.
#[derive(Debug)]
pub struct House {
    /// The server.
    pub server: Server,
    /// Where the client runs.
    pub here: Folder,
}

/// Names and lengths: large, small, empty, and names that need care.
pub const FILES: [(&str, usize); 5] = [
    ("big.bin", 3 << 20),
    ("small.txt", 1234),
    ("empty", 0),
    ("two words.bin", 70_000),
    ("grüße 日本.bin", 5000),
];

impl House {
    /// Opens one.
    pub fn open() -> Self {
        Self::open_with(|builder| builder)
    }

    /// Opens one with a change.
    pub fn open_with(change: impl FnOnce(Builder) -> Builder) -> Self {
        let server = change(Server::builder()).start();
        let here = Folder::new();
        for (name, length) in FILES {
            Content::new(there_seed(name)).write(&server.file(name), length);
            Content::new(here_seed(name)).write(&here.join(name), length);
        }
        Self { server, here }
    }

    /// The content of a file that the server has from the start.
    pub fn there(&self, name: &str) -> Vec<u8> {
        Content::new(there_seed(name)).bytes(length(name))
    }

    /// The content of a file that the client has from the start.
    pub fn ours(&self, name: &str) -> Vec<u8> {
        Content::new(here_seed(name)).bytes(length(name))
    }

    /// A client that runs in [`here`](Self::here) and finds no settings of the user's.
    pub fn program(&self, name: &str) -> Program {
        Program::new(name).env("HOME", self.here.path()).within(self.here.path())
    }

    /// Where the client keeps what it fetches.
    pub fn got(&self, name: &str) -> PathBuf {
        let folder = self.here.join("got");
        std::fs::create_dir_all(&folder).unwrap();
        folder.join(name)
    }

    /// `got/name` must be what the server has had from the start.
    #[track_caller]
    pub fn assert_got(&self, name: &str) {
        assert_same(name, &read(&self.got(name)), &self.there(name));
    }

    /// The server's `path` must be the client's own `name`.
    #[track_caller]
    pub fn assert_put(&self, name: &str, path: &str) {
        assert_same(path, &read(&self.server.file(path)), &self.ours(name));
    }

    /// Leaves the first half of `name` in `got/`, as an interrupted download does.
    pub fn half_got(&self, name: &str) {
        let bytes = self.there(name);
        std::fs::write(self.got(name), &bytes[..bytes.len() / 2]).unwrap();
    }

    /// Leaves the first half of the client's `name` at the server's `path`.
    pub fn half_put(&self, name: &str, path: &str) {
        let bytes = self.ours(name);
        std::fs::write(self.server.file(path), &bytes[..bytes.len() / 2]).unwrap();
    }

    /// Host and port for this kind of connection.
    pub fn authority(&self, security: Security) -> std::net::SocketAddr {
        match security {
            Security::Clear | Security::Explicit => self.server.ftp(),
            Security::Implicit => self.server.ftps(),
        }
    }

    /// Every login must have come in the way that the test says.
    #[track_caller]
    pub fn assert_protocol(&self, security: Security) {
        let log = self.server.log();
        let logins: Vec<&str> = log.lines().filter(|line| line.contains("logged in")).collect();
        assert!(!logins.is_empty(), "nobody logged in:\n{log}");
        let secure = security != Security::Clear;
        let fits = logins.iter().all(|line| line.contains("ftps") == secure);
        assert!(fits, "not by {security:?}: {logins:#?}");
    }
}

/// Makes a test of `everything`, which takes a [`Security`], for each of them.
macro_rules! under_each_security {
    ($everything:ident) => {
        #[test]
        fn in_clear() {
            $everything(Security::Clear);
        }

        #[test]
        fn under_explicit_tls() {
            $everything(Security::Explicit);
        }

        #[test]
        fn under_implicit_tls() {
            $everything(Security::Implicit);
        }
    };
}
pub(crate) use under_each_security;

/// A listing of one entry per line must have this line.
#[track_caller]
pub fn assert_lists(listing: &str, line: &str) {
    assert!(listing.lines().any(|listed| listed == line), "{line} is not in {listing}");
}

#[track_caller]
fn read(path: &std::path::Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn length(name: &str) -> usize {
    FILES.iter().find(|(known, _)| *known == name).expect("a known file").1
}

fn there_seed(name: &str) -> u64 {
    name.bytes().fold(17, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()))
}

fn here_seed(name: &str) -> u64 {
    !there_seed(name)
}
