//! The first start: with nothing but a folder, the server makes what it needs and tells the
//! password once.

use std::path::Path;
use std::process::Child;

use flotilla_tests::loopback::Lease;
use flotilla_tests::program::exit_code;
use flotilla_tests::{DEADLINE, Folder, Program, Wire, wait};
use rustix::process::{Pid, Signal, kill_process};

/// A server without a configuration file, ended when dropped.
struct Bare(Option<Child>);

impl Bare {
    fn start(folder: &Folder, lease: &Lease) -> Self {
        let (first, last) = lease.ports();
        let address = lease.address();
        let child = Program::flotilla()
            .arg("serve")
            .env("FLOTILLA_FTP__LISTEN", format!("[\"{address}:0\"]"))
            .env("FLOTILLA_SSH__LISTEN", format!("[\"{address}:0\"]"))
            .env("FLOTILLA_FTP__PASSIVE__PORTS", format!("{first}-{last}"))
            .env("FLOTILLA_HEALTH__LISTEN", format!("{address}:0"))
            .within(folder.path())
            .start(&folder.join("log"))
            .unwrap();
        Self(Some(child))
    }

    fn stop(mut self) {
        let mut child = self.0.take().unwrap();
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        assert_eq!(exit_code(&mut child, DEADLINE), Some(Some(0)));
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn serving(folder: &Folder) -> std::net::SocketAddr {
    let file = folder.join("flotilla-data/run/addresses.json");
    let text = wait::until("the server to serve", || std::fs::read_to_string(&file).ok());
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    json["ftp"][0].as_str().unwrap().parse().unwrap()
}

fn value(log: &Path, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(log).unwrap();
    text.lines()
        .filter_map(|line| line.strip_prefix(&format!("{name}: ")))
        .map(str::to_owned)
        .collect()
}

/// User and password are printed once, log in, and survive a second start, which prints none.
#[test]
fn the_first_start_makes_a_user_and_tells_the_password_once() {
    let (folder, lease) = (Folder::new(), Lease::take());
    let log = folder.join("log");
    let server = Bare::start(&folder, &lease);
    let address = serving(&folder);
    assert_eq!(value(&log, "user"), ["demo"]);
    let passwords = value(&log, "password");
    assert_eq!(passwords.len(), 1);
    assert!(passwords[0].len() >= 12, "{passwords:?}");

    let login = |address| {
        let mut wire = Wire::connect(address);
        wire.expect(220);
        wire.ask("USER demo", 331);
        wire.ask(format!("PASS {}", passwords[0]), 230);
        wire.ask("TYPE I", 200);
        wire
    };
    let mut wire = login(address);
    wire.store("hello", b"content");
    assert_eq!(std::fs::read(folder.join("flotilla-data/files/hello")).unwrap(), b"content");
    let said = Program::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--insecure",
            "--ssl-reqd",
            "--max-time",
            "60",
            "--user",
        ])
        .arg(format!("demo:{}", passwords[0]))
        .arg(format!("ftp://{address}/hello"))
        .succeed();
    assert_eq!(said.stdout, "content");
    drop(wire);
    server.stop();

    let server = Bare::start(&folder, &lease);
    let mut wire = login(serving(&folder));
    assert_eq!(wire.fetch("hello"), b"content");
    assert_eq!(value(&log, "password").len(), 1, "the password was told again");
    drop(wire);
    server.stop();
}

/// What is made is for the owner alone: no other user of the machine reads hashes or keys.
#[test]
fn what_is_made_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, lease) = (Folder::new(), Lease::take());
    let server = Bare::start(&folder, &lease);
    serving(&folder);
    let data = folder.join("flotilla-data");
    let mut secrets = 0;
    for entry in std::fs::read_dir(&data).unwrap().chain(
        std::fs::read_dir(&data)
            .unwrap()
            .flatten()
            .filter(|entry| entry.path().is_dir())
            .flat_map(|entry| std::fs::read_dir(entry.path()).unwrap()),
    ) {
        let path = entry.unwrap().path();
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        if text.contains("$argon2id$") || text.contains("PRIVATE KEY") {
            secrets += 1;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
        }
    }
    assert!(secrets >= 2, "neither users nor key were found");
    server.stop();
}
