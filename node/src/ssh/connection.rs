//! What the transport's handler and the session's actor share: the channels of one connection.
//!
//! Both run on the arbiter of the connection, in two tasks. The handler brings bytes in and, where it
//! can, carries the answer straight back; the actor carries on what waits for the storage, for room or
//! for time.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;
use std::time::Instant;

use russh::ChannelId;
use tracing::debug;

use super::channel::{Channel, Exit, Program};
use super::link::{UNSENT_MAX, Wire};
use super::outlet::{ByLetter, Direct, Letters, Outlet};
use super::record::Record;
use crate::log;
use crate::login::LoggedIn;
use crate::policy::Policy;
use crate::roster::{Card, Place};
use crate::worker::Worker;

/// One SSH connection.
pub(super) struct Connection {
    pub(super) worker: Rc<Worker>,
    pub(super) policy: Arc<Policy>,
    pub(super) peer: SocketAddr,
    pub(super) wire: Rc<Wire>,
    pub(super) letters: Rc<Letters>,
    pub(super) record: Rc<Record>,
    channels: RefCell<Vec<Channel>>,
    login: RefCell<Option<Rc<LoggedIn>>>,
    /// In the roster, as long as there is a login.
    place: RefCell<Option<Place>>,
    /// When the client last did something.
    active: Cell<Instant>,
    /// Bytes that the channels hold, as counted on the arbiter's account.
    held: Cell<usize>,
    /// Channels that were opened, and that were refused, since the connection began.
    opened: Cell<u32>,
    refused: Cell<u32>,
    /// No new channels: the node stops.
    is_closing: Cell<bool>,
}

impl Connection {
    pub(super) fn new(
        worker: Rc<Worker>,
        policy: Arc<Policy>,
        peer: SocketAddr,
        record: Rc<Record>,
        now: Instant,
    ) -> Rc<Self> {
        Rc::new(Self {
            worker,
            policy,
            peer,
            wire: Wire::new(now),
            letters: Rc::default(),
            record,
            channels: RefCell::default(),
            login: RefCell::default(),
            place: RefCell::default(),
            active: Cell::new(now),
            held: Cell::new(0),
            opened: Cell::new(0),
            refused: Cell::new(0),
            is_closing: Cell::new(false),
        })
    }

    /// The login, once there is one.
    pub(super) fn login(&self) -> Option<Rc<LoggedIn>> {
        self.login.borrow().clone()
    }

    /// The card of the session, once there is a login.
    pub(super) fn card(&self) -> Option<Rc<Card>> {
        self.place.borrow().as_deref().cloned()
    }

    /// The client is let in, and the record knows who it is.
    pub(super) fn set_login(&self, login: LoggedIn) {
        let now = Instant::now();
        *self.login.borrow_mut() = Some(Rc::new(login));
        *self.place.borrow_mut() = Some(self.worker.roster.enter(self.record.who(), now));
        self.active.set(now);
        self.wire.wake_owner();
    }

    /// When the client last did something, or something was last done for it.
    pub(super) fn active(&self) -> Instant {
        let channels = self.channels.borrow();
        if channels.iter().filter_map(|c| c.program.as_ref()).any(|p| is_at_work(&**p)) {
            self.active.set(Instant::now());
        }
        self.active.get()
    }

    /// Opens a channel, if there may be one more.
    pub(super) fn open(&self, id: ChannelId) -> bool {
        let opened = self.opened.get();
        let mut channels = self.channels.borrow_mut();
        let may = !self.is_closing.get()
            && channels.len() < self.policy.config.ssh.channels as usize
            && opened < OPENED_MAX;
        if may {
            self.opened.set(opened + 1);
            channels.push(Channel::new(id, Rc::clone(&self.wire)));
        }
        drop(channels);
        if opened >= OPENED_MAX && !self.is_busy() {
            self.letters.disconnect(USED_UP);
        }
        self.active.set(Instant::now());
        may
    }

