//! What the machine itself can do: servers of a few lines without protocol, log or login, driven
//! by the same client code. A thread's own clock says what the serving side spent.

mod cipher;
pub(crate) mod machine;
pub(crate) mod splice;

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use rustix::fs::{AtFlags, Mode, OFlags, RawDir, StatxFlags, open, sendfile, statx};
use rustix::time::{ClockId, clock_gettime};

use crate::client::ftp::data::{self, Sink};
use crate::client::payload::Payload;
use crate::client::{Protocol, connect};
use crate::cpu::{self, Placement};
use crate::report::{Latency, MEBIBYTE, latency};
use crate::row::Row;
use crate::scenario::Scenario;
use cipher::Seal;

/// The figures for a row, in the order of the row's heading; `None` where there is no limit to
/// measure.
pub(crate) fn measure(row: &Row, files: &Path, large: &Path) -> Result<Option<Vec<Option<f64>>>> {
    let seal = Seal::of(row.protocol, row.cipher);
    let figures = match (row.scenario, seal) {
        (Scenario::Login, _) => accepting(32, ACCEPTS, |_| Ok(()))?.per_operation(1e3),
        // A data connection for each file is FTP's.
        (Scenario::SmallDownload | Scenario::SmallUpload, _) if row.protocol == Protocol::Sftp => {
            return Ok(None);
        }
        (Scenario::SmallDownload, _) => {
            let small = files.join(SMALL);
            std::fs::write(&small, [b'x'; 1024])?;
            accepting(8, ACCEPTS, |stream| send_file(&stream, &small))?.per_operation(1e3)
        }
        (Scenario::SmallUpload, _) => storing(8, ACCEPTS, &files.join(SMALL))?.per_operation(1e3),
        (Scenario::Noop | Scenario::Pwd, _) => return echo().map(Some),
        (Scenario::Download, None) => download(row.clients, large)?.per_gibibyte(),
        (Scenario::Download, Some(seal)) => {
            cipher::download(row.clients, large, seal)?.per_gibibyte()
        }
        (Scenario::Upload, None) => upload(row.clients, files)?.per_gibibyte(),
        (Scenario::Upload, Some(seal)) => cipher::upload(row.clients, files, seal)?.per_gibibyte(),
        (Scenario::List | Scenario::Mlsd, _) => {
            let listed = listing(&files.join("list"))?;
            vec![Some(listed.cpu.as_secs_f64() * 1e6 / listed.units), Some(listed.seconds())]
        }
        _ => return Ok(None),
    };
    Ok(Some(figures))
}

/// What a serving side did.
struct Limit {
    cpu: Duration,
    elapsed: Duration,
    /// Operations, bytes or entries.
    units: f64,
}

impl Limit {
    fn seconds(&self) -> f64 {
        self.elapsed.as_secs_f64()
    }

    fn per_operation(&self, scale: f64) -> Vec<Option<f64>> {
        let each = self.cpu.as_secs_f64() * scale / self.units;
        vec![Some(each), Some(self.units / self.seconds())]
    }

    /// Processor seconds per GiB and MiB/s.
    fn gibibyte(&self) -> (f64, f64) {
        let mebibytes = self.units / MEBIBYTE;
        (self.cpu.as_secs_f64() * 1024.0 / mebibytes, mebibytes / self.seconds())
    }

    fn per_gibibyte(&self) -> Vec<Option<f64>> {
        let (spent, rate) = self.gibibyte();
        vec![Some(spent), Some(rate)]
    }
}

/// One thread accepts, serves and closes; the clients wait for the end of each connection.
fn accepting(
    clients: u32,
    count: u32,
    serve: impl Fn(TcpStream) -> Result<()> + Send,
) -> Result<Limit> {
    let drive = |address| -> Result<()> {
        let mut sink = Sink::default();
        for _ in 0..count / clients {
            data::drain(&connect(address, false)?, &mut sink, false)?;
        }
        Ok(())
    };
    through(clients, count, serve, drive)
}

