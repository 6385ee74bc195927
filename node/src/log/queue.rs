//! A bounded queue of lines and the thread that writes them.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Where lines go.
pub(super) enum Output {
    Stderr,
    /// A file, appended to.
    File(PathBuf, File),
    /// Takes what it is given in its own time.
    #[cfg(test)]
    Other(Box<dyn Write + Send>),
}

/// The sending side; all clones share one queue. The thread ends when the last is gone.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    sender: SyncSender<Message>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Lines that found the queue full, or that the output refused.
    dropped: AtomicU64,
    /// Asks the writer to open its file again.
    reopen: AtomicBool,
}

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    /// Look at [`Shared::reopen`], and at the chore.
    Wake,
    /// Answer when all that came before is written.
    Flush(SyncSender<()>),
}

/// What the thread looks after besides: called before it waits for lines. It may add lines of its own, and
/// says when it wants to be called again, if nothing else comes.
pub(super) type Chore = Box<dyn FnMut(&mut Vec<u8>) -> Option<Duration> + Send>;

impl Output {
    /// Opens or makes a file to append to.
    pub(super) fn file(path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).open(&path)?;
        Ok(Self::File(path, file))
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Stderr => io::stderr().write_all(bytes),
            Self::File(_, file) => file.write_all(bytes),
            #[cfg(test)]
            Self::Other(output) => output.write_all(bytes),
        }
    }

    /// Opens the file again; the old one stays in use if that fails.
    fn reopen(&mut self) -> io::Result<()> {
        if let Self::File(path, _) = self {
            *self = Self::file(path.clone())?;
        }
        Ok(())
    }
}

impl Queue {
    /// Starts the writer; `name` is what the thread and its own complaints are called.
    pub(super) fn spawn(name: &'static str, output: Output) -> io::Result<Self> {
        Self::spawn_with(name, output, Box::new(|_| None))
    }

    /// The same, with a chore for the thread.
    pub(super) fn spawn_with(name: &'static str, output: Output, chore: Chore) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(LINES_MAX);
        let shared = Arc::new(Shared::default());
        let writer = Writer {
            name,
            output,
            shared: Arc::clone(&shared),
            chore,
            reported: 0,
            failing: false,
        };
        thread::Builder::new().name(name.to_owned()).spawn(move || writer.run(&receiver))?;
        Ok(Self { sender, shared })
    }