    /// A channel was refused.
    ///
    /// # Errors
    /// It is one too many: the transport keeps each refusal while keys are exchanged.
    pub(super) fn on_refused_channel(&self) -> Result<(), russh::Error> {
        self.refused.set(self.refused.get() + 1);
        if self.refused.get() > REFUSED_MAX { Err(russh::Error::Inconsistent) } else { Ok(()) }
    }

    /// Lets a channel run a program, the one that it will ever run.
    pub(super) fn run(&self, id: ChannelId, program: Box<dyn Program>) -> bool {
        let mut channels = self.channels.borrow_mut();
        let channel = channels.iter_mut().find(|channel| channel.id == id);
        match channel.filter(|channel| channel.program.is_none()) {
            Some(channel) => {
                channel.program = Some(program);
                true
            }
            None => false,
        }
    }

    /// Brings bytes of the client to a channel's program.
    pub(super) fn on_bytes(&self, id: ChannelId, bytes: &[u8]) {
        self.active.set(Instant::now());
        let mut channels = self.channels.borrow_mut();
        let Some(channel) = channels.iter_mut().find(|channel| channel.id == id) else { return };
        if let Err(broken) = channel.on_bytes(bytes) {
            debug!(reason = broken.0, "channel ended by a violation");
            log::fail(&broken.0);
        }
    }

    /// The client sends no more through a channel.
    pub(super) fn on_end(&self, id: ChannelId) {
        self.with(id, |channel| {
            if let Some(program) = &mut channel.program {
                program.on_end();
            }
        });
    }

    /// A channel is closed.
    pub(super) fn on_close(&self, id: ChannelId) {
        let mut channels = self.channels.borrow_mut();
        if let Some(place) = channels.iter().position(|channel| channel.id == id) {
            channels.remove(place).end(Instant::now());
        }
        drop(channels);
        self.wire.wake_owner();
    }

    /// The client takes this many bytes of a channel.
    pub(super) fn on_window(&self, id: ChannelId, size: u32) {
        // Of a client that only takes, this is all that is heard.
        self.active.set(Instant::now());
        self.with(id, |channel| channel.set_window(size));
    }

    fn with(&self, id: ChannelId, change: impl FnOnce(&mut Channel)) {
        if let Some(channel) = self.channels.borrow_mut().iter_mut().find(|c| c.id == id) {
            change(channel);
        }
    }

    /// Moves what can move within a callback of the transport.
    pub(super) fn pump_directly(
        &self,
        session: &mut russh::server::Session,
    ) -> Result<(), russh::Error> {
        let mut outlet = Direct { session, letters: &self.letters, result: Ok(()) };
        let waits = self.pump(&mut outlet, BURST_BYTES_MAX);
        let result = outlet.result;
        // A session that drains ends when nothing is left to do.
        if waits || self.is_closing.get() {
            self.wire.wake_owner();
        }
        result
    }

    /// Moves what can move from the actor, which is woken when there is more room.
    pub(super) fn pump_by_letter(&self) {
        self.pump(&mut ByLetter(&self.letters), UNDER_WAY_MAX);
    }

    /// Tells whether something waits for the actor.
    fn pump(&self, outlet: &mut dyn Outlet, burst: usize) -> bool {
        let now = Instant::now();
        let mut channels = self.channels.borrow_mut();
        let under_way: usize = channels.iter().map(Channel::under_way).sum();
        let room = UNDER_WAY_MAX.saturating_sub(under_way + self.wire.unsent());
        let mut room = room.min(burst);
        let mut waits = false;
        let (mut held, mut drains, mut wants_input) = (0, false, true);
        for channel in channels.iter_mut() {
            let (sent, more) = channel.pump(outlet, room, now);
            room -= sent;
            waits |= more;
            if let Some(program) = &channel.program {
                waits |= is_at_work(&**program);
                held += program.held();
                drains |= program.drains();
                wants_input &= program.wants_input();
            }
        }
        // They share the room; and a session that drains ends when nothing is under way any more.
        let waits_for_less = waits || self.is_closing.get();
        channels.iter().for_each(|channel| channel.set_awaited(waits_for_less));
        for channel in channels.extract_if(.., |channel| channel.has_ended()) {
            channel.end(now);
        }
        drop(channels);
        let budget = &self.worker.ssh_held;
        budget.set(budget.get() + held - self.held.replace(held));
        let over = budget.get() > ARBITER_HELD_MAX && drains;
        self.wire.set_paused(!wants_input || over);
        waits
    }

