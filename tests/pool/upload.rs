//! A node is killed in mid-upload: the client goes on at another one, on the same storage.

use std::net::SocketAddr;

use flotilla_tests::content::{Content, assert_same};
use flotilla_tests::sftp::{open, status};
use flotilla_tests::{Fleet, PASSWORD, Program, Redis, Sftp, Ssh, User, wait};

use super::DEAD;

const WHOLE: usize = 3 << 20;
const PART: usize = 1 << 20;

/// Two nodes, of which the first dies in mid-upload of `up`.
struct Wreck {
    fleet: Fleet,
    bytes: Vec<u8>,
    _redis: Redis,
}

impl Wreck {
    fn start() -> Self {
        let redis = Redis::start();
        let fleet = Fleet::plan(redis.url()).user(User::new("bob")).start(2);
        Self { fleet, bytes: Content::new(1).bytes(WHOLE), _redis: redis }
    }

    fn by_ftp() -> Self {
        let mut wreck = Self::start();
        let mut wire = wreck.fleet[0].login();
        let mut data = wire.begin("STOR up");
        data.write(&wreck.bytes[..PART]).unwrap();
        // By a look from outside: the kernel has as much of it as the node took.
        let mut seer = wreck.fleet[0].login();
        wait::until("all that was sent", || (seer.size("up") == PART as u64).then_some(()));
        wreck.fleet[0].kill();
        wreck
    }

    fn by_sftp() -> Self {
        let mut wreck = Self::start();
        let mut sftp = Sftp::open(&Ssh::new(&wreck.fleet[0]));
        let handle = sftp.open_file("/up", open::WRITE | open::CREATE | open::TRUNCATE);
        for (number, block) in wreck.bytes[..PART].chunks(BLOCK).enumerate() {
            assert_eq!(sftp.write(&handle, (number * BLOCK) as u64, block), status::OK);
        }
        wreck.fleet[0].kill();
        assert!(sftp.has_ended());
        wreck
    }

    fn address(&self) -> SocketAddr {
        self.fleet[1].ftp()
    }

    /// It is published, whole, and nothing is left beside it.
    #[track_caller]
    fn assert_whole(&self) {
        assert_same("resumed", &std::fs::read(self.fleet.file("up")).unwrap(), &self.bytes);
        let names = std::fs::read_dir(self.fleet.file("")).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        // A partial file has the name at its end.
        let left: Vec<String> = names.filter(|name| name.ends_with("up")).collect();
        assert_eq!(left, ["up"]);
    }
}

/// REST and STOR, from the size that the other node tells; nobody else sees the file.
#[test]
fn an_ftp_client_goes_on() {
    let wreck = Wreck::by_ftp();
    assert!(!wreck.fleet.file("up").exists(), "half a file was published");
    wreck.fleet[1].login_as("bob").ask("SIZE up", 550);
    let mut wire = wreck.fleet[1].login();
    assert_eq!(wire.size("up"), PART as u64);
    wire.ask(format!("REST {PART}"), 350);
    wire.store("up", &wreck.bytes[PART..]);
    wreck.assert_whole();
}

/// `reput` of OpenSSH's sftp.
#[test]
fn an_sftp_client_goes_on() {
    let wreck = Wreck::by_sftp();
    assert!(!wreck.fleet.file("up").exists(), "half a file was published");
    let ssh = Ssh::new(&wreck.fleet[1]);
    ssh.folder().write("here", &wreck.bytes);
    ssh.sftp("reput here up\n").succeed();
    wreck.assert_whole();
}

/// `put -c` of lftp, which goes on with what was begun by SFTP.
#[test]
fn lftp_goes_on() {
    let wreck = Wreck::by_sftp();
    let ssh = Ssh::new(&wreck.fleet[1]);
    let here = ssh.folder().write("here", &wreck.bytes);
    let script = format!(
        "set cmd:fail-exit true\nset net:max-retries 1\nset net:timeout 20\nset ftp:ssl-allow false\n\
         open -u alice,{PASSWORD} ftp://{}\nput -c {} -o up\nexit 0\n",
        wreck.address(),
        here.display()
    );
    let lftp = Program::new("lftp").env("HOME", ssh.folder().path()).args(["-f", "/dev/stdin"]);
    lftp.stdin(script).succeed();
    wreck.assert_whole();
}

/// When the dead node is back, it does not take the file away from whoever went on.
#[test]
fn the_killed_node_comes_back() {
    let mut wreck = Wreck::by_ftp();
    let mut wire = wreck.fleet[1].login();
    wire.ask(format!("REST {PART}"), 350);
    let mut data = wire.begin("STOR up");
    data.write(&wreck.bytes[PART..2 * PART]).unwrap();
    wreck.fleet[0].start_again();
    wreck.fleet.wait_for_state(DEAD, 1, "n1", "ready");
    data.finish(&wreck.bytes[2 * PART..]).unwrap();
    wire.expect(226);
    wreck.assert_whole();
    let mut wire = wreck.fleet[0].login();
    assert_same("by n1", &wire.fetch("up"), &wreck.bytes);
}

const BLOCK: usize = 32_768;
