//! The socket under an SSH connection, as the transport sees it.
//!
//! The transport reads two small pieces per packet and stops reading while a write waits. Both are
//! mended here: the socket is read in large pieces, and a write is always taken. What the socket
//! does not take at once waits here and goes out whenever the transport reads, so that a window
//! adjustment is read however slow the client takes its bytes. Short answers wait for those to the
//! packets that were read with theirs, and all go out together. What waits is bounded by those who
//! write: [`Wire::unsent`] tells them, and above [`UNSENT_MAX`] nothing is read that could cause more.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSliceMut};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use send_wrapper::SendWrapper;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::keepalive::Tuned;

/// What a connection and the one who owns it tell each other about its bytes.
#[derive(Debug)]
pub(super) struct Wire {
    unsent: Cell<usize>,
    /// When the socket last took bytes, or when the first ones began to wait.
    moved: Cell<Instant>,
    paused: Cell<bool>,
    killed: Cell<bool>,
    /// The client has said something.
    heard: Cell<bool>,
    transport: RefCell<Option<Waker>>,
    owner: RefCell<Option<Waker>>,
}

impl Wire {
    pub(super) fn new(now: Instant) -> Rc<Self> {
        Rc::new(Self {
            unsent: Cell::new(0),
            moved: Cell::new(now),
            paused: Cell::new(false),
            killed: Cell::new(false),
            heard: Cell::new(false),
            transport: RefCell::default(),
            owner: RefCell::default(),
        })
    }

    /// Bytes that the socket has not taken yet.
    pub(super) fn unsent(&self) -> usize {
        self.unsent.get()
    }

    /// Since when bytes wait without any being taken.
    pub(super) fn stuck_since(&self) -> Option<Instant> {
        (self.unsent.get() > 0).then(|| self.moved.get())
    }

    /// Whether the socket is read. Bytes that were read before still reach the transport's next packet.
    pub(super) fn set_paused(&self, paused: bool) {
        if self.paused.replace(paused) && !paused {
            wake(&self.transport);
        }
    }

    /// Ends the connection for the transport, whatever waits.
    pub(super) fn kill(&self) {
        self.killed.set(true);
        wake(&self.transport);
    }

    /// Whether a byte of the client was read.
    pub(super) fn heard(&self) -> bool {
        self.heard.get()
    }

    /// Has the socket looked at, whose options may be others now.
    pub(super) fn look(&self) {
        wake(&self.transport);
    }

    /// Whom to wake when bytes that waited have gone.
    pub(super) fn set_owner(&self, waker: &Waker) {
        let mut owner = self.owner.borrow_mut();
        match &mut *owner {
            Some(owner) => owner.clone_from(waker),
            None => *owner = Some(waker.clone()),
        }
    }

    /// Wakes the owner.
    pub(super) fn wake_owner(&self) {
        if let Some(waker) = &*self.owner.borrow() {
            waker.wake_by_ref();
        }
    }
}

fn wake(waker: &RefCell<Option<Waker>>) {
    if let Some(waker) = waker.borrow_mut().take() {
        waker.wake();
    }
}

/// Buffers of an arbiter's links; an idle connection has none.
#[derive(Debug, Default)]
pub(crate) struct ReadBuffers(RefCell<Vec<Vec<u8>>>);

impl ReadBuffers {
    fn take(&self) -> Vec<u8> {
        self.0.borrow_mut().pop().unwrap_or_else(|| vec![0; READ_BYTES])
    }

    fn give(&self, buffer: Vec<u8>) {
        let mut spare = self.0.borrow_mut();
        if spare.len() < SPARE_BUFFERS_MAX {
            spare.push(buffer);
        }
    }
}

/// The connection, for the transport.
pub(super) struct Link {
    stream: TcpStream,
    shared: SendWrapper<(Rc<Wire>, Rc<ReadBuffers>)>,
    input: Option<Input>,
    output: Output,
    /// Bytes read since other tasks could run.
    run_bytes: usize,
    /// The options that the socket has.
    tuned: Tuned,
}

/// Bytes that were read ahead.
struct Input {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

/// Bytes that the socket has not taken yet.
#[derive(Default)]
struct Output {
    buffer: Vec<u8>,
    start: usize,
}

impl Link {
    /// Around a socket that has these options.
    pub(super) fn new(
        stream: TcpStream,
        tuned: Tuned,
        wire: Rc<Wire>,
        buffers: Rc<ReadBuffers>,
    ) -> Self {
        Self {
            stream,
            shared: SendWrapper::new((wire, buffers)),
            input: None,
            output: Output::default(),
            run_bytes: 0,
            tuned,
        }
    }

    fn wire(&self) -> &Wire {
        &self.shared.0
    }

    /// Whether this many bytes more may wait for company: packets are there that were read ahead, and
    /// each will have its answer. Short answers so share a system call.
    fn defers(&self, bytes: usize) -> bool {
        let waiting = self.output.buffer.len() - self.output.start;
        let paused = self.wire().paused.get();
        self.input.is_some() && !paused && waiting + bytes <= DEFERRED_BYTES_MAX
    }