    /// Polls the work of all channels; whether some of it ended.
    pub(super) fn poll_work(&self, task: &mut Context<'_>) -> bool {
        let now = Instant::now();
        let mut moved = false;
        for channel in self.channels.borrow_mut().iter_mut() {
            if let Some(program) = &mut channel.program {
                moved |= program.poll(task, now);
            }
        }
        moved
    }

    /// Whether a drain waits for something of this connection.
    pub(super) fn is_busy(&self) -> bool {
        let channels = self.channels.borrow();
        channels.iter().filter_map(|channel| channel.program.as_ref()).any(|p| p.is_busy())
            || channels.iter().any(Channel::holds_output)
            || self.wire.unsent() > 0
    }

    /// Ends all channels, each with a word for the client; whether there was one.
    pub(super) fn end_channels(&self, reason: &str) -> bool {
        let now = Instant::now();
        let channels = std::mem::take(&mut *self.channels.borrow_mut());
        let any = !channels.is_empty();
        for channel in channels {
            let exit = Exit { status: STOPPED_STATUS, message: format!("{reason}\r\n") };
            ByLetter(&self.letters).end(channel.id, exit);
            channel.end(now);
        }
        any
    }

    /// Aborts what all channels do, without a word.
    pub(super) fn abort_channels(&self) {
        let now = Instant::now();
        for channel in std::mem::take(&mut *self.channels.borrow_mut()) {
            channel.end(now);
        }
    }

    /// When a rate lets the first of the channels go on.
    pub(super) fn resumes_at(&self) -> Option<Instant> {
        let channels = self.channels.borrow();
        channels.iter().filter_map(|c| c.program.as_ref()?.resumes_at()).min()
    }

    /// No new channels, or new ones again.
    pub(super) fn refuse_channels(&self, refuse: bool) {
        self.is_closing.set(refuse);
    }

    /// The connection is over: everything open is put away, the slot is given back.
    pub(super) fn end(&self) {
        self.is_closing.set(true);
        self.abort_channels();
        let budget = &self.worker.ssh_held;
        budget.set(budget.get() - self.held.replace(0));
        *self.place.borrow_mut() = None;
        *self.login.borrow_mut() = None;
        self.wire.kill();
    }
}

/// Whether something goes on without the client: work, or the wait for a rate.
fn is_at_work(program: &dyn Program) -> bool {
    program.is_waiting() || program.resumes_at().is_some()
}

/// The exit status of a channel that the server ends.
const STOPPED_STATUS: u32 = 1;

/// Reply bytes of a connection that the transport and the socket hold at once: enough for 40 Gbit/s over
/// the time of a wake-up, little enough for thousands of slow clients.
const UNDER_WAY_MAX: usize = 512 * 1024;
const _: () = assert!(UNDER_WAY_MAX < UNSENT_MAX);

/// Channels of one connection in its whole life. Of each that we close first the transport keeps some
/// 4 KiB until the connection ends (russh 0.65: `Session::close` leaves its `channels`).
const OPENED_MAX: u32 = 16_384;
const USED_UP: &str = "Too many channels over time; please connect again.";

/// Refused channels before the connection ends.
const REFUSED_MAX: u32 = 1024;

/// Bytes that one callback hands to the transport before the arbiter's other tasks run.
const BURST_BYTES_MAX: usize = 256 * 1024;

/// Bytes that the channels of an arbiter hold together before those who hold some for the storage are
/// not read any more. Who holds replies is read: a window adjustment may be what they wait for.
const ARBITER_HELD_MAX: usize = 256 * 1024 * 1024;
