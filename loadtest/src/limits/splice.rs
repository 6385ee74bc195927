//! What the machine itself takes for relayed bytes: one thread, two connections, one pipe.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

use super::{send_file, thread_time};
use crate::client::connect;
use crate::client::ftp::data::{self, Sink};
use crate::report::MEBIBYTE;

/// Processor seconds of the relaying thread per GiB, and MiB/s.
pub(crate) fn measure(large: &Path) -> Result<(f64, f64)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let pair = || -> Result<(TcpStream, TcpStream)> {
        let near = connect(listener.local_addr()?, true)?;
        Ok((near, listener.accept()?.0))
    };
    let (source, inner) = pair()?;
    let (sink, outer) = pair()?;
    let begun = Instant::now();
    let (spent, bytes) = std::thread::scope(|scope| -> Result<(Duration, u64)> {
        scope.spawn(move || -> Result<()> {
            (0..REPEATS).try_for_each(|_| send_file(&source, large))
        });
        let drain = scope.spawn(move || data::drain(&sink, &mut Sink::default(), false));
        let relay = scope.spawn(move || relay(&inner, &outer).map(|()| thread_time()));
        let spent = relay.join().map_err(|_| anyhow!("the relaying thread failed"))??;
        let moved = drain.join().map_err(|_| anyhow!("the receiving thread failed"))??;
        Ok((spent, moved.bytes))
    })?;
    let mebibytes = bytes as f64 / MEBIBYTE;
    let rate = mebibytes / begun.elapsed().as_secs_f64();
    Ok((spent.as_secs_f64() * 1024.0 / mebibytes, rate))
}

fn relay(from: &TcpStream, to: &TcpStream) -> Result<()> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
    let room = fcntl_setpipe_size(&writer, PIPE_BYTES)?;
    loop {
        let mut left = splice(from, None, &writer, None, room, SpliceFlags::MOVE)?;
        if left == 0 {
            return Ok(());
        }
        while left > 0 {
            left -= splice(&reader, None, to, None, left, SpliceFlags::MOVE)?;
        }
    }
}

/// What a user may give a pipe without privileges.
const PIPE_BYTES: usize = 1024 * 1024;

/// How often the large file goes through.
const REPEATS: usize = 4;