/// One thread accepts, makes a file, writes what comes and closes.
fn storing(clients: u32, count: u32, path: &Path) -> Result<Limit> {
    let serve = |mut stream: TcpStream| -> Result<()> {
        let mut bytes = [0; 2048];
        let mut file = File::create(path)?;
        loop {
            let count = stream.read(&mut bytes)?;
            if count == 0 {
                return Ok(());
            }
            file.write_all(bytes.get(..count).unwrap_or_default())?;
        }
    };
    let drive = |address| -> Result<()> {
        let mut end = [0];
        for _ in 0..count / clients {
            let mut stream = connect(address, false)?;
            stream.write_all(&[b'x'; 1024])?;
            stream.shutdown(Shutdown::Write)?;
            // The file is written when the server closes.
            stream.read(&mut end).map(drop)?;
        }
        Ok(())
    };
    through(clients, count, serve, drive)
}

/// One thread serves connection after connection, which all clients make.
fn through(
    clients: u32,
    count: u32,
    serve: impl Fn(TcpStream) -> Result<()> + Send,
    drive: impl Fn(SocketAddr) -> Result<()> + Sync,
) -> Result<Limit> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let begin = Instant::now();
    let drive = &drive;
    let cpu = std::thread::scope(|scope| -> Result<Duration> {
        let server = scope.spawn(move || -> Result<Duration> {
            for _ in 0..count / clients * clients {
                serve(listener.accept()?.0)?;
            }
            Ok(thread_time())
        });
        for _ in 0..clients {
            scope.spawn(move || drive(address));
        }
        server.join().map_err(|_| anyhow!("the serving thread failed"))?
    })?;
    let units = f64::from(count / clients * clients);
    Ok(Limit { cpu, elapsed: begin.elapsed(), units })
}

/// Pairs of threads, one connection each; the serving side's time is counted.
fn paired(
    placement: Placement,
    pairs: usize,
    serve: impl Fn(usize, TcpStream) -> Result<()> + Sync,
    drive: impl Fn(TcpStream) -> Result<u64> + Sync,
) -> Result<Limit> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address: SocketAddr = listener.local_addr()?;
    let begin = Instant::now();
    let (cpu, units) = std::thread::scope(|scope| -> Result<(Duration, u64)> {
        let mut threads = Vec::new();
        for index in 0..pairs {
            let near = connect(address, true)?;
            let far = listener.accept()?.0;
            far.set_nodelay(true)?;
            let (serve, drive) = (&serve, &drive);
            let server = scope.spawn(move || {
                placement.server().map_or(Ok(()), cpu::pin_self)?;
                serve(index, far).map(|()| thread_time())
            });
            let client = scope.spawn(move || {
                placement.client().map_or(Ok(()), cpu::pin_self)?;
                drive(near)
            });
            threads.push((server, client));
        }
        let mut total = (Duration::ZERO, 0);
        for (server, client) in threads {
            total.0 += server.join().map_err(|_| anyhow!("a serving thread failed"))??;
            total.1 += client.join().map_err(|_| anyhow!("a client failed"))??;
        }
        Ok(total)
    })?;
    Ok(Limit { cpu, elapsed: begin.elapsed(), units: units as f64 })
}

fn download(streams: usize, large: &Path) -> Result<Limit> {
    let serve = |_, stream: TcpStream| (0..REPEATS).try_for_each(|_| send_file(&stream, large));
    let drive = |stream: TcpStream| Ok(data::drain(&stream, &mut Sink::default(), false)?.bytes);
    paired(Placement::of_streams(streams), streams, serve, drive)
}

fn upload(streams: usize, files: &Path) -> Result<Limit> {
    let payload = Payload::new()?;
    let serve = |index, stream: TcpStream| Store::new(files, index)?.take(stream, |_| Ok(()));
    let drive = |stream: TcpStream| Ok(data::fill(&stream, &payload, UPLOAD_BYTES)?.bytes);
    paired(Placement::of_streams(streams), streams, serve, drive)
}

/// A file that is uploaded again and again.
struct Store {
    path: PathBuf,
    file: File,
}

impl Store {
    fn new(files: &Path, index: usize) -> Result<Self> {
        let path = files.join(format!("limit-{index}.bin"));
        Ok(Self { file: File::create(&path)?, path })
    }