    /// Queues a line, or drops and counts it. Never waits.
    pub(super) fn push(&self, line: Vec<u8>) {
        if self.sender.try_send(Message::Line(line)).is_err() {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Lines dropped since the start.
    pub(super) fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Has the file opened again, before the next line is written. Never waits.
    pub(super) fn reopen(&self) {
        self.shared.reopen.store(true, Ordering::Release);
        self.wake();
    }

    /// Has the chore called. Never waits.
    pub(super) fn wake(&self) {
        // A full queue needs no waking.
        let _ = self.sender.try_send(Message::Wake);
    }

    /// Waits until what was queued is written, `wait` at most. For the end of a process.
    pub(super) fn flush(&self, wait: Duration) {
        let deadline = Instant::now() + wait;
        let (answer, answered) = sync_channel(1);
        let mut message = Message::Flush(answer);
        while let Err(TrySendError::Full(back)) = self.sender.try_send(message) {
            if Instant::now() >= deadline {
                return;
            }
            message = back;
            thread::sleep(RETRY);
        }
        let _ = answered.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

/// The thread's side.
struct Writer {
    name: &'static str,
    output: Output,
    shared: Arc<Shared>,
    chore: Chore,
    /// How many of the dropped lines were reported.
    reported: u64,
    /// Whether the last write failed: a full disk is reported once.
    failing: bool,
}

impl Writer {
    fn run(mut self, receiver: &Receiver<Message>) {
        let mut batch = Vec::new();
        let mut flushes = Vec::new();
        let mut pause = None;
        loop {
            let mut next = match receive(receiver, pause) {
                Ok(first) => Some(first),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let mut lines = 0;
            while let Some(message) = next {
                match message {
                    Message::Line(line) => {
                        batch.extend_from_slice(&line);
                        lines += 1;
                    }
                    Message::Wake => {}
                    Message::Flush(answer) => flushes.push(answer),
                }
                next = if batch.len() < BATCH_BYTES { receiver.try_recv().ok() } else { None };
            }
            pause = (self.chore)(&mut batch);
            self.write(&batch, lines);
            // While this thread does not wait for a line, pushing one wakes nobody: a busy node pays for
            // one wake-up per pause, not per line.
            let rests = batch.len() < BATCH_BYTES && flushes.is_empty();
            batch.clear();
            for answer in flushes.drain(..) {
                let _ = answer.try_send(());
            }
            self.report();
            if rests {
                thread::sleep(PAUSE);
            }
        }
    }

    fn write(&mut self, batch: &[u8], lines: u64) {
        let reopened = if self.shared.reopen.swap(false, Ordering::Acquire) {
            self.output.reopen()
        } else {
            Ok(())
        };
        let written = self.output.write(batch);
        if written.is_err() {
            self.shared.dropped.fetch_add(lines, Ordering::Relaxed);
        }
        match reopened.and(written) {
            Ok(()) => self.failing = false,
            Err(error) if !self.failing => {
                self.failing = true;
                tracing::error!(log = self.name, %error, "can not write a log");
            }
            Err(_) => {}
        }
    }

    /// Says how many lines were lost since it was last said. The warning goes into a queue like
    /// any other line, so this thread does not wait for itself.
    fn report(&mut self) {
        let dropped = self.shared.dropped.load(Ordering::Relaxed);
        if dropped > self.reported && !self.failing {
            tracing::warn!(
                log = self.name,
                lines = dropped - self.reported,
                "log lines were dropped"
            );
            self.reported = dropped;
        }
    }
}

/// Waits for a message, for some time at most if there is a limit.
fn receive(
    receiver: &Receiver<Message>,
    pause: Option<Duration>,
) -> Result<Message, RecvTimeoutError> {
    match pause {
        Some(pause) => receiver.recv_timeout(pause),
        None => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
    }
}

/// Lines that wait at most: with lines of 250 bytes 1 MiB, a second of a very busy node.
const LINES_MAX: usize = 4096;
/// Bytes that go out in one write.
const BATCH_BYTES: usize = 64 * 1024;
/// Between two writes: far less than the queue takes to fill, and soon enough for whoever reads along.
const PAUSE: Duration = Duration::from_millis(5);
/// How soon a full queue is tried again while the process ends.
const RETRY: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    /// An output that waits for a permit before each write and passes on what it wrote.
    struct Slow {
        permits: Receiver<()>,
        written: std::sync::mpsc::Sender<Vec<u8>>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.permits.recv();
            let _ = self.written.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_stands_still_costs_lines_and_no_time() {
        let (permit, permits) = channel();
        let (written, writes) = channel();
        let queue =
            Queue::spawn("test", Output::Other(Box::new(Slow { permits, written }))).unwrap();
        // The writer may hold one batch, and the queue is full.
        let sent = (BATCH_BYTES / 5 + 1 + 2 * LINES_MAX) as u64;
        for _ in 0..sent {
            queue.push(b"line\n".to_vec());
        }
        let dropped = queue.dropped();
        assert!(dropped >= LINES_MAX as u64, "{dropped}");
        drop(permit);
        queue.flush(Duration::from_secs(10));
        let bytes = writes.try_iter().map(|bytes| bytes.len() as u64).sum::<u64>();
        assert_eq!(bytes / 5 + dropped, sent);
    }

    #[test]
    fn flushing_an_output_that_stands_still_ends() {
        let (permit, permits) = channel::<()>();
        let (written, _writes) = channel();
        let queue =
            Queue::spawn("test", Output::Other(Box::new(Slow { permits, written }))).unwrap();
        queue.push(b"line\n".to_vec());
        queue.flush(Duration::from_millis(20));
        drop(permit);
    }
}
