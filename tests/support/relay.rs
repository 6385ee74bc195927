//! A relay between a client and the server, which does to their connection what networks do:
//! stops, half closes, breaks.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use crate::data::dial;
use crate::wait;

/// A relay for one connection.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    state: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Debug, Default)]
struct State {
    /// Towards the client and towards the server, once there is a client.
    ends: Option<(TcpStream, TcpStream)>,
    /// Nothing is read from the server.
    stopped: bool,
    /// Bytes that went to the server, and to the client.
    up: u64,
    down: u64,
    /// The server has closed the connection.
    server_closed: bool,
    /// The connection is to be broken, not closed.
    reset: bool,
}

impl Relay {
    /// A relay that reaches the server from an address of choice.
    ///
    /// # Panics
    /// Here and below: if the network fails.
    #[track_caller]
    pub fn start(source: Ipv4Addr, server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("it has an address");
        let state = Arc::new((Mutex::new(State::default()), Condvar::new()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            let Ok((client, _)) = listener.accept() else { return };
            let Ok(server) = dial(Some(IpAddr::V4(source)), server) else { return };
            // The pumps wait as long as the test does.
            let _ = server.set_read_timeout(None);
            let _ = run(&shared, client, server);
        });
        Self { address, state }
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Reads nothing from the server any more: its window and buffers fill.
    pub fn stop(&self) {
        self.lock().stopped = true;
    }

    /// Goes on.
    pub fn go_on(&self) {
        self.lock().stopped = false;
        self.state.1.notify_all();
    }

    /// Bytes that went to the server so far.
    pub fn up(&self) -> u64 {
        self.lock().up
    }

    /// Bytes that went to the client so far.
    pub fn down(&self) -> u64 {
        self.lock().down
    }

    /// Tells the server that the client sends no more, while it goes on to read.
    #[track_caller]
    pub fn half_close(&self) {
        let state = self.lock();
        let (_, server) = state.ends.as_ref().expect("a client");
        server.shutdown(Shutdown::Write).expect("the server is connected");
    }

    /// Breaks the connection to the server by a reset, as soon as the pumps have let go of it.
    #[track_caller]
    pub fn reset(&self) {
        let mut state = self.lock();
        state.reset = true;
        let (client, server) = state.ends.take().expect("a client");
        socket2::SockRef::from(&server).set_linger(Some(Duration::ZERO)).expect("a socket");
        let _ = server.shutdown(Shutdown::Read);
        let _ = client.shutdown(Shutdown::Both);
    }

    /// Waits until the server has closed its side.
    #[track_caller]
    pub fn wait_for_close(&self) {
        wait::until("the server to close", || self.lock().server_closed.then_some(()));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.0.lock().expect("no thread panics with the lock")
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // A pump that waits shall end.
        if let Ok(mut state) = self.state.0.lock() {
            state.stopped = false;
        }
        self.state.1.notify_all();
    }
}

fn run(
    shared: &Arc<(Mutex<State>, Condvar)>,
    mut client: TcpStream,
    mut server: TcpStream,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ends = (client.try_clone()?, server.try_clone()?);
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    shared.0.lock().expect("no panics").ends = Some(ends);
    let counts = Arc::clone(shared);
    std::thread::spawn(move || {
        let mut bytes = vec![0; CHUNK];
        while let Ok(count @ 1..) = from_client.read(&mut bytes) {
            if to_server.write_all(&bytes[..count]).is_err() {
                return;
            }
            counts.0.lock().expect("no panics").up += count as u64;
        }
        if !counts.0.lock().expect("no panics").reset {
            let _ = to_server.shutdown(Shutdown::Write);
        }
    });
    let mut bytes = vec![0; CHUNK];
    loop {
        let state = shared.0.lock().expect("no panics");
        drop(shared.1.wait_while(state, |state| state.stopped).expect("no panics"));
        let count = server.read(&mut bytes).unwrap_or(0);
        if count == 0 {
            shared.0.lock().expect("no panics").server_closed = true;
            return client.shutdown(Shutdown::Write);
        }
        client.write_all(&bytes[..count])?;
        shared.0.lock().expect("no panics").down += count as u64;
    }
}

/// Bytes of one read.
const CHUNK: usize = 64 * 1024;