    /// Sends what waits, as far as the socket takes it.
    fn push(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.output.start == self.output.buffer.len() {
            return Ok(());
        }
        let before = self.output.start;
        while let Some(rest) = self.output.buffer.get(self.output.start..).filter(|r| !r.is_empty())
        {
            match Pin::new(&mut self.stream).poll_write(context, rest) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(count)) => self.output.start += count,
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => break,
            }
        }
        if self.output.start > before {
            self.wire().moved.set(Instant::now());
            let left = self.output.buffer.len() - self.output.start;
            if left == 0 {
                self.output = Output::default();
            } else if self.output.start >= COMPACT_BYTES {
                self.output.buffer.drain(..self.output.start);
                self.output.start = 0;
            }
            self.wire().unsent.set(left);
            self.wire().wake_owner();
        }
        Ok(())
    }

    /// Gives out what was read ahead.
    fn take_ahead(&mut self, out: &mut ReadBuf<'_>) -> bool {
        let Some(input) = &mut self.input else { return false };
        let count = out.remaining().min(input.end - input.start);
        if let Some(bytes) = input.buffer.get(input.start..input.start + count) {
            out.put_slice(bytes);
        }
        input.start += count;
        if input.start == input.end
            && let Some(input) = self.input.take()
        {
            self.shared.1.give(input.buffer);
        }
        true
    }

    /// Reads what the transport wants, and ahead of it, in one call.
    fn fill(&mut self, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.stream.poll_read_ready(context))?;
            let mut ahead = self.shared.1.take();
            let wanted = out.initialize_unfilled();
            let room = wanted.len();
            let mut pieces = [IoSliceMut::new(wanted), IoSliceMut::new(&mut ahead)];
            match self.stream.try_read_vectored(&mut pieces) {
                Ok(count) => {
                    self.run_bytes += count;
                    if count > 0 {
                        self.wire().heard.set(true);
                    }
                    out.advance(count.min(room));
                    match count.checked_sub(room) {
                        Some(end) if end > 0 => {
                            self.input = Some(Input { buffer: ahead, start: 0, end });
                        }
                        _ => self.shared.1.give(ahead),
                    }
                    return Poll::Ready(Ok(()));
                }
                Err(error) => {
                    self.shared.1.give(ahead);
                    if error.kind() != io::ErrorKind::WouldBlock {
                        return Poll::Ready(Err(error));
                    }
                }
            }
        }
    }
}

impl AsyncRead for Link {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.tuned.refresh(&this.stream);
        if this.wire().killed.get() {
            return Poll::Ready(Ok(()));
        }
        if out.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        if !this.defers(0) {
            this.push(context)?;
        }
        if this.wire().paused.get() || this.wire().unsent.get() > UNSENT_MAX {
            this.run_bytes = 0;
            *this.wire().transport.borrow_mut() = Some(context.waker().clone());
            return Poll::Pending;
        }
        if this.run_bytes >= RUN_BYTES_MAX {
            this.run_bytes = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if this.take_ahead(out) {
            return Poll::Ready(Ok(()));
        }
        let result = this.fill(context, out);
        if result.is_pending() {
            this.run_bytes = 0;
            *this.wire().transport.borrow_mut() = Some(context.waker().clone());
        }
        result
    }
}

impl AsyncWrite for Link {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.wire().killed.get() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if !this.defers(bytes.len()) {
            this.push(context)?;
        }
        let mut sent = 0;
        if !this.defers(bytes.len()) && this.output.buffer.is_empty() {
            match Pin::new(&mut this.stream).poll_write(context, bytes) {
                Poll::Ready(Ok(count)) => sent = count,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {}
            }
        }
        if let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
            if this.output.buffer.is_empty() {
                this.wire().moved.set(Instant::now());
            }
            this.output.buffer.extend_from_slice(rest);
            this.wire().unsent.set(this.output.buffer.len() - this.output.start);
            if !this.defers(0) {
                // The socket may have taken a part only: find out when it takes more.
                this.push(context)?;
            }
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        Poll::Ready(if this.defers(0) { Ok(()) } else { this.push(context) })
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.wire().killed.get() {
            return Poll::Ready(Ok(()));
        }
        this.push(context)?;
        if this.wire().unsent.get() > 0 {
            *this.wire().transport.borrow_mut() = Some(context.waker().clone());
            return Poll::Pending;
        }
        Pin::new(&mut this.stream).poll_shutdown(context)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // What still waited for company may tell the client why.
        if let Some(rest) = self.output.buffer.get(self.output.start..).filter(|r| !r.is_empty()) {
            let _ = self.stream.try_write(rest);
        }
        self.shared.0.wake_owner();
    }
}

/// Read ahead at once: a few packets of the largest kind.
const READ_BYTES: usize = 128 * 1024;
/// Spare buffers of an arbiter: 2 MiB.
const SPARE_BUFFERS_MAX: usize = 16;
/// Above this nothing is read, since every packet may want an answer: what the sessions hand out at
/// the most, and a margin for answers of the transport itself.
pub(super) const UNSENT_MAX: usize = 1024 * 1024;
/// Bytes that wait for company at the most: the answers to some hundred short requests. Whatever is longer
/// goes out at once, without being copied.
const DEFERRED_BYTES_MAX: usize = 8 * 1024;
/// Sent bytes in front of those that wait before the rest is moved.
const COMPACT_BYTES: usize = 256 * 1024;
/// Bytes read before the arbiter's other tasks run.
const RUN_BYTES_MAX: usize = 1024 * 1024;

#[cfg(test)]
mod tests;
