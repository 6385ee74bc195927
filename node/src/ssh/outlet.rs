//! The way of reply bytes into the transport: straight where the transport calls us, else by letters.
//!
//! A handler's callback may hand bytes to the transport at once. Everybody else writes a letter, which
//! the courier posts to the transport's own bounded queue. A letter is under way until the transport
//! has dropped its bytes; as long as one is, nothing of its channel goes the straight way, or it would
//! overtake.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use bytes::Bytes;
use russh::ChannelId;
use russh::server::{Handle, Session};
use send_wrapper::SendWrapper;

use super::channel::Exit;
use super::link::Wire;

/// What the transport holds of a channel's bytes, and spare buffers.
#[derive(Debug)]
pub(super) struct Ledger {
    under_way: Cell<usize>,
    /// The owner of the connection waits until less is under way.
    is_awaited: Cell<bool>,
    wire: Rc<Wire>,
    spare: RefCell<Vec<Vec<u8>>>,
}

impl Ledger {
    pub(super) fn new(wire: Rc<Wire>) -> Rc<Self> {
        Rc::new(Self {
            under_way: Cell::new(0),
            is_awaited: Cell::new(false),
            wire,
            spare: RefCell::default(),
        })
    }

    /// Whether the owner of the connection is to be woken when less is under way: a socket that takes
    /// all at once wakes nobody.
    pub(super) fn set_awaited(&self, is_awaited: bool) {
        self.is_awaited.set(is_awaited);
    }

    /// Bytes that the transport was given and still holds.
    pub(super) fn under_way(&self) -> usize {
        self.under_way.get()
    }

    /// A buffer that the transport is done with.
    pub(super) fn take_spare(&self) -> Option<Vec<u8>> {
        self.spare.borrow_mut().pop()
    }
}

/// Bytes that return their buffer when the transport is done with them.
struct Lease {
    buffer: Vec<u8>,
    ledger: SendWrapper<Rc<Ledger>>,
}

impl AsRef<[u8]> for Lease {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let ledger = &self.ledger;
        ledger.under_way.set(ledger.under_way.get().saturating_sub(self.buffer.len()));
        if ledger.is_awaited.take() {
            ledger.wire.wake_owner();
        }
        let mut spare = ledger.spare.borrow_mut();
        if spare.len() < SPARE_MAX {
            spare.push(std::mem::take(&mut self.buffer));
        }
    }
}

/// The bytes of a buffer, on the account of the channel.
fn lease(buffer: Vec<u8>, ledger: &Rc<Ledger>) -> Bytes {
    ledger.under_way.set(ledger.under_way.get() + buffer.len());
    Bytes::from_owner(Lease { buffer, ledger: SendWrapper::new(Rc::clone(ledger)) })
}

/// Where the reply bytes of a connection's channels go.
pub(super) trait Outlet {
    /// Whether this way is open to a channel of which the transport holds this many bytes.
    fn is_open(&self, under_way: usize) -> bool;
    /// Takes bytes of a channel.
    fn send(&mut self, channel: ChannelId, buffer: Vec<u8>, ledger: &Rc<Ledger>);
    /// Takes the end of a channel, behind all its bytes.
    fn end(&mut self, channel: ChannelId, exit: Exit);
}

/// The straight way, within a callback of the transport.
pub(super) struct Direct<'a> {
    pub(super) session: &'a mut Session,
    pub(super) letters: &'a Letters,
    /// What the transport said when it failed.
    pub(super) result: Result<(), russh::Error>,
}

impl Outlet for Direct<'_> {
    fn is_open(&self, under_way: usize) -> bool {
        under_way == 0 && self.result.is_ok()
    }

    fn send(&mut self, channel: ChannelId, buffer: Vec<u8>, ledger: &Rc<Ledger>) {
        self.result = self.session.data(channel, lease(buffer, ledger));
    }

    fn end(&mut self, channel: ChannelId, exit: Exit) {
        // Nothing follows it, so it may take the slow way.
        self.letters.write(Letter::End(channel, exit));
    }
}

/// The way by letters.
pub(super) struct ByLetter<'a>(pub(super) &'a Letters);

impl Outlet for ByLetter<'_> {
    fn is_open(&self, _: usize) -> bool {
        true
    }

    fn send(&mut self, channel: ChannelId, buffer: Vec<u8>, ledger: &Rc<Ledger>) {
        self.0.write(Letter::Data(channel, lease(buffer, ledger)));
    }

    fn end(&mut self, channel: ChannelId, exit: Exit) {
        self.0.write(Letter::End(channel, exit));
    }
}

/// One message for the transport.
enum Letter {
    Data(ChannelId, Bytes),
    /// What is to be said, exit status, end of data, close.
    End(ChannelId, Exit),
    Disconnect(String),
}

/// Letters that the courier has not posted. Bounded by those who write: the bytes of all channels by
/// their budget, ends by the number of channels.
#[derive(Default)]
pub(super) struct Letters {
    queue: RefCell<VecDeque<Letter>>,
    courier: RefCell<Option<Waker>>,
}

impl Letters {
    fn write(&self, letter: Letter) {
        self.queue.borrow_mut().push_back(letter);
        if let Some(waker) = self.courier.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Ends the connection once everything before it is posted.
    pub(super) fn disconnect(&self, reason: impl Into<String>) {
        self.write(Letter::Disconnect(reason.into()));
    }

    async fn next(&self) -> Letter {
        poll_fn(|context| match self.queue.borrow_mut().pop_front() {
            Some(letter) => Poll::Ready(letter),
            None => {
                *self.courier.borrow_mut() = Some(context.waker().clone());
                Poll::Pending
            }
        })
        .await
    }

    /// The courier: posts letters for as long as the transport lives.
    pub(super) async fn post(self: Rc<Self>, transport: Handle) {
        loop {
            let posted = match self.next().await {
                Letter::Data(channel, bytes) => transport.data(channel, bytes).await.is_ok(),
                Letter::End(channel, exit) => {
                    let said = exit.message.is_empty()
                        || transport.extended_data(channel, STDERR, exit.message).await.is_ok();
                    said && transport.exit_status_request(channel, exit.status).await.is_ok()
                        && transport.eof(channel).await.is_ok()
                        && transport.close(channel).await.is_ok()
                }
                Letter::Disconnect(reason) => {
                    let by = russh::Disconnect::ByApplication;
                    transport.disconnect(by, reason, String::new()).await.is_ok()
                }
            };
            if !posted {
                return;
            }
        }
    }
}

/// The data type of standard error (RFC 4254, 5.2).
pub(super) const STDERR: u32 = 1;

/// Spare buffers of a channel: what a pipeline of a client keeps in use between two wake-ups.
const SPARE_MAX: usize = 8;