    /// Writes what comes, opened first; the file goes at the end.
    fn take(
        mut self,
        mut stream: TcpStream,
        mut open: impl FnMut(&mut [u8]) -> Result<()>,
    ) -> Result<()> {
        let mut buffer = vec![0; 1024 * 1024];
        let mut written = 0;
        loop {
            let count = stream.read(&mut buffer)?;
            let part = buffer.get_mut(..count).unwrap_or_default();
            if part.is_empty() {
                std::fs::remove_file(self.path)?;
                return Ok(());
            }
            open(part)?;
            self.file.write_all(part)?;
            written += count;
            if written >= FILE_BYTES {
                // A new upload, as a server sees it: the file is emptied and written again.
                self.file.set_len(0)?;
                self.file.rewind()?;
                written = 0;
            }
        }
    }
}

/// The round trip of one line, client and server on one processor.
fn echo() -> Result<Vec<Option<f64>>> {
    let serve = |_, mut stream: TcpStream| -> Result<()> {
        let mut line = [0; 64];
        while stream.read(&mut line)? > 0 {
            stream.write_all(b"200 ok\r\n")?;
        }
        Ok(())
    };
    let measured: std::sync::Mutex<Latency> = std::sync::Mutex::new(latency()?);
    let drive = |mut stream: TcpStream| -> Result<u64> {
        let mut own = latency()?;
        let mut line = [0; 64];
        for _ in 0..ECHOES {
            let start = Instant::now();
            stream.write_all(b"NOOP\r\n")?;
            stream.read(&mut line).map(drop)?;
            own.saturating_record(u64::try_from(start.elapsed().as_nanos())?);
        }
        *measured.lock().map_err(|_| anyhow!("a client failed"))? = own;
        Ok(ECHOES)
    };
    let limit = paired(Placement::Together(0), 1, serve, drive)?;
    let measured = measured.into_inner().map_err(|_| anyhow!("a client failed"))?;
    let quantile = |quantile| Some(measured.value_at_quantile(quantile) as f64 / 1000.0);
    let cpu = limit.cpu.as_secs_f64() * 1e6 / limit.units;
    Ok(vec![quantile(0.5), quantile(0.99), quantile(0.999), Some(cpu)])
}

/// Reads the directory, asks for each entry's facts, formats a line and sends it.
fn listing(directory: &Path) -> Result<Limit> {
    let serve = |_, mut stream: TcpStream| -> Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = open(directory, flags, Mode::empty())?;
        let mut buffer = vec![MaybeUninit::<u8>::uninit(); 64 * 1024];
        let mut entries = RawDir::new(&folder, &mut buffer);
        let mut lines = Vec::with_capacity(80 * 1024);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            let facts = StatxFlags::BASIC_STATS;
            let stat = statx(&folder, name, AtFlags::SYMLINK_NOFOLLOW, facts)?;
            write!(lines, "-rw-r--r-- 1 ftp ftp {:>12} Jan 01 00:00 ", stat.stx_size)?;
            lines.extend_from_slice(name.to_bytes());
            lines.extend_from_slice(b"\r\n");
            if lines.len() > 64 * 1024 {
                stream.write_all(&lines)?;
                lines.clear();
            }
        }
        stream.write_all(&lines).context("cannot send")
    };
    let drive = |stream: TcpStream| Ok(data::drain(&stream, &mut Sink::default(), true)?.entries);
    paired(Placement::of_streams(1), 1, serve, drive)
}

pub(crate) fn send_file(stream: &TcpStream, path: &Path) -> Result<()> {
    let file = File::open(path)?;
    let mut left = file.metadata()?.len();
    let mut offset = 0;
    while left > 0 {
        let most = usize::try_from(left)?;
        left -= sendfile(stream, &file, Some(&mut offset), most)? as u64;
    }
    Ok(())
}

/// Processor time of the calling thread.
pub(crate) fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// Connections in all: about a second of them.
const ACCEPTS: u32 = 20_000;

/// Round trips: about half a second of them.
const ECHOES: u64 = 20_000;

/// How often the large file is sent per stream.
const REPEATS: usize = 4;

/// One uploaded file.
const FILE_BYTES: usize = 512 * 1024 * 1024;

/// Bytes per uploading stream.
const UPLOAD_BYTES: u64 = 2 * 1024 * 1024 * 1024;

const SMALL: &str = "limit-small.bin";
