//! Clients that go on while a test does something to the pool, and tell at the end how it was.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::content::{Content, assert_same};
use crate::curl::Curl;
use crate::server::BEGUN_BYTES;
use crate::sftp::{open, status};
use crate::{Data, Fleet, Folder, Sftp, Ssh, Wire};

/// On each node: a session that idles, a download, an upload, an SFTP upload, and curl which comes
/// again and again.
#[derive(Debug)]
pub struct Traffic {
    end: Arc<End>,
    clients: Vec<Client>,
}

#[derive(Debug)]
struct Client {
    what: String,
    /// How often it did what it does.
    thread: JoinHandle<u32>,
}

/// The word to come to an end.
#[derive(Debug, Default)]
struct End {
    told: Mutex<bool>,
    changed: Condvar,
}

impl Traffic {
    /// Starts them. All have begun when this returns.
    ///
    /// # Panics
    /// If one of them can not begin.
    #[track_caller]
    pub fn start(fleet: &Fleet) -> Self {
        let big = fleet.file(BIG);
        Content::new(1).write_repeated(&big, BIG_BYTES as u64);
        let mut traffic = Self { end: Arc::default(), clients: Vec::new() };
        for (number, node) in (1..).zip(fleet.nodes()) {
            let name = |what: &str| format!("{what} on n{number}");
            let idle = node.login();
            traffic.add(name("the idle session"), |end| idles(&end, idle));
            let (wire, data) = node.begin_download(BIG);
            let big = big.clone();
            traffic.add(name("the download"), move |end| downloads(&end, wire, data, &big));
            let path = format!("upload-{number}");
            let mut wire = node.login();
            let data = wire.begin(format!("STOR {path}"));
            traffic.add(name("the upload"), move |end| uploads(&end, wire, data, &path));
            let path = format!("sftp-{number}");
            let sftp = Sftp::open(&Ssh::new(node));
            traffic.add(name("the SFTP session"), move |end| puts(&end, sftp, &path));
            traffic.add(name("curl"), {
                let address = node.ftp();
                move |end| curls(&end, address, number)
            });
        }
        traffic
    }

    fn add(&mut self, what: String, run: impl FnOnce(Arc<End>) -> u32 + Send + 'static) {
        let end = Arc::clone(&self.end);
        let builder = std::thread::Builder::new().name(what.clone());
        let thread = builder.spawn(move || run(end)).expect("a thread can be started");
        self.clients.push(Client { what, thread });
    }

    /// Whether all still go on.
    #[track_caller]
    pub fn assert_going(&self) {
        let ended = self.clients.iter().find(|client| client.thread.is_finished());
        assert!(ended.is_none(), "{} has ended", ended.map_or("", |client| &client.what));
    }

    /// Tells them to end; all must have succeeded in all that they did.
    #[track_caller]
    pub fn end(mut self) {
        self.end.tell();
        for client in std::mem::take(&mut self.clients) {
            let Client { what, thread } = client;
            let Ok(count) = thread.join() else { panic!("{what} failed; see above") };
            assert!(count > 0, "{what} did nothing");
        }
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.end.tell();
        for client in self.clients.drain(..) {
            let _ = client.thread.join();
        }
    }
}

impl End {
    fn tell(&self) {
        *self.told.lock().expect("nobody panics with it") = true;
        self.changed.notify_all();
    }

    /// Whether to go on, after a pause.
    fn goes_on(&self, pause: Duration) -> bool {
        let told = self.told.lock().expect("nobody panics with it");
        let waited = self.changed.wait_timeout_while(told, pause, |told| !*told);
        !*waited.expect("nobody panics with it").0
    }
}

/// Says nothing until the end.
fn idles(end: &End, mut wire: Wire) -> u32 {
    while end.goes_on(Duration::from_secs(3600)) {}
    wire.ask("NOOP", 200);
    wire.ask(format!("SIZE {BIG}"), 213);
    1
}

/// Reads a little at a time; the rest at the end.
fn downloads(end: &End, mut wire: Wire, mut data: Data, file: &Path) -> u32 {
    let expected = std::fs::read(file).expect("the file is there");
    let mut bytes = expected[..BEGUN_BYTES].to_vec();
    let mut count = 1;
    while end.goes_on(PACE) {
        if bytes.len() + PIECE_BYTES < BIG_BYTES {
            bytes.extend(data.read(PIECE_BYTES).expect("the download goes on"));
            count += 1;
        }
    }
    bytes.extend(data.read_all().expect("the download is completed"));
    wire.expect(226);
    assert_same("the download", &bytes, &expected);
    count
}

/// Sends a little at a time.
fn uploads(end: &End, mut wire: Wire, mut data: Data, path: &str) -> u32 {
    let bytes = content(path);
    let mut pieces = bytes.chunks_exact(STEP_BYTES);
    let mut count = 0;
    while end.goes_on(PACE) {
        let Some(piece) = pieces.next() else { continue };
        data.write(piece).expect("the upload goes on");
        count += 1;
    }
    data.finish(&[]).expect("the upload is completed");
    wire.expect(226);
    assert_same("the upload", &wire.fetch(path), &bytes[..STEP_BYTES * count]);
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The same by SFTP.
fn puts(end: &End, mut sftp: Sftp, path: &str) -> u32 {
    let bytes = content(path);
    let mut pieces = bytes.chunks_exact(STEP_BYTES);
    let handle = sftp.open_file(path, open::WRITE | open::CREATE | open::TRUNCATE);
    let mut count = 0;
    while end.goes_on(PACE) {
        let Some(piece) = pieces.next() else { continue };
        let offset = (STEP_BYTES * count) as u64;
        assert_eq!(sftp.write(&handle, offset, piece), status::OK, "the upload goes on");
        count += 1;
    }
    assert_eq!(sftp.close(&handle), status::OK);
    assert_eq!(sftp.size(path), Some((STEP_BYTES * count) as u64));
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Up, down, and compared.
fn curls(end: &End, address: SocketAddr, number: u32) -> u32 {
    let folder = Folder::new();
    let path = format!("curl-{number}");
    let (here, back) = (folder.join("here"), folder.join("back"));
    let bytes = Content::new(number.into()).write(&here, CURL_BYTES);
    let mut count = 0;
    while end.goes_on(CURL_PACE) {
        let put = Curl::new(address, &path).upload(&here);
        assert!(put.is_fine(), "{}", put.said);
        let got = Curl::new(address, &path).download(&back);
        assert!(got.is_fine(), "{}", got.said);
        assert_same("curl", &std::fs::read(&back).expect("a file"), &bytes);
        count += 1;
    }
    count
}

fn content(name: &str) -> Vec<u8> {
    let seed = name.bytes().fold(7, |seed: u64, byte| seed.wrapping_mul(31) + u64::from(byte));
    Content::new(seed).bytes(UPLOAD_BYTES)
}

/// What is downloaded.
const BIG: &str = "traffic";

/// More than the buffers of sockets, so that a download lasts as long as it is not read.
const BIG_BYTES: usize = 32 << 20;

/// Of one step of a download.
const PIECE_BYTES: usize = 64 * 1024;

/// What is uploaded if there is time.
const UPLOAD_BYTES: usize = 8 << 20;

/// Of one step of an upload.
const STEP_BYTES: usize = 16 * 1024;

/// Of a file of curl's.
const CURL_BYTES: usize = 300_000;

/// Between two steps of a client.
const PACE: Duration = Duration::from_millis(50);

/// Between two runs of curl, which are processes.
const CURL_PACE: Duration = Duration::from_millis(250);
