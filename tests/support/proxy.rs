//! A proxy for any number of connections, which does to all of them what networks do: it delays,
//! stalls, cuts.
//!
//! A [`Relay`](crate::Relay) does more to one connection.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::data::dial;

/// A proxy; dropped, it cuts what goes through it.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Of every byte and of the end, in each direction.
    delay: Duration,
    /// Nothing passes.
    stalled: bool,
    /// New connections are closed at once.
    closed: bool,
    ended: bool,
    /// Both ends of all that were not cut.
    connections: Vec<(TcpStream, TcpStream)>,
    /// Taken in all.
    count: u64,
}

impl Proxy {
    /// A proxy in front of an address.
    ///
    /// # Panics
    /// If there is no free port.
    #[track_caller]
    pub fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("it has an address");
        let shared = Arc::new(Shared { target, state: Mutex::default(), changed: Condvar::new() });
        let served = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if served.state().ended {
                    return;
                }
                let served = Arc::clone(&served);
                // Whoever is dialled may be slow to take it.
                std::thread::spawn(move || client.and_then(|client| served.connect(client)));
            }
        });
        Self { address, shared }
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every byte takes this much longer from now on, in each direction.
    pub fn delay(&self, delay: Duration) {
        self.set(|state| state.delay = delay);
    }

    /// Nothing passes from now on, and no connection is closed.
    pub fn stall(&self) {
        self.set(|state| state.stalled = true);
    }

    /// The end of [`Proxy::stall`]; what was held back arrives.
    pub fn go_on(&self) {
        self.set(|state| state.stalled = false);
    }

    /// Breaks every connection; new ones are taken.
    pub fn cut(&self) {
        self.set(State::cut);
    }

    /// Breaks every connection and takes no new one.
    pub fn close(&self) {
        self.set(|state| {
            state.closed = true;
            state.cut();
        });
    }

    /// The end of [`Proxy::close`].
    pub fn open(&self) {
        self.set(|state| state.closed = false);
    }

    /// Connections that were taken so far.
    pub fn count(&self) -> u64 {
        self.shared.state().count
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.shared.state());
        self.shared.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.set(|state| {
            state.ended = true;
            state.cut();
        });
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl State {
    fn cut(&mut self) {
        for (client, server) in self.connections.drain(..) {
            let _ = client.shutdown(Shutdown::Both);
            let _ = server.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with the state")
    }

    fn connect(self: Arc<Self>, client: TcpStream) -> io::Result<()> {
        {
            let mut state = self.state();
            state.count += 1;
            if state.closed {
                return Ok(());
            }
        }
        let server = dial(None, self.target)?;
        // The pumps wait as long as the test does.
        server.set_read_timeout(None)?;
        server.set_write_timeout(None)?;
        client.set_nodelay(true)?;
        let ends = (client.try_clone()?, server.try_clone()?);
        {
            let mut state = self.state();
            if state.closed || state.ended {
                return Ok(());
            }
            state.connections.push(ends);
        }
        Arc::clone(&self).pump(client.try_clone()?, server.try_clone()?);
        self.pump(server, client);
        Ok(())
    }

    /// Moves what comes on one end to the other.
    fn pump(self: Arc<Self>, mut from: TcpStream, to: TcpStream) {
        let (sender, receiver) = mpsc::sync_channel(PIECES);
        let shared = Arc::clone(&self);
        std::thread::spawn(move || shared.deliver(&receiver, to));
        std::thread::spawn(move || self.collect(&mut from, &sender));
    }

    fn collect(&self, from: &mut TcpStream, sender: &SyncSender<(Instant, Vec<u8>)>) {
        let mut bytes = vec![0; PIECE_BYTES];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            let due = Instant::now() + self.state().delay;
            if sender.send((due, bytes[..count].to_vec())).is_err() {
                return;
            }
        }
        // The end comes as late as what was before it.
        let due = Instant::now() + self.state().delay;
        let _ = sender.send((due, Vec::new()));
    }

    fn deliver(&self, receiver: &Receiver<(Instant, Vec<u8>)>, mut to: TcpStream) {
        for (due, bytes) in receiver {
            // This is the delay itself; nobody waits for anything by it.
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let waiting = |state: &mut State| state.stalled && !state.ended;
            drop(self.changed.wait_while(self.state(), waiting).expect("nobody panics with it"));
            if to.write_all(&bytes).is_err() {
                return;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    }
}

/// Of one read.
const PIECE_BYTES: usize = 16 * 1024;

/// On their way at once, in one direction of a connection.
const PIECES: usize = 1024;

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;
    use crate::DEADLINE;

    /// Sends back what comes, on every connection.
    fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let mut client = client.unwrap();
                std::thread::spawn(move || {
                    let mut other = client.try_clone().unwrap();
                    io::copy(&mut client, &mut other)
                });
            }
        });
        address
    }

    fn ask(tcp: &mut TcpStream) -> io::Result<Duration> {
        let begun = Instant::now();
        tcp.write_all(b"x")?;
        tcp.read_exact(&mut [0; 1])?;
        Ok(begun.elapsed())
    }

    #[test]
    fn it_delays_both_ways() {
        let proxy = Proxy::start(echo());
        let mut tcp = dial(None, proxy.address()).unwrap();
        ask(&mut tcp).unwrap();
        proxy.delay(Duration::from_millis(50));
        assert!(ask(&mut tcp).unwrap() >= Duration::from_millis(100));
        proxy.delay(Duration::ZERO);
        assert!(ask(&mut tcp).unwrap() < DEADLINE);
        assert_eq!(proxy.count(), 1);
    }

    #[test]
    fn it_stalls_and_goes_on() {
        let proxy = Proxy::start(echo());
        let mut tcp = dial(None, proxy.address()).unwrap();
        ask(&mut tcp).unwrap();
        proxy.stall();
        tcp.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        assert_eq!(ask(&mut tcp).unwrap_err().kind(), ErrorKind::WouldBlock);
        proxy.go_on();
        tcp.set_read_timeout(Some(DEADLINE)).unwrap();
        tcp.read_exact(&mut [0; 1]).unwrap();
    }

    #[test]
    fn it_cuts_and_closes() {
        let proxy = Proxy::start(echo());
        let mut tcp = dial(None, proxy.address()).unwrap();
        ask(&mut tcp).unwrap();
        proxy.cut();
        assert!(ask(&mut tcp).is_err());
        ask(&mut dial(None, proxy.address()).unwrap()).unwrap();
        proxy.close();
        assert!(ask(&mut dial(None, proxy.address()).unwrap()).is_err());
        proxy.open();
        ask(&mut dial(None, proxy.address()).unwrap()).unwrap();
    }
}
