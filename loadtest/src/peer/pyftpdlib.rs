//! pyftpdlib under Python, one thread with epoll, by a script of a few lines.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;

use super::{HASH, Launch, PASSIVE, SESSIONS_MAX, Service};
use crate::client::Protocol;
use crate::ground::Ground;

pub(super) fn missing(ground: &Ground) -> Option<String> {
    let mut python = Command::new(&ground.python);
    python.args(["-c", "import pyftpdlib, OpenSSL"]).stdout(Stdio::null()).stderr(Stdio::null());
    let found = python.status().is_ok_and(|status| status.success());
    (!found).then(|| {
        "apt-get install python3-pyftpdlib python3-openssl, or in a virtual environment \
         pip install pyftpdlib pyopenssl and --python ENVIRONMENT/bin/python"
            .to_owned()
    })
}

pub(super) fn launch(
    ground: &Ground,
    folder: &Path,
    port: u16,
    service: Service,
) -> Result<Launch> {
    let script = folder.join("server.py");
    fs::write(&script, SCRIPT)?;
    let users = folder.join("users");
    let mut lines = String::new();
    for name in service.names() {
        writeln!(lines, "{name}:{HASH}")?;
    }
    fs::write(&users, lines)?;
    let (low, high) = PASSIVE;
    let mut command = Command::new(&ground.python);
    command.arg(script).arg(port.to_string()).arg(&ground.files).arg(&ground.both);
    command.arg(users).args([&low.to_string(), &high.to_string(), &SESSIONS_MAX.to_string()]);
    command.arg(if service.protocol == Protocol::Ftps { "tls" } else { "clear" });
    Ok(Launch { command, outside: None })
}

/// Checks the same hash as the others, by the C library's crypt.
const SCRIPT: &str = r#"
import ctypes, logging, sys
from pyftpdlib.authorizers import AuthenticationFailed, DummyAuthorizer
from pyftpdlib.handlers import FTPHandler, TLS_FTPHandler
from pyftpdlib.servers import FTPServer

port, root, certificate, users, low, high, most, mode = sys.argv[1:]
hashes = dict(line.rstrip().split(":") for line in open(users))
library = ctypes.CDLL("libcrypt.so.1")
library.crypt.restype = ctypes.c_char_p

class Authorizer(DummyAuthorizer):
    def validate_authentication(self, name, password, handler):
        stored = hashes.get(name)
        if not stored or library.crypt(password.encode(), stored.encode()).decode() != stored:
            raise AuthenticationFailed()

class Handler(TLS_FTPHandler if mode == "tls" else FTPHandler):
    authorizer = Authorizer()
    passive_ports = range(int(low), int(high) + 1)
    certfile = certificate
    timeout = 3600
    use_gmt_times = True

for name in hashes:
    Handler.authorizer.add_user(name, "", root, perm="elradfmwMT")
logging.basicConfig(level=logging.ERROR)
server = FTPServer(("127.0.0.1", int(port)), Handler)
server.max_cons = int(most)
server.max_cons_per_ip = int(most)
server.serve_forever()
"#;
